-- stepwise watch: what it says of runs is what their files say, whoever writes them, and when.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local plans = require "stepwise.sweep.plan"
local standing = require "stepwise.run.standing"

local folder = unit.folder()
local HEAD <const> = "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\ti2t_r5\t"
  .. "i2t_r10\tt2i_r1\tt2i_r5\tt2i_r10\trsum\tseconds\n"

local function step(n, epoch, seconds)
  return string.format("%d\t%d\tstep\t4\t0.25\t1\t0.001%s\t%g\n", n, epoch, ("\tNaN"):rep(7),
    seconds)
end
local function dev(n, epoch, rsum, seconds)
  return string.format("%d\t%d\tdev%s\t1\t2\t3\t4\t5\t6\t%g\t%g\n", n, epoch, ("\tNaN"):rep(4),
    rsum, seconds)
end

-- A run folder of batch 16 with 64 training captions and `epochs`, 4 steps each.
local function make(dir, metrics, log, epochs)
  assert(os.execute("mkdir -p '" .. dir .. "'"))
  unit.write(dir .. "/config.json", sw.json_encode { train = { batch = 16, epochs = epochs or 3,
    margin = 0.2, eval_every = 0, max_steps = 0 } })
  unit.write(dir .. "/provenance.json", sw.json_encode { data = { train_captions = 64 },
    parts = { { host = "elsewhere" } } })
  unit.write(dir .. "/metrics.tsv", metrics)
  unit.write(dir .. "/log.jsonl", log or "")
end

local first <const> = HEAD .. step(1, 0, 10) .. step(2, 0, 12) .. step(3, 0, 14) .. step(4, 0, 16)
  .. dev(4, 0, 100, 26) .. step(5, 1, 28) .. step(6, 1, 30)

