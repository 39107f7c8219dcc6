-- SAEM (Wu et al., ACM MM 2019): a layer of a transformer over the regions, convolutions over
-- BERT's last states. These do not change in training: the data folder has them as
-- SPLIT_bert.npy, (captions, tokens, 768), with SPLIT_bert_counts.npy for the tokens of each.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("SAEM", {
  dim = 256,
  image = { "linear", sw.block "self_attention" { heads = 16, width = 2048, dropout = 0.1 } },
  second = { text = { file = "bert", width = 768, alone = true, blocks = {} } },
  pool = { image = "mean", text = sw.pool "word_cnn" { maps = 512, dropout = 0.1 } },
  stages = { "dot" },
  loss = {
    "hinge",
    sw.loss "angular" { weight = 0.5, decay = 0.1, decay_every = 5, epochs = 20 },
    sw.loss "weight_norms" { weight = 0.01, of = "image" },
  },
}, { batch = 64, lr = 1e-4, decay_epoch = 10 },
  -- generated scenes have no states of BERT: their words take the place
  { second = "none", ["image.self_attention.width"] = 256, ["pool.text.maps"] = 64 })
