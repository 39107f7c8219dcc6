-- options.lua: the arguments of a command, checked against its declaration.
--
-- A command is a table:
--   name, summary      for the list of commands
--   usage              what follows the name, as "EXPERIMENT.lua [key=value..]"
--   details            optional: lines below the summary
--   arguments          {least, most}: how many words that are no options
--   options            a list of {"data", "DIR", "what it is for", kind =, least =, most =}: a
--                      name, the word for its value (nil: a switch), and a line of help; kind is
--                      "text" (the default) or "integer". dashed: a text may begin with '-'. A
--                      name of one letter is given as -j N; many = true: it may be repeated, and
--                      gives a list.
--   plugins            optional, false: it loads no plugins, and has no --plugin
--   run                function(given, arguments): the exit status
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2

local plugin_option <const> = { "plugin", "FILE.so",
  "load this plugin before all others (repeatable)", many = true }

-- All options of a command, with those it has in common with others.
function M.all(command)
  local result = table.move(command.options, 1, #command.options, 1, {})
  if command.plugins ~= false then result[#result + 1] = plugin_option end
  return result
end

-- The option as it is typed.
function M.dashed(name)
  return (#name == 1 and "-" or "--") .. name
end
local dashed = M.dashed

local function fail(command, format, ...)
  core.fail(MISUSE, command.name .. ": " .. string.format(format, ...))
end

local function find(command, word)
  local names = {}
  for i, option in ipairs(M.all(command)) do
    names[i] = dashed(option[1])
    if names[i] == word then return option end
  end
  names[#names + 1] = "--help"
  fail(command, "no option '%s'%s", word, core.suggest(word, names))
end

local function convert(command, option, value)
  if option.kind ~= "integer" then
    if value:find("^%-.") and not option.dashed then
      fail(command, "%s: expected %s, found the option '%s'; ./%s names a file", dashed(option[1]),
        option[2], value, value)
    end
    return value
  end
  local number = math.tointeger(tonumber(value))
  local least, most = option.least or 0, option.most or math.maxinteger
  if not number or not value:find("^%-?%d+$") then
    fail(command, "%s: expected a whole number, found '%s'", dashed(option[1]), value)
  elseif number < least or number > most then
    local range = most < math.maxinteger and string.format("%d to %d", least, most)
      or string.format("%d or more", least)
    fail(command, "%s: expected %s, found %d", dashed(option[1]), range, number)
  end
  return number
end

-- words: from the one after the command's name. Gives {name = value} and the list of the others;
-- help = true stands for -h and --help, whatever else was given.
function M.parse(command, words)
  local given, arguments = {}, {}
  local i, only_arguments = 1, false
  local function take(option, value)
    if option.many then
      given[option[1]] = given[option[1]] or {}
      table.insert(given[option[1]], value)
      return
    end
    if given[option[1]] ~= nil then fail(command, "%s is given twice", dashed(option[1])) end
    given[option[1]] = value
  end
  while i <= #words do
    local word = words[i]
    if only_arguments or word == "-" or word:sub(1, 1) ~= "-" then
      arguments[#arguments + 1] = word
    elseif word == "--" then
      only_arguments = true
    elseif word == "-h" or word == "--help" then
      return { help = true }, {}
    else
      local name, value = word:match("^(%-%-[^=]+)=(.*)$")
      if not name and word:find("^%-%a.") then name, value = word:sub(1, 2), word:sub(3) end
      local option = find(command, name or word)
      if not option[2] then
        if value then fail(command, "%s takes no value", name) end
        take(option, true)
      else
        if not value then
          i = i + 1
          value = words[i]
          if not value then fail(command, "%s needs %s", word, option[2]) end
        end
        take(option, convert(command, option, value))
      end
    end
    i = i + 1
  end
  local least, most = command.arguments[1], command.arguments[2]
  if #arguments < least then
    fail(command, "expected %s", command.usage)
  elseif #arguments > most then
    fail(command, "unexpected argument '%s'; expected %s", text.plain(arguments[most + 1]),
      command.usage ~= "" and command.usage or "no arguments")
  end
  return given, arguments
end

-- The page that --help prints.
function M.help(command)
  local lines = { "usage: stepwise " .. command.name }
  if command.usage ~= "" then lines[1] = lines[1] .. " " .. command.usage end
  local all = M.all(command)
  if #all > 0 then lines[1] = lines[1] .. " [options]" end
  lines[#lines + 1] = ""
  lines[#lines + 1] = command.summary
  if command.details then lines[#lines + 1] = command.details end
  if #all > 0 then lines[#lines + 1] = "" end
  local rows = {}
  for i, option in ipairs(all) do
    local form = dashed(option[1]) .. (option[2] and " " .. option[2] or "")
    rows[i] = { "  " .. form, option[3] }
  end
  for _, line in ipairs(text.wrapped_columns(rows, 100)) do lines[#lines + 1] = line end
  return table.concat(lines, "\n") .. "\n"
end

return M
