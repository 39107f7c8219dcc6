-- Where a model looks, in pictures: places and rasters, tables, hostile names, broken files.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local attention = require "stepwise.figures.attention"
local gallery = require "stepwise.figures.gallery"
local gnuplot = require "stepwise.figures.gnuplot"
local pictures = require "stepwise.figures.pictures"
local regions = require "stepwise.figures.regions"
local text = require "stepwise.util.text"

local folder = unit.folder()
local trap = folder .. "/trap"

-- An explanation of n words and k regions, made by hand.
local function explanation(n, k, boxes)
  local words, beta, alpha = {}, {}, {}
  for j = 1, n do
    words[j] = j == 1 and "<start>" or j == n and "<end>" or "w" .. j
    beta[j] = {}
    for i = 1, k do beta[j][i] = i == (j - 1) % k + 1 and 0.75 or 0.25 / math.max(1, k - 1) end
  end
  for i = 1, k do
    alpha[i] = {}
    for j = 1, n do alpha[i][j] = j == i and 0.5 or 0.5 / (n - 1) end
  end
  return {
    image = 3, id = "one.jpg", text = "w2 w3", words = words, unknown = {}, regions = k,
    boxes = boxes, score = 1.25, maps = {
      { name = "a.beta", kind = "word", rows = n, columns = k, weights = beta },
      { name = "a.alpha", kind = "region", rows = k, columns = n, weights = alpha },
      { name = "b.regions", kind = "context", rows = 1, columns = k, weights = { beta[1] } },
      { name = "b.words", kind = "context_words", rows = 1, columns = n, weights = { alpha[1] } },
      { name = "c.odd", kind = "other", rows = 2, columns = 7, weights = { {}, {} } },
    },
  }
end

-- ---- places ------------------------------------------------------------------------------------

unit.test("regions without boxes lie in a square, or in a row where they make none", function()
  local square = regions.places(36, nil)
  unit.equal(square.wide, 6)
  unit.equal(square.high, 6)
  unit.equal(table.concat(square.boxes[8], " "), "1 1 2 2")
  unit.equal(square.grid, true)
  local row = regions.places(5, nil)
  unit.equal(row.wide, 5)
  unit.equal(row.high, 1)
  unit.equal(regions.places(1, nil).wide, 1)
  -- boxes of which none is one are no boxes
  unit.equal(regions.places(4, { false, false, false, { -5, -5, -1, -1 } }).grid, true)
end)

unit.test("boxes are kept to the picture, and one outside of it has no place", function()
  local places = regions.places(4, { { -10, 5, 50, 60 }, { 90, 90, 300, 300 }, { 200, 0, 210, 9 },
    false }, 100, 100)
  unit.equal(table.concat(places.boxes[1], " "), "0 5 50 60")
  unit.equal(table.concat(places.boxes[2], " "), "90 90 100 100")
  unit.equal(places.boxes[3], false)
  unit.equal(places.boxes[4], false)
  unit.equal(places.grid, false)
end)

unit.test("a cell has the largest weight of the regions over it", function()
  local boxes = { { 0, 0, 64, 64 }, { 32, 0, 96, 64 }, { 0, 40, 1, 41 } }
  local places = regions.places(3, boxes, 128, 64)
  unit.equal(places.cells[1], 64)
  unit.equal(places.cells[2], 32)
  local cells = regions.raster(places, { 0.2, 0.7, 0.1 })
  unit.equal(cells[1][1], 0.2)
  unit.equal(cells[1][16], 0.2)
  unit.equal(cells[1][17], 0.7)
  unit.equal(cells[1][48], 0.7)
  unit.equal(cells[1][49], nil)
  cells = regions.raster(places, { 0.2, 0.7, 0.9 }) -- smaller than a cell, and still there
  unit.equal(cells[21][1], 0.9)
  local soft = regions.soften(cells, places, 0)
  unit.equal(soft[21][1] < 0.9 and soft[21][1] > 0.2, true)
  unit.equal(soft[1][64], 0)
end)

