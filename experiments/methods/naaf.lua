-- NAAF (Zhang et al., CVPR 2022), words query: what a word finds nowhere counts against the pair.
-- Its settings for Flickr30K, with word vectors that are learnt from the start.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("NAAF", {
  direction = "t2i",
  stages = { sw.stage "naaf" { lambda = 20 } },
}, { lr = 5e-4, epochs = 20, decay_epoch = 10 })
