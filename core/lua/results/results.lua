-- results.lua: what the runs of a plan gave. What a run's folder holds may be missing, cut short or
-- another run's: then the table says so and stands on the rest.
local compare = require "stepwise.results.compare"
local core = require "stepwise.core"
local design = require "stepwise.config.design"
local effects = require "stepwise.results.effects"
local ensembles = require "stepwise.sweep.ensembles"
local latex = require "stepwise.results.latex"
local layout = require "stepwise.results.layout"
local mixtures = require "stepwise.figures.mixtures"
local path_of = require "stepwise.sweep.path"
local records = require "stepwise.results.records"
local plan_of = require "stepwise.sweep.plan"
local switched_off = require "stepwise.sweep.switched_off"
local summary = require "stepwise.results.summary"
local table_rows = require "stepwise.config.table_rows"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

-- JSON takes a reason only in UTF-8, which the last words of a killed process may not be.
local function reason_of(problem)
  return text.plain(type(problem) == "table" and problem.text or tostring(problem))
end

-- A JSON object of a run's folder; nil when there is no such file, nil and why when it is none.
local function read_json(dir, run, name)
  local path = dir .. "/" .. run.folder .. "/" .. name
  if core.file_kind(path) ~= "file" then return nil end
  local fine, result = pcall(function() return core.json_decode(core.read_text(path)) end)
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

-- The seven metrics of a set and what else it has; nil without it, nil and why when one is no
-- number.
local function metrics_of(result, set)
  local metrics = test_sets.metrics(result, set)
  if not metrics then return nil end
  for _, metric in ipairs(layout.metrics) do
    local value = metrics[metric[1]]
    if type(value) ~= "number" or value ~= value or math.abs(value) == math.huge then
      return nil, string.format("result.json: %s.%s: expected a number", set.name, metric[1])
    end
  end
  return metrics
end

-- A run's ranks; nil without the file, nil and why when it is broken or another run's.
local function read_ranks(path, metrics, about)
  if core.file_kind(path) ~= "file" then return nil end
  local fine, ranks = pcall(core.ranks, path, about.folds)
  if not fine then return nil, reason_of(ranks) end
  local counted = ranks:metrics()
  if about.images and counted.images ~= about.images then
    return nil, string.format("%s: holds %s and result.json says %s", path,
      text.plural(counted.images, "image"), text.count(about.images))
  end
  for _, metric in ipairs(layout.metrics) do
    local ours, told = counted[metric[1]], metrics[metric[1]]
    if math.abs(ours - told) > 1e-6 then
      return nil, string.format("%s: gives %s %.2f and result.json says %.2f", path, metric[2],
        ours, told)
    end
  end
  return ranks
end

-- Of result.json: 1, which has no number, knows one test set and no split.
local FORMAT <const> = 2

local function read_result(dir, run)
  local result, problem = read_json(dir, run, "result.json")
  if not result then return nil, problem or read_error(dir, run) end
  local format = math.tointeger(result.format or 1)
  if not format or format > FORMAT then
    return nil, string.format("result.json: expected format %d or older, found %s", FORMAT,
      tostring(result.format))
  end
  return result
end

-- The result of an ensemble's run; nil without one that is its members' as they are now.
local function read_ensemble(dir, run)
  local result, problem = read_result(dir, run)
  if result and not ensembles.is_current(run, result, dir) then
    return nil, "result.json: it is of other runs than its members' of today; stepwise ablate "
      .. "evaluates it again"
  end
  return result, problem
end

