-- gathered.lua: runs of any folders as if they were one table's: runs that differ in nothing but
-- the seed are a row, and what differs between rows is what they change. Runs on different data
-- are never in one table.
local core = require "stepwise.core"
local describe = require "stepwise.config.describe"
local identity = require "stepwise.run.identity"
local plan_of = require "stepwise.sweep.plan"
local text = require "stepwise.util.text"

local M = {}

-- The run folders below the paths: those of a sweep that were begun, else the path itself.
local function folders_of(paths)
  local folders, seen = {}, {}
  local function add(path)
    local whole = core.absolute_path(path) or path
    if not seen[whole] then folders[#folders + 1] = whole end
    seen[whole] = true
  end
  for _, path in ipairs(paths) do
    path = path:gsub("(.)/+$", "%1")
    if core.file_kind(path .. "/config.json") == "file" then
      add(path)
    elseif core.file_kind(path .. "/plan.json") == "file" then
      for _, run in ipairs(plan_of.read(path).runs) do
        local folder = path .. "/" .. run.folder
        if core.file_kind(folder .. "/config.json") == "file" then add(folder) end
      end
    else
      core.fail(1, path .. ": expected a run folder, with a config.json, or the --out folder of "
        .. "stepwise ablate")
    end
  end
  return folders
end

-- Adds to `into` what a part of a config says, by key. A list of parts is the list of their names,
-- and the options of each are below its name.
local function flatten(into, value, prefix)
  for key, item in pairs(value) do
    local path = prefix .. key
    if type(item) ~= "table" then
      into[path] = text.value(item)
    elseif item.plugin then
      into[path] = item.plugin
      flatten(into, item, path .. ".")
      into[path .. ".plugin"] = nil
    elseif core.is_array(item) then
      local names = {}
      for i, one in ipairs(item) do
        names[i] = type(one) == "table" and (one.plugin or one.name) or text.value(one)
        if type(one) == "table" and one.plugin then
          flatten(into, one, (key == "stages" and "" or path .. ".") .. one.plugin .. ".")
          into[(key == "stages" and "" or path .. ".") .. one.plugin .. ".plugin"] = nil
        end
      end
      into[path] = table.concat(names, ",")
    else
      flatten(into, item, path .. ".")
    end
  end
end

local function is_text(value) return type(value) == "string" and value or nil end

-- Fingerprints of what a run read, as far as its provenance.json tells: train, dev, test, ..
local function data_of(provenance)
  local function part(of, name) return type(of) == "table" and of[name] or nil end
  local found, old = {}, part(provenance, "data")
  for _, name in ipairs { "train", "dev", "test", "vocabulary", "glove", "init" } do
    found[name] = is_text(part(part(part(provenance, "sources"), "data"), name))
      or (name == "train" or name == "dev") and is_text(part(old, name)) or nil
  end
  return found
end

-- The same of its images and captions alone, where it read second sets of fragments, too.
local function own_data_of(provenance)
  local data = type(provenance) == "table" and provenance.data
  local own = type(data) == "table" and type(data.own) == "table" and data.own or {}
  return { dev = is_text(own.dev), test = is_text(own.test) }
end

-- A run: {folder =, config =, seed =, hash = of the config without the seed, name =, settings = by
-- key, data = the folder, measured = which data its numbers are of}.
local function read(folder)
  local given = identity.read_json(folder .. "/config.json")
  local session = describe.session()
  local fine, config = pcall(session.resolve, session, given)
  if not fine then core.fail_within(folder .. "/config.json", config) end
  local provenance = identity.read_json(folder .. "/provenance.json")
  local fingerprints, own = data_of(provenance), own_data_of(provenance)
  local settings, portable = {}, config:portable()
  for _, section in ipairs { "model", "train", "data" } do
    flatten(settings, portable[section], "")
  end
  for _, name in ipairs { "train", "vocabulary", "glove", "init" } do
    settings["file of " .. name] = fingerprints[name]
  end
  local value = config:table()
  config:override("seed=0")
  return {
    hash = config:hash(), folder = folder, config = value, seed = value.seed,
    settings = settings, data = value.data.dir,
    name = value.name ~= "" and value.name or folder:match("([^/]+)$"),
    measured = (own.dev or fingerprints.dev or value.data.dir) .. " "
      .. (own.test or fingerprints.test or value.data.dir),
  }
end

-- The keys that have different values, sorted. What only some have, as a stage's options, differs
-- by the stage.
local function differing(runs)
  local values, differ = {}, {}
  for _, run in ipairs(runs) do
    for key, value in pairs(run.settings) do
      if values[key] == nil then values[key] = value end
      if values[key] ~= value then differ[key] = true end
    end
  end
  return text.sorted_keys(differ)
end

local function changes_of(run, keys)
  local changes = core.json_array {}
  for _, key in ipairs(keys) do
    if run.settings[key] then changes[#changes + 1] = key .. "=" .. run.settings[key] end
  end
  return changes
end

-- The plan that runs of the same data would be of.
local function plan_of_runs(runs)
  local keys = differing(runs)
  local plan = { title = "Runs compared", data = runs[1].data, rows = core.json_array {},
    runs = core.json_array {}, generated = core.is_generated(runs[1].data) }
  local rows, names = {}, {}
  for _, run in ipairs(runs) do
    local changes = changes_of(run, keys)
    local key = core.json_encode { run.hash, changes }
    local row = rows[key]
    if not row then
      local count = (names[run.name] or 0) + 1
      names[run.name] = count
      row = { name = count == 1 and run.name or string.format("%s (%d)", run.name, count),
        slug = tostring(#plan.rows + 1), changes = changes, seeds = {} }
      plan.rows[#plan.rows + 1], rows[key] = row, row
    end
    if row.seeds[run.seed] then
      core.fail(1, string.format("%s: is the same run as %s: config, seed and data are equal",
        run.folder, row.seeds[run.seed]))
    end
    row.seeds[run.seed] = run.folder
    plan.runs[#plan.runs + 1] = { row = row.slug, seed = run.seed, config = run.config,
      folder = run.folder:sub(2) }
  end
  for _, row in ipairs(plan.rows) do row.seeds = nil end
  return plan
end

-- One plan for each data that runs at the paths were measured on, in the order of the paths; their
-- folders are below "".
function M.plans(paths)
  local groups, at = {}, {}
  for _, folder in ipairs(folders_of(paths)) do
    local run = read(folder)
    if not at[run.measured] then
      groups[#groups + 1] = {}
      at[run.measured] = groups[#groups]
    end
    table.insert(at[run.measured], run)
  end
  local plans = {}
  for i, runs in ipairs(groups) do plans[i] = plan_of_runs(runs) end
  return plans
end

return M
