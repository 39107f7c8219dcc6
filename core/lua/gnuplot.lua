-- gnuplot.lua: what a script for gnuplot is made of. Names are data: nothing in them is run.
local core = require "stepwise.core"
local text = require "stepwise.text"

local M = {}

-- At most so many letters of s, readable and without control characters.
function M.shorten(s, most)
  s = text.readable(text.plain(s))
  if utf8.len(s) <= most then return s end
  return s:sub(1, utf8.offset(s, most) - 1) .. "…"
end

-- A gnuplot string in single quotes, in which nothing is special but the quote.
function M.quoted(s)
  return "'" .. text.plain(s):gsub("'", "''") .. "'"
end

-- A file name that gnuplot cannot take for a command ("< cmd", "| cmd") or for a special file.
function M.as_file(path)
  if path:find("%c") then
    core.fail(1, text.plain(path) .. ": a name with control characters cannot be drawn")
  end
  return M.quoted(path:sub(1, 1) == "/" and path or "./" .. path)
end

-- An array of items that are written as gnuplot reads them.
function M.array(name, items)
  if #items == 0 then items = { "NaN" } end
  return string.format("array %s = [%s]\n", name, table.concat(items, ", "))
end

-- What style.gp wants to know; a count of what is drawn, for scripts that ask for it.
function M.head(format, output, wide, high, count)
  return string.format("format = '%s'\noutput = %s\nwide = %d\nhigh = %d\n", format,
    M.as_file(output), wide, high) .. (count and string.format("count = %d\n", count) or "")
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

-- Draws by `script(output)`, which gives the text of the script, into the file `output`: whole or
-- not at all. true and what gnuplot had to say (of half a picture, say), if anything; nil and the
-- reason.
function M.draw(script, format, output)
  local folder <close> = core.temporary_folder()
  local drawing = folder:path() .. "/drawing." .. format
  local drawn, said = core.run_gnuplot(script(drawing))
  if not drawn then return nil, said end
  if core.file_kind(drawing) ~= "file" then return nil, "gnuplot drew nothing" end
  local picture = core.read_file(drawing)
  if format == "svg" then picture = M.share_images(picture) end
  core.write_file(output, picture)
  said = text.plain(text.readable(said)):match("^%s*(.-)%s*$")
  return true, said ~= "" and "gnuplot: " .. said or nil
end

return M
