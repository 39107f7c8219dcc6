-- sweep.lua: the runs of a plan, each a process of its own, some at a time.
--
-- A run that crashes ends that run and never the sweep.
local core = require "stepwise.core"
local plan_of = require "stepwise.plan"
local text = require "stepwise.text"

local M = {}

local POLL_SECONDS <const> = 0.05

-- The last line of a log that the program wrote as its error, or the way it ended.
local function reason_of(log, how, what)
  local reason
  if core.file_kind(log) == "file" then
    for line in core.read_file(log):gmatch("[^\n]+") do
      reason = line:match("^stepwise: (.*)$") or reason
    end
  end
  if how == "signal" then return "ended by a signal: " .. what end
  return reason or "exit status " .. what
end

-- The last whole line of a log, or nil.
local function last_line(log)
  local file = io.open(log, "rb")
  if not file then return nil end
  file:seek("end", -math.min(600, file:seek("end")))
  local tail = file:read("a") or ""
  file:close()
  return tail:match("([^\n]+)\n[^\n]*$")
end

-- What a run's files are.
local function files(dir, run)
  return {
    config = dir .. "/configs/" .. run.folder .. ".json",
    folder = dir .. "/" .. run.folder,
    log = dir .. "/logs/" .. run.folder .. ".log",
    error = dir .. "/logs/" .. run.folder .. ".error",
  }
end

-- threads: nil leaves it to the config.
local function command_of(at, threads)
  local command = { core.program_path(), "train", at.config, "--out", at.folder, "--resume" }
  if threads then table.move({ "--threads", tostring(threads) }, 1, 2, #command + 1, command) end
  return command
end

local function start(dir, run, threads)
  local at = files(dir, run)
  os.remove(at.error)
  local command = command_of(at, threads)
  local process, reason = core.spawn(command, { output = at.log })
  if not process then core.fail(1, reason) end
  return { run = run, process = process, files = at, since = core.seconds() }
end

local function follow(out, running, done, count)
  out:follow(function()
    local lines = {}
    for _, job in ipairs(running) do
      local line = last_line(job.files.log)
      if line then lines[#lines + 1] = job.run.folder .. ": " .. line end
    end
    if #lines == 0 then return nil end
    return string.format("%d/%d  %s", done, count, table.concat(lines, "  |  "))
  end)
end

-- Runs what is not done, `jobs` at a time. Gives how many failed, and whether it was interrupted.
function M.run(plan, dir, jobs, out)
  local queue, done, failed = {}, 0, 0
  for _, run in ipairs(plan.runs) do
    if plan_of.state(dir, run) == "done" then
      done = done + 1
    else
      queue[#queue + 1] = run
    end
  end
  if done > 0 then out:say(text.plural(done, "run") .. " done already") end
  jobs = math.min(jobs, math.max(1, #queue))
  local threads = jobs > 1 and math.max(1, core.machine().cpus // jobs) or nil
  local count, running, next_one = #plan.runs, {}, 1
  core.catch_interrupts()

  local function ended(job, how, what)
    done = done + 1
    local took = text.duration(core.seconds() - job.since)
    if how == "exit" and what == 0 then
      out:say(string.format("%d/%d  %s: done in %s", done, count, job.run.folder, took))
      return
    end
    if core.interrupted() then return end
    failed = failed + 1
    local reason = reason_of(job.files.log, how, what)
    core.write_file(job.files.error, reason .. "\n")
    out:say(string.format("%d/%d  %s: failed: %s", done, count, job.run.folder, reason))
  end

  while next_one <= #queue or #running > 0 do
    while next_one <= #queue and #running < jobs and not core.interrupted() do
      running[#running + 1] = start(dir, queue[next_one], threads)
      next_one = next_one + 1
    end
    for i = #running, 1, -1 do
      local how, what = core.wait(running[i].process, true)
      if how then ended(table.remove(running, i), how, what) end
    end
    if core.interrupted() then
      if #running == 0 then break end
      for _, job in ipairs(running) do
        if not job.asked then core.stop(job.process) end
        job.asked = true
      end
    else
      follow(out, running, done, count)
    end
    if #running > 0 then core.sleep(POLL_SECONDS) end
  end
  out:finish()
  return failed, core.interrupted()
end

return M
