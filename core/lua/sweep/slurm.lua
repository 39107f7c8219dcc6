-- slurm.lua: the runs of a plan as Slurm job arrays, and waiting for them.
--
-- DIR/slurm/name      the name of this folder's jobs, "stepwise-..": NAME.K is submission K
-- DIR/slurm/K.sh      the script of submission K; task I runs the I-th of its runs, from 0
-- DIR/slurm/K.runs    their names, one a line
-- DIR/slurm/K-I.out   what task I printed
--
-- A task is `stepwise ablate DIR --run NAME`, which takes the run's claim as every sweep does, so
-- that requeued tasks, other submissions and local sweeps share the work.
local claims = require "stepwise.sweep.claim"
local core = require "stepwise.core"
local plan_of = require "stepwise.sweep.plan"
local plugin_files = require "stepwise.config.plugin_files"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2
-- How long before its limit a task is told to save, in seconds, and how often the queue is asked.
local BEFORE_LIMIT <const> = 90
local SHORTEST_POLL <const>, LONGEST_POLL <const> = 1, 30
-- How long squeue may fail in a row before the jobs are given up, in seconds.
local PATIENCE <const> = 3600

M.options = {
  { "slurm", nil, "submit the runs as Slurm job arrays, -j tasks at a time, and wait for them" },
  { "partition", "NAME", "with --slurm: where they run" },
  { "sbatch", "ARGS", "with --slurm: more arguments for sbatch, with blanks between",
    dashed = true },
  { "detach", nil, "with --slurm: submit and end; stepwise watch DIR follows the runs, and "
    .. "stepwise ablate DIR writes the table" },
}

-- Runs a command; what it printed. An error is told with the command's own words. A signal ends it,
-- unless it must `finish`.
local function capture(command, finish)
  local folder <close> = core.temporary_folder()
  local path = folder:path() .. "/out"
  local process, reason, missing = core.spawn(command, { output = path })
  if not process then
    core.fail(1, missing and string.format("%s is missing: --slurm needs Slurm's commands; on "
      .. "Debian: apt-get install slurm-client", command[1]) or reason)
  end
  local how, what
  repeat
    how, what = core.wait(process)
    if not how and not finish and core.interrupted() then core.kill(process) end
  until how
  local said = core.read_file(path)
  if how ~= "exit" or what ~= 0 then
    core.fail(1, string.format("%s: %s", command[1], text.plain((said:gsub("%s+$", "")))))
  end
  return said
end

-- ---- jobs --------------------------------------------------------------------------------------

-- How many tasks an array may have.
local function largest_array()
  local most = capture({ "scontrol", "show", "config" }):match("MaxArraySize%s*=%s*(%d+)")
  most = math.tointeger(tonumber(most))
  if not most or most < 1 then
    core.fail(1, "scontrol show config: expected MaxArraySize of 1 or more; job arrays are off")
  end
  return most
end

local function job_name(dir)
  local path = dir .. "/slurm/name"
  if core.file_kind(path) ~= "file" then
    core.write_file(path, string.format("stepwise-%d-%d\n", os.time(), core.process_number()))
  end
  return (core.read_file(path):gsub("%s", ""))
end

-- The runs of each submission: {K = {NAME..}}, and the highest K.
local function submissions(dir)
  local list, highest = {}, 0
  for _, file in ipairs(core.list_folder(dir .. "/slurm")) do
    local k = math.tointeger(tonumber(file:match("^(%d+)%.runs$")))
    if k then
      list[k] = {}
      for name in core.read_file(dir .. "/slurm/" .. file):gmatch("[^\n]+") do
        table.insert(list[k], name)
      end
      highest = math.max(highest, k)
    end
  end
  return list, highest
end

