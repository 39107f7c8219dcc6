-- export_weights.lua: stepwise export-weights
local core = require "stepwise.core"
local explain = require "stepwise.commands.explain"
local names = require "stepwise.weights.names"
local text = require "stepwise.util.text"
local writers = require "stepwise.weights.writers"

local M = {
  name = "export-weights",
  summary = "Writes a checkpoint's weights for PyTorch, NumPy and what reads safetensors.",
  usage = "CHECKPOINT|RUN --to FILE.safetensors|FILE.npz|FILE.pt",
  plugins = false,
  details = [[
The file's ending says which: .pt is what torch.save writes of a state_dict. With --map the tensors
have the names of another program, so that its model loads them; what that program has and no number
depends on is written as zeros. stepwise import-weights takes them back.]],
  arguments = { 1, 1 },
  options = {
    { "to", "FILE", "the file to be written" },
    { "map", "NAME", "names as in experiments/maps/NAME.lua, or in a file of your own" },
  },
}

local function check(to)
  local write = to and writers.by_ending[to:match("%.(%w+)$") or ""]
  if not write then
    core.fail(2, string.format("export-weights: --to: expected a name that ends in .safetensors, "
      .. ".npz or .pt, found %s", to and "'" .. text.plain(to) .. "'" or "none"))
  elseif core.file_kind(to) then
    core.fail(1, to .. ": is there already; --to takes another name")
  end
  return write
end

-- The tensors of a map's own, and which of the parameters have a name by it.
local function named(tensors, map)
  local taken, renamed = {}, 0
  for _, tensor in ipairs(tensors) do
    local ours = tensor.name
    tensor.name = names.candidates(map, ours)[1]
    if tensor.name ~= ours then renamed = renamed + 1 end
    if taken[tensor.name] then
      core.fail(1, string.format("the map calls both %s and %s '%s'", taken[tensor.name], ours,
        tensor.name))
    end
    taken[tensor.name] = ours
  end
  for _, entry in ipairs(map.unused) do
    if entry.shape and renamed > 0 then
      local count = 1
      for _, size in ipairs(entry.shape) do count = count * size end
      tensors[#tensors + 1] = { name = entry[1], shape = entry.shape,
        bytes = string.rep("\0", 4 * count) }
    end
  end
end

function M.run(given, arguments)
  local write, path = check(given.to), explain.checkpoint(arguments[1])
  local file <close> = core.weights(path)
  local tensors = file:list()
  core.checkpoint_text(path) -- raises where it is none
  for i, tensor in ipairs(tensors) do tensor.bytes = file:floats(i) end
  if given.map then named(tensors, names.load(given.map)) end
  write(given.to, tensors)
  text.say("%s: %s", given.to, text.plural(#tensors, "tensor"))
  return 0
end

return M
