-- identity.lua: which run a run is: by its config and what stands behind the names in it; and which
-- one a run folder holds.
--
-- sources = {data = {train =, dev =, test =, vocabulary =, glove =, init =}, plugins =
-- {NAME = hash}}
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"
local text = require "stepwise.util.text"

local M = {}

local ABSENT <const> = "0000000000000000"

-- Fingerprints of what the config reads, from the inputs' facts; null where there is none.
function M.data(config, facts)
  local data, null = config.value.data, core.json_null
  local reads_glove = data.glove ~= "" and config.session:needs_glove(config)
  return json_text.object("train", facts.train, "dev", facts.dev or null,
    "test", facts.test or null,
    "vocabulary", facts.vocabulary.fingerprint,
    "glove", reads_glove and core.hash_file(data.glove, true) or null,
    -- where there is none, ids are what they were before there could be one
    "init", data.init ~= "" and core.hash_file(data.init) or nil)
end

-- A function that gives the sources of configs; files that two of them share are read once. What
-- they read is checked, and of splits that are not known all values: known is a list of stamps
-- (sw_dataset_stamp), to which those of all that is read are added.
function M.reader(known)
  local read, listed = {}, {}
  for _, stamp in ipairs(known) do listed[stamp] = true end
  return function(config, settings)
    local model = settings.model
    local reads = core.json_encode { settings.data, model.embedding, model.second }
    if not read[reads] then
      local data, stamps = config:sources(known)
      for _, stamp in ipairs(stamps) do
        if not listed[stamp] then known[#known + 1] = stamp end
        listed[stamp] = true
      end
      read[reads] = data
    end
    return { data = read[reads], plugins = config:plugins() }
  end
end

local function read_by_key(data)
  local dev = data.dev ~= core.json_null and data.dev or ABSENT
  local init = data.init and " init " .. data.init or ""
  return string.format("train %s dev %s%s", data.train, dev, init)
end

-- The id of a run, and the key of config and data alone, which runs before ids have, too.
function M.of(config, sources)
  return config:id(sources.data, sources.plugins), config:hash(read_by_key(sources.data))
end

-- The key without where the run ends: what its state may be resumed under.
function M.state_key(config, sources)
  return config:hash(read_by_key(sources.data), true)
end

local function short(hash)
  return type(hash) == "string" and hash:sub(1, 8) or "none"
end

local names = {
  train = "the train split", dev = "the dev split", test = "the test split",
  vocabulary = "the vocabulary", glove = "the file of word vectors",
  init = "the checkpoint it starts from",
}

-- How two sources differ, in words; nil when they do not.
function M.difference(there, here)
  local changed = {}
  local function compare(kind, say)
    local function sources_of(side)
      return type(side) == "table" and type(side[kind]) == "table" and side[kind] or {}
    end
    local a, part = sources_of(there), sources_of(here)
    local all = {}
    for _, side in ipairs { a, part } do
      for name in pairs(side) do all[name] = true end
    end
    for _, name in ipairs(text.sorted_keys(all)) do
      if a[name] ~= part[name] then
        changed[#changed + 1] = string.format("%s (%s there, %s here)", say(name), short(a[name]),
          short(part[name]))
      end
    end
  end
  compare("data", function(name) return names[name] or name end)
  compare("plugins", function(name) return "the build of the plugin " .. name end)
  return #changed > 0 and table.concat(changed, ", ") or nil
end

-- A JSON object, or nil when there is no such file.
function M.read_json(path)
  if core.file_kind(path) ~= "file" then return nil end
  local fine, value = pcall(core.json_decode, core.read_text(path))
  if not fine then core.fail_within(path, value) end
  if type(value) ~= "table" then core.fail(1, path .. ": expected an object") end
  return value
end

local function why(folder, row)
  local provenance = M.read_json(folder .. "/provenance.json") or {}
  if provenance.id == core.json_null then return "its parts were made by different builds" end
  local changed = row and row.sources and type(provenance.sources) == "table"
    and M.difference(provenance.sources, row.sources)
  return changed and "it differs in " .. changed or "it is a run of another config or other data"
end

-- "done", "begun", "new", or "other" and why: the folder holds another run than the planned one.
function M.state(folder, run, row)
  local result = M.read_json(folder .. "/result.json")
  if result then
    local same = not run.id or result.id == run.id
    if run.id and result.id == nil then same = result.key == nil or result.key == run.key end
    if same then return "done" end
    return "other", why(folder, row)
  end
  if not core.file_kind(folder) then return "new" end
  if run.id and core.file_kind(folder .. "/state.safetensors") then
    local provenance = M.read_json(folder .. "/provenance.json")
    if provenance and provenance.id ~= nil and provenance.id ~= run.id then
      return "other", why(folder, row)
    end
  end
  return "begun"
end

return M
