-- config_values.lua: one value of a config, checked against what its key takes.
--
-- A declaration is what config_keys.lua and the plugins' options share: kind, least, most, above,
-- choices. Errors are misuse; they begin with the key's dotted path and say what was expected and
-- what was found.
local core = require "stepwise.core"

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
    return string.format("%s %s %s", what, declared.above and "above" or "of at least", low)
  end
  return string.format("%s %s %s %s %.16g", what, declared.above and "above" or "from", low,
    declared.above and "and at most" or "to", most)
end

local function outside(x, declared)
  local least = declared.least
  return least and (x < least or x > declared.most or declared.above and x == least)
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
