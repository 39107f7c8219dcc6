-- sizes.lua: the format and the width of a figure, as the options of a command say them.
--
-- Figures are laid out in units, of which the scripts' fonts have 11 to 14: in an SVG for a
-- screen a
-- unit is a pixel; in print PER_MM of them make a millimetre, which brings those fonts to 7 to 9
-- points.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

M.PER_MM = 4.4
M.WIDE = 900 -- units of a figure that nothing is said of

local LEAST_MM <const>, MOST_MM <const> = 60, 400
local per_unit <const> = { mm = 1, cm = 10, ["in"] = 25.4, pt = 25.4 / 72.27 }

-- The options, for a command's list.
M.options = {
  { "png", nil, "PNG, not SVG" },
  { "pdf", nil, "PDF, with its fonts in it" },
  { "width", "LENGTH", "as wide as in print, as 84mm (a column), 174mm (two), 3.3in" },
}

-- {format = "svg", "png" or "pdf", millimetres = the width or nil}.
function M.of(given, command)
  if given.png and given.pdf then
    core.fail(2, command .. ": give either --png or --pdf, not both")
  end
  local how = { format = given.pdf and "pdf" or given.png and "png" or "svg" }
  if given.width then
    local number, unit = given.width:match("^(%d+%.?%d*)%s*(%a+)$")
    local millimetres = per_unit[unit] and tonumber(number) * per_unit[unit]
    if not millimetres or millimetres < LEAST_MM or millimetres > MOST_MM then
      core.fail(2, string.format("%s: --width: expected a length of %d to %d mm, as 84mm or 3.3in, "
        .. "found '%s'", command, LEAST_MM, MOST_MM, text.plain(given.width)))
    end
    how.millimetres = millimetres
  end
  return how
end

-- How many units wide a figure is laid out; `wide` where nothing is said.
function M.units(how, wide)
  return how.millimetres and math.floor(how.millimetres * M.PER_MM + 0.5) or wide or M.WIDE
end

-- About how many units a text takes in the fonts of titles: advance widths of DejaVu Sans, which is
-- wider than what else stands for a sans-serif. small: in those of labels.
local narrow <const>, broad <const> = "[ijl.,:;'|!I%[%]() ]", "[mwMW@%%]"
function M.text_wide(s, small)
  local units = 0
  for c in text.plain(s):gmatch(utf8.charpattern) do
    units = units + (c:find(broad) and 12.5 or c:find(narrow) and 5 or text.width(c) > 1 and 14
      or c:find("%u") and 9.6 or 8.2)
  end
  return units * (small and 0.82 or 1)
end

-- s, cut so that it takes at most `most` units.
function M.fit(s, most, small)
  s = text.plain(s)
  if M.text_wide(s, small) <= most then return s end
  local columns = text.width(s)
  local cut
  repeat
    columns = columns - 1
    cut = text.cut(s, columns) .. "…"
  until columns <= 1 or M.text_wide(cut, small) <= most
  return cut
end

-- The first of the texts that takes at most `most` units; else the last one, cut.
function M.first_fitting(most, ...)
  local texts = { ... }
  for _, s in ipairs(texts) do
    if M.text_wide(s) <= most then return text.plain(s) end
  end
  return M.fit(texts[#texts], most)
end

return M
