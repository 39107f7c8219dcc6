-- plan.lua: a table of runs, resolved and frozen before the first one starts.
--
-- DIR/plan.json     title, rows, seeds, the resolved config and the id of every run, and the stamps
--                   of the splits whose values were checked
-- DIR/configs/      the same configs, one file a run
-- DIR/logs/         what each run printed; NAME.error: why it failed; sweep.log: who ran what when
-- DIR/claims/       which process has which run in hand (train/claim.h)
-- DIR/NAME/         the run folder
-- DIR/replaced/     run folders that --replan has set aside
-- DIR/slurm/        what --slurm submitted
-- DIR/table.md      the result
local core = require "stepwise.core"
local claims = require "stepwise.sweep.claim"
local describe = require "stepwise.config.describe"
local design = require "stepwise.config.design"
local identity = require "stepwise.run.identity"
local plan_check = require "stepwise.sweep.plan_check"
local plugin_files = require "stepwise.config.plugin_files"
local script = require "stepwise.config.script"
local setup = require "stepwise.config.setup"
local table_rows = require "stepwise.config.table_rows"

local M = {}

local MISUSE <const> = 2
local MOST_SEEDS <const> = 1000

local ours <const> = plan_check.ours

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
  while taken[free] or ours[free] do
    n = n + 1
    free = slug .. "-" .. n
  end
  taken[free] = true
  return free
end

-- The resolved configs of runs, whose plain tables plan.json has: each is resolved once.
local configs = setmetatable({}, { __mode = "k" })

-- A copy of the resolved config of a run of the plan in `dir`.
local function config_of(run, dir)
  if not configs[run] then
    local session = describe.session()
    local fine, config = pcall(session.resolve, session, run.config or false)
    if not fine then
      core.fail_within(string.format("%s/plan.json: run '%s'", dir, run.folder), config)
    end
    configs[run] = config
  end
  return configs[run]:copy()
end

