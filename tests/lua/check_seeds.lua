-- Seeds until rows are separable: the levels of looks, which rows get another seed, and a sweep
-- that adds them.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local compare = require "stepwise.results.compare"
local plans = require "stepwise.sweep.plan"
local results = require "stepwise.results.results"
local seeds = require "stepwise.sweep.seeds"
local statistics = require "stepwise.results.statistics"

local folder = unit.folder()

unit.test("the levels of all looks add up to that of one look", function()
  for _, sequence in ipairs { { first = 2, most = 2 }, { first = 3, most = 10 },
    { first = 2, most = 27 } } do
    local sum = 0
    for n = sequence.first, sequence.most do
      local level = compare.level_at(sequence, n)
      unit.equal(level > 0, true)
      sum = sum + level
    end
    unit.near(sum, compare.level, 1e-12)
  end
  unit.equal(compare.level_at(nil, 3), compare.level)
  unit.equal(compare.level_at({ first = 3, most = 5 }, 6), compare.look_level,
    "seeds beyond the last look win nothing")
end)

-- rsum of compare.lua for differences at n seeds
local function rsum_of(differences)
  local zeros = {}
  for i = 1, #differences do zeros[i] = 0 end
  local t = statistics.paired(differences, zeros)
  local low, high = t.mean - t.half, t.mean + t.half
  return { n = #differences, mean = t.mean, low = low, high = high, t = { low = low, high = high } }
end

unit.test("a row is given up when no difference that is left open could be clear", function()
  local sequence = { first = 3, most = 10 }
  -- of a spread of 10 a difference of 1 is open at up to 26 at three seeds, and at ten seeds of up
  -- to 8 where about 7.4 would be clear
  unit.equal(seeds.is_hopeless(rsum_of { 1, 11, -9 }, sequence), false)
  local ten = { 0, 10, -10, 10, -10, 10, -10, 5, -5 }
  unit.equal(seeds.is_hopeless(rsum_of(ten), { first = 3, most = 9 }), true)
  unit.equal(seeds.is_hopeless(rsum_of(ten), { first = 3, most = 20 }), false, "eleven more tell")
  unit.equal(seeds.is_hopeless(rsum_of { 0, 0.001 }, sequence), false, "two seeds know no spread")
end)

local function fails(parts, ...)
  local status, said = unit.program({ "ablate", ... }, "cd '" .. folder .. "' &&",
    "2>&1 >/dev/null")
  unit.equal(status, 2, said)
  for _, part in ipairs(parts) do unit.contains(said, part) end
end

local head = [[
local sw = require "stepwise"
local base = sw.experiment {
  model = { dim = 4, embedding = sw.embedding "random" { word_dim = 4 },
    stages = { sw.stage "l2l" {} } },
  train = { batch = 16, epochs = 1 },
}
return sw.table { title = "T", base = base, rows = ]]
local table_path = unit.write(folder .. "/rows.lua", head .. [[
{ { name = "a" }, { name = "b", lr = 0.1 }, { name = "c", lr = 0.001 } } }]])

unit.test("what makes no rule is refused before anything is read", function()
  fails({ "--max-seeds needs --until separable" }, "rows.lua", "--max-seeds", "5")
  fails({ "needs --max-seeds N" }, "rows.lua", "--until", "separable")
  fails({ "did you mean 'separable'" }, "rows.lua", "--until", "seperable", "--max-seeds", "5")
  fails({ "two seeds or more" }, "rows.lua", "--until", "separable", "--max-seeds", "5", "--seeds",
    "1")
  fails({ "expected 3 to 28 with 3 seeds", "found 2" }, "rows.lua", "--until", "separable",
    "--max-seeds", "2")
  fails({ "found 29" }, "rows.lua", "--until", "separable", "--max-seeds", "29")
  fails({ "--run" }, "rows.lua", "--until", "separable", "--max-seeds", "5", "--run", "a-seed0")
  unit.write(folder .. "/none.lua", head .. '{ { name = "b", lr = 0.1 } } }')
  fails({ "a row that changes nothing" }, "none.lua", "--until", "separable", "--max-seeds", "5")
end)

-- A sweep whose results are made up: rsum by row and seed.
local dir = folder .. "/made"
local function plan_of(list, sequence)
  local plan = plans.build(table_path, { data = folder .. "/nowhere" }, {}, list)
  plan.sequence = sequence
  return plan
end
local function finish(values)
  for row, list in pairs(values) do
    for seed, rsum in pairs(list) do
      local metrics = { rsum = rsum }
      for _, name in ipairs { "i2t_r1", "i2t_r5", "i2t_r10", "t2i_r1", "t2i_r5", "t2i_r10" } do
        metrics[name] = rsum / 6
      end
      local run = string.format("%s/%s-seed%d", dir, row, seed - 1)
      assert(os.execute("mkdir -p '" .. run .. "'"))
      unit.write(run .. "/result.json", sw.json_encode { test = metrics })
    end
  end
end
local three <const> = { first = 3, most = 6 }

unit.test("a look gives another seed to what is open, and to the reference", function()
  plans.freeze(plan_of({ 0, 1, 2 }, three), dir)
  finish { a = { 100, 101, 102 }, b = { 150, 151.001, 152 }, c = { 105, 99, 106 } }
  local more, found = seeds.look(results.read(dir))
  unit.equal(table.concat(found.clear, " "), "b")
  unit.equal(table.concat(found.open, " "), "c")
  unit.equal(more.a and more.c, true)
  unit.equal(more.b, nil)
  local plan = plans.read(dir)
  unit.equal(seeds.next(plan), 3)
  plans.add_seed(plan, dir, 3, more)
  plans.freeze(plan, dir)
  plan = plans.read(dir)
  unit.equal(#plan.runs, 11)
  unit.equal(sw.json_decode(unit.read(dir .. "/configs/c-seed3.json")).seed, 3)
  plans.check_configs(plan, dir)
end)

unit.test("before the last look 0.05 is not enough, at it what is left of it is", function()
  -- b is clear at p < 0.001; c's p is about 0.02 at four seeds and at six
  finish { a = { 100, 101, 102, 103 }, c = { 103, 108, 106, 111 } }
  local set = results.read(dir).sets[1]
  unit.equal(set.rows[3].delta.rsum.p_holm < 0.047, true, set.rows[3].delta.rsum.p_holm)
  unit.equal(set.rows[3].delta.rsum.separable, false)
  unit.equal(set.rows[2].delta.rsum.separable, true)
  for seed = 4, 5 do
    local plan = plans.read(dir)
    plans.add_seed(plan, dir, seed, { a = true, c = true })
    plans.freeze(plan, dir)
  end
  finish { a = { 100, 101, 102, 103, 100, 101 }, c = { 103, 108, 106, 111, 101, 107 } }
  local found = results.read(dir)
  set = found.sets[1]
  unit.equal(set.rows[3].delta.rsum.n, 6)
  unit.equal(set.rows[3].delta.rsum.separable, true, set.rows[3].delta.rsum.p_holm)
  unit.equal(seeds.look(found), nil, "nothing is left to be added")
  local page = results.render(found, "md")
  unit.contains(page, "Seeds: 0, 1, 2, 3, 4, 5; 'b': 0, 1, 2.")
  unit.contains(page, "at most 6")
  unit.contains(page, "0.047")
end)

unit.test("a rule cannot be changed after a look", function()
  unit.fails(1, { "3 to 6 seeds", "3 to 9", "--out DIR" }, plans.freeze,
    plan_of({ 0, 1, 2 }, { first = 3, most = 9 }), dir)
  plans.freeze(plan_of({ 0, 1, 2 }), dir)
  unit.equal(plans.read(dir).sequence.most, 6, "a command without the rule keeps it")
end)

unit.test("one seed has an interval of the queries, no p and no verdict", function()
  local one = folder .. "/one"
  plans.freeze(plan_of { 0 }, one)
  dir = one
  finish { a = { 100 }, b = { 150 }, c = { 100 } }
  local found = results.read(one)
  unit.equal(found.sets[1].rows[2].delta.rsum.p, nil)
  local page = results.render(found, "md")
  unit.contains(page, "one seed: no verdict")
  unit.contains(page, "One seed, so no verdict against 'a': 'b', 'c'.")
  unit.equal(page:find("Separable", 1, true), nil)
end)

unit.test("a sweep adds seeds and says after each round what is clear", function()
  sw.scenes(folder .. "/data", { train = 16, dev = 8, test = 8, features = 16 })
  local function ablate(...)
    local status, said = unit.program({ "ablate", ... }, "cd '" .. folder .. "' &&")
    unit.equal(status, 0, said)
    return said
  end
  local said = ablate("rows.lua", "--data", "data", "--out", "until", "--until", "separable",
    "--max-seeds", "3", "--seeds", "0-1", "-j", "2")
  unit.contains(said, "--until separable: ")
  unit.contains(said, "another seed, 2: 'b', 'c'")
  unit.contains(said, "not separable at 3 seeds: 'b', 'c'")
  unit.equal(#plans.read(folder .. "/until").runs, 9)
  -- the folder alone knows the rule: what is missing of it is run
  os.execute("rm -r '" .. folder .. "/until/c-seed2'")
  said = ablate("until")
  unit.contains(said, "c-seed2: done")
  unit.equal(#plans.read(folder .. "/until").runs, 9)
end)

unit.finish()
