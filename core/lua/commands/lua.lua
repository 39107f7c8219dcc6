-- lua.lua: stepwise lua, and `stepwise` alone on a terminal: Lua with the modules at hand.
local core = require "stepwise.core"
local keys = require "stepwise.commands.keys"
local show = require "stepwise.util.show"
local text = require "stepwise.util.text"

local M = {
  name = "lua",
  summary = "Runs Lua with the module at hand: a file, a line of code, or what is typed.",
  usage = "[FILE.lua [ARGUMENT..]]",
  details = [[
sw is require "stepwise", T is require "stepwise.tensor". Without a file or -e, lines are read from
the terminal and the values they give are printed; Tab completes names, Ctrl-C ends what runs and
returns to the prompt, help "NAME" says what a key, a plugin, an operation or a command is. History
is kept in ~/.stepwise_history, where Readline or libedit is there.]],
  arguments = { 0, 1000 },
  options = {
    { "e", "CODE", "run this, and print what it gives", dashed = true },
  },
}

local INTERRUPTED <const> = 2 -- SIGINT
local SIGNALLED <const> = 128
local SLICE <const> = 1000

-- ---- help --------------------------------------------------------------------------------------

local function help_on_key(name, say)
  local found = false
  for _, section in ipairs(keys.sections()) do
    for _, row in ipairs(section.rows) do
      if row.key == name or row.key:match("^[^.]+") == name then
        found = true
        say(string.format("%s = %s  %s", row.key, row.preset, row.range or ""))
        say("    " .. row.doc)
      end
    end
  end
  return found
end

local kinds <const> = { stages = "stage", fusions = "fusion", embeddings = "embedding",
  blocks = "block", pools = "pooling", losses = "loss" }

