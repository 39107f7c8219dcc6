-- VSE++ (Faghri et al., BMVC 2018) on region features: their mean, a GRU's last state, the cosine.
-- The paper has one vector of a whole image.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("VSE++", {
  image = { "linear" },
  text = { "gru" },
  pool = { image = "mean", text = "last" },
  stages = { "dot" },
})
