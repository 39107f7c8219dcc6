-- config_model.lua: the "model" of a config: names to plugins, options checked.
--
-- { dim =, direction =, embedding = { plugin =, word_dim =, options },
--   image = { { plugin =, options } .. }, text = { .. },           the encoders' blocks
--   second = { image = { file =, width =, blocks = { .. } },       absent: no second sets
--     text = { file =, width =, alone =, blocks = { .. } } },      either may be absent
--   pool = { image = { plugin =, options }, text = { .. } },       absent: nothing is pooled
--   stages = { { plugin =, score =, options } .. },
--   loss = { { plugin =, weight =, options } .. },
--   defined = what a script defines of these (define.lua), where there is any }
-- Every key may be absent. A name alone may stand for { plugin = name }, one loss or block for a
-- list of one, one pooling for both sides. `parts` finds what plugins bring: parts(kind, name) ->
-- { name =, options = { declaration .. } }, or an error with the near miss.
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"
local keys = require "stepwise.config.config_keys"
local preset = require "stepwise.preset"
local values = require "stepwise.config.config_values"

local M = {}

local DIM <const> = { kind = "integer", least = 1, most = 16384 }
local DIRECTION <const> = { kind = "choice", choices = { "both", "t2i", "i2t" } }
local MOST_ENTRIES <const> = 32

M.sides = { "image", "text" }
M.NO_POOL = "none" -- what stands for no pooling in pool=..

M.keys = { "dim", "direction", "embedding", "image", "text", "second", "pool", "stages", "loss" }

-- The keys of a model that are lists of plugins. own: what stands in an entry before its options,
-- {name, declaration, default}; single: one entry may stand for a list of one; head: what its keys
-- of the command line begin with.
M.lists = {
  image = { kind = "block", many = "blocks", single = true, head = "image.", own = {} },
  text = { kind = "block", many = "blocks", single = true, head = "text.", own = {} },
  stages = { kind = "stage", many = "stages", head = "",
    own = { { "score", { kind = "switch" }, true } } },
  loss = { kind = "loss", many = "losses", single = true, head = "loss.",
    own = { { "weight", { kind = "number", least = 0, most = 1e6, above_least = true }, 1.0 } } },
}

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

-- Adds every option to `into`: what `given` says, or the descriptor's default. optional: {NAME =
-- true} of those that are left out where nothing is said of them.
local function add_options(parts, options, given, where, into, order, optional)
  for _, option in ipairs(options) do
    local value, own = given[option.name], nil
    if value == nil and optional and optional[option.name] then goto continue end
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
    ::continue::
  end
  return json_text.ordered(into, order)
end

