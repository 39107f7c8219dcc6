-- The score of SGM (Wang et al., WACV 2020): the best object for each word and the best relation
-- for each triple of words. The data folder has relations and triples as numbers, SPLIT_relations
-- and SPLIT_triples.npy; the paper makes them from scene graphs by a graph network and a GRU.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("SGM", {
  direction = "t2i",
  second = {
    image = { file = "relations", width = 2048, blocks = { "linear", "l2norm" } },
    text = { file = "triples", width = 300, blocks = { "linear", "l2norm" } },
  },
  stages = {
    sw.stage "max_mean_of_set" { slope = 1, set = "first" },
    sw.stage "max_mean_of_set" { slope = 1, set = "second" },
  },
}, nil, { second = "none" }) -- generated scenes have no relations
