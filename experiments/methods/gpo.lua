-- VSE-infinity (Chen et al., CVPR 2021) with region features and a bi-GRU.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("VSE-infinity (GPO)", {
  image = { sw.block "drop_regions" { rate = 0.2 }, "residual_mlp" },
  text = { sw.block "drop_words" { rate = 0.2 }, "bigru" },
  pool = { image = "gpo", text = "gpo" },
  stages = { "dot" },
}, { lr = 5e-4, weight_decay = 0.01, epochs = 25 })
