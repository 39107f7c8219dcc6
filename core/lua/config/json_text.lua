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

-- JSON text; indent: blanks per level, 0 for one line.
function M.text(value, indent)
  local function put(item, depth)
    if type(item) ~= "table" then return core.json_encode(item) end
    local array, parts = core.is_array(item), {}
    if array then
      for i, element in ipairs(item) do parts[i] = put(element, depth + 1) end
    else
      for _, name in ipairs(M.keys(item)) do
        parts[#parts + 1] = core.json_encode(name) .. ": " .. put(item[name], depth + 1)
      end
    end
    local open, close = array and "[" or "{", array and "]" or "}"
    if #parts == 0 then return open .. close end
    if indent == 0 then return open .. table.concat(parts, ", ") .. close end
    local line = "\n" .. (" "):rep(indent * depth)
    local deeper = line .. (" "):rep(indent)
    return open .. deeper .. table.concat(parts, "," .. deeper)
      .. line .. close
  end
  return put(value, 0)
end

return M
