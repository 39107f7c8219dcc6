-- function_text.lua: the text of a Lua function, which other states compile: cut out of its file,
-- with the values of the constants and the functions that it refers to.
--
-- What a function refers to becomes constant: it cannot keep anything from one call to the next.
local core = require "stepwise.core"
local script = require "stepwise.config.script"

local M = {}

local MISUSE <const> = 2

local function fail(format, ...)
  core.fail(MISUSE, string.format(format, ...))
end

-- ---- where it stands -------------------------------------------------------------------------

-- The lines of a script from `first` to `last`, as one text.
local function lines_of(path, first, last)
  local result, number = {}, 0
  for line in (script.source(path) .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    if number > last then break end
    if number >= first then result[#result + 1] = line end
  end
  return table.concat(result, "\n")
end

-- Places of a word in `text` from `init` to `last`.
local function places(text, word, init, last)
  return function()
    local from, to = text:find("%f[%w_]" .. word .. "%f[^%w_]", init)
    if not from or from > last then return nil end
    init = to + 1
    return from, to
  end
end

local function names_of_upvalues(f)
  local names = {}
  for i = 1, 255 do
    local name = debug.getupvalue(f, i)
    if not name then break end
    names[i] = name
  end
  return names
end

local function literal(value)
  if value == math.huge then return "1e999" end
  return (string.format("%q", value):gsub("\\\n", "\\n"))
end

-- The literal of `name` in a declaration `local A <const>, B <const> = 4, "x"`, which begins
-- `text`, behind the declarations `before`; nil where it is none of the compiler's constants.
local function declared(text, name, before)
  local to = 0
  for _ = 1, 5 do -- lines
    to = text:find("\n", to + 1, true) or #text + 1
    local chunk = load(before .. text:sub(1, to - 1) .. "\nreturn " .. name, "=", "t", {})
    local fine, value = pcall(chunk or error)
    local kind = type(value)
    if fine and (kind == "number" or kind == "string" or kind == "boolean") then
      return literal(value)
    end
    if chunk or to > #text then return nil end
  end
end

-- The constants that lines before `line` declare: a list of names, and for each its literals.
local function constants_before(path, line)
  local source, names, literals, before = lines_of(path, 1, line), {}, {}, ""
  for from, list in source:gmatch("()%f[%w_]local%f[%s]([^=\n]*<%s*const%s*>[^=\n]*)") do
    local is_comment = source:sub(1, from):match("[^\n]*$"):find("--", 1, true)
    for name in list:gmatch("([%a_][%w_]*)%s*<%s*const%s*>") do
      local value = not is_comment and declared(source:sub(from), name, before)
      if value then
        if not literals[name] then names[#names + 1], literals[name] = name, {} end
        if literals[name][1] ~= value then table.insert(literals[name], value) end
        before = before .. string.format("local %s <const> = %s; ", name, value)
      end
    end
  end
  return names, literals
end

-- `local A <const> = 4; ..` for the constants in `text` that the compiler has put the values of in
-- their places, so that they are no variables of the function. head: as in is_text_of
local function constants(text, head, path, line, what)
  local names, literals = constants_before(path, line)
  local mentioned, result = {}, {}
  for _, name in ipairs(names) do
    if text:find("%f[%w_]" .. name .. "%f[^%w_]") then mentioned[#mentioned + 1] = name end
  end
  if #mentioned == 0 then return "" end
  local chunk = load("local " .. table.concat(mentioned, ", ") .. "; " .. head .. "return " .. text,
    "=", "t", {})
  local found = chunk and select(2, pcall(chunk))
  for _, name in ipairs(type(found) == "function" and names_of_upvalues(found) or {}) do
    if literals[name] and not head:find("%f[%w_]" .. name .. "%f[^%w_]") then
      if #literals[name] > 1 then
        fail("%s: '%s' is declared with two values before line %d; rename one", what, name, line)
      end
      result[#result + 1] = string.format("local %s <const> = %s; ", name, literals[name][1])
    end
  end
  return table.concat(result)
end

-- "function(x) .. end" for what may have a name: "function M.f(x) .. end".
local function anonymous(text)
  return (text:gsub("^function%s+[%w_.]+%s*%(", "function(", 1))
end

-- Whether `text` is the function f: compiles, with the same parameters and the same names outside.
local function is_text_of(text, f, head)
  local chunk = load(head .. "return " .. text, "=", "t", {})
  local found = chunk and select(2, pcall(chunk))
  if type(found) ~= "function" then return false end
  local here, there = debug.getinfo(found, "u"), debug.getinfo(f, "u")
  return here.nparams == there.nparams and here.isvararg == there.isvararg
    and table.concat(names_of_upvalues(found), " ") == table.concat(names_of_upvalues(f), " ")
end

-- The text of f, and what declares the compiler's constants in it.
local function cut(f, what, info, path)
  local text = lines_of(path, info.linedefined, info.lastlinedefined)
  local first_end = #(text:match("^[^\n]*"))
  local last_begin = #text - #(text:match("[^\n]*$")) + 1
  local locals = {}
  for _, name in ipairs(names_of_upvalues(f)) do
    if name ~= "_ENV" then locals[#locals + 1] = name end
  end
  local head = #locals > 0 and "local " .. table.concat(locals, ", ") .. "; " or ""
  local found, found_constants
  for from in places(text, "function", 1, first_end) do
    for _, to in places(text, "end", math.max(from, last_begin), #text) do
      local candidate = anonymous(text:sub(from, to))
      local declares = constants(candidate, head, path, info.linedefined, what)
      if is_text_of(candidate, f, head .. declares) then
        if found then
          fail("%s, %s:%d: expected it on lines of its own, without another function", what, path,
            info.linedefined)
        end
        found, found_constants = candidate, declares
        break
      end
    end
  end
  if not found then
    fail("%s, %s:%d: its text was not found in the file", what, path, info.linedefined)
  end
  return found, found_constants
end

-- ---- what it refers to -----------------------------------------------------------------------

local libraries <const> = { "math", "string", "table" }
local plain <const> = { "assert", "error", "ipairs", "select", "type", "tonumber", "tostring" }

-- The name of a function of Lua's own, as "math.exp", or nil.
local function library_name(value)
  for _, name in ipairs(plain) do
    if _G[name] == value then return name end
  end
  for _, library in ipairs(libraries) do
    for name, member in pairs(_G[library]) do
      if member == value then return library .. "." .. name end
    end
  end
end

-- Appends f and before it the functions that it refers to to `list`; its place there. path: of the
-- script; every function has to be written in it.
local function append(list, f, name, what, within)
  for i, one in ipairs(list) do
    if one.value == f then return i end
  end
  if within[f] then fail("%s: a function that calls itself is not supported", what) end
  within[f] = true
  local info = debug.getinfo(f, "S")
  local path = info.source:match("^@(.*)$")
  if not path then fail("%s: expected a function that is written in a script", what) end
  local text, declares = cut(f, what, info, path)
  local heads, taken = { declares }, {}
  for i, upvalue in ipairs(names_of_upvalues(f)) do
    local _, value = debug.getupvalue(f, i)
    local kind, label = type(value), string.format("%s: '%s'", what, upvalue)
    if upvalue == "_ENV" then goto next_upvalue end
    if taken[upvalue] then fail("%s stands for two variables", label) end
    taken[upvalue] = true
    if kind == "function" then
      local own = library_name(value)
      value = own or string.format("(...)[%d]",
        append(list, value, "helper " .. upvalue, label, within))
    elseif kind == "number" or kind == "string" or kind == "boolean" or value == nil then
      value = literal(value)
    else
      fail("%s is a %s outside of the function; expected numbers, texts and functions (what a "
        .. "call makes, prepare returns)", label, kind)
    end
    heads[#heads + 1] = string.format("local %s <const> = %s; ", upvalue, value)
    ::next_upvalue::
  end
  within[f] = nil
  local entry = { name = name, line = info.linedefined, text = table.concat(heads) .. "return "
    .. text, value = f }
  -- what it assigns to outside of itself is constant now, and that is told with its line
  local fine, reason = load(("\n"):rep(entry.line - 1) .. entry.text, "@" .. path, "t", {})
  if not fine then core.fail(MISUSE, reason) end
  list[#list + 1] = entry
  return #list
end

-- The functions of a table by name, and all that they refer to: a list of {name, line, text}, where
-- text is a chunk that gives the function; its argument is the list of the functions before it.
function M.list(functions, names, what)
  local list = {}
  for _, name in ipairs(names) do
    if functions[name] then append(list, functions[name], name, what .. ": " .. name, {}) end
  end
  for i, entry in ipairs(list) do
    list[i] = { name = entry.name, line = entry.line, text = entry.text }
  end
  return list
end

return M
