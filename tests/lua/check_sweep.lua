-- Sweeps: nothing starts from a slip, commands of a dry run do the same runs, several sweeps share
-- the work, and runs of other data or plugins are never mixed in.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"

local folder = unit.folder()
local inside = "cd '" .. folder .. "' && "

local function run(...) return unit.program({ ... }, inside) end

local function shell(command)
  local pipe = assert(io.popen(inside .. "export STEPWISE='" .. os.getenv "STEPWISE" .. "'; { "
    .. command .. "\n} 2>&1; echo \" $?\""))
  local output = pipe:read("a")
  pipe:close()
  local text, status = output:match("^(.*) (%d+)\n$")
  return tonumber(status), text or output
end

local function exists(path) return core.file_kind(folder .. "/" .. path) ~= nil end

local head = [[
local sw = require "stepwise"
local base = sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 2, checkpoint_every = 4 },
}
]]
local function write_table(name, rows)
  unit.write(folder .. "/" .. name, head .. 'return sw.table { title = "T", base = base, '
    .. 'reference = "all", rows = { { name = "all" }, ' .. rows .. " } }")
end

write_table("rows.lua", '{ name = "L2L $x", stages = { "l2l" } }')
assert(run("scenes", "data", "--train", "32", "--dev", "8", "--test", "8", "--features", "16") == 0)

-- Names of the runs that were started, in the order of the log, with a blank behind each.
local function started(dir)
  local names = {}
  for name in unit.read(folder .. "/" .. dir .. "/logs/sweep.log"):gmatch(" started ([^\n]+)\n") do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, " ")
end

local ALL <const> = "all-seed0 all-seed1 l2l-x-seed0 l2l-x-seed1"

local status, text = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out", "clean")
assert(status == 0, text)
local clean = unit.read(folder .. "/clean/table.md")

-- ---- the plan ----------------------------------------------------------------------------------

local slips = {
  { "['dmi'] = 9", "dmi=9", "did you mean 'dim'" },
  { "epoch = 9", "epoch=9", "did you mean 'epochs'" },
  { "['train.lrr'] = 9", "train.lrr=9", "did you mean 'lr'" },
  { "['tran.lr'] = 9", "tran.lr=9", "did you mean 'train'" },
  { "['data.train_split2'] = 'a'", "data.train_split2=a", "did you mean 'train_split'" },
  { "['l2l.lamda'] = 9", "l2l.lamda=9", "did you mean 'lambda'" },
  { "['l2k.lambda'] = 9", "l2k.lambda=9", "did you mean 'l2l'" },
  { "['g2l.fusoin'] = 'gate'", "g2l.fusoin=gate", "did you mean 'fusion'" },
  { "['g2l.fusion'] = 'gaet'", "g2l.fusion=gaet", "did you mean 'gate'" },
  { "['g2l.fusion.gaet'] = 1", "g2l.fusion.gaet=1", "gaet" },
  { "fusion = 'gaet'", "fusion=gaet", "did you mean 'gate'" },
  { "stages = { 'l2l', 'g2ll' }", "stages=l2l,g2ll", "did you mean 'g2l'" },
  { "stagse = { 'l2l' }", "stagse=l2l", "did you mean 'stages'" },
  { "embedding = 'randm'", "embedding=randm", "did you mean 'random'" },
  { "['embedding.word_dmi'] = 9", "embedding.word_dmi=9", "did you mean 'word_dim'" },
  { "['model.dmi'] = 9", "model.dmi=9", "did you mean 'dim'" },
  { "direction = 'botch'", "direction=botch", "did you mean 'both'" },
  { "same_image = 'exclud'", "same_image=exclud", "did you mean 'exclude'" },
  { "dim = 'wide'", "dim=wide", "expected" },
  { "['g2g.score'] = false", "g2g.score=false", "is not a stage of this model" },
}

unit.test("a slip in a row names the near miss before anything is written", function()
  for _, slip in ipairs(slips) do
    write_table("slip.lua", "{ name = 'second', " .. slip[1] .. " }")
    local found, said = run("ablate", "slip.lua", "--data", "data", "--out", "no")
    unit.equal(found, 2, slip[1] .. ": " .. said)
    unit.contains(said, "row 'second': ")
    unit.contains(said, slip[3])
    unit.equal(select(2, said:gsub("\n", "")), 1, "lines")
    unit.equal(exists "no", false)
  end
end)

