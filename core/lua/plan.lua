-- plan.lua: a table of runs, resolved and frozen before the first one starts.
--
-- DIR/plan.json     title, rows, seeds, and the resolved config of every run
-- DIR/configs/      the same configs, one file a run
-- DIR/logs/         what each run printed; NAME.error: why it failed
-- DIR/NAME/         the run folder
-- DIR/table.md      the result
local core = require "stepwise.core"
local describe = require "stepwise.describe"
local script = require "stepwise.script"
local setup = require "stepwise.setup"

local M = {}

local MISUSE <const> = 2
local MOST_SEEDS <const> = 1000

-- "0-4", "0,1,2", "0-2,7" -> a sorted list
function M.seeds(words)
  local seen, list = {}, {}
  local function refuse()
    core.fail(MISUSE, "--seeds: expected numbers like 0-4 or 0,1,2, found '" .. words .. "'")
  end
  for part in (words .. ","):gmatch("([^,]*),") do
    local from, to = part:match("^(%d+)%-(%d+)$")
    if not from then
      from = part:match("^%d+$")
      to = from
    end
    from, to = math.tointeger(tonumber(from)), math.tointeger(tonumber(to))
    if not from or not to or from > to then refuse() end
    if to - from >= MOST_SEEDS or #list + to - from >= MOST_SEEDS then
      core.fail(MISUSE, "--seeds: expected at most " .. MOST_SEEDS .. " seeds")
    end
    for seed = from, to do
      if not seen[seed] then list[#list + 1] = seed end
      seen[seed] = true
    end
  end
  table.sort(list)
  return list
end

-- A name for files, made of the row's.
local function slug_of(name, taken)
  local slug = name:lower():gsub("[^%w]+", "-"):gsub("^%-+", ""):gsub("%-+$", "")
  if slug == "" then slug = "row" end
  slug = slug:sub(1, 60)
  local free, n = slug, 1
  while taken[free] or free == "configs" or free == "logs" do
    n = n + 1
    free = slug .. "-" .. n
  end
  taken[free] = true
  return free
end

-- The plan of the script at `path`: every row and seed resolved, nothing written.
function M.build(path, given, overrides, seeds)
  local value = script.run(script.find(path))
  if not describe.is_table(value) then
    core.fail(MISUSE, string.format("%s: expected it to return stepwise.table { .. }, found %s",
      path, describe.is_experiment(value) and "an experiment, which stepwise train runs"
        or "a " .. type(value)))
  end
  local source = {
    config = describe.config_of(value.base), on_scenes = value.base.on_scenes, label = path,
  }
  local base, about = setup.configure(source, given, overrides)
  local plan = {
    title = value.title, note = value.note, reference = value.reference, script = path,
    data = about.dir, generated = about.generated, on_scenes = core.json_array(about.scenes or {}),
    overrides = core.json_array(overrides), version = core.version,
    rows = core.json_array {}, runs = core.json_array {},
  }
  local taken = {}
  for i, row in ipairs(value.rows) do
    local config = base:copy()
    describe.apply_row(config, row)
    local slug = slug_of(row.name, taken)
    plan.rows[i] = {
      name = row.name, slug = slug, paper = row.paper,
      changes = core.json_array(describe.assignments(describe.changes_of(row))),
    }
    for _, seed in ipairs(seeds) do
      config:override("seed=" .. seed)
      config:override("name=" .. row.name)
      plan.runs[#plan.runs + 1] = {
        row = slug, seed = seed, folder = string.format("%s-seed%d", slug, seed),
        hash = config:hash(), config = config:table(), text = config:text(2),
      }
    end
    config:close()
  end
  base:close()
  return plan
end

-- What the rows read has to be there before the first run starts.
function M.check_files(plan)
  if core.file_kind(plan.data) ~= "folder" then
    core.fail(1, plan.data .. ": no such data folder")
  end
  local session, seen = describe.session(), {}
  for _, run in ipairs(plan.runs) do
    local data = run.config.data
    if not seen[run.row] then
      seen[run.row] = true
      local config <close> = session:resolve(run.config)
      if data.glove == "" and session:needs_glove(config) then
        core.fail(MISUSE, string.format("row '%s': its words start from GloVe vectors; --glove "
          .. "FILE names them", run.config.name))
      end
      for _, key in ipairs { "glove", "vocab" } do
        if data[key] ~= "" and core.file_kind(data[key]) ~= "file" then
          core.fail(1, string.format("row '%s': data.%s: %s: no such file", run.config.name, key,
            data[key]))
        end
      end
    end
  end
end

-- ---- agreement with what a folder holds --------------------------------------------------------

local function difference(old, new)
  local session = describe.session()
  local a <close> = session:resolve(old)
  local b <close> = session:resolve(new)
  a:override("seed=" .. new.seed)
  for _, path in ipairs { "dir", "glove", "vocab" } do
    if old.data[path] ~= new.data[path] then
      return string.format("data.%s is '%s' there and '%s' here", path, old.data[path],
        new.data[path])
    end
  end
  return a:difference(b)
end

function M.read(dir)
  local path = dir .. "/plan.json"
  if core.file_kind(path) ~= "file" then
    core.fail(1, dir .. ": no plan.json; expected the --out folder of stepwise ablate")
  end
  local fine, plan = pcall(core.json_decode, core.read_file(path))
  if not fine then core.fail_within(path, plan) end
  if type(plan) ~= "table" or type(plan.rows) ~= "table" or type(plan.runs) ~= "table" then
    core.fail(1, path .. ": expected rows and runs")
  end
  return plan
end

-- Joins the seeds of an older plan in `dir` to this one; the rows they share must be the same.
local function join(plan, dir)
  local old = M.read(dir)
  local rows, have = {}, {}
  for _, row in ipairs(plan.rows) do rows[row.slug] = row end
  for _, run in ipairs(plan.runs) do
    rows[run.row].config = run.config
    have[run.folder] = true
  end
  for _, row in ipairs(old.rows) do
    if not rows[row.slug] then
      core.fail(1, string.format("%s: holds another table, with a row '%s'; --out DIR takes "
        .. "another folder", dir, row.name))
    end
  end
  for _, run in ipairs(old.runs) do
    local row = rows[run.row]
    local changed = difference(run.config, row.config)
    if changed then
      core.fail(1, string.format("%s: row '%s' was planned otherwise there: %s; --out DIR takes "
        .. "another folder", dir, row.name, changed))
    end
    if not have[run.folder] then plan.runs[#plan.runs + 1] = run end
  end
  for _, row in ipairs(plan.rows) do row.config = nil end
end

local function must(made, reason)
  if not made then core.fail(1, reason) end
end

-- Checks the plan against the folder and, unless `look` is set, writes it there.
function M.freeze(plan, dir, look)
  if core.file_kind(dir .. "/plan.json") then
    join(plan, dir)
  elseif core.file_kind(dir) == "folder" and #core.list_folder(dir) > 0 then
    core.fail(1, dir .. ": holds something else than runs of a table; --out DIR takes another "
      .. "folder")
  end
  local order = {}
  for i, row in ipairs(plan.rows) do order[row.slug] = i end
  table.sort(plan.runs, function(a, b)
    if a.seed ~= b.seed then return a.seed < b.seed end
    return order[a.row] < order[b.row]
  end)
  if look then return end
  must(core.make_folders(dir .. "/configs"))
  must(core.make_folders(dir .. "/logs"))
  for _, run in ipairs(plan.runs) do
    local path = dir .. "/configs/" .. run.folder .. ".json"
    if run.text then core.write_file(path, run.text .. "\n") end
    run.text = nil
  end
  core.write_file(dir .. "/plan.json", core.json_encode(plan, 1) .. "\n")
end

-- "done", "begun" or "new"
function M.state(dir, run)
  local folder = dir .. "/" .. run.folder
  if core.file_kind(folder .. "/result.json") == "file" then return "done" end
  return core.file_kind(folder) and "begun" or "new"
end

return M
