-- curves.lua: from the metrics.tsv of runs to the curves that are drawn: thinned, and with the
-- spread of the runs that differ in their seed only.
local core = require "stepwise.core"
local layout = require "stepwise.results.layout"
local statistics = require "stepwise.results.statistics"

local M = {}

-- A curve has at most this many points: more are not seen, and make an SVG of megabytes.
M.MOST_POINTS = 300

-- .. and the single steps of all runs of one picture together at most about this many.
local MOST_SINGLE_POINTS <const> = 6000

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

-- How many epochs of warm-up the config beside a metrics.tsv says; 0 where none can be read.
local function warmup_epochs(path)
  local fine, config = pcall(function()
    return core.json_decode(core.read_file((path:match("^.*/") or "") .. "config.json"))
  end)
  local train = fine and type(config) == "table" and config.train
  return type(train) == "table" and tonumber(train.warmup_epochs) or 0
end

-- {steps = {{step =, epoch =, loss_per_sample =, ..}..}, evaluations = {{step =, at =, i2t_r1 =,
-- .., rsum =}..}, last =, warm =, warm_at =}: at is in epochs, warm the last step of the warm-up
-- and
-- warm_at the epochs until then, nil where there was none or no step followed it. What is no
-- number is nil. A line that a run is just
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
  local warm_epochs, warm = warmup_epochs(path), nil
  for _, row in ipairs(steps) do
    if row.epoch < warm_epochs then warm = math.max(warm or 0, row.step) end
  end
  if warm == last then warm = nil end
  return { steps = steps, evaluations = evaluations, last = last, warm = warm,
    warm_at = warm and warm / math.max(1, per_epoch) }
end

-- ---- spread ------------------------------------------------------------------------------------

-- Bands of more groups than these would cover each other, and are left out.
M.MOST_BANDS = 6

