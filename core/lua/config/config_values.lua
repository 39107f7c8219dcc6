-- config_values.lua: one value of a config, checked against what its key takes.
--
-- A declaration is what config_keys.lua and the plugins' options share: kind, least, most,
-- above_least, choices. Errors are misuse; they begin with the key's dotted path and say what was
-- expected and what was found.
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"
local keys = require "stepwise.config.config_keys"

local M = {}

local MISUSE <const> = 2
local MOST_WHOLE <const> = (1 << 53) - 1 -- beyond it a double does not tell whole numbers apart

function M.fail(format, ...)
  core.fail(MISUSE, string.format(format, ...))
end

-- A string for a message: not longer than people read, and no control characters.
local function quoted(value)
  return "'" .. value:sub(1, 80) .. "'"
end

-- A value in short, for "found ..".
function M.found(value)
  if value == nil then return "nothing" end
  if type(value) == "table" then return core.is_array(value) and "a list" or "a table" end
  if type(value) == "string" then return quoted(value) end
  if math.type(value) == "integer" then return tostring(value) end
  if type(value) == "number" then return string.format("%.15g", value) end
  return value == core.json_null and "null" or tostring(value)
end

local function refuse(value, where, expected)
  M.fail("%s: expected %s, found %s", where, expected, M.found(value))
end

local function range_text(what, declared)
  local least, most = declared.least, declared.most
  if not least then return what end
  local low = string.format("%.16g", least)
  if most == math.huge or most >= 1.7e308 then
    return string.format("%s %s %s", what, declared.above_least and "above" or "of at least", low)
  end
  return string.format("%s %s %s %s %.16g", what, declared.above_least and "above" or "from", low,
    declared.above_least and "and at most" or "to", most)
end

local function outside(x, declared)
  local least = declared.least
  return least and (x < least or x > declared.most or declared.above_least and x == least)
end

local checks = {}

-- The number that its 15 significant digits say, so that printing and reading keep it.
function checks.number(value, declared, where)
  if type(value) ~= "number" or value ~= value or math.abs(value) == math.huge
    or outside(value, declared) then
    refuse(value, where, range_text("a number", declared))
  end
  return tonumber(string.format("%.15g", value)) + 0.0
end

function checks.integer(value, declared, where)
  local whole = type(value) == "number" and math.tointeger(value)
  if not whole or math.abs(whole) > MOST_WHOLE or outside(whole, declared) then
    refuse(value, where, range_text("a whole number", declared))
  end
  return whole
end

function checks.switch(value, _, where)
  if type(value) ~= "boolean" then refuse(value, where, "true or false") end
  return value
end

function checks.choice(value, declared, where)
  for _, word in ipairs(declared.choices) do
    if word == value then return value end
  end
  local expected = "one of " .. table.concat(declared.choices, ", ")
  local near = type(value) == "string" and core.near_miss(value, declared.choices)
  if not near then refuse(value, where, expected) end
  M.fail("%s: expected %s, found %s; did you mean '%s'?", where, expected, quoted(value), near)
end

function checks.text(value, _, where)
  if type(value) ~= "string" then refuse(value, where, "a text") end
  if value:find("\0", 1, true) then M.fail("%s: expected a text without a NUL in it", where) end
  if not utf8.len(value) then M.fail("%s: the value is not UTF-8", where) end
  return value
end

-- Test sets: a list of { name =, split =, images =, folds = }; what is not given is left out.
local MOST_SETS <const>, LONGEST_NAME <const> = 64, 60
local SET_KEYS <const> = { "name", "split", "images", "folds" }
local IMAGES <const> = { kind = "integer", least = 0, most = 2000000000 }
local FOLDS <const> = { kind = "integer", least = 1, most = 1000000 }

-- A name as it stands in names of files: a-z, 0-9, '-'.
function M.file_name(name)
  return (name:lower():gsub("[^%l%d]+", "-"):gsub("^%-", ""):gsub("%-$", ""))
end

