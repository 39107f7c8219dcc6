-- composition.lua: whether the stages of a model run in their order, found out by running one pair.
local core = require "stepwise.core"
local preset = require "stepwise.preset"

local M = {}

-- What is said of a stage that lacks what another one leaves: other stages can mend that only.
local MISSING <const> = "no earlier stage leaves"
local MOST_ADDED <const> = 3
local MOST_TRIALS <const> = 100

local function stage_names(model)
  local names = {}
  for i, stage in ipairs(model.stages) do names[i] = stage.plugin end
  return names
end

-- session:try on a small model; at the real size only where that one fails, because its sizes may
-- not suit a plugin.
local function try(session, config)
  local small <close> = config:copy()
  small:override("dim=16"):override("word_dim=8")
  local fine, ran = pcall(session.try, session, small)
  if fine then return ran end
  return session:try(config)
end

-- Whether the config with the stages `names` instead of its own runs.
local function runs(session, config, names)
  local other <close> = config:copy()
  if not pcall(other.override, other, "stages=" .. table.concat(names, ",")) then return false end
  local fine, ran = pcall(try, session, other)
  return fine and ran
end

-- The first stage that does not run after those before it.
local function first_failing(session, config, names)
  for i = 1, #names - 1 do
    if not runs(session, config, { table.unpack(names, 1, i) }) then return i end
  end
  return #names
end

-- `names` with those of `added` before `at`, each only once.
local function with(names, at, added)
  local is_added, result = {}, { table.unpack(names, 1, at - 1) }
  for _, name in ipairs(added) do
    result[#result + 1] = name
    is_added[name] = true
  end
  for i = at, #names do
    if not is_added[names[i]] then result[#result + 1] = names[i] end
  end
  return result
end

-- The list of stages, made of `names` and as few others as possible, that runs; nil without one.
local function mended(session, original, names)
  local config <close> = original:copy()
  for _, name in ipairs(names) do config:override(name .. ".score=true") end -- for prefixes
  local at = first_failing(session, config, names)
  local taken, others = {}, {}
  for i = 1, at do taken[names[i]] = true end
  local function add(name)
    if not taken[name] then others[#others + 1] = name end
    taken[name] = true
  end
  for _, name in ipairs(preset.stages) do add(name) end -- rather than what else would do
  for _, plugin in ipairs(session:plugins()) do
    for _, stage in ipairs(plugin.stages or {}) do add(stage.name) end
  end
  local queue, trials = { {} }, 0
  for _, added in ipairs(queue) do -- grows while it is walked: fewer first
    for _, other in ipairs(others) do
      local longer, twice = { other }, false
      for _, name in ipairs(added) do
        longer[#longer + 1] = name
        twice = twice or name == other
      end
      if not twice then
        local list = with(names, at, longer)
        trials = trials + 1
        if trials > MOST_TRIALS then return nil end
        if runs(session, config, list) then return list end
        if #longer < MOST_ADDED then queue[#queue + 1] = longer end
      end
    end
  end
  return nil
end

local tried = setmetatable({}, { __mode = "k" }) -- session -> models that run

-- Raises what keeps the model of a config from running, with the stages that would. session: the
-- config's own, of one thread.
function M.check(session, config)
  local model = config:table().model
  local key = core.json_encode(model)
  local known = tried[session] or {}
  tried[session] = known
  if known[key] then return end
  local fine, problem = pcall(try, session, config)
  if not fine then
    local names = stage_names(model)
    local list = problem.text:find(MISSING, 1, true) and mended(session, config, names)
    core.fail(problem.status, problem.text .. (list and string.format("; stages=%s would run (a "
      .. "stage with score=false leaves what others need and stays out of the sum)",
      table.concat(list, ",")) or ""))
  end
  known[key] = true
end

return M
