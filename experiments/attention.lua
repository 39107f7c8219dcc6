-- The attention's normalisation and temperatures, on which the paper is silent or unlike its peers:
-- eq. 3 has no norm (the field's is clipped_l2norm), and eq. 10 and 11 have no temperature.
local sw = require "stepwise"

return sw.table {
  title = "Attention of SHAN-full",
  base = sw.load "shan_full.lua",
  reference = "as printed",
  rows = {
    { name = "as printed" },
    { name = "cosine", ["l2l.attention_norm"] = "cosine" },
    { name = "clipped l2norm", ["l2l.attention_norm"] = "clipped_l2norm" },
    { name = "clipped l2norm, lambda 9", ["l2l.attention_norm"] = "clipped_l2norm",
      ["l2l.lambda"] = 9 },
    { name = "lambda 4", ["l2l.lambda"] = 4 },
    { name = "lambda 9", ["l2l.lambda"] = 9 },
    { name = "lambda 20", ["l2l.lambda"] = 20 },
    { name = "G2L lambda 5", ["g2l.lambda"] = 5 },
    { name = "G2L lambda 15", ["g2l.lambda"] = 15 },
    { name = "sums for means", ["l2l.reduce"] = "sum" },
  },
}
