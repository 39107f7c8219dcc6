-- script.lua: runs an experiment script and gives what it returns.
--
-- A script sees Lua's plain functions and `require "stepwise"`, so that its result depends on its
-- text only: no clock, no random numbers, no globals of its own. Only text is accepted.
local core = require "stepwise.core"

local M = {}

local MISUSE <const> = 2
local MOST_INSTRUCTIONS <const> = 200000000
local DEEPEST <const> = 8

local function copy(module, without)
  local result = {}
  for name, value in pairs(module) do
    if not without[name] then result[name] = value end
  end
  return result
end

local function require_stepwise(name)
  if name ~= "stepwise" then
    core.fail(MISUSE, string.format("a script can require \"stepwise\" only, not '%s'; "
      .. "another script is read with stepwise.load", tostring(name)))
  end
  return require "stepwise"
end

local visible = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, print = print,
  require = require_stepwise, select = select, tonumber = tonumber, tostring = tostring,
  type = type,
}

-- A new one for each script, since scripts can write into its tables.
local function environment()
  local env = copy(visible, {})
  env.math = copy(math, { random = true, randomseed = true })
  env.string = copy(string, { dump = true })
  env.table = copy(table, {})
  env.utf8 = copy(utf8, {})
  local names = {}
  for name in pairs(env) do names[#names + 1] = name end
  table.sort(names)
  return setmetatable(env, {
    __index = function(_, name)
      core.fail(1, string.format("no variable '%s'%s", name, core.suggest(name, names)))
    end,
    __newindex = function(_, name)
      core.fail(1, string.format("'%s' is no local variable; write 'local %s = ..'", name, name))
    end,
  })
end

local running = {} -- paths, the innermost last

-- The script that runs now: one of ours, or one that a stock Lua was started with.
local function current()
  if #running > 0 then return running[#running] end
  for level = 2, 200 do
    local info = debug.getinfo(level, "S")
    if not info then break end
    local path = info.source:match("^@(.*)$")
    if path then return path end
  end
  return ""
end

-- A path of which a script speaks is looked for beside it.
function M.beside_current(path)
  if path:sub(1, 1) == "/" then return path end
  return (current():match("^(.*/)[^/]*$") or "") .. path
end

local function too_long()
  error("the script runs too long; it should only describe an experiment", 2)
end

-- `path`, or the installed experiment of that name where there is no such file.
function M.find(path)
  if core.file_kind(path) or path:sub(1, 1) == "/" then return path end
  local installed = core.data_folder() .. "/experiments/" .. path:gsub("^experiments/", "")
  return core.file_kind(installed) == "file" and installed or path
end

-- What the script at `path` returns. Errors of the script name its line.
function M.run(path)
  local kind = core.file_kind(path)
  if kind ~= "file" then
    core.fail(kind and 2 or 1, string.format("%s: %s", path,
      kind and "expected a script, found a " .. kind or "no such script"))
  end
  local source = core.read_file(path)
  if source:sub(1, 1) == "\27" then
    core.fail(1, path .. ": compiled Lua is not accepted; give the script's text")
  end
  if source:sub(1, 1) == "#" then source = "--" .. source end
  local chunk, reason = load(source, "@" .. path, "t", environment())
  if not chunk then core.fail(1, reason) end
  if #running >= DEEPEST then
    core.fail(1, path .. ": scripts load each other without end")
  end
  running[#running + 1] = path
  local hook, mask, count = debug.gethook()
  if #running == 1 then debug.sethook(too_long, "", MOST_INSTRUCTIONS) end
  local fine, result = pcall(chunk)
  running[#running] = nil
  if #running == 0 then debug.sethook(hook, mask, count) end
  if not fine then error(result, 0) end
  return result
end

return M