local function names_of(first, options)
  local names = table.move(first, 1, #first, 1, {})
  for _, option in ipairs(options) do names[#names + 1] = option.name end
  return names
end

-- A part of the model: what `first` holds in front, then the plugin's options.
local function resolve_part(parts, part, given, label, where, first, optional)
  local order = { "plugin" }
  local into = { plugin = part.name }
  for _, entry in ipairs(first) do
    order[#order + 1] = entry[1]
    into[entry[1]] = entry[2]
  end
  values.known_keys(given, names_of(order, part.options), label)
  return add_options(parts, part.options, given, where, into, order, optional)
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

-- A label that `taken` does not have: the plugin's name, or NAME_2, NAME_3, ..
local function label_of(plugin, taken)
  local label, n = plugin, 1
  while taken[label] do
    n = n + 1
    label = plugin .. "_" .. n
  end
  taken[label] = true
  return label
end

-- What the entries of a list are called in keys, and their parameters are named after: the first of
-- a plugin by its name, the second NAME_2.
function M.labels(list)
  local taken, labels = {}, {}
  for i, entry in ipairs(list) do labels[i] = label_of(entry.plugin, taken) end
  return labels
end

-- ---- losses ------------------------------------------------------------------------------------

-- The train key that an option of a loss is one with: of the same name, kind and default.
local function train_key(option)
  for _, key in ipairs(keys) do
    if key.of_loss and key.name == option.name and key.kind == option.kind then
      local fine, own = pcall(values.check, values.typed(option.kind, option.preset or ""), option,
        option.name)
      return fine and own == key.preset and key.name or nil
    end
  end
end

-- The options of a loss that follow train keys: {option's name = true}.
function M.followers(part)
  local names = {}
  for _, option in ipairs(part.options) do names[train_key(option) or false] = true end
  names[false] = nil
  return names
end

-- The first loss of a list that has an option which follows the train key `name`; nil without one.
function M.leader(parts, list, name)
  for i, loss in ipairs(list) do
    if M.followers(parts("loss", loss.plugin))[name] then return i end
  end
end

-- What is said of a train key in a list of losses is that train key's value: {key = value}. Of a
-- second loss with such an option it stays there.
function M.split_train_keys(parts, list)
  local train = {}
  for i, loss in ipairs(list) do
    local order = {}
    for _, name in ipairs(json_text.keys(loss)) do
      if M.followers(parts("loss", loss.plugin))[name] and M.leader(parts, list, name) == i then
        train[name], loss[name] = loss[name], nil
      else
        order[#order + 1] = name
      end
    end
    json_text.ordered(loss, order)
  end
  return train
end

-- The losses with every option: what follows a train key has its value.
function M.filled_losses(parts, list, train)
  local result = core.json_array {}
  for i, loss in ipairs(list) do
    local part = parts("loss", loss.plugin)
    local order = { "plugin", "weight" }
    result[i] = { plugin = loss.plugin, weight = loss.weight }
    for _, option in ipairs(part.options) do
      order[#order + 1] = option.name
      local value = loss[option.name]
      if value == nil then value = train[option.name] end
      result[i][option.name] = value
    end
    json_text.ordered(result[i], order)
  end
  return result
end

-- ---- lists of plugins --------------------------------------------------------------------------

-- An entry of the list `name`, which `about` describes.
local function list_entry(parts, name, about, value, index, taken)
  local where = string.format("model.%s[%d]", name, index)
  local plugin = plugin_name(value, where)
  local part = find_within(where, parts, about.kind, plugin)
  local given, path = table_or_empty(value), about.head .. label_of(plugin, taken)
  local own = {}
  for i, key in ipairs(about.own) do
    local item = given[key[1]]
    if item == nil then item = key[3] end
    own[i] = { key[1], values.check(item, key[2], path .. "." .. key[1]) }
  end
  return resolve_part(parts, part, given, path, path, own,
    about.kind == "loss" and M.followers(part))
end

-- A stage, a block or a loss by itself, as scripts describe it.
function M.entry(parts, kind, value)
  for _, name in ipairs { "image", "stages", "loss" } do
    local about = M.lists[name]
    if about.kind == kind then return list_entry(parts, name, about, value, 1, {}) end
  end
end

-- S must be a sum of something.
function M.check_stages(stages)
  for _, stage in ipairs(stages) do
    if stage.score then return end
  end
  values.fail("model.stages: expected at least one stage that adds to the score (score = true), "
    .. "found none")
end

-- The list `name` of a model.
function M.list(parts, name, given)
  local about = M.lists[name]
  local usual = preset[name]
  if given == nil then given = core.json_array(table.move(usual, 1, #usual, 1, {})) end
  local is_entry = type(given) == "string" or type(given) == "table" and given.plugin ~= nil
  if about.single and is_entry then given = core.json_array { given } end
  local is_list = type(given) == "table" and core.is_array(given)
  if not is_list or #given == 0 or #given > MOST_ENTRIES then
    values.fail("model.%s: expected a list of 1 to %d %s, found %s%s", name, MOST_ENTRIES,
      about.many, values.found(given), not is_list and "" or #given == 0 and " that is empty"
        or " that is longer")
  end
  local list, taken = core.json_array {}, {}
  for i, value in ipairs(given) do list[i] = list_entry(parts, name, about, value, i, taken) end
  if name == "stages" then M.check_stages(list) end
  return list
end

-- Whether the list `name` is what a model has that does not name it.
function M.is_preset(parts, name, list)
  return json_text.text(list, 0) == json_text.text(M.list(parts, name), 0)
end

-- ---- second sets of fragments ------------------------------------------------------------------

local SECOND <const> = { image = { "file", "width", "blocks" },
  text = { "file", "width", "alone", "blocks" } }
local USUAL_BLOCKS <const> = { "linear", "l2norm" }

local function second_file(value, where)
  if type(value) == "string" and value:find("^[%w_%-]+$") and #value <= 60 then return value end
  values.fail("%s.file: expected NAME of the data folder's SPLIT_NAME.npy, found %s", where,
    values.found(value))
end

-- One value of a side's second set, `key` of it.
function M.second_value(side, key, value)
  local where = "model.second." .. side
  if key == "file" then return second_file(value, where) end
  return values.check(value, key == "width" and DIM or { kind = "switch" }, where .. "." .. key)
end

local function second_blocks(parts, side, given)
  local name = "second." .. side .. ".blocks"
  if given == nil then given = USUAL_BLOCKS end
  if type(given) == "string" or type(given) == "table" and given.plugin then given = { given } end
  local is_list = type(given) == "table" and (core.is_array(given) or not next(given))
  if not is_list or #given > MOST_ENTRIES then
    values.fail("model.%s: expected a list of at most %d blocks, found %s", name, MOST_ENTRIES,
      values.found(given))
  end
  local list, taken = core.json_array {}, {}
  for i, value in ipairs(given) do
    list[i] = list_entry(parts, name, { kind = "block", head = name .. ".", own = {} }, value, i,
      taken)
  end
  return list
end

local function second_of(parts, side, given)
  local where = "model.second." .. side
  if type(given) ~= "table" or core.is_array(given) and next(given) then
    values.fail("%s: expected a table {file =, width =}, found %s", where, values.found(given))
  end
  values.known_keys(given, SECOND[side], where)
  local second = { file = M.second_value(side, "file", given.file),
    width = M.second_value(side, "width", given.width),
    blocks = second_blocks(parts, side, given.blocks) }
  if side == "text" then
    second.alone = given.alone ~= nil and M.second_value(side, "alone", given.alone)
  end
  return json_text.ordered(second, SECOND[side])
end

-- Those of both sides; nil where there are none.
function M.second(parts, given)
  if given == nil or given == M.NO_POOL then return nil end
  if type(given) ~= "table" or core.is_array(given) and next(given) then
    values.fail("model.second: expected a table {image =, text =}, found %s", values.found(given))
  end
  values.known_keys(given, M.sides, "model.second")
  local second, order = {}, {}
  for _, side in ipairs(M.sides) do
    if given[side] ~= nil then
      second[side], order[#order + 1] = second_of(parts, side, given[side]), side
    end
  end
  return next(second) and json_text.ordered(second, order) or nil
end

-- ---- poolings ----------------------------------------------------------------------------------

-- The pooling of a side.
function M.pooling(parts, side, value)
  local where = "model.pool." .. side
  local name = plugin_name(value, where)
  return resolve_part(parts, find_within(where, parts, "pool", name), table_or_empty(value),
    "pool." .. side .. " " .. name, "pool." .. side, {})
end

-- Both, {image =, text =}; nil where nothing is pooled.
function M.pool(parts, given)
  if given == nil or given == M.NO_POOL then return nil end
  if type(given) == "string" or type(given) == "table" and given.plugin ~= nil then
    given = { image = given, text = given }
  elseif type(given) ~= "table" or core.is_array(given) then
    values.fail("model.pool: expected a pooling's name or a table {image =, text =}, found %s",
      values.found(given))
  end
  values.known_keys(given, M.sides, "model.pool")
  local pool = {}
  for _, side in ipairs(M.sides) do pool[side] = M.pooling(parts, side, given[side]) end
  return json_text.ordered(pool, M.sides)
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

-- What goes by one name on the command line, and is said of a part in a model.
local elsewhere <const> = { word_dim = "its embedding: sw.embedding \"random\" { word_dim = 300 }",
  fusion = "its stages: sw.stage \"g2l\" { fusion = \"gate\" }" }

-- The whole model with every default filled in, keys in order, and what it says of train keys.
function M.resolve(parts, given)
  if given ~= nil and (type(given) ~= "table" or core.is_array(given)) then
    values.fail("model: expected a table, found %s", values.found(given))
  end
  given = given or {}
  for name, of in pairs(elsewhere) do
    if given[name] ~= nil then values.fail("model: '%s' is an option of %s", name, of) end
  end
  values.known_keys(given, given.defined and { "defined", table.unpack(M.keys) } or M.keys, "model")
  local model, order = {
    dim = M.dim(or_preset(given.dim, 1024)),
    direction = M.direction(or_preset(given.direction, "both")),
    embedding = M.embedding(parts, given.embedding),
    second = M.second(parts, given.second),
    pool = M.pool(parts, given.pool),
  }, {}
  for _, key in ipairs(M.keys) do
    if M.lists[key] then model[key] = M.list(parts, key, given[key]) end
    if model[key] ~= nil then order[#order + 1] = key end
  end
  return json_text.ordered(model, order), M.split_train_keys(parts, model.loss)
end

return M
