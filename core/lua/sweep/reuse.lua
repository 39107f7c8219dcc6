-- reuse.lua: finished runs of other folders, taken over where the plan has the same run; and why
-- one that looks the same is not.
local core = require "stepwise.core"
local describe = require "stepwise.config.describe"
local identity = require "stepwise.run.identity"
local plan_of = require "stepwise.sweep.plan"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2

-- What --reuse takes for the folders beside the plan's own.
M.AUTO = "auto"

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

-- Where the plan's own folder is, other sweeps may be.
local function beside(dir)
  local above = dir:match("^(.*[^/])/+[^/]+$")
  return above or dir:sub(1, 1) ~= "/" and "." or nil
end

-- The folders of the sweeps that are beside the plan's, and of runs.
local function siblings(dir)
  local above, list = beside(dir), {}
  if not above or core.file_kind(above) ~= "folder" then return list end
  local own = core.absolute_path(dir)
  for _, name in ipairs(core.list_folder(above)) do
    local path = above == "." and name or above .. "/" .. name
    local there = core.file_kind(path .. "/plan.json") or core.file_kind(path .. "/result.json")
    if there and not (own and core.absolute_path(path) == own) then list[#list + 1] = path end
  end
  return list
end

-- "; did you mean 'runs/table3'?" of the folders where the missing one should be.
local function near_folder(dir)
  local above, names = beside(dir), {}
  if not above or core.file_kind(above) ~= "folder" then return "" end
  for _, name in ipairs(core.list_folder(above)) do
    local path = above == "." and name or above .. "/" .. name
    if core.file_kind(path) == "folder" then names[#names + 1] = path end
  end
  return #names > 0 and core.suggest(dir, names) or ""
end

-- The folders that --reuse names: "DIR,DIR", or "auto" for those beside `dir`, the plan's own.
function M.folders(list, dir)
  if list == M.AUTO then return siblings(dir) end
  local folders = {}
  for one in list:gmatch("[^,]+") do
    one = one:gsub("(.)/+$", "%1")
    if core.file_kind(one) ~= "folder" then
      core.fail(MISUSE, string.format("--reuse: %s: no such folder%s", one, near_folder(one)))
    end
    folders[#folders + 1] = one
  end
  return folders
end

-- {ID = run folder} of the finished runs in `folders`: each a run folder, a sweep's, or one that
-- holds such folders.
function M.find(folders, plan)
  local found, wanted, rows = {}, {}, {}
  for _, row in ipairs(plan.rows) do rows[row.slug] = row end
  for _, run in ipairs(plan.runs) do
    if run.key then
      wanted[run.key] = wanted[run.key] or {}
      table.insert(wanted[run.key], { id = run.id, sources = rows[run.row].sources })
    end
  end
  for _, dir in ipairs(folders) do
    each(dir, function(folder) add(found, folder, wanted) end)
  end
  return found
end

-- How many runs of the plan in `dir` that are to be done are finished in a folder beside it, and
-- what --reuse takes; 0 where there are none.
function M.count_beside(plan, dir)
  local count = 0
  local fine, found = pcall(M.find, siblings(dir), plan)
  for _, run in ipairs(fine and plan.runs or {}) do
    if run.id and found[run.id] and plan_of.state(dir, run) == "new" then count = count + 1 end
  end
  return count, beside(dir)
end

-- ---- why one is not taken ----------------------------------------------------------------------

-- A run of another name is told of when its config differs from the planned one in so few keys.
local NEAR <const> = 2

-- The finished run in `folder`: {folder =, config =, sources =}, or {folder =, broken = why}; nil
-- without one.
local function candidate(folder)
  if core.file_kind(folder .. "/result.json") ~= "file" then return nil end
  local fine, found = pcall(function()
    local settings = identity.read_json(folder .. "/config.json") or {}
    local about = identity.read_json(folder .. "/provenance.json") or {}
    return { folder = folder, config = describe.session():resolve(settings),
      sources = about.sources }
  end)
  return fine and found or { folder = folder, broken = text.plain(tostring(found)) }
end

-- The candidate that is nearest to the planned run, and how it differs: a list of texts. The one of
-- the same name goes before others, and one that is taken for another run is none.
local function nearest(candidates, taken, run, row, planned)
  local best, changes
  for _, one in ipairs(candidates) do
    local same_name = one.folder:match("([^/]+)$") == run.folder
    if one.broken then
      if same_name then return one, { one.broken .. " (broken)" } end
    elseif same_name or not taken[one.folder] and one.config:table().seed == run.seed then
      local list = one.config:differences(planned)
      local sources = #list == 0 and identity.difference(one.sources, row.sources)
      if #list == 0 then
        list[1] = sources and "it differs in " .. sources
          or "its parts were made by different builds"
      end
      if same_name then return one, list end
      if #list <= NEAR and (not changes or #list < #changes) then best, changes = one, list end
    end
  end
  return best, changes
end

-- Lines about finished runs in `folders` that are nearly a run of the plan in `dir` that is to be
-- done, and are not taken over for it; seeds of one reason are one line.
function M.refusals(folders, plan, dir, found)
  local candidates, rows, taken, lines, at = nil, {}, {}, {}, {}
  for _, row in ipairs(plan.rows) do rows[row.slug] = row end
  for _, run in ipairs(plan.runs) do
    if run.id and found[run.id] then taken[found[run.id]] = true end
  end
  for _, run in ipairs(plan.runs) do
    if not (run.id and found[run.id]) and plan_of.state(dir, run) == "new" then
      if not candidates then
        candidates = {}
        for _, one in ipairs(folders) do
          each(one, function(folder) candidates[#candidates + 1] = candidate(folder) end)
        end
      end
      local planned <close> = describe.session():resolve(run.config)
      local one, changes = nearest(candidates, taken, run, rows[run.row], planned)
      if one then
        local why = table.concat(changes, ", ")
        local key = one.folder:gsub("seed%d+$", "") .. "\0" .. run.row .. "\0" .. why
        if not at[key] then
          at[key] = { folder = one.folder, run = run.folder, why = why, seeds = 0 }
          lines[#lines + 1] = at[key]
        end
        at[key].seeds = at[key].seeds + 1
      end
    end
  end
  for _, one in ipairs(candidates or {}) do
    if one.config then one.config:close() end
  end
  for i, line in ipairs(lines) do
    lines[i] = string.format("%s is not taken over for %s%s: %s", line.folder, line.run,
      line.seeds > 1 and " and " .. text.plural(line.seeds - 1, "more seed") or "",
      line.why)
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