unit.test("epoch, rate, time left and evaluations are those of the files", function()
  local dir = folder .. "/one"
  make(dir, first, '{"event":"evaluated","split":"dev","metrics":{"images":40}}\n'
    .. '{"event":"warning","text":"it is stuck"}\n')
  local s = standing.new(dir):look()
  unit.equal(s.step, 6)
  unit.equal(s.epoch, 1)
  unit.equal(s.epochs, 3)
  unit.equal(s.steps, 12)
  unit.equal(s.images, 40)
  unit.equal(s.warning, "it is stuck")
  unit.equal(s.host, "elsewhere")
  unit.near(s.rate, 8, 1e-12, "pairs per second: 16 in 2 s, without the evaluation")
  unit.near(s.left, 6 * 2 + 2 * 10, 1e-12, "six steps and two evaluations")
  unit.equal(#s.evaluations, 1)
  unit.equal(s.evaluations[1].rsum, 100)
  unit.near(s.evaluations[1].loss, 0.25, 1e-12)
  unit.equal(s.evaluations[1].t2i_r10, 6)
  unit.contains(s:words(), "epoch 2/3  50 %  rsum 100.0  8 pairs/s  32 s left")
end)

unit.test("half a line is waited for, and a file that was cut back is read again", function()
  local dir = folder .. "/grows"
  make(dir, HEAD .. step(1, 0, 1))
  local s = standing.new(dir):look()
  unit.equal(s.step, 1)
  local row = dev(4, 0, 120, 9)
  unit.write(dir .. "/metrics.tsv", HEAD .. step(1, 0, 1) .. row:sub(1, 20))
  unit.equal(#s:look().evaluations, 0)
  unit.write(dir .. "/metrics.tsv", HEAD .. step(1, 0, 1) .. row .. step(5, 1, 10))
  unit.equal(#s:look().evaluations, 1)
  unit.equal(s.step, 5)
  unit.write(dir .. "/metrics.tsv", HEAD .. step(1, 0, 1) .. step(2, 0, 2))
  unit.equal(#s:look().evaluations, 0)
  unit.equal(s.step, 2)
end)

unit.test("a folder that is missing, or holds anything, is no error", function()
  unit.equal(standing.new(folder .. "/missing"):look().step, 0)
  local dir = folder .. "/hostile"
  for _, text in ipairs { "", "\0\n\n", "1\t2\n", HEAD .. "1e999\t0\tstep\tx\tx\tx\n",
    HEAD .. ("\t"):rep(14) .. "\n", "9\t9\tdev\t" .. ("nan\t"):rep(20) .. "\n" } do
    make(dir, text, '{"event":"warning","text":7}\n[]\n{"event":"evaluated"\n')
    for _, json in ipairs { "", "[]", "{", '{"train":7,"data":[],"parts":{"a":1}}',
      '{"train":{"batch":0,"epochs":-1}}', '{"train":{"batch":1e300,"epochs":"x"}}' } do
      unit.write(dir .. "/config.json", json)
      unit.write(dir .. "/provenance.json", json)
      local s = standing.new(dir):look()
      unit.equal(#s:words() > 0, true)
    end
  end
end)

-- ---- the command -----------------------------------------------------------------------------

unit.write(folder .. "/rows.lua", [[
local sw = require "stepwise"
return sw.table { title = "Which <b>?", base = sw.experiment { model = { dim = 4 } },
  rows = { { name = "a" }, { name = "b", dim = 8 }, { name = "c", dim = 9 },
    { name = "d", dim = 10 } } }]])
local dir = folder .. "/sweep"
plans.freeze(plans.build(folder .. "/rows.lua", { data = "nowhere" }, {}, { 0 }), dir)

local function watch(...)
  local status, said = unit.program { "watch", ... }
  unit.equal(status, 0, said)
  return said
end

unit.test("runs, states, the gap to the reference at the same step, and reasons", function()
  make(dir .. "/a-seed0", first)
  unit.write(dir .. "/a-seed0/result.json", '{"seconds": 75}')
  make(dir .. "/b-seed0", HEAD .. step(4, 0, 1) .. dev(4, 0, 90.5, 2) .. step(5, 1, 3),
    '{"event":"warning","text":"warned \\u001b[2J"}\n')
  make(dir .. "/c-seed0", HEAD)
  unit.write(dir .. "/logs/c-seed0.error", "collapsed at epoch 2: so it is\n1 2\n")
  local said = watch(dir, "--once")
  unit.contains(said, "Which <b>?: 1 done, 1 failed, 1 stopped, 1 waiting\n")
  unit.contains(said, "a-seed0  done ")
  unit.contains(said, "in 75 s")
  unit.equal(said:find("b%-seed0  stopped +2/3 +90%.5 +%-9%.5") ~= nil, true, said)
  unit.equal(said:find("d%-seed0  waiting") ~= nil, true, said)
  unit.contains(said, "c-seed0: collapsed at epoch 2: so it is")
  unit.contains(said, "b-seed0: warning: warned")
  unit.equal(said:find("\27", 1, true), nil, "nothing that a terminal acts on")
  for line in said:gmatch("[^\n]+") do unit.equal(utf8.len(line) <= 80, true, line) end
end)

unit.test("the page has the same, and is loaded again only while something is to come", function()
  watch(dir, "--once", "--html", folder .. "/page.html")
  local page = unit.read(folder .. "/page.html")
  unit.contains(page, "Which &lt;b&gt;?")
  unit.contains(page, 'http-equiv="refresh"')
  unit.contains(page, "<polyline")
  unit.contains(page, "collapsed at epoch 2")
  for _, name in ipairs { "b", "c", "d" } do
    os.execute("mkdir -p '" .. dir .. "/" .. name .. "-seed0'")
    unit.write(dir .. "/" .. name .. "-seed0/result.json", "{}")
  end
  local said = watch(dir, "--html", folder .. "/page.html") -- ends by itself
  unit.contains(said, "4 done")
  unit.equal(unit.read(folder .. "/page.html"):find("refresh", 1, true), nil)
end)

unit.test("a run whose result cannot be read has failed, and says which file", function()
  unit.write(dir .. "/a-seed0/result.json", '{"seconds": 7')
  local said = watch(dir, "--once")
  unit.contains(said, ": 3 done, 1 failed\n")
  unit.contains(said, "a-seed0: " .. dir .. "/a-seed0/result.json: ")
  unit.write(dir .. "/a-seed0/result.json", "{}")
end)

unit.test("one run is followed as well, and anything else refused", function()
  unit.contains(watch(folder .. "/one", "--once"), "one  ")
  local status, said = unit.program { "watch", folder, "--once" }
  unit.equal(status, 1)
  unit.contains(said, "neither the folder of a sweep (plan.json) nor of a run (config.json)")
end)

unit.test("a run that works now is running, and its sweep says the time left", function()
  sw.scenes(folder .. "/data", { train = 32, dev = 8, test = 8, features = 16 })
  local status, said = unit.program({ "watch", "live", "--once" }, "cd '" .. folder .. [[' && {
    "$STEPWISE" ablate rows.lua --data data --out live word_dim=4 embedding=random epochs=1000000 \
      >ablate.log 2>&1 & pid=$!; tries=0
    until [ -s live/a-seed0/checkpoint.safetensors ] || [ $tries -gt 600 ]; do
      sleep 0.1; tries=$((tries + 1))
    done; }; trap 'kill $pid; wait $pid' EXIT; ]])
  unit.equal(status, 0, said)
  unit.contains(said, "1 running, 3 waiting")
  unit.equal(said:find("a%-seed0  running +%d+/1000000") ~= nil, true, said)
end)

unit.finish()
