-- inspect.lua: stepwise inspect
local composition = require "stepwise.config.composition"
local core = require "stepwise.core"
local coverage = require "stepwise.results.coverage"
local draw = require "stepwise.figures.draw"
local scripts = require "stepwise.config.describe"
local setup = require "stepwise.config.setup"
local text = require "stepwise.util.text"

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
    { "glove", "FILE", "GloVe vectors: with --data, how many of the captions' words they have" },
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

-- F, V and what the vocabulary and the vectors cover, where the data says them, else 0, 0, nil.
local function sizes(session, config, source, split, glove)
  local data = config:table().data
  local vocab = source.run and source.run .. "/vocab.json"
  if data.dir == "" then
    vocab = vocab or data.vocab
    return 0, vocab ~= "" and core.vocabulary_size(vocab) or 0
  end
  local features = core.dataset(data.dir, split or data.train_split).features
  -- Vectors may be gigabytes: they are read when named, or where a new run reads them.
  if not glove and (source.run or not session:needs_glove(config)) then
    config:override("data.glove=")
  end
  local words = session:words(config, vocab)
  return features, words.vocabulary.words, words
end

-- The model, a name for it, what is assumed of it, and what is known of the words.
local function describe(session, given, arguments)
  local path = arguments[1]
  if is_checkpoint(path) then
    if #arguments > 1 then core.fail(2, "inspect: a checkpoint takes no key=value") end
    return session:describe_checkpoint(path), path, {}
  end
  local source = setup.experiment(path)
  local config <close> = setup.resolve(session, source)
  if source.on_scenes and given.data and core.is_generated(given.data) then
    for _, assignment in ipairs(scripts.assignments(source.on_scenes)) do
      config:override(assignment)
    end
  end
  local overrides = setup.overrides(M, arguments)
  setup.apply(config, given, overrides):require_heard(overrides)
  local resolved = config:table()
  local checker = scripts.session()
  local checked <close> = checker:resolve(resolved)
  composition.check(checker, checked)
  if resolved.data.glove ~= "" and (given.glove or not source.run) then
    setup.check_files(checker, checked, "")
  end
  local features, vocabulary, words = sizes(session, config, source, given.split,
    given.glove)
  return session:describe(config, features, vocabulary),
    resolved.name ~= "" and resolved.name or source.label,
    { features = features == 0, vocabulary = vocabulary == 0 }, words
end

function M.run(given, arguments)
  local session <close> = core.session { threads = given.threads }
  if given.gradients then return gradients(session, given, arguments[1]) end
  if given.batch then core.fail(2, "inspect: --batch goes with --gradients") end
  local model, name, assumed, words = describe(session, given, arguments)
  if given.json then
    model.words = words
    print(core.json_encode(model, 1))
  else
    for _, line in ipairs(draw.model(model, name, assumed)) do text.say("%s", line) end
    for _, line in ipairs(words and coverage.lines(words) or {}) do text.say("%s", line) end
  end
  return 0
end

return M