unit.test("so does one in key=value", function()
  for _, slip in ipairs(slips) do
    local found, said = run("ablate", "rows.lua", slip[2], "--data", "data", "--out", "no")
    unit.equal(found, 2, slip[2] .. ": " .. said)
    unit.contains(said, slip[3])
    unit.equal(exists "no", false)
  end
end)

unit.test("a row cannot choose what the command chooses", function()
  write_table("slip.lua", "{ name = 'b', seed = 3 }")
  local found, said = run("ablate", "slip.lua", "--data", "data", "--out", "no")
  unit.equal(found, 2)
  unit.contains(said, "row 'b': seed: a row cannot change it; --seeds chooses it")
end)

unit.test("the commands of a dry run are the runs that ablate then collects", function()
  local found, said = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out", "it's",
    "--dry-run")
  unit.equal(found, 0, said)
  unit.equal(exists "it's", false, "a dry run writes nothing")
  local commands = 0
  for line in said:gmatch("[^\n]+") do
    if line:sub(1, 2) ~= "# " then commands = commands + 1 end
  end
  unit.equal(commands, 4)
  -- as a file for any shell, two at a time
  unit.write(folder .. "/commands", said)
  found, said = shell("grep -v '^#' commands | tr '\\n' '\\0' | xargs -0 -P 2 -I @ sh -c @")
  unit.equal(found, 0, said)
  unit.equal(started "it's", ALL)
  found, said = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out", "it's")
  unit.equal(found, 0, said)
  unit.contains(said, "4 runs done already")
  unit.equal(unit.read(folder .. "/it's/table.md"), clean)
  unit.equal(unit.read(folder .. "/it's/plan.json"), unit.read(folder .. "/clean/plan.json"))
  found, said = run("ablate", "it's", "--dry-run")
  unit.equal(found, 0, said)
  unit.equal(said:find("\n[^#\n]"), nil, "nothing is left to do")
end)

unit.test("GNU parallel takes the lines as they are", function()
  if not os.execute("command -v parallel >/dev/null") then
    print("skipped: GNU parallel is not there")
    return
  end
  local found, said = shell('"$STEPWISE" ablate rows.lua --data data --out par --dry-run '
    .. "| HOME=$PWD parallel --will-cite -j 2")
  unit.equal(found, 0, said)
  unit.equal(started "par", "all-seed0 l2l-x-seed0")
end)

unit.test("a folder is gone on with as it was planned", function()
  local found, said = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out", "part",
    "--run", "all-seed1")
  unit.equal(found, 0, said)
  unit.equal(exists "part/table.md", false)
  found, said = run("ablate", "part", "--run", "al-seed1")
  unit.equal(found, 2)
  unit.contains(said, "did you mean 'all-seed1'")
  unit.equal(run("ablate", "part", "lr=1"), 2)
  unit.equal(run("ablate", "part", "--seeds", "0"), 2)
  found, said = run("ablate", "part")
  unit.equal(found, 0, said)
  unit.equal(unit.read(folder .. "/part/table.md"), clean)
  unit.equal(started "part", ALL)
end)

-- ---- claims ------------------------------------------------------------------------------------

unit.test("two sweeps on one folder run nothing twice and write the same table", function()
  local sweep = '"$STEPWISE" ablate rows.lua epochs=6 --data data --seeds 0-2 -j 2 --out two'
  local found, said = shell(sweep .. " >a.out & " .. sweep .. " >b.out & wait; cat a.out b.out")
  unit.equal(found, 0, said)
  unit.equal(started "two", "all-seed0 all-seed1 all-seed2 l2l-x-seed0 l2l-x-seed1 l2l-x-seed2")
  for _, file in ipairs { "a.out", "b.out" } do
    local page = unit.read(folder .. "/" .. file)
    unit.contains(page, unit.read(folder .. "/two/table.md"))
    unit.contains(page, "6/6")
  end
end)

