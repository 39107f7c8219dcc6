-- reuse.lua: finished runs of other folders, taken over where the plan has the same run; and why
-- one that looks the same is not.
local core = require "stepwise.core"
local describe = require "stepwise.config.describe"
local identity = require "stepwise.run.identity"
local plan_of = require "stepwise.sweep.plan"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2

local function add(found, folder, wanted)
  local fine, result = pcall(identity.read_json, folder .. "/result.json")
  if not fine or not result then return end -- of a broken one nothing is taken
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

-- The run folders that a folder may hold: itself, what is in it, and what is in sweeps in it.
local function each(dir, visit)
  visit(dir)
  for _, name in ipairs(core.list_folder(dir)) do
    local inner = dir .. "/" .. name
    visit(inner)
    if core.file_kind(inner .. "/plan.json") then
      for _, run in ipairs(core.list_folder(inner)) do visit(inner .. "/" .. run) end
    end
  end
end

-- {ID = run folder} of the finished runs in the folders of `list`, "DIR,DIR": each a run folder, a
-- sweep's, or one that holds such folders.
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
    each(dir, function(folder) add(found, folder, wanted) end)
  end
  return found
end

-- Where the plan's own folder is, other sweeps may be.
local function beside(dir)
  local above = dir:match("^(.*[^/])/+[^/]+$")
  return above or dir:sub(1, 1) ~= "/" and "." or nil
end

-- How many runs of the plan in `dir` that are to be done are finished in a folder beside it, and
-- the folder that --reuse takes; 0 where there are none.
function M.count_beside(plan, dir)
  local above, count = beside(dir), 0
  if not above or core.file_kind(above) ~= "folder" then return 0 end
  local fine, found = pcall(M.find, above, plan)
  for _, run in ipairs(fine and plan.runs or {}) do
    if run.id and found[run.id] and plan_of.state(dir, run) == "new" then count = count + 1 end
  end
  return count, above
end

-- Why the finished run in `folder` is not the planned one, in words.
local function difference(folder, run, row)
  local session = describe.session()
  local config <close> = session:resolve(identity.read_json(folder .. "/config.json") or {})
  local planned <close> = session:resolve(run.config)
  local changed = config:difference(planned)
  if changed then return changed end
  local about = identity.read_json(folder .. "/provenance.json") or {}
  changed = identity.difference(about.sources, row.sources)
  return changed and "it differs in " .. changed or "its parts were made by different builds"
end

-- Lines about finished runs in the folders of `list` that have the name of a run of the plan, and
-- are not taken over for it.
function M.refusals(list, plan, found)
  local by_name, rows, lines = {}, {}, {}
  for _, row in ipairs(plan.rows) do rows[row.slug] = row end
  for _, run in ipairs(plan.runs) do
    if not (run.id and found[run.id]) then by_name[run.folder] = run end
  end
  for dir in list:gmatch("[^,]+") do
    each(dir:gsub("(.)/+$", "%1"), function(folder)
      local run = by_name[folder:match("([^/]+)$")]
      if not run or not core.file_kind(folder .. "/result.json") then return end
      local fine, why = pcall(difference, folder, run, rows[run.row])
      lines[#lines + 1] = string.format("%s is not taken over for %s: %s", folder, run.folder,
        text.plain(tostring(why)))
      if not fine then lines[#lines] = lines[#lines] .. " (broken)" end
    end)
  end
  return lines
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
