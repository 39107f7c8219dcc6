-- A path through a design: which rows are run, in which order parts go, and when it is at its end.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local path = require "stepwise.sweep.path"

local root = unit.folder()

-- A plan of three parts; a row is named by its levels. without: one that cannot be composed.
local function plan_of(seeds, without)
  local plan = { rows = {}, runs = {}, design = { designs = { "path" }, settings = {}, parts = {
    { name = "A", levels = { "a" } }, { name = "B", levels = { "b" } },
    { name = "C", levels = { "c" } } } } }
  for i = 0, 7 do
    local levels = { i >> 2 & 1, i >> 1 & 1, i & 1 }
    local row = table.concat(levels)
    if row ~= without then
      plan.design.settings[#plan.design.settings + 1] = { row = row, levels = levels }
      plan.rows[#plan.rows + 1] = { slug = row, name = row }
      for _, seed in ipairs(seeds) do
        plan.runs[#plan.runs + 1] = { row = row, seed = seed, folder = row .. "-" .. seed }
      end
    end
  end
  return plan
end

local dir
local function done(folder, rsum)
  assert(os.execute(string.format("mkdir -p '%s/%s' '%s/logs'", dir, folder, dir)))
  unit.write(dir .. "/" .. folder .. "/result.json", sw.json_encode { dev = { rsum = rsum },
    test = { rsum = 1000 - rsum } })
end

local function due(found)
  local list = {}
  for folder in pairs(found.due) do list[#list + 1] = folder end
  table.sort(list)
  return table.concat(list, " ")
end

local function steps(found)
  local list = {}
  for i, step in ipairs(found.steps) do list[i] = string.format("%s %g", step.row, step.rsum) end
  return table.concat(list, ", ")
end

unit.test("each round runs what the results so far lead to, and dev decides", function()
  dir = root .. "/rounds"
  local plan = plan_of { 0 }
  local found = path.follow(plan, dir)
  unit.equal(due(found), "000-0 001-0 010-0 100-0")
  unit.equal(found.ended, false)
  done("000-0", 100)
  done("001-0", 90)
  done("010-0", 95)
  unit.equal(path.follow(plan, dir).ended, false, "one row of the first step is missing")
  done("100-0", 80)
  found = path.follow(plan, dir)
  unit.equal(due(found), "000-0 001-0 010-0 011-0 100-0 110-0")
  unit.equal(steps(found), "000 100, 010 95")
  done("011-0", 60)
  done("110-0", 70)
  found = path.follow(plan, dir)
  unit.equal(found.due["111-0"], true)
  unit.equal(found.due["101-0"], nil)
  done("111-0", 10)
  found = path.follow(plan, dir)
  unit.equal(steps(found), "000 100, 010 95, 110 70, 111 10")
  unit.equal(found.ended, true)
end)

unit.test("the mean over all seeds decides, and not before all are done", function()
  dir = root .. "/seeds"
  local plan = plan_of { 0, 1 }
  for _, seed in ipairs { 0, 1 } do
    done("000-" .. seed, 100)
    done("010-" .. seed, 80)
    done("100-" .. seed, 10)
  end
  done("001-0", 99)
  unit.equal(steps(path.follow(plan, dir)), "000 100", "as far as is decided")
  unit.equal(path.follow(plan, dir).ended, false)
  unit.equal(path.follow(plan, dir).due["011-0"], nil, "nothing is run for a step not yet decided")
  done("001-1", 65)
  unit.equal(steps(path.follow(plan, dir)):match("^[^,]*, [^,]*"), "000 100, 001 82")
end)

unit.test("a row that failed or cannot be composed is passed by", function()
  dir = root .. "/failed"
  local plan = plan_of({ 0 }, "010")
  done("000-0", 100)
  done("001-0", 90)
  unit.write(dir .. "/logs/100-0.error", "out of memory\n1 2\n")
  done("011-0", 50)
  done("101-0", 40)
  done("111-0", 30)
  local found = path.follow(plan, dir)
  unit.equal(steps(found), "000 100, 001 90, 011 50, 111 30")
  unit.equal(found.ended, true)
  os.remove(dir .. "/000-0/result.json")
  unit.write(dir .. "/logs/000-0.error", "out of memory\n1 2\n")
  found = path.follow(plan, dir)
  unit.equal(found.ended, true, "without the base there is no path")
  unit.equal(#found.steps, 0)
end)

unit.test("a result without dev, or broken, is none and ends nothing but its row", function()
  dir = root .. "/broken"
  local plan = plan_of { 0 }
  done("000-0", 100)
  done("001-0", 90)
  done("010-0", 80)
  unit.write(dir .. "/010-0/result.json", '{"dev": null, "test": {"rsum": 500}}')
  done("100-0", 70)
  unit.equal(steps(path.follow(plan, dir)):match("^[^,]*, [^,]*"), "000 100, 001 90")
  unit.write(dir .. "/100-0/result.json", "{")
  unit.equal(path.follow(plan, dir).ended, false)
end)

unit.test("a path stands alone, of six parts at most", function()
  local function ablation(design, count)
    local parts = {}
    for i = 1, count do parts["p" .. i] = { lr = i / 1000 } end
    return sw.ablation { title = "T", design = design, parts = parts,
      base = sw.experiment { model = { dim = 8, embedding = "random" } } }
  end
  unit.fails(2, "a path stands alone", ablation, { "path", "ladder" }, 2)
  unit.fails(2, "at most 6 parts, found 7", ablation, "path", 7)
  unit.equal(path.is_path { design = { designs = { "path" } } }, true)
  unit.equal(path.is_path { design = { designs = { "pairs" } } }, false)
  unit.equal(path.is_path {}, false)
end)

unit.finish()
