-- Which side asks: the paper's last three rows of Table 1, on Flickr30K.
local sw = require "stepwise"

return sw.table {
  title = "Direction of SHAN (paper: Flickr30K)",
  base = sw.load "shan_full.lua",
  reference = "SHAN-full",
  rows = {
    {
      name = "SHAN-T2I",
      direction = "t2i",
      paper = { text = { 72.5, 92.3, 95.8 }, image = { 53.6, 78.6, 85.5 }, rsum = 478.3 },
    },
    {
      name = "SHAN-I2T",
      direction = "i2t",
      paper = { text = { 70.6, 91.7, 95.5 }, image = { 50.5, 77.1, 85.2 }, rsum = 470.6 },
    },
    {
      name = "SHAN-full",
      paper = { text = { 74.6, 93.5, 96.9 }, image = { 55.3, 81.3, 88.4 }, rsum = 490.0 },
    },
  },
}
