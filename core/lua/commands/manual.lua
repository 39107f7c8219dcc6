-- manual.lua: the manual page stepwise(1) and the completion for bash, from what --help prints.
local core = require "stepwise.core"
local keys = require "stepwise.commands.keys"
local options = require "stepwise.util.options"

local M = {}

-- ---- the manual page -------------------------------------------------------------------------

-- A line of text as roff takes it.
local function roff(line)
  line = line:gsub("\\", "\\e"):gsub("%-", "\\-")
  return (line:gsub("^[.']", "\\&%0"))
end

local environment <const> = {
  { "STEPWISE_PLUGIN_PATH", "Folders of plugins, with ':' between, that come before the built-in "
    .. "ones. Of plugins that bring the same name the first is used." },
  { "STEPWISE_CPU", "The vector kernels: baseline, avx2, avx512 or amx; else the best that this "
    .. "CPU has. Results of different kernels differ in their last bits." },
  { "OPENBLAS_CORETYPE", "The same for OpenBLAS." },
  { "STEPWISE_CACHE", "Where the times of steps are kept that ablate --dry-run takes; else "
    .. "~/.cache/stepwise. Empty: nowhere." },
  { "TMPDIR", "Where temporary folders go; else /tmp." },
}

local exits <const> = {
  { "0", "Done." }, { "1", "Failed: a file, data, a number." },
  { "2", "Misuse: an option, a key, a name." },
  { "128 + N", "Ended by signal N; a run was saved." },
}

-- stepwise(1) as roff. commands: in the order of the help page.
function M.page(commands)
  local lines = {}
  local function say(line) lines[#lines + 1] = line end
  local function section(name) say(".SH " .. name) end
  local function entry(term, doc)
    say(".TP")
    say("\\fB" .. roff(term) .. "\\fR")
    say(roff(doc))
  end
  say(string.format('.TH STEPWISE 1 "" "stepwise %s" "User Commands"', core.version))
  section "NAME"
  say(roff "stepwise - experiments in fine-grained image-text matching")
  section "SYNOPSIS"
  say(".B stepwise")
  say("\\fICOMMAND\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]")
  section "DESCRIPTION"
  say("Composes, trains and evaluates step\\-wise image\\-text matching models.")
  section "COMMANDS"
  for _, command in ipairs(commands) do
    say(".SS " .. roff("stepwise " .. command.name .. " " .. command.usage):gsub(" +$", ""))
    say(roff(command.summary))
    if command.details then
      for line in (command.details .. "\n"):gmatch("(.-)\n") do say(roff(line)) end
    end
    for _, option in ipairs(options.all(command)) do
      entry(options.dashed(option[1]) .. (option[2] and " " .. option[2] or ""), option[3])
    end
  end
  section "KEYS"
  say("What key=value sets. STAGE is the name of a stage, SIDE image or text.")
  for _, part in ipairs(keys.sections()) do
    say(".SS " .. roff(part.title))
    for _, row in ipairs(part.rows) do
      entry(row.key .. "=" .. row.preset, row.doc .. (row.range ~= "" and ": " .. row.range or ""))
    end
  end
  section "ENVIRONMENT"
  for _, variable in ipairs(environment) do entry(variable[1], variable[2]) end
  section '"EXIT STATUS"'
  for _, exit in ipairs(exits) do entry(exit[1], exit[2]) end
  return table.concat(lines, "\n") .. "\n"
end

-- ---- completion ------------------------------------------------------------------------------

local bash <const> = [[
# Completion of stepwise for bash, written by: stepwise help completion
_stepwise() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words= key=
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W '@COMMANDS@ help --version' -- "$current"))
        return
    fi
    # '=' ends a word of bash: KEY = VALUE
    if [ "$current" = = ]; then key=$before current=; fi
    if [ "$before" = = ]; then key=${COMP_WORDS[COMP_CWORD - 2]}; fi
    if [ -n "$key" ]; then
        case $key in
@VALUES@
        esac
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    case ${COMP_WORDS[1]} in
@OPTIONS@
    help) words='@COMMANDS@ keys man completion' ;;
    esac
    case $current in
    -*) ;;
    *)
        # the first word is a file, and those behind it are keys
        case ${COMP_WORDS[1]} in
        help) ;;
        @KEYED@)
            [ "$COMP_CWORD" -gt 2 ] || return
            case $before in -*) return ;; esac
            compopt -o nospace
            words='@KEYS@'
            ;;
        *) return ;;
        esac
        ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _stepwise stepwise
]]

-- The completion script. Files are what bash completes where the script has nothing to say.
function M.completion(commands)
  local names, given, keyed, all, values = {}, {}, {}, {}, {}
  for i, command in ipairs(commands) do
    names[i] = command.name
    local words = { "--help" }
    for _, option in ipairs(options.all(command)) do
      words[#words + 1] = options.dashed(option[1])
    end
    given[i] = string.format("    %s) words='%s' ;;", command.name, table.concat(words, " "))
    if command.usage:find("key=value", 1, true) then keyed[#keyed + 1] = command.name end
  end
  for _, section in ipairs(keys.sections()) do
    for _, row in ipairs(section.rows) do
      if row.key:find("SIDE", 1, true) then
        for _, side in ipairs { "image", "text" } do
          all[#all + 1] = row.key:gsub("SIDE", side) .. "="
        end
      elseif not row.key:find("STAGE", 1, true) then
        all[#all + 1] = row.key .. "="
      end
      if row.choices then
        values[#values + 1] = string.format("        %s) words='%s' ;;",
          row.key:gsub("STAGE", "*"):gsub("SIDE", "*"), row.choices)
      end
    end
  end
  local parts = {
    COMMANDS = table.concat(names, " "), OPTIONS = table.concat(given, "\n"),
    KEYED = table.concat(keyed, " | "), KEYS = table.concat(all, " "),
    VALUES = table.concat(values, "\n"),
  }
  return (bash:gsub("@(%u+)@", parts))
end

return M
