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

unit.test("what is closed says so, and a session outlives what was made with it", function()
  local own = sw.session { threads = 1 }
  local config = own:resolve()
  unit.fails(2, "in use", own.close, own)
  config:close()
  unit.fails(2, "the config is closed", config.text, config)
  config:close()
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

unit.finish()
