-- The model of a config beyond stages: encoders' blocks, poolings, losses, and a plugin that stands
-- twice. The plugins are made up here, so that nothing depends on which there are.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local model = require "stepwise.config.config_model"
local override = require "stepwise.config.config_override"

local function option(name, kind, preset, more)
  local result = { name = name, kind = kind, preset = preset }
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end

local rate = option("rate", "number", "0.1", { least = 0, most = 1 })
local plugins = {
  embedding = { glove_random = {} },
  stage = {
    l2l = { option("lambda", "number", "15") }, g2l = { option("fusion", "fusion", "gate") },
    g2g = {}, l2l_2 = {},
  },
  fusion = { gate = {}, sum = {} },
  block = { linear = {}, l2norm = {}, bigru = {}, dropout = { rate } },
  pool = { mean = {}, gpo = { option("temperature", "number", "0.1") } },
  loss = {
    hinge = {
      option("margin", "number", "0.2", { least = 0, most = 100 }),
      option("negatives", "choice", "hardest", { choices = { "hardest", "all" } }),
      option("warmup_epochs", "integer", "1", { least = 0, most = 1000000 }),
      option("same_image", "choice", "negative", { choices = { "negative", "exclude" } }),
    },
    order = { option("margin", "number", "0.05", { least = 0, most = 100 }) },
    infonce = { option("temperature", "number", "0.05") },
  },
}

