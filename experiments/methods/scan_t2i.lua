-- SCAN (Lee et al., ECCV 2018), words query: t2i AVG. Its settings for Flickr30K.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("SCAN t2i", {
  direction = "t2i",
  stages = { sw.stage "scan" { lambda_t2i = 9, reduce = "mean" } },
})
