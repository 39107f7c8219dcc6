-- SAEM (Wu et al., ACM MM 2019) with a bi-GRU's states in the place of BERT's: a layer of a
-- transformer over the regions, convolutions over the words.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("SAEM (GRU)", {
  dim = 256,
  image = { "linear", sw.block "self_attention" { heads = 16, width = 2048, dropout = 0.1 } },
  text = { "bigru" },
  pool = { image = "mean", text = sw.pool "word_cnn" { maps = 512, dropout = 0.1 } },
  stages = { "dot" },
  loss = {
    "hinge",
    sw.loss "angular" { weight = 0.5, decay = 0.1, decay_every = 5, epochs = 20 },
    sw.loss "weight_norms" { weight = 0.01, of = "image" },
  },
}, { batch = 64, lr = 1e-4, decay_epoch = 10 },
  { ["image.self_attention.width"] = 256, ["pool.text.maps"] = 64 })
