-- gallery.lua: a contact sheet of found pictures.
local gnuplot = require "stepwise.figures.gnuplot"
local pictures = require "stepwise.figures.pictures"

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
  local set, complaints = { line = {}, line_own = {}, line_y = {} }, {}
  local function add(name, value)
    set[name] = set[name] or {}
    table.insert(set[name], value)
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
    add("panel_title", item.title)
    add("panel_below", item.id and gnuplot.shorten(item.id, 26) or "")
    add("panel_own", item.own and 1 or 0)
    add("panel_kind", picture and picture.kind or "none")
    add("panel_picture", picture and gnuplot.as_file(picture.path) or "")
    add("panel_wide", picture and picture.wide or 1)
    add("panel_high", picture and picture.high or 1)
    add("panel_step", math.ceil(longer / FINEST))
    add("panel_left", (x + (PANEL - w) / 2) / wide)
    add("panel_right", (x + (PANEL + w) / 2) / wide)
    add("panel_top", 1 - (y + (PANEL - h) / 2) / high)
    add("panel_bottom", 1 - (y + (PANEL + h) / 2) / high)
  end
  for i, line in ipairs(lines) do
    add("line", gnuplot.shorten(line.text, 90))
    add("line_own", line.own and 1 or 0)
    add("line_y", 1 - (HEAD + ABOVE + (i - 0.5) * LINE) / high)
  end
  set.count, set.edge, set.lines, set.beside = count, EDGE / wide, #lines, beside / wide
  set.heading = gnuplot.shorten(heading, wide // 9)
  local drawn, reason = gnuplot.draw({ script = "gallery", wide = wide, high = high, set = set },
    how.format, how.output)
  if not drawn then return nil, reason end
  complaints[#complaints + 1] = reason
  return true, complaints
end

return M
