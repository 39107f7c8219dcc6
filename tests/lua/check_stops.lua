-- Runs that are ended before their time: for a reason, and never with a number in the table.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local stops = require "stepwise.sweep.stops"

local folder = unit.folder()

-- A standing of a run with a margin of 0.2 on 1000 images, where chance is 1 % of queries below
-- rank 10.
local function standing(...)
  local evaluations = {}
  for i, e in ipairs { ... } do
    evaluations[i] = { step = 10 * i, epoch = i - 1, loss = e[1], i2t_r10 = e[2], t2i_r10 = e[3] }
  end
  return { images = 1000, margin = 0.2, evaluations = evaluations }
end

local dead <const>, alive <const> = { 0.401, 1.1, 0.9 }, { 0.2, 30, 20 }
local slow <const> = { 0.401, 5, 4 }

unit.test("a run has collapsed when recall stays at chance and the loss at two margins", function()
  unit.equal(stops.collapsed_since(standing(alive, dead, dead), 2), 2)
  unit.equal(stops.collapsed_since(standing(dead, dead, dead), 2), 2, "of the last evaluations")
  unit.equal(stops.collapsed_since(standing(dead, dead, dead), 3), 1)
  unit.equal(stops.collapsed_since(standing(dead, dead), 3), nil, "too few evaluations")
  unit.equal(stops.collapsed_since(standing(dead, alive), 1), nil)
  unit.equal(stops.collapsed_since(standing(dead, alive, dead), 2), nil)
  unit.equal(stops.collapsed_since(standing(slow, slow), 2), nil, "it learns, whatever its loss")
  unit.equal(stops.collapsed_since(standing({ 0.3, 1, 1 }), 1), nil, "its loss moves")
end)

unit.test("on few images chance says nothing", function()
  local few = standing({ 0.4, 90, 90 }, { 0.4, 90, 90 })
  few.images = 8
  unit.equal(stops.collapsed_since(few, 2), nil)
  few.images = nil
  unit.equal(stops.collapsed_since(few, 2), nil)
end)

unit.test("the reason says since which epoch, and 0 turns it off", function()
  local of = stops.new({}, folder, { collapse = 2 })
  unit.contains(stops.reason(standing(alive, dead, dead), of, {}), "collapsed at epoch 2: ")
  unit.equal(stops.reason(standing(dead, dead), stops.new({}, folder, { collapse = 0 }), {}), nil)
end)

-- ---- a sweep ---------------------------------------------------------------------------------

local function run(...) return unit.program({ ... }, "cd '" .. folder .. "' &&") end

unit.write(folder .. "/rows.lua", [[
local sw = require "stepwise"
local base = sw.experiment {
  model = { dim = 16, embedding = sw.embedding "random" { word_dim = 16 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 40, lr = 0.003 },
}
return sw.table { title = "T", base = base, reference = "all",
  rows = { { name = "dead", lr = 1e-9 }, { name = "all" } } }]])
sw.scenes(folder .. "/data", { train = 200, dev = 60, test = 60, features = 16 })

unit.test("a run far behind the reference is ended, and its row has no number", function()
  -- one run at a time, the reference first, and with one thread so many epochs that the other is
  -- looked at long before it would end
  local status, said = run("ablate", "rows.lua", "--data", "data", "--out", "race", "--race", "20",
    "-j", "1", "--threads", "1")
  unit.equal(status, 1, said)
  local reason = said:match("dead%-seed0: failed: ([^\n]*)")
  unit.equal(reason ~= nil and reason:find("^stopped at epoch %d+: %d+%.%d rsum behind 'all' at "
    .. "the same step and seed") ~= nil, true, said)
  unit.equal(io.open(folder .. "/race/dead-seed0/result.json"), nil)
  unit.equal(io.open(folder .. "/race/dead-seed0/state.safetensors") ~= nil, true, "it was saved")
  unit.contains(unit.read(folder .. "/race/table.csv"), "stopped at epoch")
  unit.contains(unit.read(folder .. "/race/logs/sweep.log"), "done all-seed0")
  -- without --race it resumes and gets its numbers
  status, said = run("ablate", "rows.lua", "--data", "data", "--out", "race")
  unit.equal(status, 0, said)
  unit.contains(unit.read(folder .. "/race/dead-seed0/log.jsonl"), '"resumed"')
end)

unit.test("--race needs a row to be compared with", function()
  local text = unit.read(folder .. "/rows.lua"):gsub('reference = "all",', "")
    :gsub('{ name = "all" }', '{ name = "all", lr = 0.1 }')
  unit.write(folder .. "/none.lua", text)
  local status, said = run("ablate", "none.lua", "--data", "data", "--race", "20")
  unit.equal(status, 2)
  unit.contains(said, "--race needs a row that others are compared with")
end)

unit.finish()
