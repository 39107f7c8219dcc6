-- All subsets of the three steps of SHAN-full. A step whose score does not count is still computed
-- where later ones build on what it leaves: eq. 8 fuses what L2L attended to, eq. 14 adds up G2L's
-- context vectors.
local sw = require "stepwise"

return sw.table {
  title = "Alignment steps of SHAN-full: all subsets of its scores",
  base = sw.load "shan_full.lua",
  reference = "L2L + G2L + G2G",
  rows = {
    { name = "L2L", stages = { "l2l" } },
    { name = "G2L", stages = { "l2l", "g2l" }, ["l2l.score"] = false },
    { name = "G2G", ["l2l.score"] = false, ["g2l.score"] = false },
    { name = "L2L + G2L", stages = { "l2l", "g2l" } },
    { name = "L2L + G2G", ["g2l.score"] = false },
    { name = "G2L + G2G", ["l2l.score"] = false },
    { name = "L2L + G2L + G2G" },
  },
}
