-- attention.lua: where a model looks, for one image and one sentence (session:explain), as pictures
-- and as a table.
local core = require "stepwise.core"
local gnuplot = require "stepwise.figures.gnuplot"
local pictures = require "stepwise.figures.pictures"
local regions = require "stepwise.figures.regions"
local sizes = require "stepwise.figures.sizes"
local text = require "stepwise.util.text"

local M = {}

-- What an explanation is of, in one line.
function M.title(found)
  local of = found.text or table.concat(found.words, " ", 2, #found.words - 1)
  return (text.plain(of):match("^%s*(.-)%s*$"))
end

-- ---- the table ---------------------------------------------------------------------------------

local function place(found, region)
  local box = found.boxes and found.boxes[region]
  if not box then return "NaN\tNaN\tNaN\tNaN" end
  return string.format("%.9g\t%.9g\t%.9g\t%.9g", table.unpack(box, 1, 4))
end

-- One row per weight: the map, what looks (a word, a region, or one vector, which has no number),
-- at what (a word or a region), the region's box in pixels. Numbers of words and regions begin at
-- 0; word 0 is <start>.
function M.tsv(found)
  local rows = { "name\tkind\tword_index\tword\tregion\tx1\ty1\tx2\ty2\tweight\n" }
  for _, map in ipairs(found.maps) do
    for r, weights in ipairs(map.weights) do
      for c, weight in ipairs(weights) do
        local word = (map.kind == "word" and r) or (map.kind == "region" and c)
          or (map.kind == "context_words" and c)
        local region = (map.kind == "word" and c) or (map.kind == "region" and r)
          or (map.kind == "context" and c)
        if word or region then
          rows[#rows + 1] = string.format("%s\t%s\t%s\t%s\t%s\t%s\t%.9g\n", text.plain(map.name),
            map.kind, word and word - 1 or "NaN", word and text.plain(found.words[word]) or "",
            region and region - 1 or "NaN",
            region and place(found, region) or "NaN\tNaN\tNaN\tNaN", weight)
        end
      end
    end
  end
  return table.concat(rows)
end

-- ---- panels ------------------------------------------------------------------------------------

local MOST_WORDS <const> = 60
local PANEL <const>, NARROWEST <const>, GAP <const>, EDGE <const>, ACROSS <const> = 150, 100, 12,
  16, 7

-- The words that get a panel of their own: those between <start> and <end>.
local function shown_words(found)
  local list = {}
  for i = 2, #found.words - 1 do
    if #list < MOST_WORDS then list[#list + 1] = i end
  end
  if #list == 0 then list = { 1, #found.words } end
  return list
end

-- A word in at most `most` units, so that it meets no other; small: in the font of labels.
local function label(found, i, most, small)
  for _, unknown in ipairs(found.unknown) do
    if unknown == found.words[i] then
      return sizes.fit(found.words[i], most - sizes.text_wide(" (unk)", small), small) .. " (unk)"
    end
  end
  return sizes.fit(found.words[i], most, small)
end

local function column(map, j)
  local result = {}
  for i = 1, map.rows do result[i] = map.weights[i][j] end
  return result
end

-- A panel for each word: where it looks, or who looks at it.
local function section_of(found, map, panel)
  local panels, words = {}, map.kind == "word"
  for _, i in ipairs(shown_words(found)) do
    panels[#panels + 1] = { kind = "regions", title = label(found, i, panel),
      weights = words and map.weights[i] or column(map, i) }
  end
  local title = map.name .. (words and ": where each word looks"
    or ": which regions look at each word")
  if #panels < #found.words - 2 then
    title = string.format("%s (the first %d of %d words)", title, #panels, #found.words - 2)
  end
  return { panels = panels, title = title }
end

-- Sections of panels, each a row or more: {title =, panels = {{kind =, title =, note =,
-- weights =}..}}. What words do comes first. The first section begins with the image and ends with
-- the vectors that stand for a whole side. panel: how wide one is, in units.
function M.sections(found, panel)
  local sections, alone = {}, {}
  panel = panel or PANEL
  for _, kind in ipairs { "word", "region" } do
    for _, map in ipairs(found.maps) do
      if map.kind == kind then sections[#sections + 1] = section_of(found, map, panel) end
    end
  end
  for _, map in ipairs(found.maps) do
    if map.kind == "context" then
      alone[#alone + 1] = { kind = "regions", title = "context", note = sizes.fit(map.name,
        panel - 70, true),
        weights = map.weights[1] }
    elseif map.kind == "context_words" then
      alone[#alone + 1] = { kind = "words", title = sizes.fit("context, " .. map.name, 2 * panel),
        weights = map.weights[1] }
    end
  end
  if #alone > 0 and #sections == 0 then sections[1] = { title = "", panels = {} } end
  if #sections > 0 then
    local panels = sections[1].panels
    table.insert(panels, 1, { kind = "image", title = "",
      note = sizes.fit(found.id or "image " .. found.image, panel, true) })
    table.move(alone, 1, #alone, #panels + 1, panels)
  end
  return sections
end

-- ---- pictures ----------------------------------------------------------------------------------

local HEAD <const>, ABOVE <const>, TITLE <const>, BELOW <const> = 34, 22, 20, 28
local FINEST <const> = 400 -- pixels of an embedded picture along its longer side

-- A raster as RGBA bytes from the lowest row up: over a picture, what is looked at glows and the
-- rest is dimmed; without one, paler and stronger blue.
local function bytes(cells, places, least, largest, over_picture)
  local rows = {}
  for y = places.cells[2], 1, -1 do
    local row = {}
    for x = 1, places.cells[1] do
      local w = cells[y][x]
      local v = w and (largest > least and (w - least) / (largest - least) or 1) or 0
      local function mix(from, to) return math.floor(from + (to - from) * v + 0.5) end
      row[x] = over_picture and string.char(mix(0, 255), mix(0, 150), mix(20, 0), mix(178, 46))
        or w and string.char(mix(240, 0), mix(244, 90), mix(250, 178), 255)
        or string.char(255, 255, 255, 255)
    end
    rows[#rows + 1] = table.concat(row)
  end
  return table.concat(rows)
end

local function number(x)
  return x >= 0.0995 and string.format("%.2f", x) or string.format("%.3f", x)
end

-- How many panels stand beside each other, and how wide one is.
local function grid_of(how)
  if not how.millimetres then return ACROSS, PANEL end
  local room = sizes.units(how) - 2 * EDGE + GAP
  local across = math.max(2, math.min(ACROSS, room // (NARROWEST + GAP)))
  return across, math.floor(room / across - GAP)
end

-- Where each panel stands, in units from the top left, when it is `high` high and at most `most`
-- stand beside each other; and the size of the whole.
local function lay_out(sections, high, most, wide)
  local y, widest, items = HEAD, 1, {}
  for _, section in ipairs(sections) do
    section.y = y + (section == sections[1] and 0 or 10)
    y = y + (section.title ~= "" and ABOVE or 0) + (section == sections[1] and 0 or 10)
    local at, row = 0, 0
    for _, panel in ipairs(section.panels) do
      local across = panel.kind == "words" and 2 or 1
      if at > 0 and at + across > most then at, row = 0, row + 1 end
      panel.x = EDGE + at * (wide + GAP)
      panel.y = y + row * (TITLE + high + BELOW) + TITLE
      panel.wide, panel.high = across * wide + (across - 1) * GAP, high
      at = at + across
      widest = math.max(widest, at)
      items[#items + 1] = panel
    end
    y = y + (row + 1) * (TITLE + high + BELOW) + 4
  end
  return items, 2 * EDGE + math.max(3, widest) * (wide + GAP) - GAP, y
end

-- What gnuplot reads of one panel, as the text of a file, and the strongest region's box.
local function content(panel, places, picture)
  local rows = {}
  if panel.kind == "regions" then
    local least, largest, strongest = regions.range(panel.weights)
    local cells, over = regions.raster(places, panel.weights), picture and not places.grid
    if over then cells = regions.soften(cells, places, least) end
    panel.below = (panel.note and panel.note .. "  " or "")
      .. number(least) .. " – " .. number(largest)
    return bytes(cells, places, least, largest, over), places.boxes[strongest]
  elseif panel.kind == "words" then
    for i, w in ipairs(panel.weights) do rows[i] = string.format("%d\t%.9g\n", i, w) end
  else
    for i, box in ipairs(places.boxes) do
      if box then
        rows[#rows + 1] = string.format("%.9g\t%.9g\t%.9g\t%.9g\t%d\n", box[1],
          places.high - box[4], box[3], places.high - box[2], i - 1)
      end
    end
  end
  return table.concat(rows)
end

-- Adds to `set` what attention.gp reads of one panel; files go to `folder`.
local function describe(set, panel, places, picture, wide, high, folder)
  local function add(name, value)
    name = "panel_" .. name
    set[name] = set[name] or {}
    table.insert(set[name], value)
  end
  local file = string.format("%s/panel%d", folder, #(set.panel_kind or {}) + 1)
  local written, box = content(panel, places, picture)
  core.write_file(file, written)
  add("kind", panel.kind)
  add("title", panel.title)
  add("below", panel.below or panel.note or "")
  add("file", gnuplot.as_file(file))
  add("left", panel.x / wide)
  add("right", (panel.x + panel.wide) / wide)
  add("top", 1 - panel.y / high)
  add("bottom", 1 - (panel.y + panel.high) / high)
  for i, name in ipairs { "x1", "y1", "x2", "y2" } do
    add(name, box and (i % 2 == 0 and places.high - box[i] or box[i]) or 0 / 0)
  end
end

local function figure_of(found, sections, places, picture, folder, how)
  local frame = picture and { picture.wide, picture.high } or { places.wide, places.high }
  local across, panel_wide = grid_of(how)
  local items, wide, high = lay_out(sections, math.floor(0.5 + math.max(picture and 10
    or panel_wide * 0.4, math.min(panel_wide * 3, panel_wide * frame[2] / frame[1]))), across,
    panel_wide)
  if how.millimetres then wide = math.max(wide, sizes.units(how)) end
  local set = {
    count = #items, edge = EDGE / wide, section_title = {}, section_y = {}, word = {},
    heading = sizes.fit(M.title(found), wide - 180),
    aside = string.format("image %d   score %.3f", found.image, found.score),
    extent_x = places.wide, extent_y = places.high, cells_x = places.cells[1],
    cells_y = places.cells[2], places_known = places.grid and 0 or 1, words = #found.words,
    has_picture = picture and 1 or 0, picture = picture and gnuplot.as_file(picture.path) or "",
    picture_kind = picture and picture.kind or "jpg", picture_x = picture and picture.wide or 1,
    picture_y = picture and picture.high or 1,
    finest = picture and math.ceil(math.max(picture.wide, picture.high) / FINEST) or 1,
  }
  for _, panel in ipairs(items) do
    describe(set, panel, places, picture, wide, high, folder)
  end
  for i, section in ipairs(sections) do
    set.section_title[i] = section.title
    set.section_y[i] = 1 - (section.y + 0.3 * ABOVE) / high
  end
  for i in ipairs(found.words) do set.word[i] = label(found, i, 66, true) end
  return { script = "attention", wide = wide, high = high, set = set,
    millimetres = how.millimetres }
end

-- Draws the panels: the picture, each word, the context. how: {pictures = a folder or nil,
-- format = "svg" or "png", output = a file}. true and, where the folder has no picture that can be
-- shown, why it is drawn without, or what gnuplot says of it; nil and the reason when nothing is
-- drawn.
function M.draw(found, how)
  local sections = M.sections(found, select(2, grid_of(how)))
  if #sections == 0 then return nil, "the stages of this model show no attention weights" end
  local picture, why
  if how.pictures then picture, why = pictures.find(how.pictures, found.id) end
  local places = regions.places(found.regions, found.boxes, picture and picture.wide,
    picture and picture.high)
  local folder <close> = core.temporary_folder()
  local figure = figure_of(found, sections, places, picture, folder:path(), how)
  local drawn, reason = gnuplot.draw(figure, how.format, how.output)
  if not drawn then return nil, reason end
  return true, why or reason
end

-- Draws all weights as matrices, with <start> and <end>. how: {format =, output =}. true, or nil
-- and the reason.
function M.draw_matrix(found, how)
  local folder <close> = core.temporary_folder()
  local files, names, labels = {}, {}, {}
  local n = #found.words
  for _, map in ipairs(found.maps) do
    if map.kind == "word" or map.kind == "region" then
      local lines = {}
      for i = 1, n do
        local row = map.kind == "word" and map.weights[i] or column(map, i)
        local cells = {}
        for j, w in ipairs(row) do cells[j] = string.format("%.9g", w) end
        lines[i] = table.concat(cells, "\t") .. "\n"
      end
      local path = string.format("%s/matrix%d.tsv", folder:path(), #files + 1)
      core.write_file(path, table.concat(lines))
      files[#files + 1] = gnuplot.as_file(path)
      names[#names + 1] = map.name .. (map.kind == "word" and ": each word over the regions"
        or ": each region over the words")
    end
  end
  if #files == 0 then return nil, "the stages of this model show no matrix of weights" end
  for i = 1, n do labels[i] = label(found, i, 130, true) end
  local wide = sizes.units(how, 2 * EDGE + 150 + math.min(760, math.max(300, 18 * found.regions)))
  local each = 90 + math.min(1200, math.max(80, 18 * n))
  return gnuplot.draw({ script = "matrix", wide = wide, high = HEAD + each * #files,
    millimetres = how.millimetres, set = {
    count = #files, file = files, name = names, word = labels, regions = found.regions, words = n,
    head = HEAD, heading = sizes.fit(M.title(found), wide - 2 * EDGE),
  } }, how.format, how.output)
end

return M
