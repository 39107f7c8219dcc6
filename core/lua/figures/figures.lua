-- figures.lua: from numbers to pictures, by the scripts in plots/.
--
-- A figure is one of gnuplot.lua with {name =, says = a caption in plain words}.
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local gnuplot = require "stepwise.figures.gnuplot"
local interactions = require "stepwise.figures.interactions"
local svg = require "stepwise.figures.svg"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local WIDE <const> = 900

-- Draws a figure to DIR/NAME.FORMAT; the file's name and a remark, if there is one, or nil and the
-- reason.
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
    names[i] = gnuplot.shorten(name, 60)
    longest = math.max(longest, text.width(names[i]))
  end
  local columns = math.max(1, math.min(#names, (WIDE - 30) // (longest * 7.5 + 50)))
  local strip = (#names + columns - 1) // columns * 20 + 8
  figure.set.count, figure.set.key_columns, figure.set.strip = #names, columns, strip
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
      return " Lines are means over the n seeds of a row, bands one standard deviation."
    end
  end
  return ""
end

-- Where the warm-up of any group ends, and the group; 0 when that is the same for all of them.
local function ends_of_warmup(groups)
  local steps, of, seen = {}, {}, {}
  local everywhere = true
  for g, group in ipairs(groups) do
    local warm = group.runs[1].warm
    everywhere = everywhere and warm == groups[1].runs[1].warm
    if warm and not seen[warm] then
      steps[#steps + 1], of[#of + 1], seen[warm] = warm + 0.5, g, true
    end
  end
  if everywhere then of[1] = steps[1] and 0 end
  return steps, of
end

-- The figures of runs: groups {{name =, runs = {what curves.read gave..}}..}; runs of one group
-- differ in their seed only. Those without a number are left out.
function M.of_runs(groups)
  local figures = {}
  local evaluated = some(groups, "evaluations")
  if #evaluated > 0 then
    figures[#figures + 1] = with_key({
      name = "recall", script = "recall", wide = WIDE, high = 420, set = {},
      data = curves.of_evaluations(evaluated),
      says = "Dev evaluations by epoch: rsum and each of the six recalls." .. band(evaluated),
    }, names_of(evaluated))
  end
  local trained = some(groups, "steps")
  if #trained > 0 then
    local data, found = curves.of_steps(trained)
    local warm, warm_group = ends_of_warmup(trained)
    local says = string.format("Loss per pair, norm of the gradient before it is clipped, and "
      .. "learning rate, by step. Bold: means over %d steps, each in the middle of its own, over "
      .. "fewer near both ends%s. Faint: the steps themselves%s.", found.window,
      #warm > 0 and " and near the end of the warm-up" or "", found.each_single > 1
      and string.format(", a point the mean of %d", found.each_single) or "")
    if #warm > 0 then
      says = says .. " Dotted: where the warm-up ends; before it all negatives of a pair are "
        .. "summed, after it the hardest is taken."
    end
    figures[#figures + 1] = with_key({
      name = "loss", script = "loss", wide = WIDE, high = 420, data = data, says = says
        .. band(trained),
      set = { each = found.each, group_of = found.group_of, singles = #found.group_of,
        warm = warm, warm_group = warm_group, warms = #warm },
    }, names_of(trained))
  end
  return figures
end

-- ---- a table's rows ----------------------------------------------------------------------------

-- The ends of the rsum axis: 0, or near the smallest value where that lies far from it; and
-- whether the paper's values fit on it.
local function axis(object)
  local least, most, paper_least, paper_most = math.huge, 0, math.huge, 0
  for _, row in ipairs(object.rows) do
    local rsum = curves.rsum(row)
    if rsum then
      for _, value in ipairs(rsum.values) do least, most = math.min(least, value),
        math.max(most, value) end
      most = math.max(most, rsum.mean + (rsum.std or 0))
      least = math.min(least, rsum.mean - (rsum.std or 0))
      if rsum.paper and not object.generated then
        paper_least, paper_most = math.min(paper_least, rsum.paper),
          math.max(paper_most, rsum.paper)
      end
    end
  end
  local width = math.max(most - least, 1)
  local inside = paper_most > 0 and paper_least > least - 2 * width
    and paper_most < most + 2 * width
  if inside then least, most = math.min(least, paper_least), math.max(most, paper_most) end
  local from = least - 0.6 * (most - least) - 2
  from = from > 20 and from // 10 * 10 or 0
  return from, most + 0.06 * (most - from), inside, paper_least, paper_most
end

-- The figure of an object of results.object(); nil when no run is done.
function M.of_table(object)
  local data, distances = curves.of_rows(object)
  if not data then return nil end
  local based = distances.base > 0
  local margin = 0.06 * (distances.most - distances.least) + 0.1
  local from, to, inside, paper_least, paper_most = axis(object)
  local names, longest, least, most = {}, 1, math.huge, 0
  for i, row in ipairs(object.rows) do
    if row.n > 0 then least, most = math.min(least, row.n), math.max(most, row.n) end
    names[i] = gnuplot.shorten(row.name, 34)
  end
  for i, row in ipairs(object.rows) do
    if least ~= most then names[i] = string.format("%s (n = %d)", names[i], row.n) end
    longest = math.max(longest, text.width(names[i]))
  end
  local papers = paper_most > 0
  local says = (based and "Left: " or "") .. "rsum of each row: mean, standard deviation, each seed"
    .. (from > 0 and string.format("; the axis starts at %g.", from) or ".")
  if based then
    says = says .. " Right: the difference from the base with its 95 % interval; small circles are "
      .. "seeds."
  end
  if papers and not inside then
    says = says .. string.format(" The paper's own values, %.1f to %.1f on its own data, lie off "
      .. "%s.", paper_least, paper_most, based
      and "the left axis; crosses show the differences it reports" or "the axis")
  end
  return {
    name = "ablation", script = "ablation", data = data, wide = WIDE,
    high = 118 + 30 * #names + (based and 30 or 0),
    set = {
      count = #names, strip = based and 30 or 0, from = from, to = to,
      base = distances.base, least = distances.least - margin, most = distances.most + margin,
      against = based and gnuplot.shorten(object.reference, 30) or "",
      papers = papers and 1 or 0, inside = inside and 1 or 0,
      left = math.ceil(longest * 7.4) + 24, key_columns = 1,
      runs = least == most and string.format(least > 1 and "rsum, mean ± deviation, n = %d"
        or "rsum, n = %d", least)
        or "rsum, mean ± deviation",
      name = names,
    },
    says = says,
  }
end

-- The figures of all objects of results.objects(), one for each test set; a row that is evaluated
-- on something else says so beside its name.
function M.of_tables(objects)
  local list = {}
  for i, object in ipairs(objects) do
    local copy = {}
    for key, value in pairs(object) do copy[key] = value end
    copy.rows = {}
    for r, row in ipairs(object.rows) do
      copy.rows[r] = row.apart and setmetatable({ name = string.format("%s (%s)", row.name,
        test_sets.label(row.about)) }, { __index = row }) or row
    end
    for _, figure in pairs { M.of_table(copy), interactions.of(object) } do
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
