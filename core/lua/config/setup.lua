-- setup.lua: from a script and the command line to a config, and the data it is for.
local config_keys = require "stepwise.config.config_keys"
local core = require "stepwise.core"
local describe = require "stepwise.config.describe"
local scenes = require "stepwise.scenes.scenes_folder"
local script = require "stepwise.config.script"

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

local function config_names()
  local names = {}
  for _, key in ipairs(config_keys) do names[key.name] = true end
  return names
end

-- The words behind the first as overrides; anything else is misuse, and so is a key that could have
-- no effect: an option's name, or one of elsewhere = {key = what sets it for this command}.
function M.overrides(command, arguments, elsewhere)
  local result, is_key = {}, config_names()
  local is_option = {}
  for _, option in ipairs(command.options) do is_option[option[1]] = not is_key[option[1]] end
  for i = 2, #arguments do
    local key = arguments[i]:match("^([^=]+)=")
    if not key then
      core.fail(MISUSE, string.format("%s: expected key=value, found '%s'", command.name,
        arguments[i]))
    end
    local sets = elsewhere and elsewhere[key]
      or is_option[key] and (#key == 1 and "-" or "--") .. key
    if sets then
      core.fail(MISUSE, string.format("%s: %s would have no effect: %s sets it", command.name,
        arguments[i], sets))
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

-- {config = or resolved =, on_scenes =, file =, run =, label =} of an experiment script, a
-- config.json (file = its path), or a run folder (run = its path).
function M.experiment(path)
  local base = path:match("([^/]+)/*$") or path
  if core.file_kind(path) == "folder" then
    local file = path:gsub("/+$", "") .. "/config.json"
    if core.file_kind(file) ~= "file" then
      core.fail(1, path .. ": not a run folder: it has no config.json")
    end
    return {
      config = read_config(file), file = file, run = path:gsub("(.)/+$", "%1"), label = base,
    }
  end
  if path:find("%.json$") then
    return { config = read_config(path), file = path, label = base:gsub("%.json$", "") }
  end
  local value = script.run(script.find(path))
  if describe.is_table(value) then
    core.fail(MISUSE, path .. " gives a table of runs; stepwise ablate runs it")
  elseif not describe.is_experiment(value) then
    core.fail(MISUSE, string.format("%s: expected it to return stepwise.experiment { .. }, found "
      .. "a %s", path, type(value)))
  end
  return {
    resolved = describe.resolved(value),
    on_scenes = value.on_scenes,
    label = base:gsub("%.lua$", ""),
  }
end

-- The resolved config of a source, of the caller's own; an error names the file that holds it.
function M.resolve(session, source)
  if not source.resolved then
    local fine, config = pcall(session.resolve, session, source.config)
    if not fine then core.fail_within(source.file, config) end
    source.resolved = config
  end
  return source.resolved:copy()
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

-- Refuses what the config names and a run could not read. who: "row 'x': ", or "".
function M.check_files(session, config, who)
  local settings = config:table()
  local data, needs_glove = settings.data, session:needs_glove(config)
  if data.glove == "" and data.init == "" and needs_glove then
    core.fail(MISUSE, string.format("%sembedding '%s' starts from GloVe vectors; --glove FILE "
      .. "names them, embedding=NAME chooses another", who, settings.model.embedding.plugin))
  end
  for _, key in ipairs { "glove", "vocab", "init" } do
    if data[key] ~= "" and (key ~= "glove" or needs_glove)
      and core.file_kind(data[key]) ~= "file" then
      core.fail(1, string.format("%sdata.%s: %s: no such file", who, key, data[key]))
    end
  end
  local word_dim = settings.model.embedding.word_dim
  local found, width = false, nil
  if needs_glove and data.glove ~= "" then found, width = pcall(core.glove_width, data.glove) end
  if found and width ~= word_dim then -- what is no such file is refused when it is read
    core.fail(1, string.format("%sdata.glove: %s: expected a word and %d numbers, found %d; "
      .. "word_dim=%d fits the file", who, data.glove, word_dim, width, width))
  end
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
  core.catch_interrupts() -- an array that is not whole must not stay
  scenes.write(dir)
  core.release_interrupts()
end

local function override_all(config, assignments)
  for _, assignment in ipairs(assignments) do config:override(assignment) end
end

-- Where the options of the command line stand in a config.
local option_paths = {
  data = { "data", "dir" }, glove = { "data", "glove" }, vocab = { "data", "vocab" },
  init = { "data", "init" }, seed = { "seed" }, threads = { "threads" },
}

-- Applies the options of the command line to a config and then the overrides, which may not say
-- otherwise than an option.
function M.apply(config, given, overrides)
  local chosen = {}
  for _, option in ipairs { "data", "glove", "vocab", "init", "seed", "threads" } do
    if given[option] ~= nil then
      local path = option_paths[option]
      config:override(table.concat(path, ".") .. "=" .. given[option])
      chosen[#chosen + 1] = { option = option, path = path, value = tostring(given[option]) }
    end
  end
  override_all(config, overrides)
  local settings = #chosen > 0 and config:table()
  for _, one in ipairs(chosen) do
    local value = settings
    for _, key in ipairs(one.path) do value = value[key] end
    if tostring(value) ~= one.value then
      core.fail(MISUSE, string.format("--%s %s and %s=%s contradict each other; give one of them",
        one.option, one.value, table.concat(one.path, "."), tostring(value)))
    end
  end
  return config
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
-- changes for generated data}. Options and overrides win over the script.
function M.configure(source, given, overrides, session)
  session = session or describe.session()
  local first = M.apply(M.resolve(session, source), given, overrides)
  local dir = first:table().data.dir
  first:close()

  local about = {}
  if dir == "" then
    dir = M.SCENES
    about.generated = true
  else
    about.generated = core.is_generated(dir)
  end
  local config = M.resolve(session, source)
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
  M.apply(config, given, overrides)
  if about.scenes then about.scenes = M.in_force(config, about.scenes) end
  about.dir = dir
  return config, about
end

return M
