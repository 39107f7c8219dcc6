-- ablate.lua: stepwise ablate
local claims = require "stepwise.sweep.claim"
local core = require "stepwise.core"
local ensembles = require "stepwise.sweep.ensembles"
local path_of = require "stepwise.sweep.path"
local plan_of = require "stepwise.sweep.plan"
local plugin_files = require "stepwise.config.plugin_files"
local progress = require "stepwise.util.progress"
local results_of = require "stepwise.results.results"
local price = require "stepwise.sweep.price"
local reuse = require "stepwise.sweep.reuse"
local rounds = require "stepwise.sweep.rounds"
local seeds = require "stepwise.sweep.seeds"
local setup = require "stepwise.config.setup"
local slurm = require "stepwise.sweep.slurm"
local stops = require "stepwise.sweep.stops"
local sweep = require "stepwise.sweep.sweep"
local switched_off = require "stepwise.sweep.switched_off"
local text = require "stepwise.util.text"

local MISUSE <const> = 2
local STALL <const> = 7200

local M = {
  name = "ablate",
  summary = "Runs every row of a table of changes, over seeds, and prints the table.",
  usage = "TABLE.lua|DIR [key=value..]",
  details = [[
All configs are resolved and written to DIR/plan.json before the first run. The same command, or
stepwise ablate DIR, resumes what is not done; finished runs are kept. --data, --glove and --vocab
may name the same files by another path. key=value changes the base of all rows. Several may run at
once on one DIR, on several machines: they share the work.
--dry-run prints what it will cost, and one shell command per run, for GNU parallel or a cluster of
any kind. For the cost it times up to 20 steps of each shape that it has not timed on this machine
before.]],
  arguments = { 1, math.huge },
  options = {
    setup.options[1], setup.options[2], setup.options[3],
    { "seeds", "LIST", "0-4 or 0,1,2: a run per row and seed; the base's own seed when none is "
      .. "given" },
    { "j", "N", "runs at a time", kind = "integer", least = 1, most = 256 },
    { "threads", "N", "of each run; the CPUs divided by -j when none is given", kind = "integer",
      most = 256 },
    { "out", "DIR", "where all of it goes; runs/TABLE when none is given" },
    { "dry-run", nil, "check everything, print its cost and one command per run; nothing is "
      .. "written but how long steps take on this machine, in ~/.cache/stepwise" },
    { "budget", "TIME", "as 90m, 8h or 2d: start a round of seeds only when it fits in the time "
      .. "that is left" },
    seeds.options[1], seeds.options[2], stops.options[1], stops.options[2],
    { "run", "NAME,..", "only these runs of the plan; no table is written" },
    { "reuse", "DIR,..", "take finished runs of the same id over from these folders, or from "
      .. "sweeps in them; auto: from what is beside the folder of --out. Why a run that is nearly "
      .. "the same is not taken is told" },
    { "replan", nil, "data or plugins have changed: set runs made with the old ones aside" },
    { "lease", "S", string.format("seconds without a sign of life after which another machine's "
      .. "process counts as dead; %d", claims.LEASE), kind = "integer", least = 5, most = 86400 },
    { "stall", "S", string.format("seconds without a step after which a run has failed; %d, 0: "
      .. "never", STALL), kind = "integer", most = 10000000 },
    slurm.options[1], slurm.options[2], slurm.options[3], slurm.options[4],
  },
}

local function changes_of(plan)
  local changes = {}
  for _, row in ipairs(plan.rows) do
    changes[row.slug] = (row.base and row.base .. " " or "") .. table.concat(row.changes, " ")
  end
  return changes
end

