-- ESA (Zhu et al., TCSVT 2023) with region features and a bi-GRU. Each pair is twice in a batch,
-- with other regions and words dropped, and the worst of its scores counts.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("ESA", {
  embedding = sw.embedding "glove_tuned" { word_dim = 300 },
  image = { sw.block "drop_regions" { rate = 0.2 }, "residual_mlp" },
  text = { sw.block "drop_words" { rate = 0.2 }, sw.block "dropout" { rate = 0.1 }, "bigru" },
  pool = { image = "esa", text = "esa" },
  stages = { "dot" },
}, { views = 2, lr = 5e-4, weight_decay = 0.01, epochs = 25 })
