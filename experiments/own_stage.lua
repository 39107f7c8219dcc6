-- A stage of one's own against L2L. Each word takes the regions that fit it best, here softly, and
-- the score is the mean over the words: late interaction, with a projection of the words.
local sw = require "stepwise"

sw.define_stage {
  name = "best_region",
  doc = "mean over the words of each word's softly best region",
  options = { lambda = { 9, least = 0, most = 1000, doc = "sharpness of the choice" } },
  parameters = { { "key.weight", "D", "D" } },
  prepare = function(b)
    return { fit = b:input_product(b.regions, b:linear(b.words, b:parameter "key.weight")) }
  end,
  score = function(t, options, prepared)
    local fit = t:input(prepared.fit) -- (n,k,L)
    local choice = t:softmax(fit, "regions", options.lambda)
    t:show("choice", "words", "regions", choice)
    return t:mean(t:rowdot(choice, fit), "words")
  end,
}

return sw.table {
  title = "A stage defined in the experiment against L2L",
  base = sw.load "shan_t2i.lua",
  reference = "L2L",
  rows = {
    { name = "L2L", stages = { "l2l" } },
    { name = "best region", stages = { "best_region" } },
  },
}
