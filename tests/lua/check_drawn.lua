-- Pictures as gnuplot draws them: names are data, gnuplot runs nothing, and the same numbers give
-- the same bytes.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local figures = require "stepwise.figures.figures"
local gnuplot = require "stepwise.figures.gnuplot"
local matrices = require "stepwise.figures.matrices"
local sizes = require "stepwise.figures.sizes"

local there, reason = core.run_gnuplot("print 1\n")
if not there and reason:find("gnuplot is missing", 1, true) then
  unit.skip(reason)
end

local made = assert(loadfile(unit.source .. "/tests/lua/made_figures.lua"))(unit)
local folder, head, run, row = made.folder, made.head, made.run, made.row
local object, npy_file = made.object, made.npy
local trap = folder .. "/trap"

local function all(names)
  local groups = {}
  for i, name in ipairs(names) do groups[i] = { name = name,
    runs = { run("r" .. i, 2, 20, i) } } end
  groups[1].runs[2] = run("again", 2, 20, 3)
  local list = figures.of_runs(groups)
  list[#list + 1] = figures.of_table(object())
  list[#list + 1] = matrices.similarities(npy_file("sims.npy", 4, 20), "sims", 3)
  list[#list + 1] = matrices.weights(unit.write(folder .. "/w.tsv",
    "region\t`touch x`\ta'b_c^2\n0\t0.5\t0.25\n"), "w")
  return list
end

local function draw(figure, format)
  local out = folder .. "/pictures"
  assert(core.make_folders(out))
  return unit.read(assert(figures.draw(figure, format or "svg", out)))
end

unit.test("every figure is drawn, and again with the same bytes, as SVG and as PNG", function()
  for _, figure in ipairs(all { "one", "two" }) do
    for _, format in ipairs { "svg", "png" } do
      local first = draw(figure, format)
      unit.contains(first, format == "svg" and "</svg>" or "PNG")
      unit.equal(draw(figure, format) == first, true, figure.name .. "." .. format .. " again")
    end
  end
end)

unit.test("names that look like commands are only names", function()
  local names = { "`touch " .. trap .. "`", "a'b_c^2{x}", "$(touch x)", "<b>&amp;",
    "not \xff UTF-8",
    "system('touch x')", "@key", "END_OF_DATA" }
  for _, figure in ipairs(all(names)) do
    local drawn = draw(figure)
    unit.equal(core.file_kind(trap), nil, "a name was run")
    if figure.name == "recall" or figure.name == "loss" then
      unit.contains(drawn, "a'b_c^2{x}")
      unit.contains(drawn, "&lt;b>&amp;amp;")
      unit.equal(utf8.len(drawn) ~= nil, true, "an SVG is UTF-8")
    elseif figure.name == "ablation" then
      unit.contains(drawn, ">a_b^{2}<")
    elseif figure.name == "w" then
      unit.contains(drawn, "a'b_c^2")
    end
  end
end)

-- Words as captions and tables have them, that are something to gnuplot, to a format, or to XML.
local hard = { "'s", "''", "``", "'hard' negatives", "50 % of words", "95%f", "a%%b", "%s %d %n",
  "{/Bold x}", "a_b^c", "@name", "&", "<x>", "]]>", "\\", "a\\nb", "$x", "`cmd`", "\"", "# no",
  ": x", "Grüße ± λ", "日本語", "END_OF_TEXTS" }

-- The texts of an SVG.
local function texts(drawn)
  local set = {}
  for s in drawn:gmatch("<text>([^<]*)</text>") do
    s = s:gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&amp;", "&")
    set[s:match("^%s*(.-)%s*$")] = true
  end
  return set
end

unit.test("any text is drawn as it is: as a row, a key's name, a word, a title", function()
  local rows, groups = {}, {}
  for i, name in ipairs(hard) do
    rows[i] = row(name, { 220 + i, 224 + i }, 500, i > 1 and { mean = i, low = 0, high = 9 })
    groups[i] = { name = name, runs = { run("r" .. i % 3, 2, 4, i % 3) } }
  end
  local list = figures.of_runs(groups)
  list[#list + 1] = figures.of_table { title = "t", reference = hard[1], rows = rows }
  list[#list + 1] = matrices.weights(unit.write(folder .. "/hard.tsv", "region\t"
    .. table.concat(hard, "\t") .. "\n0" .. ("\t0.5"):rep(#hard) .. "\n"), "hard")
  for _, figure in ipairs(list) do
    local drawn = draw(figure)
    local found = texts(drawn)
    for _, name in ipairs(hard) do
      unit.equal(found[name], true, figure.name .. ": " .. name)
    end
    unit.equal(drawn:find("]]>", 1, true), nil)
  end
  for _, name in ipairs(hard) do
    local figure = figures.of_table { title = "t", reference = name,
      rows = { row(name, { 220 }), row("x", { 222 }, nil, { mean = 2, low = -1, high = 5 }) } }
    unit.equal(texts(draw(figure))["no row is separable from " .. name], true, name)
  end
end)

unit.test("long names are cut, empty ones leave their place, wide ones count double", function()
  local figure = figures.of_table { title = "t", rows = { row(("x"):rep(300), { 220 }),
    row("", { 221 }), row(("日"):rep(40), { 222 }) } }
  local cut = 0
  for drawn in pairs(texts(draw(figure))) do
    if drawn:find("^xxx+…$") or drawn:find("^日日.*…$") then
      cut = cut + 1
      unit.equal(sizes.text_wide(drawn, true) <= 0.3 * figure.wide, true, drawn)
    end
  end
  unit.equal(cut, 2)
end)

unit.test("the axis of rows has their names and no numbers", function()
  for _, count in ipairs { 1, 2, 3, 4, 6, 18 } do
    local rows = {}
    for i = 1, count do rows[i] = row("row " .. i, { 220 + i, 222 + i }) end
    local drawn = draw(figures.of_table { title = "t", rows = rows })
    unit.equal(select(2, drawn:gsub('text%-anchor="end"', "")), count, "texts at the axis")
  end
end)

unit.test("no size of nothing, which librsvg refuses", function()
  local many = {}
  for i = 1, 9 do many[i] = "run " .. i end
  for _, figure in ipairs(all(many)) do
    unit.equal(draw(figure):find("scale%(0[.0]*%)"), nil, figure.name)
  end
end)

unit.test("a PNG without the characters that no font has, and a word about them", function()
  local figure = figures.of_table { title = "t", rows = { row("odd \u{3fffd}", { 220 }) } }
  local out = folder .. "/odd.png"
  local fine, said = gnuplot.draw(figure, "png", out)
  unit.equal(fine, true, said)
  unit.contains(said, "no font here has \u{3fffd}")
  unit.equal(select(2, gnuplot.draw(figure, "svg", out)), nil)
end)

unit.test("in print: a PDF of that width with the same bytes each time, an SVG in millimetres",
  function()
  local out = folder .. "/print"
  assert(core.make_folders(out))
  for _, figure in ipairs(figures.of_runs({ { name = "x", runs = { run("x", 3, 4, 0) } } },
    { millimetres = 84 })) do
    local pdf = unit.read(assert(figures.draw(figure, "pdf", out)))
    unit.contains(pdf, "%PDF-")
    local wide = pdf:match("/MediaBox %[ 0 0 ([%d.]+) ")
    unit.near(tonumber(wide), 84 / 25.4 * 72, 1.5, "points")
    unit.contains(pdf, "/FontFile2")
    unit.equal(unit.read(assert(figures.draw(figure, "pdf", out))) == pdf, true, "the same bytes")
    unit.contains(unit.read(assert(figures.draw(figure, "svg", out))), 'width="84.00mm"')
  end
  unit.fails(2, "give either --png or --pdf", sizes.of, { png = true, pdf = true }, "plot")
  unit.near(sizes.of({ width = "3.5in" }, "plot").millimetres, 88.9, 1e-9)
  for _, width in ipairs { "84", "x", "mm", "8mm", "-84mm", "84 furlongs", "1e9mm" } do
    unit.fails(2, "--width: expected a length", sizes.of, { width = width }, "plot")
  end
end)

unit.test("epochs have whole ticks, the axis begins where the curves do", function()
  for _, epochs in ipairs { 1, 2, 4, 12, 30, 200 } do
    local set = figures.of_runs({ { name = "x", runs = { run("x", epochs, 2, 0) } } })[1].set
    unit.equal(set.epochs % 1, 0)
    unit.equal(set.epochs >= 1, true)
    unit.equal((epochs - 1) / set.epochs <= 8, true, epochs)
    unit.equal(set.first <= 1 and set.first >= 0.5 - 0.03 * epochs, true, set.first)
  end
end)

unit.test("few curves have their names at their ends, no two on each other; many in a key",
  function()
  local groups = {}
  for i = 1, 4 do groups[i] = { name = "row " .. i, runs = { run("c" .. i, 3, 4, i / 1000) } } end
  local set = figures.of_runs(groups)[1].set
  unit.equal(set.strip, 0)
  table.sort(set.label_y)
  for i = 2, 4 do
    unit.equal(set.label_y[i] - set.label_y[i - 1] >= 14.9, true, set.label_y[i])
  end
  unit.equal(set.label_y[1] >= 17 and set.label_y[4] <= set.y1, true, "inside the panel")
  groups[5] = { name = "row 5", runs = { run("c5", 3, 4, 5) } }
  set = figures.of_runs(groups)[1].set
  unit.equal(set.direct, 0)
  unit.equal(set.strip > 0, true)
end)

unit.test("a row that failed says so in its place", function()
  local rows = { row("good", { 220, 221 }), row("bad", {}) }
  rows[2].failed = { { seed = 0, reason = "loss is NaN at step 3" } }
  unit.equal(texts(draw(figures.of_table { title = "t", rows = rows }))
    ["failed: loss is NaN at step 3"], true)
end)

unit.test("what a user's environment says to gnuplot changes nothing", function()
  run("environment", 2, 4, 0)
  local path = folder .. "/environment"
  unit.equal(unit.program { "plot", path }, 0)
  local plain = unit.read(path .. "/loss.svg")
  local code, text = unit.program({ "plot", path }, "GNUTERM=nonsense GNUPLOT_LIB=/nowhere "
    .. "GDFONTPATH=/nowhere FIT_LOG=/nowhere LC_ALL=de_DE.UTF-8; export GNUTERM GNUPLOT_LIB "
    .. "GDFONTPATH FIT_LOG LC_ALL;")
  unit.equal(code, 0, text)
  unit.equal(unit.read(path .. "/loss.svg") == plain, true, "the same picture")
end)

unit.test("doctor draws: a gnuplot that starts and cannot draw is a problem", function()
  local bin = folder .. "/bin"
  assert(core.make_folders(bin))
  unit.write(bin .. "/gnuplot", "#!/bin/sh\ncat >/dev/null\necho 5.4\n")
  assert(os.execute("chmod +x '" .. bin .. "/gnuplot'"))
  local code, text = unit.program({ "doctor" }, "PATH='" .. bin .. "':$PATH; export PATH;")
  unit.equal(code, 1, text)
  unit.contains(text, "cannot draw SVG: gnuplot drew nothing")
  code, text = unit.program { "doctor" }
  unit.equal(code, 0, text)
  unit.contains(text, "draws SVG and PNG")
end)

unit.test("a key of many runs has its place: no two names at one spot", function()
  local names = {}
  for i = 1, 18 do names[i] = string.format("a row with a rather long name %d", i) end
  for _, figure in ipairs(all(names)) do
    if figure.name == "recall" then
      local spots, drawn = {}, draw(figure)
      for x, y in drawn:gmatch('translate%(([%d.]+),([%d.]+)%)"[^>]*>%s*<text>a row') do
        unit.equal(spots[x .. " " .. y], nil)
        unit.equal(tonumber(y) < figure.high, true, "below the edge")
        spots[x .. " " .. y] = true
      end
      local count = 0
      for _ in pairs(spots) do count = count + 1 end
      unit.equal(count, 18)
    end
  end
end)

unit.test("a run without an evaluation gets a loss only; an empty one nothing", function()
  unit.write(folder .. "/bare.tsv", head .. "1\t0\tstep\t9\t3\t1\t0.1" .. ("\tNaN"):rep(7)
    .. "\t1\n")
  local list = figures.of_runs { { name = "x", runs = { curves.read(folder .. "/bare.tsv") } } }
  unit.equal(#list, 1)
  unit.contains(draw(list[1]), "loss per pair")
  unit.equal(#figures.of_runs { { name = "x", runs = { curves.read(unit.write(folder .. "/e.tsv",
    head)) } } }, 0)
end)

