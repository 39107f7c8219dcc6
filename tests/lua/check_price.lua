-- What a sweep costs: its steps are those that it then takes, timings are kept per machine, and a
-- budget is kept in whole rounds of seeds.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local price = require "stepwise.sweep.price"
local rounds = require "stepwise.sweep.rounds"

local folder = unit.folder()
local function run(...)
  return unit.program({ ... }, "cd '" .. folder .. "' && STEPWISE_CACHE='" .. folder .. "/cache'; "
    .. "export STEPWISE_CACHE;")
end

unit.write(folder .. "/rows.lua", [[
local sw = require "stepwise"
local base = sw.experiment {
  model = { dim = 4, embedding = sw.embedding "random" { word_dim = 4 },
    stages = { sw.stage "l2l" {} } },
  train = { batch = 24, epochs = 2 },
}
return sw.table { title = "T", base = base, rows = { { name = "all" },
  { name = "few", train_images = 7 }, { name = "short", max_steps = 3 },
  { name = "lambda", ["l2l.lambda"] = 4 } } }]])

local function cells(said, row)
  local line = said:match("\n# " .. row .. "( [^\n]*)")
  local found = {}
  for cell in (line or ""):gmatch("%S+") do found[#found + 1] = cell end
  return found
end

unit.test("before there are data a dry run says what is missing", function()
  local status, said = run("ablate", "rows.lua", "--dry-run")
  unit.equal(status, 0, said)
  unit.equal(said:find("\n# cost: not known, [^\n]*: no split 'train' yet\n") ~= nil, true, said)
end)

assert(run("scenes", "data", "--train", "17", "--dev", "8", "--test", "8", "--features", "16") == 0)

local planned

unit.test("a dry run says steps, time, memory and disk of each row, and of all", function()
  local status, said = run("ablate", "rows.lua", "--data", "data", "--dry-run", "--seeds", "0-1")
  unit.equal(status, 0, said)
  unit.contains(said, "# timing steps of each shape")
  unit.contains(said, "# in all about ")
  unit.contains(said, "# fits in 8 h 00 min: all of it")
  planned = {}
  for _, row in ipairs { "all", "few", "short" } do planned[row] = cells(said, row)[2] end
  unit.equal(tonumber(cells(said, "all")[1]) > 0, true)
  local status2, again = run("ablate", "rows.lua", "--data", "data", "--dry-run", "--seeds", "0-1")
  unit.equal(status2, 0)
  unit.equal(again:find("timing steps", 1, true), nil, "what was timed is kept")
  unit.equal(cells(again, "all")[1], cells(said, "all")[1])
  local kept = sw.json_decode(unit.read(folder .. "/cache/steps.json"))
  local count = 0
  for _ in pairs(kept) do count = count + 1 end
  unit.equal(count, 1, "shapes: one, whatever lambda")
end)

unit.test("the steps are those that the runs then take", function()
  local status, said = run("ablate", "rows.lua", "--data", "data", "--out", "done")
  unit.equal(status, 0, said)
  for row, steps in pairs(planned) do
    local result = sw.json_decode(unit.read(folder .. "/done/" .. row .. "-seed0/result.json"))
    unit.equal(tonumber(steps), result.steps, row)
  end
end)

unit.test("a cache that is broken or lies is timed anew", function()
  local path = folder .. "/cache/steps.json"
  for _, change in ipairs { function() return "{" end, function() return "[1]" end,
    function(text) return (text:gsub('"step_s": [^,\n]+', '"step_s": -1', 1)) end,
    function(text) return (text:gsub('"memory_mb": [^,\n]+', '"memory_mb": "x"', 1)) end } do
    unit.write(path, change(unit.read(path)))
    local status, said = run("ablate", "rows.lua", "--data", "data", "--dry-run")
    unit.equal(status, 0, said)
    unit.contains(said, "timing steps")
  end
  local status = unit.program({ "ablate", "rows.lua", "--data", "data", "--dry-run" },
    "cd '" .. folder .. "' && STEPWISE_CACHE=/dev/null/no; export STEPWISE_CACHE;")
  unit.equal(status, 0, "a place that cannot be written to costs only time")
end)

unit.test("times of a budget are read in their units, and others refused", function()
  unit.equal(price.seconds "90m", 5400)
  unit.equal(price.seconds "1.5h", 5400)
  unit.equal(price.seconds "2d", 172800)
  unit.equal(price.seconds "5s", 5)
  for _, words in ipairs { "8", "h", "-8h", "0h", "8 h", "8hours", "" } do
    unit.equal(price.seconds(words), nil, words)
  end
  local status, said = run("ablate", "rows.lua", "--data", "data", "--budget", "8")
  unit.equal(status, 2)
  unit.contains(said, "--budget: expected a time like 90m, 8h or 2d, found '8'")
end)

-- Runs of two rows that cost 10 s and 30 s.
local function made(seeds)
  local runs = {}
  for seed = 0, seeds - 1 do
    for _, row in ipairs { "a", "b" } do
      runs[#runs + 1] = { row = row, seed = seed, folder = row .. "-seed" .. seed }
    end
  end
  return runs, { a = { seconds = 10 }, b = { seconds = 30 } }
end

unit.test("rounds that fit are whole seeds, and runs side by side share the time", function()
  local runs, prices = made(5)
  local fit, all, seconds = price.rounds(runs, prices, 1, 100)
  unit.equal(fit, 2)
  unit.equal(all, 5)
  unit.equal(seconds, 200)
  unit.equal((price.rounds(runs, prices, 2, 100)), 3, "no round is faster than its longest run")
  unit.equal((price.rounds(runs, prices, 1, 39)), 0)
end)

unit.test("a round of seeds that does not fit is not begun", function()
  local runs, prices = made(3)
  local dir, said, started = folder .. "/nothing", {}, {}
  local out = { say = function(_, line) said[#said + 1] = line end }
  rounds.run({ runs = runs }, dir, { budget = 85, prices = prices, jobs = 1 }, out, function(round)
    for name in pairs(round) do
      started[#started + 1] = name
      assert(os.execute(string.format("mkdir -p '%s/%s'", dir, name)))
      unit.write(string.format("%s/%s/result.json", dir, name), '{ "seconds": '
        .. (name:find("seed0") and 10 or 200) .. " }")
    end
    return 0
  end)
  table.sort(started)
  -- the first took 20 s where 40 s were expected, the second 400 s: by their mean a third takes 210
  -- s
  unit.equal(table.concat(started, " "), "a-seed0 a-seed1 b-seed0 b-seed1")
  unit.contains(said[1], "--budget: seed 2 is not started: its 2 runs take about 3 min 30 s, and "
    .. "85 s")
end)

unit.test("with --budget a sweep that cannot finish a round starts nothing, and says so", function()
  local status, said = run("ablate", "rows.lua", "--data", "data", "--out", "tight", "--budget",
    "0.000001s")
  unit.equal(status, 0, said)
  unit.contains(said, "--budget: seed 0 is not started: its 4 runs take about ")
  unit.equal(io.open(folder .. "/tight/all-seed0/config.json"), nil)
  status, said = run("ablate", "rows.lua", "--data", "data", "--out", "wide", "--budget", "1h",
    "--seeds", "0-1")
  unit.equal(status, 0, said)
  unit.equal(io.open(folder .. "/wide/all-seed1/result.json") ~= nil, true)
end)

unit.finish()
