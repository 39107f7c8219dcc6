-- check.lua: a plugin file on trial: its operations' gradients, and each of its parts in a small
-- model that is trained for a few steps.
local define = require "stepwise.config.define"
local scenes = require "stepwise.scenes.scenes_folder"

local M = {}

local SCENES <const> = {
  train = 8, dev = 4, test = 4, regions = 5, features = 16, word_dim = 6, seed = 1,
}
local STEPS <const> = 3

-- Holds every operation of `plugin` against finite differences; say(line) is told. How many are
-- wrong.
function M.gradients(session, plugin, say)
  local wrong = 0
  for _, op in ipairs(plugin.ops) do
    local worst, problem = session:gradcheck(op.name)
    if worst then
      say(string.format("gradient of %s: within %.1e", op.name, worst))
    else
      wrong = wrong + 1
      say("gradient of " .. op.name .. ": wrong: " .. problem)
    end
  end
  return wrong
end

-- Says what does not hold of the config's model; how many faults.
local function verify(session, config, say)
  local wrong = 0
  for _, found in ipairs(session:verify(config)) do
    if found.worst > found.most or found.worst ~= found.worst then
      wrong = wrong + 1
      say(string.format("expected %s%s, found %s off by %.1e (at most %g)", found.what,
        found.most == 0 and ", bit by bit" or "", found.where, found.worst, found.most))
    end
  end
  return wrong
end

-- Holds a model of this kind to what every model keeps, then trains it for a few steps.
local function try(session, folder, number, model, direction)
  local data = folder .. "/scenes"
  local config <close> = session:resolve {
    model = {
      dim = 16, direction = direction, stages = model.stages, image = model.image,
      text = model.text, pool = model.pool, loss = model.loss,
      embedding = model.embedding or { plugin = "random", word_dim = SCENES.word_dim },
    },
    train = { batch = 8, epochs = 2, max_steps = STEPS, lr = 1e-3, warmup_epochs = 1 },
    data = { dir = data, glove = data .. "/scenes.glove.txt" },
  }
  local faults = {}
  if verify(session, config, function(line) faults[#faults + 1] = line end) > 0 then
    error(table.concat(faults, "; "), 0)
  end
  local trainer <close> = session:train(config, string.format("%s/run%d", folder, number), {})
  repeat until trainer:next().kind == "done"
end

-- The default stages, each with `change` made to those that have the option `option`.
local function default_stages(session, option, value)
  local config <close> = session:resolve {}
  local stages = config:table().model.stages
  for _, stage in ipairs(stages) do
    if option and stage[option] ~= nil then stage[option] = value end
  end
  return stages
end

-- The names of all that the script at hand and the session's plugins bring in `list`, those for
-- which wanted(part) holds.
local function names(session, list, wanted)
  local found, bring = {}, session:plugins()
  table.insert(bring, 1, define.contents())
  for _, plugin in ipairs(bring) do
    for _, part in ipairs(plugin[list] or {}) do
      if not wanted or wanted(part) then found[#found + 1] = part.name end
    end
  end
  return found
end

-- Copies of `model`, one with each pooling that is there on both sides.
local function with_pools(session, model)
  local models = {}
  for _, pool in ipairs(names(session, "pools")) do
    local copy = { pool = pool }
    for key, value in pairs(model) do copy[key] = value end
    models[#models + 1] = copy
  end
  return models
end

-- Models whose stage compares what the pooling makes of both sides, or of one where it serves one
-- side alone; and where no stage does, the default ones beside it.
local function with_pool(session, name)
  local models = {}
  for _, stage in ipairs(names(session, "stages", function(part) return part.pooled end)) do
    models[#models + 1] = { stages = { stage }, pool = name }
    for _, other in ipairs(names(session, "pools")) do
      models[#models + 1] = { stages = { stage }, pool = { image = name, text = other } }
      models[#models + 1] = { stages = { stage }, pool = { image = other, text = name } }
    end
  end
  if #models == 0 then models[1] = { pool = name } end
  return models
end

-- Models with a block in the encoders of an empty config: on each side in the place of the first
-- block, and behind it; and alone.
local function with_block(session, name)
  local config <close> = session:resolve {}
  local whole, models = config:whole().model, {}
  for _, side in ipairs { "image", "text" } do
    local first, others = whole[side][1], table.move(whole[side], 2, #whole[side], 2, {})
    others[1] = name
    models[#models + 1] = { [side] = others }
    local behind = table.move(others, 1, #others, 2, {})
    behind[1] = first
    models[#models + 1] = { [side] = behind }
    models[#models + 1] = { [side] = { name } }
  end
  return models
end

-- What models a plugin's parts are tried in: {what, list of models, of which one has to work}.
local function trials(session, plugin)
  local list = {}
  for _, stage in ipairs(plugin.stages) do
    local others, there = default_stages(session), false
    for _, other in ipairs(others) do there = there or other.plugin == stage.name end
    if not there then others[#others + 1] = stage.name end
    -- alone, or where it needs what earlier stages leave, among them
    local models = { { stages = { stage.name } }, { stages = others } }
    if stage.pooled then models = with_pools(session, { stages = { stage.name } }) end
    list[#list + 1] = { "stage " .. stage.name, models }
  end
  for _, fusion in ipairs(plugin.fusions) do
    local stages = default_stages(session, "fusion", fusion.name)
    list[#list + 1] = { "fusion " .. fusion.name, { { stages = stages } } }
  end
  for _, block in ipairs(plugin.blocks) do
    list[#list + 1] = { "block " .. block.name, with_block(session, block.name) }
  end
  for _, pool in ipairs(plugin.pools) do
    list[#list + 1] = { "pool " .. pool.name, with_pool(session, pool.name) }
  end
  for _, loss in ipairs(plugin.losses) do
    local models = with_pools(session, { loss = loss.name })
    table.insert(models, 1, { loss = loss.name })
    list[#list + 1] = { "loss " .. loss.name, models }
  end
  for _, embedding in ipairs(plugin.embeddings) do
    local words = { plugin = embedding.name, word_dim = SCENES.word_dim }
    list[#list + 1] = { "embedding " .. embedding.name,
      { { stages = default_stages(session), embedding = words } } }
  end
  return list
end

-- Tries every part of `plugin` in every direction, with runs in the empty `folder`; say(line) is
-- told. How many do not work.
function M.parts(session, plugin, folder, say)
  scenes.write(folder .. "/scenes", SCENES)
  local wrong, number = 0, 0
  for _, trial in ipairs(trials(session, plugin)) do
    local what, models = trial[1], trial[2]
    for _, direction in ipairs { "both", "t2i", "i2t" } do
      local fine, problem
      for _, model in ipairs(models) do
        number = number + 1
        fine, problem = pcall(try, session, folder, number, model, direction)
        if fine then break end
      end
      if not fine then
        wrong = wrong + 1
        say(string.format("%s, direction %s: %s", what, direction, tostring(problem)))
        goto next_trial
      end
    end
    say(what .. ": trains")
    ::next_trial::
  end
  return wrong
end

return M
