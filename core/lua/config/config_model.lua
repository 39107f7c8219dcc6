-- config_model.lua: the "model" of a config: names to plugins, options checked.
--
-- { dim =, direction =, embedding = { plugin =, word_dim =, options },
--   stages = { { plugin =, score =, options } .. } }
-- Every key may be absent. A name alone may stand for { plugin = name }. `parts` finds what plugins
-- bring: parts(kind, name) -> { name =, options = { declaration .. } }, or an error with the near
-- miss.
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"
local preset = require "stepwise.preset"
local values = require "stepwise.config.config_values"

local M = {}

local MOST_STAGES <const> = 32
local DIM <const> = { kind = "integer", least = 1, most = 16384 }
local DIRECTION <const> = { kind = "choice", choices = { "both", "t2i", "i2t" } }
local SWITCH <const> = { kind = "switch" }

M.keys = { "dim", "direction", "embedding", "stages" }

-- The name in `value`, which is that name, or a table with it as "plugin".
local function plugin_name(value, where, missing)
  local name = value
  if type(value) == "table" and not core.is_array(value) then name = value.plugin end
  if name == nil and missing then return missing end
  if type(name) == "string" and name ~= "" then return name end
  values.fail("%s: expected a plugin's name or a table {plugin = name}, found %s", where,
    values.found(name == nil and value or name))
end

local check_option

-- Adds every option to `into`: what `given` says, or the descriptor's default.
local function add_options(parts, options, given, where, into, order)
  for _, option in ipairs(options) do
    local value, own = given[option.name], nil
    if value == nil then
      value = values.typed(option.kind, option.preset or "")
      own = true
    end
    local fine, checked = pcall(check_option, parts, option, value, where .. "." .. option.name)
    if not fine then
      if own then core.fail_within("the default of a plugin's own option", checked) end
      error(checked, 0)
    end
    into[option.name] = checked
    order[#order + 1] = option.name
  end
  return json_text.ordered(into, order)
end

local function names_of(first, options)
  local names = table.move(first, 1, #first, 1, {})
  for _, option in ipairs(options) do names[#names + 1] = option.name end
  return names
end

-- A part of the model: what `first` holds in front, then the plugin's options.
local function resolve_part(parts, part, given, label, where, first)
  local order = { "plugin" }
  local into = { plugin = part.name }
  for _, entry in ipairs(first) do
    order[#order + 1] = entry[1]
    into[entry[1]] = entry[2]
  end
  values.known_keys(given, names_of(order, part.options), label)
  return add_options(parts, part.options, given, where, into, order)
end

local function table_or_empty(value)
  return type(value) == "table" and value or {}
end

local function find_within(where, parts, kind, name)
  local fine, part = pcall(parts, kind, name)
  if not fine then core.fail_within(where, part) end
  return part
end

function M.fusion(parts, value, where)
  local name = plugin_name(value, where)
  local fusion = find_within(where, parts, "fusion", name)
  return resolve_part(parts, fusion, table_or_empty(value), where .. " " .. name, where, {})
end

function check_option(parts, option, value, where)
  if option.kind == "fusion" then return M.fusion(parts, value, where) end
  return values.check(value, option, where)
end
M.check_option = check_option

function M.embedding(parts, value)
  local name = preset.embedding
  if value ~= nil then name = plugin_name(value, "model.embedding", name) end
  local embedding = parts("embedding", name)
  local given = table_or_empty(value)
  local width = given.word_dim
  if width == nil then width = 300 end
  return resolve_part(parts, embedding, given, "embedding " .. name, "embedding",
    { { "word_dim", values.check(width, DIM, "model.embedding.word_dim") } })
end

function M.stage(parts, value, index)
  local where = string.format("model.stages[%d]", index)
  local name = plugin_name(value, where)
  local stage = find_within(where, parts, "stage", name)
  local given = table_or_empty(value)
  local score = given.score
  if score == nil then score = true end
  return resolve_part(parts, stage, given, name, name,
    { { "score", values.check(score, SWITCH, name .. ".score") } })
end

-- A stage's parameters are named after it, so it can stand once; S must be a sum of something.
function M.check_stages(stages)
  local first, scored = {}, false
  for i, stage in ipairs(stages) do
    local name = stage.plugin
    if first[name] then
      values.fail("model.stages: '%s' is there twice (%d and %d); a stage is used once, since its "
        .. "parameters are named after it", name, first[name], i)
    end
    first[name] = i
    scored = scored or stage.score
  end
  if not scored then
    values.fail("model.stages: expected at least one stage that adds to the score (score = true), "
      .. "found none")
  end
end

function M.stages(parts, given)
  if given == nil then
    given = core.json_array(table.move(preset.stages, 1, #preset.stages, 1, {}))
  end
  local list = type(given) == "table" and core.is_array(given)
  if not list or #given == 0 or #given > MOST_STAGES then
    values.fail("model.stages: expected a list of 1 to %d stages, found %s%s", MOST_STAGES,
      values.found(given), not list and "" or #given == 0 and " that is empty" or " that is longer")
  end
  local stages = core.json_array {}
  for i, stage in ipairs(given) do stages[i] = M.stage(parts, stage, i) end
  M.check_stages(stages)
  return stages
end

function M.dim(value)
  return values.check(value, DIM, "model.dim")
end

function M.word_dim(value)
  return values.check(value, DIM, "model.embedding.word_dim")
end

function M.direction(value)
  return values.check(value, DIRECTION, "model.direction")
end

local function or_preset(value, otherwise)
  if value == nil then return otherwise end
  return value
end

-- The whole model with every default filled in, keys in order.
function M.resolve(parts, given)
  if given ~= nil and (type(given) ~= "table" or core.is_array(given)) then
    values.fail("model: expected a table, found %s", values.found(given))
  end
  given = given or {}
  values.known_keys(given, M.keys, "model")
  return json_text.ordered({
    dim = M.dim(or_preset(given.dim, 1024)),
    direction = M.direction(or_preset(given.direction, "both")),
    embedding = M.embedding(parts, given.embedding),
    stages = M.stages(parts, given.stages),
  }, M.keys)
end

return M
