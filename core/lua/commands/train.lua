-- train.lua: stepwise train
local claims = require "stepwise.sweep.claim"
local composition = require "stepwise.config.composition"
local core = require "stepwise.core"
local coverage = require "stepwise.results.coverage"
local describe = require "stepwise.config.describe"
local evaluation_share = require "stepwise.run.evaluation_share"
local identity = require "stepwise.run.identity"
local layout = require "stepwise.results.layout"
local plugin_files = require "stepwise.config.plugin_files"
local progress = require "stepwise.util.progress"
local run_folder = require "stepwise.run.folder"
local setup = require "stepwise.config.setup"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"
local together = require "stepwise.run.together"

local MISUSE <const> = 2

local M = {
  name = "train",
  summary = "Trains the model of an experiment and evaluates it.",
  usage = "EXPERIMENT.lua [key=value..]",
  details = [[
The experiment may also be a config.json, or a run folder, which is resumed.
key=value changes what the experiment says: dim=256 epochs=5 l2l.lambda=9 stages=l2l,g2l.
Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 save the run; the same command with --resume resumes it, to the
same result. --resume epochs=N (or max_steps=N) trains on to another end, also when it is done.
mpirun -n R stepwise train .. (or srun -n R) trains the one model in R processes, on one machine or
several, to the same bits.]],
  arguments = { 1, math.huge },
  options = {
    setup.options[1], setup.options[2], setup.options[3],
    { "seed", "N", "of the first parameters and the order of the captions", kind = "integer" },
    { "out", "RUN", "the run folder; runs/EXPERIMENT-seedN when none is given" },
    { "init", "FILE", "a checkpoint or run folder whose parameters the run starts from" },
    { "resume", nil, "resume the run folder from its saved state" },
    { "restart", nil, "start over in the run folder; what it holds is removed" },
    { "continue", nil, "resume the run folder, or start it (stepwise ablate gives it)" },
    { "threads", "N", "0: one for each CPU; the result is the same", kind = "integer", most = 256 },
    { "id", "ID", "fail unless config, data and plugins make this run (stepwise ablate gives it)" },
    { "checked", "STAMP,..", "splits whose values need no check (stepwise ablate gives it)" },
    { "alone", nil, "train by itself where mpirun or srun started several processes" },
    { "keep-ranks", nil, "keep the ranks of every dev evaluation, as ranks-dev-STEP.npy" },
    { "parent", "PID", "save and end when this process ends (stepwise ablate gives it)",
      kind = "integer", least = 1 },
  },
}

-- ---- lines -----------------------------------------------------------------------------------

