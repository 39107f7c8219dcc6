-- statistics.lua: what a few seeds say.
local M = {}

-- Of a list of one number or more.
function M.mean(x)
  assert(#x > 0, "the mean of nothing")
  local sum = 0.0
  for _, value in ipairs(x) do sum = sum + value end
  return sum / #x
end

-- The sample's standard deviation (n - 1); nil for fewer than two numbers.
function M.deviation(x)
  if #x < 2 then return nil end
  local mean, sum = M.mean(x), 0.0
  for _, value in ipairs(x) do sum = sum + (value - mean) ^ 2 end
  return math.sqrt(sum / (#x - 1))
end

-- ---- Student's t -----------------------------------------------------------------------------

-- The beta function B(a, 1/2) for a = freedom / 2, by B(a + 1, 1/2) = B(a, 1/2) a / (a + 1/2).
local function beta_half(freedom)
  local a, value = 0.5, math.pi
  if freedom % 2 == 0 then a, value = 1.0, 2.0 end
  while a < freedom / 2 do
    value = value * a / (a + 0.5)
    a = a + 1
  end
  return value
end

-- The continued fraction of the incomplete beta function by Lentz's method (Numerical Recipes,
-- 6.4); it converges fast for x < (a + 1) / (a + b + 2).
local function fraction(x, a, b)
  local tiny <const>, close <const> = 1e-300, 1e-16
  local function apart(value) return math.abs(value) < tiny and tiny or value end
  local c, d = 1.0, 1 / apart(1 - (a + b) * x / (a + 1))
  local value = d
  for m = 1, 10000 do
    local even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    d, c = 1 / apart(1 + even * d), apart(1 + even / c)
    value = value * d * c
    local odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    d, c = 1 / apart(1 + odd * d), apart(1 + odd / c)
    value = value * d * c
    if math.abs(d * c - 1) <= close then break end
  end
  return value
end

-- P(|T| > t) for Student's T of `freedom` = 1, 2, .. degrees: the incomplete beta function
-- I_x(freedom / 2, 1/2) at x = freedom / (freedom + t^2).
function M.t_two_sided(t, freedom)
  assert(math.tointeger(freedom) and freedom >= 1, "degrees of freedom are 1, 2, ..")
  assert(t == t, "t is not a number")
  t = math.abs(t)
  if t == math.huge then return 0.0 end
  -- y = 1 - x, without its rounding; neither square may overflow
  local ratio = t / math.sqrt(freedom)
  local x = 1 / (1 + ratio * ratio)
  local y = ratio > 1 and 1 / (1 + 1 / (ratio * ratio)) or ratio * ratio * x
  if x == 0 then return 0.0 end
  if y == 0 then return 1.0 end
  local a, b = freedom / 2, 0.5
  local front = math.exp(a * math.log(x) + b * math.log(y)) / beta_half(freedom)
  if x < (a + 1) / (a + b + 2) then return front * fraction(x, a, b) / a end
  return 1 - front * fraction(y, b, a) / b
end

-- The t > 0 that |T| passes with probability 1 - level: at level 0.95 the 0.975 quantile.
function M.t_quantile(freedom, level)
  local beyond = 1 - (level or 0.95)
  assert(beyond > 0 and beyond < 1, "a level lies between 0 and 1")
  local low, high = 0.0, 1.0
  while M.t_two_sided(high, freedom) > beyond do low, high = high, high * 2 end
  while true do
    local middle = low + (high - low) / 2
    if middle <= low or middle >= high then return middle end
    if M.t_two_sided(middle, freedom) > beyond then low = middle else high = middle end
  end
end

-- The paired t-test of x against y, which belong together by place: {mean, half, p, n}. `half` is
-- half the width of the 95 % interval of the mean difference; it and p are nil for one pair.
function M.paired(x, y)
  assert(#x == #y and #x > 0, "pairs are needed")
  local differences = {}
  for i = 1, #x do differences[i] = x[i] - y[i] end
  local n, mean = #x, M.mean(differences)
  local deviation = M.deviation(differences)
  if not deviation then return { mean = mean, n = n } end
  local standard_error = deviation / math.sqrt(n)
  local p = mean == 0 and 1.0 or M.t_two_sided(mean / standard_error, n - 1)
  return { mean = mean, half = M.t_quantile(n - 1) * standard_error, p = p, n = n }
end

-- How many seeds each of two rows needs to tell a difference as large as that of x and y, lists of
-- their values, from chance in four of five tries (two-sided 5 %, power 80 %): 2 (1.96 + 0.84)^2
-- (sd / difference)^2 with the deviation pooled over both; 2 at least. nil where there are fewer
-- than two values of one, or no difference.
function M.seeds_needed(x, y)
  local a, b = M.deviation(x), M.deviation(y)
  if not a or not b then return nil end
  local difference = M.mean(x) - M.mean(y)
  if difference == 0 then return nil end
  return math.max(2, math.ceil(15.7 * (a * a + b * b) / 2 / (difference * difference)))
end

-- ---- many tests ------------------------------------------------------------------------------

-- Corrects p by Holm's step-down method: the chance that one of true null hypotheses is refused
-- stays below 5 % when those with a corrected p below 0.05 are. Keys as in p; the order of p does
-- not matter.
function M.holm(p)
  local keys, corrected, largest = {}, {}, 0.0
  for key in pairs(p) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if p[a] ~= p[b] then return p[a] < p[b] end
    return tostring(a) < tostring(b)
  end)
  for rank, key in ipairs(keys) do
    largest = math.max(largest, math.min(1.0, p[key] * (#keys - rank + 1)))
    corrected[key] = largest
  end
  return corrected
end

return M
