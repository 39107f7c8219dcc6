-- columns.lua: chosen columns of a table, or of several side by side, as cells that LaTeX and
-- Markdown print each in their way; for programs see records.lua.
--
-- A cell: {text = plain, deviation = text or nil, value = the printed number where one is best,
-- best =, second =, unsure = whether it is marked as not separable, chars = about how wide it is}.
local core = require "stepwise.core"
local differences = require "stepwise.results.differences"
local layout = require "stepwise.results.layout"
local printed = require "stepwise.results.printed"
local statistics = require "stepwise.results.statistics"
local text = require "stepwise.util.text"

local M = {}

function M.rsum_of(row) return row.delta and row.delta.rsum end

local function number(value, how) return string.format("%." .. how.precision .. "f", value) end

local function mean_cell(values, how)
  if #values == 0 then return nil end
  local deviation = how.deviations and statistics.deviation(values)
  local mean = number(statistics.mean(values), how)
  return { text = mean, value = tonumber(mean), deviation = deviation and number(deviation, how),
    chars = #mean + (deviation and how.precision + 3 or 0) }
end

local function difference_cell(rsum, how)
  return rsum and { text = differences.signed(rsum.mean, how.precision), chars = 6,
    unsure = not rsum.separable }
end

-- Columns that are no metric: their heads, and a row's cell.
M.others = {
  delta = { "Δ rsum", function(row, how) return difference_cell(M.rsum_of(row), how) end },
  interval = { "95 % interval", function(row, how)
    local rsum = M.rsum_of(row)
    return rsum and rsum.low and { text = differences.interval(rsum, how.precision), chars = 14 }
  end },
  p = { "p", function(row)
    local p = M.rsum_of(row) and M.rsum_of(row).p_holm
    return p and { text = p < 0.001 and "<0.001" or string.format("%.3f", p), chars = 6 }
  end },
  n = { "n", function(row)
    return { text = row.kind == "cited" and "cited" or tostring(#row.runs), chars = 2 }
  end },
  paper = { "paper", function(row, how, set)
    local value = printed.paper(set, row, "rsum")
    return value and { text = number(value, how), chars = 6 }
  end },
  pointing = { "pointing", function(row, how)
    local values = {}
    for i, run in ipairs(row.runs) do values[i] = run.pointing end
    return #values == #row.runs and mean_cell(values, how)
  end },
  switched_off = { "switched off", function(row, how)
    local off = row.switched_off
    if off and off.reason then return { text = "n/a", chars = 3 } end
    return off and off.delta and difference_cell(off.delta.rsum, how)
  end },
}

local metric_names, metric_heads = {}, {}
for i, metric in ipairs(layout.metrics) do
  metric_names[i], metric_heads[metric[1]] = metric[1], metric[2]
end
local other_names <const> = { "delta", "interval", "p", "n", "paper", "pointing", "switched_off" }

-- The names of a list as "recalls,rsum,n"; nil is nil.
function M.names(list)
  if not list then return nil end
  local known = table.move(metric_names, 1, #metric_names, 2, { "recalls" })
  table.move(other_names, 1, #other_names, #known + 1, known)
  local names, seen = {}, {}
  local function add(name, said)
    if seen[name] then
      core.fail(2, string.format("--columns: twice '%s'", text.plain(said)))
    end
    names[#names + 1], seen[name] = name, true
  end
  for name in (list .. ","):gmatch("%s*([^,]-)%s*,") do
    local found = false
    for _, one in ipairs(known) do found = found or one == name end
    if not found then
      core.fail(2, string.format("--columns: no column '%s'%s", text.plain(name),
        core.suggest(name, known)))
    end
    for i = 1, name == "recalls" and 6 or 0 do add(metric_names[i], name) end
    if name ~= "recalls" then add(name, name) end
  end
  return names
end

-- A column's head in plain words.
function M.head(name) return metric_heads[name] or M.others[name][1] end

-- Whether any row of the sets has something in the column.
local function any_cell(sets, name, how)
  for _, set in ipairs(sets) do
    for _, row in ipairs(set.rows) do
      if M.others[name][2](row, how, set) then return true end
    end
  end
  return false
end

-- Marks the best and the second of a column's cells, as they are printed.
local function rank(cells)
  local seen, values, count = {}, {}, 0
  for _, cell in pairs(cells) do
    count = count + (cell.value and 1 or 0)
    if cell.value and not seen[cell.value] then
      values[#values + 1], seen[cell.value] = cell.value, true
    end
  end
  table.sort(values, function(a, b) return a > b end)
  if count < 2 then return end -- nothing to compare with
  for _, cell in pairs(cells) do
    if cell.value == values[1] then cell.best = true end
    if cell.value == values[2] and #values > 2 then cell.second = true end
  end
end

local function cell_of(set, row, name, how)
  if M.others[name] then return M.others[name][2](row, how, set) or nil end
  local values = { row.kind == "cited" and printed.cited(set, row, name) or nil }
  for i, run in ipairs(row.runs) do values[i] = run.metrics[name] end
  return mean_cell(values, how)
end

-- The cells of one set, {[row's name] = {cell of each column or false ..}}, the widest of each
-- column, and whether a row is marked.
local function cells_of(set, how)
  local cells, widths, marked = {}, {}, false
  for _, row in ipairs(set.rows) do cells[row.name] = {} end
  for c, name in ipairs(how.columns) do
    local kinds = {} -- the cells of a column, those of a kind of rows apart
    widths[c] = #name
    for _, row in ipairs(set.rows) do
      local cell = cell_of(set, row, name, how)
      if cell and not row.apart then
        local kind, rsum = row.kind or "run", M.rsum_of(row)
        kinds[kind] = kinds[kind] or {}
        kinds[kind][row] = cell
        if name == "rsum" and not how.has_delta then cell.unsure = rsum and not rsum.separable end
      end
      marked = marked or cell and cell.unsure or false
      cells[row.name][c] = cell or false
      widths[c] = math.max(M.others[name] and #name or 4, widths[c] > 6 and 4 or widths[c],
        cell and cell.chars or 0)
    end
    kinds.cited = nil -- numbers of others stand outside
    for _, alike in pairs(kinds) do rank(alike) end
  end
  return cells, widths, marked
end

local function bodies_of(results_list)
  local bodies = {}
  for _, results in ipairs(results_list) do
    for _, set in ipairs(results.sets) do
      local data = text.plain(results.plan.data or ""):match("([^/]+)/*$") or ""
      bodies[#bodies + 1] = { set = set, name = #results_list > 1
        and data .. (set.named and ", " .. set.name or "") or set.named and set.name or nil }
    end
  end
  local count = {}
  for _, body in ipairs(bodies) do count[body.name or ""] = (count[body.name or ""] or 0) + 1 end
  local at = 1 -- folders of the same data are told apart by their own names
  for _, results in ipairs(results_list) do
    for _ in ipairs(results.sets) do
      local body = bodies[at]
      if #results_list > 1 and count[body.name] > 1 then
        local own = text.plain(results.dir):match("([^/]+)/*$") or results.dir
        body.name = own .. (body.set.named and ", " .. body.set.name or "")
      end
      at = at + 1
    end
  end
  return bodies
end

-- Fills in what follows from the sets: columns, deviations, and whether anything is compared.
local function settle(how, bodies)
  local sets = {}
  for i, body in ipairs(bodies) do sets[i] = body.set end
  local compared = any_cell(sets, "delta", how)
  if not how.columns then
    how.columns = M.names(#bodies > 2 and "i2t_r1,t2i_r1,rsum" or "recalls,rsum")
    for _, name in ipairs { "delta", "switched_off" } do
      if #bodies == 1 and any_cell(sets, name, how) then table.insert(how.columns, name) end
    end
  end
  how.compared, how.spread, how.has_delta, how.deviations = compared, false, false, #bodies == 1
  for _, name in ipairs(how.columns) do
    how.has_delta = how.has_delta or name == "delta"
    how.has_off = how.has_off or name == "switched_off"
  end
  for _, set in ipairs(sets) do
    for _, row in ipairs(set.rows) do how.spread = how.spread or #row.runs > 1 end
  end
end

-- The rows of all sets, by name, in the order of their first sight.
local function row_names(bodies)
  local names, seen = {}, {}
  for _, body in ipairs(bodies) do
    for _, row in ipairs(body.set.rows) do
      if not seen[row.name] then names[#names + 1], seen[row.name] = row.name, row end
    end
  end
  return names, seen
end

-- The columns of one or several results: {bodies = {{set =, name = of the data and test set
-- where there are several, cells = {[row's name] = cells}, widths =, runs = {[row's name] = how
-- many}} ..}, order = names of rows, rows = by name, marked = whether a row is marked as not
-- separable, how = what was chosen}. how: {columns = of M.names, precision = digits}, each may
-- be nil; fits: whether a page with deviations, which it is given, is not too wide.
function M.choose(results_list, how, fits)
  local page = { bodies = bodies_of(results_list), marked = false, how = {
    columns = how.columns, precision = how.precision or 1 } }
  settle(page.how, page.bodies)
  page.order, page.rows = row_names(page.bodies)
  local function fill()
    for _, body in ipairs(page.bodies) do
      local marked
      body.cells, body.widths, marked = cells_of(body.set, page.how)
      page.marked = page.marked or marked
      body.runs = {}
      for _, row in ipairs(body.set.rows) do body.runs[row.name] = #row.runs end
    end
  end
  fill()
  if page.how.deviations and fits and not fits(page) then
    page.how.deviations = false
    fill()
  end
  return page
end

-- Whether no run of a row is done in any set, and so why is told instead of its numbers.
function M.is_empty(page, name)
  local done = 0
  for _, body in ipairs(page.bodies) do done = done + (body.runs[name] or 0) end
  return done == 0 and page.rows[name].kind ~= "cited"
end

return M