unit.test("interactions: a cell per pair, each part's own on the diagonal, hard names as they are",
  function()
    local function effect(kind, parts, mean, separable)
      return { kind = kind, parts = parts, delta = { rsum = { mean = mean, n = 3,
        separable = separable } } }
    end
    local function with(effects) return { title = "T", rows = {}, effects = effects } end
    local list = figures.of_tables { with { effect("leave-one-out", { "%d_x" }, 4.5, true),
      effect("main", { "%d_x" }, 2.5, true), effect("main", { "']]>" }, -1.5),
      effect("interaction", { "%d_x", "']]>" }, 7.25) } }
    unit.equal(#list, 1)
    unit.equal(list[1].data, "x\ty\tvalue\n1\t2\t7.25\n1\t1\t2.5\n2\t2\t-1.5\n")
    local drawn = draw(list[1])
    for _, part in ipairs { "%d_x", "']]&gt;", ">+7.2<", ">-1.5<", "n = 3" } do
      unit.contains(drawn, part)
    end
    unit.equal(drawn:find("+4.5", 1, true), nil)
    -- in the width of a column long names have numbers below, and small cells no text
    local many = {}
    for i = 1, 8 do
      many[#many + 1] = effect("main", { "a long name of part " .. i }, 30 + i)
      for k = i + 1, 8 do
        many[#many + 1] = effect("interaction", { "a long name of part " .. i,
          "a long name of part " .. k }, -50 - i - k)
      end
    end
    local narrow = figures.of_tables({ with(many) }, { millimetres = 84 })[1]
    unit.equal(narrow.wide, 370)
    drawn = draw(narrow)
    unit.contains(drawn, 'width="84.00mm"')
    unit.contains(drawn, ">8<")
    unit.equal(select(2, drawn:gsub("a long", "")), 8, "each name once")
    unit.equal(drawn:find(">-53", 1, true), nil)
    local few = draw(figures.of_tables({ with { effect("interaction", { "A", "B" }, 7.25) } },
      { millimetres = 84 })[1])
    unit.contains(few, "+7.2")
    unit.equal(select(2, few:gsub(">A<", "")), 2, "short names below as well")
    unit.equal(#figures.of_tables { with { effect("main", { "A" }, 1) } }, 0)
    unit.equal(#figures.of_tables { with() }, 0)
  end)

unit.test("what gnuplot complains about is told", function()
  local fine, complaint = core.run_gnuplot("plot nonsense(\n")
  unit.equal(fine, nil)
  unit.contains(complaint, "gnuplot failed")
end)

unit.finish()
