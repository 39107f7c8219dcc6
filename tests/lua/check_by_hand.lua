-- A model in a script's hands: weights as tensors, a training loop by hand, scores and attention.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local T = require "stepwise.tensor"

local folder = unit.folder()
local data = folder .. "/scenes"
sw.scenes(data, { train = 16, dev = 8, test = 8, regions = 4, features = 16, word_dim = 6 })

local session = sw.session { threads = 1 }
T.use(session)

local function config(more)
  local result = session:resolve {
    model = { dim = 8, embedding = { plugin = "glove_random", word_dim = 6 } },
    train = { batch = 16, epochs = 2, lr = 1e-2, warmup_epochs = 1 },
    data = { dir = data, glove = data .. "/scenes.glove.txt" },
  }
  for _, assignment in ipairs(more or {}) do result:override(assignment) end
  return result
end

-- Trains as a run does; its losses and norms.
local function run(steps)
  local trainer <close> = session:train(config(), folder .. "/run")
  local rows = {}
  for i = 1, steps do
    local event = trainer:next()
    while event.kind ~= "step" do event = trainer:next() end
    rows[i] = { event.loss, event.grad_norm }
  end
  return rows
end

-- The same by hand; one(model, captions, images, epoch, step) gives the loss.
local function by_hand(steps, one)
  local model = session:model(config())
  local adam = T.adam(model, { clip = config():table().train.clip })
  local rows, step, epoch = {}, 0, 0
  while step < steps do
    local order = model:order(epoch)
    for first = 1, #order, 16 do
      if step == steps then break end
      local captions = table.move(order, first, math.min(first + 15, #order), 1, {})
      local loss = one(model, captions, epoch, step)
      adam.zero()
      loss:backward()
      step = step + 1
      rows[step] = { loss:item(), adam.step(1e-2) }
    end
    epoch = epoch + 1
  end
  return rows, model
end

local expected = run(8)

unit.test("a training loop by hand has the bits of a run, by the model's loss and by one in Lua",
  function()
    local function own(model, captions, epoch, step)
      return model:loss(captions, { epoch = epoch, step = step })
    end
    local function hinge(model, captions, epoch, step)
      return T.hinge(model:scores(captions, { step = step }),
        { margin = 0.2, negatives = epoch < 1 and "all" or "hardest" })
    end
    for name, one in pairs { own = own, hinge = hinge } do
      local rows, model = by_hand(8, one)
      for i, row in ipairs(expected) do
        unit.equal(rows[i][1], row[1], name .. ": loss of step " .. i)
        unit.equal(rows[i][2], row[2], name .. ": norm of step " .. i)
      end
      model:close()
    end
  end)

local model = session:model(config())

unit.test("weights are tensors by name, read and written in place", function()
  local name = "l2l.text_key.weight"
  local tensors, names = model:parameters()
  unit.equal(#tensors, #names)
  local listed = {}
  for one, tensor in pairs(model.weights) do listed[one] = tensor:count() end
  for i, one in ipairs(names) do unit.equal(listed[one], tensors[i]:count(), one) end
  name = listed[name] and name or names[1]
  local before = model:similarities():list()
  local weight = model.weights[name]
  local kept = T.of(weight:table())
  model.weights[name] = weight * 0 + 0.25
  unit.equal(model.weights[name]:get(1), 0.25)
  local after, differs = model:similarities():list(), false
  for i = 1, #before do differs = differs or before[i] ~= after[i] end
  unit.equal(differs, true)
  weight:copy(kept)
  unit.equal(table.concat(model:similarities():list(), " "), table.concat(before, " "))
  unit.fails(2, { "no weight 'l2l.text_key.wieght'" }, function()
    return model.weights["l2l.text_key.wieght"]
  end)
end)

unit.test("a checkpoint's model has the scores that an evaluation writes", function()
  local trained = session:train(config(), folder .. "/whole")
  repeat local event = trained:next() until event.kind == "done"
  trained:close()
  local path = folder .. "/whole/checkpoint.safetensors"
  session:evaluate { checkpoints = { path }, data = data, split = "dev",
    sims = folder .. "/dev.npy" }
  local loaded <close> = session:model(config(), path)
  local expected_scores = T.npy(folder .. "/dev.npy")
  local found = loaded:similarities { split = "dev" }
  unit.equal(table.concat({ found:shape() }, ","), table.concat({ expected_scores:shape() }, ","))
  for i = 1, found:count() do unit.near(found:get(i), expected_scores:get(i), 1e-6) end
  local part = loaded:similarities { images = { 2, 4 }, captions = { 3 } }
  unit.equal(table.concat({ part:shape() }, ","), "3,1")
  unit.near(part[1][1], found[3][4], 1e-6)
end)

unit.test("encodings and attention of a pair have the shapes of its regions and words", function()
  local regions = model:encode { image = 1 }
  local words = model:encode { caption = 2 }
  unit.equal(table.concat({ regions:shape() }, ","), "4,8")
  unit.equal(select(2, words:shape()), 8)
  local shown, count = model:attention { image = 1, caption = 2 }, 0
  for _, weights in pairs(shown) do
    count = count + 1
    local rows = weights:shape()
    for r = 1, rows do
      unit.near(T.sum(weights:rows(r)):item(), 1, 1e-4)
    end
  end
  unit.equal(count > 0, true)
end)

unit.test("what cannot be is refused in one line", function()
  local first = model:scores({ 0, 1, 2 })
  local second = model:scores({ 3, 4, 5 })
  local loss = T.sum(first)
  unit.fails(2, "another batch", loss.backward, loss)
  loss = T.sum(second)
  loss:backward()
  unit.fails(2, "have been computed already", loss.backward, loss)
  unit.fails(2, "captions of 0 to", model.scores, model, { 1e6 | 0 })
  unit.fails(2, "captions of 0 to", model.scores, model, { "a" })
  unit.fails(nil, "expected 1 to 65536", model.scores, model, {})
  unit.fails(nil, "invalid option", model.scores, model, { 1 }, { split = "none" })
  unit.fails(2, "images: expected", model.similarities, model, { images = { 0, 99 } })
  unit.fails(2, "either an image or a caption", model.encode, model, {})
  unit.fails(2, "below", model.encode, model, { image = 99 })
  unit.fails(2, "below", model.attention, model, { image = 0, caption = 1000 })
  unit.fails(1, "none.safetensors", session.model, session, config(), "none.safetensors")
  unit.fails(2, "stepwise.config expected", session.model, session, {})
end)

unit.test("a closed model's weights and batches say so, and its session can be closed then",
  function()
    local own = sw.session { threads = 1 }
    local other = own:model(own:resolve(config():table()))
    local weight = other:parameters()[1]
    local view, gradient = weight:rows(1), weight.grad
    local loss = other:loss({ 0, 1 })
    unit.fails(2, "in use", own.close, own)
    other:close()
    other:close()
    own:close()
    unit.fails(2, "a model that is closed", weight.get, weight, 1)
    unit.fails(2, "a model that is closed", view.get, view, 1)
    unit.fails(2, "a model that is closed", gradient.get, gradient, 1)
    unit.fails(2, "the model is closed", loss.backward, loss)
    unit.fails(2, "the model is closed", other.scores, other, { 0 })
  end)

unit.test("a model that could not be made leaves its session free to be closed", function()
  local own = sw.session { threads = 1 }
  collectgarbage "stop"
  unit.fails(1, "none.safetensors", own.model, own, own:resolve(config():table()),
    "none.safetensors")
  own:close()
  collectgarbage "restart"
end)

unit.test("two blocks of one chain with a parameter of the same name are refused, both named",
  function()
    local chain = config { "image=linear,residual_mlp" }
    unit.fails(2, "block residual_mlp: parameter 'image.fc.weight' is one of linear, too; a model "
      .. "has linear or residual_mlp here, not both", session.model, session, chain)
    session:model(config { "image=linear,linear" }):close()
    session:model(config { "image=residual_mlp,l2norm" }):close()
  end)

model:close()
session:close()
unit.finish()
