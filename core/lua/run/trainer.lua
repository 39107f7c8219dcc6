-- trainer.lua: one run, an event at a time: what is due next, and what of it is written where. The
-- numbers come from C (core/train/trainer.h). A folder is never without what it says it has: lines
-- come before the state that knows of them, models and ranks before result.json.
local core = require "stepwise.core"
local folders = require "stepwise.run.folder"
local identity = require "stepwise.run.identity"
local json_text = require "stepwise.config.json_text"
local progress = require "stepwise.run.progress"
local provenance = require "stepwise.run.provenance"
local test_sets = require "stepwise.results.test_sets"
local together = require "stepwise.run.together"

local M = {}

local Trainer = { __name = "stepwise.trainer" }
Trainer.__index = Trainer
M.Trainer = Trainer

local BEST <const>, LAST <const> = "checkpoint.safetensors", "checkpoint-last.safetensors"
local STATE <const> = "state.safetensors"

-- Of result.json. 1, which had no number: one test set, no split at the metrics.
local RESULT_FORMAT <const> = 2

-- Where the step that was done last stands, as members of an event.
local function place(self, event)
  local step, each = self.progress.step, self.steps_in_epoch
  local last = math.max(step - 1, 0)
  event.step, event.total_steps = step, self.total_steps
  event.epoch, event.epochs = last // each, self.settings.train.epochs
  event.step_in_epoch, event.steps_in_epoch = step > 0 and last % each + 1 or 0, each
  event.seconds = event.seconds or 0.0
  return event
end

-- ---- opening ---------------------------------------------------------------------------------

-- Which run this is, and whether it is the one that was asked for.
local function identify(self, expected)
  self.sources = json_text.object("data", identity.data(self.resolved, self.facts),
    "plugins", self.resolved:plugins())
  self.id, self.key = identity.of(self.resolved, self.sources)
  if expected and expected ~= self.id then
    core.fail(1, string.format("the run was planned with different data, plugins or config: "
      .. "expected id %s, found %s", expected:sub(1, 40), self.id))
  end
  self.state_key = identity.state_key(self.resolved, self.sources)
  if self.before then
    self.id_before, self.key_before = identity.of(self.before, self.sources)
  end
end

-- Opens what the run reads; one that is resumed keeps the vocabulary it began with.
local function open_inputs(self, options)
  local folder = self.folder
  local vocab = folder and folder:has "vocab.json" and folder:file "vocab.json" or nil
  self.used_vocabulary = vocab ~= nil
  self.inputs_read = core.inputs(self.resolved, self.sets, vocab)
  self.facts = self.inputs_read:facts()
  identify(self, options.id)
end

local function check_values(self, options)
  local began = core.seconds()
  self.stamps = provenance.check_values(self.session, self.inputs_read, options.known or {})
  self.check_seconds = core.seconds() - began
end

-- The vocabulary must be the one that the run began with: with other ids, each word would take over
-- what another one has learnt.
local function check_words(self)
  if not self.folder:has "provenance.json" then return end
  local began = self.folder:read_json "provenance.json"
  local data = type(began.sources) == "table" and began.sources.data
  local expected = type(data) == "table" and data.vocabulary
  local found = self.sources.data.vocabulary
  if type(expected) == "string" and expected ~= found then
    core.fail(1, string.format("%s: its word ids differ from those of the vocabulary that the run "
      .. "began with: expected fingerprint %s, found %s", self.folder:file "vocab.json", expected,
      found))
  end
end

