-- figures.lua: from numbers to pictures, by the scripts in plots/.
--
-- A figure is one of gnuplot.lua with {name =, says = a caption in plain words}.
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local gnuplot = require "stepwise.figures.gnuplot"
local interactions = require "stepwise.figures.interactions"
local layout = require "stepwise.results.layout"
local sizes = require "stepwise.figures.sizes"
local svg = require "stepwise.figures.svg"
local table_figure = require "stepwise.figures.table_figure"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

-- Below this many units panels stand below each other, and not beside.
M.NARROW = 560

-- Draws a figure to DIR/NAME.FORMAT; the file's name and a remark, if there is one, or nil and the
-- reason. format: "svg", "png" or "pdf".
function M.draw(figure, format, dir)
  local output = string.format("%s/%s.%s", dir, figure.name, format)
  local drawn, reason = gnuplot.draw(figure, format, output)
  if not drawn then return nil, reason end
  if format == "svg" then core.write_file(output, svg.tidy(core.read_file(output))) end
  return output, reason
end

-- ---- curves ------------------------------------------------------------------------------------

-- The key's part of a figure's settings: as many columns as the names leave room for.
local function with_key(figure, names)
  local longest = 1
  for i, name in ipairs(names) do
    names[i] = sizes.fit(gnuplot.shorten(name, 60), figure.wide - 70)
    longest = math.max(longest, text.width(names[i]))
  end
  local columns = math.max(1, math.min(#names, (figure.wide - 30) // (longest * 7.5 + 50)))
  local strip = (#names + columns - 1) // columns * 20 + 8
  figure.set.count, figure.set.key_columns, figure.set.strip = #names, math.floor(columns), strip
  figure.set.name = names
  figure.high = figure.high + strip
  return figure
end

local function names_of(groups)
  local names = {}
  for i, group in ipairs(groups) do
    names[i] = #group.runs > 1 and string.format("%s (n = %d)", group.name, #group.runs)
      or group.name
  end
  return names
end

local function some(groups, has)
  local kept = {}
  for _, group in ipairs(groups) do
    local runs = {}
    for _, run in ipairs(group.runs) do
      if #run[has] > 0 then runs[#runs + 1] = run end
    end
    if #runs > 0 then kept[#kept + 1] = { name = group.name, runs = runs } end
  end
  return kept
end

local function band(groups)
  for _, group in ipairs(groups) do
    if #group.runs > 1 then
      return " Lines are means over the n seeds of a row"
        .. (#groups <= curves.MOST_BANDS and ", bands one standard deviation." or ".")
    end
  end
  return ""
end

-- Where the warm-up of any group ends, by a field of its first run, and the group; 0 when that is
-- the same for all of them.
local function ends_of_warmup(groups, field)
  local places, of, seen = {}, {}, {}
  local everywhere = true
  for g, group in ipairs(groups) do
    local warm = group.runs[1][field]
    everywhere = everywhere and warm == groups[1].runs[1][field]
    if warm and not seen[warm] then
      places[#places + 1], of[#of + 1], seen[warm] = warm, g, true
    end
  end
  if everywhere then of[1] = places[1] and 0 end
  return places, of
end

-- The least of 1, 2, 5, 10, 20 .. that cuts a length into at most `most` pieces.
local function step_of(length, most)
  local least, unit = math.max(1, length / most), 1
  while true do
    for _, times in ipairs { 1, 2, 5 } do
      if times * unit >= least then return times * unit end
    end
    unit = unit * 10
  end
end

local MOST_DIRECT <const>, WIDEST_DIRECT <const>, LINE <const> = 4, 130, 15

-- Where the names of curves that end at `ends` stand beside them, in units from the top, no two on
-- each other: y is the place of a value.
local function beside(ends, y, top, bottom)
  local order, places = {}, {}
  for i in ipairs(ends) do order[i] = i end
  table.sort(order, function(a, b)
    if ends[a] ~= ends[b] then return ends[a] > ends[b] end
    return a < b
  end)
  local last = top - LINE
  for _, i in ipairs(order) do
    places[i] = math.max(y(ends[i]), last + LINE)
    last = places[i]
  end
  local next_one = bottom + LINE
  for at = #order, 1, -1 do
    places[order[at]] = math.min(places[order[at]], next_one - LINE)
    next_one = places[order[at]]
  end
  return places
end

-- The figure of dev evaluations. Few curves have their names at their ends, many in a key.
local function recall(groups, how)
  local data, found = curves.of_evaluations(groups)
  local names, wide = names_of(groups), sizes.units(how)
  local narrow, longest = wide < M.NARROW, 1
  for _, name in ipairs(names) do longest = math.max(longest, sizes.text_wide(name, true)) end
  local direct = #names <= MOST_DIRECT and #found.ends == #names and longest <= WIDEST_DIRECT
  local right = direct and math.ceil(longest) + 12 or 0
  local warm, warm_group = ends_of_warmup(groups, "warm_at")
  local length = found.last - found.first
  local pad = length > 0 and 0.03 * length or 0.5
  local ends = { least = found.least.rsum or 0, most = found.most.rsum or 1 }
  local spread, recalls = math.max(ends.most - ends.least, 1), {}
  for i, metric in ipairs(layout.metrics) do
    local name = metric[1]
    recalls[i] = step_of((found.most[name] or 1) - (found.least[name] or 0), narrow and 3 or 5)
  end
  local x1 = narrow and wide - 14 - right or math.floor(0.36 * wide)
  local figure = {
    name = "recall", script = "recall", wide = wide, high = narrow and 520 or 410, data = data,
    millimetres = how.millimetres,
    set = {
      first = found.first - pad, last = found.last + pad, narrow = narrow and 1 or 0,
      epochs = found.last >= 1 and step_of(length, narrow and 8 or 7) or 0,
      epochs_small = found.last >= 1 and step_of(length, narrow and 3 or 5) or 0,
      least = ends.least - 0.05 * spread, most = ends.most + 0.05 * spread, recalls = recalls,
      direct = right, x1 = x1, y1 = narrow and 220 or 410 - 44, label_y = {},
      warm = warm, warm_group = warm_group, warms = #warm,
    },
    says = "Dev evaluations by epoch: rsum and each of the six recalls." .. band(groups),
  }
  local set = figure.set
  if direct then
    set.count, set.key_columns, set.strip, set.name = #names, 1, 0, names
    local top, bottom = 32, set.y1
    set.label_y = beside(found.ends, function(value)
      return bottom - (value - set.least) / (set.most - set.least) * (bottom - top)
    end, top, bottom)
    return figure
  end
  return with_key(figure, names)
end

local function loss(groups, how)
  local data, found = curves.of_steps(groups)
  local warm, warm_group = ends_of_warmup(groups, "warm")
  for i, step in ipairs(warm) do warm[i] = step + 0.5 end
  local says = string.format("Loss per pair, norm of the gradient before it is clipped, and "
    .. "learning rate, by step. Bold: means over %d steps, each in the middle of its own, over "
    .. "fewer near both ends%s. Faint: the steps themselves%s.", found.window,
    #warm > 0 and " and near the end of the warm-up" or "", found.each_single > 1
    and string.format(", a point the mean of %d", found.each_single) or "")
  if #warm > 0 then
    says = says .. " Dotted: where the warm-up ends; before it all negatives of a pair are "
      .. "summed, after it the hardest is taken."
  end
  local wide = sizes.units(how)
  local narrow, last = wide < M.NARROW, 1
  for _, group in ipairs(groups) do
    for _, run in ipairs(group.runs) do last = math.max(last, run.last) end
  end
  return with_key({
    name = "loss", script = "loss", wide = wide, high = narrow and 620 or 410, data = data,
    millimetres = how.millimetres, says = says .. band(groups),
    set = { each = found.each, group_of = found.group_of, singles = #found.group_of,
      narrow = narrow and 1 or 0, steps = step_of(last, narrow and 6 or wide < 800 and 5 or 8),
      warm = warm, warm_group = warm_group, warms = #warm },
  }, names_of(groups))
end

-- The figures of runs: groups {{name =, runs = {what curves.read gave..}}..}; runs of one group
-- differ in their seed only. Those without a number are left out. how: the width, of sizes.of.
function M.of_runs(groups, how)
  local figures = {}
  for _, kind in ipairs { { "evaluations", recall }, { "steps", loss } } do
    local kept = some(groups, kind[1])
    if #kept > 0 then figures[#figures + 1] = kind[2](kept, how or {}) end
  end
  return figures
end

-- ---- a table's rows ----------------------------------------------------------------------------

-- The figure of an object of results.object(); nil when no run is done.
function M.of_table(object, how)
  local wide = sizes.units(how or {})
  return table_figure.of(object, wide, wide < M.NARROW, how and how.millimetres)
end

-- The figures of all objects of results.objects(), one for each test set; a row that is evaluated
-- on something else says so beside its name. how: the width, of sizes.of.
function M.of_tables(objects, how)
  local list = {}
  for i, object in ipairs(objects) do
    local copy = {}
    for key, value in pairs(object) do copy[key] = value end
    copy.rows = {}
    for r, row in ipairs(object.rows) do
      copy.rows[r] = row.apart and setmetatable({ name = string.format("%s (%s)", row.name,
        test_sets.label(row.about)) }, { __index = row }) or row
    end
    for _, figure in pairs { M.of_table(copy, how), interactions.of(object, how) } do
      if i > 1 then figure.name = figure.name .. "-" .. i end
      if object.test then
        figure.says = string.format("%s (%s). %s", object.test, test_sets.label(object.about),
          figure.says)
      end
      list[#list + 1] = figure
    end
  end
  return list
end

return M
