-- preset.lua: the model of a config that says nothing, the paper's SHAN-full. Plugins are data
-- here: nothing in core knows their names.
return {
  embedding = "glove_random",
  image = { "linear", "l2norm" },
  text = { "bigru", "l2norm" },
  stages = { "l2l", "g2l", "g2g" },
  loss = { "hinge" },
}
