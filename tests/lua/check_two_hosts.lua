-- Claims of two machines on a shared folder whose locks do not reach each other. A machine is a
-- host name of its own (unshare --uts) and a mount of its own: an overlay over the same folder,
-- which has its own locks, as its own kernel would.
local source = os.getenv "STEPWISE_SOURCE" or "."
local unit = dofile(source .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"

local LEASE <const> = 8
local lua, script = arg[-1], source .. "/tests/lua/check_two_hosts.lua"

-- A machine that takes the claim PATH, tells so, and holds it until it has lost it.
if arg[1] == "hold" then
  local watch = require("stepwise.sweep.claim").watch(tonumber(arg[3]))
  local function say(text)
    print(text)
    io.stdout:flush()
  end
  local claim = watch:wait(arg[2], function(owner) say("waiting for " .. owner) end)
  say "taken"
  while not claim:lost() do core.sleep(0.1) end
  claim:release()
  say "lost"
  os.exit(0)
end

local folder = unit.folder()

-- Everything happens in a place of its own, where file systems can be mounted.
if arg[1] ~= "inside" then
  local _, _, status = os.execute(string.format([[
    command -v unshare >/dev/null || exit 77
    [ "$(id -u)" = 0 ] || user=--map-root-user
    cd '%s'
    exec unshare $user --mount --uts sh -c '
      mount -t tmpfs none . && cd "$PWD" && mkdir under over work1 work2 a b || exit 77
      for mount in a:work1 b:work2; do
        mount -t overlay none -o lowerdir=under,upperdir=over,workdir=${mount#*:},index=off \
          ${mount%%:*} || exit 77
      done
      exec $STEPWISE_LUA_PRELOAD "$0" "$1" inside "$PWD"' '%s' '%s' 2>errors]],
    folder, lua, script))
  if status == 77 then print "skipped: no two mounts of one folder can be made here" end
  if status ~= 0 and status ~= 77 then io.write(unit.read(folder .. "/errors")) end
  os.execute("rm -rf '" .. folder .. "'")
  os.exit(status)
end

folder = arg[2]

-- Starts a command on the machine `host`; its process, and the file of what it prints.
local function start(host, ...)
  local output = string.format("%s/%s.out", folder, host)
  local named = 'hostname "$0" 2>/dev/null || echo "$0" >/proc/sys/kernel/hostname; exec "$@"'
  local command = { "unshare", "--uts", "sh", "-c", named, host, ... }
  return assert(core.spawn(command, { output = output })), output
end

local function hold(host, mount, lease)
  return start(host, "sh", "-c", 'exec $STEPWISE_LUA_PRELOAD "$0" "$@"', lua, script, "hold",
    string.format("%s/%s/claim", folder, mount), tostring(lease))
end

local function send(signal, process) os.execute(string.format("kill -%s %d", signal, process)) end

-- Waits until the file says so; the limit is for what hangs.
local function until_said(file, text)
  local began = core.seconds()
  while not (core.file_kind(file) and core.read_file(file):find(text, 1, true)) do
    if core.seconds() - began > 300 then error("no '" .. text .. "' in: " .. unit.read(file), 2) end
    core.sleep(0.05)
  end
end

unit.test("a claim changes hands between machines only when its owner is silent", function()
  local one, said_one = hold("one", "a", LEASE)
  until_said(said_one, "taken")
  local here, there = core.claim_state(folder .. "/a/claim"), core.claim_state(folder .. "/b/claim")
  unit.equal(here.elsewhere, false)
  unit.equal(there.elsewhere, true, "the mounts have locks of their own")
  local two, said_two = hold("two", "b", LEASE)
  until_said(said_two, "waiting for process " .. one .. " on one")
  core.sleep(2 * LEASE + 1)
  unit.equal(unit.read(said_two):find "taken", nil, "an owner that is alive keeps its claim")

  send("STOP", one)
  until_said(said_two, "taken")
  send("CONT", one)
  until_said(said_one, "lost")
  core.wait(one)
  there = core.claim_state(folder .. "/b/claim")
  unit.equal(there.owner, string.format("process %d on two", two), "who lost it leaves it alone")
  unit.equal(there.held, true)

  -- where the lock is seen, death is seen at once, whatever the host is called
  send("KILL", two)
  core.wait(two)
  local three, said_three = hold("three", "b", 86400)
  until_said(said_three, "taken")
  send("KILL", three)
  core.wait(three)
end)

unit.test("a sweep whose machine is gone is finished by another one", function()
  local program = os.getenv "STEPWISE"
  unit.write(folder .. "/rows.lua", [[
local sw = require "stepwise"
local base = sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {} } },
  train = { batch = 16, epochs = 400, checkpoint_every = 4 },
}
return sw.table { title = "T", base = base, reference = "all",
  rows = { { name = "all" }, { name = "i2t", direction = "i2t" } } }
]])
  unit.equal(os.execute(string.format("'%s' scenes %s/data --train 32 --dev 8 --test 8 "
    .. "--features 16 >/dev/null", program, folder)), true)
  local function sweep(host, dir, ...)
    return start(host, program, "ablate", folder .. "/rows.lua", "--data", folder .. "/data",
      "--threads", "1", "--out", folder .. "/" .. dir, ...)
  end
  local process, said = sweep("clean", "clean")
  core.wait(process)
  until_said(said, "2/2")
  process = sweep("four", "a/sweep")
  until_said(folder .. "/over/sweep/all-seed0/log.jsonl", '"saved"')
  os.execute("kill -9 $(grep -ls '^PPid:[[:space:]]*" .. process .. "$' /proc/[0-9]*/status "
    .. "| cut -d / -f 3)")
  send("KILL", process)
  core.wait(process)
  unit.equal(core.file_kind(folder .. "/over/sweep/all-seed0/result.json"), nil, "killed in time")
  process, said = sweep("five", "b/sweep", "--lease", "5")
  until_said(said, "all-seed0: being run by process ")
  unit.contains(unit.read(said), " on four; waiting")
  unit.equal(select(2, core.wait(process)), 0, unit.read(said))
  unit.contains(unit.read(folder .. "/b/sweep/all-seed0/log.jsonl"), '"resumed"')
  unit.equal(unit.read(folder .. "/b/sweep/table.md"), unit.read(folder .. "/clean/table.md"))
  unit.equal(os.execute(string.format("ls -R %s/clean >%s/names && ls -R %s/b/sweep | "
    .. "sed 's,/b/sweep,/clean,' | cmp - %s/names", folder, folder, folder, folder)), true)
end)

unit.finish()
