-- The paper's Table 3: word embeddings and steps, all of SHAN-T2I, on COCO 1K.
local sw = require "stepwise"

return sw.table {
  title = "Table 3: word embeddings and alignment steps of SHAN-T2I",
  base = sw.load "shan_t2i.lua",
  reference = "SHAN-T2I",
  rows = {
    {
      name = "GloVe, fixed",
      embedding = "glove",
      paper = { text = { 74.8, 94.9 }, image = { 59.9, 88.4 }, rsum = 510.9 },
    },
    {
      name = "GloVe, tuned",
      embedding = "glove_tuned",
      paper = { text = { 74.9, 95.2 }, image = { 59.7, 88.0 }, rsum = 510.7 },
    },
    {
      name = "random",
      embedding = "random",
      paper = { text = { 75.0, 96.0 }, image = { 59.6, 87.6 }, rsum = 510.2 },
    },
    {
      name = "L2L",
      stages = { "l2l" },
      paper = { text = { 72.4, 94.5 }, image = { 58.2, 87.5 }, rsum = 504.4 },
    },
    {
      name = "L2L + G2L",
      stages = { "l2l", "g2l" },
      paper = { text = { 74.9, 95.5 }, image = { 59.3, 88.4 }, rsum = 510.5 },
    },
    {
      name = "SHAN-T2I",
      paper = { text = { 75.9, 96.1 }, image = { 60.7, 88.2 }, rsum = 513.8 },
    },
  },
}
