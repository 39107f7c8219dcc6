-- statistics.lua: what a few seeds say.
local M = {}

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

-- The 0.975 quantiles of Student's t for 1 to 30 degrees of freedom.
local quantiles = {
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
  2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
  2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
}

-- Beyond the table, the first terms of its expansion about the normal quantile.
function M.t_quantile(freedom)
  local z = 1.959964
  return quantiles[freedom]
    or z + (z ^ 3 + z) / (4 * freedom) + (5 * z ^ 5 + 16 * z ^ 3 + 3 * z) / (96 * freedom ^ 2)
      + (3 * z ^ 7 + 19 * z ^ 5 + 17 * z ^ 3 - 15 * z) / (384 * freedom ^ 3)
end

-- Differences x[i] - y[i] of pairs with the same seed: {mean, half, n, separable}. `half` is half
-- the width of the 95 % interval of the mean difference, nil for one pair. separable: the interval
-- does not hold 0; never so for one pair.
function M.paired(x, y)
  assert(#x == #y and #x > 0, "pairs are needed")
  local differences = {}
  for i = 1, #x do differences[i] = x[i] - y[i] end
  local n, mean = #x, M.mean(differences)
  local deviation = M.deviation(differences)
  local half = deviation and M.t_quantile(n - 1) * deviation / math.sqrt(n)
  return { mean = mean, half = half, n = n, separable = half ~= nil and math.abs(mean) > half }
end

return M
