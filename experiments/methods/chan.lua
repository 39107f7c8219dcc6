-- CHAN (Pan et al., CVPR 2023), its best form: each word takes its best region, and the score is
-- the undivided log-sum-exp of ten times their similarities, to which its margin belongs. The paper
-- trains in batches of 384.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("CHAN", {
  direction = "t2i",
  embedding = sw.embedding "glove_tuned" { word_dim = 300 },
  image = { sw.block "drop_regions" { rate = 0.2 }, "linear",
    sw.block "residual_attention" { heads = 8 }, "l2norm" },
  text = { sw.block "drop_words" { rate = 0.2 }, "bigru", "l2norm" },
  stages = { sw.stage "max_mean" { slope = 1, reduce = "raw_lse", sharpness = 10 } },
}, { lr = 5e-4, weight_decay = 0.01, epochs = 25, margin = 0.05 })
