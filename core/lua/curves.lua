-- curves.lua: from the metrics.tsv of runs to the curves that are drawn: thinned, and with the
-- spread of the runs that differ in their seed only.
local core = require "stepwise.core"
local layout = require "stepwise.layout"
local statistics = require "stepwise.statistics"

local M = {}

-- A curve has at most this many points: more are not seen, and make an SVG of megabytes.
M.MOST_POINTS = 300

-- Of the running mean, a step.
local KEPT <const> = 0.95

local step_values = { "loss_per_sample", "grad_norm", "lr" }

local function finite(value)
  value = tonumber(value)
  return value and value == value and math.abs(value) < math.huge and value or nil
end

local function split(line)
  local cells = {}
  for cell in (line .. "\t"):gmatch("([^\t]*)\t") do cells[#cells + 1] = cell end
  return cells
end

-- {steps = {{step =, epoch =, loss_per_sample =, ..}..}, evaluations = {{step =, at =, i2t_r1 =,
-- .., rsum =}..}, last =}: at is in epochs. What is no number is nil. A line that a run is just
-- writing is left out.
function M.read(path)
  local steps, evaluations, columns, per_epoch, last = {}, {}, nil, nil, 0
  for line in io.lines(path) do
    local cells = split(line)
    if not columns then
      columns = {}
      for i, name in ipairs(cells) do columns[name] = i end
      for _, needed in ipairs { "step", "epoch", "kind", "loss_per_sample", "grad_norm", "lr",
        "rsum" } do
        if not columns[needed] then core.fail(1, path .. ": no column '" .. needed .. "'") end
      end
    else
      local function cell(name) return finite(cells[columns[name]]) end
      local row, kind = { step = cell("step"), epoch = cell("epoch") }, cells[columns.kind]
      if row.step and row.epoch and #cells >= columns.rsum then
        if row.epoch >= 1 and not per_epoch and kind == "step" then per_epoch = row.step - 1 end
        if kind == "step" then
          for _, name in ipairs(step_values) do row[name] = cell(name) end
          steps[#steps + 1] = row
          last = math.max(last, row.step)
        elseif kind == "dev" then
          for _, metric in ipairs(layout.metrics) do row[metric[1]] = cell(metric[1]) end
          evaluations[#evaluations + 1] = row
        end
      end
    end
  end
  -- a run that is in its first epoch: its last evaluation ends it
  if not per_epoch or per_epoch < 1 then
    per_epoch = #evaluations > 0 and evaluations[#evaluations].step or math.max(1, last)
  end
  for _, row in ipairs(evaluations) do row.at = row.step / math.max(1, per_epoch) end
  return { steps = steps, evaluations = evaluations, last = last }
end

-- ---- spread ------------------------------------------------------------------------------------

-- Mean and mean -+ one standard deviation of what the runs have at one place; low and high are nil
-- for one run. positive: for a log scale, low is at least the smallest value.
local function spread(values, positive)
  local mean = statistics.mean(values)
  local deviation = statistics.deviation(values)
  if not deviation then return mean end
  local low = mean - deviation
  if positive and low <= 0 then low = math.min(table.unpack(values)) end
  return mean, low, mean + deviation
end

local function number(value)
  return value and value == value and string.format("%.6g", value) or "NaN"
end

local function block(head, rows)
  local lines = { table.concat(head, "\t") }
  for i, row in ipairs(rows) do lines[i + 1] = table.concat(row, "\t") end
  return table.concat(lines, "\n") .. "\n"
end

-- Blocks of one TSV stand apart by two empty lines, which is what gnuplot's `index` counts.
function M.join(blocks)
  return table.concat(blocks, "\n\n")
end

-- Adds the columns NAME, NAME_low, NAME_high of `values` to a row.
local function add(row, values, positive)
  if not values then
    table.move({ "NaN", "NaN", "NaN" }, 1, 3, #row + 1, row)
    return
  end
  local mean, low, high = spread(values, positive)
  table.move({ number(mean), number(low), number(high) }, 1, 3, #row + 1, row)
end

-- The values that all of `runs` have: {of each run's table `at`}, or nil where one lacks it.
local function values_at(runs, at, name)
  local values = {}
  for i, run in ipairs(runs) do
    local row = run[at]
    if not row or not row[name] then return nil end
    values[i] = row[name]
  end
  return values
end

-- ---- steps -------------------------------------------------------------------------------------

-- A run's steps in bins of `width` steps: [bin] = {step =, raw_NAME = the bin's mean, NAME = the
-- running mean at the bin's end; lr as it is there}
local function in_bins(run, width)
  local bins, running, count = {}, {}, 0
  for _, row in ipairs(run.steps) do
    local at = (row.step - 1) // width + 1
    local bin = bins[at]
    if not bin then
      bin = { sums = {}, counts = {} }
      bins[at] = bin
      count = math.max(count, at)
    end
    bin.step = math.min(at * width, run.last)
    for _, name in ipairs(step_values) do
      local value = row[name]
      if value then
        local before = running[name]
        running[name] = before and name ~= "lr" and KEPT * before + (1 - KEPT) * value or value
        bin[name] = running[name]
        bin.sums[name] = (bin.sums[name] or 0.0) + value
        bin.counts[name] = (bin.counts[name] or 0) + 1
      end
    end
    for name, sum in pairs(bin.sums) do bin["raw_" .. name] = sum / bin.counts[name] end
    bin.whole = at * width <= run.last
  end
  return bins, count
end

-- The TSV of loss.gp of the groups {{runs = {what read() gave..}}..}, a block a group, and how many
-- steps one point stands for.
function M.of_steps(groups)
  local last = 0
  for _, group in ipairs(groups) do
    for _, run in ipairs(group.runs) do last = math.max(last, run.last) end
  end
  local width = math.max(1, math.ceil(last / M.MOST_POINTS))
  local head = { "step" }
  for _, name in ipairs(step_values) do
    table.move({ name, name .. "_low", name .. "_high", name .. "_raw" }, 1, 4, #head + 1, head)
  end
  local blocks = {}
  for g, group in ipairs(groups) do
    local runs, count = {}, 0
    for i, run in ipairs(group.runs) do
      local bins, most = in_bins(run, width)
      runs[i], count = bins, math.max(count, most)
    end
    local rows = {}
    for at = 1, count do
      local row = { number(runs[1][at] and runs[1][at].step) }
      for _, name in ipairs(step_values) do
        add(row, values_at(runs, at, name), true)
        -- the mean of the few steps of a last bin would stand out
        local one = #runs == 1 and runs[1][at] and runs[1][at].whole and runs[1][at]
        row[#row + 1] = number(one and one["raw_" .. name])
      end
      if row[1] ~= "NaN" then rows[#rows + 1] = row end
    end
    blocks[g] = block(head, rows)
  end
  return M.join(blocks), width
end

-- ---- evaluations -------------------------------------------------------------------------------

-- The TSV of recall.gp: a block a group, a row a dev evaluation.
function M.of_evaluations(groups)
  local head = { "epoch" }
  for _, metric in ipairs(layout.metrics) do
    table.move({ metric[1], metric[1] .. "_low", metric[1] .. "_high" }, 1, 3, #head + 1, head)
  end
  local blocks = {}
  for g, group in ipairs(groups) do
    local runs, places, seen = {}, {}, {}
    for i, run in ipairs(group.runs) do
      runs[i] = {}
      for _, row in ipairs(run.evaluations) do
        runs[i][row.step] = row
        if not seen[row.step] then places[#places + 1] = row end
        seen[row.step] = true
      end
    end
    table.sort(places, function(a, b) return a.step < b.step end)
    local rows = {}
    -- more evaluations than points: every so-manieth, and the last
    local each = math.max(1, math.ceil(#places / M.MOST_POINTS))
    for p, place in ipairs(places) do
      if (#places - p) % each == 0 then
        local row = { number(place.at) }
        for _, metric in ipairs(layout.metrics) do
          add(row, values_at(runs, place.step, metric[1]), false)
        end
        rows[#rows + 1] = row
      end
    end
    blocks[g] = block(head, rows)
  end
  return M.join(blocks)
end

-- ---- a table's rows
-- ------------------------------------------------------------------------------

-- The rsum of a row of results.object(), {mean =, std =, values =, paper =}; nil when none of its
-- runs is done, though the paper may have one.
function M.rsum(row)
  local rsum = row.metrics.rsum
  return rsum and rsum.mean and rsum or nil
end

-- What a row of results.object() says of its distance to the base: mean, low, high, separable.
local function distance(row)
  local delta = type(row.delta) == "table" and row.delta.rsum
  if type(delta) == "table" and delta.mean then
    return delta.mean, delta.low, delta.high, delta.separable == true
  end
  delta = row.delta_rsum
  if type(delta) ~= "table" then return nil end
  return delta.mean, delta.half and delta.mean - delta.half, delta.half and delta.mean + delta.half,
    delta.separable == true
end

-- The two blocks of ablation.gp for an object of results.object(): a row's mean, deviation and
-- distance from the base, then each seed's; and {base = the place of the base, 0 without one,
-- least =, most = of the distances, 0 among them}. nil when no run is done. The paper has nothing
-- to say about generated data.
function M.of_rows(object)
  local base, base_at, of_seed = nil, 0, {}
  for y, row in ipairs(object.rows) do
    if row.name == object.reference and M.rsum(row) then
      base, base_at = row, y
      for _, run in ipairs(row.runs) do of_seed[run.seed] = run.metrics.rsum end
    end
  end
  local least, most = 0.0, 0.0
  local function distant(value)
    if value then least, most = math.min(least, value), math.max(most, value) end
    return number(value)
  end
  local function paper_of(row) return not object.generated and row.metrics.rsum.paper or nil end
  local rows, dots = {}, {}
  for y, row in ipairs(object.rows) do
    local rsum, other = M.rsum(row), row ~= base and base
    if rsum then
      local mean, low, high, separable = distance(row)
      local paper, base_paper = paper_of(row), other and paper_of(base)
      rows[#rows + 1] = {
        tostring(y), number(rsum.mean), number(rsum.std), number(paper), distant(mean),
        distant(low), distant(high), separable and "1" or "0",
        distant(paper and base_paper and paper - base_paper),
      }
      for _, run in ipairs(row.runs) do
        local value, of_base = run.metrics.rsum, other and of_seed[run.seed]
        dots[#dots + 1] = {
          tostring(y), number(value), distant(value and of_base and value - of_base),
        }
      end
    end
  end
  if #rows == 0 then return nil end
  return M.join {
    block({ "row", "mean", "std", "paper", "delta", "delta_low", "delta_high", "separable",
      "delta_paper" }, rows),
    block({ "row", "rsum", "delta" }, dots),
  }, { base = base_at, least = least, most = most }
end

return M