local function parts(kind, name)
  local options = plugins[kind][name]
  if options then return { name = name, options = options } end
  local names = {}
  for known in pairs(plugins[kind]) do names[#names + 1] = known end
  table.sort(names)
  core.fail(2, "no " .. kind .. " '" .. name .. "'" .. core.suggest(name, names))
end

-- The model of `given`, with what it says of train keys.
local function resolve(given)
  return model.resolve(parts, given and core.json_decode(core.json_encode(given)))
end

-- The plain value of a config as override takes it.
local function config_of(given)
  local resolved, of_train = resolve(given)
  local train = { margin = 0.2, warmup_epochs = 1, same_image = "negative" }
  for key, value in pairs(of_train) do train[key] = value end
  return { model = resolved, train = train, data = {} }
end

local function names_of(list)
  local names = {}
  for i, entry in ipairs(list) do names[i] = entry.plugin end
  return table.concat(names, " ")
end

unit.test("a model that names neither encoders, pooling nor loss has the paper's", function()
  local found, of_train = resolve()
  unit.equal(names_of(found.image), "linear l2norm")
  unit.equal(names_of(found.text), "bigru l2norm")
  unit.equal(names_of(found.loss), "hinge")
  unit.equal(found.pool, nil)
  unit.equal(found.loss[1].margin, nil, "it follows the train key")
  unit.equal(found.loss[1].negatives, "hardest")
  unit.equal(next(of_train), nil)
  for _, name in ipairs { "image", "text", "loss" } do
    unit.equal(model.is_preset(parts, name, found[name]), true, name)
  end
end)

unit.test("names, tables and single entries say the same", function()
  local found = resolve { image = { "linear", { plugin = "dropout", rate = 0.5 } },
    text = "bigru", pool = "mean", loss = { plugin = "infonce", temperature = 0.1 } }
  unit.equal(names_of(found.image), "linear dropout")
  unit.equal(found.image[2].rate, 0.5)
  unit.equal(names_of(found.text), "bigru")
  unit.equal(found.pool.image.plugin .. found.pool.text.plugin, "meanmean")
  unit.equal(found.loss[1].weight, 1.0)
  unit.equal(found.loss[1].temperature, 0.1)
  local sides = resolve { pool = { image = { plugin = "gpo", temperature = 1 }, text = "mean" } }
  unit.equal(sides.pool.image.temperature, 1.0)
  unit.equal(sides.pool.text.plugin, "mean")
  unit.equal(resolve({ pool = "none" }).pool, nil)
end)

unit.test("a stage may stand twice, with options of its own", function()
  local config = config_of { stages = { "l2l", "l2l", "g2l" } }
  unit.equal(table.concat(model.labels(config.model.stages), " "), "l2l l2l_2 g2l")
  override.apply(config, parts, "l2l_2.lambda=9")
  override.apply(config, parts, "l2l.lambda=4")
  unit.equal(config.model.stages[1].lambda, 4.0)
  unit.equal(config.model.stages[2].lambda, 9.0)
  override.apply(config, parts, "stages=l2l_2,g2l")
  unit.equal(config.model.stages[1].lambda, 9.0, "the second one was asked for")
  unit.equal(table.concat(model.labels(config.model.stages), " "), "l2l g2l")
  unit.fails(2, "no option 'lamda' in l2l", override.apply, config,
    parts, "l2l.lamda=1")
end)

unit.test("no two entries have one label, whatever plugins are called", function()
  local config = config_of { stages = { "l2l", "l2l", "l2l_2" } }
  unit.equal(table.concat(model.labels(config.model.stages), " "), "l2l l2l_2 l2l_2_2")
end)

unit.test("what is said of a train key in the loss is that key", function()
  local config = config_of { loss = { plugin = "hinge", margin = 0.5, negatives = "all" } }
  unit.equal(config.train.margin, 0.5)
  unit.equal(config.model.loss[1].margin, nil)
  override.apply(config, parts, "margin=0.1")
  local loss = model.filled_losses(parts, config.model.loss, config.train)[1]
  unit.equal(loss.margin, 0.1)
  unit.equal(loss.warmup_epochs, 1)
  unit.equal(loss.negatives, "all")
  override.apply(config, parts, "loss.hinge.margin=0.3")
  unit.equal(config.train.margin, 0.3)
  override.apply(config, parts, "loss.hinge.negatives=hardest")
  unit.equal(model.is_preset(parts, "loss", config.model.loss), true)
end)

unit.test("an option of another default is a loss's own", function()
  local config = config_of { loss = { "order", "hinge" } }
  override.apply(config, parts, "margin=0.1")
  local filled = model.filled_losses(parts, config.model.loss, config.train)
  unit.equal(filled[1].margin, 0.05)
  unit.equal(filled[2].margin, 0.1)
  override.apply(config, parts, "loss.order.margin=0.07")
  unit.equal(config.model.loss[1].margin, 0.07)
  unit.equal(config.train.margin, 0.1)
end)

unit.test("a second loss that follows a train key may have a value of its own", function()
  local config = config_of { loss = { "hinge", { plugin = "hinge", margin = 0.4, weight = 2 } } }
  override.apply(config, parts, "margin=0.1")
  local filled = model.filled_losses(parts, config.model.loss, config.train)
  unit.equal(filled[1].margin, 0.1)
  unit.equal(filled[2].margin, 0.4)
  unit.equal(filled[2].weight, 2.0)
  override.apply(config, parts, "loss.hinge_2.margin=0.6")
  unit.equal(config.model.loss[2].margin, 0.6)
  unit.equal(config.train.margin, 0.1)
  override.apply(config, parts, "loss=hinge_2")
  unit.equal(config.model.loss[1].margin, nil, "it is the first one now")
  unit.equal(config.train.margin, 0.6)
end)

unit.test("overrides choose blocks, poolings and losses, and keep the options of those that stay",
  function()
  local config = config_of { image = { "linear", { plugin = "dropout", rate = 0.3 } } }
  local of_model = config.model
  for _, assignment in ipairs { "image=dropout,linear,l2norm,dropout", "image.dropout_2.rate=0.2",
    "text=bigru", "pool.image=gpo", "pool.image.temperature=0.5", "pool.text=mean",
    "loss=hinge,infonce", "loss.infonce.weight=0.5", "model.image.dropout.rate=0.4" } do
    override.apply(config, parts, assignment)
  end
  unit.equal(names_of(of_model.image), "dropout linear l2norm dropout")
  unit.equal(of_model.image[1].rate, 0.4)
  unit.equal(of_model.image[4].rate, 0.2)
  unit.equal(of_model.pool.image.temperature, 0.5)
  unit.equal(of_model.pool.text.plugin, "mean")
  unit.equal(of_model.loss[2].weight, 0.5)
  override.apply(config, parts, "pool=mean")
  unit.equal(of_model.pool.image.plugin, "mean")
  override.apply(config, parts, "pool=none")
  unit.equal(of_model.pool, nil)
end)

for _, case in ipairs {
  { "image=linaer", "no block 'linaer'; did you mean 'linear'?" },
  { "image=", "model.image: expected a list of 1 to 32 blocks, found a list that is empty" },
  { "image.linaer.x=1", "image.linaer.x: no block 'linaer'; did you mean 'linear'?" },
  { "image.dropout.rate=1", "'dropout' is not a block of this model, which has linear, l2norm" },
  { "text.bigru.x=1", "no option 'x' in text.bigru" },
  { "image.linear=3", "use image=.. to choose other blocks" },
  { "pool=gop", "no pool 'gop'; did you mean 'gpo'?" },
  { "pool.imgae=gpo", "no side 'imgae' of pool; did you mean 'image'?" },
  { "pool.image.temperature=1", "this model does not pool; pool=NAME does" },
  { "loss=hnige", "no loss 'hnige'; did you mean 'hinge'?" },
  { "loss.hinge.magrin=1", "no option 'magrin' in loss.hinge; did you mean 'margin'?" },
  { "loss.hinge.margin=-1", "loss.hinge.margin: expected a number from 0 to 100, found -1" },
  { "loss.hinge.weight=0", "loss.hinge.weight: expected a number above 0" },
  { "negatives=all", "no option 'negatives'; did you mean 'loss.hinge.negatives'?" },
} do
  unit.test("a mistyped override is told apart: " .. case[1], function()
    unit.fails(2, case[2], override.apply, config_of(), parts, case[1])
  end)
end

for _, case in ipairs {
  { { image = {} }, "model.image: expected a list of 1 to 32 blocks, found a table" },
  { { image = 3 }, "found 3" },
  { { image = { { rate = 1 } } }, "model.image[1]: expected a plugin's name" },
  { { text = { { plugin = "dropout", rate = 2 } } }, "text.dropout.rate: expected a number" },
  { { pool = { image = "mean" } }, "model.pool.text: expected a plugin's name" },
  { { pool = 7 }, "model.pool: expected a pooling's name or a table" },
  { { pool = { image = "mean", txt = "mean" } }, "did you mean 'text'?" },
  { { loss = { plugin = "hinge", magrin = 1 } }, "did you mean 'margin'?" },
  { { loss = { "hinge", { plugin = "order", weight = -1 } } }, "loss.order.weight: expected" },
} do
  unit.test("a wrong model says where: " .. case[2], function()
    unit.fails(2, case[2], resolve, case[1])
  end)
end

unit.test("keys keep their order, whatever is chosen", function()
  local text = require "stepwise.config.json_text"
  local config = config_of()
  override.apply(config, parts, "pool=mean")
  unit.equal(table.concat(text.keys(config.model), " "),
    "dim direction embedding image text pool stages loss")
  override.apply(config, parts, "pool=none")
  unit.equal(table.concat(text.keys(config.model), " "),
    "dim direction embedding image text stages loss")
end)

unit.test("a second set names its file and width, and has blocks of its own", function()
  unit.equal(resolve().second, nil)
  unit.equal(resolve({ second = "none" }).second, nil)
  local found = resolve { second = { image = { file = "relations", width = 7 },
    text = { file = "bert", width = 768, alone = true, blocks = {} } } }.second
  unit.equal(names_of(found.image.blocks), "linear l2norm")
  unit.equal(found.image.alone, nil, "only words can be left out")
  unit.equal(#found.text.blocks, 0)
  unit.equal(found.text.alone, true)
  local rated = { file = "a", width = 1, blocks = { plugin = "dropout", rate = 0.5 } }
  unit.equal(resolve({ second = { text = rated } }).second.text.blocks[1].rate, 0.5)
end)

unit.test("what is wrong with a second set is said where it stands", function()
  local wrong = {
    { { image = { width = 7 } }, "model.second.image.file: expected NAME of the data folder's" },
    { { image = { file = "../x", width = 7 } }, "model.second.image.file: expected NAME" },
    { { image = { file = "x" } }, "model.second.image.width: expected a whole number" },
    { { text = { file = "x", width = 0 } }, "model.second.text.width: expected a whole number" },
    { { image = { file = "x", width = 1, alone = true } }, "alone" },
    { { text = { file = "x", width = 1, alone = 1 } }, "model.second.text.alone: expected true" },
    { { words = {} }, "words" },
    { { text = "x" }, "model.second.text: expected a table" },
    { { text = { file = "x", width = 1, blocks = 3 } }, "model.second.text.blocks: expected a" },
    { { text = { file = "x", width = 1, blocks = { "dropuot" } } }, "did you mean 'dropout'" },
    { "relations", "model.second: expected a table" },
  }
  for _, case in ipairs(wrong) do
    unit.fails(2, case[2], resolve, { second = case[1] })
  end
end)

unit.test("a key of the command line that a model has in a part says where", function()
  unit.fails(2, "model: 'word_dim' is an option of its embedding: sw.embedding", resolve,
    { word_dim = 5 })
  unit.fails(2, "model: 'fusion' is an option of its stages: sw.stage", resolve, { fusion = "sum" })
  unit.fails(2, "there are dim, direction, embedding, image, text, second, pool, stages, loss",
    resolve, { xyz = 1 })
end)

unit.test("a second set changes key by key, and goes with second=none", function()
  local config = config_of { second = { text = { file = "bert", width = 768 } } }
  for _, assignment in ipairs { "second.text.file=elmo", "model.second.text.width=12",
    "second.text.alone=true" } do
    override.apply(config, parts, assignment)
  end
  local text = config.model.second.text
  unit.equal(string.format("%s %d %s", text.file, text.width, text.alone), "elmo 12 true")
  unit.fails(2, "this model has no second set 'image'", override.apply, config, parts,
    "second.image.width=3")
  unit.fails(2, "expected second.text.file, .width or .alone", override.apply, config, parts,
    "second.text.wdith=3")
  unit.fails(2, "second: expected none", override.apply, config, parts, "second=elmo")
  override.apply(config, parts, "second=none")
  unit.equal(config.model.second, nil)
end)

unit.finish()
