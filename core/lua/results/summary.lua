-- summary.lua: the results of a table in words and numbers: a page for people, records for CSV, an
-- object for JSON and the report.
local columns = require "stepwise.results.columns"
local compare = require "stepwise.results.compare"
local core = require "stepwise.core"
local differences = require "stepwise.results.differences"
local layout = require "stepwise.results.layout"
local printed = require "stepwise.results.printed"
local seeds_of = require "stepwise.sweep.seeds"
local statistics = require "stepwise.results.statistics"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

-- A metric of a row's runs.
function M.values(row, metric)
  local values = {}
  for i, run in ipairs(row.runs) do values[i] = run.metrics[metric] end
  return values
end

-- What a row is, in short: its changes of the base, its members, or that it is cited.
function M.what(row)
  if row.kind == "cited" then return "cited" end
  if row.kind == "ensemble" then return "mean of " .. table.concat(row.ensemble, ", ") end
  local words = table.move(row.changes, 1, #row.changes, 1, {})
  if row.base and row.base ~= row.name then table.insert(words, 1, row.base) end
  return table.concat(words, " ")
end

-- The metrics beside which the paper's numbers stand: rsum, or where no row has that, all it has.
local function metrics_with_paper(set)
  local has = {}
  for _, data in ipairs(printed.data(set)) do
    for _, row in ipairs(set.rows) do
      for _, metric in ipairs(layout.metrics) do
        if printed.paper(set, row, metric[1], data) then has[metric[1]] = true end
      end
    end
  end
  return has.rsum and { rsum = true } or has
end

-- Failures of one reason together: {{reason =, seeds = {..}}..}
function M.by_reason(failures)
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

-- ---- notes -----------------------------------------------------------------------------------

-- How the differences came about, and which of them say nothing.
local function notes_on_differences(results, note)
  local over, families, needed, unclear, counts = {}, 0, false, {}, {}
  local plan = results.plan
  for _, row in ipairs(results.rows) do
    local rsum = row.delta and row.delta.rsum
    if rsum then
      over[rsum.over or "nothing"] = true
      families = families + (rsum.p and 1 or 0)
      needed = needed or rsum.seeds_needed ~= nil
      if not rsum.separable then
        if not unclear[rsum.n] then
          unclear[rsum.n] = {}
          counts[#counts + 1] = rsum.n
        end
        table.insert(unclear[rsum.n], "'" .. row.name .. "'")
      end
    end
  end
  if not next(over) then return end
  note("Δ rsum: from '%s', the mean over the seeds that both have.", results.reference.name)
  if over["queries and seeds"] then
    note("95 %% interval and p: of two tests the wider and the larger, as neither is enough at a "
      .. "few seeds: a paired bootstrap, %s draws of images (each with its captions) and of seeds, "
      .. "stretched by sqrt(n / (n - 1)); and Student's paired t over the seeds.",
      text.count(compare.draws))
  end
  if over.queries then
    note("At one seed the interval is of %s draws of images (each with its captions) alone: it "
      .. "says how far the queries count, and nothing about the chance in training.",
      text.count(compare.draws))
  end
  if over.seeds then
    note("Without the ranks of queries the interval and p are Student's paired t over the seeds "
      .. "alone.")
  end
  if families > 0 then
    note("p is corrected by Holm's method over the rows that have one (%d), the interval is each "
      .. "row's own. Separable: p < %g, and two seeds or more.", families,
      compare.level_at(plan.sequence, plan.sequence and plan.sequence.most or 2))
  end
  if plan.sequence then
    note("Seeds were added until rows were separable, from %d to at most %d: a row with fewer than "
      .. "%d is separable at p < %g only, so that all looks together err in at most 5 %%.",
      plan.sequence.first, plan.sequence.most, plan.sequence.most, compare.look_level)
  end
  if needed then
    note("Seeds needed: of each row, to separate a difference of that size in four of five tries, "
      .. "15.7 (sd / Δ rsum)^2 with the deviation of both rows; few seeds say it roughly.")
  end
  table.sort(counts)
  for _, n in ipairs(counts) do
    local rows = table.concat(unclear[n], ", ")
    if n == 1 then
      note("One seed, so no verdict against '%s': %s.", results.reference.name, rows)
    else
      note("Not separable from '%s' at %d seeds: %s.", results.reference.name, n, rows)
    end
  end
end

-- What rows are that are not runs.
local function notes_on_kinds(results, note)
  local ensembles = false
  for _, row in ipairs(results.rows) do
    if row.kind == "cited" then
      local source = printed.source(results, row)
      note("'%s': cited%s, not run here.", row.name, source and " from " .. source or "")
    elseif row.kind == "ensemble" then
      ensembles = true
      note("'%s': ensemble, the mean of similarities of '%s', seed by seed.", row.name,
        table.concat(row.ensemble, "', '"))
    end
  end
  if ensembles then
    note("The best single model and the best ensemble are each in bold; they are not compared "
      .. "with each other.")
  end
end

local function notes_of_set(results)
  local plan, notes = results.plan, {}
  local least, most, finished = math.huge, 0, 0
  for _, row in ipairs(results.rows) do
    if #row.runs > 0 then least = math.min(least, #row.runs) end
    most, finished = math.max(most, #row.runs), finished + #row.runs
  end
  local function note(format, ...) notes[#notes + 1] = string.format(format, ...) end
  if plan.generated then
    note("Generated scenes (%s): these numbers say nothing about Flickr30K or COCO.", plan.data)
  end
  local about = results.about or test_sets.about({}, results)
  note("Split %s of %s%s, at the step with the best dev rsum. n: runs of a row%s.", about.split,
    plan.data, about.told and ": " .. test_sets.sizes(about) or "",
    most > 1 and ", one per seed; ±: their sample standard deviation" or "")
  if finished > 0 then note("Seeds: %s.", seeds_of.words(results.rows)) end
  if results.mixed then
    note("Rows differ in what they are evaluated on (column split); those that differ from this "
      .. "are not compared.")
  end
  if results.instead then note("No run was evaluated on a test set: these are dev numbers.") end
  if results.name == "dev" and finished > 0 then
    note("The step was chosen on these same queries, so new ones would give somewhat less.")
  end
  if results.reference then
    notes_on_differences(results, note)
  elseif least == 1 then
    note("One seed a row: differences between rows are not separable from chance at n = 1.")
  end
  differences.effects_notes(results, note)
  if results.without_ranks > 0 and results.without_ranks < finished then
    note("%s of %d without ranks of queries.", text.plural(results.without_ranks, "run"), finished)
  end
  if next(metrics_with_paper(results)) then
    note("paper: one run a row, without spread; on its own data. All its numbers: --format csv.")
  end
  notes_on_kinds(results, note)
  for _, row in ipairs(results.rows) do
    for _, failure in ipairs(M.by_reason(row.failed)) do
      note("'%s', seed %s failed: %s", row.name, table.concat(failure.seeds, ", "), failure.reason)
    end
    if row.missing > 0 then
      note("'%s': %s not done yet.", row.name, text.plural(row.missing, "run"))
    end
  end
  table.move(results.warnings, 1, #results.warnings, #notes + 1, notes)
  if plan.note then note("%s", plan.note) end
  return notes
end

-- The notes of all sets: what they say alike once, the rest with the name of its set.
function M.notes(results)
  local lists, counts, notes, said = {}, {}, {}, {}
  for i, set in ipairs(results.sets) do
    lists[i] = notes_of_set(set)
    local of_set = {}
    for _, note in ipairs(lists[i]) do of_set[note] = true end
    for note in pairs(of_set) do counts[note] = (counts[note] or 0) + 1 end
  end
  for i, set in ipairs(results.sets) do
    for _, note in ipairs(lists[i]) do
      local everywhere = counts[note] == #results.sets
      if not everywhere then
        notes[#notes + 1] = set.name .. ": " .. note
      elseif not said[note] then
        notes[#notes + 1], said[note] = note, true
      end
    end
  end
  return notes
end

-- ---- for people ------------------------------------------------------------------------------

local function digits(value, precision) return string.format("%." .. precision .. "f", value) end

local function mean_and_spread(values, precision)
  if #values == 0 then return "" end
  local deviation, mean = statistics.deviation(values), digits(statistics.mean(values), precision)
  return deviation and string.format("%s ± %s", mean, digits(deviation, precision)) or mean
end

local LONGEST_REASON <const> = 72

-- Why a row has no numbers, short enough for a line of a table; the notes have all of it.
function M.instead_of_numbers(row)
  if #row.failed == 0 then return "not done" end
  local reason = text.plain(row.failed[1].reason)
  local front = text.cut(reason, LONGEST_REASON)
  return "failed: " .. front .. (front == reason and "" or "…")
end

-- Marks the cells of the highest mean as it is printed among rows of one kind, when there is
-- something to choose from.
local function mark_best(rows, column, kind)
  local best, count = -math.huge, 0
  local function value(row)
    return row.kind == kind and not row.apart
      and tonumber(row[column] and row[column][1]:match("^[%d.]+"))
  end
  for _, row in ipairs(rows) do
    if value(row) then best, count = math.max(best, value(row)), count + 1 end
  end
  for _, row in ipairs(rows) do
    if count > 1 and value(row) == best then row[column].best = true end
  end
end

local function recalls_block(results, precision)
  local beside = metrics_with_paper(results)
  local block = { head = { results.named and results.name or "" }, rows = {}, words = {} }
  for i, row in ipairs(results.rows) do
    block.rows[i] = { row.name, apart = row.apart, kind = row.kind }
  end
  for _, metric in ipairs(layout.metrics) do
    local column = #block.head + 1
    block.head[column] = metric[2]
    for i, row in ipairs(results.rows) do
      local cited = row.kind == "cited" and printed.cited(results, row, metric[1])
      block.rows[i][column] = { cited and digits(cited, precision)
        or mean_and_spread(M.values(row, metric[1]), precision) }
    end
    mark_best(block.rows, column, "run")
    mark_best(block.rows, column, "ensemble")
    for at, data in ipairs(beside[metric[1]] and printed.data(results) or {}) do
      block.head[column + at] = "paper" .. (data and " " .. text.plain(data) or "")
        .. (beside.rsum and "" or " " .. metric[2])
      for i, row in ipairs(results.rows) do
        local value = printed.paper(results, row, metric[1], data)
        block.rows[i][column + at] = value and digits(value, precision) or ""
      end
    end
  end
  if results.mixed or results.name == "dev" then
    local column = #block.head + 1
    block.head[column], block.words[column] = "split", true
    for i, row in ipairs(results.rows) do
      local sizes = row.about and results.mixed and test_sets.sizes(row.about) or ""
      block.rows[i][column] = row.about and row.about.split .. (sizes ~= "" and ", " .. sizes or "")
        or ""
    end
  end
  block.head[#block.head + 1] = "n"
  for i, row in ipairs(results.rows) do
    block.rows[i][#block.head] = row.kind == "cited" and "cited" or tostring(#row.runs)
    if #row.runs == 0 and row.kind ~= "cited" then
      block.rows[i].span = M.instead_of_numbers(row)
    end
  end
  if results.named then
    block.title = results.name .. (results.about and " (" .. test_sets.label(results.about) .. ")"
      or "") .. ":"
  end
  return block
end

-- What each row changes of the base, and what came of it. Columns without a word are left out.
-- first: whether it is the table's first set; the others say nothing without a distance.
local function changes_block(results, first, precision)
  local reference = results.reference
  local head = { "", "change", "Δ rsum", "95 % interval", "p", "separable", "seeds needed",
    "switched off", "95 % interval" }
  local words, filled, rows = { true, true, false, false, false, true }, {}, {}
  for i, row in ipairs(results.rows) do
    local rsum = row.delta and row.delta.rsum
    rows[i] = {
      row.name, M.what(row),
      row == reference and "reference" or rsum and differences.signed(rsum.mean, precision) or "",
      differences.interval(rsum, precision), differences.p_cell(rsum and rsum.p_holm),
      differences.verdict(rsum), differences.seeds_cell(rsum and rsum.seeds_needed),
      differences.switched_off_cells(row, precision),
    }
    for c, cell in ipairs(rows[i]) do
      filled[c] = filled[c] or c == 1 or cell ~= "" and cell ~= "reference"
    end
  end
  local block = { head = {}, words = {}, rows = {} }
  for i in ipairs(rows) do block.rows[i] = {} end
  for c = 1, #head do
    if filled[c] then
      local at = #block.head + 1
      block.head[at], block.words[at] = head[c], words[c]
      for i, row in ipairs(rows) do block.rows[i][at] = row[c] end
    end
  end
  if #block.head == 1 or (results.named and not filled[3] and not first) then return nil end
  block.title = filled[3] and "Against '" .. reference.name .. "':" or "What the rows change:"
  if results.named then
    block.head[1], block.title = results.name, results.name .. ": " .. block.title
  end
  return block
end

local function title_of(plan)
  return plan.title .. (plan.generated and " (generated scenes)" or "")
end

-- The page that layout.lua renders, with numbers of `precision` digits after the point, 1 if nil.
function M.page(results, precision)
  local blocks = {}
  precision = precision or 1
  for i, set in ipairs(results.sets) do
    blocks[#blocks + 1] = recalls_block(set, precision)
    blocks[#blocks + 1] = changes_block(set, i == 1, precision)
    blocks[#blocks + 1] = differences.effects_block(set, precision)
  end
  return { title = title_of(results.plan), blocks = blocks, notes = M.notes(results) }
end

-- The page of chosen columns, of one or several results side by side. how: as of columns.choose.
function M.chosen_page(list, how)
  local page, titles = columns.choose(list, how), {}
  local block, blocks, notes = { head = { "" }, rows = {} }, {}, {}
  for _, body in ipairs(page.bodies) do
    for _, name in ipairs(page.how.columns) do
      block.head[#block.head + 1] = (body.name and text.plain(body.name) .. ": " or "")
        .. columns.head(name)
    end
  end
  for i, name in ipairs(page.order) do
    block.rows[i] = { name, span = columns.is_empty(page, name)
      and M.instead_of_numbers(page.rows[name]) or nil }
    for _, body in ipairs(page.bodies) do
      for c = 1, #page.how.columns do
        local cell = body.cells[name] and body.cells[name][c]
        table.insert(block.rows[i], cell and cell.text .. (cell.deviation
          and " ± " .. cell.deviation or "") .. (cell.unsure and " †" or "") or "")
      end
    end
  end
  blocks[1] = block
  for _, body in ipairs(page.bodies) do
    blocks[#blocks + 1] = differences.effects_block(body.set, page.how.precision)
  end
  if page.marked then notes[1] = "†: not separable from the reference." end
  for i, results in ipairs(list) do
    titles[i] = title_of(results.plan)
    for _, note in ipairs(M.notes(results)) do
      notes[#notes + 1] = (#list > 1 and titles[i] .. ": " or "") .. note
    end
  end
  local seen, different = {}, {}
  for _, title in ipairs(titles) do
    if not seen[title] then different[#different + 1] = title end
    seen[title] = true
  end
  return { title = table.concat(different, "; "), blocks = blocks, notes = notes }
end

-- ---- for programs ----------------------------------------------------------------------------

-- What numbers are of, for JSON.
local function about_object(about)
  return about and { split = about.split, images = about.images, captions = about.captions,
    folds = about.folds }
end

-- A plain table with everything about one set.
local function object(set)
  local rows = core.json_array {}
  for i, row in ipairs(set.rows) do
    local metrics = {}
    for _, metric in ipairs(layout.metrics) do
      local values = M.values(row, metric[1])
      local paper, cited = printed.paper(set, row, metric[1]), printed.cited(set, row, metric[1])
      local papers
      for _, data in ipairs(printed.data(set)) do
        local value = data and printed.paper(set, row, metric[1], data)
        if value then
          papers = papers or {}
          papers[data] = value
        end
      end
      if #values > 0 or paper or papers or cited then
        metrics[metric[1]] = {
          mean = #values > 0 and statistics.mean(values) or nil, cited = cited, papers = papers,
          std = statistics.deviation(values), values = core.json_array(values), paper = paper,
        }
      end
    end
    rows[i] = {
      name = row.name, kind = row.kind ~= "run" and row.kind or nil, base = row.base,
      ensemble = row.ensemble, source = printed.source(set, row),
      what = (row.kind ~= "run" or row.base) and M.what(row) or nil, n = #row.runs,
      metrics = metrics, changes = row.changes,
      runs = core.json_array(row.runs), failed = core.json_array(row.failed),
      missing = row.missing, delta = row.delta, switched_off = row.switched_off,
      apart = row.apart or nil,
      about = set.mixed and about_object(row.about) or nil,
    }
  end
  local plan, about = set.plan, set.about
  return {
    title = plan.title, data = plan.data, generated = plan.generated,
    split = about and about.split or set.name, test = set.named and set.name or nil,
    about = about and (about.told or set.named) and about_object(about) or nil,
    reference = set.reference and set.reference.name, rows = rows,
    effects = set.effects and core.json_array(set.effects),
    notes = core.json_array(notes_of_set(set)),
  }
end

-- One plain table a set, for figures and the report.
function M.objects(results)
  local list = {}
  for i, set in ipairs(results.sets) do list[i] = object(set) end
  return list
end

-- One plain table for JSON: of a set without a name as it is, else a list of the sets.
function M.whole(results)
  local list = M.objects(results)
  if #list == 1 and not list[1].test then return list[1] end
  local plan = results.plan
  return { title = plan.title, data = plan.data, generated = plan.generated,
    tests = core.json_array(list), notes = core.json_array(M.notes(results)) }
end

return M
