-- All subsets of the three steps of SHAN-full, and what each step and each pair of them brings. A
-- step whose score does not count is still computed where later ones build on what it leaves: eq. 8
-- fuses what L2L attended to, eq. 14 adds up G2L's context vectors.
local sw = require "stepwise"

return sw.ablation {
  title = "Alignment steps of SHAN-full: all subsets of its scores",
  base = sw.load "shan_full.lua",
  parts = {
    { name = "L2L", ["l2l.score"] = false },
    { name = "G2L", ["g2l.score"] = false },
    { name = "G2G", stages = sw.without "g2g" },
  },
  design = "factorial",
}
