-- BFAN (Liu et al., ACM MM 2019), "equal": what a fragment attends to little is left out, and it
-- attends to the rest again. Its settings for Flickr30K.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("BFAN", {
  stages = { sw.stage "bfan" { lambda = 20, focus = "equal" } },
})
