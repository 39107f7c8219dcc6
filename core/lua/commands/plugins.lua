-- plugins.lua: stepwise plugins
local check = require "stepwise.commands.check"
local core = require "stepwise.core"
local define = require "stepwise.config.define"
local keys = require "stepwise.commands.keys"
local script = require "stepwise.config.script"
local text = require "stepwise.util.text"

local M = {
  name = "plugins",
  summary = "Lists the plugins with their options, or checks one plugin file or script.",
  usage = "",
  details = [[
Plugins are looked for in the files of --plugin, in the folders of STEPWISE_PLUGIN_PATH (with ':'
between) and beside the program, in this order. Of those that bring the same name the first is used
and the others are hidden.
--check loads the file in a process of its own, lists what it brings, holds the gradient of each of
its operations against finite differences, and trains a small model with each of its parts for a few
steps. Loading a plugin runs its code. Of a script, FILE.lua, it does the same with what the
script defines.]],
  arguments = { 0, 0 },
  options = {
    { "check", "FILE", "check this FILE.so or FILE.lua" },
    { "here", "DIR", "check in this process, for a debugger; DIR takes its small runs" },
    { "ops", nil, "list every operation with its shapes instead" },
    { "json", nil, "print JSON" },
  },
}

local WIDTH <const> = 100

-- What a plugin may bring: its name, and the list of session:plugins() that has it.
local kinds <const> = { { "block", "blocks" }, { "pool", "pools" }, { "stage", "stages" },
  { "embedding", "embeddings" }, { "fusion", "fusions" }, { "loss", "losses" } }

-- ---- listing ---------------------------------------------------------------------------------

-- Lines behind the first one are indented by four more blanks than `margin`.
local function print_wrapped(line, margin)
  for i, part in ipairs(text.wrap(line, WIDTH - #margin - 4)) do
    text.say("%s%s%s", margin, i > 1 and "    " or "", part)
  end
end

local function list_parts(kind, parts)
  for _, part in ipairs(parts) do
    print_wrapped(string.format("%s %s: %s", kind, part.name, part.doc or ""), "  ")
    local rows = {}
    for i, option in ipairs(part.options) do
      rows[i] = { "   ", option.name, option.kind, "= " .. (option.preset or ""),
        keys.columns(keys.range(option), option.doc or "") }
    end
    for _, line in ipairs(text.wrapped_columns(rows, WIDTH)) do print(line) end
  end
end

local function list_contents(plugin)
  for _, kind in ipairs(kinds) do list_parts(kind[1], plugin[kind[2]]) end
end

local function list_plugin(plugin)
  if plugin.reason then
    text.say("%s: %s: %s", plugin.file, plugin.hidden and "hidden" or "refused", plugin.reason)
    return
  end
  text.say("%s %s (%s): %s", plugin.name, plugin.version, plugin.license, plugin.doc)
  text.say("  %s", plugin.file)
  list_contents(plugin)
  for _, op in ipairs(plugin.ops) do
    print_wrapped(string.format("operation %s %s: %s", op.name, op.shapes, op.doc), "  ")
  end
end

local function mark_arrays(plugin)
  if plugin.ops then core.json_array(plugin.ops) end
  for _, kind in ipairs(kinds) do
    if plugin[kind[2]] then core.json_array(plugin[kind[2]]) end
    for _, part in ipairs(plugin[kind[2]] or {}) do core.json_array(part.options) end
  end
end

local function list(given)
  local session <close> = core.session { threads = 1 }
  local plugins, refused = session:plugins(), 0
  for i, plugin in ipairs(plugins) do
    if plugin.reason and not plugin.hidden then refused = refused + 1 end
    if given.json then
      mark_arrays(plugin)
    else
      if i > 1 then print() end
      list_plugin(plugin)
    end
  end
  if given.json then
    print(core.json_encode(core.json_array(plugins), 1))
  elseif #plugins == 0 then
    core.fail(1, "no plugins in " .. core.plugin_path())
  end
  return refused == 0 and 0 or 1
end

-- Every operation: what takes part in a plugin's `apply`.
local function list_operations(given)
  local session <close> = core.session { threads = 1 }
  local ops = session:ops()
  if given.json then
    print(core.json_encode(core.json_array(ops), 1))
    return 0
  end
  for _, op in ipairs(ops) do
    local least, most = op.least_inputs, op.most_inputs
    local inputs = least == most and text.plural(least, "input")
      or string.format("%d to %d inputs", least, most)
    print_wrapped(string.format("%s: %s", op.name, inputs), "")
    print_wrapped(op.shapes, "    ")
    print_wrapped(op.doc, "    ")
  end
  return 0
end

-- ---- checking --------------------------------------------------------------------------------

local CHECK_SECONDS <const> = 300
-- The file that tells the end of the check: the plugin may end its process with any status.
local PASSED <const> = "passed"

local function say(line)
  text.say("  %s", line)
end

local function check_plugin(file, folder)
  -- first nothing else is loaded, so that a file which brings names of ours can be checked too
  local alone <close> = core.session { threads = 1, plugin_path = "" }
  local plugin = alone:add_plugin(file)
  list_plugin(plugin)
  local wrong = check.gradients(alone, plugin, say)

  local together <close> = core.session { threads = 1, plugin_path = core.absolute_path(file) }
  return wrong + check.parts(together, plugin, folder, say)
end

local function check_script(file, folder)
  script.run(file)
  local defined, count = define.contents(), 0
  for _, kind in ipairs(kinds) do count = count + #defined[kind[2]] end
  if count == 0 then core.fail(1, file .. ": it defines nothing, as define_stage would") end
  text.say("%s", file)
  list_contents(defined)
  local session <close> = core.session { threads = 1 }
  return check.parts(session, defined, folder, say)
end

local function check_here(file, folder)
  local wrong = (file:find("%.lua$") and check_script or check_plugin)(file, folder)
  if wrong > 0 then core.fail(1, string.format("%s: %s", file, text.plural(wrong, "fault"))) end
  text.say("%s: fine", file)
  core.write_file(folder .. "/" .. PASSED, "")
  return 0
end

local function check_apart(file)
  if core.file_kind(file) ~= "file" then core.fail(1, file .. ": no such plugin file") end
  local folder <close> = core.temporary_folder() -- of this process: the other one may crash
  io.stdout:flush()
  local process, reason = core.spawn { core.program_path(), "plugins", "--check", file,
    "--here", folder:path() }
  if not process then core.fail(1, reason) end
  local until_then = core.seconds() + CHECK_SECONDS
  while true do
    local how, what = core.wait(process, true)
    if how == "exit" then
      if what == 0 and not core.file_kind(folder:path() .. "/" .. PASSED) then
        core.fail(1, file .. ": it ended the process while it was checked")
      end
      return what
    end
    if how then core.fail(1, string.format("%s: crashed while it was checked: %s", file, what)) end
    if core.seconds() > until_then then
      core.kill(process)
      core.wait(process)
      core.fail(1, string.format("%s: the check did not end within %d seconds", file,
        CHECK_SECONDS))
    end
    core.sleep(0.01)
  end
end

function M.run(given)
  if given.ops then return list_operations(given) end
  if not given.check then return list(given) end
  if given.here then return check_here(given.check, given.here) end
  return check_apart(given.check)
end

return M