local function foreign(path, process)
  unit.write(path, "process " .. process .. " on elsewhere since 5.5 locks boot:1\n")
end

unit.test("a claim of a dead process is taken at once, and only then", function()
  local here = folder .. "/here"
  local claim = assert(core.claim(here))
  local mine = unit.read(here)
  unit.contains(mine, "process " .. core.process_number() .. " on ")
  local held, state = core.claim(here)
  unit.equal(held, nil)
  unit.equal(state.held, true)
  unit.equal(state.elsewhere, false)
  unit.equal(core.claim(here, state.beat), nil, "a locked claim is not taken")
  unit.equal(claim:lost(), false)
  claim:release()
  claim:release()
  unit.equal(exists "here", false)
  unit.equal(core.claim_state(here).held, false)
  unit.write(here, mine) -- as its process would leave it that was killed
  state = core.claim_state(here)
  unit.equal(state.held, false)
  unit.equal(state.owner, mine:match "^(process %d+ on %S+)")
  claim = assert(core.claim(here))
  unit.equal(core.claim_state(here).held, true)
  unit.equal(unit.read(here) ~= mine, true)
  claim:release()
  unit.equal(exists "here", false)
end)

unit.test("what a process starts does not keep its claims", function()
  local claim <close> = assert(core.claim(folder .. "/parent"))
  local child = assert(core.spawn({ "ls", "-l", "/proc/self/fd" }, { output = folder .. "/fds" }))
  unit.equal(select(2, core.wait(child)), 0)
  unit.contains(unit.read(folder .. "/fds"), "/fds")
  unit.equal(unit.read(folder .. "/fds"):find("/parent", 1, true), nil)
  unit.equal(claim:lost(), false)
end)

unit.test("a claim elsewhere counts until it has given no sign of life for the lease", function()
  local there = folder .. "/there"
  foreign(there, 1)
  local watch = require("stepwise.sweep.claim").watch(0.3)
  local claim, owner = watch:take(there)
  unit.equal(claim, nil)
  unit.equal(owner, "process 1 on elsewhere")
  local first = core.claim_state(there)
  unit.equal(first.held, true)
  unit.equal(first.elsewhere, true)
  foreign(there, 1) -- a sign of life
  unit.equal(core.claim(there, first.beat), nil)
  local mine = watch:wait(there, function() end)
  unit.contains(unit.read(there), "process " .. core.process_number() .. " on ")
  -- who judged the same claim dead, but was slower, has not got it
  unit.equal(core.claim(there, first.beat), nil)
  mine:release()
  unit.equal(exists "there", false)
end)

unit.test("who takes a claim over from elsewhere gives way to one that wrote later", function()
  local there = folder .. "/race"
  foreign(there, 1)
  local watch = string.format("until grep -q 'process [0-9][0-9]' '%s'; do sleep 0.05; done; ",
    there)
  local other = assert(core.spawn { "sh", "-c", watch
    .. string.format("echo 'process 2 on elsewhere since 6.5 locks boot:1' >'%s'", there) })
  unit.equal(core.claim(there, core.claim_state(there).beat), nil)
  core.wait(other)
  unit.equal(core.claim_state(there).owner, "process 2 on elsewhere", "and leaves it alone")
end)

unit.test("a claim that cannot be read is somebody's until time tells", function()
  unit.write(folder .. "/odd", "")
  unit.equal(core.claim_state(folder .. "/odd").held, true)
  unit.equal(core.claim(folder .. "/odd"), nil)
  unit.fails(1, "nowhere", core.claim, folder .. "/nowhere/claim")
  unit.fails(1, "Is a directory", core.claim, folder)
end)

