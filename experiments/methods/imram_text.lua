-- IMRAM (Chen et al., CVPR 2020), words query: three steps of matching with a memory between.
-- Its settings for Flickr30K.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("IMRAM text", {
  direction = "t2i",
  stages = { sw.stage "imram" { lambda = 9, steps = 3 } },
})
