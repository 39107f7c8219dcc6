-- config.lua: the config of a run: resolved once, then changed key by key, always valid.
--
--   local config = session:resolve { model = {..}, train = {..}, data = {..} }
--   config:override("l2l.lambda=9"):override("epochs=2")
--   config.value        the plain table: every key is there and checked; not to be written to
--   config:text(2)      JSON with the keys in their order
--
-- What is not said has its default; unknown keys are errors with the near miss.
local core = require "stepwise.core"
local define = require "stepwise.config.define"
local json_text = require "stepwise.config.json_text"
local keys = require "stepwise.config.config_keys"
local model = require "stepwise.config.config_model"
local override = require "stepwise.config.config_override"
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

local function resolve_section(section, given, into)
  local order = {}
  for i, key in ipairs(section_keys(section)) do
    local value = given[key.name]
    if value == nil then value = key.preset end
    into[key.name] = values.check_key(key, value)
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
  local known = define.known(type(given.model) == "table" and given.model.defined or nil)
  local parts, value = define.finder(session, known), {}
  resolve_section("", given, value)
  local of_train
  value.model, of_train = model.resolve(parts, given.model)
  define.set_used(value.model, known)
  value.train = section_of("train", given.train)
  for name, said in pairs(of_train) do
    value.train[name] = values.check_key(values.find_key("train", name), said)
  end
  value.data = section_of("data", given.data)
  return setmetatable({ session = session, parts = parts, known = known,
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

-- Applies "key=value"; gives the config itself; after an error it is as it was. Keys: a dotted path
-- ("train.lr", "model.dim", "model.embedding.plugin"), a path's last word where that is clear
-- ("lr", "dim", "train_images"), "embedding" and "word_dim", "fusion" (of every stage that fuses),
-- "stages", "image", "text" and "loss" (names with ',' between; what was there keeps its options;
-- "-NAME" takes one out),
-- "second" (none) and "second.image.file", ".width", "second.text.alone",
-- "pool" (of both sides; none: no pooling) and "pool.image", "pool.text", and an option of what the
-- model has: "STAGE.lambda", "STAGE.score", "STAGE.fusion", "STAGE.fusion.NAME", "embedding.NAME",
-- "image.BLOCK.NAME", "text.BLOCK.NAME", "pool.image.NAME", "loss.LOSS.NAME", "loss.LOSS.weight".
-- The second stage, block or loss of a plugin is PLUGIN_2.
function Config:override(assignment)
  local changed = json_text.copy(self.value)
  override.apply(changed, self.parts, assignment)
  define.set_used(changed.model, self.known)
  self.value = changed
  return self
end

-- Why the assignment changes nothing: it sets a key of train that options of losses are one with,
-- and no loss of this model has such an option; nil where it counts.
function Config:unheard(assignment)
  local name = assignment:match("^train%.([^.=]+)=") or assignment:match("^([^.=]+)=")
  local key = name and values.find_key("train", name)
  local losses = self.value.model.loss
  if not key or not key.of_loss or model.leader(self.parts, losses, name) then return nil end
  return string.format("%s would have no effect: no loss of this model has the option '%s'; the "
    .. "model has %s", assignment, name, table.concat(model.labels(losses), ", "))
end

-- Fails where a loss would take a sample's views for samples of their own.
local function check_views(self)
  local views, losses = self.value.train.views, self.value.model.loss
  for i, loss in ipairs(losses) do
    local label = model.labels(losses)[i]
    if not model.followers(self.parts("loss", loss.plugin)).views then
      if views > 1 then
        values.fail("train.views: expected 1, found %d: the loss %s would take each view for a "
          .. "sample of its own; losses with an option 'views', such as hinge, do not", views,
          label)
      end
    elseif loss.views and loss.views ~= views then
      values.fail("loss.%s.views: expected %d, the value of train.views, found %d", label, views,
        loss.views)
    end
  end
end

-- Fails with the first of them that is unheard, and where the losses do not fit train.views.
function Config:require_heard(assignments)
  check_views(self)
  for _, assignment in ipairs(assignments) do
    local problem = self:unheard(assignment)
    if problem then values.fail("%s", problem) end
  end
end

-- Sets data.tests, a list that is checked.
function Config:set_tests(list)
  local changed = json_text.copy(self.value)
  changed.data.tests = values.check_key(values.find_key("data", "tests"),
    core.json_decode(core.json_encode(list)))
  self.value = changed
end

-- Has the data of another config, and its seed.
function Config:take_data(other)
  local changed = json_text.copy(self.value)
  changed.data, changed.seed = json_text.copy(other.value.data), other.value.seed
  self.value = changed
end

-- ---- views --------------------------------------------------------------------------------------

-- For `local config <close> = ..`; nothing has to be released.
function Config.close() end
Config.__close = Config.close

-- Another config, which changes by itself.
function Config:copy()
  return setmetatable({ session = self.session, parts = self.parts, known = self.known,
    value = self.value }, Config)
end

-- The lists of a model that are what a model has that does not name them.
local function leave_out_presets(self, value)
  for _, name in ipairs { "image", "text", "loss" } do
    if model.is_preset(self.parts, name, value.model[name]) then
      value.model[name] = nil
      json_text.forget(value.model, name)
    end
  end
  return value
end

-- A plain table of it, of the caller's own: as it is written to files, without the lists of a model
-- that are the default.
function Config:table()
  return leave_out_presets(self, json_text.copy(self.value))
end

-- JSON with the keys in their order.
function Config:text(indent)
  return json_text.text(self:table(), indent or 0)
end

-- A plain table in which nothing is left out: every list of the model, what each stage's parameters
-- are named after as `prefix`, and every option of the losses.
function Config:whole()
  local result = json_text.copy(self.value)
  local of_model = result.model
  local labels = model.labels(of_model.stages)
  for i, stage in ipairs(of_model.stages) do
    json_text.add(stage, "prefix", 2)
    stage.prefix = labels[i]
  end
  check_views(self)
  of_model.loss = model.filled_losses(self.parts, of_model.loss, result.train)
  return result
end

-- JSON of whole() on one line: what C reads.
function Config:whole_text()
  return json_text.text(self:whole(), 0)
end

-- Without what belongs to one machine or one user (name, threads, paths, how often state is saved):
-- what decides a run's numbers.
function Config:portable()
  local result = self:table()
  for _, key in ipairs(keys) do
    if key.inert then
      local section = key.section == "" and result or result[key.section]
      section[key.name] = nil
      json_text.forget(section, key.name)
    end
  end
  return result
end

-- The same without where definitions stand in their file, which changes no number.
local function compared(config)
  local result = config:portable()
  define.forget_places(result.model.defined)
  return result
end

local function is_default(value, preset)
  if type(preset) == "table" then return type(value) == "table" and next(value) == nil end
  return value == preset
end

-- What is hashed: the same without what was added later and says nothing, so that the hashes of
-- runs that were made before these keys were there stay as they are.
function Config:hashed()
  local result = compared(self)
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

-- Adds the differences of two plain values to a list, as "train.lr is 0.001 there and 0.0002 here".
local function differ(list, there, here, path)
  if type(there) == "table" and type(here) == "table"
    and core.is_array(there) == core.is_array(here) then
    if core.is_array(there) then
      for i = 1, math.max(#there, #here) do
        differ(list, there[i], here[i], string.format("%s[%d]", path, i))
      end
      return list
    end
    local names = { "plugin" } -- options of two plugins are not comparable
    if there.plugin == here.plugin then
      local order = json_text.keys(there)
      names = table.move(order, 1, #order, 1, {})
      for _, name in ipairs(json_text.keys(here)) do
        if there[name] == nil then names[#names + 1] = name end
      end
    end
    for _, name in ipairs(names) do
      differ(list, there[name], here[name], path .. (path == "" and "" or ".") .. name)
    end
    return list
  end
  if there ~= here then
    list[#list + 1] = string.format("%s is %s there and %s here", path, values.found(there),
      values.found(here))
  end
  return list
end

-- The keys in which two configs decide other numbers, each with both values: a list of texts.
function Config:differences(other)
  return differ({}, compared(self), compared(other), "")
end

-- The first of them, or nil.
function Config:difference(other) return self:differences(other)[1] end

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

-- The kind of what stands under a key of the model.
local kind_of <const> = { embedding = "embedding", image = "block", text = "block",
  second = "block", pool = "pool", stages = "stage", loss = "loss" }

-- The plugins it uses, each once, also those that stand for what it does not name: a list of
-- session:origin. What the config defines itself is none.
function Config:origins()
  local list, listed, is_defined = {}, {}, {}
  for _, one in ipairs(self.value.model.defined or {}) do
    is_defined[one.kind .. " " .. one.name] = true
  end
  local function add(value, kind)
    if type(value) ~= "table" then return end
    local name = type(value.plugin) == "string" and value.plugin
    local origin = name and not is_defined[kind .. " " .. name] and self.session:origin(name, kind)
    if origin and not listed[origin.name] then
      list[#list + 1], listed[origin.name] = origin, true
    end
    if name then kind = "fusion" end -- the one part that is another part's option
    if core.is_array(value) then
      for _, item in ipairs(value) do add(item, kind) end
    else
      for _, key in ipairs(json_text.keys(value)) do add(value[key], kind) end
    end
  end
  for _, key in ipairs(json_text.keys(self.value.model)) do
    add(self.value.model[key], kind_of[key])
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
