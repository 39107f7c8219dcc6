-- script.lua: runs an experiment script and gives what it returns.
--
-- A script sees Lua's plain functions and the descriptions of `require "stepwise"`, so that its
-- result depends on its text only: no clock, no random numbers, no globals of its own, no files but
-- other scripts. What it is given is its own copy, so it changes nothing for the program. Only text
-- is accepted. Every error of a script is misuse.
local core = require "stepwise.core"

local M = {}

local MISUSE <const> = 2
-- A script may take so many slices of so many instructions, and so much CPU time for each slice:
-- one call of a C function is one instruction, however long it takes.
local SLICE <const> = 100000
local MOST_SLICES <const> = 2000
local MOST_SECONDS <const> = 2
local DEEPEST <const> = 8

local function copy(module, without)
  local result = {}
  for name, value in pairs(module) do
    if not without[name] then result[name] = value end
  end
  return result
end

-- Refuses what `names` (sorted) does not have. what: "variable", ..
local function refuse_unknown(what, names)
  return function(_, name)
    name = tostring(name)
    core.fail(MISUSE, string.format("no %s '%s'%s", what, name, core.suggest(name, names)))
  end
end

local for_scripts = { "ablation", "block", "define_block", "define_fusion", "define_loss",
  "define_pool", "define_stage", "embedding", "experiment", "fusion", "load", "loss", "pool",
  "stage", "table", "version", "without" }

-- What require "stepwise" gives: made anew for each script.
local function module_for_script()
  local stepwise, module = require "stepwise", {}
  for _, name in ipairs(for_scripts) do module[name] = stepwise[name] end
  return setmetatable(module, {
    __index = refuse_unknown("function of stepwise for scripts", for_scripts),
  })
end

local visible = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, print = print,
  select = select, tonumber = tonumber, tostring = tostring, type = type,
}

-- A new one for each script, since scripts can write into its tables.
local function environment()
  local env = copy(visible, {})
  env.math = copy(math, { random = true, randomseed = true })
  env.string = copy(string, { dump = true })
  env.table = copy(table, {})
  env.utf8 = copy(utf8, {})
  local module
  function env.require(name)
    if name ~= "stepwise" then
      core.fail(MISUSE, string.format("a script can require \"stepwise\" only, not '%s'; "
        .. "another script is read with stepwise.load", tostring(name)))
    end
    module = module or module_for_script()
    return module
  end
  local names = {}
  for name in pairs(env) do names[#names + 1] = name end
  table.sort(names)
  return setmetatable(env, {
    __index = refuse_unknown("variable", names),
    __newindex = function(_, name)
      name = tostring(name)
      core.fail(MISUSE, string.format("'%s' is not a local variable; write 'local %s = ..'", name,
        name))
    end,
  })
end

local running = {} -- paths, the innermost last
local sources = {} -- path -> text of the scripts that were run

local begin = function() end

-- f is called when a script begins that no other one loads.
function M.on_begin(f) begin = f end

function M.is_running() return #running > 0 end

-- The text of the script at `path`, as it was run.
function M.source(path)
  return sources[path] or core.read_text(path)
end

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
local function beside_current(path)
  if path:sub(1, 1) == "/" then return path end
  return (current():match("^(.*/)[^/]*$") or "") .. path
end

local TOO_LONG <const> = "the script runs too long; it should only describe an experiment"

-- A hook for each slice of the script at `path`.
local function slices(path)
  local message, count = path .. ": " .. TOO_LONG, 0
  return function()
    if count >= MOST_SLICES then error(TOO_LONG, 2) end
    count = count + 1
    core.limit_time(MOST_SECONDS, message)
  end
end

local error_class = getmetatable(select(2, pcall(core.fail, MISUSE, "")))

-- Turns what a script raised, which may be any value, into a message; the program's own errors
-- stay.
local function message_of(problem)
  if type(problem) == "string" or getmetatable(problem) == error_class then return problem end
  local place = ""
  for level = 2, 200 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.source:sub(1, 1) == "@" then
      place = string.format("%s:%d: ", info.short_src, info.currentline)
      break
    end
  end
  return string.format("%serror(%s) in the script", place,
    type(problem) == "number" and tostring(problem) or "a " .. type(problem))
end

-- Calls `chunk`, the script at `path`, within the limits.
local function call_limited(chunk, path)
  running[#running + 1] = path
  local hook, mask, count = debug.gethook()
  if #running == 1 then
    begin()
    local begin_slice = slices(path)
    begin_slice()
    debug.sethook(begin_slice, "", SLICE)
  end
  local fine, result = xpcall(chunk, message_of)
  running[#running] = nil
  if #running == 0 then
    core.limit_time()
    debug.sethook(hook, mask, count)
  end
  return fine, result
end

-- `path`, or the installed experiment `name` where there is no such file.
local function or_installed(path, name)
  if core.file_kind(path) or name:sub(1, 1) == "/" then return path end
  local installed = core.data_folder() .. "/experiments/" .. name:gsub("^experiments/", "")
  return core.file_kind(installed) == "file" and installed or path
end

-- The script that a user means by `path`.
function M.find(path) return or_installed(path, path) end

-- The script that the running one means by `path`: beside it, or an installed one.
function M.find_beside(path) return or_installed(beside_current(path), path) end

-- What the script at `path` returns. Errors of the script name its line.
function M.run(path)
  local kind = core.file_kind(path)
  if kind ~= "file" then
    core.fail(kind and 2 or 1, string.format("%s: %s", path,
      kind and "expected a script, found a " .. kind or "no such script"))
  end
  local source = core.read_text(path)
  if source:sub(1, 1) == "\27" then
    core.fail(1, path .. ": compiled Lua is not accepted; give the script's text")
  end
  if source:sub(1, 1) == "#" then source = "--" .. source end
  sources[path] = source
  local chunk, reason = load(source, "@" .. path, "t", environment())
  if not chunk then core.fail(MISUSE, reason) end
  if #running >= DEEPEST then
    core.fail(1, path .. ": scripts load each other without end")
  end
  local fine, result = call_limited(chunk, path)
  if fine then return result end
  if getmetatable(result) == error_class then error(result, 0) end
  if not result:find(path, 1, true) then result = path .. ": " .. result end
  core.fail(MISUSE, result)
end

return M