unit.test("a sweep takes over the runs of a machine that is gone", function()
  run("ablate", "rows.lua", "--data", "data", "--out", "gone", "--run", "all-seed0")
  foreign(folder .. "/gone/claims/l2l-x-seed0", 1)
  unit.write(folder .. "/gone/claims/l2l-x-seed0.3", "of an earlier version")
  os.execute("mkdir '" .. folder .. "/gone/l2l-x-seed0'")
  foreign(folder .. "/gone/l2l-x-seed0/claim", 2)
  unit.write(folder .. "/gone/l2l-x-seed0/claim.2", "of an earlier version")
  local found, said = run("ablate", "gone", "--lease", "5")
  unit.equal(found, 0, said)
  unit.contains(said, "l2l-x-seed0: being run by process 1 on elsewhere; waiting")
  for _, left in ipairs { "claims/l2l-x-seed0", "claims/l2l-x-seed0.3", "l2l-x-seed0/claim",
    "l2l-x-seed0/claim.2" } do
    unit.equal(exists("gone/" .. left), false, left)
  end
end)

-- ---- ids ---------------------------------------------------------------------------------------

local function decoded(path) return sw.json_decode(unit.read(folder .. "/" .. path)) end

unit.test("the id is that of config, data, plugins and seed", function()
  local plan, seen = decoded "clean/plan.json", {}
  for _, planned in ipairs(plan.runs) do
    unit.equal(#planned.id, 32)
    unit.equal(seen[planned.id], nil)
    seen[planned.id] = true
    unit.equal(decoded("clean/" .. planned.folder .. "/result.json").id, planned.id)
    unit.equal(decoded("clean/" .. planned.folder .. "/provenance.json").id, planned.id)
  end
end)

unit.test("a finished run is taken over from another table, by its id", function()
  write_table("other.lua", '{ name = "again", stages = { "l2l" } }, { name = "new", dim = 9 }')
  local found, said = run("ablate", "other.lua", "--data", "data", "--seeds", "0-1", "--out",
    "other", "--reuse", "clean")
  unit.equal(found, 0, said)
  unit.equal(started "other", "new-seed0 new-seed1")
  unit.contains(said, "again-seed1: taken over from clean/l2l-x-seed1")
  unit.equal(unit.read(folder .. "/other/again-seed1/checkpoint.safetensors"),
    unit.read(folder .. "/clean/l2l-x-seed1/checkpoint.safetensors"))
  found, said = run("ablate", "other.lua", "--data", "data", "--out", "o", "--reuse", "cleam")
  unit.equal(found, 2)
  unit.contains(said, "--reuse: cleam: no such folder; did you mean 'clean'?")
end)

unit.test("--reuse takes a folder of sweeps, and says why a run is not taken over", function()
  assert(os.execute(inside .. "mkdir shelf && cp -r clean shelf/clean"))
  local found, said = run("ablate", "rows.lua", "--data", "data", "--out", "shelf/new", "--dry-run")
  unit.equal(found, 0, said)
  unit.contains(said, "# 2 of these runs finished in other folders of shelf: --reuse auto takes")
  write_table("like.lua", '{ name = "L2L $x", stages = { "l2l" }, lr = 0.5 }')
  found, said = run("ablate", "like.lua", "--data", "data", "--out", "like", "--reuse", "shelf")
  unit.equal(found, 0, said)
  unit.equal(started "like", "l2l-x-seed0")
  unit.contains(said, "all-seed0: taken over from shelf/clean/all-seed0")
  unit.contains(said, "shelf/clean/l2l-x-seed0 is not taken over for l2l-x-seed0: train.lr is "
    .. "0.0002 there and 0.5 here")
  unit.equal(said:find("all-seed0 is not taken over", 1, true), nil)
  -- of a broken result nothing is taken, and nothing fails
  unit.write(folder .. "/shelf/clean/all-seed0/result.json", "{")
  found, said = run("ablate", "rows.lua", "--data", "data", "--out", "like2", "--reuse", "shelf")
  unit.equal(found, 0, said)
  unit.contains(said, "l2l-x-seed0: taken over from")
  unit.equal(started "like2", "all-seed0")
end)

unit.test("--reuse auto looks beside --out, and says in what near runs differ", function()
  assert(os.execute(inside .. "mkdir hall && cp -r clean hall/first"))
  write_table("near.lua", '{ name = "another name", stages = { "l2l" }, lr = 0.5 }, '
    .. '{ name = "far", dim = 9, lr = 0.5, stages = { "l2l", "g2l" } }')
  local found, said = run("ablate", "near.lua", "--data", "data", "--seeds", "0-1", "--out",
    "hall/second", "--reuse", "auto", "--dry-run")
  unit.equal(found, 0, said)
  unit.contains(said, "# all-seed1: would be taken over from hall/first/all-seed1\n")
  unit.contains(said, "# hall/first/l2l-x-seed0 is not taken over for another-name-seed0 and 1 "
    .. "more seed: train.lr is 0.0002 there and 0.5 here\n")
  unit.equal(said:find("for far-seed", 1, true), nil, "far is not near anything")
  -- other data, and another build of a plugin, by name
  local provenance = decoded "hall/first/l2l-x-seed0/provenance.json"
  provenance.sources.data.train = ("0"):rep(32)
  provenance.sources.plugins.l2l = ("1"):rep(32)
  unit.write(folder .. "/hall/first/l2l-x-seed0/provenance.json", sw.json_encode(provenance))
  local result = decoded "hall/first/l2l-x-seed0/result.json"
  result.id = ("2"):rep(32)
  unit.write(folder .. "/hall/first/l2l-x-seed0/result.json", sw.json_encode(result))
  found, said = run("ablate", "rows.lua", "--data", "data", "--out", "hall/third", "--reuse",
    "auto")
  unit.equal(found, 0, said)
  unit.contains(said, "hall/first/l2l-x-seed0 is not taken over for l2l-x-seed0: it differs in the "
    .. "train split (00000000 there, ")
  unit.contains(said, "the build of the plugin l2l (11111111 there, ")
  unit.contains(said, "all-seed0: taken over from hall/first/all-seed0")
  unit.equal(started "hall/third", "l2l-x-seed0")
  -- its own runs are no others
  found, said = run("ablate", "rows.lua", "--data", "data", "--out", "hall/third", "--reuse",
    "auto")
  unit.equal(found, 0, said)
  unit.equal(said:find("taken over", 1, true), nil)
end)

local function without(path, ...)
  local value = decoded(path)
  for _, key in ipairs { ... } do value[key] = nil end
  unit.write(folder .. "/" .. path, sw.json_encode(value))
end

unit.test("plans and runs from before there were ids are gone on with", function()
  os.execute(inside .. "cp -r clean old")
  local plan = decoded "old/plan.json"
  for _, row in ipairs(plan.rows) do row.sources = nil end
  for _, planned in ipairs(plan.runs) do planned.id, planned.key = nil, nil end
  unit.write(folder .. "/old/plan.json", sw.json_encode(plan))
  for _, name in ipairs { "all-seed0", "l2l-x-seed0", "all-seed1", "l2l-x-seed1" } do
    without("old/" .. name .. "/result.json", "id")
    without("old/" .. name .. "/provenance.json", "id", "sources")
  end
  local found, said = run("table", "old")
  unit.equal(found, 0, said)
  found, said = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out", "old")
  unit.equal(found, 0, said)
  unit.contains(said, "4 runs done already")
  -- and can be taken over, since key and plugins tell as much
  found, said = run("ablate", "rows.lua", "--data", "data", "--out", "young", "--reuse", "old")
  unit.equal(found, 0, said)
  unit.contains(said, "all-seed0: taken over from old/all-seed0")
end)

unit.test("a plugin that was built anew is named, and --replan makes its runs again", function()
  os.execute(inside .. "cp -r clean rebuilt && mkdir plugins && cp '" .. os.getenv("STEPWISE_BUILD")
    .. "/plugins/align/.libs/g2l.so' plugins && printf x >>plugins/g2l.so")
  local function rebuilt(...)
    return unit.program({ "ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out",
      "rebuilt", ... }, inside .. "export STEPWISE_PLUGIN_PATH='" .. folder .. "/plugins'; ")
  end
  local before = unit.read(folder .. "/rebuilt/plan.json")
  local found, said = rebuilt()
  unit.equal(found, 1, said)
  unit.contains(said, "row 'all' was planned with something else: the build of the plugin g2l (")
  unit.contains(said, "--replan")
  unit.equal(unit.read(folder .. "/rebuilt/plan.json"), before)
  found, said = rebuilt("--dry-run")
  unit.equal(found, 1, said)
  found, said = rebuilt("--replan")
  unit.equal(found, 0, said)
  unit.contains(said, "2 runs done already")
  unit.equal(exists "rebuilt/replaced/all-seed0/result.json", true)
  unit.equal(exists "rebuilt/replaced/l2l-x-seed0", false, "a row without that plugin stays")
  -- and back: now the folders are those of the other build
  found, said = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out", "rebuilt")
  unit.equal(found, 1, said)
end)

unit.test("a run folder that holds another run is no result of the plan", function()
  os.execute(inside .. "cp -r clean mixed && rm -r mixed/all-seed0 && cp -r clean/all-seed1 "
    .. "mixed/all-seed0")
  local found, said = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out",
    "mixed")
  unit.equal(found, 1, said)
  unit.contains(said, "mixed/all-seed0: it is not the planned run")
end)

