-- sweep.lua: the runs of a plan, each a process of its own, some at a time.
--
-- A run that crashes ends that run and never the sweep. A run is started by the process that holds
-- its claim, DIR/claims/NAME, so several sweeps can work in one folder; what another one has in
-- hand is waited for. The run's own process holds its folder (train/claim.h), so that one whose
-- sweep was killed is not started a second time while it still saves.
local claims = require "stepwise.sweep.claim"
local core = require "stepwise.core"
local plan_of = require "stepwise.sweep.plan"
local plugin_files = require "stepwise.config.plugin_files"
local reuse = require "stepwise.sweep.reuse"
local run_folder = require "stepwise.run.folder"
local standing = require "stepwise.run.standing"
local stops = require "stepwise.sweep.stops"
local text = require "stepwise.util.text"

local M = {}
local Sweep = {}
Sweep.__index = Sweep

local POLL_SECONDS <const> = 0.05
-- How often what another process has in hand is looked at.
local LOOK_SECONDS <const> = 0.5
local ALL_ROWS <const> = {} -- a key that no row has

-- ---- files -------------------------------------------------------------------------------------

-- The last line of a log that the program wrote as its error, or the way it ended.
local function reason_of(log, how, what)
  local reason
  if core.file_kind(log) == "file" then
    for line in core.read_file(log):gmatch("[^\n]+") do
      reason = line:match("^stepwise: (.*)$") or reason
    end
  end
  if how == "signal" then return "ended by a signal: " .. what end
  if what == 0 then return "ended before the run was done, with exit status 0" end
  return reason or "exit status " .. what
end

local function size_of(path)
  local file = io.open(path, "rb")
  if not file then return 0 end
  local size = file:seek("end")
  file:close()
  return size
end

-- What a run's files are.
local function files(dir, run)
  return {
    config = dir .. "/configs/" .. run.folder .. ".json",
    folder = dir .. "/" .. run.folder,
    claim = dir .. "/claims/" .. run.folder,
    log = dir .. "/logs/" .. run.folder .. ".log",
    error = dir .. "/logs/" .. run.folder .. ".error",
  }
end

-- What a failed run left, with the try that left it; nil when none failed.
local function failure(at)
  return core.file_kind(at.error) == "file" and core.read_file(at.error) or nil
end

-- A process that is killed right after it wrote result.json leaves its claim and its state.
local function tidy(at)
  os.remove(at.folder .. "/state.safetensors")
  run_folder.drop_claim(at.folder .. "/claim")
  run_folder.drop_claim(at.claim)
end

-- A line of logs/sweep.log: who did what with which run. It is for people.
function Sweep:note(what, run)
  local log = io.open(self.dir .. "/logs/sweep.log", "a")
  if not log then return end
  log:write(string.format("%s process %d %s %s\n", os.date("!%Y-%m-%dT%H:%M:%SZ"),
    core.process_number(), what, run.folder))
  log:close()
end

-- ---- one run -----------------------------------------------------------------------------------

