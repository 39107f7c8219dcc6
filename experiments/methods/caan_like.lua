-- Like CAAN (Zhang et al., CVPR 2020): each side attends to the other and, by how alike its
-- fragments attend, to itself. The structure is published, its scales and widths are not.
local sw = require "stepwise"
local method = sw.load "field.lua"

return method("CAAN-like", {
  stages = { "caan_like" },
})
