-- Pictures: names are data, gnuplot runs nothing, the same numbers give the same bytes, and what is
-- drawn is what the runs say.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local curves = require "stepwise.curves"
local figures = require "stepwise.figures"
local matrices = require "stepwise.matrices"
local npy = require "stepwise.npy"
local svg = require "stepwise.svg"

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
  unit.equal(steps[10].grad_norm_raw, "NaN", "a single run's own values have no place in a band")
end)

unit.test("one run has no band; its running mean starts with its own first value", function()
  local one, two = run("one", 1, 30, 0), run("two", 1, 30, 0)
  local found = blocks((curves.of_steps { { name = "a", runs = { one } },
    { name = "b", runs = { two } } }))
  unit.equal(found[1][1].loss_per_sample, "3")
  unit.equal(found[2][1].loss_per_sample, "3")
  unit.equal(found[1][2].loss_per_sample, "2.925")
  unit.equal(found[1][2].loss_per_sample_raw, "1.5")
  unit.equal(found[1][1].loss_per_sample_low, "NaN")
end)

unit.test("a long run is thinned to what can be seen, and the figure says so", function()
  local long = run("long", 1, 3 * curves.MOST_POINTS + 1, 1)
  local list = figures.of_runs { { name = "long", runs = { long } } }
  local loss = named(list, "loss")
  local rows = blocks(loss.data)[1]
  unit.equal(#rows <= curves.MOST_POINTS, true, #rows)
  unit.contains(loss.says, "A point stands for 4 steps")
  -- a point is the mean of its steps
  unit.near(tonumber(rows[1].loss_per_sample_raw), 1 + (3 + 1.5 + 1 + 0.75) / 4, 1e-5)
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

unit.test("the bars: each row at its place, seeds against the base's, the paper as a difference",
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
  unit.equal(figure.set.from > 0, true)
  unit.contains(figure.says, string.format("the axis starts at %g", figure.set.from))
  unit.contains(figure.says, "lie off the left axis")
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
  unit.equal(table.concat(figure.arrays.across, " "), "<start> a_b")
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
  unit.contains(figures.script(figure, "svg", "|touch x"), "output = './|touch x'")
  unit.fails(1, "control characters", figures.script, figure, "svg", "a\nb.svg")
end)

if (os.getenv("LD_PRELOAD") or ""):find("asan", 1, true) then
  print("skipped: gnuplot itself does not pass AddressSanitizer")
  unit.finish()
end
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

unit.test("what gnuplot complains about is told", function()
  local fine, complaint = core.run_gnuplot("plot nonsense(\n")
  unit.equal(fine, nil)
  unit.contains(complaint, "gnuplot failed")
end)

unit.finish()
