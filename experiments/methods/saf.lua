-- SAF of SGRAF (Diao et al., AAAI 2021): similarity vectors, filtered. It wants the same number of
-- regions in each image (saf.regions). Its settings for Flickr30K.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("SAF", {
  direction = "t2i",
  text = { sw.block "dropout" { rate = 0.4 }, "bigru", "l2norm" },
  stages = { sw.stage "saf" { lambda = 9 } },
}, { decay_epoch = 20 })
