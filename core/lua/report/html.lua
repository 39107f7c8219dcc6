-- html.lua: elements of a page. A string is text and is escaped; only what these functions made, or
-- raw() was given, is markup.
local text = require "stepwise.util.text"

local M = {}

local Node = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

-- Text that is no markup, neither between tags nor in a quoted attribute; its lines stay lines.
function M.escape(s)
  s = tostring(s):gsub("[^\n\t]+", text.plain)
  return (s:gsub("[&<>\"']", entities))
end

-- Markup that this program made itself.
function M.raw(markup)
  return setmetatable({ markup = markup }, Node)
end

local function add(parts, child)
  if child == nil or child == false then return end
  if getmetatable(child) == Node then
    parts[#parts + 1] = child.markup
  elseif type(child) == "table" then
    for i = 1, #child do add(parts, child[i]) end
  else
    parts[#parts + 1] = M.escape(child)
  end
end

local void = { img = true, meta = true, br = true }

-- element("p", {class = "note"}, child ..): a child is a string, a number, an element, or a list of
-- these. Attributes come in the order of their names; false and nil leave one out.
function M.element(name, attributes, ...)
  local names, parts = {}, {}
  for key, value in pairs(attributes or {}) do
    if value then names[#names + 1] = key end
  end
  table.sort(names)
  parts[1] = "<" .. name
  for _, key in ipairs(names) do
    parts[#parts + 1] = string.format(' %s="%s"', key, M.escape(attributes[key]))
  end
  parts[#parts + 1] = ">"
  if not void[name] then
    for i = 1, select("#", ...) do add(parts, (select(i, ...))) end
    parts[#parts + 1] = "</" .. name .. ">"
  end
  return M.raw(table.concat(parts))
end

-- The markup of an element, or of a list.
function M.markup(...)
  local parts = {}
  for i = 1, select("#", ...) do add(parts, (select(i, ...))) end
  return table.concat(parts)
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

function M.base64(bytes)
  local digits = {}
  for i = 1, 64 do digits[i - 1] = alphabet:sub(i, i) end
  local parts = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    parts[#parts + 1] = digits[n >> 18] .. digits[n >> 12 & 63]
      .. (b and digits[n >> 6 & 63] or "=") .. (c and digits[n & 63] or "=")
  end
  return table.concat(parts)
end

return M
