-- Training, resuming, evaluating and inspecting from a stock Lua.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"

local folder = unit.folder()
local data = folder .. "/scenes"
sw.scenes(data, { train = 16, dev = 8, test = 8, regions = 4, features = 16, word_dim = 6 })

local session = sw.session { threads = 1 }

local function config(more)
  local result = session:resolve {
    model = { dim = 8, embedding = { plugin = "glove_random", word_dim = 6 } },
    train = { batch = 16, epochs = 2, lr = 1e-3 },
    data = { dir = data, glove = data .. "/scenes.glove.txt" },
  }
  for _, assignment in ipairs(more or {}) do result:override(assignment) end
  return result
end

-- Trains to the end; the events by kind.
local function train(run, options, more, stop_at)
  local trainer <close> = session:train(config(more), folder .. "/" .. run, options)
  local events = { step = {}, evaluated = {}, warning = {} }
  while true do
    local event = trainer:next()
    if event.kind == "done" then
      events.done = event
      return events
    end
    table.insert(events[event.kind], event)
    if event.kind == "step" and event.step == stop_at then
      trainer:save()
      return events
    end
  end
end

local whole = train("whole")

unit.test("a run gives its steps, its evaluations and its end", function()
  unit.equal(#whole.step, 10)
  unit.equal(#whole.evaluated, 2)
  unit.equal(whole.step[10].step, 10)
  unit.equal(whole.step[10].total_steps, 10)
  unit.equal(whole.step[1].samples, 16)
  unit.near(whole.step[1].loss / 16, whole.step[1].loss_per_sample, 1e-9)
  unit.equal(whole.done.test.images, 8)
  unit.equal(whole.done.dev.rsum >= whole.evaluated[1].dev.rsum, true)
end)

unit.test("provenance names the commit that the program was built of", function()
  local built = unit.read(os.getenv("STEPWISE_BUILD") .. "/core/lua/git_id.c")
  local program = sw.json_decode(unit.read(folder .. "/whole/provenance.json")).program
  unit.equal(program.git, built:match('= "(.-)";'))
end)

unit.test("two halves of a loss are the loss, with the options of the train keys", function()
  local one = train("one", nil, { "margin=0.4", "warmup_epochs=0" })
  local halves = train("halves", nil, { "loss=hinge,hinge", "loss.hinge.weight=0.5",
    "loss.hinge_2.weight=0.5", "margin=0.4", "warmup_epochs=0" })
  for i, step in ipairs(one.step) do unit.equal(halves.step[i].loss, step.loss) end
  unit.equal(one.step[1].loss ~= whole.step[1].loss, true)
  unit.equal(halves.done.test.rsum, one.done.test.rsum)
end)

unit.test("a stage that stands twice has parameters and options of its own", function()
  local twice = train("twice", nil, { "stages=l2l,l2l", "l2l_2.lambda=3" })
  local model = session:describe_checkpoint(folder .. "/twice/checkpoint.safetensors")
  local names = {}
  for _, parameter in ipairs(model.parameters) do names[parameter.name] = true end
  unit.equal(names["l2l.image_key.weight"] and names["l2l_2.image_key.weight"], true)
  unit.equal(model.stages[2].lambda, 3.0)
  local metrics = session:evaluate { data = data, split = "test",
    checkpoints = { folder .. "/twice/checkpoint.safetensors" } }
  unit.near(metrics.rsum, twice.done.test.rsum, 0)
end)

unit.test("a model that cannot run is refused before its folder is made", function()
  unit.fails(2, "stage g2g: needs", session.train, session, config { "stages=g2g" },
    folder .. "/none")
  unit.equal(require("stepwise.core").file_kind(folder .. "/none"), nil)
end)

unit.test("after the end there is only the end, and a closed trainer says so", function()
  local trainer = session:train(config(), folder .. "/whole", { resume = true })
  unit.equal(trainer:next().kind, "done")
  unit.equal(trainer:next().kind, "done")
  unit.equal(trainer:path(), folder .. "/whole")
  trainer:close()
  trainer:close()
  unit.fails(2, "the trainer is closed", trainer.next, trainer)
  unit.fails(2, "the trainer is closed", trainer.save, trainer)
end)

unit.test("a run that was stopped and gone on with has the same bytes", function()
  train("parts", nil, nil, 3)
  unit.fails(1, "--resume", train, "parts")
  unit.fails(1, "train.lr", train, "parts", { resume = true }, { "lr=0.5" })
  train("parts", { resume = true }, nil, 7)
  train("parts", { resume = true })
  for _, file in ipairs { "checkpoint.safetensors", "checkpoint-last.safetensors" } do
    local same = unit.read(folder .. "/parts/" .. file) == unit.read(folder .. "/whole/" .. file)
    unit.equal(same, true, file)
  end
end)

unit.test("one folder is written by one trainer at a time", function()
  local trainer <close> = session:train(config(), folder .. "/busy", {})
  trainer:next()
  unit.fails(1, "locked by process", session.train, session, config(), folder .. "/busy",
    { resume = true })
end)

unit.test("a trainer that is left to the collector frees its folder", function()
  session:train(config(), folder .. "/left"):next()
  collectgarbage()
  collectgarbage()
  train("left", { resume = true })
end)

unit.test("the checkpoint evaluates to what the run said", function()
  local metrics = session:evaluate {
    checkpoints = { folder .. "/whole/checkpoint.safetensors" }, data = data, split = "test",
    sims = folder .. "/sims.npy",
  }
  unit.near(metrics.rsum, whole.done.test.rsum, 1e-9)
  unit.equal(#unit.read(folder .. "/sims.npy") > 8 * 40 * 4, true)
  unit.fails(1, "tset", session.evaluate, session,
    { checkpoints = { folder .. "/whole/checkpoint.safetensors" }, data = data, split = "tset" })
  unit.fails(2, "checkpoints", session.evaluate, session,
    { checkpoints = {}, data = data, split = "test" })
end)

unit.test("a checkpoint is described, and its gradients are written", function()
  local path = folder .. "/whole/checkpoint.safetensors"
  local model = session:describe_checkpoint(path)
  unit.equal(model.dim, 8)
  unit.equal(model.features, 16)
  unit.equal(#model.stages, 3)
  unit.equal(session:checkpoint_config(path).train.epochs, 2)
  local loss = session:gradients { checkpoint = path, data = data, split = "train", batch = 4,
    out = folder .. "/g.safetensors" }
  unit.equal(loss > 0, true)
  unit.contains(unit.read(folder .. "/g.safetensors"), '"l2l.image_key.weight"')
  unit.fails(2, "batch: expected 2", session.gradients, session,
    { checkpoint = path, data = data, split = "train", batch = 1, out = "x" })
end)

unit.test("data folders tell their sizes, and generated ones what they are", function()
  local split = sw.dataset(data, "test")
  unit.equal(split.images, 8)
  unit.equal(split.captions, 40)
  unit.equal(split.regions, 4)
  unit.equal(split.features, 16)
  unit.equal(sw.is_generated(data), true)
  unit.equal(sw.is_generated(folder), false)
  unit.equal(sw.dataset(data, "dev", folder .. "/whole/vocab.json").vocabulary > 4, true)
  unit.fails(1, "nowhere", sw.dataset, folder .. "/nowhere", "test")
  unit.fails(2, "train: expected a whole number", sw.scenes, folder .. "/x", { train = "many" })
end)

unit.test("the same options generate the same bytes", function()
  local again = folder .. "/again"
  sw.scenes(again, { train = 16, dev = 8, test = 8, regions = 4, features = 16, word_dim = 6 })
  for _, file in ipairs { "train_ims.npy", "train_caps.txt", "scenes.glove.txt" } do
    unit.equal(unit.read(again .. "/" .. file) == unit.read(data .. "/" .. file), true, file)
  end
end)

-- The checkpoint `path` once more, with another text as its config; nil: none.
local function with_config(path, text)
  local bytes = unit.read(path)
  local size = string.unpack("<I8", bytes)
  local header = sw.json_decode(bytes:sub(9, 8 + size))
  header.__metadata__ = text and { stepwise = text } or nil
  local new = sw.json_encode(header)
  new = new .. (" "):rep(-#new % 8)
  return unit.write(folder .. "/other.safetensors",
    string.pack("<I8", #new) .. new .. bytes:sub(9 + size))
end

unit.test("a checkpoint of another tool or version needs no more than its model", function()
  local best = folder .. "/whole/checkpoint.safetensors"
  local saved = sw.json_decode(core.checkpoint_text(best))
  local model = sw.json_encode(saved.model)
  for _, text in ipairs {
    string.format('{"model": %s}', model),
    '{"model": {"dim": 8, "embedding": {"word_dim": 6}}}',
    string.format('{"model": %s, "later": 1, "train": {"unheard": 2}}', model),
  } do
    unit.equal(session:describe_checkpoint(with_config(best, text)).dim, 8)
  end
end)

for text, message in pairs {
  ["{"] = "its config",
  ["[1]"] = "its config is not a JSON object",
  ['{"model": {"dmi": 6}}'] = "no option 'dmi' in model; did you mean 'dim'?",
  ['{"model": 6}'] = "model: expected a table, found 6",
  ['{"model": {"embedding": {"word_dim": 6}}}'] =
    "tensor 'image.fc.weight': expected shape 1024 x 16, found 8 x 16",
  ['{"model": {"dim": 8, "embedding": {"word_dim": 3}}}'] = "expected shape 24 x 6, found 24 x 12",
  ['{"model": {"dim": 8, "embedding": {"plugin": "glove", "word_dim": 6}}}'] =
    "text.gru.weight_ih_l0",
  ['{"model": {"dim": 8, "embedding": {"word_dim": 6}, "stages": ["l2l"]}}'] =
    "is not a parameter of its model",
  ['{"model": {"dim": 8, "embedding": {"word_dim": 6}, "stages": ["l2l", {"plugin": "g2l", '
    .. '"fusion": "gate_vector"}, "g2g"]}}'] = "g2l.fusion.image.weight",
} do
  unit.test("a checkpoint with a wrong config names itself and what is wrong: " .. text, function()
    local path = with_config(folder .. "/whole/checkpoint.safetensors", text)
    unit.fails(1, { path, message }, session.describe_checkpoint, session, path)
  end)
end

unit.test("a model file without a config says that it is none of ours", function()
  local path = with_config(folder .. "/whole/checkpoint.safetensors", nil)
  unit.fails(1, "expected the config as 'stepwise' in __metadata__, found none",
    session.describe_checkpoint, session, path)
end)

unit.test("a run is not resumed under another config", function()
  unit.fails(1, "under another config: train.lr is 0.001 there and 0.5 here", session.train,
    session, config { "lr=0.5" }, folder .. "/whole", { resume = true })
end)

unit.finish()
