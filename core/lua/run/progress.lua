-- progress.lua: how far a run is: the counters and best metrics that its state holds as text.
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"
local plain = require("stepwise.util.text").plain

local M = {}

local numbers <const> = {
  "i2t_r1", "i2t_r5", "i2t_r10", "i2t_medr", "i2t_meanr", "t2i_r1", "t2i_r5", "t2i_r10", "t2i_medr",
  "t2i_meanr", "rsum",
}
local counts <const> = { "i2t_ties", "t2i_ties", "images", "captions", "folds" }

-- step: steps done; epoch, position: epochs done, and steps in the one after; evaluated: the step
-- of the last evaluation; best_step, best_epoch: of the best; -1 where there was none. collapse:
-- steps that the loss has been stuck. touched, samples: of so many images and captions of the steps
-- since the last evaluation so many took a gradient.
local counters <const> = {
  "step", "epoch", "position", "evaluated", "best_step", "best_epoch", "collapse", "touched",
  "samples",
}

-- Metrics in the order in which they are written, and after them further names and values.
function M.metrics(metrics, ...)
  local result = json_text.object()
  for _, names in ipairs { numbers, counts } do
    for _, name in ipairs(names) do json_text.set(result, name, metrics[name]) end
  end
  for i = 1, select("#", ...), 2 do
    local name, value = select(i, ...)
    json_text.set(result, name, value)
  end
  return result
end

-- Whether a value that was read has all metrics.
function M.are_metrics(value)
  if type(value) ~= "table" then return false end
  for _, name in ipairs(numbers) do
    if type(value[name]) ~= "number" then return false end
  end
  for _, name in ipairs(counts) do
    if math.type(value[name]) ~= "integer" or value[name] < 0 then return false end
  end
  return true
end

-- The progress of a run that has not begun: the counters, seconds = of training and evaluation over
-- all its parts, best = the metrics of best_step on dev.
function M.new()
  local none = {}
  for _, name in ipairs(numbers) do none[name] = 0.0 end
  for _, name in ipairs(counts) do none[name] = 0 end
  return { step = 0, evaluated = -1, best_step = -1, best_epoch = -1, collapse = 0, touched = 0,
    samples = 0, seconds = 0.0, best = M.metrics(none) }
end

function M.text(progress, steps_in_epoch)
  local result = json_text.object()
  progress.epoch = progress.step // steps_in_epoch
  progress.position = progress.step % steps_in_epoch
  for _, name in ipairs(counters) do json_text.set(result, name, progress[name]) end
  json_text.set(result, "best", progress.best)
  return json_text.exact(json_text.set(result, "seconds", progress.seconds))
end

-- What the state `path` says; C has checked its numbers and whose it is.
function M.read(text, path, steps_in_epoch)
  local fine, p = pcall(core.json_decode, text)
  fine = fine and type(p) == "table" and M.are_metrics(p.best) and type(p.seconds) == "number"
  for _, name in ipairs { "touched", "samples" } do -- which older states do not have
    if fine and p[name] == nil then p[name] = 0 end
  end
  for _, name in ipairs(counters) do
    fine = fine and math.type(p[name]) == "integer" and p[name] >= -1
  end
  if not fine or p.step < 0 or p.collapse < 0 or p.touched < 0
    or p.samples < p.touched then
    core.fail(1, string.format("%s: its progress is malformed: %s", path, plain(text:sub(1, 200))))
  elseif p.epoch ~= p.step // steps_in_epoch or p.position ~= p.step % steps_in_epoch
    or p.evaluated > p.step or p.best_step > p.step then
    core.fail(1, string.format("%s: its counters do not fit together: step %d is not step %d of "
      .. "epoch %d", path, p.step, p.position, p.epoch))
  end
  p.best = M.metrics(p.best)
  return p
end

-- The loss counts as stuck within this part of twice the margin, and after so many steps it is
-- told: runs that learn pass the place faster, runs that do not stay there for epochs.
local STUCK_WITHIN <const>, STUCK_STEPS <const> = 0.03, 200

-- Counts the steps that the loss has stayed at two margins per sample: with the hardest negatives
-- that is where a model ends which scores all pairs alike. Whether it is to be told now.
function M.watch(p, event, train)
  local at = 2 * train.margin
  local is_stuck = event.epoch >= train.warmup_epochs
    and math.abs(event.loss_per_sample - at) <= STUCK_WITHIN * at
  p.collapse = is_stuck and p.collapse + 1 or 0
  return p.collapse == STUCK_STEPS
end

function M.stuck_text(p, train)
  return string.format("the loss has stayed at %.3g per sample, twice the margin, for %d steps: "
    .. "all pairs score the same (collapse), and hardest negatives will not recover it; try "
    .. "warmup_epochs=%d or more", 2 * train.margin, p.collapse, train.warmup_epochs + 1)
end

return M