unit.test("a process that finds other plugins than the plan's does not start its run", function()
  local found, said = run("train", "clean/configs/all-seed0.json", "--out", "wrong", "--id",
    string.rep("0", 32))
  unit.equal(found, 1, said)
  unit.contains(said, "the run was planned with different data, plugins or config")
  unit.equal(exists "wrong", false)
end)

-- A sweep without end, and the shell's words that wait until both its runs have saved something.
local function endless(dir)
  return string.format('"$STEPWISE" ablate rows.lua epochs=100000 --data data -j 2 --out %s & '
    .. "p=$!; until [ -s %s/all-seed0/state.safetensors ] "
    .. "&& [ -s %s/l2l-x-seed0/state.safetensors ]; do sleep 0.05; done; ", dir, dir, dir)
end

unit.test("Ctrl-C ends a sweep, and its runs are saved and gone on with", function()
  local found, said = shell(endless "long" .. "kill -TERM $p; wait $p")
  unit.equal(found, 143, said)
  unit.contains(said, "what was running is saved; the same command resumes it")
  unit.equal(exists "long/logs/all-seed0.error", false)
  unit.contains(unit.read(folder .. "/long/logs/all-seed0.log"), "and saved; to resume:")
  unit.equal(exists "long/claims/all-seed0", false)
  unit.equal(exists "long/all-seed0/claim", false)
end)

