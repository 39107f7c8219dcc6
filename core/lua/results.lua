-- results.lua: what the runs of a plan gave, as a table with spread and n.
local core = require "stepwise.core"
local layout = require "stepwise.layout"
local mixtures = require "stepwise.mixtures"
local plan_of = require "stepwise.plan"
local statistics = require "stepwise.statistics"
local text = require "stepwise.text"

local M = {}

-- A JSON object of a run's folder, or nil when there is no such file.
local function read_json(dir, run, name)
  local path = dir .. "/" .. run.folder .. "/" .. name
  if core.file_kind(path) ~= "file" then return nil end
  local fine, result = pcall(core.json_decode, core.read_file(path))
  if not fine then core.fail_within(path, result) end
  if type(result) ~= "table" then core.fail(1, path .. ": expected an object") end
  return result
end

local function read_error(dir, run)
  local path = dir .. "/logs/" .. run.folder .. ".error"
  if core.file_kind(path) ~= "file" then return nil end
  return (core.read_file(path):gsub("\n.*", ""))
end

-- {plan =, split = "test" | "dev", rows = {{name =, paper =, runs = {{seed =, metrics =}..},
-- failed = {{seed =, reason =}..}, missing = how many}..}, mixtures = lines}
function M.read(dir)
  local plan = plan_of.read(dir)
  local rows, by_slug, provenances, split = {}, {}, {}, nil
  for i, row in ipairs(plan.rows) do
    rows[i] = { name = row.name, paper = row.paper, changes = row.changes, runs = {}, failed = {},
      missing = 0 }
    by_slug[row.slug] = rows[i]
  end
  for _, run in ipairs(plan.runs) do
    local row = by_slug[run.row]
    local result = read_json(dir, run, "result.json")
    local problem = not result and read_error(dir, run)
    if result then
      local test = type(result.test) == "table" and result.test -- null: it was not evaluated
      local dev = type(result.dev) == "table" and result.dev
      local metrics = test or dev
      split = split or (test and "test" or "dev")
      if not metrics then
        local reason = "neither dev nor test was evaluated"
        row.failed[#row.failed + 1] = { seed = run.seed, reason = reason }
      else
        row.runs[#row.runs + 1] = { seed = run.seed, metrics = metrics, folder = run.folder }
        provenances[#provenances + 1] = read_json(dir, run, "provenance.json")
      end
    elseif problem then
      row.failed[#row.failed + 1] = { seed = run.seed, reason = problem }
    else
      row.missing = row.missing + 1
    end
  end
  return { plan = plan, split = split or "test", rows = rows,
    mixtures = mixtures.notes(provenances) }
end

local function values_of(row, metric)
  local values = {}
  for i, run in ipairs(row.runs) do values[i] = run.metrics[metric] end
  return values
end

-- Differences of rsum from the reference row at the seeds that both have; nil without any.
function M.compare(row, reference)
  local of_seed, x, y = {}, {}, {}
  for _, run in ipairs(reference.runs) do of_seed[run.seed] = run.metrics.rsum end
  for _, run in ipairs(row.runs) do
    if of_seed[run.seed] then
      x[#x + 1], y[#y + 1] = run.metrics.rsum, of_seed[run.seed]
    end
  end
  if #x == 0 then return nil end
  return statistics.paired(x, y)
end

local function reference_of(results)
  for _, row in ipairs(results.rows) do
    if row.name == results.plan.reference then return row end
  end
  return nil
end

-- The paper's value of a metric, or nil.
local function paper_value(paper, metric)
  if not paper then return nil end
  if metric == "rsum" then return paper.rsum end
  local recalls = paper[metric:find("^i2t") and "text" or "image"]
  local at = { r1 = 1, r5 = 2, r10 = 3 }
  return recalls and recalls[at[metric:match("_(r%d+)$")]]
end

-- ---- for people ------------------------------------------------------------------------------

local function mean_and_spread(values)
  if #values == 0 then return "" end
  local deviation = statistics.deviation(values)
  local mean = string.format("%.1f", statistics.mean(values))
  return deviation and string.format("%s ± %.1f", mean, deviation) or mean
end

local function delta_cell(row, reference)
  if row == reference then return "reference" end
  local difference = M.compare(row, reference)
  if not difference then return "" end
  if not difference.half then return string.format("%+.1f", difference.mean) end
  return string.format("%+.1f ± %.1f%s", difference.mean, difference.half,
    difference.separable and "" or " (n.s.)")
end

local function seeds_of(row)
  local seeds = {}
  for i, run in ipairs(row.runs) do seeds[i] = tostring(run.seed) end
  return table.concat(seeds, ", ")
end

-- Failures of one reason together: {{reason =, seeds = {..}}..}
local function by_reason(failures)
  local list, at = {}, {}
  for _, failure in ipairs(failures) do
    local group = at[failure.reason]
    if not group then
      group = { reason = failure.reason, seeds = {} }
      list[#list + 1], at[failure.reason] = group, group
    end
    group.seeds[#group.seeds + 1] = failure.seed
  end
  return list
end

local function notes_of(results, reference)
  local plan, notes = results.plan, {}
  local least, most, paper = math.huge, 0, false
  for _, row in ipairs(results.rows) do
    if #row.runs > 0 then least = math.min(least, #row.runs) end
    most = math.max(most, #row.runs)
    paper = paper or row.paper ~= nil
  end
  local function note(format, ...) notes[#notes + 1] = string.format(format, ...) end
  if plan.generated then
    note("Generated scenes (%s): these numbers say nothing about Flickr30K or COCO.", plan.data)
  end
  note("Split %s of %s, at the step with the best dev rsum. n: runs of a row%s.", results.split,
    plan.data, most > 1 and ", one a seed; ±: their sample standard deviation" or "")
  if most > 1 and reference then
    note("Δ rsum: from '%s' at the same seeds, ± half the width of the 95 %% interval of the mean "
      .. "difference; n.s.: not separable at these seeds, the interval holds 0.", reference.name)
  end
  if least == 1 then
    note("One seed a row: differences between rows are not separable from chance at n = 1.")
  end
  if paper then note("paper: one run a row, without spread; on its own data.") end
  for _, row in ipairs(results.rows) do
    for _, failure in ipairs(by_reason(row.failed)) do
      note("'%s', seed %s failed: %s", row.name, table.concat(failure.seeds, ", "), failure.reason)
    end
    if row.missing > 0 then
      note("'%s': %s not done yet.", row.name, text.plural(row.missing, "run"))
    end
  end
  table.move(results.mixtures, 1, #results.mixtures, #notes + 1, notes)
  if plan.note then note("%s", plan.note) end
  return notes
end

-- The grid that layout.lua renders.
function M.grid(results)
  local reference = reference_of(results)
  local head = { "" }
  for _, metric in ipairs(layout.metrics) do head[#head + 1] = metric[2] end
  if reference then head[#head + 1] = "Δ rsum" end
  head[#head + 1] = "n"
  local rows = {}
  for _, row in ipairs(results.rows) do
    local cells = { row.name }
    for _, metric in ipairs(layout.metrics) do
      cells[#cells + 1] = mean_and_spread(values_of(row, metric[1]))
    end
    if #row.runs == 0 then cells[2] = #row.failed > 0 and "failed" or "not done" end
    if reference then cells[#cells + 1] = delta_cell(row, reference) end
    cells[#cells + 1] = tostring(#row.runs)
    rows[#rows + 1] = cells
    if row.paper then
      local quoted = { "  paper" }
      for _, metric in ipairs(layout.metrics) do
        local value = paper_value(row.paper, metric[1])
        quoted[#quoted + 1] = value and string.format("%.1f", value) or ""
      end
      if reference then quoted[#quoted + 1] = "" end
      quoted[#quoted + 1] = ""
      rows[#rows + 1] = quoted
    end
  end
  local title = results.plan.title
  if results.plan.generated then title = title .. " (generated scenes)" end
  return { title = title, head = head, rows = rows,
    notes = notes_of(results, reference) }
end

-- ---- for programs ----------------------------------------------------------------------------

-- Rows for CSV: one a row of the table, numbers unrounded.
function M.records(results)
  local reference = reference_of(results)
  local head = { "row", "n", "seeds", "failed" }
  for _, metric in ipairs(layout.metrics) do
    for _, kind in ipairs { "mean", "std", "paper" } do
      head[#head + 1] = metric[1] .. "_" .. kind
    end
  end
  table.move({ "delta_rsum", "delta_rsum_half_interval", "separable" }, 1, 3, #head + 1, head)
  local rows = { head }
  local function number(value) return value and text.number(value) or "" end
  for _, row in ipairs(results.rows) do
    local cells = { row.name, tostring(#row.runs), seeds_of(row), tostring(#row.failed) }
    for _, metric in ipairs(layout.metrics) do
      local values = values_of(row, metric[1])
      cells[#cells + 1] = #values > 0 and number(statistics.mean(values)) or ""
      cells[#cells + 1] = number(statistics.deviation(values))
      cells[#cells + 1] = number(paper_value(row.paper, metric[1]))
    end
    local difference = reference and row ~= reference and M.compare(row, reference)
    cells[#cells + 1] = number(difference and difference.mean)
    cells[#cells + 1] = number(difference and difference.half)
    cells[#cells + 1] = difference and tostring(difference.separable) or ""
    rows[#rows + 1] = cells
  end
  return rows
end

-- A plain table with everything, for JSON.
function M.object(results)
  local reference = reference_of(results)
  local rows = core.json_array {}
  for i, row in ipairs(results.rows) do
    local summary = {}
    for _, metric in ipairs(layout.metrics) do
      local values = values_of(row, metric[1])
      if #values > 0 then
        summary[metric[1]] = {
          mean = statistics.mean(values), std = statistics.deviation(values),
          values = core.json_array(values), paper = paper_value(row.paper, metric[1]),
        }
      end
    end
    rows[i] = {
      name = row.name, n = #row.runs, metrics = summary, changes = row.changes,
      runs = core.json_array(row.runs), failed = core.json_array(row.failed),
      missing = row.missing,
      delta_rsum = reference and row ~= reference and M.compare(row, reference) or nil,
    }
  end
  local plan = results.plan
  return {
    title = plan.title, data = plan.data, generated = plan.generated, split = results.split,
    reference = plan.reference, rows = rows,
    notes = core.json_array(notes_of(results, reference)),
  }
end

-- How many runs failed.
function M.failures(results)
  local count = 0
  for _, row in ipairs(results.rows) do count = count + #row.failed end
  return count
end

local formats = {
  md = function(results) return layout.markdown(M.grid(results)) end,
  tex = function(results) return layout.latex(M.grid(results)) end,
  csv = function(results) return layout.csv(M.records(results)) end,
  json = function(results) return core.json_encode(M.object(results), 1) .. "\n" end,
}

function M.check_format(format)
  if not formats[format] then
    core.fail(2, string.format("--format: no format '%s'%s", format,
      core.suggest(format, { "md", "tex", "csv", "json" })))
  end
end

function M.render(results, format)
  M.check_format(format)
  return formats[format](results)
end

return M