local function check_set_name(name, where)
  if type(name) ~= "string" or name == "" or #name > LONGEST_NAME then
    M.fail("%s.name: expected a name of 1 to %d bytes, found %s", where, LONGEST_NAME,
      M.found(name))
  elseif name:find("%c") then
    M.fail("%s.name: expected a name of one line", where)
  end
  local file = M.file_name(name)
  if file == "" or file == "dev" then
    M.fail("%s.name: %s cannot name a file; expected one as 'COCO 1K'", where, quoted(name))
  end
  return checks.text(name, nil, where .. ".name"), file
end

local function check_set(set, where)
  if type(set) ~= "table" or core.is_array(set) then
    M.fail("%s: expected a table with a name, found %s", where, M.found(set))
  end
  M.known_keys(set, SET_KEYS, where)
  local name, file = check_set_name(set.name, where)
  local result, order = { name = name }, { "name" }
  local function add(key, value)
    result[key] = value
    order[#order + 1] = key
  end
  if set.split ~= nil then
    local split = checks.text(set.split, nil, where .. ".split")
    if split == "" or split:find("/", 1, true) then
      M.fail("%s.split: expected the name of a split, as 'testall', found '%s'", where,
        split:sub(1, 80))
    end
    add("split", split)
  end
  if set.images ~= nil then
    add("images", checks.integer(set.images, IMAGES, where .. ".images"))
  end
  if set.folds ~= nil then add("folds", checks.integer(set.folds, FOLDS, where .. ".folds")) end
  return json_text.ordered(result, order), file
end

function checks.tests(value, _, where)
  local list = type(value) == "table" and (core.is_array(value) or next(value) == nil)
  if not list or #value > MOST_SETS then
    M.fail("%s: expected a list of at most %d test sets, as {{name = 'COCO 1K', split = "
      .. "'testall', folds = 5}}", where, MOST_SETS)
  end
  local result, files = core.json_array {}, {}
  for i, set in ipairs(value) do
    local at = string.format("%s[%d]", where, i)
    local file
    result[i], file = check_set(set, at)
    if files[file] then
      M.fail("%s.name: two test sets would have the same file ranks-%s.npy", at, file)
    end
    files[file] = true
  end
  return result
end

-- The value in canonical form, or an error.
function M.check(value, declared, where)
  return checks[declared.kind](value, declared, where)
end

local yes <const> = { ["true"] = true, yes = true, on = true, ["1"] = true }
local no <const> = { ["false"] = true, no = true, off = true, ["0"] = true }

-- What was typed, as a value of a kind; text that does not fit the kind stays a string, for the
-- check to refuse.
function M.typed(kind, typed)
  if kind == "switch" then
    if yes[typed] then return true end
    if no[typed] then return false end
  elseif kind == "number" or kind == "integer" then
    -- Hexadecimal, "inf" and leading blanks are nothing that anybody means here.
    local number = typed:find("^[+%-.0-9eE]+$") and tonumber(typed)
    if number and number == number and math.abs(number) ~= math.huge then return number end
  end
  return typed
end

-- A key of config_keys.lua by its section (nil: any) and name; nil where there is none.
function M.find_key(section, name)
  for _, key in ipairs(keys) do
    if key.name == name and (not section or key.section == section) then return key end
  end
end

-- "train.lr"
function M.path_of(key)
  return (key.section == "" and "" or key.section .. ".") .. key.name
end

-- The value of a key of config_keys.lua in canonical form. A split names files in the data folder
-- and nothing outside it.
function M.check_key(key, value)
  local checked = M.check(value, key, M.path_of(key))
  if key.section == "data" and key.name:find("_split$")
    and (checked:find("/", 1, true) or key.name == "train_split" and checked == "") then
    M.fail("data.%s: expected the name of a split, as 'train', found '%s'", key.name,
      checked:sub(1, 80))
  end
  return checked
end

-- Every key of `given` must be one of the list `names`.
function M.known_keys(given, names, where)
  local known = {}
  for _, name in ipairs(names) do known[name] = true end
  for name in pairs(given) do
    if not known[name] then
      local shown = tostring(name):sub(1, 80)
      M.fail("no option '%s' in %s%s", shown, where, core.suggest(shown, names))
    end
  end
end

return M
