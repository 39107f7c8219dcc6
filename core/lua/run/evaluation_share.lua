-- evaluation_share.lua: whether the dev evaluations of a run take too much of its time, and which
-- keys change that.
local text = require "stepwise.util.text"

local M = {}

local MOST <const> = 0.1 -- of the training between two evaluations
local WORTH_TELLING <const> = 10 -- seconds

-- A line for an evaluation of `seconds` after every `steps` steps of `step_seconds` each on
-- `images` images, or nil where it takes less than a tenth of them. Time grows with the square of
-- the images, since their captions grow with them.
function M.advice(seconds, steps, step_seconds, images)
  local training = steps * step_seconds
  if training <= 0 or seconds < WORTH_TELLING or seconds <= MOST * training then return nil end
  local share = seconds / training
  local every = math.ceil(seconds / (MOST * step_seconds))
  local fewer = math.max(1, math.floor(images * (MOST / share) ^ 0.5))
  return string.format("the dev evaluation took %s, %.0f %% of the time of the %s "
    .. "between two; eval_every=%d or dev_images=%d makes it a tenth", text.duration(seconds),
    100 * share, text.plural(steps, "step"), every, fewer)
end

return M
