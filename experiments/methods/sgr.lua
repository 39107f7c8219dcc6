-- SGR of SGRAF (Diao et al., AAAI 2021): similarity vectors that reason over each other. It needs
-- the same number of regions in each image (sgr.regions). Its settings for Flickr30K.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("SGR", {
  direction = "t2i",
  text = { sw.block "dropout" { rate = 0.4 }, "bigru", "l2norm" },
  stages = { sw.stage "sgr" { lambda = 9, steps = 3 } },
}, { epochs = 40, decay_epoch = 30 })
