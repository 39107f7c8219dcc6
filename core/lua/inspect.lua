-- inspect.lua: stepwise inspect
local core = require "stepwise.core"
local draw = require "stepwise.draw"
local setup = require "stepwise.setup"

local text = require "stepwise.text"
local M = {
  name = "inspect",
  summary = "Shows what a model is composed of, or the gradients of one batch.",
  usage = "CHECKPOINT|EXPERIMENT.lua [key=value..]",
  details = [[
With --gradients, which takes a checkpoint: the loss and the gradient of every trained parameter
for the first B images, each with its first caption (hardest negatives, margin 0.2).]],
  arguments = { 1, math.huge },
  options = {
    { "data", "DIR", "the data folder: for the sizes of an experiment's model, and the batch" },
    { "split", "SPLIT", "train when none is given" },
    { "vocab", "FILE", "a vocabulary; else the one beside the checkpoint or in DIR" },
    { "batch", "B", "images in the batch, 16 when none is given", kind = "integer", least = 2,
      most = 65536 },
    { "gradients", "OUT", "the .safetensors file that takes loss and gradients" },
    { "threads", "N", "0: one for each CPU; the result is the same", kind = "integer", most = 256 },
    { "json", nil, "print one JSON object" },
  },
}

local function is_checkpoint(path)
  return path:find("%.safetensors$") ~= nil
end

local function gradients(session, given, path)
  if not is_checkpoint(path) then
    core.fail(2, "inspect: --gradients takes a checkpoint (.safetensors), found '" .. path .. "'")
  elseif not given.data then
    core.fail(2, "inspect: --gradients needs --data")
  end
  local loss = session:gradients {
    checkpoint = path, data = given.data, split = given.split or "train", vocab = given.vocab,
    batch = given.batch, out = given.gradients,
  }
  if given.json then
    print(core.json_encode({ loss = loss, gradients = given.gradients }))
  else
    print(string.format("loss %.9g; gradients: %s", loss, given.gradients))
  end
  return 0
end

-- F and V where the data says them, else 0.
local function sizes(config, source, split)
  local data, vocabulary = config.data, 0
  local vocab = source.run and source.run .. "/vocab.json" or data.vocab
  if vocab ~= "" then vocabulary = core.vocabulary_size(vocab) end
  if data.dir == "" then return 0, vocabulary end
  local features = core.dataset(data.dir, split or data.train_split).features
  if vocabulary == 0 then
    local beside = data.dir .. "/vocab.json"
    vocabulary = core.file_kind(beside) and core.vocabulary_size(beside)
      or core.vocabulary_size(data.dir, { data.train_split, data.dev_split })
  end
  return features, vocabulary
end

-- The model, a name for it, and what is assumed of it.
local function describe(session, given, arguments)
  local path = arguments[1]
  if is_checkpoint(path) then
    if #arguments > 1 then core.fail(2, "inspect: a checkpoint takes no key=value") end
    return session:describe_checkpoint(path), path, {}
  end
  local source = setup.experiment(path)
  local config <close> = session:resolve(source.config)
  for _, option in ipairs { "data", "vocab" } do
    if given[option] then
      config:override((option == "data" and "data.dir=" or "data.vocab=") .. given[option])
    end
  end
  for _, assignment in ipairs(setup.overrides("inspect", arguments)) do
    config:override(assignment)
  end
  local resolved = config:table()
  local features, vocabulary = sizes(resolved, source, given.split)
  return session:describe(config, features, vocabulary),
    resolved.name ~= "" and resolved.name or source.label,
    { features = features == 0, vocabulary = vocabulary == 0 }
end

function M.run(given, arguments)
  local session <close> = core.session { threads = given.threads }
  if given.gradients then return gradients(session, given, arguments[1]) end
  if given.batch then core.fail(2, "inspect: --batch goes with --gradients") end
  local model, name, assumed = describe(session, given, arguments)
  if given.json then
    print(core.json_encode(model, 1))
  else
    for _, line in ipairs(draw.model(model, name, assumed)) do text.say("%s", line) end
  end
  return 0
end

return M
