-- The spread and the "separable" mark of a published table.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local statistics = require("stepwise").statistics

unit.test("the mean and the sample deviation are those of a textbook", function()
  local x = { 2, 4, 4, 4, 5, 5, 7, 9 }
  unit.near(statistics.mean(x), 5, 0)
  -- n - 1, not n: with n the answer would be 2
  unit.near(statistics.deviation(x), math.sqrt(32 / 7), 1e-12)
end)

unit.test("one run has no spread; none has no mean", function()
  unit.equal(statistics.deviation { 3 }, nil)
  unit.equal(statistics.deviation {}, nil)
  unit.fails(nil, "nothing", statistics.mean, {})
end)

unit.test("equal runs have spread 0, not a rounding error below it", function()
  unit.equal(statistics.deviation { 0.1, 0.1, 0.1 } < 1e-16, true)
end)

-- ---- against SciPy ---------------------------------------------------------------------------

-- Rows of tests/golden/statistics.tsv of one kind, split at the tabs; each checked by `check`.
local function golden(kind, check)
  local count = 0
  for line in io.lines(unit.source .. "/tests/golden/statistics.tsv") do
    local fields = {}
    for field in line:gmatch("[^\t]+") do fields[#fields + 1] = field end
    if fields[1] == kind then
      count = count + 1
      check(table.unpack(fields, 2))
    end
  end
  unit.equal(count > 0, true, "rows of " .. kind)
end

local function numbers(words)
  local list = {}
  for word in words:gmatch("%S+") do list[#list + 1] = tonumber(word) end
  return list
end

unit.test("quantiles of Student's t are SciPy's", function()
  golden("quantile", function(freedom, level, expected)
    local value = tonumber(expected)
    unit.near(statistics.t_quantile(math.tointeger(tonumber(freedom)), tonumber(level)), value,
      1e-9 * math.max(1, value), "df " .. freedom .. ", level " .. level)
  end)
end)

unit.test("p of Student's t is SciPy's, also far out", function()
  golden("p", function(freedom, t, expected)
    local value = tonumber(expected)
    local found = statistics.t_two_sided(tonumber(t), math.tointeger(tonumber(freedom)))
    unit.near(found, value, 1e-9, "df " .. freedom .. ", t " .. t)
    if value > 1e-250 then unit.near(found / value, 1, 1e-9, "df " .. freedom .. ", t " .. t) end
  end)
  unit.equal(statistics.t_two_sided(0, 3), 1.0)
  unit.equal(statistics.t_two_sided(math.huge, 3), 0.0)
  unit.equal(statistics.t_two_sided(1e300, 1) >= 0, true)
end)

unit.test("paired differences, intervals and p are those of scipy.stats.ttest_rel", function()
  golden("paired", function(x, y, expected)
    local found, wanted = statistics.paired(numbers(x), numbers(y)), numbers(expected)
    unit.near(found.mean, wanted[1], 1e-9, "mean")
    unit.near(found.half, wanted[2], 1e-9, "half the interval")
    unit.near(found.p, wanted[3], 1e-9, "p")
  end)
end)

unit.test("Holm's correction", function()
  golden("holm", function(p, expected)
    local found, wanted = statistics.holm(numbers(p)), numbers(expected)
    unit.equal(#found, #wanted)
    for i, value in ipairs(wanted) do unit.near(found[i], value, 1e-12, "p " .. i) end
  end)
  unit.equal(next(statistics.holm {}), nil)
end)

unit.test("one pair has a difference and no more", function()
  -- the difference at one seed says nothing, however large
  local one = statistics.paired({ 500 }, { 400 })
  unit.equal(one.mean, 100)
  unit.equal(one.half, nil)
  unit.equal(one.p, nil)
end)

unit.test("equal runs do not differ; pairs without spread do not divide by 0", function()
  unit.equal(statistics.paired({ 1, 2 }, { 1, 2 }).p, 1.0)
  unit.equal(statistics.paired({ 3, 4 }, { 1, 2 }).p, 0.0)
end)

unit.test("the seeds that a difference needs are those of the textbook's formula", function()
  local function needed(sd, difference) -- of rows of two seeds with that deviation
    local half = sd / math.sqrt(2)
    return statistics.seeds_needed({ 10 - half, 10 + half },
      { 10 + difference - half, 10 + difference + half })
  end
  unit.equal(needed(2.5, 0.7), 201)
  unit.equal(needed(2.5, 3.3), 10)
  unit.equal(needed(4, 0.7), 513)
  unit.equal(needed(2.5, 9.4), 2, "two at least")
  unit.equal(needed(2.5, -3.3), 10)
  unit.equal(needed(2.5, 0), nil)
  unit.equal(statistics.seeds_needed({ 1 }, { 2 }), nil)
end)

unit.finish()
