-- scenes.lua: stepwise scenes
local core = require "stepwise.core"
local folder = require "stepwise.scenes.scenes_folder"
local text = require "stepwise.util.text"

local defaults = folder.defaults

local function size(name, doc)
  return { name:gsub("_", "-"), "N", doc .. " (" .. defaults[name] .. ")", kind = "integer" }
end

local M = {
  name = "scenes",
  summary = "Writes the generated data set, in the layout of a real one.",
  usage = "DIR",
  details = [[
Scenes of objects with class, colour, size, count and place, and captions from a grammar. The same
options give the same bytes. What is measured on them says nothing about photographs.]],
  plugins = false,
  arguments = { 1, 1 },
  options = {
    size("seed", "of everything that is drawn"),
    size("train", "images of the split train"),
    size("dev", "images of the split dev"),
    size("test", "images of the split test"),
    size("regions", "k, regions per image"),
    size("features", "F, numbers per region"),
    size("word_dim", "W, numbers per word vector"),
    { "noise", "X", string.format("of a feature, against 1 for its class (%s)",
      text.number(defaults.noise)) },
  },
}

function M.run(given, arguments)
  local options = {}
  for _, name in ipairs { "seed", "train", "dev", "test", "regions", "features" } do
    options[name] = given[name]
  end
  options.word_dim = given["word-dim"]
  if given.noise then
    options.noise = tonumber(given.noise)
    if not options.noise then
      core.fail(2, "scenes: --noise: expected a number, found '" .. given.noise .. "'")
    end
  end
  local made, reason = core.make_folders(arguments[1])
  if not made then core.fail(1, reason) end
  folder.write(arguments[1], options)
  for name in pairs(defaults) do options[name] = options[name] or defaults[name] end
  text.say("%s: generated scenes, %d train, %d dev, %d test images, five captions each, "
    .. "seed %d", arguments[1], options.train, options.dev, options.test, options.seed)
  return 0
end

return M
