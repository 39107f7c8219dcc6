-- names.lua: what other programs call a model's tensors.
--
-- A map, experiments/maps/NAME.lua, is a list of {"ours", "theirs", ..}: a parameter whose name
-- begins with `ours`, up to a dot, is theirs with `theirs` in its place, or with one of the others
-- behind it. The first entry that a file has counts; what no entry names is called as it is here.
-- unused = a list of {"theirs", .., shape = {..}}: what decides no number there and has no place
-- here; those with a shape are written as zeros for a program that asks for them.
local core = require "stepwise.core"
local script = require "stepwise.config.script"

local M = {}

local function folder() return core.data_folder() .. "/experiments/maps" end

local function check(map, path)
  local function wrong(i, found)
    core.fail(1, string.format("%s: expected {\"ours\", \"theirs\", ..} as entry %d, found %s",
      path, i, found))
  end
  if type(map) ~= "table" then
    core.fail(1, path .. ": expected a list of {\"ours\", \"theirs\", ..}, found a " .. type(map))
  end
  local function check_names(i, entry, least)
    if type(entry) ~= "table" or #entry < least then wrong(i, "a " .. type(entry)) end
    for _, name in ipairs(entry) do
      if type(name) ~= "string" then wrong(i, "a " .. type(name) .. " in it") end
    end
  end
  for i, entry in ipairs(map) do check_names(i, entry, 2) end
  map.unused = map.unused or {}
  for i, entry in ipairs(map.unused) do check_names(i, entry, 1) end
  return map
end

-- The names of the maps that come with the program.
function M.list()
  local names = {}
  if core.file_kind(folder()) == "folder" then
    for _, file in ipairs(core.list_folder(folder())) do
      names[#names + 1] = file:match("^([^.].*)%.lua$")
    end
  end
  return names
end

-- The map of that name, or in that file.
function M.load(name)
  local path = name:find("[./]") and name or string.format("%s/%s.lua", folder(), name)
  if core.file_kind(path) ~= "file" then
    core.fail(2, string.format("no map '%s'%s", name, core.suggest(name, M.list())))
  end
  return check(script.run(path), path)
end

local function rest(name, prefix)
  if name:sub(1, #prefix) ~= prefix then return nil end
  local after = name:sub(#prefix + 1)
  return (after == "" or after:sub(1, 1) == ".") and after
end

-- What the parameter `ours` may be called, the likeliest first.
function M.candidates(map, ours)
  local list = {}
  for _, entry in ipairs(map) do
    local after = rest(ours, entry[1])
    for i = 2, after and #entry or 0 do list[#list + 1] = entry[i] .. after end
  end
  list[#list + 1] = ours
  return list
end

-- Whether a map says that a tensor of theirs is of no use.
function M.is_unused(map, theirs)
  for _, entry in ipairs(map.unused or {}) do
    for _, prefix in ipairs(entry) do
      if rest(theirs, prefix) then return true end
    end
  end
  return false
end

-- ---- names in files ----------------------------------------------------------------------------

-- What holds a model among what else a training program saves.
local roots <const> = { "model", "state_dict", "model_state_dict" }

-- PyTorch's wrapper for several devices adds `module`.
local function plain(name)
  return (("." .. name):gsub("%.module%f[.]", ""):sub(2))
end

-- Adds `name` to the tensors' list: {name = without what wraps a model, ..}. Batch norm's counters,
-- which decide no number, and what was saved beside a model are left out.
function M.unwrapped(list)
  local root
  for _, wanted in ipairs(roots) do
    for _, tensor in ipairs(list) do
      root = root or rest(tensor.name, wanted) and wanted
    end
  end
  local result = {}
  for _, tensor in ipairs(list) do
    local name = tensor.name
    if root then
      local after = rest(name, root)
      name = after and after:sub(2)
    end
    if name and not name:find("num_batches_tracked$") then
      tensor.name = plain(name)
      result[#result + 1] = tensor
    end
  end
  return result
end

return M