-- The model at the step that the run has reached.
local function make_model(self, path)
  local init = self.settings.data.init
  local training = core.training(self.session, self.resolved, self.inputs_read, path or init ~= "")
  self.training, self.facts = training, self.inputs_read:facts() -- now of the GloVe file, too
  self.steps_in_epoch, self.total_steps = training:steps()
  self.progress = progress.new()
  if path then
    -- states of earlier versions know the whole config
    local text = training:load(path, self.state_key, self.key, self.key_before or self.key)
    self.progress = progress.read(text, path, self.steps_in_epoch)
    if self.progress.step > self.total_steps then
      core.fail(1, string.format("%s: the run has done %d steps already and cannot end at step %d; "
        .. "expected more epochs or max_steps", self.folder.path, self.progress.step,
        self.total_steps))
    end
    training:seek(self.progress.step)
    self.saved, self.saved_evaluated = self.progress.step, self.progress.evaluated
  elseif init ~= "" then
    training:start_from(init)
  end
  self.saved_when = core.seconds()
  if self.peers then
    together.begin(self.peers, training, self.sources, self.used_vocabulary)
  end
end

-- To read all values can take minutes: what came of it is kept, in a folder that the next start
-- takes for an unused one.
local function record_refusal(self, run, problem)
  pcall(function()
    self.folder = folders.open(run, false)
    self.folder:write_json("config.json", self.resolved:table())
    self.folder:begin(0, -1)
    self.folder:log(0, "refused", "reason", type(problem) == "table" and problem.text
      or tostring(problem))
  end)
end

-- Everything is read before the folder is made, so that a wrong path leaves no empty folder.
local function open_new(self, run, options)
  if core.file_kind(run) then
    core.fail(1, "the run folder " .. run .. " already exists; --out takes another one, --resume "
      .. "resumes it")
  end
  open_inputs(self, options)
  local fine, problem = pcall(check_values, self, options)
  if not fine then
    record_refusal(self, run, problem)
    error(problem, 0)
  end
  make_model(self)
  self.folder = folders.open(run, false)
end

-- The DONE of a folder that has result.json.
local function recall(self)
  local folder = self.folder
  local result, path = folder:read_json "result.json", folder:file "result.json"
  if math.type(result.format) == "integer" and result.format > RESULT_FORMAT then
    core.fail(1, string.format("%s: expected format %d or older, found %d: a newer version wrote "
      .. "it", path, RESULT_FORMAT, result.format))
  elseif math.type(result.steps) ~= "integer" then
    core.fail(1, path .. ": expected the result of a run, found something else")
  end
  local has_dev = progress.are_metrics(result.dev)
  self.done = {
    kind = "done", step = result.steps, total_steps = result.steps, epoch = 0,
    epochs = self.settings.train.epochs, step_in_epoch = 0, steps_in_epoch = 0, seconds = 0.0,
    dev = has_dev and result.dev or nil, best_step = has_dev and result.best_step or nil,
    best_epoch = has_dev and result.best_epoch or nil, total_seconds = result.seconds,
  }
  for _, set in ipairs(self.sets) do
    local metrics = test_sets.metrics(result, set)
    self.done.test = self.done.test or progress.are_metrics(metrics) and metrics or nil
  end
end

local function open_again(self, run, options)
  local folder = folders.open(run, true)
  self.folder = folder
  if folder:has "result.json" then
    if not self.before then return recall(self) end
    if not folder:has(STATE) then
      core.fail(1, string.format("%s: the run is done and its training state (%s) was not kept; "
        .. "--init %s/%s starts a new run from its model", run, STATE, run, LAST))
    end
    folder:take()
  end
  open_inputs(self, options)
  check_values(self, options)
  check_words(self)
  make_model(self, folder:has(STATE) and folder:file(STATE) or nil)
end

-- provenance.json, config.json and vocab.json
local function write_about(self, command)
  local folder, step = self.folder, self.progress.step
  local old
  if step > 0 and folder:has "provenance.json" then
    local fine, read = pcall(folder.read_json, folder, "provenance.json")
    old = fine and read or nil
  end
  local part = provenance.part(self.session, command, step + 1)
  local now = provenance.new(self.session, self.resolved, self.facts, self.key)
  local about = provenance.join(old, now, part)
  if about == old then
    local same = part.plugins == nil
    if old.id ~= nil then same = old.id == self.id or old.id == self.id_before end
    if not same then self.id = nil end -- its parts were made by different builds
  end
  json_text.set(about, "id", self.id or core.json_null)
  json_text.set(about, "key", self.key)
  if about ~= old then json_text.set(about, "sources", self.sources) end
  if type(about.data) == "table" then json_text.set(about.data, "checked", self.stamps) end
  self.provenance, self.part = about, part
  folder:write_json("provenance.json", about)
  folder:write_json("config.json", self.resolved:table())
  if not folder:has "vocab.json" then
    self.inputs_read:save_vocabulary(folder:file "vocab.json")
  end
