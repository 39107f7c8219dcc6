-- table_figure.lua: the figure of a table's rows: rsum, and the differences from the base.
local curves = require "stepwise.figures.curves"
local sizes = require "stepwise.figures.sizes"
local text = require "stepwise.util.text"

local M = {}

local ROW <const>, BELOW <const>, KEY_LINE <const> = 26, 48, 20

-- The ends of the rsum axis, and whether the paper's values fit on it.
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
  local margin = 0.06 * math.max(most - least, 1)
  return least - margin, most + margin, inside, paper_least, paper_most
end

-- Why a row has no values of its own.
local function note_of(row, most)
  if row.kind == "cited" then
    local rsum = row.metrics and row.metrics.rsum and row.metrics.rsum.cited
    return rsum and string.format("cited: %.1f", rsum) or "cited"
  end
  local failed = #(row.failed or {})
  if row.n == 0 then
    if failed == 0 then return "not done" end
    return sizes.fit("failed: " .. text.plain(row.failed[1].reason), most, true)
  end
  return ""
end

-- What the differences say, in one line: which rows are separable from the base.
local function finding_of(object, most)
  local sure, compared = {}, 0
  for _, row in ipairs(object.rows) do
    local delta = type(row.delta) == "table" and row.delta.rsum or row.delta_rsum
    if curves.rsum(row) and row.name ~= object.reference and type(delta) == "table" then
      compared = compared + 1
      if delta.separable then sure[#sure + 1] = row.name end
    end
  end
  if compared == 0 then return "" end
  local function says(base)
    if #sure == 0 then return "no row is separable from " .. base end
    return string.format("%d of %s separable from %s", #sure, text.plural(compared, "row"), base)
  end
  local whole = says(text.plain(object.reference))
  return sizes.text_wide(whole) <= most and whole or says("the base")
end

local key_says <const> = { "mean", "separable from the base", "not separable", "one seed",
  "the paper, one run a row" }

-- The key's texts, where they stand, and how many lines they take.
local function key_of(papers, wide)
  local key, line, x = { says = {}, at = {}, lines = {} }, 1, 12
  for i = 1, papers and 5 or 4 do
    local units = sizes.text_wide(key_says[i], true) + 36
    if x + units > wide then line, x = line + 1, 12 end
    key.says[i], key.at[i], key.lines[i] = key_says[i], x, line
    x = x + units
  end
  return key, line
end

-- The names of the rows, and how many units they take at most. least, most: runs of a row.
local function names_of(rows, least, most, room)
  local names, longest = {}, 1
  for i, row in ipairs(rows) do
    local failed = #(row.failed or {})
    local aside = least ~= most and row.n > 0 and string.format(" (n = %d)", row.n) or ""
    if failed > 0 and row.n > 0 then
      aside = string.format(" (n = %d, %d failed)", row.n, failed)
    end
    names[i] = sizes.fit(row.name, room - sizes.text_wide(aside, true), true) .. aside
    longest = math.max(longest, sizes.text_wide(names[i], true))
  end
  return names, longest
end

-- wide: units; narrow: whether its panels stand below each other. nil when no run is done.
function M.of(object, wide, narrow, millimetres)
  local data, distances = curves.of_rows(object)
  if not data then return nil end
  local based = distances.base > 0 and (distances.least < 0 or distances.most > 0)
  local margin = 0.06 * (distances.most - distances.least) + 0.1
  local from, to, inside, paper_least, paper_most = axis(object)
  local least, most = math.huge, 0
  for _, row in ipairs(object.rows) do
    if row.n > 0 then least, most = math.min(least, row.n), math.max(most, row.n) end
  end
  local names, longest = names_of(object.rows, least, most, narrow and wide * 0.42 or wide * 0.3)
  local left = math.ceil(longest) + 22
  local panel = (narrow or not based) and wide - left - 14 or (wide - left - 14) * 0.46
  local notes = {}
  for i, row in ipairs(object.rows) do notes[i] = note_of(row, panel - 12) end
  local papers = paper_most > 0
  local key, lines = key_of(papers, wide)
  local tall, strip = ROW * #names + 10, based and KEY_LINE * lines + 6 or 0
  local high = (based and not narrow and 32 or 12) + tall + BELOW + strip
    + (based and narrow and tall + 80 or 0)
  local key_down = {}
  for i, line in ipairs(key.lines) do
    key_down[i] = high - strip + KEY_LINE * line - 8
  end
  local says = (based and (narrow and "Above: " or "Left: ") or "")
    .. "rsum of each row: mean, standard deviation, each seed."
  if based then
    says = says .. (narrow and " Below" or " Right") .. ": the difference from the base with its "
      .. "95 % interval; small circles are seeds."
  end
  if papers and not inside then
    says = says .. string.format(" The paper's own values, %.1f to %.1f on its own data, lie off "
      .. "%s.", paper_least, paper_most, based
      and "that axis; crosses show the differences it reports" or "the axis")
  end
  local difference = string.format("rsum minus that of %s, 95 %% interval",
    text.plain(object.reference or ""))
  if sizes.text_wide(difference) > panel + 20 then difference = "Δ rsum, 95 % interval" end
  return {
    name = "ablation", script = "ablation", data = data, wide = wide, high = high,
    millimetres = millimetres,
    set = {
      count = #names, strip = strip, from = from, to = to, tall = tall, narrow = narrow and 1 or 0,
      base = distances.base, least = distances.least - margin, most = distances.most + margin,
      against = based and object.reference or "", note = notes,
      finding = based and finding_of(object, narrow and panel or wide - left - 38 - panel) or "",
      difference = difference,
      papers = papers and 1 or 0, inside = inside and 1 or 0, left = left, key_columns = 1,
      key_at = key.at, key_says = key.says, key_down = key_down, name = names,
      runs = least == most and string.format(least > 1 and "rsum, mean ± deviation, n = %d"
        or "rsum, n = %d", least) or "rsum, mean ± deviation",
    },
    says = says,
  }
end

return M
