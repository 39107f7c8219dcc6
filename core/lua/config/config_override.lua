-- config_override.lua: "key=value" of the command line and of a table's rows, applied to the plain
-- value of a config. Config:override says which keys there are.
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"
local keys = require "stepwise.config.config_keys"
local model = require "stepwise.config.config_model"
local values = require "stepwise.config.config_values"

local M = {}

local MOST_FIELDS <const> = 5 -- of a path: model.stages.g2l.fusion.x
local model_keys <const> = { "dim", "direction", "embedding", "word_dim", "image", "text",
  "second", "pool", "fusion", "stages", "loss" }

local function find_option(part, name)
  for _, option in ipairs(part.options) do
    if option.name == name then return option end
  end
end

-- Sets an option of what a plugin brings; `label` names it in an error.
local function set_option(parts, into, part, name, typed, label, where)
  local option = find_option(part, name)
  if not option then
    local shown, names = name:sub(1, 80), table.move(json_text.keys(into), 1, 99, 1, {})
    for _, one in ipairs(part.options) do
      if into[one.name] == nil then names[#names + 1] = one.name end
    end
    values.fail("no option '%s' in %s%s", shown, label, core.suggest(shown, names))
  end
  json_text.add(into, name) -- of a loss, it followed a train key
  into[name] = model.check_option(parts, option, values.typed(option.kind, typed),
    where .. "." .. name)
end

local function no_options(key)
  values.fail("%s: this key has no options of its own", key)
end

-- ---- keys of the sections ----------------------------------------------------------------------

local function unknown_key(config, section, name)
  local names, owners, shown = {}, {}, name:sub(1, 80)
  for _, key in ipairs(keys) do
    if not section or key.section == section then names[#names + 1] = key.name end
  end
  if section then
    values.fail("no option '%s' in %s%s", shown, section, core.suggest(shown, names))
  end
  table.move(model_keys, 1, #model_keys, #names + 1, names)
  for _, list in ipairs { "image", "text", "stages", "loss" } do
    local labels = model.labels(config.model[list])
    for i, entry in ipairs(config.model[list]) do
      if entry[name] ~= nil then
        owners[#owners + 1] = string.format("'%s%s.%s'", model.lists[list].head, labels[i], name)
      end
    end
  end
  if #owners > 0 then
    values.fail("no option '%s'; did you mean %s?", shown, table.concat(owners, " or "))
  end
  values.fail("no option '%s'%s", shown, core.suggest(shown, names))
end

local function set_key(config, section, name, typed)
  local key = values.find_key(section, name)
  if not key then unknown_key(config, section, name) end
  if key.kind == "tests" then
    values.fail("%s: a list of test sets stands in an experiment or a table, not in key=value",
      values.path_of(key))
  end
  local into = key.section == "" and config or config[key.section]
  into[name] = values.check_key(key, values.typed(key.kind, typed))
end

-- ---- keys of the model -------------------------------------------------------------------------

-- Another plugin brings other options, so only what it has in common with the old one stays.
local function set_embedding(parts, of_model, name)
  local old = of_model.embedding
  if old.plugin ~= name then
    of_model.embedding = model.embedding(parts, { plugin = name, word_dim = old.word_dim })
  end
end

local function set_word_dim(_, of_model, typed)
  of_model.embedding.word_dim = model.word_dim(values.typed("integer", typed))
end

local function set_fusion(parts, stage, option, name, where)
  if stage[option].plugin ~= name then
    stage[option] = model.fusion(parts, name, where .. "." .. option)
  end
end

local function set_fusions(parts, of_model, name)
  local found, labels = false, model.labels(of_model.stages)
  for i, stage in ipairs(of_model.stages) do
    for _, option in ipairs(parts("stage", stage.plugin).options) do
      if option.kind == "fusion" then
        found = true
        set_fusion(parts, stage, option.name, name, labels[i])
      end
    end
  end
  if not found then
    values.fail("fusion: no stage of this model fuses; they are %s", table.concat(labels, ", "))
  end
end

-- A list without the entries that "-l2l,-g2g" names by their labels.
local function without(old, labels, name, typed)
  local out, left = {}, core.json_array {}
  for word in typed:gmatch("[^, ]+") do
    local label, found = word:match("^%-(.+)$"), false
    for i, known in ipairs(labels) do
      if known == label then out[i], found = true, true end
    end
    if not found then
      values.fail("%s: '%s' takes nothing out of %s%s", name, word:sub(1, 80),
        table.concat(labels, ", "), core.suggest(word:gsub("^%-", ""):sub(1, 80), labels))
    end
  end
  for i, entry in ipairs(old) do
    if not out[i] then left[#left + 1] = entry end
  end
  return left
end

-- A setter of a list, "l2l,g2l": entries that are there, by label or the next one of that plugin,
-- keep their options, others come with their defaults. "-g2g" takes out of those that are there.
local function set_list(name)
  return function(parts, of_model, typed)
    local old, list, used = of_model[name], core.json_array {}, {}
    local labels = model.labels(old)
    local function take(is_it)
      for i, entry in ipairs(old) do
        if not used[i] and is_it(entry, labels[i]) then
          used[i] = true
          return entry
        end
      end
    end
    if typed:find("^%-") then
      of_model[name] = model.list(parts, name, without(old, labels, name, typed))
      return
    end
    for word in typed:gmatch("[^, ]+") do
      list[#list + 1] = take(function(_, label) return label == word end)
        or take(function(entry) return entry.plugin == word end) or word
    end
    of_model[name] = model.list(parts, name, list)
  end
end

-- What is left first in the list may have said a train key's value for itself.
local set_loss_list <const> = set_list "loss"
local function set_losses(parts, of_model, typed, train)
  set_loss_list(parts, of_model, typed)
  for name, said in pairs(model.split_train_keys(parts, of_model.loss)) do train[name] = said end
end

local function set_pooling(parts, of_model, side, name)
  local pool = of_model.pool
  if not pool then
    json_text.add(of_model, "pool", #json_text.keys(of_model) - 1) -- before stages and loss
    of_model.pool = model.pool(parts, name)
  elseif pool[side].plugin ~= name then
    pool[side] = model.pooling(parts, side, name)
  end
end

local function set_pool(parts, of_model, name)
  if name == model.NO_POOL then
    of_model.pool = nil
    json_text.forget(of_model, "pool")
    return
  end
  for _, side in ipairs(model.sides) do set_pooling(parts, of_model, side, name) end
end

local function set_second(_, of_model, name)
  if name ~= model.NO_POOL then
    values.fail("second: expected none, found '%s'; second.image.file=NAME chooses a file",
      name:sub(1, 80))
  end
  of_model.second = nil
  json_text.forget(of_model, "second")
end

local setters = {
  dim = function(_, m, typed) m.dim = model.dim(values.typed("integer", typed)) end,
  direction = function(_, m, typed) m.direction = model.direction(typed) end,
  word_dim = set_word_dim, embedding = set_embedding, fusion = set_fusions, pool = set_pool,
  second = set_second,
  image = set_list "image", text = set_list "text", stages = set_list "stages",
  loss = set_losses,
}

-- ---- options of plugins ------------------------------------------------------------------------

local function override_embedding(parts, of_model, fields, key, typed)
  local name = fields[2]
  if #fields > 2 then no_options(key) end
  if name == "plugin" then return set_embedding(parts, of_model, typed) end
  if name == "word_dim" then return set_word_dim(parts, of_model, typed) end
  local embedding = of_model.embedding
  set_option(parts, embedding, parts("embedding", embedding.plugin), name, typed,
    "embedding " .. embedding.plugin, "embedding")
end

-- pool.image=NAME, pool.image.plugin=NAME, pool.image.OPTION=..
local function override_pool(parts, of_model, fields, key, typed)
  local side, name = fields[2], fields[3]
  if side ~= "image" and side ~= "text" then
    values.fail("%s: no side '%s' of pool%s", key, side:sub(1, 80),
      core.suggest(side:sub(1, 80), model.sides))
  end
  if #fields > 3 then no_options(key) end
  if not name or name == "plugin" then return set_pooling(parts, of_model, side, typed) end
  if not of_model.pool then values.fail("%s: this model does not pool; pool=NAME does", key) end
  local pooling, where = of_model.pool[side], "pool." .. side
  set_option(parts, pooling, parts("pool", pooling.plugin), name, typed,
    where .. " " .. pooling.plugin, where)
end

-- second.image.file=NAME, second.image.width=.., second.text.alone=..
local function override_second(_, of_model, fields, key, typed)
  local side, name = fields[2], fields[3]
  local second = of_model.second and of_model.second[side]
  if not second then
    values.fail("%s: this model has no second set '%s'; its script gives it one", key,
      side:sub(1, 80))
  end
  if #fields > 3 then no_options(key) end
  if not name or name == "blocks" or second[name] == nil then
    values.fail("%s: expected second.%s.file, .width%s", key, side,
      side == "text" and " or .alone" or "")
  end
  local kind = name == "width" and "integer" or name == "alone" and "switch" or "text"
  second[name] = model.second_value(side, name, values.typed(kind, typed))
end

-- The list of the model does not have an entry called `label`.
local function no_entry(parts, list, about, labels, label, key)
  if pcall(parts, about.kind, label) then
    values.fail("%s: '%s' is not a %s of this model, which has %s", key, label, about.kind,
      table.concat(labels, ", "))
  end
  local shown, heads = label:sub(1, 80), labels
  if list == "stages" then
    heads = table.move(labels, 1, #labels, 9,
      { "train", "data", "model", "embedding", "image", "text", "second", "pool", "loss" })
  end
  values.fail("%s: no %s '%s'%s", key, list == "stages" and "section or stage" or about.kind,
    shown, core.suggest(shown, heads))
end

local function override_fusion(parts, stage, option, fields, key, typed, where)
  if #fields == 2 or #fields == 3 and fields[3] == "plugin" then
    return set_fusion(parts, stage, option, typed, where)
  end
  if #fields > 3 then no_options(key) end
  local fusion, path = stage[option], where .. "." .. option
  set_option(parts, fusion, parts("fusion", fusion.plugin), fields[3], typed,
    path .. " " .. fusion.plugin, path)
end

-- An option of an entry of a list; fields = {the entry's label, the option ..}.
local function override_entry(parts, config, list, fields, key, typed)
  local entries, about = config.model[list], model.lists[list]
  local labels, entry, at = model.labels(entries), nil, nil
  for i, label in ipairs(labels) do
    if label == fields[1] then entry, at = entries[i], i end
  end
  if not entry then no_entry(parts, list, about, labels, fields[1], key) end
  local name, part = fields[2], parts(about.kind, entry.plugin)
  if not name or name == "plugin" then
    values.fail("%s: use %s=.. to choose other %s", key, list, about.many)
  end
  local where, option = about.head .. labels[at], find_option(part, name)
  if option and option.kind == "fusion" then
    return override_fusion(parts, entry, name, fields, key, typed, where)
  end
  if #fields > 2 then no_options(key) end
  for _, own in ipairs(about.own) do
    if own[1] == name then
      entry[name] = values.check(values.typed(own[2].kind, typed), own[2], where .. "." .. name)
      return list == "stages" and model.check_stages(entries)
    end
  end
  set_option(parts, entry, part, name, typed, where, where)
  if list == "loss" and model.followers(part)[name]
    and model.leader(parts, entries, name) == at then
    config.train[name], entry[name] = entry[name], nil
    json_text.forget(entry, name)
  end
end

-- ---- one assignment ----------------------------------------------------------------------------

local function split_key(assignment)
  local key, typed = assignment:match("^([^=]+)=(.*)$")
  if not key then values.fail("expected key=value, found '%s'", assignment:sub(1, 80)) end
  local fields = {}
  for field in (key .. "."):gmatch("([^.]*)%.") do fields[#fields + 1] = field end
  for _, field in ipairs(fields) do
    if field == "" or #fields > MOST_FIELDS then
      values.fail("expected key=value, as dim=64, found '%s'", assignment:sub(1, 80))
    end
  end
  return key, fields, typed
end

local function has(list, name)
  for _, known in ipairs(list) do
    if known == name then return true end
  end
end

-- Changes `config`, the plain value of a config; parts: as config_model.lua takes it.
function M.apply(config, parts, assignment)
  local key, fields, typed = split_key(assignment)
  local of_model, in_model = config.model, false
  if #fields > 1 and fields[1] == "model" then
    in_model = true
    local shift = #fields > 2 and fields[2] == "stages" and 2 or 1
    fields = table.move(fields, shift + 1, #fields, 1, {})
  end
  local head = fields[1]
  if #fields == 1 then
    if in_model and not has(model_keys, head) then
      values.fail("no option '%s' in model%s", head:sub(1, 80), core.suggest(head, model_keys))
    end
    if setters[head] then return setters[head](parts, of_model, typed, config.train) end
    return set_key(config, nil, head, typed)
  end
  if not in_model and (head == "train" or head == "data") then
    if #fields > 2 then no_options(key) end
    return set_key(config, head, fields[2], typed)
  end
  if head == "embedding" then return override_embedding(parts, of_model, fields, key, typed) end
  if head == "second" then return override_second(parts, of_model, fields, key, typed) end
  if head == "pool" then return override_pool(parts, of_model, fields, key, typed) end
  if head == "image" or head == "text" or head == "loss" then
    return override_entry(parts, config, head, table.move(fields, 2, #fields, 1, {}), key, typed)
  end
  override_entry(parts, config, "stages", fields, key, typed)
end

return M
