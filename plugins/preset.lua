-- preset.lua: the model of a config that says nothing, the paper's SHAN-full. Plugins are data here:
-- nothing in core knows their names.
return {
  embedding = "glove_random",
  stages = { "l2l", "g2l", "g2g" },
}
