-- What SHAN's stages add over good pooling: the same encoders, word vectors and training, and
-- between them a pooling of each side and one cosine, or stages that compare regions with words.
local sw = require "stepwise"

return sw.table {
  title = "Pooling against alignment, with SHAN's encoders",
  base = sw.load "shan_full.lua",
  reference = "SHAN-full",
  rows = {
    { name = "mean (VSE++)", pool = "mean", stages = { "dot" } },
    { name = "GPO", pool = "gpo", stages = { "dot" } },
    { name = "ESA", pool = "esa", stages = { "dot" } },
    { name = "L2L", stages = { "l2l" } },
    { name = "L2L + G2L", stages = { "l2l", "g2l" } },
    { name = "SHAN-full" },
  },
}
