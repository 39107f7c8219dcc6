-- IMRAM (Chen et al., CVPR 2020), regions query: three steps of matching with a memory between.
-- Its settings for Flickr30K.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("IMRAM image", {
  direction = "i2t",
  stages = { sw.stage "imram" { lambda = 9, steps = 3 } },
})
