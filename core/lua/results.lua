-- results.lua: what the runs of a plan gave. What a run's folder holds may be missing, cut short or
-- another run's: then the table says so and stands on the rest.
local compare = require "stepwise.compare"
local core = require "stepwise.core"
local layout = require "stepwise.layout"
local mixtures = require "stepwise.mixtures"
local plan_of = require "stepwise.plan"
local summary = require "stepwise.summary"
local text = require "stepwise.text"

local M = {}

-- JSON takes a reason only in UTF-8, which the last words of a killed process may not be.
local function reason_of(problem)
  return text.plain(type(problem) == "table" and problem.text or tostring(problem))
end

-- A JSON object of a run's folder; nil when there is no such file, nil and why when it is none.
local function read_json(dir, run, name)
  local path = dir .. "/" .. run.folder .. "/" .. name
  if core.file_kind(path) ~= "file" then return nil end
  local fine, result = pcall(function() return core.json_decode(core.read_file(path)) end)
  if not fine then return nil, name .. ": " .. reason_of(result) end
  if type(result) ~= "table" then return nil, name .. ": expected an object" end
  return result
end

local function read_error(dir, run)
  local path = dir .. "/logs/" .. run.folder .. ".error"
  if core.file_kind(path) ~= "file" then return nil end
  local fine, content = pcall(core.read_file, path)
  local line = reason_of(fine and content:gsub("\n.*", "") or content)
  return line ~= "" and line or "failed"
end

