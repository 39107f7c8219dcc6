-- records.lua: the results of tables as rows of numbers for programs, which CSV prints.
local layout = require "stepwise.results.layout"
local printed = require "stepwise.results.printed"
local statistics = require "stepwise.results.statistics"
local summary = require "stepwise.results.summary"
local text = require "stepwise.util.text"

local M = {}

local about_keys <const> = { "split", "images", "captions", "folds" }

-- What the sets have: {folder = of several folders, told = where results say what they are of,
-- kinds = where not all rows are runs, pointing =, switched_off =, papers = names of other data}.
local function traits_of(list)
  local has = { folder = #list > 1, papers = {} }
  for _, results in ipairs(list) do
    for _, set in ipairs(results.sets) do
      has.told = has.told or set.named or set.mixed or (set.about ~= nil and set.about.told)
      has.kinds = has.kinds or set.effects ~= nil and #set.effects > 0
      has.switched_off = has.switched_off or set.switched_off ~= nil
      for _, row in ipairs(set.rows) do
        has.kinds = has.kinds or row.kind ~= "run"
        for _, run in ipairs(row.runs) do has.pointing = has.pointing or run.pointing ~= nil end
      end
    end
    local papers = printed.data(results.sets[1])
    for _, data in ipairs(papers[1] and papers or {}) do
      has.papers[#has.papers + 1] = not has.papers[data] and data or nil
      has.papers[data] = true
    end
  end
  return has
end

local function number(value) return value and text.number(value) or "" end

-- Statistics to more digits than they hold, so that the last bits of a machine's mathematics do not
-- show.
local function rounded(value) return value and string.format("%.6g", value) or "" end

-- The columns in order: {head =, name = the one in --columns, nil, or true for what is always
-- there, cell = function(row, set, results) that gives a text, or a number and how it is printed}.
local function columns_of(has)
  local list = {}
  local function add(head, name, cell)
    list[#list + 1] = { head = head, name = name, cell = cell }
  end
  local function add_difference(front, name, delta_of, keys)
    for _, key in ipairs(keys) do
      local column = name
      if type(name) == "table" then column = name[key[2]] end
      add(key[1] == "" and front or front .. key[1], column, function(row)
        local rsum = delta_of(row)
        if key[2] == "separable" then return rsum and rsum.n and tostring(rsum.separable) or "" end
        return rsum and rsum[key[2]], rounded
      end)
    end
  end
  if has.folder then
    add("folder", true, function(_, _, results) return text.plain(results.dir or "") end)
  end
  add("row", true, function(row) return row.name end)
  add("n", "n", function(row) return tostring(row.n or #row.runs) end)
  add("seeds", nil, function(row)
    local seeds = {}
    for i, run in ipairs(row.runs) do seeds[i] = tostring(run.seed) end
    return table.concat(seeds, ", ")
  end)
  add("failed", nil, function(row) return tostring(#row.failed) end)
  add("reason", nil, function(row)
    local reasons = {}
    for i, failure in ipairs(summary.by_reason(row.failed)) do reasons[i] = failure.reason end
    return table.concat(reasons, "; ")
  end)
  add("changes", nil, function(row) return summary.what(row) end)
  for _, metric in ipairs(layout.metrics) do
    local name = metric[1]
    add(name .. "_mean", name, function(row, set)
      local values = summary.values(row, name)
      return #values > 0 and statistics.mean(values) or printed.cited(set, row, name), number
    end)
    add(name .. "_std", name, function(row)
      return statistics.deviation(summary.values(row, name)), rounded
    end)
    add(name .. "_paper", name == "rsum" and "paper" or nil, function(row, set)
      return printed.paper(set, row, name), number
    end)
  end
  local function own(row) return row.delta and row.delta.rsum end
  add_difference("delta_rsum", { mean = "delta", low = "interval", high = "interval" }, own,
    { { "", "mean" }, { "_low", "low" }, { "_high", "high" } })
  add_difference("", { p_holm = "p", separable = "delta" }, own,
    { { "p", "p" }, { "p_holm", "p_holm" }, { "separable", "separable" } })
  if has.told then
    add("test", true, function(_, set) return set.name end)
    for _, key in ipairs(about_keys) do
      add(key, nil, function(row) return row.about and tostring(row.about[key] or "") or "" end)
    end
  end
  if has.kinds then add("kind", true, function(row) return row.kind end) end
  for _, data in ipairs(has.papers) do
    for _, metric in ipairs(layout.metrics) do
      add(metric[1] .. "_paper " .. text.plain(data), metric[1] == "rsum" and "paper" or nil,
        function(row, set) return printed.paper(set, row, metric[1], data), number end)
    end
  end
  if has.pointing then
    local function values_of(row)
      local values = {}
      for i, run in ipairs(row.runs) do values[i] = run.pointing end
      return #values == #row.runs and values or {}
    end
    add("pointing_mean", "pointing", function(row)
      local values = values_of(row)
      return #values > 0 and statistics.mean(values), rounded
    end)
    add("pointing_std", "pointing", function(row)
      return statistics.deviation(values_of(row)), rounded
    end)
  end
  if has.switched_off then
    add_difference("switched_off", "switched_off", function(row)
      return row.switched_off and row.switched_off.delta and row.switched_off.delta.rsum
    end, { { "", "mean" }, { "_low", "low" }, { "_high", "high" }, { "_p_holm", "p_holm" },
      { "_separable", "separable" } })
  end
  return list
end

-- Of all columns those that are asked for, in that order; `row` and what tells rows apart stay.
local function chosen(all, names)
  if not names then return all end
  local list = {}
  for _, column in ipairs(all) do
    if column.name == true then list[#list + 1] = column end
  end
  for _, name in ipairs(names) do
    for _, column in ipairs(all) do
      if column.name == name then list[#list + 1] = column end
    end
  end
  return list
end

-- What an effect of a design's parts is as a row: its parts, what it is, its difference.
local function effect_row(effect, about)
  return { name = table.concat(effect.parts, " × "), kind = effect.kind, runs = {}, failed = {},
    changes = { effect.says }, n = effect.delta.rsum.n, delta = effect.delta, about = about }
end

-- Rows for CSV: one per row of the tables, and one per effect of the parts of a design. how:
-- {columns = what columns.names gave, precision = digits after the point}, each may be nil.
function M.of(list, how)
  local columns, rows = chosen(columns_of(traits_of(list)), how.columns), { {} }
  for i, column in ipairs(columns) do rows[1][i] = column.head end
  local function add(row, set, results)
    local cells = {}
    for i, column in ipairs(columns) do
      local value, printer = column.cell(row, set, results)
      local is_p = column.head == "p" or column.head:find("p_holm$")
      if printer and value and how.precision and not is_p then
        cells[i] = string.format("%." .. how.precision .. "f", value)
      else
        cells[i] = printer and printer(value) or value
      end
    end
    rows[#rows + 1] = cells
  end
  for _, results in ipairs(list) do
    for _, set in ipairs(results.sets) do
      for _, row in ipairs(set.rows) do add(row, set, results) end
      for _, effect in ipairs(set.effects or {}) do
        add(effect_row(effect, set.about), set, results)
      end
    end
  end
  return rows
end

return M