end

local function begin(self, command)
  local folder, p = self.folder, self.progress
  if self.before and folder:has "result.json" then
    -- From here on it is no longer done. Its state is there, so nothing is lost if this ends here.
    local gone, reason = os.remove(folder:file "result.json")
    if not gone then core.fail(1, "cannot remove " .. reason) end
  end
  folder:begin(p.step, p.evaluated)
  if self.before and self.saved then -- under a key that both configs have
    self.saved_evaluated = nil
    self:save()
  end
  write_about(self, command)
  folder:log(p.step, p.step > 0 and "resumed" or "started", "threads", (self.session:threads()),
    "words", self:words(), table.unpack(self.peers
      and { "processes", (select(2, self.peers:rank())) } or {}))
end

local function release(self)
  if self.training then self.training:close() end
  if self.inputs_read then self.inputs_read:close() end
end

local option_types <const> = {
  resume = "boolean", keep_state = "boolean", keep_ranks = "boolean", command = "string",
  id = "string", known = "table", peers = "userdata",
}

-- A trainer of a resolved config in the folder `run`. before: the folder's config, when that ends
-- elsewhere.
function M.open(session, config, run, options, before)
  options = options or {}
  if type(run) ~= "string" then
    core.fail(2, "expected the path of a run folder, found " .. type(run))
  end
  for name, kind in pairs(option_types) do
    local found = type(options[name])
    if found ~= kind and found ~= "nil" then
      core.fail(2, string.format("%s: expected a %s, found a %s", name, kind, found))
    end
  end
  local self = setmetatable({ session = session, resolved = config:copy(), before = before,
    keep_state = options.keep_state, keep_ranks = options.keep_ranks, peers = options.peers },
    Trainer)
  self.settings = self.resolved.value
  self.sets = test_sets.of_config(self.settings)
  local fine, problem = pcall(function()
    local open = options.resume and open_again or open_new
    open(self, run, options)
    if not self.done then
      begin(self, options.command)
    elseif self.peers then
      together.dismiss(self.peers)
    end
  end)
  if not fine then
    release(self)
    if self.folder then self.folder:abandon() end
    error(problem, 0)
  end
  return self
end

-- ---- what is due -----------------------------------------------------------------------------

local function is_saved(self)
  return self.saved == self.progress.step and self.saved_evaluated == self.progress.evaluated
end

local function evaluation_is_due(self)
  local p, every = self.progress, self.settings.train.eval_every
  if not self.facts.dev or p.step == 0 or p.evaluated == p.step then return false end
  if p.step == self.total_steps then return true end
  return p.step % (every > 0 and every or self.steps_in_epoch) == 0
end

local function save_is_due(self)
  local p, train = self.progress, self.settings.train
  if p.step == 0 or is_saved(self) then return false end
  if self.saved == p.step then -- what came since is an evaluation, which a resumed run does again
    return p.step == self.total_steps
  end
  return p.step % self.steps_in_epoch == 0 or p.step == self.total_steps or evaluation_is_due(self)
    or train.checkpoint_every > 0 and p.step % train.checkpoint_every == 0
    or train.checkpoint_seconds > 0 and core.seconds() - self.saved_when >= train.checkpoint_seconds
end

local function warning(self)
  self.warn = false
  local event = place(self, { kind = "warning" })
  event.text = progress.stuck_text(self.progress, self.settings.train)
  self.folder:log(event.step, "warning", "text", event.text)
  return event
end

