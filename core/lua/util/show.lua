-- show.lua: a value as people read it: tables with their members, tensors with their shapes.
local text = require "stepwise.util.text"

local M = {}

local DEEPEST <const>, MOST <const>, WIDTH <const> = 4, 40, 100

local function plain(value)
  if type(value) == "string" then return '"' .. text.plain(value) .. '"' end
  if type(value) == "number" then return text.number(value) end
  return (tostring(value):gsub("^(%S+ %b())\n.*", "%1"))
end

local function is_list(value)
  local count = 0
  for _ in next, value do count = count + 1 end
  return count == #value
end

-- Numbers and positions first, then names in their order.
local function sorted(value)
  local names = {}
  for name in next, value do names[#names + 1] = name end
  table.sort(names, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return type(a) < type(b) or type(a) == type(b) and tostring(a) < tostring(b)
  end)
  return names
end

local function list(value, indent, depth, above)
  if type(value) ~= "table" or getmetatable(value) and getmetatable(value).__tostring then
    return plain(value)
  end
  if next(value) == nil then return "{}" end
  if above[value] or depth > DEEPEST then return "{..}" end
  above[value] = true
  local cells, listed = {}, is_list(value)
  for i, name in ipairs(sorted(value)) do
    if i > MOST then
      cells[i] = ".."
      break
    end
    local member = list(value[name], indent .. "  ", depth + 1, above)
    if listed then
      cells[i] = member
    elseif type(name) == "string" and name:find("^[%a_][%w_]*$") then
      cells[i] = name .. " = " .. member
    else
      cells[i] = "[" .. plain(name) .. "] = " .. member
    end
  end
  above[value] = nil
  local short = "{ " .. table.concat(cells, ", ") .. " }"
  if #short + #indent <= WIDTH and not short:find("\n") then return short end
  return "{\n" .. indent .. "  " .. table.concat(cells, ",\n" .. indent .. "  ") .. "\n" .. indent
    .. "}"
end

-- The value as text of one line or more; of large tables the first members.
function M.value(value)
  if type(value) == "string" then return text.plain(value) end
  if type(value) == "userdata" then return tostring(value) end
  return list(value, "", 1, {})
end

return M
