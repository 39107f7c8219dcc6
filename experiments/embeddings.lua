-- Word embeddings of SHAN-full. The paper compares them for SHAN-T2I only (table3.lua).
local sw = require "stepwise"

return sw.table {
  title = "Word embeddings of SHAN-full",
  base = sw.load "shan_full.lua",
  reference = "GloVe and random",
  rows = {
    { name = "GloVe, fixed", embedding = "glove" },
    { name = "GloVe, tuned", embedding = "glove_tuned" },
    { name = "random", embedding = "random" },
    { name = "GloVe and random", embedding = "glove_random" },
  },
}
