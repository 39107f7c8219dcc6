-- plugin_files.lua: the plugin files that --plugin names, for this process and those it starts.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2

local named = {} -- absolute paths

-- From now on every session loads these files before all other plugins.
function M.use(files)
  local paths = {}
  for i, file in ipairs(files) do
    local path = core.absolute_path(file)
    if not path then core.fail(1, "--plugin: " .. file .. ": no such file") end
    if not path:find("%.so$") or path:find(":", 1, true) then
      core.fail(MISUSE, "--plugin: expected a file whose name ends with .so, with no ':' in its "
        .. "path, found '" .. path .. "'")
    end
    paths[i] = path
  end
  named = paths
  core.use_plugin_path(#paths > 0 and table.concat(paths, ":") or nil)
end

-- Fails unless --plugin was given where the plan of `dir` was made with `files`: no file's code is
-- run because a folder names it.
function M.expect(files, dir)
  if type(files) ~= "table" or #files == 0 or #named > 0 then return end
  local words = { "stepwise", "ablate", dir }
  for _, path in ipairs(files) do
    words[#words + 1] = "--plugin"
    words[#words + 1] = tostring(path)
  end
  core.fail(MISUSE, dir .. ": it was planned with plugins of its own; give them again, as in: "
    .. text.command(words))
end

function M.list()
  return named
end

-- Appends to a command what makes its process load the same files.
function M.pass_on(command)
  for _, path in ipairs(named) do
    command[#command + 1] = "--plugin"
    command[#command + 1] = path
  end
  return command
end

return M
