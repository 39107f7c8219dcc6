-- setup.lua: from a script and the command line to a config, and the data it is for.
local core = require "stepwise.core"
local describe = require "stepwise.describe"
local scenes = require "stepwise.scenes_folder"
local script = require "stepwise.script"

local M = {}

local MISUSE <const> = 2

-- Where the generated data set goes when no data is given.
M.SCENES = "runs/scenes"

-- What the commands that take an experiment share.
M.options = {
  { "data", "DIR", "the data folder; without one, generated scenes in " .. M.SCENES },
  { "glove", "FILE", "GloVe vectors, a word and its numbers a line" },
  { "vocab", "FILE", "a vocabulary; else DIR/vocab.json, else built from the captions" },
}

-- Splits the words behind the first into overrides; anything else is misuse.
function M.overrides(command, arguments)
  local result = {}
  for i = 2, #arguments do
    if not arguments[i]:find("^[^=]+=") then
      core.fail(MISUSE, string.format("%s: expected key=value, found '%s'", command, arguments[i]))
    end
    result[#result + 1] = arguments[i]
  end
  return result
end

-- ---- sources ---------------------------------------------------------------------------------

local function read_config(path)
  local fine, config = pcall(core.json_decode, core.read_text(path))
  if not fine then core.fail_within(path, config) end
  if type(config) ~= "table" then core.fail(1, path .. ": expected a config") end
  return config
end

-- {config =, on_scenes =, run =, label =} of an experiment script, a config.json, or a run folder
-- (run = its path).
function M.experiment(path)
  local base = path:match("([^/]+)/*$") or path
  if core.file_kind(path) == "folder" then
    local file = path:gsub("/+$", "") .. "/config.json"
    if core.file_kind(file) ~= "file" then
      core.fail(1, path .. ": no run folder, it has no config.json")
    end
    return { config = read_config(file), run = path:gsub("(.)/+$", "%1"), label = base }
  end
  if path:find("%.json$") then
    return { config = read_config(path), label = base:gsub("%.json$", "") }
  end
  local value = script.run(script.find(path))
  if describe.is_table(value) then
    core.fail(MISUSE, path .. " gives a table of runs; stepwise ablate runs it")
  elseif not describe.is_experiment(value) then
    core.fail(1, string.format("%s: expected it to return stepwise.experiment { .. }, found a %s",
      path, type(value)))
  end
  return {
    config = describe.config_of(value),
    on_scenes = value.on_scenes,
    label = base:gsub("%.lua$", ""),
  }
end

-- ---- data ------------------------------------------------------------------------------------

-- Whether all of the generated set is in `dir`; a process that was killed leaves a part.
local function has_scenes(dir)
  if not core.is_generated(dir) then return false end
  for _, split in ipairs { "train", "dev", "test" } do
    for _, file in ipairs { "ims.npy", "ims_bbx.npy", "caps.txt", "ids.txt" } do
      if not core.file_kind(string.format("%s/%s_%s", dir, split, file)) then return false end
    end
  end
  return core.file_kind(dir .. "/scenes.glove.txt") ~= nil
end

-- Writes the generated set to `dir` where it is not there yet; say(line) is told.
function M.ensure_scenes(dir, say)
  if dir ~= M.SCENES or has_scenes(dir) then return end
  local above = dir:match("^(.+)/[^/]+$")
  if above then
    local made, reason = core.make_folders(above)
    if not made then core.fail(1, reason) end
  end
  say("no data given: writing generated scenes to " .. dir)
  scenes.write(dir)
end

local function override_all(config, assignments)
  for _, assignment in ipairs(assignments) do config:override(assignment) end
end

-- Options of the command line as overrides.
local function of_options(given)
  local result = {}
  local names = {
    data = "data.dir", glove = "data.glove", vocab = "data.vocab", init = "data.init",
  }
  for _, option in ipairs { "data", "glove", "vocab", "init", "seed", "threads" } do
    if given[option] ~= nil then
      result[#result + 1] = (names[option] or option) .. "=" .. given[option]
    end
  end
  return result
end

-- Those of the assignments that the config still has.
function M.in_force(config, assignments)
  local result = {}
  for _, assignment in ipairs(assignments) do
    local copy <close> = config:copy()
    local same, changed = pcall(copy.override, copy, assignment)
    if same and not changed:difference(config) then result[#result + 1] = assignment end
  end
  return result
end

-- The resolved config of a source and what was decided on the way: {generated =, scenes = the
-- changes for generated data}. Overrides win over options, and both over the script.
function M.configure(source, given, overrides, session)
  session = session or describe.session()
  local typed = of_options(given)
  local first = session:resolve(source.config)
  override_all(first, typed)
  override_all(first, overrides)
  local dir = first:table().data.dir
  first:close()

  local about = {}
  if dir == "" then
    dir = M.SCENES
    about.generated = true
  else
    about.generated = core.is_generated(dir)
  end
  local config = session:resolve(source.config)
  config:override("data.dir=" .. dir)
  if about.generated then
    if source.on_scenes then
      about.scenes = describe.assignments(source.on_scenes)
      override_all(config, about.scenes)
    end
    if config:table().data.glove == "" then
      config:override("data.glove=" .. dir .. "/scenes.glove.txt")
    end
  end
  override_all(config, typed)
  override_all(config, overrides)
  if about.scenes then about.scenes = M.in_force(config, about.scenes) end
  about.dir = dir
  return config, about
end

return M
