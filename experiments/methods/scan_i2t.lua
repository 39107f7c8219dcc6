-- SCAN (Lee et al., ECCV 2018), regions query: i2t LSE. Its settings for Flickr30K.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("SCAN i2t", {
  direction = "i2t",
  stages = { sw.stage "scan" { lambda_i2t = 4, reduce = "lse", sharpness = 5 } },
})
