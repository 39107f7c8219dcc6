-- import_weights.lua: stepwise import-weights
local core = require "stepwise.core"
local names = require "stepwise.weights.names"
local setup = require "stepwise.config.setup"
local text = require "stepwise.util.text"

local M = {
  name = "import-weights",
  summary = "Makes a checkpoint of the weights that another program saved.",
  usage = "FILE.. --config EXPERIMENT.lua [key=value..] --out CHECKPOINT",
  details = [[
FILE is .safetensors, .npz or what torch.save wrote; several are taken together. --config says what
the model is: an experiment, a config.json, a run folder or a checkpoint; key=value changes it, as
dim=512. Without --map, the names may be as here or as in any map of experiments/maps, whichever
finds most of the model. The model's own tensors are found below model or state_dict, too, and below
PyTorch's module; each has to be there in its shape, and none may be left. stepwise train --init
CHECKPOINT goes on from it.]],
  arguments = { 1, math.huge },
  options = {
    { "config", "FILE", "an experiment, config.json, run folder or checkpoint" },
    { "map", "NAME", "names as in experiments/maps/NAME.lua, or in a file of your own" },
    { "vocab", "FILE", "the vocabulary that it was trained with, kept as vocab.json beside it" },
    { "ignore", "PREFIX", "leave out the tensors whose names begin so (repeatable)", many = true },
    { "out", "CHECKPOINT", "the .safetensors file to be written" },
  },
}

local function fail(format, ...) core.fail(2, "import-weights: " .. string.format(format, ...)) end

local function beside(path) return (path:match("^.*/") or "") .. "vocab.json" end

-- The files, and what changes the config.
local function split(arguments)
  local files, changes = {}, {}
  for _, word in ipairs(arguments) do
    local is_change = word:find("^[%w_.]+=") and not core.file_kind(word)
    table.insert(is_change and changes or files, word)
  end
  if #files == 0 then fail("expected %s", M.usage) end
  return files, changes
end

local function check(given)
  if not given.config then
    fail "--config is needed: an experiment, config.json, run folder or checkpoint"
  end
  if not given.out then fail "--out is needed: the checkpoint to be written" end
  if not given.out:find("%.safetensors$") then
    fail("--out: expected a name that ends in .safetensors, found '%s'", text.plain(given.out))
  end
  if core.file_kind(given.out) then
    core.fail(1, given.out .. ": is there already; --out takes another name")
  end
end

-- Keeps the vocabulary beside the checkpoint that is to be written; its fingerprint.
local function check_vocabulary(path, out, expected, of)
  local words, fingerprint = core.vocabulary_size(path)
  if words ~= expected then
    core.fail(1, string.format("%s: expected %d words as %s has them, found %d", path, expected, of,
      words))
  end
  local there = beside(out)
  if core.file_kind(there) and core.read_file(there) ~= core.read_file(path) then
    core.fail(1, string.format("%s: is another vocabulary than %s; --out takes another folder",
      there, path))
  end
  return fingerprint
end

-- The config, and the vocabulary beside it where it is that of a checkpoint or run.
local function configure(session, given, changes)
  local source, vocab
  if given.config:find("%.safetensors$") then
    source = { config = session:checkpoint_config(given.config), file = given.config }
    vocab = beside(given.config)
  else
    source = setup.experiment(given.config)
    vocab = source.run and source.run .. "/vocab.json"
  end
  local config = setup.resolve(session, source)
  for _, assignment in ipairs(changes) do config:override(assignment) end
  return config, vocab and core.file_kind(vocab) and vocab
end

-- ---- tensors -----------------------------------------------------------------------------------