-- The plan of the script at `path`: every row and seed resolved, nothing written. seeds: nil for
-- the base's own.
function M.build(path, given, overrides, seeds)
  local value = script.run(script.find(path))
  if not describe.is_table(value) then
    core.fail(MISUSE, string.format("%s: expected it to return stepwise.table { .. }, found %s",
      path, describe.is_experiment(value) and "an experiment, which stepwise train runs"
        or "a " .. type(value)))
  end
  value = describe.table(value) -- a script can change what it was given after the check
  local function configure(experiment)
    return setup.configure({
      resolved = describe.resolved(experiment, value.tests),
      on_scenes = experiment.on_scenes, label = path,
    }, given, overrides)
  end
  local base, about = configure(value.base)
  seeds = seeds or { base:table().seed }
  local rows, reference, of_design = design.expand(value, base)
  local plan = {
    title = value.title, note = value.note, reference = reference, script = path,
    data = about.dir, generated = about.generated, on_scenes = core.json_array(about.scenes or {}),
    overrides = core.json_array(overrides), version = core.version,
    plugin_files = core.json_array(plugin_files.list()),
    rows = core.json_array {}, runs = core.json_array {}, design = of_design,
    also = value.also,
  }
  local taken, slugs, unheard = {}, {}, {}
  for i, row in ipairs(rows) do
    local slug = slug_of(row.name, taken)
    local config = table_rows.kind(row) == "run" and describe.row_config(row, base, configure)
    slugs[row.name] = slug
    if config then
      local fine, problem = pcall(config.require_heard, config, {})
      if not fine then core.fail_within(string.format("%s: row '%s'", path, row.name), problem) end
    end
    for _, assignment in ipairs(config and overrides or {}) do
      unheard[assignment] = unheard[assignment] ~= false and config:unheard(assignment) or false
    end
    plan.rows[i] = {
      name = row.name, slug = slug, paper = row.paper,
      base = row.base and (row.base.name or "another experiment"),
      ensemble = row.ensemble and core.json_array(row.ensemble), cited = row.cited,
      changes = core.json_array(describe.assignments(describe.changes_of(row))),
    }
    for _, seed in ipairs(config and seeds or {}) do
      config:override("seed=" .. seed)
      config:override("name=" .. row.name)
      local run = {
        row = slug, seed = seed, folder = string.format("%s-seed%d", slug, seed),
        hash = config:hash(), config = config:table(), text = config:text(2),
      }
      configs[run] = config:copy()
      plan.runs[#plan.runs + 1] = run
    end
    if config then config:close() end
  end
  base:close()
  for _, assignment in ipairs(overrides) do -- of a row with another loss it is no slip
    if unheard[assignment] then core.fail(MISUSE, path .. ": " .. unheard[assignment]) end
  end
  for _, setting in ipairs(of_design and of_design.settings or {}) do
    setting.row = slugs[setting.row]
  end
  return plan
end

-- The row that the others are compared with: the one that is named, or the first that changes
-- nothing; an error for an `option` that needs one where there is none.
function M.reference(plan, option)
  for _, row in ipairs(plan.rows) do
    if plan.reference and row.name == plan.reference or not plan.reference and not row.base
      and table_rows.kind(row) == "run" and #row.changes == 0 then
      return row
    end
  end
  core.fail(MISUSE, string.format("ablate: %s needs a row that others are compared with: reference "
    .. "= NAME in the table, or a row that changes nothing", option))
end

-- Adds a run of `seed` to the rows whose slugs are true in `rows`, where there is none.
function M.add_seed(plan, dir, seed, rows)
  local first, has = {}, {}
  for _, run in ipairs(plan.runs) do
    first[run.row] = first[run.row] or run
    has[run.row] = has[run.row] or run.seed == seed
  end
  for slug, run in pairs(first) do
    if rows[slug] and not has[slug] then
      local config = config_of(run, dir)
      config:override("seed=" .. seed)
      local new = {
        row = slug, seed = seed, folder = string.format("%s-seed%d", slug, seed),
        hash = config:hash(), config = config:table(), text = config:text(2),
      }
      configs[new] = config
      plan.runs[#plan.runs + 1] = new
    end
  end
end

-- What the rows read has to be there before the first run starts.
function M.check_files(plan)
  if core.file_kind(plan.data) ~= "folder" then
    core.fail(1, plan.data .. ": no such data folder")
  end
  local session, seen = describe.session(), {}
  for _, run in ipairs(plan.runs) do
    if not seen[run.row] then
      seen[run.row] = true
      setup.check_files(session, config_of(run), string.format("row '%s': ", run.config.name))
    end
  end
end

-- ---- agreement with what a folder holds --------------------------------------------------------

local paths <const> = { "dir", "glove", "vocab", "init" }

-- Refuses a plan with a config that nobody could run.
function M.check_configs(plan, dir)
  for _, run in ipairs(plan.runs) do config_of(run, dir) end
end

-- What differs between a run of the plan in `dir` and the run `new` but for seed and paths, in
-- words, or nil; then the same of the paths.
local function difference(planned, new, dir)
  local a, b = config_of(planned, dir), config_of(new)
  a:override("seed=" .. new.seed)
  local moved
  for _, path in ipairs(paths) do
    local there, here = a.value.data[path], b.value.data[path]
    if there ~= here then
      moved = moved or string.format("data.%s is '%s' there and '%s' here", path, there, here)
    end
  end
  return a:difference(b), moved
end

-- Has a run read from the paths of `data`.
local function move(run, data)
  local config = config_of(run)
  for _, path in ipairs(paths) do config:override("data." .. path .. "=" .. data[path]) end
  configs[run], run.config, run.text = config, config:table(), config:text(2)
end

-- Has all runs of a plan read from other paths: those of dir, glove and vocab that are given.
function M.move(plan, given)
  plan.data = given.dir or plan.data
  plan.generated = core.is_generated(plan.data)
  for _, run in ipairs(plan.runs) do
    local data = {}
    for _, path in ipairs(paths) do data[path] = given[path] or run.config.data[path] end
    move(run, data)
  end
end

function M.read(dir)
  local path = dir .. "/plan.json"
  if core.file_kind(path) ~= "file" then
    core.fail(1, dir .. ": no plan.json; expected the --out folder of stepwise ablate")
  end
  local fine, plan = pcall(core.json_decode, core.read_text(path))
  if not fine then core.fail_within(path, plan) end
  plan_check.check(plan, path)
  return plan
end

local function must(made, reason)
  if not made then core.fail(1, reason) end
end

local function row_of(plan, slug)
  for _, row in ipairs(plan.rows) do
    if row.slug == slug then return row end
  end
end

-- The stamps that a plan has kept.
local function stamps_of(plan)
  local list = core.json_array {}
  for _, stamp in ipairs(type(plan.checked) == "table" and plan.checked or {}) do
    if type(stamp) == "string" then list[#list + 1] = stamp end
  end
  return list
end

-- Joins the seeds of an older plan in `dir` to this one; the rows they share must be the same.
-- Gives by row the paths that have changed: all runs now read from those of this plan.
local function join(plan, old, dir)
  local rows, have, moved = {}, {}, {}
  for _, row in ipairs(plan.rows) do rows[row.slug] = row end
  local of_row = {}
  for _, run in ipairs(plan.runs) do
    of_row[run.row] = run
    have[run.folder] = true
  end
  for _, row in ipairs(old.rows) do
    if not rows[row.slug] then
      core.fail(1, string.format("%s: holds another table, with a row '%s'; --out DIR takes "
        .. "another folder", dir, row.name))
    end
  end
  for _, run in ipairs(old.runs) do
    local changed, path = difference(run, of_row[run.row], dir)
    if changed then
      core.fail(1, string.format("%s: row '%s' was planned otherwise there: %s; --out DIR takes "
        .. "another folder", dir, rows[run.row].name, changed))
    end
    moved[run.row] = moved[run.row] or path
    if not have[run.folder] then
      plan.runs[#plan.runs + 1] = run
      if path then move(run, of_row[run.row].config.data) end
    end
  end
  return moved
end

-- Gives every run its id and every row its sources, where the data are there to be read; what the
-- runs read is checked. known: sources by row, of an earlier call.
local function identify(plan, known)
  local sources_of = identity.reader(plan.checked)
  for _, run in ipairs(plan.runs) do
    if core.file_kind(run.config.data.dir) ~= "folder" then return end
    local config, row = config_of(run), row_of(plan, run.row)
    if not known[run.row] then
      local fine, sources = pcall(sources_of, config, run.config)
      if not fine then core.fail_within(string.format("row '%s'", row.name), sources) end
      known[run.row] = sources
    end
    row.sources = known[run.row]
    run.id, run.key = identity.of(config, row.sources)
  end
end

-- An older plan of the same rows may have been made with other data or plugins behind the names.
-- Where the fingerprints are not known, the paths (`moved`) have to be the same.
local function check_sources(plan, old, dir, moved, replan)
  for _, before in ipairs(old.rows) do
    local row, changed = row_of(plan, before.slug), nil
    if not (before.sources and row.sources) then
      if moved[before.slug] then
        core.fail(1, string.format("%s: row '%s' was planned otherwise there: %s; --out DIR takes "
          .. "another folder", dir, row.name, moved[before.slug]))
      end
    elseif not replan then
      changed = identity.difference(before.sources, row.sources)
    end
    if changed then
      core.fail(1, string.format("%s: row '%s' was planned with something else: %s; --replan plans "
        .. "it anew and runs it again, --out DIR takes another folder", dir, row.name, changed))
    end
  end
end

-- A rule that changes once it may have looked is none.
local function join_sequence(plan, old, dir)
  local there, here = old.sequence, plan.sequence
  if there and here and (there.first ~= here.first or there.most ~= here.most) then
    core.fail(1, string.format("%s: planned there with %d to %d seeds until rows are separable, "
      .. "and here with %d to %d; the same numbers resume it, --out DIR takes another folder", dir,
      there.first, there.most, here.first, here.most))
  end
  plan.sequence = there or here
end

local function sort_runs(plan)
  local order = {}
  for i, row in ipairs(plan.rows) do order[row.slug] = i end
  table.sort(plan.runs, function(a, b)
    if a.seed ~= b.seed then return a.seed < b.seed end
    return order[a.row] < order[b.row]
  end)
end

local function agree(plan, dir, replan, known)
  local old, moved = core.file_kind(dir .. "/plan.json") and M.read(dir), nil
  plan.checked = stamps_of(plan)
  if old then
    moved = join(plan, old, dir)
    join_sequence(plan, old, dir)
    if #plan.checked == 0 then plan.checked = stamps_of(old) end
  elseif core.file_kind(dir) == "folder" then
    for _, name in ipairs(core.list_folder(dir)) do
      if not ours[name] and not name:find("^plan%.json%.") then -- or what a killed process left
        core.fail(1, dir .. ": holds something other than runs of a table; --out DIR takes another "
          .. "folder")
      end
    end
  end
  sort_runs(plan)
  identify(plan, known)
  if old then check_sources(plan, old, dir, moved, replan) end
end

-- What a process that was killed while it wrote has left. The claim of the plan is ours.
local function remove_leftovers(dir)
  for _, place in ipairs { { dir .. "/configs/", "" }, { dir .. "/", "^plan" } } do
    for _, name in ipairs(core.list_folder(place[1])) do
      if name:find(place[2] .. ".*%.json%.%w%w%w%w%w%w$") then os.remove(place[1] .. name) end
    end
  end
end

local function write(plan, dir)
  remove_leftovers(dir)
  for _, run in ipairs(plan.runs) do
    local path = dir .. "/configs/" .. run.folder .. ".json"
    if run.text then core.write_file(path, run.text .. "\n") end
    run.text = nil
  end
  core.write_file(dir .. "/plan.json", core.json_encode(plan, 1) .. "\n")
end

-- Checks the plan against the folder and, unless `look` is set, writes it there. replan: what the
-- runs read and the plugins may have changed since the folder's own plan.
function M.freeze(plan, dir, look, replan)
  local known = {}
  agree(plan, dir, replan, known) -- what is refused leaves no trace
  if look then return end
  for _, part in ipairs { "configs", "logs", "claims" } do
    must(core.make_folders(dir .. "/" .. part))
  end
  local claim <close> = claims.watch():wait(dir .. "/claims/plan", function() end)
  if not claim then core.fail(1, "interrupted") end
  agree(plan, dir, replan, known)
  write(plan, dir)
end

-- "done", "begun", "new", or "other" and why.
function M.state(dir, run, row)
  return identity.state(dir .. "/" .. run.folder, run, row)
end

-- A folder that holds another run than the planned one is an error, or is set aside.
function M.check_folders(plan, dir, replan)
  for _, run in ipairs(plan.runs) do
    local state, reason = M.state(dir, run, row_of(plan, run.row))
    if state == "other" then
      local folder = dir .. "/" .. run.folder
      if not replan then
        core.fail(1, string.format("%s: it is not the planned run: %s; --replan sets it aside and "
          .. "runs it again, --out DIR takes another folder", folder, reason))
      end
      local claim <close> = core.claim(dir .. "/claims/" .. run.folder)
      if not claim or core.claim_state(folder .. "/claim").held then
        core.fail(1, folder .. ": it is locked by another process")
      end
      must(core.make_folders(dir .. "/replaced"))
      local aside, n = dir .. "/replaced/" .. run.folder, 1
      while core.file_kind(aside) do
        n = n + 1
        aside = string.format("%s/replaced/%s-%d", dir, run.folder, n)
      end
      must(os.rename(folder, aside))
    end
  end
end

return M
