-- CAMP (Wang et al., ICCV 2019): messages between the sides, gated and fused, and a classifier's
-- loss. The paper trains its attention first and the rest with SGD; here all of it from the start.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("CAMP", {
  image = { "linear" },
  text = { "bigru" },
  stages = { sw.stage "camp" { form = "gate_fusion_new" } },
  loss = "bce",
})
