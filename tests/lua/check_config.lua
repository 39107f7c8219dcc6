-- Sessions, resolved configs and overrides, from a stock Lua.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"

local session = sw.session { threads = 1 }

unit.test("an empty config is the paper's model", function()
  local config = session:resolve():table()
  unit.equal(config.model.dim, 1024)
  unit.equal(config.model.direction, "both")
  unit.equal(config.model.embedding.plugin, "glove_random")
  unit.equal(config.model.stages[1].lambda, 15)
  unit.near(config.model.stages[1].mu, 0.3, 0)
  unit.near(config.train.lr, 2e-4, 0)
  unit.equal(config.train.batch, 128)
end)

unit.test("overrides are typed and go where they belong", function()
  local config = session:resolve()
  config:override("dim=64"):override("l2l.lambda=9"):override("embedding=random")
  config:override("stages=l2l,g2l"):override("train_images=8"):override("fusion=average")
  local found = config:table()
  unit.equal(found.model.dim, 64)
  unit.equal(found.model.stages[1].lambda, 9)
  unit.equal(#found.model.stages, 2)
  unit.equal(found.model.stages[2].fusion.plugin, "average")
  unit.equal(found.model.embedding.plugin, "random")
  unit.equal(found.data.train_images, 8)
end)

unit.test("a wrong override is misuse and leaves the config as it was", function()
  local config = session:resolve { model = { dim = 8 } }
  local before = config:text()
  for _, word in ipairs { "dim", "dim=many", "dim=-1", "dimm=3", "l2l.lamda=9", "l2m.lambda=9",
    "lr=fast", "batch=1.5", "=3", "", "stages=", "embedding=glov" } do
    unit.fails(2, {}, config.override, config, word)
    unit.equal(config:text(), before, word)
  end
  unit.fails(2, "did you mean 'dim'", config.override, config, "dimm=3")
  unit.fails(2, "did you mean 'lambda'", config.override, config, "l2l.lamda=9")
end)

unit.test("the hash is of what decides the numbers", function()
  local config = session:resolve()
  local hash = config:hash()
  unit.equal(#hash, 32)
  unit.equal(session:resolve({ threads = 3, name = "x" }):hash(), hash)
  unit.equal(session:resolve({ seed = 1 }):hash() ~= hash, true)
  unit.equal(config:hash("data") ~= hash, true)
  unit.equal(config:copy():override("l2l.mu=0.5"):hash() ~= hash, true)
  unit.equal(config:hash(), hash, "a copy is a copy")
end)

unit.test("hashes and texts are those of before encoders and losses could be named", function()
  local config = session:resolve()
  unit.equal(config:hash(), "c3e184a523363973a993a8f5d280655e")
  unit.equal(session:resolve({ model = { stages = { "l2l" }, dim = 8 }, train = { margin = 0.1 } })
    :hash(), "26f597ea605730e4a49b63cecd2a3e96")
  local named = session:resolve { model = { image = { "linear", "l2norm" }, text = { "bigru",
    "l2norm" }, loss = { plugin = "hinge", margin = 0.2, weight = 1 } } }
  unit.equal(named:hash(), config:hash())
  unit.equal(named:text(2), config:text(2))
  unit.equal(session:resolve({ model = { loss = { { plugin = "hinge", margin = 0.5 } } } }):hash(),
    session:resolve({ train = { margin = 0.5 } }):hash())
  unit.equal(config:copy():override("image=linear"):hash() ~= config:hash(), true)
  unit.equal(config:copy():override("loss.hinge.negatives=all"):hash() ~= config:hash(), true)
end)

unit.test("C is given the whole model: encoders, prefixes, and losses with all options", function()
  local config = session:resolve { model = { stages = { "l2l", "l2l" } } }
  local model = config:override("margin=0.1"):whole().model
  unit.equal(model.image[1].plugin .. " " .. model.text[1].plugin, "linear bigru")
  unit.equal(model.stages[2].prefix, "l2l_2")
  unit.equal(model.loss[1].margin, 0.1)
  unit.equal(model.loss[1].warmup_epochs, 1)
  unit.equal(model.loss[1].weight, 1.0)
  unit.contains(config:whole_text(), '{"plugin": "l2l", "prefix": "l2l_2", "score": true')
  unit.equal(config:table().model.stages[2].prefix, nil)
end)

unit.test("a config with encoders and losses of its own reads back as the same", function()
  local config = session:resolve { model = { image = { "linear" }, text = { "bigru" },
    loss = { { plugin = "hinge", negatives = "all" }, { plugin = "hinge", margin = 1 } } } }
  local again = session:resolve(sw.json_decode(config:text(2)))
  unit.equal(again:text(), config:text())
  unit.equal(again:hash(), config:hash())
  unit.equal(again:difference(config), nil)
end)

unit.test("a config read back from its text is the same", function()
  local config = session:resolve { model = { dim = 24 }, train = { lr = 3e-4 } }
  unit.equal(session:resolve(sw.json_decode(config:text(2))):text(), config:text())
end)

unit.test("wrong arguments are errors that say what was expected", function()
  unit.fails(nil, "stepwise.session expected", session.resolve, {})
  unit.fails(2, "threads: expected a whole number", sw.session, { threads = "two" })
  unit.fails(2, "threads: expected 0 to 256", sw.session, { threads = 1000 })
  unit.fails(nil, "stepwise.config expected", session.train, session, {}, "x")
  unit.fails(2, "expected a table", session.resolve, session, { model = 3 })
  unit.fails(2, "no option", session.resolve, session, { modle = {} })
  unit.fails(2, "data: expected a string", session.evaluate, session, { split = "x" })
end)

unit.test("what is closed says so", function()
  local own = sw.session { threads = 1 }
  own:close()
  unit.fails(2, "the session is closed", own.resolve, own)
  own:close()
end)

unit.test("sessions and configs can be left to the collector in any order", function()
  for _ = 1, 20 do
    local own = sw.session { threads = 1 }
    own:resolve()
  end
  collectgarbage()
  collectgarbage()
end)

unit.test("plugins are listed with their options", function()
  local stages = {}
  for _, plugin in ipairs(session:plugins()) do
    for _, stage in ipairs(plugin.stages or {}) do stages[stage.name] = stage end
  end
  unit.equal(stages.l2l.options[1].name, "lambda")
  unit.equal(stages.l2l.options[1].kind, "number")
  unit.equal(stages.l2l.options[1].preset, "15")
  unit.equal(stages.g2g ~= nil, true)
end)

unit.test("a model can be described without data", function()
  local words = { plugin = "random", word_dim = 4 }
  local config = session:resolve { model = { dim = 8, embedding = words } }
  local model = session:describe(config, 6, 10)
  local shapes = {}
  for _, parameter in ipairs(model.parameters) do
    shapes[parameter.name] = table.concat(parameter.shape, "x")
  end
  unit.equal(shapes["image.fc.weight"], "8x6")
  unit.equal(shapes["embedding.random.weight"], "10x4")
  unit.equal(shapes["text.gru.weight_ih_l0"], "24x4")
  unit.equal(shapes["l2l.image_key.weight"], "8x8")
  unit.equal(model.total, model.trained + model.frozen)
  unit.equal(session:describe(config).assumed, true)
end)

-- The most memory that this process has had, in MB.
local function peak()
  local status <close> = assert(io.open "/proc/self/status")
  return tonumber(status:read("a"):match("VmHWM:%s*(%d+)")) / 1024
end

unit.test("whether a model needs word vectors is known without its memory", function()
  local before = peak()
  local all <const> = { glove = true, glove_tuned = true, glove_random = true, random = false }
  for name, needs in pairs(all) do
    local config = session:resolve { model = { dim = 2048, embedding = { plugin = name } } }
    unit.equal(session:needs_glove(config), needs, name)
  end
  unit.equal(peak() < before + 50, true, "a model of 2048 numbers per fragment has 300 MB")
end)

-- ---- every key, every error ---------------------------------------------------------------------

-- "train.lr", "model.stages.1.fusion.plugin" (from 0): the value as JSON
local function at(config, path)
  local value = config:table()
  for part in path:gmatch "[^.]+" do
    value = value and value[tonumber(part) and tonumber(part) + 1 or part]
  end
  if value == nil then return nil end
  return sw.json_encode(value)
end

unit.test("the defaults are those of the paper and of the field's code", function()
  local config = session:resolve()
  for path, value in pairs {
    ["seed"] = "0", ["train.batch"] = "128", ["train.epochs"] = "30", ["train.lr"] = "0.0002",
    ["train.decay_epoch"] = "15", ["train.decay"] = "0.1", ["train.warmup_epochs"] = "1",
    ["train.margin"] = "0.2", ["train.clip"] = "2.0", ["train.same_image"] = '"negative"',
    ["train.eval_every"] = "0", ["data.train_split"] = '"train"', ["data.dev_split"] = '"dev"',
    ["data.train_images"] = "0", ["data.all_dev_captions"] = "false", ["model.dim"] = "1024",
    ["model.embedding.word_dim"] = "300",
  } do
    unit.equal(at(config, path), value, path)
  end
  unit.equal(sw.json_encode(config:table().model), sw.json_encode {
    dim = 1024, direction = "both", embedding = { plugin = "glove_random", word_dim = 300 },
    stages = {
      { plugin = "l2l", score = true, lambda = 15.0, mu = 0.3, attention_norm = "none",
        reduce = "mean" },
      { plugin = "g2l", score = true, lambda = 1.0, mu = 0.5, fusion = { plugin = "gate" } },
      { plugin = "g2g", score = true },
    },
  })
  unit.contains(config:text(), '{"name": "", "seed": 0, "threads": 0, "model": {"dim": 1024, '
    .. '"direction": "both", "embedding": {"plugin": "glove_random", "word_dim": 300}, "stages": '
    .. '[{"plugin": "l2l", "score": true, "lambda": 15.0, "mu": 0.3, ')
end)

unit.test("numbers that no decimal text holds exactly come back as the same config", function()
  local first = session:resolve { train = { lr = 1 / 3, margin = 0.1 + 0.2 },
    data = { dir = 'a "folder"' } }
  local second = session:resolve(sw.json_decode(first:text(2)))
  unit.equal(second:text(2), first:text(2))
  unit.equal(second:table().train.lr == first:table().train.lr, true)
end)

unit.test("the order of keys, a name for a table and a second pass make one model", function()
  local a = session:resolve { model = { stages = { "l2l", { fusion = "sum", plugin = "g2l" } },
    dim = 64 } }
  local b = session:resolve { model = { dim = 64.0, direction = "both", stages = {
    { plugin = "l2l", mu = 0.3 }, { plugin = "g2l", score = true,
      fusion = { plugin = "sum" } } } } }
  unit.equal(a:text(), b:text())
  unit.equal(session:resolve(a:table()):text(), a:text())
end)

for _, case in ipairs {
  { "dim=64", "model.dim", "64" },
  { "word_dim=100", "model.embedding.word_dim", "100" },
  { "batch=32", "train.batch", "32" },
  { "batch=1e2", "train.batch", "100" },
  { "epochs=2", "train.epochs", "2" },
  { "lr=1e-3", "train.lr", "0.001" },
  { "train.lr=5", "train.lr", "5.0" },
  { "decay_epoch=3", "train.decay_epoch", "3" },
  { "warmup_epochs=0", "train.warmup_epochs", "0" },
  { "margin=0", "train.margin", "0.0" },
  { "clip=0", "train.clip", "0.0" },
  { "threads=2", "threads", "2" },
  { "seed=7", "seed", "7" },
  { "name=12", "name", '"12"' },
  { "eval_every=100", "train.eval_every", "100" },
  { "same_image=exclude", "train.same_image", '"exclude"' },
  { "train_images=60", "data.train_images", "60" },
  { "dev_images=50", "data.dev_images", "50" },
  { "test_images=40", "data.test_images", "40" },
  { "all_dev_captions=true", "data.all_dev_captions", "true" },
  { "data.dir=a=b c", "data.dir", '"a=b c"' },
  { "direction=t2i", "model.direction", '"t2i"' },
  { "model.dim=8", "model.dim", "8" },
  { "embedding=glove", "model.embedding.plugin", '"glove"' },
  { "model.embedding.plugin=random", "model.embedding.plugin", '"random"' },
  { "fusion=average", "model.stages.1.fusion.plugin", '"average"' },
  { "g2l.fusion=sum", "model.stages.1.fusion.plugin", '"sum"' },
  { "model.g2l.fusion.plugin=concat", "model.stages.1.fusion.plugin", '"concat"' },
  { "l2l.lambda=9", "model.stages.0.lambda", "9.0" },
  { "model.stages.l2l.mu=0.5", "model.stages.0.mu", "0.5" },
  { "g2l.score=false", "model.stages.1.score", "false" },
  { "stages=l2l", "model.stages.1" },
  { "stages=l2l,g2l", "model.stages.1.plugin", '"g2l"' },
} do
  unit.test("the override " .. case[1] .. " lands where it says", function()
    local config = session:resolve()
    local lines = select(2, config:text(1):gsub("\n", ""))
    config:override(case[1])
    unit.equal(at(config, case[2]), case[3])
    if not case[1]:find "^stages" then
      unit.equal(select(2, config:text(1):gsub("\n", "")), lines)
    end
  end)
end

unit.test("another embedding keeps the word width, other stages keep what was set", function()
  local config = session:resolve()
  for _, assignment in ipairs { "word_dim=50", "embedding=random", "l2l.lambda=4",
    "stages=l2l,g2l", "fusion=gate_vector", "l2l.mu=1" } do
    config:override(assignment)
  end
  unit.equal(at(config, "model.embedding.word_dim"), "50")
  unit.equal(at(config, "model.stages.0.lambda"), "4.0")
  unit.equal(at(config, "model.stages.0.mu"), "1.0")
  unit.equal(at(config, "model.stages.1.fusion.plugin"), '"gate_vector"')
end)

for _, case in ipairs {
  { "l2l.lamda=9", "no option 'lamda' in l2l; did you mean 'lambda'?" },
  { "lambda=9", "no option 'lambda'; did you mean 'l2l.lambda' or 'g2l.lambda'?" },
  { "bacth=9", "no option 'bacth'; did you mean 'batch'?" },
  { "train.bacth=9", "no option 'bacth' in train; did you mean 'batch'?" },
  { "data.lr=9", "no option 'lr' in data" },
  { "model.dmi=9", "no option 'dmi' in model; did you mean 'dim'?" },
  { "model.train.lr=9", "no section or stage 'train'" },
  { "batch=1", "train.batch: expected a whole number from 2 to 65536, found 1" },
  { "batch=2.5", "found 2.5" },
  { "batch=", "found ''" },
  { "batch=0x10", "found '0x10'" },
  { "batch= 8", "found ' 8'" },
  { "lr=0", "train.lr: expected a number above 0" },
  { "lr=nan", "found 'nan'" },
  { "lr=1e999", "found '1e999'" },
  { "decay=1.5", "train.decay: expected a number above 0 and at most 1" },
  { "seed=-1", "seed: expected a whole number from 0 to 9007199254740991, found -1" },
  { "all_dev_captions=maybe", "expected true or false, found 'maybe'" },
  { "same_image=exlude", "did you mean 'exclude'?" },
  { "direction=it2", "did you mean 'i2t'?" },
  { "embedding=glvoe", "did you mean 'glove'?" },
  { "g2l.fusion=gaet", "did you mean 'gate'?" },
  { "g2l.fusion.x=1", "no option 'x' in g2l.fusion gate" },
  { "g2l.fusion.x.y=1", "has no options of its own" },
  { "l2l.lambda.x=1", "has no options of its own" },
  { "train.lr.x=1", "has no options of its own" },
  { "l2l.plugin=g2l", "use stages=.." },
  { "l3l.lambda=1", "no section or stage 'l3l'; did you mean 'l2l'?" },
  { "stages=", "a list that is empty" },
  { "train_split=../x", "data.train_split: expected the name of a split" },
  { "train_split=", "data.train_split: expected the name of a split" },
  { "=9", "expected key=value, found '=9'" },
  { "batch", "expected key=value, found 'batch'" },
  { "", "expected key=value" },
  { ".=1", "expected key=value" },
  { "a..b=1", "expected key=value" },
  { "a.b.c.d.e.f=1", "expected key=value" },
  { "\xff=1", "no option" },
  { "name=\xff", "not UTF-8" },
} do
  unit.test("a mistyped override starts no run with the default: " .. case[1], function()
    local config = session:resolve()
    local before = config:text()
    unit.fails(2, case[2], config.override, config, case[1])
    unit.equal(config:text(), before)
  end)
end

unit.test("a stage that was taken out is named as such", function()
  local config = session:resolve():override "stages=l2l"
  unit.fails(2, "g2l.lambda: 'g2l' is not a stage of this model, which has l2l", config.override,
    config, "g2l.lambda=2")
  unit.fails(2, "no stage of this model fuses; they are l2l", config.override, config, "fusion=sum")
end)

for _, case in ipairs {
  { "[]", "expected a table, found a list" },
  { '{"trian": {}}', "no option 'trian' in a config; did you mean 'train'?" },
  { '{"train": 3}', "train: expected a table, found 3" },
  { '{"train": {"epoch": 3}}', "no option 'epoch' in train; did you mean 'epochs'?" },
  { '{"train": {"lr": "0.1"}}', "train.lr: expected a number above 0" },
  { '{"name": 3}', "name: expected a text, found 3" },
  { '{"data": {"dir": null}}', "data.dir: expected a text, found null" },
  { '{"data": {"dev_split": "a/b"}}', "data.dev_split: expected the name of a split" },
  { '{"model": {"stages": 1}}', "model.stages: expected a list" },
} do
  unit.test("a wrong config is misuse that says what was expected: " .. case[1], function()
    unit.fails(2, case[2], session.resolve, session, sw.json_decode(case[1]))
  end)
end

for _, case in ipairs {
  { '{"dmi": 3}', "no option 'dmi' in model; did you mean 'dim'?" },
  { "[]", "model: expected a table, found a list" },
  { '{"dim": "8"}', "model.dim: expected a whole number from 1 to 16384, found '8'" },
  { '{"dim": 0}', "found 0" },
  { '{"dim": 8.5}', "found 8.5" },
  { '{"dim": 1e300}', "found 1e+300" },
  { '{"direction": "t2"}', "did you mean 't2i'?" },
  { '{"direction": null}', "expected one of both, t2i, i2t, found null" },
  { '{"embedding": "glov"}', "did you mean 'glove'?" },
  { '{"embedding": 3}', "model.embedding: expected a plugin's name or a table" },
  { '{"embedding": {"plugin": "glove", "wordim": 3}}',
    "no option 'wordim' in embedding glove; did you mean 'word_dim'?" },
  { '{"embedding": {"word_dim": -1}}', "model.embedding.word_dim: expected a whole number" },
  { '{"stages": {}}', "model.stages: expected a list of 1 to 32 stages, found a table" },
  { '{"stages": []}', "a list that is empty" },
  { '{"stages": ["l2k"]}', "did you mean 'l2l'?" },
  { '{"stages": [{}]}', "model.stages[1]: expected a plugin's name" },
  { '{"stages": [{"plugin": ""}]}', "model.stages[1]: expected a plugin's name" },
  { '{"stages": [{"plugin": "l2l", "lamda": 3}]}',
    "no option 'lamda' in l2l; did you mean 'lambda'?" },
  { '{"stages": [{"plugin": "l2l", "lambda": true}]}', "l2l.lambda: expected a number" },
  { '{"stages": [{"plugin": "l2l", "mu": 1.5}]}', "l2l.mu: expected a number from 0 to 1" },
  { '{"stages": [{"plugin": "l2l", "score": "yes"}]}',
    "l2l.score: expected true or false, found 'yes'" },
  { '{"stages": [{"plugin": "l2l", "score": false}]}', "expected at least one stage" },
  { '{"stages": [{"plugin": "l2l", "attention_norm": "cosin"}]}', "did you mean 'cosine'?" },
  { '{"stages": ["l2l", {"plugin": "g2l", "fusion": "gat"}]}',
    "g2l.fusion: no fusion 'gat'; did you mean 'gate'?" },
  { '{"stages": ["l2l", {"plugin": "g2l", "fusion": []}]}',
    "g2l.fusion: expected a plugin's name" },
} do
  unit.test("a wrong model is misuse that says where and what was meant: " .. case[1], function()
    unit.fails(2, case[2], session.resolve, session, { model = sw.json_decode(case[1]) })
  end)
end

unit.test("a hash changes with what changes a run's numbers, not with paths and threads", function()
  local config = session:resolve()
  local first = config:hash()
  for _, assignment in ipairs { "name=x", "threads=3", "data.dir=/x", "glove=/y", "vocab=z",
    "checkpoint_every=7", "checkpoint_seconds=9" } do
    config:override(assignment)
  end
  unit.equal(config:hash(), first)
  local values = { number = "0.125", integer = "7", switch = "true", choice = "exclude",
    text = "other" }
  for _, key in ipairs(sw.config_keys()) do
    if not key.inert and key.kind ~= "tests" then
      local changed = config:copy():override(key.name .. "=" .. values[key.kind])
      unit.equal(changed:hash() ~= first, true, key.name)
    end
  end
  unit.equal(config:text():find('"dir": "/x"', 1, true) ~= nil, true)
end)

unit.test("resuming under another config says what differs", function()
  local config = session:resolve()
  local other = config:copy():override "data.dir=/elsewhere"
  unit.equal(config:difference(other), nil)
  other:override "l2l.lambda=9"
  unit.equal(config:difference(other), "model.stages[1].lambda is 15 there and 9 here")
  -- keys and stages that only one of them has, and another plugin
  local dot = session:resolve { model = { stages = { { plugin = "dot" } } } }
  local found = table.concat(config:differences(dot), "\n")
  unit.contains(found, "model.stages[1].plugin is 'l2l' there and 'dot' here")
  unit.contains(found, "model.stages[2] is a table there and nothing here")
  unit.equal(found:find("model.stages[1].lambda", 1, true), nil)
  unit.equal(found:find("model is a table", 1, true), nil)
end)

unit.test("runs that were made before folds and tests keep their identity", function()
  local config = session:resolve()
  unit.equal(config:hash(), "c3e184a523363973a993a8f5d280655e")
  unit.equal(config:copy():override "folds=5":hash() ~= config:hash(), true)
  local named = session:resolve { data = { tests = { { name = "COCO 1K", folds = 5 } } } }
  unit.equal(named:hash() ~= config:hash(), true)
  unit.contains(config:difference(named), "data.tests")
  unit.fails(2, "tests: a list of test sets", config.override, config, "tests=a")
end)

for _, case in ipairs {
  { "3", "data.tests: expected a list" },
  { '{"x": 1}', "data.tests: expected a list" },
  { "[3]", "data.tests[1]: expected a table with a name, found 3" },
  { '[{"split": "test"}]', "data.tests[1].name: expected a name" },
  { '[{"name": ""}]', "data.tests[1].name: expected a name" },
  { '[{"name": "a\\nb"}]', "data.tests[1].name: expected a name of one line" },
  { '[{"name": "dev"}]', "data.tests[1].name: 'dev' cannot name a file" },
  { '[{"name": "../../x", "fold": 5}]', "no option 'fold' in data.tests[1]; did you mean" },
  { '[{"name": "x", "split": "../test"}]', "data.tests[1].split: expected the name of a split" },
  { '[{"name": "x", "folds": 0}]', "data.tests[1].folds: expected a whole number" },
  { '[{"name": "x", "images": -1}]', "data.tests[1].images: expected a whole number" },
  { '[{"name": "A b"}, {"name": "a-B"}]', "the same file ranks-a-b.npy" },
} do
  unit.test("a wrong list of test sets says what was expected: " .. case[1], function()
    unit.fails(2, case[2], session.resolve, session,
      { data = { tests = sw.json_decode(case[1]) } })
  end)
end

unit.finish()