local function command_of(at, run, threads, keep_ranks)
  local command = { core.program_path(), "train", at.config, "--out", at.folder, "--continue",
    "--parent", tostring(core.process_number()) }
  local function add(...)
    for _, word in ipairs { ... } do command[#command + 1] = word end
  end
  if run.id then add("--id", run.id) end
  for _, path in ipairs { { "--data", "dir" }, { "--glove", "glove" }, { "--vocab", "vocab" } } do
    local value = run.config.data[path[2]]
    if value ~= "" then add(path[1], value) end
  end
  if threads then add("--threads", tostring(threads)) end
  if keep_ranks then add("--keep-ranks") end
  return plugin_files.pass_on(command)
end

function Sweep:say(run, format, ...)
  self.out:say(string.format("%d/%d  %s: %s", self.done, self.count, run.folder,
    string.format(format, ...)))
end

function Sweep:fail(run, reason)
  self.done = self.done + 1
  self.failed = self.failed + 1
  self:say(run, "failed: %s", reason)
end

-- Starts the run, whose claim is ours. Another process may have planned it with other paths to the
-- same data: those of this one are said again.
function Sweep:start(run, claim)
  local at = files(self.dir, run)
  os.remove(at.error)
  self:note("started", run)
  local command = command_of(at, run, self.threads, self.stops.race)
  if #self.checked > 0 then
    table.move({ "--checked", table.concat(self.checked, ",") }, 1, 2, #command + 1, command)
  end
  local process, reason = core.spawn(command, { output = at.log })
  if not process then core.fail(1, reason) end
  local now = core.seconds()
  self.running[#self.running + 1] = {
    run = run, process = process, at = at, claim = claim, since = now, moved = now, size = -1,
    standing = standing.new(at.folder), looked = now,
  }
end

-- What to do with a run that is not done, as far as this sweep knows: true when it is off the list.
function Sweep:attend(run)
  local at = files(self.dir, run)
  local function collect()
    if plan_of.state(self.dir, run) == "done" then
      self.done = self.done + 1
      self:say(run, "done by another process")
      return true
    end
    local problem = failure(at)
    if problem and problem ~= self.failures[run] then
      self:fail(run, (problem:gsub("\n.*", "")))
      return true
    end
    return false
  end
  if collect() then return true end
  local claim, owner = self.watch:take(at.claim)
  if claim then
    -- it may have been done between the look and the claim
    if collect() then
      claim:release()
      return true
    end
    local free, by = self.watch:is_free(at.folder)
    if free then
      if not self:copy(run, claim) then self:start(run, claim) end
      return true
    end
    claim:release()
    owner = by
  end
  if not self.told[run] then self:say(run, "being run by %s; waiting", owner) end
  self.told[run] = true
  return false
end

-- Takes over a finished run of the same id from another folder; true when there is one.
function Sweep:copy(run, claim)
  local from = run.id and self.reuse[run.id]
  if not from then return false end
  reuse.copy(from, self.dir .. "/" .. run.folder)
  self:note("copied", run)
  claim:release()
  self.done = self.done + 1
  self:say(run, "taken over from %s", from)
  return true
end

-- A run's process is gone.
function Sweep:ended(job, how, what)
  local run, at = job.run, job.at
  if plan_of.state(self.dir, run) == "done" then
    self.done = self.done + 1
    self:note("done", run)
    job.claim:release()
    tidy(at)
    local took = core.seconds() - job.since
    self:took(run, took)
    self:say(run, "done in %s", text.duration(took))
    return
  end
  if core.interrupted() then
    job.claim:release()
    return
  end
  if not self.watch:is_free(at.folder) then -- somebody outside of the sweeps goes on with it
    job.claim:release()
    self.waiting[#self.waiting + 1] = run
    return
  end
  local reason = job.stopped or reason_of(at.log, how, what)
  core.write_file(at.error, string.format("%s\n%d %d\n", reason, os.time(), core.process_number()))
  self:note("failed", run)
  job.claim:release()
  self:fail(run, reason)
end

-- ---- all of them -------------------------------------------------------------------------------

-- Ends a run that has written nothing for so long: a plugin may loop without end.
function Sweep:check_stall(job)
  local now, size = core.seconds(), size_of(job.at.folder .. "/metrics.tsv")
  if size ~= job.size then job.size, job.moved = size, now end
  if self.stall and now - job.moved > self.stall then
    job.stopped = job.stopped or string.format("no step in %s (--stall)", text.duration(self.stall))
    job.killed = true
    core.kill(job.process)
  end
end

-- Reads what the run has written, and stops one that --collapse or --race says is hopeless. It
-- saves, and stays failed for the reason that is given.
function Sweep:look(job)
  local now = core.seconds()
  if now - job.looked < LOOK_SECONDS then return end
  job.looked = now
  job.standing:look()
  local reason = not job.stopped and stops.reason(job.standing, self.stops, job.run)
  if reason then
    job.stopped = reason
    core.stop(job.process)
  end
end

function Sweep:reap()
  for i = #self.running, 1, -1 do
    local job = self.running[i]
    local how, what = core.wait(job.process, true)
    if how then
      self:ended(table.remove(self.running, i), how, what)
    elseif not job.killed then
      self:check_stall(job)
      self:look(job)
    end
  end
end

-- Starts what there is room for.
function Sweep:fill()
  local now, kept = core.seconds(), {}
  for _, run in ipairs(self.waiting) do
    local due = now >= (self.look_at[run] or 0) and #self.running < self.jobs
      and not core.interrupted()
    if not (due and self:attend(run)) then kept[#kept + 1] = run end
    if due then self.look_at[run] = now + LOOK_SECONDS end
  end
  self.waiting = kept
end

-- Keeps how long a run of this row takes.
function Sweep:took(run, seconds)
  for _, key in ipairs { run.row, ALL_ROWS } do
    local sum = self.durations[key] or { seconds = 0.0, count = 0 }
    sum.seconds, sum.count = sum.seconds + seconds, sum.count + 1
    self.durations[key] = sum
  end
end

-- Seconds until all runs that are left are done, `jobs` at a time; nil while that is not known:
-- runs take what finished ones of their row took, or else the others, or those that are running
-- will.
function Sweep:left()
  local left, longest, guess = 0.0, 0.0, { seconds = 0.0, count = 0 }
  local function mean(sum) return sum and sum.count > 0 and sum.seconds / sum.count or nil end
  local function expected(run)
    return mean(self.durations[run.row]) or mean(self.durations[ALL_ROWS])
  end
  for _, job in ipairs(self.running) do
    local so_far, rest = core.seconds() - job.since, job.standing.left
    if rest then
      guess.seconds, guess.count = guess.seconds + so_far + rest, guess.count + 1
    else
      local whole = expected(job.run)
      if not whole then return nil end
      rest = math.max(0, whole - so_far)
    end
    left, longest = left + rest, math.max(longest, rest)
  end
  for _, run in ipairs(self.waiting) do
    local whole = expected(run) or mean(guess)
    if not whole then return nil end
    left = left + whole
  end
  return math.max(left / self.jobs, longest)
end

-- One line for all and one per run.
function Sweep:follow()
  self.out:follow(function()
    if #self.running == 0 then return nil end
    local left = self:left()
    local lines = { string.format("%d/%d done, %d running%s", self.done, self.count, #self.running,
      left and ", about " .. text.duration(left) .. " left" or "") }
    for _, job in ipairs(self.running) do
      lines[#lines + 1] = string.format("  %s  %s", job.run.folder, job.standing:words())
    end
    return lines
  end)
end

function Sweep:stop()
  for _, job in ipairs(self.running) do
    if not job.asked then core.stop(job.process) end
    job.asked = true
  end
end

-- Runs what is not done. options: jobs = at a time, threads = of a run, lease and stall = seconds,
-- only = {NAME = true}, reuse = {ID = folder}, collapse and race as in stops.lua. Gives how many
-- failed, and the signal that interrupted it.
function M.run(plan, dir, options, out)
  local self = setmetatable({
    dir = dir, out = out, watch = claims.watch(options.lease), jobs = options.jobs or 1,
    stall = options.stall, reuse = options.reuse or {}, running = {}, waiting = {}, told = {},
    look_at = {}, failures = {}, done = 0, failed = 0, count = 0, checked = plan.checked or {},
    durations = {}, stops = stops.new(plan, dir, options),
  }, Sweep)
  for _, run in ipairs(plan.runs) do
    if not options.only or options.only[run.folder] then
      self.count = self.count + 1
      if plan_of.state(dir, run) == "done" then
        self.done = self.done + 1
        tidy(files(dir, run))
      else
        self.waiting[#self.waiting + 1] = run
        self.failures[run] = failure(files(dir, run))
      end
    end
  end
  stops.sort(self.waiting, self.stops)
  if self.done > 0 then out:say(text.plural(self.done, "run") .. " done already") end
  local at_once = math.min(self.jobs, math.max(1, #self.waiting))
  self.threads = options.threads
    or (at_once > 1 and math.max(1, core.machine().cpus // at_once) or nil)
  core.catch_interrupts()
  while #self.waiting > 0 or #self.running > 0 do
    self:reap()
    if core.interrupted() then
      if #self.running == 0 then break end
      self:stop()
    else
      self:fill()
      self:follow()
    end
    if #self.running > 0 or #self.waiting > 0 then core.sleep(POLL_SECONDS) end
  end
  out:finish()
  return self.failed, core.interrupted()
end

return M
