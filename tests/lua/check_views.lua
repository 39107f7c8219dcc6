-- Samples that come in several views (train.views): each view drops by itself, the worst of a
-- sample's own scores is its right pair's, and runs are the same at any thread count and resumed.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local made = assert(loadfile(unit.source .. "/tests/lua/made_runs.lua"))(unit)

local function config(...)
  local of = made.session:resolve {
    model = { dim = 8, embedding = { plugin = "random", word_dim = 4 },
      image = { { plugin = "drop_regions", rate = 0.5 }, "linear" },
      text = { { plugin = "drop_words", rate = 0.5 }, { plugin = "dropout", rate = 0.2 }, "bigru" },
      pool = "mean", stages = { "dot" } },
    train = { batch = 8, epochs = 2, lr = 0.01, views = 2 }, seed = 5,
    data = { dir = made.data },
  }
  for _, assignment in ipairs { ... } do of:override(assignment) end
  return of
end

-- ESA's loss of scores (B,B) as a table of rows, by its formulas.
local function esa(S, all, views)
  local B, margin, sum = #S, 0.2, 0
  for p = 1, B do
    local first = (p - 1) // views * views + 1
    for side = 1, 2 do
      local function at(other) return side == 1 and S[p][other] or S[other][p] end
      local right, most = math.huge, 0
      for own = first, first + views - 1 do right = math.min(right, at(own)) end
      for other = 1, B do
        local over = math.max(0, margin + at(other) - right)
        if other < first or other >= first + views then
          most = all and most + over or math.max(most, over)
        end
      end
      sum = sum + most
    end
  end
  return sum
end

local captions <const> = { 3, 3, 17, 17, 40, 40, 22, 22, 5, 5 }

unit.test("a sample's views are not alike in training, and are in evaluation", function()
  local model <close> = made.session:model(config())
  local S = model:scores(captions, { step = 1 }):table()
  local differ = 0
  for p = 1, #captions, 2 do
    if S[p][p] ~= S[p + 1][p + 1] and S[p][p] ~= S[p][p + 1] then differ = differ + 1 end
  end
  unit.equal(differ >= 4, true, "samples whose views differ: " .. differ)
  S = model:scores(captions, { training = false }):table()
  for p = 1, #captions, 2 do unit.equal(S[p + 1][p], S[p][p]) end
end)

unit.test("the loss is ESA's", function()
  for _, epoch in ipairs { 0, 1 } do
    for _, views in ipairs { 1, 2, 5 } do
      local model <close> = made.session:model(config("views=" .. views))
      local options = { step = 2, epoch = epoch }
      local S = model:scores(captions, options):table()
      unit.near(model:loss(captions, options):item(), esa(S, epoch == 0, views), 1e-4,
        "epoch " .. epoch .. ", views " .. views)
    end
  end
end)

unit.test("pairs that are not in twos are refused with a sentence", function()
  local model <close> = made.session:model(config())
  unit.fails(2, "option 'views': expected a multiple of 2 pairs, found 3", function()
    model:loss { 0, 0, 1 }
  end)
end)

unit.test("a batch has every view, and metrics count them", function()
  local _, events = made.whole("views", config())
  unit.equal(#events.step, 16)
  unit.equal(events.step[1].samples, 16)
  unit.equal(events.step[8].samples, 8, "the last batch, of 4 captions")
  for _, step in ipairs(events.step) do unit.equal(step.touched <= 1, true) end
end)

unit.test("the same bits at any thread count, and resumed", function()
  do
    local session <close> = sw.session { threads = 1 }
    local trainer <close> = session:train(session:resolve(config():table()), made.path "one")
    made.follow(trainer)
  end
  made.same("views", "one")
  for _, step in ipairs { 3, 8, 11 } do
    local name = "resumed-" .. step
    do
      local trainer <close> = made.open(name, config())
      made.follow(trainer, step)
      trainer:save()
    end
    made.whole(name, config(), { resume = true })
    made.same("views", name)
  end
  made.whole("single", config "views=1")
  unit.equal(made.rows "single" == made.rows "views", false, "views=1 is another run")
end)

unit.test("without chance, views change nothing but how often a sample counts", function()
  local function first_loss(views)
    local trainer <close> = made.open("plain-" .. views, made.config("warmup_epochs=0 views="
      .. views))
    return (made.follow(trainer, 1)).loss
  end
  local once = first_loss(1)
  unit.near(first_loss(2), 2 * once, 1e-5 * once)
  unit.near(first_loss(3), 3 * once, 1e-5 * once)
end)

unit.test("losses that take each view for a sample are refused before a run", function()
  for _, loss in ipairs { "bce", "infonce", "hinge,angular" } do
    unit.fails(2, { "train.views: expected 1, found 2: the loss ", "hinge" }, function()
      made.session:resolve { model = config():table().model, train = { views = 2 } }
        :override("loss=" .. loss):require_heard {}
    end)
    unit.fails(2, "train.views: expected 1, found 2", made.open, "refused",
      config("loss=" .. loss))
  end
  config("loss=bce", "views=1"):require_heard {}
  config("loss=hinge,hinge"):require_heard {}
  unit.fails(2, "loss.hinge_2.views: expected 2, the value of train.views, found 3",
    config("loss=hinge,hinge", "loss.hinge_2.views=3").require_heard,
    config("loss=hinge,hinge", "loss.hinge_2.views=3"), {})
  unit.fails(2, "from 1 to 8", config, "views=0")
  unit.fails(2, "from 1 to 8", config, "views=9")
end)

unit.test("a table with a row whose loss takes no views is refused before it is planned", function()
  local path = unit.write(made.path "table.lua", [[
local sw = require "stepwise"
return sw.table { title = "views", base = sw.experiment { train = { epochs = 1 } },
  rows = { { name = "a" }, { name = "b", loss = "infonce" } } }
]])
  local status, said = unit.program { "ablate", path, "--data", made.data, "--dry-run", "views=2" }
  unit.equal(status, 2)
  unit.contains(said, "row 'b': train.views: expected 1, found 2: the loss infonce would")
end)

unit.test("runs from before are the same runs, and a loss may say it", function()
  local old, new = config("views=1"), config()
  unit.equal(old:hashed().train.views, nil)
  unit.equal(new:hash() ~= old:hash(), true)
  local said = made.session:resolve { model = { loss = sw.loss "hinge" { views = 2 } } }
  unit.equal(said.value.train.views, 2)
end)

unit.finish()
