-- define.lua: stages, fusions, blocks, poolings and losses that a script defines itself, with
-- functions in Lua.
--
-- A definition is plain data, with the text of its functions (function_text.lua). The config of a
-- model that uses it has it in `model.defined`, and so have the run's config.json and its
-- checkpoints: who has one of these needs nothing else.
local core = require "stepwise.core"
local function_text = require "stepwise.config.function_text"
local json_text = require "stepwise.config.json_text"
local script = require "stepwise.config.script"
local text = require "stepwise.util.text"
local values = require "stepwise.config.config_values"

local M = {}

local fail = values.fail

local MOST_DEFINITIONS <const> = 32
local MOST_PARAMETERS <const> = 64
local MOST_OPTIONS <const> = 62
local LONGEST_TEXT <const> = 100000

-- The functions of each kind; the first one is required.
local functions_of <const> = { stage = { "score", "prepare" }, fusion = { "fuse", "prepare" },
  block = { "encode" }, pool = { "pool" }, loss = { "loss" } }

-- ---- what is declared ------------------------------------------------------------------------

local function check_name(name, what)
  if type(name) ~= "string" or not name:find("^%l[%l%d_]*$") or #name > 48 then
    fail("%s: expected a name of lower-case letters, digits and '_', found %s", what,
      values.found(name))
  end
  return name
end

local function known_keys(given, names, what)
  for key in pairs(given) do
    if type(key) ~= "string" then fail("%s: expected names, found a list", what) end
  end
  values.known_keys(given, names, what)
end

-- What a number, a switch or a choice is declared with: its default, a list of words whose first is
-- the default, { fusion = NAME }, or { default, least =, most =, doc = }.
local function option(name, given, what)
  local where = string.format("%s: option '%s'", what, name)
  local more = {}
  if type(given) == "table" and given.fusion == nil and type(given[1]) ~= "string" then
    known_keys({ least = given.least, most = given.most, doc = given.doc },
      { "least", "most", "doc" }, where)
    more, given = given, given[1]
  end
  local kind, preset, choices = type(given), nil, nil
  if kind == "number" then
    preset = string.format("%.15g", given)
  elseif kind == "boolean" then
    kind, preset = "switch", tostring(given)
  elseif kind == "table" and type(given.fusion) == "string" then
    kind, preset = "fusion", given.fusion
  elseif kind == "table" and type(given[1]) == "string" then
    for _, word in ipairs(given) do
      if type(word) ~= "string" or not word:find("^[%w_%-+.]+$") then
        fail("%s: expected words to choose from, found %s", where, values.found(word))
      end
    end
    kind, preset, choices = "choice", given[1], table.concat(given, " ")
  else
    fail("%s: expected a number, true or false, a list of words or { fusion = NAME }, found %s",
      where, values.found(given))
  end
  local least, most = more.least, more.most
  if (least == nil) ~= (most == nil) then fail("%s: give both least and most", where) end
  return json_text.object("name", check_name(name, where), "kind", kind, "preset", preset,
    "choices", choices, "least", least, "most", most, "doc", more.doc or "")
end

