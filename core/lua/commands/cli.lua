-- cli.lua: from the words of the command line to a command, and from errors to an exit status.
local core = require "stepwise.core"
local keys = require "stepwise.commands.keys"
local manual = require "stepwise.commands.manual"
local options = require "stepwise.util.options"
local plugin_files = require "stepwise.config.plugin_files"
local progress = require "stepwise.util.progress"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2
-- An exit status from here on names a signal.
local SIGNALLED <const> = 128

-- In the order of the help page. Each is the module stepwise.commands.MODULE.
local commands = {
  { "train", "train" },
  { "eval", "eval" },
  { "inspect", "inspect" },
  { "ablate", "ablate" },
  { "watch", "watch" },
  { "table", "tabulate" },
  { "compare", "compare_runs" },
  { "plot", "plot" },
  { "explain", "explain" }, { "ground", "ground" },
  { "search", "search" },
  { "report", "report" },
  { "export", "export" },
  { "data", "data" },
  { "import-weights", "import_weights" }, { "export-weights", "export_weights" },
  { "scenes", "scenes" },
  { "plugins", "plugins" },
  { "new", "new" },
  { "doctor", "doctor" },
  { "bench", "bench" },
  { "lua", "lua" },
}

-- more: names that may have been meant as well, {{NAME ..}..}
local function load_command(name, more)
  local names = {}
  for i, entry in ipairs(commands) do
    if entry[1] == name then return require("stepwise.commands." .. entry[2]) end
    names[i] = entry[1]
  end
  for _, entry in ipairs(more or {}) do names[#names + 1] = entry[1] end
  core.fail(MISUSE, string.format("no command '%s'%s", name, core.suggest(name, names)))
end

local function all_commands()
  local list = {}
  for i, entry in ipairs(commands) do list[i] = load_command(entry[1]) end
  return list
end

-- What `stepwise help TOPIC` prints beside the pages of the commands.
local topics = {
  { "keys", "every config key and plugin option, with default and range", keys.page },
  { "man", "the manual page stepwise(1)", function() return manual.page(all_commands()) end },
  { "completion", "completion for bash: eval \"$(stepwise help completion)\"",
    function() return manual.completion(all_commands()) end },
}

local function help()
  local rows, pages = {}, {}
  for i, command in ipairs(all_commands()) do
    rows[i] = { "  " .. command.name, command.summary }
  end
  for i, topic in ipairs(topics) do pages[i] = { "  help " .. topic[1], topic[2] } end
  return "usage: stepwise COMMAND ..\n\n"
    .. "Composes, trains and evaluates step-wise image-text matching models.\n\n"
    .. table.concat(text.columns(rows), "\n")
    .. "\n\nstepwise COMMAND --help says what a command takes; stepwise alone on a terminal is\n"
    .. "stepwise lua.\n\n"
    .. table.concat(text.columns(pages), "\n") .. "\n"
end

function M.help_on(name)
  if not name then return help() end
  for _, topic in ipairs(topics) do
    if topic[1] == name then return topic[3]() end
  end
  return options.help(load_command(name, topics))
end

local function dispatch(argv)
  local name = argv[1]
  if not name and core.is_terminal(0) and core.is_terminal(1) then
    return load_command("lua").run({}, {})
  elseif not name then
    io.stderr:write(help())
    return MISUSE
  end
  if name == "--version" then
    print("stepwise " .. core.version)
    return 0
  end
  if name == "help" or name == "--help" or name == "-h" then
    io.write(M.help_on(argv[2]))
    return 0
  end
  local command = load_command(name)
  local given, arguments = options.parse(command, { table.unpack(argv, 2) })
  if given.help then
    io.write(options.help(command))
    return 0
  end
  if given.plugin then plugin_files.use(given.plugin) end
  return command.run(given, arguments, argv) or 0
end

-- argv[0] is the program's name. Nothing is raised: errors become one line on stderr, and their
-- status (1, MISUSE, or that of the signal that interrupted the work) the program's.
function M.main(argv)
  local fine, result = pcall(dispatch, argv)
  local flushed, why = io.stdout:flush()
  local problem = progress.problem or not flushed and why
  if fine and problem and result < SIGNALLED then
    io.stderr:write("stepwise: standard output: ", problem, "\n")
    return math.max(result, 1)
  end
  if fine then return result end
  io.stderr:write("stepwise: ", text.plain(tostring(result)), "\n")
  local status = type(result) == "table" and math.tointeger(result.status)
  return status and status > 0 and status or 1
end

return M