unit.test("the first of the strongest regions gets the frame", function()
  local least, largest, strongest = regions.range { 0.1, 0.4, 0.1, 0.4 }
  unit.equal(least, 0.1)
  unit.equal(largest, 0.4)
  unit.equal(strongest, 2)
end)

-- ---- the table ---------------------------------------------------------------------------------

unit.test("the table has every weight once, with its word and box", function()
  local found = explanation(4, 2, { { 1, 2, 3.5, 4 }, false })
  found.words[2] = "tab\tand\nline"
  local rows = {}
  for line in attention.tsv(found):gmatch("([^\n]*)\n") do rows[#rows + 1] = line end
  unit.equal(#rows, 1 + 4 * 2 + 2 * 4 + 2 + 4)
  unit.equal(rows[1], "name\tkind\tword_index\tword\tregion\tx1\ty1\tx2\ty2\tweight")
  unit.equal(rows[4], "a.beta\tword\t1\ttab and line\t0\t1\t2\t3.5\t4\t0.25")
  unit.equal(rows[5], "a.beta\tword\t1\ttab and line\t1\tNaN\tNaN\tNaN\tNaN\t0.75")
  unit.equal(rows[10], "a.alpha\tregion\t0\t<start>\t0\t1\t2\t3.5\t4\t0.5")
  unit.equal(rows[18], "b.regions\tcontext\tNaN\t\t0\t1\t2\t3.5\t4\t0.75")
  unit.equal(rows[20], "b.words\tcontext_words\t0\t<start>\tNaN\tNaN\tNaN\tNaN\tNaN\t0.5")
  for _, row in ipairs(rows) do unit.equal(select(2, row:gsub("\t", "")), 9) end
end)

unit.test("panels: the image, the words without their marks, then the context", function()
  local sections = attention.sections(explanation(4, 2))
  unit.equal(#sections, 2)
  local kinds = {}
  for i, panel in ipairs(sections[1].panels) do kinds[i] = panel.kind .. " " .. panel.title end
  unit.equal(table.concat(kinds, ", "),
    "image , regions w2, regions w3, regions context, words context, b.words")
  unit.equal(sections[1].panels[2].weights[2], 0.75) -- beta's row of the word
  unit.equal(sections[2].panels[1].weights[2], 0.5) -- alpha's column of the word
end)

-- ---- picture files -----------------------------------------------------------------------------

local function sof(wide, high)
  return "\255\216\255\224\0\4\0\0\255\192\0\17\8" .. string.pack(">I2I2", high, wide)
    .. "\3\255\217"
end

unit.test("a picture is found by its name, with an ending or without, in its folder", function()
  local dir = folder .. "/found"
  assert(core.make_folders(dir .. "/sub"))
  unit.write(folder .. "/outside.jpg", sof(3, 4))
  unit.write(dir .. "/x.jpg", sof(300, 200))
  unit.write(dir .. "/sub/z.png",
    "\137PNG\r\n\26\n\0\0\0\13IHDR" .. string.pack(">I4I4", 7, 9) .. "rest")
  local picture = assert(pictures.find(dir .. "/", "x.jpg"))
  unit.equal(picture.wide, 300)
  unit.equal(picture.high, 200)
  unit.equal(assert(pictures.find(dir, "x")).kind, "jpg")
  picture = assert(pictures.find(dir, "sub/z"))
  unit.equal(picture.kind, "png")
  unit.equal(picture.high, 9)
  for _, id in ipairs { "../outside.jpg", "y", "", "a\nb", "..", "sub" } do
    local none, reason = pictures.find(dir, id)
    unit.equal(none, nil)
    unit.contains(reason, "no picture of")
  end
  unit.equal(pictures.find(dir, nil), nil)
end)

unit.test("a broken picture is a reason, whatever it holds", function()
  local cases = {
    { "", "expected a JPEG or PNG" }, { "\255\216", "expected a JPEG or PNG" },
    { "GIF89a", "expected a JPEG or PNG" }, { "\255\216\255", "cut off or broken" },
    { "\255\216\255\224\0\4", "cut off or broken" }, { "\255\216\255\224\0\0\0\0", "cut off" },
    { sof(0, 5), "cut off or broken" }, { sof(5, 5):sub(1, -3), "the picture is cut off" },
    { sof(65535, 65535), "too many to draw" },
    { ("\255"):rep(4000), "expected a JPEG or PNG" },
    { "\255\216\255" .. ("\255"):rep(4000), "cut off or broken" },
    { "\137PNG\r\n\26\n\0\0", "expected a JPEG or PNG" },
  }
  for i, case in ipairs(cases) do
    local path = unit.write(folder .. "/broken" .. i .. ".jpg", case[1])
    local picture, reason = pictures.open(path)
    unit.equal(picture, nil, i)
    unit.contains(reason, case[2])
  end
end)

-- ---- gnuplot -----------------------------------------------------------------------------------

unit.test("a picture that an SVG holds several times is kept once", function()
  local image = "<image x='%d' y='2' width='3' height='4' preserveAspectRatio='none' "
    .. "xlink:href='data:image/png;base64,AAAA\nBBBB'/>"
  local one = '<g id="gnuplot_canvas">' .. image:format(1)
  unit.equal(gnuplot.share_images(one), one)
  local svg = gnuplot.share_images(one .. image:format(5) .. image:format(9):gsub("BBBB", "CCCC"))
  unit.equal(select(2, svg:gsub("BBBB", "")), 1)
  unit.equal(select(2, svg:gsub("<use x='%d' y='2' width='3' height='4'", "")), 2)
  unit.contains(svg, "<image x='9'")
end)

unit.test("names become text that gnuplot and SVG can hold", function()
  local script = gnuplot.script({ script = "heatmap", wide = 9, high = 9,
    set = { title = "a'b\n`c` END_OF_TEXTS", across = { "''", "" } } }, "svg", "x.svg")
  unit.contains(script, "\n:a'b `c` END_OF_TEXTS\n")
  unit.contains(script, "\n:''\n:\n")
  unit.equal(gnuplot.as_file("< touch x").file, "./< touch x")
  unit.fails(1, "control characters", gnuplot.as_file, "a\nb")
  unit.equal(text.readable("a\255b\xc3"), "a\u{fffd}b\u{fffd}")
  unit.equal(text.readable("é"), "é")
end)

local there, missing = core.run_gnuplot("print 1\n")
if not there and missing:find("gnuplot is missing", 1, true) then
  print("skipped: " .. missing)
  unit.finish()
end

local photos = folder .. "/photos"
assert(core.make_folders(photos))
for _, kind in ipairs { "jpeg", "png" } do
  assert(core.run_gnuplot(string.format("set terminal %s size 120,80\nset output '%s/one.%s'\n"
    .. "plot x\n", kind, photos, kind == "jpeg" and "jpg" or "png")))
end
local jpeg = unit.read(photos .. "/one.jpg")
local boxes = { { 0, 0, 60, 40 }, { 30, 20, 120, 80 } }

local function draw(found, format, with)
  local output = folder .. "/drawn." .. format
  os.remove(output)
  local drawn, reason = attention.draw(found, { pictures = with, format = format, output = output })
  return drawn and unit.read(output), reason
end

unit.test("drawn over a JPEG, over boxes, over a grid; and again with the same bytes", function()
  for _, format in ipairs { "svg", "png" } do
    for _, with in ipairs { photos, false } do
      for _, places in ipairs { boxes, false } do
        local found = explanation(4, 2, places or nil)
        local first, reason = draw(found, format, with or nil)
        unit.equal(reason, nil)
        unit.equal(first == draw(found, format, with or nil), true, "bytes again")
        if format == "svg" then
          unit.contains(first, ">w2<")
          unit.contains(first, "where each word looks")
          -- the picture itself once, however many panels show it
          if with and places then
            local longest, name = 0, nil
            for id, symbol in first:gmatch("<symbol id='(picture%-%x+)'(.-)</symbol>") do
              if #symbol > longest then longest, name = #symbol, id end
            end
            local uses = select(2, first:gsub("<use x=[^>]*#" .. name:gsub("%-", "%%-") .. "'", ""))
            unit.equal(uses, 6)
          end
        end
      end
    end
  end
  local output = folder .. "/matrix.svg"
  assert(attention.draw_matrix(explanation(4, 2), { format = "svg", output = output }))
  local first = unit.read(output)
  unit.contains(first, "a.alpha: each region over the words")
  assert(attention.draw_matrix(explanation(4, 2), { format = "svg", output = output }))
  unit.equal(first == unit.read(output), true)
end)

unit.test("words and ids that look like commands are only text", function()
  local found = explanation(6, 2, boxes)
  found.words = { "<start>", "`touch " .. trap .. "`", "a'b_c^2", "$(touch x)\n\1",
    "\"<b>&amp;\xff", "<end>" }
  found.unknown = { "a'b_c^2" }
  found.text = "`touch " .. trap .. "` ' \" \xfe"
  found.id = "`touch " .. trap .. "`'\n"
  found.maps[1].name = "`touch " .. trap .. "`'"
  local svg, reason = draw(found, "svg", photos)
  unit.contains(reason, "no picture of")
  unit.equal(core.file_kind(trap), nil, "a name was run")
  unit.contains(svg, "a'b_c^2 (unk)")
  unit.contains(svg, "&lt;b>&amp;amp;\u{fffd}")
  unit.equal(utf8.len(svg) ~= nil, true)
  assert(attention.draw_matrix(found, { format = "svg", output = folder .. "/matrix.svg" }))
  unit.equal(core.file_kind(trap), nil, "a name was run")
end)

unit.test("boxes that are broken, or outside the picture, leave a drawing", function()
  for _, odd in ipairs { { false, false }, { { 500, 500, 600, 600 }, false },
    { { -1e30, -1e30, 1e30, 1e30 }, { 0, 0, 1e-30, 1e-30 } } } do
    for _, with in ipairs { photos, false } do
      local svg, reason = draw(explanation(4, 2, odd), "svg", with or nil)
      unit.equal(reason, nil)
      unit.contains(svg, "</svg>")
    end
  end
  local many = explanation(300, 100)
  unit.contains(draw(many, "svg"), "</svg>")
end)

unit.test("half a picture is told, and the regions are drawn without it", function()
  unit.write(photos .. "/cut.jpg", jpeg:sub(1, #jpeg // 2))
  local found = explanation(4, 2, boxes)
  found.id = "cut.jpg"
  local svg, reason = draw(found, "svg", photos)
  unit.contains(reason, "cut off")
  unit.contains(svg, "</svg>")
end)

unit.test("a file that cannot be drawn is a reason, and leaves nothing behind", function()
  local found = explanation(4, 2, boxes)
  unit.write(photos .. "/lie.jpg", sof(50, 50) .. ("\0"):rep(200))
  found.id = "lie.jpg"
  local svg, reason = draw(found, "svg", photos)
  unit.equal(svg, nil)
  unit.contains(reason, "gnuplot failed")
  unit.equal(core.file_kind(folder .. "/drawn.svg"), nil)
  found.maps = { found.maps[5] }
  svg, reason = draw(found, "svg", photos)
  unit.equal(svg, nil)
  unit.contains(reason, "no attention weights")
end)

unit.test("a contact sheet shows what is there, and says what is not", function()
  local output = folder .. "/sheet.svg"
  local items = { { title = "1", id = "one.jpg", own = true }, { title = "2", id = "`touch x`" },
    { title = "3" }, { title = "4", id = "one.png" } }
  local how = { pictures = photos, format = "svg", output = output }
  local fine, complaints = gallery.draw(items, "a 'dog'", how)
  unit.equal(fine, true)
  unit.equal(#complaints, 2)
  unit.contains(complaints[1], "no picture of '`touch x`'")
  local svg = unit.read(output)
  unit.equal(select(2, svg:gsub("<image ", "")), 2)
  unit.contains(svg, "a 'dog'")
  unit.equal(select(2, svg:gsub("no picture", "")), 2)
  assert(gallery.draw(items, "a 'dog'", how))
  unit.equal(svg == unit.read(output), true)
  assert(gallery.draw({ items[1] }, "x", how,
    { { text = "a caption <i>" }, { text = "b", own = true } }))
  unit.contains(unit.read(output), "a caption &lt;i>")
end)

unit.finish()
