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

unit.test("quantiles of Student's t, as scipy.stats.t.ppf(0.975, df) gives them", function()
  local expected = { [1] = 12.7062047, [2] = 4.3026527, [4] = 2.7764451, [9] = 2.2621572,
    [30] = 2.0422725, [31] = 2.0395134, [60] = 2.0002978, [1000] = 1.9623390 }
  for freedom, value in pairs(expected) do
    unit.near(statistics.t_quantile(freedom), value, 6e-5, "df " .. freedom)
  end
end)

unit.test("the paired interval is that of a paired t-test", function()
  -- differences 1, 2, 3, 4, 5: mean 3, deviation sqrt(2.5), half = t(4) * sqrt(2.5 / 5)
  local found = statistics.paired({ 11, 12, 13, 14, 15 }, { 10, 10, 10, 10, 10 })
  unit.near(found.mean, 3, 0)
  unit.near(found.half, 2.7764451 * math.sqrt(0.5), 1e-4)
  unit.equal(found.separable, true)
  unit.equal(found.n, 5)
end)

unit.test("a difference that could be chance is not called separable", function()
  unit.equal(statistics.paired({ 11, 9, 12 }, { 10, 10, 10 }).separable, false)
  -- the same mean difference at one seed says nothing, however large
  local one = statistics.paired({ 500 }, { 400 })
  unit.equal(one.separable, false)
  unit.equal(one.half, nil)
end)

unit.finish()