local function step(self)
  local event, p = self.training:step(), self.progress
  if not event then return nil end
  self.exchanged = event.exchanged and (self.exchanged or 0) + event.exchanged
  p.step = p.step + 1
  p.seconds = p.seconds + event.seconds
  event.kind = "step"
  event.touched = event.touched_count / (2 * event.samples)
  p.touched, p.samples = p.touched + event.touched_count, p.samples + 2 * event.samples
  event.touched_count = nil
  event.loss_per_sample = event.loss / event.samples
  event.samples_per_second = event.seconds > 0 and event.samples / event.seconds or 0.0
  self.warn = progress.watch(p, place(self, event), self.settings.train)
  self.folder:row(event, p.seconds)
  return event
end

-- touched: the share of samples with a gradient since the last evaluation, or nil.
local function write_metrics(self, kind, metrics, touched)
  local row = place(self, { kind = kind, touched = touched })
  for name, value in pairs(metrics) do row[name] = value end
  self.folder:row(row, self.progress.seconds)
  self.folder:log(row.step, "evaluated", "split", kind, "epoch", row.epoch,
    "metrics", progress.metrics(metrics), table.unpack(touched and { "touched", touched } or {}))
end

local function save_model(self, name)
  self.training:save_model(self.folder:file(name), self.resolved:portable_text())
end

local function evaluate(self)
  local p, began = self.progress, core.seconds()
  local fine, metrics = pcall(self.training.evaluate, self.training)
  if not fine then core.fail_within(string.format("step %d, evaluation", p.step), metrics) end
  if not metrics then return nil end
  local event = place(self, { kind = "evaluated", dev = metrics,
    best = p.best_step < 0 or metrics.rsum > p.best.rsum, seconds = core.seconds() - began })
  p.seconds = p.seconds + event.seconds
  p.evaluated = p.step
  if self.keep_ranks then -- before the line that says they are there
    self.training:save_ranks(self.folder:file(string.format("ranks-dev-%d.npy", p.step)))
  end
  write_metrics(self, "dev", metrics, p.samples > 0 and p.touched / p.samples or nil)
  p.touched, p.samples = 0, 0
  if event.best then
    p.best, p.best_step, p.best_epoch = progress.metrics(metrics), p.step, event.epoch
    save_model(self, BEST)
    self.training:save_ranks(self.folder:file "ranks-dev.npy")
  end
  return event
end

-- Evaluates the best model, as it is on disk, on all test sets: an object of metrics by the sets'
-- names, and the first of them; nil when a signal ended it early.
local function test(self)
  local found, first = json_text.object(), nil
  if self.facts.tests > 0 then self.training:restore_model(self.folder:file(BEST)) end
  for i = 1, self.facts.tests do
    local set = self.sets[i]
    local metrics, ranks = self.training:evaluate(i), "ranks-" .. set.file .. ".npy"
    if not metrics then return nil end
    self.training:save_ranks(self.folder:file(ranks))
    write_metrics(self, set.file, metrics)
    json_text.set(found, set.name, progress.metrics(metrics, "split", set.split, "ranks", ranks))
    first = first or metrics
  end
  return found, first
end

-- "test": the test set without a name; "tests": those that data.tests names.
local function result_of(self, tests)
  local p, settings, null = self.progress, self.settings, core.json_null
  local named = #settings.data.tests > 0
  return json_text.object("format", RESULT_FORMAT, "name", settings.name, "key", self.key,
    "id", self.id or null, "seed", settings.seed, "steps", p.step, "epochs", settings.train.epochs,
    "best_step", p.best_step, "best_epoch", p.best_epoch,
    "dev", self.facts.dev and progress.metrics(p.best, "split", settings.data.dev_split) or null,
    "test", not named and tests.test or null, "seconds", p.seconds,
    "generated", self.facts.generated, "tests", named and tests or nil)
end

