-- json_text.lua: JSON whose keys keep an order that people read: that in which a config is written.
local core = require "stepwise.core"

local M = {}

local orders = setmetatable({}, { __mode = "k" })

-- `object` itself, whose keys text() and copy() keep in the order of the list `names`.
function M.ordered(object, names)
  orders[object] = names
  return object
end

-- The keys of an object: in their order, or sorted where it has none.
function M.keys(object)
  local order = orders[object]
  if order then return order end
  order = {}
  for name in pairs(object) do order[#order + 1] = name end
  table.sort(order)
  return order
end

-- Takes a key out of the order of `object`, which it has lost.
function M.forget(object, gone)
  local order = {}
  for _, name in ipairs(M.keys(object)) do
    if name ~= gone then order[#order + 1] = name end
  end
  orders[object] = order
end

-- Puts a key that `object` has got into its order, where it is not there yet: at place `at`, last
-- when none is given.
function M.add(object, new, at)
  local order = {}
  for i, name in ipairs(M.keys(object)) do
    if name == new then return end
    order[i] = name
  end
  table.insert(order, at or #order + 1, new)
  orders[object] = order
end

-- A deep copy; objects keep the order of their keys, and lists stay lists.
function M.copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  if core.is_array(value) then
    for i, item in ipairs(value) do result[i] = M.copy(item) end
    return core.json_array(result)
  end
  for name, item in pairs(value) do result[name] = M.copy(item) end
  orders[result] = orders[value]
  return result
end

-- An object of names and values in turn, whose keys keep that order; what is nil is left out.
function M.object(...)
  local result, names = {}, {}
  for i = 1, select("#", ...), 2 do
    local name, value = select(i, ...)
    if value ~= nil then
      result[name] = value
      names[#names + 1] = name
    end
  end
  return M.ordered(result, names)
end

-- Sets a key of `object`; a new one comes last.
function M.set(object, name, value)
  local order = M.keys(object)
  if object[name] == nil then
    order = { table.unpack(order) }
    order[#order + 1] = name
  end
  object[name] = value
  return M.ordered(object, order)
end

-- A plain value of JSON text, whose objects keep the order of their keys.
function M.decode(text)
  return core.json_decode_ordered(text, orders)
end

local function encode(value, indent, comma, colon, scalar)
  local function put(item, depth)
    if type(item) ~= "table" then return scalar(item) end
    local array, parts = core.is_array(item), {}
    if array then
      for i, element in ipairs(item) do parts[i] = put(element, depth + 1) end
    else
      for _, name in ipairs(M.keys(item)) do
        parts[#parts + 1] = core.json_encode(name) .. colon .. put(item[name], depth + 1)
      end
    end
    local open, close = array and "[" or "{", array and "]" or "}"
    if #parts == 0 then return open .. close end
    if indent == 0 then return open .. table.concat(parts, comma) .. close end
    local line = "\n" .. (" "):rep(indent * depth)
    local deeper = line .. (" "):rep(indent)
    return open .. deeper .. table.concat(parts, "," .. deeper)
      .. line .. close
  end
  return put(value, 0)
end

-- JSON text; indent: blanks per level, 0 for one line.
function M.text(value, indent)
  return encode(value, indent, ", ", ": ", core.json_encode)
end

-- JSON text on one line without blanks.
function M.line(value)
  return encode(value, 0, ",", ":", core.json_encode)
end

-- text(value, 0) whose numbers read back are the same to the bit.
function M.exact(value)
  return encode(value, 0, ", ", ": ", function(item)
    if math.type(item) ~= "float" then return core.json_encode(item) end
    local digits = string.format("%.17g", item)
    return digits:find("[.en]") and digits or digits .. ".0"
  end)
end

return M
