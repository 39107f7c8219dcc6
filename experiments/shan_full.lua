-- SHAN-full: the whole model of the paper: both directions, three steps (eq. 1-17).
local sw = require "stepwise"
local paper = sw.load "paper.lua"

return sw.experiment {
  name = "SHAN-full",
  model = {
    dim = 1024,
    direction = "both",
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