-- result.json is written last: whoever finds it finds all the rest.
local function finish(self)
  local p, folder, began = self.progress, self.folder, core.seconds()
  local event = place(self, { kind = "done" })
  save_model(self, LAST)
  if not self.facts.dev then
    p.best_step, p.best_epoch = p.step, event.epoch
    save_model(self, BEST)
  end
  local tests, first = test(self)
  if not tests then return nil end
  p.seconds = p.seconds + core.seconds() - began
  local each = self.exchanged and self.exchanged // (p.step - self.part.first_step + 1)
  folder:log(p.step, "done", "best_step", p.best_step,
    table.unpack(each and { "exchanged", each } or {}))
  if self.peers then self.training:dismiss() end
  folder:sync()
  json_text.set(self.part, "ended", folders.time())
  folder:write_json("provenance.json", self.provenance)
  folder:write_json("result.json", result_of(self, tests))
  if not self.keep_state then os.remove(folder:file(STATE)) end -- nothing will go on from it
  event.test, event.total_seconds = first, p.seconds
  event.exchanged = each
  if self.facts.dev then
    event.dev, event.best_step, event.best_epoch = p.best, p.best_step, p.best_epoch
  end
  self.done = event
  return event
end

-- The next event; nil when a signal ended it early.
local function due(self)
  self.folder:check()
  if self.warn then return warning(self) end
  -- before an evaluation, too: it may take longer than a killer waits
  if save_is_due(self) then self:save() end
  if evaluation_is_due(self) then return evaluate(self) end
  return (self.progress.step < self.total_steps and step or finish)(self)
end

local function check_open(self)
  if self.closed then core.fail(2, "the trainer is closed") end
  if self.failed then core.fail(2, "the trainer has failed; it can only be closed") end
end

-- One step or evaluation; an event {kind =, step =, total_steps =, epoch = from 0,
-- epochs =, step_in_epoch = from 1, steps_in_epoch =, seconds = of this event, ..}. kind "step" has
-- samples, touched (the share of its images and captions that take a gradient), loss (summed over
-- the batch), loss_per_sample, grad_norm (before clipping), lr, exchanged (bytes that this process
-- sent and received, one of several), samples_per_second, data_seconds; "evaluated" has dev (the
-- metrics) and best; "warning" has text; "done" has dev, test, best_step, best_epoch,
-- total_seconds. {kind = "interrupted"}: a signal ended it early; the trainer can be saved and
-- closed.
function Trainer:next()
  check_open(self)
  if self.done then return self.done end
  if self.interrupted then core.fail(1, "the run was interrupted; it can be resumed") end
  local fine, event = pcall(due, self)
  if not fine then
    self.failed = true
    error(event, 0)
  end
  self.interrupted = event == nil
  return event or { kind = "interrupted" }
end

-- Writes all that is needed to resume.
function Trainer:save()
  check_open(self)
  if self.done or is_saved(self) then return end
  local folder, p = self.folder, self.progress
  folder:check()
  folder:sync() -- first the lines, then the state that says they are there
  self.training:save(folder:file(STATE), progress.text(p, self.steps_in_epoch), self.state_key)
  if not self.saved then -- from now on a missing state is one that was lost
    folder:log(p.step, "saved")
  end
  self.saved, self.saved_evaluated, self.saved_when = p.step, p.evaluated, core.seconds()
end

-- Does not save; what the run folder holds stays good.
function Trainer:close()
  if self.closed then return end
  self.closed = true
  release(self)
  self.folder:close()
end
Trainer.__close = Trainer.close

-- The run folder's.
function Trainer:path()
  check_open(self)
  return self.folder.path
end

-- What its vocabulary and vectors cover, as in provenance.json; nil for a run that
-- was done before.
function Trainer:words()
  check_open(self)
  return self.facts and provenance.words(self.facts, self.resolved) or nil
end

-- The run's config, as a plain table.
function Trainer:config()
  return self.resolved:table()
end

-- {has_test = (nil where the run was done before), check_seconds = how long
-- reading all values took}
function Trainer:inputs()
  local has_test
  if self.facts then has_test = self.facts.tests > 0 end
  return { has_test = has_test, check_seconds = self.check_seconds or 0 }
end

return M
