-- gallery.lua: a contact sheet of found pictures.
local core = require "stepwise.core"
local gnuplot = require "stepwise.gnuplot"
local pictures = require "stepwise.pictures"
local text = require "stepwise.text"

local M = {}

local PANEL <const>, GAP <const>, EDGE <const>, ACROSS <const> = 180, 14, 16, 5
local HEAD <const>, ABOVE <const>, BELOW <const> = 40, 22, 24
local LINE <const>, LINE_WIDE <const> = 20, 640
local FINEST <const> = 400
M.MOST = 100

-- Draws items {{title =, id =, own = whether it is marked}..} under the line `heading`, and beside
-- them the lines {{text =, own =}..}, if any. how: {pictures = folder, format = "svg" or "png",
-- output = file}. true and a list of complaints about pictures that are missing or broken; nil and
-- the reason when nothing is drawn.
function M.draw(items, heading, how, lines)
  local count = math.min(#items, M.MOST)
  local across = math.min(ACROSS, count)
  lines = lines and table.move(lines, 1, math.min(#lines, M.MOST), 1, {}) or {}
  local beside = 2 * EDGE + across * (PANEL + GAP)
  local wide = math.max(2 * EDGE + math.max(3, across) * (PANEL + GAP) - GAP,
    #lines > 0 and beside + LINE_WIDE or 0)
  local high = HEAD + math.max((count + across - 1) // across * (ABOVE + PANEL + BELOW),
    ABOVE + #lines * LINE)
  local arrays, complaints = {}, {}
  local function add(name, value)
    arrays[name] = arrays[name] or {}
    table.insert(arrays[name], value)
  end
  for i = 1, count do
    local item = items[i]
    local picture, why = pictures.find(how.pictures, item.id)
    if not picture then complaints[#complaints + 1] = why end
    local x = EDGE + (i - 1) % across * (PANEL + GAP)
    local y = HEAD + (i - 1) // across * (ABOVE + PANEL + BELOW) + ABOVE
    -- the picture in the middle of its square
    local longer = picture and math.max(picture.wide, picture.high) or 1
    local w = picture and PANEL * picture.wide / longer or PANEL
    local h = picture and PANEL * picture.high / longer or PANEL
    add("title", gnuplot.quoted(item.title))
    add("below", gnuplot.quoted(item.id and gnuplot.shorten(item.id, 26) or ""))
    add("own", item.own and "1" or "0")
    add("kind", gnuplot.quoted(picture and picture.kind or "none"))
    add("picture", picture and gnuplot.as_file(picture.path) or "''")
    add("wide", picture and picture.wide or 1)
    add("high", picture and picture.high or 1)
    add("step", math.ceil(longer / FINEST))
    add("left", string.format("%.6f", (x + (PANEL - w) / 2) / wide))
    add("right", string.format("%.6f", (x + (PANEL + w) / 2) / wide))
    add("top", string.format("%.6f", 1 - (y + (PANEL - h) / 2) / high))
    add("bottom", string.format("%.6f", 1 - (y + (PANEL + h) / 2) / high))
  end
  for i, line in ipairs(lines) do
    add("line", gnuplot.quoted(gnuplot.shorten(line.text, 90)))
    add("line_own", line.own and "1" or "0")
    add("line_y", string.format("%.6f", 1 - (HEAD + ABOVE + (i - 0.5) * LINE) / high))
  end
  local drawn, reason = gnuplot.draw(function(output)
    local parts = { gnuplot.head(how.format, output, wide, high, count) }
    for _, name in ipairs(text.sorted_keys(arrays)) do
      local of = name:find("^line") and "" or "panel_"
      parts[#parts + 1] = gnuplot.array(of .. name, arrays[name])
    end
    parts[#parts + 1] = string.format("heading = %s\nedge = %.6f\nlines = %d\nbeside = %.6f\n",
      gnuplot.quoted(gnuplot.shorten(heading, wide // 9)), EDGE / wide, #lines, beside / wide)
    parts[#parts + 1] = core.built_in("style.gp") .. core.built_in("gallery.gp")
    return table.concat(parts)
  end, how.format, how.output)
  if not drawn then return nil, reason end
  complaints[#complaints + 1] = reason
  return true, complaints
end

return M
