-- What the methods of this folder share: the field's encoders and training. A method's script says
-- what it changes of them: method(name, model, train, on_scenes).
local sw = require "stepwise"
local paper = sw.load "../paper.lua"

local function merged(first, second)
  local result = {}
  for _, from in ipairs { first, second or {} } do
    for key, value in pairs(from) do result[key] = value end
  end
  return result
end

return function(name, model, train, on_scenes)
  return sw.experiment {
    name = name,
    model = merged({
      dim = 1024,
      embedding = sw.embedding "random" { word_dim = 300 },
    }, model),
    train = merged(paper.train, train),
    on_scenes = merged(paper.on_scenes, on_scenes),
  }
end
