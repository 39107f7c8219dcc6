-- SHAN-T2I: only the words ask: R_t, t_c and v*_c; the image side is the mean region.
local sw = require "stepwise"
local paper = sw.load "paper.lua"

return sw.experiment {
  name = "SHAN-T2I",
  model = {
    dim = 1024,
    direction = "t2i",
    embedding = sw.embedding "glove_random" { word_dim = 300 },
    stages = {
      sw.stage "l2l" { lambda = 15, mu = 0.3 },
      sw.stage "g2l" { lambda = 1, mu = 0.5, fusion = "gate" },
      sw.stage "g2g" {},
    },
  },
  train = paper.train,
  on_scenes = paper.on_scenes,
}
