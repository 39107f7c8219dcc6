-- What each step adds in SHAN-full, with its score or only with what it leaves for later steps.
local sw = require "stepwise"

return sw.table {
  title = "Alignment steps of SHAN-full",
  base = sw.load "shan_full.lua",
  reference = "L2L + G2L + G2G",
  rows = {
    { name = "L2L", stages = { "l2l" } },
    { name = "L2L + G2L", stages = { "l2l", "g2l" } },
    { name = "L2L + G2L + G2G" },
    { name = "score of G2L only", ["l2l.score"] = false, ["g2g.score"] = false },
    { name = "score of G2G only", ["l2l.score"] = false, ["g2l.score"] = false },
  },
}