-- {tensors.., files =}: those of all files, each {name =, shape =, file =, floats = function}.
local function read(paths, ignored)
  local result, first = {}, {}
  for _, path in ipairs(paths) do
    local file = core.weights(path)
    local list = file:list()
    for i, tensor in ipairs(list) do
      tensor.file, tensor.floats = path, function() return file:floats(i) end
    end
    for _, tensor in ipairs(names.unwrapped(list)) do
      local left_out = false
      for _, prefix in ipairs(ignored or {}) do
        left_out = left_out or tensor.name:sub(1, #prefix) == prefix
      end
      if not left_out and first[tensor.name] then
        core.fail(1, string.format("%s: tensor '%s' is in %s, too", path, tensor.name,
          first[tensor.name]))
      elseif not left_out then
        first[tensor.name], result[#result + 1] = path, tensor
        result[tensor.name] = tensor
      end
    end
  end
  return result
end

-- The tensor of each parameter by a map: {[parameter's name] = tensor}, and how many there are.
local function matched(parameters, map, tensors)
  local found, count = {}, 0
  for _, parameter in ipairs(parameters) do
    for _, name in ipairs(names.candidates(map, parameter.name)) do
      if tensors[name] then
        found[parameter.name], count = tensors[name], count + 1
        break
      end
    end
  end
  return found, count
end

-- The map that finds most, the shortest of several, and its name.
local function choose(given, parameters, tensors)
  if given.map then return names.load(given.map), given.map end
  local best, called, most = {}, nil, select(2, matched(parameters, {}, tensors))
  for _, name in ipairs(names.list()) do
    local map = names.load(name)
    local count = select(2, matched(parameters, map, tensors))
    if count > most or called and count == most and #map < #best then
      best, called, most = map, name, count
    end
  end
  return best, called
end

local function shape_text(shape) return #shape == 0 and "a number" or table.concat(shape, " x ") end

-- Whether two shapes hold the same rows of numbers: PyTorch has dimensions of 1 where we have none.
local function alike(a, b)
  local function squeezed(shape)
    local kept = {}
    for _, size in ipairs(shape) do if size ~= 1 then kept[#kept + 1] = size end end
    return table.concat(kept, " ")
  end
  return squeezed(a) == squeezed(b)
end

local function where(paths) return #paths == 1 and paths[1] or paths[1] .. " .." end

-- Raises what does not fit: a parameter that has no tensor or one of another shape, a tensor left.
local function check_fit(parameters, found, tensors, map, paths)
  local used, left = {}, {}
  for _, tensor in pairs(found) do used[tensor] = true end
  for _, tensor in ipairs(tensors) do
    if not used[tensor] and not names.is_unused(map, tensor.name) then left[#left + 1] = tensor end
  end
  local function left_names()
    local list = {}
    for i, tensor in ipairs(left) do list[i] = tensor.name end
    return list
  end
  for _, parameter in ipairs(parameters) do
    local tensor = found[parameter.name]
    if not tensor then
      local wanted = names.candidates(map, parameter.name)
      for i, name in ipairs(wanted) do wanted[i] = "'" .. name .. "'" end
      core.fail(1, string.format("%s: no tensor for %s (%s): expected it as %s%s", where(paths),
        parameter.name, shape_text(parameter.shape), table.concat(wanted, " or "),
        #left == 0 and "" or core.suggest(names.candidates(map, parameter.name)[1], left_names())))
    elseif not alike(tensor.shape, parameter.shape) then
      core.fail(1, string.format("%s: tensor '%s': expected %s for %s, found %s", tensor.file,
        tensor.name, shape_text(parameter.shape), parameter.name, shape_text(tensor.shape)))
    end
  end
  local tensor = left[1]
  if tensor then
    core.fail(1, string.format("%s: tensor '%s' (%s) is none of the model's; another config may "
      .. "have it, --ignore %s leaves it out", tensor.file, tensor.name, shape_text(tensor.shape),
      tensor.name))
  end
end

-- F and V, as the tensors have them; nil where there is none.
local function sizes(found)
  local features, vocabulary
  for name, tensor in pairs(found) do
    if name == "image.fc.weight" then features = tensor.shape[#tensor.shape] end
    if name:find("^embedding%.") then vocabulary = tensor.shape[1] end
  end
  return features, vocabulary
end

function M.run(given, arguments)
  check(given)
  local files, changes = split(arguments)
  local session <close> = core.session {}
  local config, vocab = configure(session, given, changes)
  vocab = given.vocab or vocab
  local tensors = read(files, given.ignore)
  local parameters = session:describe(config).parameters
  local map, called = choose(given, parameters, tensors)
  local found = matched(parameters, map, tensors)
  local features, vocabulary = sizes(found)
  parameters = session:describe(config, features, vocabulary).parameters
  check_fit(parameters, found, tensors, map, files)
  local fingerprint = vocab and check_vocabulary(vocab, given.out, vocabulary, where(files))
  local list = {}
  for i, parameter in ipairs(parameters) do
    list[i] = { name = parameter.name, shape = parameter.shape,
      bytes = found[parameter.name].floats() }
  end
  local above = given.out:match("^(.*)/[^/]*$")
  if above and above ~= "" then
    local made, reason = core.make_folders(above)
    if not made then core.fail(1, reason) end
  end
  core.write_safetensors(given.out, list, core.json_encode { stepwise = config:portable_text(),
    vocabulary = fingerprint or nil })
  if vocab then core.write_file(beside(given.out), core.read_file(vocab)) end
  text.say("%s: %s%s%s", given.out, text.plural(#list, "tensor"),
    called and ", named as in " .. called or "", vocab and "" or "; no vocabulary: --vocab FILE is "
    .. "needed to evaluate it")
  return 0
end

return M
