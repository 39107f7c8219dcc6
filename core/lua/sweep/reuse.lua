-- reuse.lua: finished runs of other folders, taken over where the plan has the same run.
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"

local M = {}

local MISUSE <const> = 2

local function add(found, folder, wanted)
  local result = identity.read_json(folder .. "/result.json")
  if not result then return end
  local id = result.id
  if id == nil then -- made before runs had ids: config and data by their key, plugins by hashes
    local provenance = identity.read_json(folder .. "/provenance.json") or {}
    local plugins = {}
    for _, plugin in ipairs(type(provenance.plugins) == "table" and provenance.plugins or {}) do
      plugins[plugin.name] = plugin.hash
    end
    for _, run in ipairs(wanted[result.key] or {}) do
      if not identity.difference({ data = run.sources.data, plugins = plugins }, run.sources) then
        id = run.id
      end
    end
  end
  if type(id) == "string" then found[id] = found[id] or folder end
end

-- {ID = run folder} of the finished runs in the folders of `list`, "DIR,DIR": each a run folder or
-- one that holds run folders.
function M.find(list, plan)
  local found, wanted, rows = {}, {}, {}
  for _, row in ipairs(plan.rows) do rows[row.slug] = row end
  for _, run in ipairs(plan.runs) do
    if run.key then
      wanted[run.key] = wanted[run.key] or {}
      table.insert(wanted[run.key], { id = run.id, sources = rows[run.row].sources })
    end
  end
  for dir in list:gmatch("[^,]+") do
    dir = dir:gsub("(.)/+$", "%1")
    if core.file_kind(dir) ~= "folder" then
      core.fail(MISUSE, string.format("--reuse: %s: no such folder", dir))
    end
    add(found, dir, wanted)
    for _, name in ipairs(core.list_folder(dir)) do add(found, dir .. "/" .. name, wanted) end
  end
  return found
end

-- Copies a finished run; result.json comes last, as in a run, so a part of a copy is no result.
function M.copy(from, to)
  local made, reason = core.make_folders(to)
  if not made then core.fail(1, reason) end
  for _, name in ipairs(core.list_folder(from)) do
    if name ~= "result.json" and not name:find("^claim")
      and core.file_kind(from .. "/" .. name) == "file" then
      core.write_file(to .. "/" .. name, core.read_file(from .. "/" .. name))
    end
  end
  core.write_file(to .. "/result.json", core.read_file(from .. "/result.json"))
end

return M