local function options(given, what)
  local list = core.json_array {}
  if given ~= nil and type(given) ~= "table" then
    fail("%s: options: expected a table, found %s", what, values.found(given))
  end
  local names = text.sorted_keys(given or {})
  if #names > MOST_OPTIONS then
    fail("%s: expected at most %d options, found %d", what, MOST_OPTIONS, #names)
  end
  for i, name in ipairs(names) do
    list[i] = option(name, given[name], what)
  end
  return list
end

local inits <const> = { xavier = true, zero = true, uniform = true, constant = true }

-- A number, "D" or "2D", where `has_width` also "W" or "2W". what: "stage x: parameters[1]"
local function check_size(size, has_width, what)
  if not (math.type(size) == "integer" and size > 0
    or type(size) == "string" and size:find(has_width and "^%d*[DW]$" or "^%d*D$")) then
    fail("%s: expected sizes as 4, \"D\" or \"2D\"%s, found %s", what,
      has_width and ", or \"W\", the width of x" or "", values.found(size))
  end
  return size
end

-- { "NAME", ROWS, COLUMNS, init = }
local function parameter(given, index, has_width, what)
  if type(given) ~= "table" then
    fail("%s: parameters[%d]: expected { \"NAME\", SIZE, .. }, found %s", what, index,
      values.found(given))
  end
  local where = string.format("%s: parameters[%d]", what, index)
  local name, shape = given[1], core.json_array {}
  if type(name) ~= "string" or not name:find("^[%w_]+[%w_.]*$") or #name > 60 then
    fail("%s: expected a name first, found %s", where, values.found(name))
  end
  for i = 2, #given do
    shape[i - 1] = check_size(given[i], has_width, string.format("%s '%s'", where, name))
  end
  if #shape < 1 or #shape > 4 then
    fail("%s '%s': expected 1 to 4 sizes, found %d", where, name, #shape)
  end
  local init, bound = given.init == nil and "xavier" or given.init, given.bound
  if type(init) == "number" then init, bound = "constant", init end
  if not inits[init] then
    fail("%s '%s': init: expected xavier, zero, uniform or a number, found %s", where, name,
      values.found(init))
  end
  return json_text.object("name", name, "shape", shape, "init", init, "bound", bound or 0,
    "frozen", given.frozen == true)
end

local function parameters(given, has_width, what)
  local list, taken = core.json_array {}, {}
  if given ~= nil and type(given) ~= "table" then
    fail("%s: parameters: expected a list, found %s", what, values.found(given))
  end
  for i, one in ipairs(given or {}) do
    list[i] = parameter(one, i, has_width, what)
    if taken[list[i].name] then fail("%s: parameter '%s' appears twice", what, list[i].name) end
    taken[list[i].name] = true
  end
  if #list > MOST_PARAMETERS then
    fail("%s: expected at most %d parameters, found %d", what, MOST_PARAMETERS, #list)
  end
  return list
end

-- ---- those that are known --------------------------------------------------------------------

-- Lists of definitions by kind and name; a new one for each script that is run.
local Known = {}
Known.__index = Known

local function new_known()
  return setmetatable({ list = {} }, Known)
end

function Known:find(kind, name)
  for _, one in ipairs(self.list) do
    if one.kind == kind and one.name == name then return one end
  end
end

-- In the place of one of that name, where there is one.
function Known:add(definition)
  for i, one in ipairs(self.list) do
    if one.kind == definition.kind and one.name == definition.name then
      self.list[i] = definition
      return
    end
  end
  self.list[#self.list + 1] = definition
end

local current = new_known()

-- What a script that begins now defines is its own.
script.on_begin(function() current = new_known() end)

local function define(kind, t)
  local call = "define_" .. kind
  if type(t) ~= "table" then fail("%s: expected a table, found %s", call, values.found(t)) end
  local what = string.format("%s %s", kind, check_name(t.name, call .. ": name"))
  local names = functions_of[kind]
  local fields = { "name", "doc", "options", kind ~= "loss" and "parameters" or "name" }
  if kind == "stage" then fields[#fields + 1] = "pooled" end
  if kind == "block" then fields[#fields + 1] = "width" end
  local has_width = kind == "block" or kind == "pool"
  known_keys(t, table.move(names, 1, #names, #fields + 1, fields), what)
  if t.pooled ~= nil and type(t.pooled) ~= "boolean" then
    fail("%s: pooled: expected true or false, found %s", what, values.found(t.pooled))
  end
  for i, name in ipairs(names) do
    if type(t[name]) ~= "function" and (i == 1 or t[name] ~= nil) then
      fail("%s: %s: expected a function, found %s", what, name, values.found(t[name]))
    end
  end
  if t.doc ~= nil and type(t.doc) ~= "string" then fail("%s: doc: expected a text", what) end
  local path = debug.getinfo(t[names[1]], "S").source:match("^@(.*)$") or "?"
  local functions = core.json_array(function_text.list(t, names, what))
  for i, one in ipairs(functions) do
    functions[i] = json_text.ordered(one, { "name", "line", "text" })
  end
  local definition = json_text.object("kind", kind, "name", t.name, "doc", t.doc or "", "file",
    path:match("[^/]*$"), "options", options(t.options, what), "parameters",
    parameters(t.parameters, has_width, what), "functions", functions)
  if t.width ~= nil then
    json_text.set(definition, "width", check_size(t.width, true, what .. ": width"))
  end
  if t.pooled then json_text.set(definition, "pooled", true) end
  if script.is_running() and current:find(kind, t.name) then
    fail("%s is defined twice in this script", what)
  end
  current:add(definition)
  return t.name
end

-- define_stage { name =, options =, parameters =, pooled =, prepare =, score =, doc = }: an
-- alignment stage in Lua, which is used by its name like a plugin's. options = { NAME = default, ..
-- }: a number, true or false, a list of words to choose from, { fusion = NAME }, or { default,
-- least =, most =, doc = }. parameters = { { "NAME", SIZE, .. }, .. }: sizes are numbers, "D" (the
-- model's dim) or "2D"; init = "xavier" where none is given, "zero", "uniform" with bound =, or a
-- number; frozen = true. prepare(b, options) computes once per batch what the tiles need and
-- returns its inputs by name; pooled = true: it needs a model that pools, and b.image and b.text
-- are its vectors; score(t, options, prepared) gives the scores of a tile's 16 pairs, (1,1,16). The
-- verbs of b and t are in plugins/README.md. The functions see math, string, table and the numbers,
-- texts and functions of the script that they refer to, which are constant. Returns the name.
function M.stage(t) return define("stage", t) end

-- define_fusion { name =, options =, parameters =, prepare =, fuse =, doc = }: a fusion in Lua, as
-- define_stage; fuse(t, side, own, attended, options, prepared) gives the fused pair vectors.
function M.fusion(t) return define("fusion", t) end

-- define_block { name =, options =, parameters =, width =, encode =, doc = }: a block of an encoder
-- in Lua, as define_stage; encode(e, x, options) makes of the fragments x (N,W), a row for each,
-- their rows (N,width). width = a number, "D", "W" or a multiple as "2D"; as wide as x where none
-- is given. "W" is a size of parameters too.
function M.block(t) return define("block", t) end

-- define_pool { name =, options =, parameters =, pool =, doc = }: a pooling in Lua, as
-- define_stage; pool(e, x, options) makes of the fragments x (N,W) one row per image or caption,
-- (G,P) of any width P. "W", the width of x, is a size of parameters too.
function M.pool(t) return define("pool", t) end

-- define_loss { name =, options =, loss =, doc = }: a loss in Lua, as define_stage; loss(b,
-- options) gives one number, the sum over the batch, from b.scores (B,B), whose rows are the images
-- and whose columns the captions of its pairs.
function M.loss(t) return define("loss", t) end

-- ---- in configs ------------------------------------------------------------------------------

-- What session:part would say of a definition.
local function part_of(definition)
  local part = { name = definition.name, doc = definition.doc, options = {},
    pooled = definition.pooled }
  for i, given in ipairs(definition.options) do
    local copy = {}
    for key, value in pairs(given) do copy[key] = value end
    if copy.choices then
      local words = {}
      for word in copy.choices:gmatch("%S+") do words[#words + 1] = word end
      copy.choices = words
    end
    part.options[i] = copy
  end
  return part
end

-- What the script at hand has defined, as session:plugins() tells of a plugin.
function M.contents()
  local result = { stages = {}, fusions = {}, losses = {}, embeddings = {}, blocks = {},
    pools = {}, ops = {} }
  for _, one in ipairs(current.list) do
    local list = result[one.kind == "loss" and "losses" or one.kind .. "s"]
    list[#list + 1] = part_of(one)
  end
  return result
end

-- parts(kind, name) as config_model.lua takes it: what `known` has comes before what plugins bring.
function M.finder(session, known)
  return function(kind, name)
    local own = (known or current):find(kind, name)
    if own then return part_of(own) end
    local fine, part = pcall(session.part, session, kind, name)
    if fine then return part end
    local names = {}
    for _, one in ipairs((known or current).list) do
      if one.kind == kind then names[#names + 1] = one.name end
    end
    local near = type(name) == "string" and core.near_miss(name, names)
    if near then fail("no %s '%s'; did you mean '%s'?", kind, name, near) end
    error(part, 0)
  end
end

-- Fields and their types, lists by what they hold: what a config from outside has to be.
local shape_of <const> = {
  kind = "string", name = "string", doc = "string", file = "string", pooled = "boolean?",
  width = "number or string?",
  options = { name = "string", kind = "string", preset = "string", choices = "string?",
    least = "number?", most = "number?", doc = "string" },
  parameters = { name = "string", shape = "table", init = "string", bound = "number",
    frozen = "boolean" },
  functions = { name = "string", line = "number", text = "string" },
}

local function check_shape(given, shape, where)
  if type(given) ~= "table" or core.is_array(given) then
    fail("%s: expected a table, found %s", where, values.found(given))
  end
  values.known_keys(given, text.sorted_keys(shape), where)
  for key, kind in pairs(shape) do
    local value = given[key]
    if type(kind) == "table" then
      if type(value) ~= "table" or not core.is_array(value) or #value > MOST_PARAMETERS then
        fail("%s.%s: expected a list, found %s", where, key, values.found(value))
      end
      for i, item in ipairs(value) do
        check_shape(item, kind, string.format("%s.%s[%d]", where, key, i))
      end
    elseif not (kind:find("?", 1, true) and value == nil) and not kind:find(type(value), 1, true)
      or type(value) == "string" and #value > LONGEST_TEXT then
      fail("%s.%s: expected a %s, found %s", where, key, kind:gsub("%?", ""), values.found(value))
    end
  end
end

-- The known definitions of a config whose model has the list `given`, or nil.
function M.known(given)
  local known = new_known()
  for _, definition in ipairs(current.list) do known:add(definition) end
  if given == nil then return known end
  if type(given) ~= "table" or not core.is_array(given) or #given > MOST_DEFINITIONS then
    fail("model.defined: expected a list of at most %d definitions, found %s", MOST_DEFINITIONS,
      values.found(given))
  end
  for i, definition in ipairs(given) do
    check_shape(definition, shape_of, string.format("model.defined[%d]", i))
    if not functions_of[definition.kind] then
      fail("model.defined[%d]: no kind '%s'", i, definition.kind:sub(1, 80))
    end
    check_name(definition.name, string.format("model.defined[%d]", i))
    known:add(definition)
  end
  return known
end

-- Sets model.defined to the definitions that the model uses, in the order of their use; none: nil.
function M.set_used(model, known)
  local used, is_used = core.json_array {}, {}
  local function use(kind, name)
    local definition = known:find(kind, name)
    if definition and not is_used[definition] then
      is_used[definition] = true
      used[#used + 1] = definition
    end
  end
  for _, stage in ipairs(model.stages) do
    use("stage", stage.plugin)
    for _, key in ipairs(json_text.keys(stage)) do
      if type(stage[key]) == "table" then use("fusion", stage[key].plugin) end
    end
  end
  for _, loss in ipairs(model.loss or {}) do use("loss", loss.plugin) end
  for _, side in ipairs { "image", "text" } do
    local second = model.second and model.second[side]
    for _, block in ipairs(model[side] or {}) do use("block", block.plugin) end
    for _, block in ipairs(second and second.blocks or {}) do use("block", block.plugin) end
  end
  for _, side in ipairs(model.pool and { "image", "text" } or {}) do
    use("pool", model.pool[side] and model.pool[side].plugin)
  end
  if #used > 0 then
    json_text.set(model, "defined", used)
  elseif model.defined then
    model.defined = nil
    json_text.forget(model, "defined")
  end
end

-- Takes out of a list of definitions where they stood, which changes no number.
function M.forget_places(list)
  for _, definition in ipairs(list or {}) do
    definition.file = nil
    json_text.forget(definition, "file")
    for _, one in ipairs(definition.functions) do
      one.line = nil
      json_text.forget(one, "line")
    end
  end
end

return M
