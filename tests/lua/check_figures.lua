-- Pictures: names are data, gnuplot runs nothing, the same numbers give the same bytes, and what is
-- drawn is what the runs say.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local figures = require "stepwise.figures.figures"
local gnuplot = require "stepwise.figures.gnuplot"
local matrices = require "stepwise.figures.matrices"
local sizes = require "stepwise.figures.sizes"
local npy = require "stepwise.util.npy"
local svg = require "stepwise.figures.svg"

local folder = unit.folder()
local trap = folder .. "/trap"

local head = "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\ti2t_r5\ti2t_r10\t"
  .. "t2i_r1\tt2i_r5\tt2i_r10\trsum\tseconds\n"

-- A run's metrics.tsv: `epochs` of `each` steps, with losses and recalls that are moved by `shift`.
local function run(name, epochs, each, shift)
  local path = folder .. "/" .. name
  assert(core.make_folders(path))
  local rows, step = { head }, 0
  for epoch = 0, epochs - 1 do
    for _ = 1, each do
      step = step + 1
      rows[#rows + 1] = string.format("%d\t%d\tstep\t%g\t%g\t%g\t0.1%s\t0.1\n", step, epoch,
        9 / step,
        3 / step + shift, 10 + shift, ("\tNaN"):rep(7))
    end
    rows[#rows + 1] = string.format("%d\t%d\tdev%s\t1\t2\t3\t4\t5\t6\t%g\t1\n", step, epoch,
      ("\tNaN"):rep(4), 21 + epoch + shift)
  end
  unit.write(path .. "/metrics.tsv", table.concat(rows))
  return curves.read(path .. "/metrics.tsv")
end

