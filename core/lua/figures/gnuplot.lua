-- gnuplot.lua: a figure as a script for gnuplot, and the picture that gnuplot draws of it. Texts
-- are data: gnuplot never parses one, so that nothing in them is a quote, a format or a command.
--
-- A figure: {script = "loss" for plots/loss.gp, wide =, high = (units of sizes.lua), data = TSV or
-- nil, millimetres = its width in print or nil, set = {variable = number, text, M.as_file(path), or
-- a list of these}}.
local core = require "stepwise.core"
local fonts = require "stepwise.figures.fonts"
local sizes = require "stepwise.figures.sizes"
local text = require "stepwise.util.text"

local M = {}

-- s on one line, at most `most` columns wide.
function M.shorten(s, most)
  s = text.plain(s)
  return text.width(s) <= most and s or text.cut(s, most - 1) .. "…"
end

-- A file's name as a value, such that gnuplot cannot take it for a command ("< cmd", "| cmd") or
-- for a special file.
function M.as_file(path)
  if path:find("%c") then
    core.fail(1, text.plain(path) .. ": a name with control characters cannot be drawn")
  end
  return { file = path:sub(1, 1) == "/" and path or "./" .. path }
end

-- The script's part that assigns `values` by name. Texts are lines of a datablock; the mark at
-- their front keeps any of them from ending it.
local function assignments(values)
  local texts, lines = {}, {}
  local function assign(name, value)
    if type(value) == "number" then
      value = value ~= value and "NaN" or text.number(value)
    else
      texts[#texts + 1] = type(value) == "table" and "=" .. value.file or ":" .. text.plain(value)
      value = string.format("$texts[%d][2:*]", #texts)
    end
    lines[#lines + 1] = name .. " = " .. value
  end
  for _, name in ipairs(text.sorted_keys(values)) do
    local value = values[name]
    if type(value) == "table" and not value.file then
      lines[#lines + 1] = string.format("array %s[%d]", name, math.max(1, #value))
      for i, item in ipairs(value) do assign(string.format("%s[%d]", name, i), item) end
    else
      assign(name, value)
    end
  end
  return string.format("$texts << END_OF_TEXTS\n%s\nEND_OF_TEXTS\n%s\n", table.concat(texts, "\n"),
    table.concat(lines, "\n"))
end

local DOTS_PER_MM <const> = 300 / 25.4

-- What a unit is: pixels of a PNG, which for a screen has two; inches of a PDF.
local function scale_of(figure, format)
  local millimetres = figure.millimetres or figure.wide / sizes.PER_MM
  if format == "pdf" then return millimetres / 25.4 / figure.wide end
  return figure.millimetres and millimetres * DOTS_PER_MM / figure.wide or 2
end

-- The script that draws `figure` to the file `output`, with all numbers and texts in it.
function M.script(figure, format, output)
  local values = { format = format, output = M.as_file(output), wide = figure.wide,
    high = figure.high, data = figure.data and "$data", scale = scale_of(figure, format) }
  for name, value in pairs(figure.set) do values[name] = value end
  return (figure.data and "$data << END_OF_DATA\n" .. figure.data .. "END_OF_DATA\n" or "")
    .. assignments(values) .. core.built_in("style.gp") .. core.built_in(figure.script .. ".gp")
end

-- `script` without those characters in its texts that no font has, and a line about them, if any.
local function drawable(script)
  local texts = {}
  for line in script:gmatch("\n:([^\n]*)") do texts[#texts + 1] = line end
  local lacking = fonts.lacking(table.concat(texts))
  if not next(lacking) then return script end
  script = script:gsub("\n:[^\n]*", function(line)
    return (line:gsub(utf8.charpattern, function(c) return lacking[c] and "\u{fffd}" end))
  end)
  return script, "no font here has " .. table.concat(text.sorted_keys(lacking), " ")
    .. "; an SVG leaves that to the fonts of its viewer"
end

-- A name for data, so that pictures of several SVGs in one page are told apart.
local function checksum(data)
  local sum = #data
  for i = 1, #data do sum = (sum * 31 + data:byte(i)) & 0xffffffffffff end
  return string.format("%012x", sum)
end

-- A picture that an SVG embeds several times is kept once. gnuplot writes it anew for each panel.
function M.share_images(svg)
  local seen, names, count = {}, {}, 0
  local pattern = "<image ([^>]-) preserveAspectRatio='none' "
    .. "xlink:href='(data:image/png;base64,[^']*)'/>"
  for _, data in svg:gmatch(pattern) do seen[data] = (seen[data] or 0) + 1 end
  local symbols = {}
  svg = svg:gsub(pattern, function(place, data)
    if seen[data] < 2 then return nil end
    if not names[data] then
      count = count + 1
      names[data] = "picture-" .. checksum(data)
      symbols[#symbols + 1] = string.format("<symbol id='%s' viewBox='0 0 1 1' "
        .. "preserveAspectRatio='none'><image width='1' height='1' preserveAspectRatio='none' "
        .. "xlink:href='%s'/></symbol>", names[data], data)
    end
    return string.format("<use %s xlink:href='#%s'/>", place, names[data])
  end)
  if count == 0 then return svg end
  local block = "<defs>\n" .. table.concat(symbols, "\n") .. "\n</defs>\n"
  return (svg:gsub("<g id=\"gnuplot_canvas\">", function(s) return block .. s end, 1))
end

-- The same figure has the same bytes: without the time at which a PDF was made.
local function timeless(pdf)
  return (pdf:gsub("(/CreationDate %(D:)([^)]*)%)", function(key, time)
    return key .. time:gsub("%d", "0") .. ")"
  end))
end

-- The size in print as an SVG says it.
local function in_millimetres(svg, figure)
  return (svg:gsub('width="[%d.]+" height="[%d.]+"', string.format('width="%.2fmm" height="%.2fmm"',
    figure.millimetres, figure.millimetres * figure.high / figure.wide), 1))
end

-- Draws `figure` as "svg", "png" or "pdf" into the file `output`: whole or not at all. true and
-- what
-- gnuplot had to say (of half a picture, say), if anything; nil and the reason.
function M.draw(figure, format, output)
  local folder <close> = core.temporary_folder()
  local drawing = folder:path() .. "/drawing." .. format
  local script, lacks = M.script(figure, format, drawing), nil
  if format ~= "svg" then script, lacks = drawable(script) end
  local drawn, said = core.run_gnuplot(script)
  if not drawn then return nil, said end
  if core.file_kind(drawing) ~= "file" then
    return nil, "gnuplot drew nothing: " .. text.plain(said)
  end
  local picture = core.read_file(drawing)
  if format == "svg" then
    picture = M.share_images(picture):gsub("]]>", "]]&gt;") -- no XML has it in a text
    if figure.millimetres then picture = in_millimetres(picture, figure) end
  elseif format == "pdf" then
    picture = timeless(picture)
  end
  core.write_file(output, picture)
  -- a row without a paper's value, or a metric that stays the same, is nothing to tell
  said = said:gsub("[^\n]*warning: Skipping data file with no valid points", "")
    :gsub("[^\n]*Warning: empty %a range[^\n]*", "")
  said = text.plain(said):match("^%s*(.-)%s*$")
  return true, said ~= "" and "gnuplot: " .. said or lacks
end

return M