unit.test("the runs of a sweep that was killed save and end, and hold nobody up", function()
  local saved = "grep -q 'and saved' orphans/logs/all-seed0.log "
    .. "&& grep -q 'and saved' orphans/logs/l2l-x-seed0.log"
  local found, said = shell(endless "orphans" .. "kill -9 $p; wait $p; n=0; until " .. saved
    .. "; do n=$((n + 1)); [ $n -lt 1200 ] || break; sleep 0.05; done; " .. saved)
  unit.equal(found, 0, said)
  unit.equal(exists "orphans/claims/all-seed0", true)
  unit.equal(core.claim_state(folder .. "/orphans/claims/all-seed0").held, false)
end)

unit.test("a run that another process has taken over writes no more", function()
  local session <close> = sw.session { threads = 1 }
  local config <close> = session:resolve(decoded("clean/configs/all-seed0.json"))
  config:override("data.dir=" .. folder .. "/data")
  config:override "epochs=1000000"
  local trainer <close> = session:train(config, folder .. "/lost")
  trainer:next()
  unit.fails(1, "is locked by process ", session.train, session, config,
    folder .. "/lost", { resume = true })
  foreign(folder .. "/lost/claim", 1)
  unit.fails(1, "another process has taken over the run folder", function()
    while true do trainer:next() end
  end)
end)

unit.test("a run alone waits for a machine that may still work on it", function()
  os.execute("mkdir '" .. folder .. "/waits'")
  foreign(folder .. "/waits/claim", 1)
  local status_of, said = shell('"$STEPWISE" train clean/configs/all-seed0.json --out waits '
    .. "--resume >waits.out & p=$!; until grep -q 'being run by process 1 on elsewhere' "
    .. "waits.out; do sleep 0.05; done; rm waits/claim; "
    .. "wait $p; cat waits.out")
  unit.equal(status_of, 0, said)
  unit.equal(exists "waits/result.json", true)
end)

unit.finish()