-- The blocks of a TSV as lists of {column = cell}.
local function blocks(tsv)
  local result = {}
  for block in (tsv .. "\n\n"):gmatch("(.-\n)\n\n") do
    local names, rows = nil, {}
    for line in block:gmatch("[^\n]+") do
      local cells = {}
      for cell in line:gmatch("[^\t]+") do cells[#cells + 1] = cell end
      if names then
        local row = {}
        for i, name in ipairs(names) do row[name] = cells[i] end
        rows[#rows + 1] = row
      else
        names = cells
      end
    end
    result[#result + 1] = rows
  end
  return result
end

local function named(list, name)
  for _, figure in ipairs(list) do
    if figure.name == name then return figure end
  end
end

-- ---- the numbers that are drawn ----------------------------------------------------------------

unit.test("seeds of a row become their mean and one standard deviation on either side", function()
  local groups = { { name = "a", runs = { run("s0", 2, 5, 0), run("s1", 2, 5, 2),
    run("s2", 2, 5, 4) } } }
  local rows = blocks(curves.of_evaluations(groups))[1]
  unit.equal(#rows, 2)
  unit.equal(rows[1].epoch, "1")
  unit.equal(rows[2].epoch, "2")
  unit.equal(rows[2].rsum, "24")
  unit.equal(rows[2].rsum_low, "22")
  unit.equal(rows[2].rsum_high, "26")
  local steps = blocks((curves.of_steps(groups)))[1]
  unit.equal(#steps, 10)
  unit.equal(steps[10].grad_norm, "12")
  unit.equal(steps[10].grad_norm_low, "10")
  local own = blocks((curves.of_steps(groups)))
  unit.equal(#own, 4, "a block of the row and one of each seed")
  unit.equal(own[3][10].grad_norm, "12", "the second seed's own values")
  local figure = named(figures.of_runs(groups), "loss")
  unit.equal(table.concat(figure.set.group_of, " "), "1 1 1")
end)

unit.test("one run has no band; its mean begins with its own first value", function()
  local one, two = run("one", 1, 30, 0), run("two", 1, 30, 0)
  local found = blocks((curves.of_steps { { name = "a", runs = { one } },
    { name = "b", runs = { two } } }))
  unit.equal(found[1][1].loss_per_sample, "3")
  unit.equal(found[2][1].loss_per_sample, "3")
  unit.near(tonumber(found[1][2].loss_per_sample), (3 + 1.5 + 1) / 3, 1e-5)
  unit.equal(found[1][1].loss_per_sample_low, "NaN")
  unit.equal(found[3][2].loss_per_sample, "1.5")
end)

unit.test("the mean does not lag: of a loss that falls in a line it is that line", function()
  local rows = { head }
  for step = 1, 90 do
    rows[#rows + 1] = string.format("%d\t0\tstep\t1\t%g\t1\t0.1%s\t0.1\n", step, 100 - step,
      ("\tNaN"):rep(7))
  end
  local found = curves.read(unit.write(folder .. "/line.tsv", table.concat(rows)))
  for i, row in ipairs(blocks((curves.of_steps { { name = "a", runs = { found } } }))[1]) do
    unit.equal(row.loss_per_sample, i < 90 and tostring(100 - i) or "10.5") -- the last two
  end
end)

unit.test("the end of the warm-up is marked, and no mean reaches over it", function()
  local path = folder .. "/warm"
  assert(core.make_folders(path))
  local rows = { head }
  for step = 1, 2000 do
    rows[#rows + 1] = string.format("%d\t%d\tstep\t1\t%g\t%g\t0.1%s\t0.1\n", step,
      (step - 1) // 500, step <= 1000 and 50 or 2, step <= 1000 and 900 or 30, ("\tNaN"):rep(7))
  end
  unit.write(path .. "/metrics.tsv", table.concat(rows))
  unit.write(path .. "/config.json", '{"train": {"warmup_epochs": 2}}')
  local warm = curves.read(path .. "/metrics.tsv")
  unit.equal(warm.warm, 1000)
  local figure = named(figures.of_runs { { name = "a", runs = { warm } } }, "loss")
  unit.equal(figure.set.warm[1], 1000.5)
  unit.equal(figure.set.warm_group[1], 0)
  unit.contains(figure.says, "where the warm-up ends")
  for _, block in ipairs(blocks(figure.data)) do
    for _, row in ipairs(block) do
      unit.equal(row.loss_per_sample, tonumber(row.step) <= 1000 and "50" or "2", row.step)
    end
  end
  -- beside a run of another warm-up each mark is its group's, and one that is not over has none
  local cold = run("cold", 4, 5, 0)
  figure = named(figures.of_runs { { name = "b", runs = { cold } },
    { name = "a", runs = { warm } } }, "loss")
  unit.equal(figure.set.warm_group[1], 2)
  unit.write(path .. "/config.json", '{"train": {"warmup_epochs": 4}}')
  unit.equal(curves.read(path .. "/metrics.tsv").warm, nil)
end)

unit.test("a long run is thinned to what can be seen, and the figure says so", function()
  local long = run("long", 1, 3 * curves.MOST_POINTS + 1, 1)
  local list = figures.of_runs { { name = "long", runs = { long } } }
  local loss = named(list, "loss")
  local rows, own = blocks(loss.data)[1], blocks(loss.data)[2]
  unit.equal(#rows <= curves.MOST_POINTS, true, #rows)
  unit.contains(loss.says, "means over 31 steps")
  unit.contains(loss.says, "a point the mean of 4")
  -- a point is the mean of its steps, and stands in their middle
  unit.near(tonumber(own[1].loss_per_sample), 1 + (3 + 1.5 + 1 + 0.75) / 4, 1e-5)
  unit.equal(rows[1].step, "2.5")
  unit.equal(rows[#rows].step, tostring(3 * curves.MOST_POINTS + 1))
end)

unit.test("where one seed is not as far, the mean ends with it", function()
  local rows = blocks(curves.of_evaluations { { name = "a",
    runs = { run("far", 3, 5, 0), run("near", 1, 5, 2) } } })[1]
  unit.equal(rows[1].rsum, "22")
  unit.equal(rows[2].rsum, "NaN")
end)

unit.test("a line that is half written, or says nonsense, is left out", function()
  local path = unit.write(folder .. "/half.tsv", head .. "1\t0\tstep\t9\t3\t1\t0.1"
    .. ("\tNaN"):rep(7)
    .. "\t1\n2\t0\tstep\tinf\tnan\tx\t0.1" .. ("\tNaN"):rep(7) .. "\t1\n3\t0\tst")
  local found = curves.read(path)
  unit.equal(#found.steps, 2)
  unit.equal(found.steps[2].loss_per_sample, nil)
  unit.fails(1, "no column 'grad_norm'", curves.read,
    unit.write(folder .. "/bad.tsv", "step\tepoch\tkind\t"
    .. "loss_per_sample\n"))
end)

local function row(name, values, paper, delta)
  local runs, sum = {}, 0
  for i, value in ipairs(values) do
    runs[i] = { seed = i - 1, metrics = { rsum = value } }
    sum = sum + value
  end
  return { name = name, n = #values, runs = runs, failed = {}, delta = delta and { rsum = delta },
    metrics = #values > 0 and { rsum = { mean = sum / #values, values = values, paper = paper,
      std = #values > 1 and 1.5 or nil } } or {} }
end

local function object()
  return { title = "t", reference = "base", rows = {
    row("a_b^{2}", { 220, 224 }, 500, { mean = -7, low = -12, high = -2, separable = true }),
    { name = "none", n = 0, runs = {}, failed = {},
      metrics = { rsum = { paper = 505, values = {} } } },
    row("base", { 228, 230 }, 510),
  } }
end

unit.test("the rows: each row at its place, seeds against the base's, the paper as a difference",
  function()
  local figure = figures.of_table(object())
  local found = blocks(figure.data)
  unit.equal(#found[1], 2)
  unit.equal(found[1][2].row, "3", "a row without a run keeps its place")
  unit.equal(found[1][1].delta_low, "-12")
  unit.equal(found[1][1].delta_paper, "-10")
  unit.equal(found[1][2].delta, "NaN")
  unit.equal(found[2][2].delta, "-6")
  unit.equal(figure.set.inside, 0, "500 has no place on an axis about 220")
  unit.equal(figure.set.from > 200 and figure.set.to < 240, true, "no empty band on the axis")
  unit.contains(figure.says, "lie off that axis")
  unit.equal(figure.set.finding, "1 of 1 row separable from base")
  unit.equal(figure.set.note[2], "not done")
  unit.equal(figures.of_table { rows = { row("x", {}) } }, nil)
end)

unit.test("the paper says nothing about generated data", function()
  local generated = object()
  generated.generated = true
  local figure = figures.of_table(generated)
  unit.equal(blocks(figure.data)[1][1].paper, "NaN")
  unit.equal(figure.set.papers, 0)
end)

-- ---- matrices ----------------------------------------------------------------------------------

local function npy_file(name, rows, columns, descr)
  local text = string.format("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", descr
    or "<f4", rows,
    columns)
  text = text .. (" "):rep(63 - (#text + 10) % 64) .. "\n"
  local numbers = {}
  for i = 1, rows * columns do numbers[i] = string.pack("<f", i) end
  return unit.write(folder .. "/" .. name, "\147NUMPY\1\0" .. string.pack("<I2", #text) .. text
    .. table.concat(numbers))
end

unit.test("a corner of an .npy is read; what is none is refused", function()
  local found = npy.matrix(npy_file("m.npy", 3, 10), 2, 4)
  unit.equal(#found, 2)
  unit.equal(table.concat(found[2], " "), "11.0 12.0 13.0 14.0")
  unit.fails(1, "float32", npy.matrix, npy_file("d.npy", 2, 2, "<f8"))
  local whole = unit.read(folder .. "/m.npy")
  for _, size in ipairs { 0, 5, 9, 30, #whole - 1 } do
    unit.fails(1, "cut.npy: expected", npy.matrix, unit.write(folder .. "/cut.npy",
      whole:sub(1, size)))
  end
  unit.fails(1, "as many numbers", npy.matrix, unit.write(folder .. "/cut.npy",
    (whole:gsub("%(3, 10%)", "(9999999, 9999999)"))))
end)

unit.test("similarities: the first images and their own captions, no others", function()
  local figure = matrices.similarities(npy_file("sims.npy", 4, 20), "sims", 2)
  unit.equal(figure.set.rows, 2)
  unit.equal(figure.set.columns, 10)
  unit.equal(figure.set.own, 5)
  unit.contains(figure.data, "\n10\t2\t30\n")
end)

unit.test("weights of words and regions; a short line is named", function()
  local path = unit.write(folder .. "/w.tsv", "region\t<start>\ta_b\n0\t0.5\t0.25\n1\t0.5\t0.75\n")
  local figure = matrices.weights(path, "w")
  unit.equal(table.concat(figure.set.across, " "), "<start> a_b")
  unit.contains(figure.data, "\n2\t1\t0.25\n")
  unit.write(path, "region\ta\tb\n0\t0.5\n")
  unit.fails(1, "w.tsv:2: expected a region and 2 numbers", matrices.weights, path, "w")
  unit.fails(1, "expected a line of words", matrices.weights, unit.write(path, ""), "w")
end)

-- ---- the scripts -------------------------------------------------------------------------------

unit.test("an SVG for a page has ids of its own, and colours that follow the page", function()
  local drawing = [[
<?xml version="1.0"?>
<svg width="30" height="20">
<title>Gnuplot</title>
<g id="gnuplot_canvas"><rect x="0" y="0" width="30" height="20" fill="#ffffff"/>
<path id='gpPt1' stroke='rgb(  0, 114, 178)'/>
<g id="gnuplot_plot_1" ><title>NaN</title><path/></g><g id="gnuplot_plot_1" ><path/></g>
<use xlink:href='#gpPt1' fill='url(#gpPt1)'/></g></svg>]]
  local found = svg.inline(drawing, "loss-", "a label", true)
  unit.contains(found, "id='loss-gpPt1' stroke='var(--hue1)'")
  unit.contains(found, "href='#loss-gpPt1' fill='url(#loss-gpPt1)'")
  unit.contains(found, 'aria-label="a label"')
  unit.equal(found:find("#ffffff", 1, true), nil)
  unit.equal(found:find("<title>", 1, true), nil)
  unit.equal(found:find("gnuplot_plot", 1, true), nil, "an id that comes twice")
  unit.contains(svg.inline(drawing, "x", "", false), "#ffffff")
end)

unit.test("a file that looks like a command is only a file", function()
  local figure = named(figures.of_runs { { name = "x", runs = { run("x", 1, 3, 0) } } }, "loss")
  unit.contains(gnuplot.script(figure, "svg", "|touch x"), "\n=./|touch x\n")
  unit.fails(1, "control characters", gnuplot.script, figure, "svg", "a\nb.svg")
end)

local there, reason = core.run_gnuplot("print 1\n")
if not there and reason:find("gnuplot is missing", 1, true) then
  print("skipped: " .. reason)
  unit.finish()
end

-- ---- drawn -------------------------------------------------------------------------------------

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
