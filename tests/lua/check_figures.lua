-- The numbers of figures: what is drawn is what the runs say. Drawn they are in check_drawn.lua.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local figures = require "stepwise.figures.figures"
local gnuplot = require "stepwise.figures.gnuplot"
local matrices = require "stepwise.figures.matrices"
local npy = require "stepwise.util.npy"
local svg = require "stepwise.figures.svg"

local made = assert(loadfile(unit.source .. "/tests/lua/made_figures.lua"))(unit)
local folder, head, run = made.folder, made.head, made.run
local object, npy_file, named = made.object, made.npy, made.named

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

unit.test("bands of many rows would hide the curves: they go, also from the text", function()
  local groups = {}
  for g = 1, curves.MOST_BANDS + 1 do
    groups[g] = { name = "row " .. g, runs = { run("s0", 2, 5, 0), run("s1", 2, 5, 2) } }
  end
  unit.equal(blocks(curves.of_evaluations(groups))[1][2].rsum_low, "NaN")
  unit.equal(blocks((curves.of_steps(groups)))[1][10].grad_norm_high, "NaN")
  unit.equal(named(figures.of_runs(groups), "recall").says:find("bands", 1, true), nil)
  groups[#groups] = nil
  unit.equal(blocks(curves.of_evaluations(groups))[1][2].rsum, "23")
  assert(tonumber(blocks(curves.of_evaluations(groups))[1][2].rsum_low) > 0)
  assert(named(figures.of_runs(groups), "recall").says:find("bands", 1, true))
end)

unit.test("no band goes below zero", function()
  local groups = { { name = "a", runs = { run("s0", 1, 5, 0), run("s1", 1, 5, 1000) } } }
  unit.equal(blocks(curves.of_evaluations(groups))[1][1].rsum_low, "0")
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
  unit.equal(figures.of_table { rows = { made.row("x", {}) } }, nil)
end)

unit.test("numbers of others are no runs that are not done", function()
  local with_cited = object()
  local row = with_cited.rows[3]
  row.kind, row.metrics = "cited", { rsum = { cited = 477.2, values = {} } }
  unit.equal(figures.of_table(with_cited).set.note[2], "not done")
  unit.equal(figures.of_table(with_cited).set.note[3], "cited: 477.2")
end)

unit.test("the paper says nothing about generated data", function()
  local generated = object()
  generated.generated = true
  local figure = figures.of_table(generated)
  unit.equal(blocks(figure.data)[1][1].paper, "NaN")
  unit.equal(figure.set.papers, 0)
end)

-- ---- matrices ----------------------------------------------------------------------------------

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

unit.finish()