-- What the rest relies on; null and another type count as not there where a thing may be missing.
local function check_plan(plan, path)
  local function expect(condition, what)
    if not condition then core.fail(1, path .. ": expected " .. what) end
  end
  local function optional(value, kind) return type(value) == kind and value or nil end
  expect(type(plan.title) == "string", "a title")
  expect(type(plan.data) == "string", "the data folder's name")
  local function line(value) return type(value) == "string" and text.plain(value) or nil end
  plan.title, plan.note, plan.reference = line(plan.title), line(plan.note), line(plan.reference)
  plan.generated = plan.generated == true
  local slugs, folders, seeds = {}, {}, {}
  for i, row in ipairs(plan.rows) do
    expect(type(row) == "table" and type(row.name) == "string" and type(row.slug) == "string",
      "a name and a slug in row " .. i)
    expect(not slugs[row.slug], "one row '" .. row.slug .. "'")
    slugs[row.slug], row.name = true, line(row.name)
    row.paper = optional(row.paper, "table")
    local changes = core.json_array {}
    for _, change in ipairs(optional(row.changes, "table") or {}) do
      changes[#changes + 1] = optional(change, "string")
    end
    row.changes = changes
  end
  for i, run in ipairs(plan.runs) do
    expect(type(run) == "table" and slugs[run.row], "a row that is there in run " .. i)
    expect(math.type(run.seed) == "integer", "a seed in run " .. i)
    expect(type(run.folder) == "string" and run.folder:find("^[^/]+$")
      and not run.folder:find("^%.+$"), "a folder of this one in run " .. i)
    expect(not folders[run.folder], "one run '" .. run.folder .. "'")
    local twin = run.row .. " " .. run.seed -- a seed that counts twice would narrow the intervals
    expect(not seeds[twin], string.format("one run of row '%s' and seed %d", run.row, run.seed))
    folders[run.folder], seeds[twin] = true, true
  end
end

-- The seven metrics of a split: nil without it, nil and why when one is no number.
local function metrics_of(result, split)
  local metrics = result[split]
  if type(metrics) ~= "table" then return nil end
  for _, metric in ipairs(layout.metrics) do
    local value = metrics[metric[1]]
    if type(value) ~= "number" or value ~= value or math.abs(value) == math.huge then
      return nil, string.format("result.json: %s.%s: expected a number", split, metric[1])
    end
  end
  return metrics
end

-- A run's ranks; nil without the file, nil and why when it is broken or another run's.
local function read_ranks(dir, run, split, metrics)
  local name = "ranks-" .. split .. ".npy"
  local path = dir .. "/" .. run.folder .. "/" .. name
  if core.file_kind(path) ~= "file" then return nil end
  local fine, ranks = pcall(core.ranks, path)
  if not fine then return nil, reason_of(ranks) end
  local counted = ranks:metrics()
  for _, metric in ipairs(layout.metrics) do
    local ours, told = counted[metric[1]], metrics[metric[1]]
    if math.abs(ours - told) > 1e-6 then
      return nil, string.format("%s: gives %s %.2f and result.json says %.2f", path, metric[2],
        ours, told)
    end
  end
  return ranks
end

-- What is on disk: {[run] = {result =, problem =}}, and the split that a table is of: test when any
-- run has it, as dev and test numbers do not mix.
local function read_runs(plan, dir)
  local found, split = {}, nil
  for _, run in ipairs(plan.runs) do
    local result, problem = read_json(dir, run, "result.json")
    if not result and not problem then problem = read_error(dir, run) end
    found[run] = { result = result, problem = problem }
    if result and type(result.test) == "table" then split = "test" end
    if result and type(result.dev) == "table" then split = split or "dev" end
  end
  return found, split or "test"
end

-- The row that others are compared with: the one that is named, or the one that is the base itself.
local function reference_of(plan, rows)
  for _, row in ipairs(rows) do
    if row.name == plan.reference then return row end
  end
  if plan.reference then return nil end
  for _, row in ipairs(rows) do
    if #row.changes == 0 then return row end
  end
  return nil
end

-- {plan =, split = "test" | "dev", reference = a row or nil, rows = {{name =, paper =, changes =,
--  runs = {{seed =, metrics =, folder =}..}, failed = {{seed =, reason =}..}, missing = how many,
--  delta = see compare.lua}..}, warnings = lines about what is not as it should be,
--  without_ranks = finished runs that have none}
-- asked: the split; nil for test where there is any.
function M.read(dir, asked)
  local plan = plan_of.read(dir)
  check_plan(plan, dir .. "/plan.json")
  local rows, by_slug, provenances, ranks, warnings = {}, {}, {}, {}, {}
  for i, row in ipairs(plan.rows) do
    rows[i] = { name = row.name, paper = row.paper, changes = row.changes, runs = {}, failed = {},
      missing = 0 }
    by_slug[row.slug] = rows[i]
  end
  local found, split = read_runs(plan, dir)
  split = asked or split
  local without_ranks = 0
  local function warn(problem)
    if problem then warnings[#warnings + 1] = problem end
    return problem
  end
  for _, planned in ipairs(plan.runs) do
    local row, one = by_slug[planned.row], found[planned]
    local metrics, problem = nil, one.problem
    if one.result then
      metrics, problem = metrics_of(one.result, split)
      if not metrics then problem = problem or "result.json: " .. split .. " was not evaluated" end
    end
    if metrics then
      local run = { seed = planned.seed, metrics = metrics, folder = planned.folder }
      row.runs[#row.runs + 1] = run
      local provenance, broken = read_json(dir, planned, "provenance.json")
      provenances[#provenances + 1] = provenance
      warn(broken and planned.folder .. "/" .. broken)
      ranks[run], broken = read_ranks(dir, planned, split, metrics)
      warn(broken)
      if not ranks[run] then without_ranks = without_ranks + 1 end
    elseif problem then
      row.failed[#row.failed + 1] = { seed = planned.seed, reason = problem }
    else
      row.missing = row.missing + 1
    end
  end
  local reference = reference_of(plan, rows)
  if reference then
    for _, problem in ipairs(compare.rows(rows, reference, ranks)) do warn(problem) end
  end
  for _, note in ipairs(mixtures.notes(provenances)) do warn(note) end
  return { plan = plan, split = split, reference = reference, rows = rows, warnings = warnings,
    without_ranks = without_ranks }
end

-- A plain table with everything: what JSON and the report are made of.
function M.object(results)
  return summary.object(results)
end

-- How many runs failed.
function M.failures(results)
  local count = 0
  for _, row in ipairs(results.rows) do count = count + #row.failed end
  return count
end

M.formats = { "md", "tex", "csv", "json" }

local render = {
  md = function(results) return layout.markdown(summary.page(results)) end,
  tex = function(results) return layout.latex(summary.page(results)) end,
  csv = function(results) return layout.csv(summary.records(results)) end,
  json = function(results) return core.json_encode(summary.object(results), 1) .. "\n" end,
}

function M.check_format(format)
  if not render[format] then
    core.fail(2, string.format("--format: no format '%s'%s", format,
      core.suggest(format, M.formats)))
  end
end

function M.render(results, format)
  M.check_format(format)
  return render[format](results)
end

-- Writes the table in every format as DIR/table.FORMAT; gives the Markdown.
function M.write(results, dir)
  for _, format in ipairs(M.formats) do
    core.write_file(dir .. "/table." .. format, M.render(results, format))
  end
  return M.render(results, "md")
end

return M