-- {NAME = state} of the runs whose tasks wait or run, as squeue says now.
local function ask_queue(dir, name)
  local list, active = submissions(dir), {}
  local queue = capture { "squeue", "--me", "--noheader", "--array", "--format=%j %K %T" }
  for line in queue:gmatch("[^\n]+") do
    local job, k, task, state = line:match("^(%S+)%.(%d+) (%d+) (%S+)")
    k, task = math.tointeger(tonumber(k)), math.tointeger(tonumber(task))
    local run = job == name and list[k] and list[k][task + 1]
    if run then active[run] = state end
  end
  return active
end

-- A function that asks the queue and gives nil when squeue fails, as it does while its controller
-- is busy; that is an error only once it has lasted.
local function new_queue(dir, name, out)
  local failing_since
  return function()
    local fine, answer = pcall(ask_queue, dir, name)
    if fine then
      failing_since = nil
      return answer
    end
    if core.interrupted() then return nil end
    if not failing_since then out:say("warning: " .. tostring(answer) .. "; asking again") end
    failing_since = failing_since or core.seconds()
    if core.seconds() - failing_since > PATIENCE then error(answer, 0) end
    return nil
  end
end

-- ---- submitting --------------------------------------------------------------------------------

local script <const> = [[
#!/bin/sh
# Task I of this array does the I-th of these runs. Written by stepwise ablate --slurm.
set -- %s
shift "$SLURM_ARRAY_TASK_ID"
again= run= status=0
trap 'again=1; kill -TERM "$run"' USR1 # the time limit is near: save, and wait in the queue again
trap 'kill -TERM "$run"' TERM
%s --run "$1" &
run=$!
while :; do
    wait "$run"
    status=$?
    kill -0 "$run" 2>/dev/null || break # a signal ended the wait, and not the run
done
if [ -n "$again" ] && [ ! -e %s/"$1"/result.json ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
]]

local function script_of(dir, runs, given)
  local command = text.command(plugin_files.pass_on { core.program_path(), "ablate", dir })
  local function add(name)
    if given[name] then
      command = string.format("%s --%s %s", command, name, text.quote(tostring(given[name])))
    end
  end
  for _, name in ipairs { "lease", "stall", "collapse", "race", "reuse", "threads" } do
    add(name)
  end
  if not given.threads then command = command .. ' --threads "${SLURM_CPUS_PER_TASK:-1}"' end
  return string.format(script, text.command(runs), command, text.quote(dir))
end

-- Submits one array of runs; `after`: the job it waits for, or nil. Gives its number.
local function submit(dir, k, runs, name, given, after)
  local path = string.format("%s/slurm/%d", dir, k)
  core.write_file(path .. ".sh", script_of(dir, runs, given))
  core.write_file(path .. ".runs", table.concat(runs, "\n") .. "\n")
  local command = { "sbatch", "--parsable", "--requeue", "--job-name=" .. name .. "." .. k,
    "--output=" .. path:gsub("%%", "%%%%") .. "-%a.out",
    string.format("--signal=B:USR1@%d", BEFORE_LIMIT),
    string.format("--array=0-%d%s", #runs - 1, given.j and "%" .. given.j or "") }
  if given.partition then command[#command + 1] = "--partition=" .. given.partition end
  if after then command[#command + 1] = "--dependency=afterany:" .. after end
  for word in (given.sbatch or ""):gmatch("%S+") do command[#command + 1] = word end
  command[#command + 1] = path .. ".sh"
  local fine, said = pcall(capture, command, true)
  if not fine then
    os.remove(path .. ".runs")
    error(said, 0)
  end
  return (said:match("(%d+)[^\n]*\n$"))
end

-- Submits what is neither done nor in the queue, in arrays that are not too large. With -j, one
-- array waits for the one before, so that the limit holds for all of them.
local function submit_all(dir, runs, given, out)
  local made, reason = core.make_folders(dir .. "/slurm")
  if not made then core.fail(1, reason) end
  local claim <close> = claims.watch():wait(dir .. "/claims/slurm", function() end)
  if not claim then return end
  local name = job_name(dir)
  local queue, active, todo, poll = new_queue(dir, name, out), nil, {}, SHORTEST_POLL
  while not active do -- what is in the queue must not be submitted again
    active = queue()
    if core.interrupted() then return end
    if not active then core.sleep(poll) end
    poll = math.min(LONGEST_POLL, poll * 2)
  end
  for _, run in ipairs(runs) do
    if not active[run.folder] and plan_of.state(dir, run) ~= "done" then
      todo[#todo + 1] = run.folder
    end
  end
  local going = 0
  for _ in pairs(active) do going = going + 1 end
  if going > 0 then out:say(text.plural(going, "run") .. " in the queue already") end
  if #todo == 0 then return name end
  local most = largest_array()
  local _, k = submissions(dir)
  local job
  for first = 1, #todo, most do
    local part = table.move(todo, first, math.min(first + most - 1, #todo), 1, {})
    k = k + 1
    job = submit(dir, k, part, name, given, given.j and job)
    out:say(string.format("submitted %s as job %s", text.plural(#part, "run"), job))
  end
  return name
end

-- ---- collecting --------------------------------------------------------------------------------

local function error_of(dir, run)
  local path = dir .. "/logs/" .. run.folder .. ".error"
  return core.file_kind(path) == "file" and core.read_file(path) or nil
end

-- The reason of a run whose task is gone without a result; kept for the table.
local function give_up(dir, run, before)
  local problem = error_of(dir, run)
  if not problem or problem == before then
    problem = "its Slurm job ended without a result; slurm/ has what it printed\n"
    core.write_file(dir .. "/logs/" .. run.folder .. ".error", problem)
  end
  return (problem:gsub("\n.*", ""))
end

-- Submits and waits. Gives how many failed, the signal that interrupted the wait, and what to do
-- then.
function M.run(plan, dir, given, options, out)
  if dir:find("\n") then core.fail(MISUSE, "--slurm: the folder's name holds a line break") end
  local waiting, before, gone, count = {}, {}, {}, 0
  for _, run in ipairs(plan.runs) do
    if not options.only or options.only[run.folder] then
      count = count + 1
      if plan_of.state(dir, run) ~= "done" then
        waiting[#waiting + 1] = run
        before[run] = error_of(dir, run)
      end
    end
  end
  core.catch_interrupts()
  if count > #waiting then out:say(text.plural(count - #waiting, "run") .. " done already") end
  if #waiting == 0 then return 0, nil end
  local name = submit_all(dir, waiting, given, out)
  if given.detach then return 0, nil end
  local done, failed, poll = count - #waiting, 0, SHORTEST_POLL
  local queue = name and new_queue(dir, name, out)
  local function say(run, what)
    done = done + 1
    out:say(string.format("%d/%d  %s: %s", done, count, run.folder, what))
  end
  while #waiting > 0 and not core.interrupted() do
    core.sleep(poll)
    poll = math.min(LONGEST_POLL, poll * 1.2)
    local active, left, running = queue(), {}, 0
    for _, run in ipairs(waiting) do
      local state = not active and "UNKNOWN" or active[run.folder]
      if state == "RUNNING" then running = running + 1 end
      local held = not state and core.claim_state(dir .. "/claims/" .. run.folder).held
      -- twice: a shared file system may show a result some seconds after the job has ended
      gone[run] = not state and not held and (gone[run] or 0) + 1 or 0
      if plan_of.state(dir, run) == "done" then
        say(run, "done")
      elseif gone[run] >= 2 then
        failed = failed + 1
        say(run, "failed: " .. give_up(dir, run, before[run]))
      else
        left[#left + 1] = run
      end
    end
    waiting = left
    out:follow(function()
      if not active then return nil end
      return string.format("%d/%d  %d running, %d waiting", done, count, running, #left - running)
    end)
  end
  out:finish()
  return failed, core.interrupted(), string.format("the jobs go on; the same command waits for "
    .. "them and writes the table, and they are ended by: squeue --me --noheader "
    .. "--format='%%A %%j' | grep ' %s' | cut -d ' ' -f 1 | xargs scancel", name or "")
end

return M
