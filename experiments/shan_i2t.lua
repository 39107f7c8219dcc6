-- SHAN-I2T: only the regions ask: R_v, v_c and t*_c; the text side is the mean word.
local sw = require "stepwise"
local paper = sw.load "paper.lua"

return sw.experiment {
  name = "SHAN-I2T",
  model = {
    dim = 1024,
    direction = "i2t",
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
