-- config.lua: the config of a run: resolved once, then changed key by key, always valid.
--
--   local config = session:resolve { model = {..}, train = {..}, data = {..} }
--   config:override("l2l.lambda=9"):override("epochs=2")
--   config.value        the plain table: every key is there and checked; not to be written to
--   config:text(2)      JSON with the keys in their order
--
-- What is not said has its default; unknown keys are errors with the near miss.
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"
local keys = require "stepwise.config.config_keys"
local model = require "stepwise.config.config_model"
local values = require "stepwise.config.config_values"

local M = {}

local Config = { __name = "stepwise.config" }
Config.__index = Config

-- How many configs were resolved in this process; for the tests.
M.resolved = 0

local sections <const> = { "name", "seed", "threads", "model", "train", "data" }

-- ---- resolving ---------------------------------------------------------------------------------

local function section_keys(section)
  local result = {}
  for _, key in ipairs(keys) do
    if key.section == section then result[#result + 1] = key end
  end
  return result
end

local function path_of(key)
  return (key.section == "" and "" or key.section .. ".") .. key.name
end

-- A split names files in the data folder and nothing outside it.
local function check_key(key, value)
  local checked = values.check(value, key, path_of(key))
  if key.section == "data" and key.name:find("_split$")
    and (checked:find("/", 1, true) or key.name == "train_split" and checked == "") then
    values.fail("data.%s: expected the name of a split, as 'train', found '%s'", key.name,
      checked:sub(1, 80))
  end
  return checked
end

local function resolve_section(section, given, into)
  local order = {}
  for i, key in ipairs(section_keys(section)) do
    local value = given[key.name]
    if value == nil then value = key.preset end
    into[key.name] = check_key(key, value)
    order[i] = key.name
  end
  return order
end

local function section_of(section, given)
  if given ~= nil and (type(given) ~= "table" or core.is_array(given)) then
    values.fail("%s: expected a table, found %s", section, values.found(given))
  end
  local names = {}
  for i, key in ipairs(section_keys(section)) do names[i] = key.name end
  values.known_keys(given or {}, names, section)
  local into = {}
  return json_text.ordered(into, resolve_section(section, given or {}, into))
end

-- The config of `given`, a plain table or nil, with every default filled in and every key checked.
function M.resolve(session, given)
  M.resolved = M.resolved + 1
  if type(session) ~= "userdata" then error("stepwise.session expected", 0) end
  session:threads() -- raises where it is closed, or no session
  if given ~= nil then given = core.json_decode(core.json_encode(given)) end
  if given ~= nil and (type(given) ~= "table" or core.is_array(given)) then
    values.fail("a config: expected a table, found %s", values.found(given))
  end
  given = given or {}
  values.known_keys(given, sections, "a config")
  local function parts(kind, name) return session:part(kind, name) end
  local value = {}
  resolve_section("", given, value)
  value.model = model.resolve(parts, given.model)
  value.train = section_of("train", given.train)
  value.data = section_of("data", given.data)
  return setmetatable({ session = session, parts = parts,
    value = json_text.ordered(value, sections) }, Config)
end

-- What a file that another version wrote says of its model: the whole config where all of it is
-- understood, else its model alone.
function M.resolve_written(session, given)
  local fine, config = pcall(M.resolve, session, given)
  if fine then return config end
  return M.resolve(session, type(given) == "table" and { model = given.model } or nil)
end

function M.is_config(value)
  return getmetatable(value) == Config
end

-- ---- overriding --------------------------------------------------------------------------------

local MOST_PARTS <const> = 5
local model_keys <const> = { "dim", "direction", "embedding", "word_dim", "fusion", "stages" }

local function find_stage(stages, name)
  for i, stage in ipairs(stages) do
    if stage.plugin == name then return stage, i end
  end
end

local function stage_names(stages)
  local names = {}
  for i, stage in ipairs(stages) do names[i] = stage.plugin end
  return names
end

local function find_option(part, name)
  for _, option in ipairs(part.options) do
    if option.name == name then return option end
  end
end

-- Sets an option of a part of the model; `label` names the part in an error.
local function set_option(self, into, part, name, typed, label, where)
  local option = find_option(part, name)
  if not option then
    local names = json_text.keys(into)
    values.fail("no option '%s' in %s%s", name:sub(1, 80), label,
      core.suggest(name:sub(1, 80), names))
  end
  into[name] = model.check_option(self.parts, option, values.typed(option.kind, typed),
    where .. "." .. name)
end

local function no_options(key)
  values.fail("%s: this key has no options of its own", key)
end

local function find_key(section, name)
  for _, key in ipairs(keys) do
    if key.name == name and (not section or key.section == section) then return key end
  end
end

local function unknown_key(config, section, name)
  local names, owners, shown = {}, {}, name:sub(1, 80)
  for _, key in ipairs(keys) do
    if not section or key.section == section then names[#names + 1] = key.name end
  end
  if section then
    values.fail("no option '%s' in %s%s", shown, section, core.suggest(shown, names))
  end
  table.move(model_keys, 1, #model_keys, #names + 1, names)
  for _, stage in ipairs(config.model.stages) do
    if stage[name] ~= nil then
      owners[#owners + 1] = string.format("'%s.%s'", stage.plugin, name)
    end
  end
  if #owners > 0 then
    values.fail("no option '%s'; did you mean %s?", shown, table.concat(owners, " or "))
  end
  values.fail("no option '%s'%s", shown, core.suggest(shown, names))
end

local function set_key(config, section, name, typed)
  local key = find_key(section, name)
  if not key then unknown_key(config, section, name) end
  if key.kind == "tests" then
    values.fail("%s: a list of test sets stands in an experiment or a table, not in key=value",
      path_of(key))
  end
  local into = key.section == "" and config or config[key.section]
  into[name] = check_key(key, values.typed(key.kind, typed))
end

-- Another plugin brings other options, so only what it has in common with the old one stays.
local function set_embedding(self, of_model, name)
  local old = of_model.embedding
  if old.plugin ~= name then
    of_model.embedding = model.embedding(self.parts, { plugin = name, word_dim = old.word_dim })
  end
end

local function set_fusion(self, stage, option, name)
  if stage[option].plugin ~= name then
    stage[option] = model.fusion(self.parts, name, stage.plugin .. "." .. option)
  end
end

local function set_fusions(self, of_model, name)
  local found = false
  for _, stage in ipairs(of_model.stages) do
    for _, option in ipairs(self.parts("stage", stage.plugin).options) do
      if option.kind == "fusion" then
        found = true
        set_fusion(self, stage, option.name, name)
      end
    end
  end
  if not found then
    values.fail("fusion: no stage of this model fuses; they are %s",
      table.concat(stage_names(of_model.stages), ", "))
  end
end

-- "l2l,g2l": stages that are there keep their options, others come with their defaults.
local function set_stages(self, of_model, typed)
  local list = core.json_array {}
  for name in typed:gmatch("[^, ]+") do
    list[#list + 1] = find_stage(of_model.stages, name) or name
  end
  of_model.stages = model.stages(self.parts, list)
end

local setters = {
  dim = function(_, m, typed) m.dim = model.dim(values.typed("integer", typed)) end,
  direction = function(_, m, typed) m.direction = model.direction(typed) end,
  word_dim = function(_, m, typed)
    m.embedding.word_dim = model.word_dim(values.typed("integer", typed))
  end,
  embedding = set_embedding, fusion = set_fusions, stages = set_stages,
}

local function override_embedding(self, of_model, parts, key, typed)
  local name = parts[2]
  if #parts > 2 then no_options(key) end
  if name == "plugin" then return set_embedding(self, of_model, typed) end
  if name == "word_dim" then return setters.word_dim(self, of_model, typed) end
  local embedding = of_model.embedding
  set_option(self, embedding, self.parts("embedding", embedding.plugin), name, typed,
    "embedding " .. embedding.plugin, "embedding")
end

local function no_stage(self, stages, name, key)
  if pcall(self.parts, "stage", name) then
    values.fail("%s: '%s' is not a stage of this model, which has %s", key, name,
      table.concat(stage_names(stages), ", "))
  end
  local heads = table.move(stage_names(stages), 1, #stages, 5,
    { "train", "data", "model", "embedding" })
  values.fail("%s: no section or stage '%s'%s", key, name:sub(1, 80),
    core.suggest(name:sub(1, 80), heads))
end

local function override_stage(self, of_model, parts, key, typed)
  local stage = find_stage(of_model.stages, parts[1])
  if not stage then no_stage(self, of_model.stages, parts[1], key) end
  local name, part = parts[2], self.parts("stage", parts[1])
  if name == "plugin" then values.fail("%s: use stages=.. to choose other stages", key) end
  local option = find_option(part, name)
  if option and option.kind == "fusion" then
    if #parts == 2 or #parts == 3 and parts[3] == "plugin" then
      return set_fusion(self, stage, name, typed)
    end
    if #parts > 3 then no_options(key) end
    local fusion, where = stage[name], stage.plugin .. "." .. name
    return set_option(self, fusion, self.parts("fusion", fusion.plugin), parts[3], typed,
      where .. " " .. fusion.plugin, where)
  end
  if #parts > 2 then no_options(key) end
  if name == "score" then
    stage.score = values.check(values.typed("switch", typed), { kind = "switch" },
      stage.plugin .. ".score")
    return model.check_stages(of_model.stages)
  end
  set_option(self, stage, part, name, typed, stage.plugin, stage.plugin)
end

local function split_key(assignment)
  local key, typed = assignment:match("^([^=]+)=(.*)$")
  if not key then values.fail("expected key=value, found '%s'", assignment:sub(1, 80)) end
  local parts = {}
  for part in (key .. "."):gmatch("([^.]*)%.") do parts[#parts + 1] = part end
  for _, part in ipairs(parts) do
    if part == "" or #parts > MOST_PARTS then
      values.fail("expected key=value, as dim=64, found '%s'", assignment:sub(1, 80))
    end
  end
  return key, parts, typed
end

local function has(list, name)
  for _, known in ipairs(list) do
    if known == name then return true end
  end
end

local function apply(self, config, assignment)
  local key, parts, typed = split_key(assignment)
  local of_model, in_model = config.model, false
  if #parts > 1 and parts[1] == "model" then
    in_model = true
    local shift = #parts > 2 and parts[2] == "stages" and 2 or 1
    parts = table.move(parts, shift + 1, #parts, 1, {})
  end
  local head = parts[1]
  if #parts == 1 then
    if in_model and not has(model_keys, head) then
      values.fail("no option '%s' in model%s", head:sub(1, 80), core.suggest(head, model_keys))
    end
    if setters[head] then return setters[head](self, of_model, typed) end
    return set_key(config, nil, head, typed)
  end
  if not in_model and (head == "train" or head == "data") then
    if #parts > 2 then no_options(key) end
    return set_key(config, head, parts[2], typed)
  end
  if head == "embedding" then return override_embedding(self, of_model, parts, key, typed) end
  override_stage(self, of_model, parts, key, typed)
end

-- Applies "key=value"; gives the config itself; after an error it is as it was. Keys: a dotted path
-- ("train.lr", "model.dim", "model.embedding.plugin"), a path's last word where that is clear
-- ("lr", "dim", "train_images"), "embedding" and "word_dim", "fusion" (of every stage that fuses),
-- "stages" (names with ',' between; stages that were there keep their options), and an option of a
-- stage, of the embedding or of a stage's fusion: "STAGE.lambda", "STAGE.score", "STAGE.fusion",
-- "STAGE.fusion.NAME", "embedding.NAME".
function Config:override(assignment)
  local changed = json_text.copy(self.value)
  apply(self, changed, assignment)
  self.value = changed
  return self
end

-- Sets data.tests, a list that is checked.
function Config:set_tests(list)
  local changed = json_text.copy(self.value)
  changed.data.tests = check_key(find_key("data", "tests"),
    core.json_decode(core.json_encode(list)))
  self.value = changed
end

-- ---- views --------------------------------------------------------------------------------------

-- For `local config <close> = ..`; nothing has to be released.
function Config.close() end
Config.__close = Config.close

-- Another config, which changes by itself.
function Config:copy()
  return setmetatable({ session = self.session, parts = self.parts, value = self.value }, Config)
end

-- A plain table of it, of the caller's own.
function Config:table()
  return json_text.copy(self.value)
end

-- JSON with the keys in their order.
function Config:text(indent)
  return json_text.text(self.value, indent or 0)
end

-- Without what belongs to one machine or one user (name, threads, paths, how often state is saved):
-- what decides a run's numbers.
function Config:portable()
  local result = json_text.copy(self.value)
  for _, key in ipairs(keys) do
    if key.inert then
      local section = key.section == "" and result or result[key.section]
      section[key.name] = nil
      json_text.forget(section, key.name)
    end
  end
  return result
end

local function is_default(value, preset)
  if type(preset) == "table" then return type(value) == "table" and next(value) == nil end
  return value == preset
end

-- What is hashed: the same without what was added later and says nothing, so that the hashes of
-- runs that were made before these keys were there stay as they are.
function Config:hashed()
  local result = self:portable()
  for _, key in ipairs(keys) do
    local section = key.section == "" and result or result[key.section]
    if key.later and is_default(section[key.name], key.preset) then
      section[key.name] = nil
      json_text.forget(section, key.name)
    end
  end
  return result
end

-- The same without where the run ends.
local function endless(config)
  local result = config:hashed()
  result.train.epochs, result.train.max_steps = core.json_null, core.json_null
  return result
end

-- 32 hex digits of what decides a run's numbers. `more` is hashed as well: what stands behind the
-- paths, and the plugins' hashes. any_end: without where the run ends.
function Config:hash(more, any_end)
  local value = any_end and endless(self) or self:hashed()
  return core.hash128(core.json_encode(value) .. "\0" .. (more or ""))
end

-- The id of a run: its config, its data and its plugins (run/identity.lua).
function Config:id(data, plugins)
  return self:hash(core.json_encode { data = data, plugins = plugins })
end

-- The first difference of two plain values, as "train.lr is 0.001 there and 0.0002 here", or nil.
local function difference(there, here, path)
  if type(there) == "table" and type(here) == "table"
    and core.is_array(there) == core.is_array(here) then
    local array = core.is_array(there)
    local names, others = array and there or json_text.keys(there),
      array and here or json_text.keys(here)
    if #names == #others then
      for i, name in ipairs(names) do
        local deeper = array and string.format("%s[%d]", path, i)
          or path .. (path == "" and "" or ".") .. name
        local key = array and i or name
        local found = difference(there[key], here[key], deeper)
        if found then return found end
      end
      return nil
    end
  end
  if there == here then return nil end
  return string.format("%s is %s there and %s here", path, values.found(there), values.found(here))
end

-- The first key in which two configs decide other numbers, with both values, or nil.
function Config:difference(other)
  return difference(self:portable(), other:portable(), "")
end

-- JSON of portable() on one line.
function Config:portable_text()
  return json_text.text(self:portable(), 0)
end

-- Whether two configs differ at most in where the run ends.
function Config:same_but_end(other)
  return core.json_encode(endless(self)) == core.json_encode(endless(other))
end

-- The fingerprints of the data that it reads, all splits of which are opened and have to fit.
-- known: a list of stamps; all values of the splits that are not among them are read, and the
-- stamps of all are the second result.
function Config:sources(known)
  return self.session:sources(self, known)
end

-- The plugins it uses, each once: a list of session:origin.
function Config:origins()
  local names, list, listed = { self.value.model.embedding.plugin }, {}, {}
  for _, stage in ipairs(self.value.model.stages) do
    names[#names + 1] = stage.plugin
    for _, key in ipairs(json_text.keys(stage)) do
      if type(stage[key]) == "table" then names[#names + 1] = stage[key].plugin end
    end
  end
  for _, name in ipairs(names) do
    local origin = self.session:origin(name)
    if origin and not listed[origin.name] then list[#list + 1] = origin end
    if origin then listed[origin.name] = true end
  end
  return list
end

-- {NAME = hash} of the plugins it uses.
function Config:plugins()
  local result = json_text.object()
  for _, origin in ipairs(self:origins()) do json_text.set(result, origin.name, origin.hash) end
  return result
end

return M
