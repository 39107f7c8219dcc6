-- made_figures.lua: made-up runs, tables and matrices in the folder of a test of figures, whose
-- unit.lua it is given.
local unit = ...
require "stepwise"
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"

local M = {}

M.folder = unit.folder()

M.head = "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\ti2t_r5\ti2t_r10\t"
  .. "t2i_r1\tt2i_r5\tt2i_r10\trsum\tseconds\n"

-- A run's metrics.tsv: `epochs` of `each` steps, with losses and recalls that are moved by `shift`.
function M.run(name, epochs, each, shift)
  local path = M.folder .. "/" .. name
  assert(core.make_folders(path))
  local rows, step = { M.head }, 0
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

-- A row of a table: runs with these rsums, `paper` what the paper says, `delta` the difference from
-- the reference.
function M.row(name, values, paper, delta)
  local runs, sum = {}, 0
  for i, value in ipairs(values) do
    runs[i] = { seed = i - 1, metrics = { rsum = value } }
    sum = sum + value
  end
  return { name = name, n = #values, runs = runs, failed = {}, delta = delta and { rsum = delta },
    metrics = #values > 0 and { rsum = { mean = sum / #values, values = values, paper = paper,
      std = #values > 1 and 1.5 or nil } } or {} }
end

-- A table of three rows, one of which has no run.
function M.object()
  return { title = "t", reference = "base", rows = {
    M.row("a_b^{2}", { 220, 224 }, 500, { mean = -7, low = -12, high = -2, separable = true }),
    { name = "none", n = 0, runs = {}, failed = {},
      metrics = { rsum = { paper = 505, values = {} } } },
    M.row("base", { 228, 230 }, 510),
  } }
end

-- A matrix of 1, 2, .. as an .npy file.
function M.npy(name, rows, columns, descr)
  local text = string.format("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", descr
    or "<f4", rows,
    columns)
  text = text .. (" "):rep(63 - (#text + 10) % 64) .. "\n"
  local numbers = {}
  for i = 1, rows * columns do numbers[i] = string.pack("<f", i) end
  return unit.write(M.folder .. "/" .. name, "\147NUMPY\1\0" .. string.pack("<I2", #text) .. text
    .. table.concat(numbers))
end

function M.named(list, name)
  for _, figure in ipairs(list) do
    if figure.name == name then return figure end
  end
end

return M