-- prefix: before each line. reusing: whether --reuse is given
local function show_plan(plan, dir, prefix, reusing)
  local function say(line) text.say("%s%s", prefix, line) end
  local path = path_of.is_path(plan) and path_of.follow(plan, dir)
  say(string.format("%s: %s, %s in %s", plan.title, text.plural(#plan.rows, "row"),
    text.plural(#plan.runs, "run"), dir))
  say("data: " .. plan.data .. (plan.generated and " (generated scenes)" or ""))
  if #plan.on_scenes > 0 then
    say("set for generated scenes by the experiment: " .. table.concat(plan.on_scenes, " "))
  end
  for _, row in ipairs(plan.rows) do
    if row.sources and row.sources.data.test == core.json_null then
      say(string.format("no test split in %s: results are of dev", plan.data))
      break
    end
  end
  local changes, rows = changes_of(plan), { { "run", "state", "changes" } }
  for i, run in ipairs(plan.runs) do
    local state = plan_of.state(dir, run)
    if path and state == "new" and not path.due[run.folder] then state = "if the path needs it" end
    rows[i + 1] = { run.folder, state, changes[run.row] }
  end
  for _, line in ipairs(text.columns(rows)) do say(line) end
  for _, row in ipairs(plan.rows) do
    if row.ensemble then
      say(string.format("%s: ensemble of %s", row.name, table.concat(row.ensemble, ", ")))
    elseif row.cited then
      say(row.name .. ": cited")
    end
  end
  for _, left in ipairs(plan.design and plan.design.left_out or {}) do
    say(string.format("'%s' cannot be composed: %s", left.name, left.reason))
  end
  if reusing then return end
  local finished, above = reuse.count_beside(plan, dir)
  if finished > 0 then
    say(string.format("%d of these runs finished in other folders of %s: --reuse %s takes them "
      .. "over", finished, above, reuse.AUTO))
  end
end

-- What --reuse finds: {ID = folder}, and lines about what it does not take.
local function find_reusable(plan, dir, given)
  local folders = reuse.folders(given.reuse, dir)
  local found = reuse.find(folders, plan)
  return found, reuse.refusals(folders, plan, dir, found)
end

local function show_reuse(plan, dir, given)
  local found, refusals = find_reusable(plan, dir, given)
  for _, run in ipairs(plan.runs) do
    if run.id and found[run.id] and plan_of.state(dir, run) == "new" then
      text.say("# %s: would be taken over from %s", run.folder, found[run.id])
    end
  end
  for _, line in ipairs(refusals) do text.say("# %s", line) end
end

-- One command for each run that is not done and due; each checks and writes the plan for itself.
local function show_commands(plan, dir, argv)
  local words, i = {}, 2
  while i <= #argv do
    local word = argv[i]
    if word == "--run" or word == "-j" then
      i = i + 1
    elseif word ~= "--dry-run" and not word:find("^%-%-run=") and not word:find("^%-j") then
      words[#words + 1] = word
    end
    i = i + 1
  end
  local path = path_of.is_path(plan) and path_of.follow(plan, dir)
  for _, run in ipairs(plan.runs) do
    if plan_of.state(dir, run) ~= "done" and (not path or path.due[run.folder]) then
      local command = { core.program_path(), "ablate", "--run", run.folder }
      print(text.command(table.move(words, 1, #words, #command + 1, command)))
    end
  end
end

-- The runs that --run names, as a set; nil: all.
local function chosen(plan, list)
  if not list then return nil end
  local names, set = {}, {}
  for i, run in ipairs(plan.runs) do names[i] = run.folder end
  for name in list:gmatch("[^,]+") do
    for _, known in ipairs(names) do set[name] = set[name] or name == known end
    if not set[name] then
      core.fail(MISUSE, string.format("--run: no run '%s'%s", name, core.suggest(name, names)))
    end
  end
  return set
end

-- Keys of a config that every run has from somewhere else.
local elsewhere = { name = "a row's name", seed = "--seeds", threads = "--threads" }

-- The plan of a script, or the one that a folder holds, and the folder.
local function plan_for(given, arguments)
  local path = arguments[1]:gsub("(.)/+$", "%1")
  local overrides = setup.overrides(M, arguments, elsewhere)
  if core.file_kind(path) == "folder" then
    for _, option in ipairs { "seeds", "out", "until", "max-seeds" } do
      if given[option] or #overrides > 0 then
        core.fail(MISUSE, string.format("ablate: %s is planned already; %s is for a TABLE.lua",
          path, #overrides > 0 and overrides[1] or "--" .. option))
      end
    end
    local plan = plan_of.read(path)
    plugin_files.expect(plan.plugin_files, path)
    plan_of.check_configs(plan, path)
    if given.data or given.glove or given.vocab then
      plan_of.move(plan, { dir = given.data, glove = given.glove, vocab = given.vocab })
    end
    return plan, path
  end
  local dir = given.out or "runs/" .. (path:match("([^/]+)$") or path):gsub("%.lua$", "")
  dir = dir:gsub("(.)/+$", "%1")
  local sequence = seeds.sequence(given, plan_of.seeds)
  local plan = plan_of.build(path, given, overrides, given.seeds and plan_of.seeds(given.seeds))
  plan.sequence = sequence
  if sequence then plan_of.reference(plan, "--until separable") end
  return plan, dir
end

-- Who is gone cannot decide anything between two rounds.
local function check_detach(given)
  if not given.detach then return end
  if not given.slurm then core.fail(MISUSE, "ablate: --detach needs --slurm") end
  for _, option in ipairs { "budget", "until" } do
    if given[option] then
      core.fail(MISUSE, string.format("ablate: give either --detach or --%s, not both", option))
    end
  end
end

local DEFAULT_BUDGET <const> = 8 * 3600 -- of the line that says how much fits

local function budget_of(given)
  if not given.budget then return nil end
  return price.seconds(given.budget) or core.fail(MISUSE, string.format("ablate: --budget: "
    .. "expected a time like 90m, 8h or 2d, found '%s'", given.budget))
end

-- How many threads a run has.
local function threads_of(given)
  return given.threads or given.j and math.max(1, core.machine().cpus // given.j) or nil
end

local function prices_of(plan, given, say)
  return price.of(plan, threads_of(given), function()
    say("timing steps of each shape (once per machine)..")
  end)
end

local function show_price(plan, dir, given)
  local function say(line) text.say("# %s", line) end
  local prices, problem = prices_of(plan, given, say)
  if not prices then return say("cost: not known, " .. problem) end
  for _, line in ipairs(price.lines(plan, dir, prices, given.j or 1,
    budget_of(given) or DEFAULT_BUDGET)) do
    say(line)
  end
end

-- Runs a path, row after row as results choose them. Gives how many failed, and the signal that
-- interrupted it.
local function run_path(plan, dir, options, out)
  local tried, failed = {}, 0
  while true do
    local only = {}
    for folder in pairs(path_of.follow(plan, dir).due) do
      only[folder] = not tried[folder] or nil
      tried[folder] = true
    end
    if not next(only) then return failed end
    options.only = only
    local more, interrupted = sweep.run(plan, dir, options, out)
    failed = failed + more
    if interrupted then return failed, interrupted end
  end
end

-- options: as ensembles.evaluate takes them.
local function finish(plan, dir, options, out, failed, interrupted, hint)
  core.release_interrupts()
  if not interrupted then failed = failed + ensembles.evaluate(plan, dir, options, out) end
  local page = results_of.write(results_of.read(dir), dir)
  if interrupted then
    print("interrupted; " .. hint)
    return 128 + interrupted
  end
  io.write("\n", page, "\n", dir, "/table.md, .tex, .csv, .json; as a page with its pictures: ",
    text.command { "stepwise", "report", dir }, "\n")
  return failed == 0 and 0 or 1
end

function M.run(given, arguments, argv)
  local budget = budget_of(given)
  check_detach(given)
  local plan, dir = plan_for(given, arguments)
  if given.race then plan_of.reference(plan, "--race") end
  if given["dry-run"] then
    if not plan.generated or core.is_generated(plan.data) then plan_of.check_files(plan) end
    plan_of.freeze(plan, dir, true, given.replan)
    if not given.replan then plan_of.check_folders(plan, dir) end
    chosen(plan, given.run)
    show_plan(plan, dir, "# ", given.reuse)
    if given.reuse then show_reuse(plan, dir, given) end
    show_price(plan, dir, given)
    show_commands(plan, dir, { table.unpack(argv, 1) })
    return 0
  end
  local out <close> = progress.new(io.stdout)
  if plan.generated then setup.ensure_scenes(plan.data, function(line) out:say(line) end) end
  plan_of.check_files(plan)
  plan_of.freeze(plan, dir, false, given.replan)
  plan_of.check_folders(plan, dir, given.replan)
  local only = chosen(plan, given.run)
  local stall = given.stall or STALL
  local options = {
    jobs = given.j, threads = given.threads, lease = given.lease, only = only,
    stall = stall > 0 and stall or nil, collapse = given.collapse or stops.COLLAPSE,
    race = given.race,
  }
  if given.reuse then
    local refusals
    options.reuse, refusals = find_reusable(plan, dir, given)
    for _, line in ipairs(refusals) do out:say(line) end
  end
  local limits = { only = only, budget = budget, jobs = given.j or 1 }
  if budget then
    local prices, problem = prices_of(plan, given, function(line) out:say(line) end)
    limits.prices = prices or core.fail(1, "--budget: " .. problem)
  end
  local is_path = not only and path_of.is_path(plan)
  for _, name in ipairs { "slurm", "budget", "until" } do
    if is_path and given[name] then
      core.fail(MISUSE, string.format("--%s: a path chooses its rows as results come, one round "
        .. "after another; run it without, or the design factorial", name))
    end
  end
  if not only and not given.slurm then show_plan(plan, dir, "", given.reuse) end
  local hint = "what was running is saved; the same command resumes it"
  local failed, interrupted, other
  if is_path then
    failed, interrupted = run_path(plan, dir, options, out)
  else
    failed, interrupted, other = rounds.run(plan, dir, limits, out, function(these)
      options.only = these
      if given.slurm then return slurm.run(plan, dir, given, options, out) end
      local count, signal = sweep.run(plan, dir, options, out)
      return count, signal, hint
    end)
  end
  if given.detach then return interrupted and 128 + interrupted or 0 end
  if not only and not interrupted and not given.slurm then
    local more
    more, interrupted = switched_off.evaluate(plan, dir, options, out)
    failed = failed + more
  end
  if only and not given.slurm then
    return interrupted and 128 + interrupted or failed == 0 and 0 or 1
  end
  return finish(plan, dir, options, out, failed, interrupted, other or hint)
end

return M