local function describe_model(config)
  local model, chosen = config.model, {}
  for _, key in ipairs { "image", "text", "pool", "stages", "loss" } do
    local names = {}
    if key == "pool" and model.pool then
      names = { model.pool.image.plugin, model.pool.text.plugin }
    end
    for i, entry in ipairs(model[key] or {}) do names[i] = entry.plugin end
    local second = model.second and model.second[key]
    if second then names[#names + 1] = (second.alone and "from " or "and ") .. second.file end
    if #names > 0 then chosen[#chosen + 1] = key .. " " .. table.concat(names, " ") end
  end
  return string.format("D = %d, direction %s, words %s (%d), %s, batch %d, seed %d", model.dim,
    model.direction, model.embedding.plugin, model.embedding.word_dim, table.concat(chosen, ", "),
    config.train.batch, config.seed)
end

-- How long the rest of the steps takes, from the steps of late.
local Clock = {}
Clock.__index = Clock

local function new_clock()
  return setmetatable({ each = nil, steps = 0, seconds = 0 }, Clock)
end

function Clock:left(event)
  self.steps, self.seconds = self.steps + 1, self.seconds + event.seconds
  local each = self.each
  self.each = each and each + 0.05 * (event.seconds - each) or event.seconds
  return self.each * (event.total_steps - event.step)
end

-- What to change where evaluations take too long: once, since it stays so.
function Clock:advice(event, train)
  if self.advised or self.steps == 0 then return nil end
  local every = train.eval_every > 0 and train.eval_every or event.steps_in_epoch
  self.advised = evaluation_share.advice(event.seconds, every, self.seconds / self.steps,
    event.dev.images)
  return self.advised
end

local function step_line(event, left)
  return string.format("epoch %d/%d  step %d/%d  loss %.4f per pair  lr %s  %.0f pairs/s  %s left",
    event.epoch + 1, event.epochs, event.step_in_epoch, event.steps_in_epoch,
    event.loss_per_sample, string.format("%.3g", event.lr), event.samples_per_second,
    text.duration(left))
end

local function show_done(event, out, run, about, config)
  local data = about.generated and ", generated scenes" or ""
  if event.exchanged then
    out:say(string.format("process 0 sent and received %.1f MB per step",
      event.exchanged / 1e6))
  end
  if event.dev then
    out:say(string.format("best dev%s (epoch %d, step %d): %s", data, event.best_epoch + 1,
      event.best_step, layout.recalls(event.dev)))
  end
  local result = event.test and core.json_decode(core.read_file(run .. "/result.json"))
  for _, set in ipairs(result and test_sets.of_config(config) or {}) do
    local metrics = test_sets.metrics(result, set)
    local folds = metrics and metrics.folds > 1 and string.format(", %s, mean of %d folds",
      text.plural(metrics.images, "image"), metrics.folds) or ""
    if metrics then
      out:stress(string.format("%s%s%s%s: %s", set.name, set.split ~= set.name
        and " (" .. set.split .. ")" or "", data, folds, layout.recalls(metrics)))
    end
  end
  out:say(string.format("done in %s: %s/checkpoint.safetensors, metrics.tsv, result.json",
    text.duration(event.total_seconds), run))
end

-- ---- the run ---------------------------------------------------------------------------------

local function interrupted(trainer, out, run, step, signal)
  trainer:save()
  out:say(string.format("interrupted at step %d and saved; to resume: %s", step, text.command(
    plugin_files.pass_on { "stepwise", "train", run, "--resume" })))
  return 128 + signal
end

-- Trains `config` in the folder `run` and follows it on `out`; the exit status.
local function follow(session, config, run, about, options, out)
  local trainer <close> = session:train(config, run, options)
  core.catch_interrupts() -- until here there is nothing to save
  local clock, step, words = new_clock(), nil, trainer:words()
  for _, line in ipairs(words and coverage.lines(words) or {}) do out:say(line) end
  local inputs = trainer:inputs()
  if inputs.has_test == false then
    out:say("no test split in " .. about.dir .. ": the result is of dev")
  end
  if inputs.check_seconds >= 1 then
    out:say("all values of the splits checked in " .. text.duration(inputs.check_seconds))
  end
  while true do
    local event = trainer:next()
    if event.kind == "step" then
      if not step and event.step > 1 then out:say("resuming at step " .. event.step) end
      step = event.step
      local left = clock:left(event)
      out:follow(function() return step_line(event, left) end)
    elseif event.kind == "evaluated" then
      out:say(string.format("epoch %d/%d  dev %s%s", event.epoch + 1, event.epochs,
        layout.recalls(event.dev), event.best and "  best" or ""))
      local advice = clock:advice(event, trainer:config().train)
      if advice then out:say(advice) end
    elseif event.kind == "warning" then
      out:say("warning: " .. event.text)
    elseif event.kind == "done" then
      out:finish()
      show_done(event, out, run, about, trainer:config())
      return 0
    end
    local signal = core.interrupted() or options.peers and options.peers:interrupted()
    if signal then return interrupted(trainer, out, run, step or 0, signal) end
  end
end

-- The stamps of splits whose values were checked: by the sweep, or by an earlier part of the run.
local function checked(given, run)
  local list = {}
  for stamp in (given.checked or ""):gmatch("[^,]+") do list[#list + 1] = stamp end
  local provenance = identity.read_json(run .. "/provenance.json") or {}
  local before = type(provenance.data) == "table" and provenance.data.checked
  if type(before) == "table" then table.move(before, 1, #before, #list + 1, list) end
  return list
end

-- The command line for the provenance, without what only the sweep that gave it understands.
local function command_of(argv)
  local words, i = { "stepwise" }, 1
  while i <= #argv do
    if argv[i] == "--parent" or argv[i] == "--id" or argv[i] == "--checked" then
      i = i + 1
    else
      words[#words + 1] = argv[i]
    end
    i = i + 1
  end
  return text.command(words)
end

-- A process of another machine may work in the folder, or may be dead: its signs of life tell.
local function wait_for(run, out)
  local watch, told = claims.watch(), false
  while core.claim_state(run .. "/claim").elsewhere do
    local free, owner = watch:is_free(run)
    if free then return end
    if not told then out:say(run .. ": being run by " .. owner .. "; waiting") end
    told = true
    core.sleep(0.2)
  end
end

-- Refuses a run folder that does not fit how it is asked for, before anything is read.
local function check_folder(run, given, resume)
  local kind = run_folder.kind(run)
  if kind == "missing" then
    if not given.resume then return end
    local above, name = run:match("^(.*/)([^/]+)$")
    local beside = core.list_folder(above or ".") or {}
    core.fail(1, string.format("%s: no such run folder to resume%s", run,
      core.suggest(name or run, beside)))
  elseif kind == "foreign" then
    core.fail(1, run .. ": already exists, and is not a run folder; --out RUN takes another")
  elseif kind == "lost" and resume and not given.restart then
    core.fail(1, run .. ": its training state (state.safetensors) is gone, so it cannot be "
      .. "resumed; --restart starts over in it, --init FILE starts a new run from its checkpoint")
  elseif kind ~= "unused" and not resume and not given.restart then
    core.fail(1, run .. ": already exists; --resume resumes it, --restart starts over in it, "
      .. "--out RUN takes another")
  end
end

-- Makes the folder ready and says how the run begins; gives its kind as it is then.
local function prepare(run, given, out, config, settings)
  local kind = run_folder.kind(run)
  if kind == "unused" or given.restart and kind ~= "missing" then
    config:sources() -- what cannot be read must not cost the run that is there
    run_folder.clear(run)
    return "unused"
  elseif kind == "started" then
    out:say(run .. ": no state was saved yet; starting at step 1")
  elseif kind == "done" then
    run_folder.drop_claim(run .. "/claim")
  end
  local before = identity.read_json(run .. "/config.json")
  for _, key in ipairs { "epochs", "max_steps" } do
    local there = before and type(before.train) == "table" and before.train[key]
    if there and there ~= settings.train[key] then
      out:say(string.format("%s: %s was %s and is now %s", run, key, there, settings.train[key]))
    end
  end
  return kind
end

-- The source, config and what was decided on the way, of the command line.
local function configure(given, arguments)
  if given.init and core.file_kind(given.init) == "folder" then
    given.init = given.init:gsub("(.)/+$", "%1") .. "/checkpoint.safetensors"
  end
  local source = setup.experiment(arguments[1])
  local overrides = setup.overrides(M, arguments)
  local config, about = setup.configure(source, given, overrides)
  config:require_heard(overrides)
  composition.check(describe.session(), config)
  return source, config, about
end

local function run_of(given, source, config)
  return given.out or source.run
    or string.format("runs/%s-seed%d", source.label, config:table().seed)
end

-- Another process than the first of several: it writes nothing, and what goes wrong in it process 0
-- tells.
local function help(peers, given, arguments)
  local source, config, about = configure(given, arguments)
  local session <close> = core.session { threads = config:table().threads }
  together.meet(peers, session, config)
  together.follow(peers, session, config, run_of(given, source, config), function()
    if about.generated then setup.ensure_scenes(about.dir, function() end) end
  end)
end

local function run_alone_or_first(given, arguments, argv, peers)
  if given.parent and not core.end_with(given.parent) then
    core.fail(1, "the process that started this run is gone")
  end
  local out <close> = progress.new(io.stdout, peers ~= nil) -- mpirun hands lines on
  local source, config, about = configure(given, arguments)
  local settings, run = config:table(), run_of(given, source, config)
  if given.restart and given.resume then
    core.fail(MISUSE, "train: give either --resume or --restart, not both")
  end
  local resume = given.resume or given.continue or (source.run ~= nil and run == source.run)
  check_folder(run, given, resume)
  if about.generated then setup.ensure_scenes(about.dir, function(line) out:say(line) end) end
  if not resume then setup.check_files(describe.session(), config, "") end
  wait_for(run, out)
  local session <close> = core.session { threads = settings.threads }
  if peers then together.meet(peers, session, config) end
  local kind = prepare(run, given, out, config, settings)

  local name = settings.name ~= "" and settings.name or source.label
  out:say(name .. ": " .. describe_model(settings))
  out:say("data: " .. about.dir .. (about.generated and " (generated scenes)" or ""))
  if about.scenes then
    out:say("set for generated scenes by the experiment: " .. table.concat(about.scenes, " "))
  end
  out:say("run: " .. run)
  if peers then
    out:say(string.format("%d processes train it together", (select(2, peers:rank()))))
  end
  return follow(session, config, run, about,
    { resume = kind ~= "missing", keep_state = not given.continue,
      keep_ranks = given["keep-ranks"], command = command_of(argv),
      id = given.id, known = checked(given, run), peers = peers }, out)
end

function M.run(given, arguments, argv)
  local peers <close> = not (given.alone or given.parent) and core.peers() or nil
  if not peers or peers:rank() == 0 then
    return run_alone_or_first(given, arguments, argv, peers)
  end
  local fine, problem = pcall(help, peers, given, arguments)
  if not fine then peers:stop(core.machine().host .. ": " .. tostring(problem)) end
  return 0
end

return M
