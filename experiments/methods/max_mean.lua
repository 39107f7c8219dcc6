-- The best region of each word and the best word of each region, on the average (as in LAPS, Fu et
-- al., CVPR 2024): no attention, no parameters beside the encoders.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("max mean", {
  stages = { sw.stage "max_mean" { slope = 0.1, mu = 0.5 } },
})
