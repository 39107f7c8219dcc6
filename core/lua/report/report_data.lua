-- report_data.lua: what a folder of runs holds, gathered for its report.
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local figures = require "stepwise.figures.figures"
local layout = require "stepwise.results.layout"
local plan_of = require "stepwise.sweep.plan"
local results_of = require "stepwise.results.results"
local test_sets = require "stepwise.results.test_sets"

local M = {}

-- A decoded JSON object, with every null left out; {} where there is no such file, and the problem
-- where it cannot be read.
local function read_object(path)
  if core.file_kind(path) ~= "file" then return {} end
  local fine, value = pcall(core.json_decode, core.read_text(path))
  if not fine or type(value) ~= "table" then
    return {}, path .. ": " .. (fine and "expected an object" or tostring(value))
  end
  local function without_null(t)
    for key, item in pairs(t) do
      if item == core.json_null then
        t[key] = nil
      elseif type(item) == "table" then
        without_null(item)
      end
    end
    return t
  end
  return without_null(value)
end

-- value.a.b for "a.b", or nil where there is no such thing.
function M.at(value, path)
  for key in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[key]
  end
  return value
end

-- The same as a string, or nil: what a file says may be of any type.
function M.word(value, path)
  value = M.at(value, path)
  if type(value) == "number" and math.type(value) == "float" and value == math.floor(value) then
    return string.format("%.0f", value)
  end
  return value ~= nil and type(value) ~= "table" and tostring(value) or nil
end

-- {folder = path, name =, seed =, state = "done" | "begun" | "new" | "failed", reason =, config =,
--  provenance =, result =}
local function read_run(path, name, problems)
  local run = { path = path, name = name, state = "new" }
  for _, file in ipairs { "config", "provenance", "result" } do
    local problem
    run[file], problem = read_object(string.format("%s/%s.json", path, file))
    problems[#problems + 1] = problem
  end
  if next(run.result) then
    run.state = "done"
  elseif core.file_kind(path) then
    run.state = "begun"
  end
  if core.file_kind(path .. "/metrics.tsv") == "file" then
    local fine, found = pcall(curves.read, path .. "/metrics.tsv")
    if fine then run.curves = found else problems[#problems + 1] = tostring(found) end
  end
  return run
end

local function of_table(dir)
  local results = results_of.read(dir)
  local plan, problems = plan_of.read(dir), {}
  local objects = results_of.objects(results)
  local groups, row_of, reasons, runs = {}, {}, {}, {}
  for i, row in ipairs(plan.rows) do
    groups[i] = { name = row.name, runs = {} }
    row_of[row.slug] = i
    for _, object in ipairs(objects) do
      for _, failure in ipairs(object.rows[i] and object.rows[i].failed or {}) do
        reasons[i .. "/" .. tostring(failure.seed)] = failure.reason
      end
    end
  end
  local object = objects[1]
  for _, planned in ipairs(plan.runs) do
    local at = row_of[planned.row]
    if not at then
      core.fail(1, string.format("%s/plan.json: the run '%s' is of no row", dir, planned.folder))
    end
    local run = read_run(dir .. "/" .. planned.folder, planned.folder, problems)
    run.row, run.seed = plan.rows[at].name, planned.seed
    if not next(run.config) then run.config = planned.config end
    run.reason = reasons[at .. "/" .. tostring(planned.seed)]
    if run.reason then run.state = "failed" end
    if run.curves then table.insert(groups[at].runs, run.curves) end
    runs[#runs + 1] = run
  end
  local base
  for _, run in ipairs(runs) do
    if run.row == object.reference then base = base or run.config end
  end
  return {
    kind = "table", dir = dir, title = object.title, plan = plan, object = object,
    objects = objects, notes = results_of.notes(results), runs = runs, sets = results.sets,
    data = object.data, generated = object.generated == true,
    base = base or (runs[1] and runs[1].config) or {}, groups = groups, problems = problems,
    figures = figures.of_tables(objects),
  }
end

local function of_run(dir)
  local problems = {}
  local name = dir:match("([^/]+)$") or dir
  local run = read_run(dir, name, problems)
  run.seed, run.row = M.at(run.config, "seed"), name
  local title = M.word(run.config, "name")
  local sets = {}
  for _, set in ipairs(test_sets.of_config(run.config)) do
    if test_sets.metrics(run.result, set) then sets[#sets + 1] = set end
  end
  if #sets == 0 then sets[1] = { name = "dev", named = false } end
  return {
    kind = "run", dir = dir, title = title and title ~= "" and title or name, runs = { run },
    data = M.word(run.config, "data.dir") or M.word(run.provenance, "data.dir") or "",
    generated = M.at(run.provenance, "data.generated") == true,
    sets = sets, base = run.config,
    groups = run.curves and { { name = name, runs = { run.curves } } } or {}, problems = problems,
  }
end

-- {kind = "table" | "run", dir =, title =, data =, generated =, sets = the sets of queries that it
--  has numbers of, the first being the one that is looked at, {{name =, named =}..}, runs =, base =
--  a config, groups = of curves, problems = lines, and of a table: plan =, objects = one a set,
--  object = the first, notes =, figures =}
function M.read(dir)
  if core.file_kind(dir .. "/plan.json") == "file" then return of_table(dir) end
  if core.file_kind(dir .. "/metrics.tsv") == "file" then return of_run(dir) end
  core.fail(1, dir .. ": not a run folder: it has neither plan.json nor metrics.tsv")
end

-- The metrics of a run on a set, and what they are of (test_sets.about); nil without them.
function M.metrics(run, set)
  local metrics = test_sets.metrics(run.result, set)
  if not metrics then return nil end
  for _, metric in ipairs(layout.metrics) do
    if type(metrics[metric[1]]) ~= "number" then return nil end
  end
  return metrics, test_sets.about(metrics, set, run.config)
end

-- The finished run whose dev rsum is best; of a table, of its base where that has one: what is
-- looked at more closely. nil without any.
function M.best(model)
  local best, best_rsum
  local function look(of)
    for _, run in ipairs(model.runs) do
      local metrics = M.metrics(run, model.sets[1])
      local rsum = M.at(run.result, "dev.rsum") or metrics and metrics.rsum
      if run.state == "done" and type(rsum) == "number" and (not of or run.row == of)
        and (not best_rsum or rsum > best_rsum) then
        best, best_rsum = run, rsum
      end
    end
  end
  if model.object and model.object.reference then look(model.object.reference) end
  if not best then look() end
  return best
end

return M