-- Mean and mean -+ one standard deviation of what the runs have at one place; low and high are nil
-- for one run, and without bands. No value is below zero: low is at least `least`, or where that is
-- nil, for a log scale, the smallest value.
local function spread(values, bands, least)
  local mean = statistics.mean(values)
  local deviation = bands and statistics.deviation(values)
  if not deviation then return mean end
  local low = mean - deviation
  if low <= 0 then low = least or math.min(table.unpack(values)) end
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
local function add(row, values, bands, least)
  if not values then
    table.move({ "NaN", "NaN", "NaN" }, 1, 3, #row + 1, row)
    return
  end
  local mean, low, high = spread(values, bands, least)
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

-- Means of values[i] over as many places on either side, at most `half`, as there are from `first`
-- to `last`: so the mean is centred and does not lag. Only the last few reach further back than
-- forward, as an epoch's last batch may be small, with another loss. Places without a value get
-- none.
local function centred(values, first, last, half, means)
  local sums, counts = { [first - 1] = 0.0 }, { [first - 1] = 0 }
  for i = first, last do
    sums[i] = sums[i - 1] + (values[i] or 0.0)
    counts[i] = counts[i - 1] + (values[i] and 1 or 0)
  end
  for i = first, last do
    local reach = math.min(half, i - first, last - i)
    if values[i] then
      local back = math.max(reach, math.min(half // 4, i - first))
      local before, to = i - back - 1, i + reach
      means[i] = (sums[to] - sums[before]) / (counts[to] - counts[before])
    end
  end
end

-- A run's steps with their running means: {{step =, raw_NAME =, NAME =}..}. No mean reaches over
-- the end of the warm-up, where the loss is another one. lr is as it is.
local function with_means(run, half)
  local count, switch = #run.steps, 0
  local rows = {}
  for i, row in ipairs(run.steps) do
    rows[i] = { step = row.step, lr = row.lr }
    if run.warm and row.step <= run.warm then switch = i end
  end
  for _, name in ipairs(step_values) do
    local values, means = {}, {}
    for i, row in ipairs(run.steps) do values[i] = row[name] end
    if name ~= "lr" then
      centred(values, 1, switch, half, means)
      centred(values, switch + 1, count, half, means)
      for i, row in ipairs(rows) do row[name], row["raw_" .. name] = means[i], values[i] end
    end
  end
  return rows
end

-- Means of those rows over bins of `width` steps, none of which reaches over the end of the
-- warm-up: {[bin] = {step = the bin's middle, ..}}, and the last bin.
local function in_bins(rows, warm, width)
  local bins, count = {}, 0
  local warm_bins = warm and math.ceil(warm / width) or 0
  for _, row in ipairs(rows) do
    local late = warm and row.step > warm
    local at = (row.step - (late and warm or 0) - 1) // width + 1 + (late and warm_bins or 0)
    local bin = bins[at] or { sums = {}, counts = {} }
    bins[at], count = bin, math.max(count, at)
    for name, value in pairs(row) do
      bin.sums[name] = (bin.sums[name] or 0.0) + value
      bin.counts[name] = (bin.counts[name] or 0) + 1
    end
    bin.lr = row.lr -- a mean would lie between two of its steps
  end
  for _, bin in pairs(bins) do
    for name, sum in pairs(bin.sums) do
      if name ~= "lr" then bin[name] = sum / bin.counts[name] end
    end
  end
  return bins, count
end

-- The block of a run's own values.
local function single_steps(rows, warm, width)
  local bins, count = in_bins(rows, warm, width)
  local lines = {}
  for at = 1, count do
    local bin = bins[at]
    if bin then
      lines[#lines + 1] = { number(bin.step), number(bin.raw_loss_per_sample),
        number(bin.raw_grad_norm) }
    end
  end
  return block({ "step", "loss_per_sample", "grad_norm" }, lines)
end

-- The TSV of loss.gp of the groups {{runs = {what read() gave..}}..}: a block a group, then a block
-- a run; and {each = how many steps a point stands for, each_single = the same of a run's own
-- values, window = over how many steps the means are, group_of = {the group of each run..}}.
function M.of_steps(groups)
  local last, runs_in_all = 0, 0
  for _, group in ipairs(groups) do
    runs_in_all = runs_in_all + #group.runs
    for _, run in ipairs(group.runs) do last = math.max(last, run.last) end
  end
  local width = math.max(1, math.ceil(last / M.MOST_POINTS))
  local single = width * math.max(1, math.ceil(runs_in_all * M.MOST_POINTS / MOST_SINGLE_POINTS))
  local half = math.max(4, last // 60)
  local head = { "step" }
  for _, name in ipairs(step_values) do
    table.move({ name, name .. "_low", name .. "_high" }, 1, 3, #head + 1, head)
  end
  local blocks, singles, group_of, bands = {}, {}, {}, #groups <= M.MOST_BANDS
  for g, group in ipairs(groups) do
    local runs, count = {}, 0
    for i, run in ipairs(group.runs) do
      local rows = with_means(run, half)
      singles[#singles + 1], group_of[#group_of + 1] = single_steps(rows, run.warm, single), g
      local bins, most = in_bins(rows, run.warm, width)
      runs[i], count = bins, math.max(count, most)
    end
    local lines = {}
    for at = 1, count do
      local line = { number(runs[1][at] and runs[1][at].step) }
      for _, name in ipairs(step_values) do add(line, values_at(runs, at, name), bands) end
      if line[1] ~= "NaN" then lines[#lines + 1] = line end
    end
    blocks[g] = block(head, lines)
  end
  table.move(singles, 1, #singles, #blocks + 1, blocks)
  return M.join(blocks), { each = width, each_single = single, window = 2 * half + 1,
    group_of = group_of }
end

-- ---- evaluations -------------------------------------------------------------------------------

-- The TSV of recall.gp: a block a group, a row a dev evaluation; and {first =, last = in epochs,
-- least =, most = {of each metric, with its bands ..}, ends = {the last rsum of each group ..}}.
function M.of_evaluations(groups)
  local head = { "epoch" }
  local found = { first = math.huge, last = 0, least = {}, most = {}, ends = {} }
  for _, metric in ipairs(layout.metrics) do
    table.move({ metric[1], metric[1] .. "_low", metric[1] .. "_high" }, 1, 3, #head + 1, head)
  end
  local blocks, bands = {}, #groups <= M.MOST_BANDS
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
          local name, values = metric[1], values_at(runs, place.step, metric[1])
          add(row, values, bands, 0)
          if values then
            local mean, low, high = spread(values, bands, 0)
            found.least[name] = math.min(found.least[name] or mean, low or mean)
            found.most[name] = math.max(found.most[name] or mean, high or mean)
            if name == "rsum" then found.ends[g] = mean end
          end
        end
        found.first, found.last = math.min(found.first, place.at), math.max(found.last, place.at)
        rows[#rows + 1] = row
      end
    end
    blocks[g] = block(head, rows)
  end
  return M.join(blocks), found
end

-- ---- a table's rows ----------------------------------------------------------------------------

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