-- What is on disk: {[run] = {result =, problem =}}, and the sets that a table is of: the test sets,
-- and dev only where no run has one or it was asked for. all: the plan's runs and ensembles.
local function read_runs(plan, all, dir, asked)
  local found, sets, seen, has = {}, {}, {}, {}
  local function add(set)
    local key = tostring(set.named) .. set.name
    if not seen[key] then sets[#sets + 1] = { name = set.name, named = set.named } end
    seen[key] = true
  end
  for _, run in ipairs(plan.runs) do
    for _, set in ipairs(test_sets.of_config(run.config)) do if set.named then add(set) end end
  end
  for _, run in ipairs(all) do
    local result, problem = (run.members and read_ensemble or read_result)(dir, run)
    found[run] = { result = result, problem = problem }
    if result then
      for _, name in ipairs { "test", "dev" } do
        has[name] = has[name] or type(result[name]) == "table"
      end
      local named = type(result.tests) == "table" and result.tests or {}
      for _, name in ipairs(text.sorted_keys(named)) do
        if type(name) == "string" then add { name = name, named = true } end
      end
    end
  end
  if has.test or (#sets == 0 and not has.dev) or (#sets == 0 and asked == "test") then
    add { name = "test", named = false }
  end
  if asked == "dev" or #sets == 0 then
    sets = { { name = "dev", named = false, instead = asked ~= "dev" } }
  end
  return found, sets
end

local function row_named(plan, name)
  local found, names = design.row_named(plan.rows, name), {}
  if found then return found end
  for i, row in ipairs(plan.rows) do names[i] = row.name end
  core.fail(2, string.format("--against: no row '%s'%s", name, core.suggest(name, names)))
end

-- The row that others are compared with: the one that is named, or the one that is the base itself.
local function reference_of(plan, rows)
  for _, row in ipairs(rows) do
    if row.name == plan.reference then return row end
  end
  if plan.reference then return nil end
  for _, row in ipairs(rows) do
    if row.kind == "run" and not row.base and #row.changes == 0 then return row end
  end
  return nil
end

-- Adds the run to its row: the metrics it has of the set, or why it has none.
local function add_run(set, row, planned, one)
  local metrics, problem = nil, one.problem
  if one.result then
    metrics, problem = metrics_of(one.result, set)
    if not metrics then problem = problem or "result.json: " .. set.name .. " was not evaluated" end
  end
  local about = metrics and test_sets.about(metrics, set, planned.config)
  row.about = row.about or about
  if about and not test_sets.same(about, row.about) then
    problem = string.format("result.json: %s, and others of the row: %s", test_sets.label(about),
      test_sets.label(row.about))
  elseif metrics then
    local run = { seed = planned.seed, metrics = metrics, folder = planned.folder }
    row.runs[#row.runs + 1] = run
    return run, about
  end
  if problem then
    row.failed[#row.failed + 1] = { seed = planned.seed, reason = problem }
  else
    row.missing = row.missing + 1
  end
end

-- Gives rows `switched_off`, what their changes do to the base's checkpoints: {reason = why they
-- cannot be made, or delta = as of compare.rows, from the base}.
local function read_switched_off(set, plan, dir, by_slug, ranks, warn)
  local base, family = switched_off.base_of(plan), {}
  for _, one in ipairs(switched_off.all(plan)) do
    local row, found = by_slug[one.row.slug], switched_off.read(one, dir)
    local metrics = found and metrics_of(found, set)
    if found then
      row.switched_off = row.switched_off or { name = row.name .. ", switched off", runs = {} }
      row.switched_off.reason = row.switched_off.reason or found.reason
    end
    if metrics then
      local run = { seed = one.seed, metrics = metrics }
      local about = test_sets.about(metrics, set, one.run.config)
      local own, broken = read_ranks(switched_off.ranks(one, dir, about), metrics, about)
      ranks[run] = own
      warn(broken)
      table.insert(row.switched_off.runs, run)
    end
  end
  for _, row in ipairs(set.rows) do
    local off = row.switched_off
    if off then
      off.delta = compare.pair(off, by_slug[base.slug], ranks)
      family[#family + 1] = off.delta and off.delta.rsum
      set.switched_off = base.name
    end
  end
  compare.correct(family)
end

-- Leaves those rows that the path came to, and what it chose.
local function take_path(set, plan, dir)
  local rows, names = {}, {}
  set.off_path = 0
  for i, row in ipairs(set.rows) do
    names[plan.rows[i].slug] = row.name
    if #row.runs > 0 or #row.failed > 0 then
      rows[#rows + 1] = row
    else
      set.off_path = set.off_path + 1
    end
  end
  set.rows, set.path = rows, path_of.follow(plan, dir)
  for _, step in ipairs(set.path.steps) do step.name = names[step.row] end
end

-- The pointing accuracy that `stepwise ground` measured on the split, of the first map of
-- words, else of the first; nil without it, nil and why when the file is broken.
local function read_pointing(dir, run, split)
  local name = "grounding-" .. split .. ".json"
  local found, problem = read_json(dir, run, name)
  if not found then return nil, problem end
  local maps = found.format == 1 and type(found.maps) == "table" and found.maps or {}
  local chosen = maps[1]
  for i = #maps, 1, -1 do
    if type(maps[i]) == "table" and maps[i].kind == "word" then chosen = maps[i] end
  end
  local value = type(chosen) == "table" and chosen.accuracy
  if type(value) ~= "number" then return nil, name .. ": expected format 1 with maps" end
  return value
end

-- Fills in a set: its rows, and their distances from the reference.
local function read_set(set, plan, all, dir, found)
  local by_slug, provenances, ranks = {}, {}, {}
  set.plan, set.rows, set.warnings, set.without_ranks = plan, {}, {}, 0
  for i, row in ipairs(plan.rows) do
    set.rows[i] = { name = row.name, kind = table_rows.kind(row), paper = row.paper,
      base = row.base, ensemble = row.ensemble, cited = row.cited, changes = row.changes,
      runs = {}, failed = {}, missing = 0 }
    by_slug[row.slug] = set.rows[i]
  end
  local function warn(problem) set.warnings[#set.warnings + 1] = problem end
  for _, planned in ipairs(all) do
    local run, about = add_run(set, by_slug[planned.row], planned, found[planned])
    if run then
      local provenance, broken
      if not planned.members then
        provenance, broken = read_json(dir, planned, "provenance.json")
      end
      provenances[#provenances + 1] = provenance
      warn(broken and planned.folder .. "/" .. broken)
      ranks[run], broken = read_ranks(string.format("%s/%s/%s", dir, planned.folder, about.ranks),
        run.metrics, about)
      warn(broken)
      run.pointing, broken = read_pointing(dir, planned, about.split)
      warn(broken and planned.folder .. "/" .. broken)
      if not ranks[run] then set.without_ranks = set.without_ranks + 1 end
    end
  end
  set.reference = reference_of(plan, set.rows)
  set.about = set.reference and set.reference.about
  for _, row in ipairs(set.rows) do set.about = set.about or row.about end
  local alike = {}
  for _, row in ipairs(set.rows) do
    row.apart = row.about ~= nil and not test_sets.same(row.about, set.about)
    set.mixed = set.mixed or row.apart
    if not row.apart then alike[#alike + 1] = row end
  end
  if set.reference then
    for _, problem in ipairs(compare.rows(alike, set.reference, ranks, plan.sequence)) do
      warn(problem)
    end
  end
  if plan.also then read_switched_off(set, plan, dir, by_slug, ranks, warn) end
  if path_of.is_path(plan) then take_path(set, plan, dir) end
  if plan.design then
    local problems
    set.effects, problems = effects.of(plan.design, by_slug, ranks)
    for _, problem in ipairs(problems) do warn(problem) end
  end
  for _, note in ipairs(mixtures.notes(provenances)) do warn(note) end
end

-- {plan =, dir =, sets = {a table of numbers each..}}. A set: {name = "test", "dev" or a test
--  set's, named = whether the plan names it, instead = whether it is dev as there is no other,
--  about = what its numbers are of (test_sets.about), mixed = whether rows differ in that,
--  reference = a row or nil, rows = {{name =, kind = "run", "ensemble" or "cited"
--  (config/table_rows.lua), paper =, changes =, base =, ensemble =, cited =, about =, apart =
--  whether it is of something else than the others, runs = {{seed =, metrics =, folder =,
--  pointing =}..}, failed = {{seed =, reason =}..}, missing = how many, delta = see
--  compare.lua}..}, effects = see effects.lua, of a table with a design, warnings = lines about
--  problems, without_ranks = finished runs that have none}
-- asked: "dev", "test", or nil for the test sets where there are any.
-- against: the name of the row that others are compared with, instead of the plan's reference.
function M.read(dir, asked, against)
  return M.of_plan(plan_of.read(dir), dir, asked, against)
end

-- The same of a plan whose run folders are below `dir`.
function M.of_plan(plan, dir, asked, against)
  if against then plan.reference = row_named(plan, against) end
  local all = table.move(plan.runs, 1, #plan.runs, 1, {})
  for _, run in ipairs(ensembles.runs(plan)) do all[#all + 1] = run end
  local found, sets = read_runs(plan, all, dir, asked)
  for _, set in ipairs(sets) do read_set(set, plan, all, dir, found) end
  return { plan = plan, dir = dir, sets = sets }
end

-- A plain table for each set: what JSON, figures and the report are made of.
M.objects = summary.objects

-- What is said below the table.
M.notes = summary.notes

-- How many runs failed.
function M.failures(results)
  local failed = {}
  for _, set in ipairs(results.sets) do
    for _, row in ipairs(set.rows) do
      for _, failure in ipairs(row.failed) do failed[row.name .. "\0" .. failure.seed] = true end
    end
  end
  return #text.sorted_keys(failed)
end

M.formats = { "md", "tex", "csv", "json" }

local render = {
  md = function(list, how)
    local whole = #list == 1 and not how.columns
    return layout.markdown(whole and summary.page(list[1], how.precision)
      or summary.chosen_page(list, how))
  end,
  tex = latex.float,
  csv = function(list, how) return layout.csv(records.of(list, how)) end,
  json = function(list) return core.json_encode(summary.whole(list[1]), 1) .. "\n" end,
}

function M.check_format(format)
  if not render[format] then
    core.fail(2, string.format("--format: no format '%s'%s", format,
      core.suggest(format, M.formats)))
  end
end

-- Whether --split names what a table can be of.
function M.check_split(split)
  if split and split ~= "dev" and split ~= "test" then
    core.fail(2, string.format("--split: expected dev or test, found '%s'%s", split,
      core.suggest(split, { "dev", "test" })))
  end
end

function M.render(results, format)
  return M.render_all({ results }, format, {})
end

-- One or several results side by side; of json one. how: as of latex.float.
function M.render_all(list, format, how)
  M.check_format(format)
  return render[format](list, how)
end

-- Writes the table in every format as DIR/table.FORMAT; gives the Markdown.
function M.write(results, dir)
  for _, format in ipairs(M.formats) do
    core.write_file(dir .. "/table." .. format, M.render(results, format))
  end
  return M.render(results, "md")
end

return M