local function help_on_plugin(session, name, say)
  local found, names = false, {}
  for _, plugin in ipairs(session:plugins()) do
    for _, kind in ipairs(text.sorted_keys(kinds)) do
      for _, part in ipairs(plugin[kind] or {}) do
        names[#names + 1] = part.name
        if part.name == name then
          found = true
          say(string.format("%s %s: %s (%s %s)", kinds[kind], name, part.doc or "", plugin.name,
            plugin.version or ""))
        end
      end
    end
  end
  for _, op in ipairs(session:ops()) do
    names[#names + 1] = op.name
    if op.name == name then
      found = true
      say(string.format("operation %s %s: %s", name, op.shapes, op.doc))
    end
  end
  return found, names
end

-- help(name): prints what that is.
local function help(name)
  local function say(line) text.say("%s", line) end
  if name == nil then
    say "sw: the module stepwise; T: tensors (T.of, T.linear, ..). Values of a line are printed."
    say 'help "NAME" says what a key, a plugin, an operation or a command is; "keys": all keys.'
    return
  end
  name = tostring(name)
  local session <close> = core.session { threads = 1 }
  local of_plugin, names = help_on_plugin(session, name, say)
  local of_key = help_on_key(name, say)
  if of_plugin or of_key then return end
  local fine, page = pcall(require("stepwise.commands.cli").help_on, name)
  if fine then
    io.write(page)
    return
  end
  for _, section in ipairs(keys.sections()) do
    for _, row in ipairs(section.rows) do names[#names + 1] = row.key end
  end
  local near = core.near_miss(name, names)
  core.fail(2, string.format("no key, plugin, operation or command '%s'%s", text.plain(name),
    near and "; did you mean '" .. near .. "'?" or ""))
end

-- ---- running -----------------------------------------------------------------------------------

local function environment()
  local env = setmetatable({}, { __index = _G })
  env.sw, env.T, env.help = require "stepwise", require "stepwise.tensor", help
  env._G = env
  return env
end

-- Calls f(..) so that a signal ends it with an error, at the next slice of instructions.
local function interruptible(f, ...)
  core.catch_interrupts()
  debug.sethook(function()
    if core.interrupted() then core.fail(1, "interrupted") end
  end, "", SLICE)
  local results = table.pack(pcall(f, ...))
  debug.sethook()
  return results
end

local function print_results(results)
  for i = 2, results.n do print(show.value(results[i])) end
end

local function complain(problem)
  io.stdout:flush()
  io.stderr:write("stepwise: ", text.plain(tostring(problem)), "\n")
end

-- The chunk of a line that may be an expression; nil and why; true: more lines are needed.
local function compile(code, env)
  local chunk = load("return " .. code, "=line", "t", env)
  if chunk then return chunk end
  local problem
  chunk, problem = load(code, "=line", "t", env)
  return chunk, problem, not chunk and problem:find("<eof>$") ~= nil
end

-- ---- completion --------------------------------------------------------------------------------

-- What `word`, as "sw.ses" or "model:sc", may become.
local function completions(env, word)
  local before, last = word:match("^(.*[.:])([%w_]*)$")
  local at, last_name = env, last or word
  if before then
    for name in before:gmatch("[%w_]+") do
      local fine, value = pcall(function() return at[name] end)
      if not fine then return {} end
      at = value
    end
  end
  local found, seen = {}, {}
  local function add(from)
    if type(from) ~= "table" then return end
    for name in next, from do
      if type(name) == "string" and not seen[name] and name:sub(1, #last_name) == last_name then
        seen[name] = true
        found[#found + 1] = (before or "") .. name
      end
    end
  end
  add(at)
  local meta = type(at) ~= "string" and debug.getmetatable(at)
  if meta then
    add(meta.__index)
    add(meta.methods)
  end
  if at == env then add(_G) end
  if at == env.T then
    local session <close> = core.session { threads = 1 }
    local names = {}
    for _, op in ipairs(session:ops()) do names[op.name] = true end
    add(names)
  end
  table.sort(found)
  return found
end
M.completions = completions

-- ---- the prompt --------------------------------------------------------------------------------

-- Lines until they are a whole chunk; nil at the end of the input, false after Ctrl-C.
local function read_chunk(env)
  local code
  while true do
    core.catch_interrupts()
    local line = core.read_line(code and ">> " or "> ", function(word)
      return completions(env, word)
    end)
    if core.interrupted() then return false end
    if not line then return nil end
    code = code and code .. "\n" .. line or line
    local chunk, problem, more = compile(code, env)
    if chunk or not more then
      core.remember(code)
      return chunk or function() error(problem, 0) end
    end
  end
end

local function prompt(env)
  local home = os.getenv "HOME"
  local path = home and home ~= "" and home .. "/.stepwise_history"
  if path then core.history(path, false) end
  text.say("stepwise %s; help \"NAME\" says what NAME is, Ctrl-D ends", core.version)
  local ended
  while not ended do
    local chunk = read_chunk(env)
    local signal = core.interrupted()
    if chunk == nil or signal and signal ~= INTERRUPTED then
      ended = true
    elseif chunk then
      local results = interruptible(chunk)
      signal = core.interrupted()
      if results[1] then
        local fine, problem = pcall(print_results, results)
        if not fine then complain(problem) end
      else
        complain(results[2])
      end
      ended = signal ~= nil and signal ~= INTERRUPTED
    else
      print()
    end
  end
  local signal = core.interrupted()
  if path then core.history(path, true) end
  core.release_interrupts()
  return signal and signal ~= INTERRUPTED and SIGNALLED + signal or 0
end

local function finish(results)
  local signal = core.interrupted()
  core.release_interrupts()
  if not results[1] then
    if signal then
      complain(results[2])
      return SIGNALLED + signal
    end
    error(results[2], 0)
  end
  print_results(results)
  return 0
end

function M.run(given, arguments)
  core.lift_memory_limit()
  local env = environment()
  if given.e then
    if arguments[1] then core.fail(2, "lua: give either a file or -e, not both") end
    local chunk, problem = compile(given.e, env)
    if not chunk then core.fail(2, problem) end
    return finish(interruptible(chunk))
  end
  local file = arguments[1]
  if not file then return prompt(env) end
  local chunk, problem = load(core.read_text(file), "@" .. file, "t", env)
  if not chunk then core.fail(2, problem) end
  env.arg = { [0] = file, table.unpack(arguments, 2) }
  return finish(interruptible(chunk, table.unpack(arguments, 2)))
end

return M
