-- The program as a user meets it: exit status, messages, a whole small sweep.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"

local folder = unit.folder()
local inside = "cd '" .. folder .. "' && "

local function run(...)
  return unit.program({ ... }, inside)
end

-- The status, and that stderr is one line with these parts.
local function refused(status, parts, ...)
  local found, text = unit.program({ ... }, inside, "2>&1 >/dev/null")
  unit.equal(found, status, text)
  unit.equal(select(2, text:gsub("\n", "")), 1, "lines of " .. text)
  for _, part in ipairs(type(parts) == "table" and parts or { parts }) do
    unit.contains(text, part)
  end
end

sw.scenes(folder .. "/data", { train = 16, dev = 8, test = 8, regions = 4, features = 16,
  word_dim = 6 })

unit.write(folder .. "/tiny.lua", [[
local sw = require "stepwise"
return sw.experiment {
  name = "tiny",
  model = {
    dim = 8,
    embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} },
  },
  train = { batch = 16, epochs = 2, lr = 1e-3 },
}]])
unit.write(folder .. "/rows.lua", [[
local sw = require "stepwise"
return sw.table {
  title = "Rows", base = sw.load "tiny.lua", reference = "all",
  rows = {
    { name = "all" },
    { name = "L2L", stages = { "l2l" }, paper = { text = { 70.5 }, rsum = 480.25 } },
    { name = "bad vectors", embedding = "glove", ["data.glove"] = "tiny.lua" },
  },
}]])

unit.test("help and version go to stdout with status 0; nothing at all is misuse", function()
  for _, words in ipairs { { "--help" }, { "help" }, { "train", "--help" }, { "help", "eval" },
    { "--version" } } do
    unit.equal((run(table.unpack(words))), 0, words[1])
  end
  unit.equal((run()), 2)
end)

unit.test("every command of the help page has a page of its own", function()
  local _, page = run("help")
  local count = 0
  for name in page:gmatch("\n  (%l+)  ") do
    local status, text = run(name, "--help")
    unit.equal(status, 0, name)
    unit.contains(text, "usage: stepwise " .. name)
    count = count + 1
  end
  unit.equal(count >= 9, true, count .. " commands")
end)

unit.test("misuse is status 2 and one line with the near miss", function()
  refused(2, { "no command 'trian'", "did you mean 'train'" }, "trian")
  refused(2, { "train: no option '--daat'", "did you mean '--data'" }, "train", "--daat", "x")
  refused(2, { "no option 'dimm'", "did you mean 'dim'" }, "train", "tiny.lua", "dimm=3")
  refused(2, { "no option 'lamda' in l2l", "did you mean 'lambda'" }, "train", "tiny.lua",
    "l2l.lamda=9")
  refused(2, "expected key=value, found 'dim'", "train", "tiny.lua", "dim")
  refused(2, "--data is needed", "eval", "x", "--split", "test")
  refused(2, "--fold5 is --folds 5", "eval", "x", "--data", "y", "--folds", "4", "--fold5")
  refused(2, "gives a table of runs", "train", "rows.lua")
  refused(2, "found an experiment", "ablate", "tiny.lua")
  refused(2, "did you mean 'md'", "table", "x", "--format", "mb")
end)

unit.test("what is not there is status 1 and one line with its name", function()
  refused(1, "none.lua: no such script", "train", "none.lua")
  refused(1, "nowhere", "train", "tiny.lua", "--data", "nowhere")
  refused(1, "none.safetensors", "eval", "none.safetensors", "--data", "data", "--split", "test")
  refused(1, "no plan.json", "table", "data")
  refused(1, "no metrics.tsv", "plot", "data")
  unit.write(folder .. "/broken.safetensors", ("x"):rep(100))
  refused(1, "broken.safetensors", "inspect", "broken.safetensors")
end)

unit.test("an error in a script shows its line", function()
  unit.write(folder .. "/bad.lua", 'local sw = require "stepwise"\n\nreturn sw.experimnt {}\n')
  refused(2, { "bad.lua:3: ", "did you mean 'experiment'" }, "train", "bad.lua")
  unit.write(folder .. "/bad.lua",
    'local sw = require "stepwise"\nreturn sw.stage "l2l" { mu = 2 }')
  refused(2, { "bad.lua:2: ", "mu" }, "train", "bad.lua")
end)

unit.test("names with quotes and control characters keep the message on one line", function()
  refused(1, "no such script", "train", "a'b\n\27[31mc.lua")
end)

unit.test("a run trains, says what it is, and is evaluated to the same number", function()
  local status, text = run("train", "tiny.lua", "--data", "data", "--out", "run", "--seed", "3")
  unit.equal(status, 0, text)
  unit.contains(text, "generated scenes")
  local result = sw.json_decode(unit.read(folder .. "/run/result.json"))
  unit.equal(result.seed, 3)
  status, text = run("eval", "run/checkpoint.safetensors", "--data", "data", "--split", "test",
    "--json")
  unit.equal(status, 0, text)
  local metrics = sw.json_decode(text)
  unit.near(metrics.rsum, result.test.rsum, 1e-9)
  unit.equal(metrics.generated, true)
  refused(1, { "run", "--resume" }, "train", "tiny.lua", "--data", "data", "--out", "run")
end)

unit.test("a stage is switched off for an evaluation: the scores of the others are left", function()
  local function scores(...)
    local status, text = run("eval", "run", "--data", "data", "--split", "test", "--sims", "s.npy",
      ...)
    unit.equal(status, 0, text)
    local npy, list = unit.read(folder .. "/s.npy"), {}
    local at = 11 + string.unpack("<I2", npy, 9)
    while at <= #npy do list[#list + 1], at = string.unpack("<f", npy, at) end
    return list, text
  end
  local whole, l2l, text = scores(), scores("g2l.score=false")
  unit.contains(text, "with g2l.score=false")
  local g2l, apart = scores("l2l.score=false"), 0.0
  for i, score in ipairs(whole) do -- eq. 16: S is the sum of the stages' scores
    unit.near(score, l2l[i] + g2l[i], 1e-5)
    apart = math.max(apart, math.abs(score - l2l[i]))
  end
  unit.equal(apart > 1e-3, true, "it has a score of its own")
  local metrics = sw.json_decode(select(2, scores("g2l.score=false", "--json"))
    :gsub("similarities.*", "") .. "")
  unit.equal(metrics.changes[1], "g2l.score=false")
end)

unit.test("an evaluation changes nothing that the parameters depend on", function()
  local function wrong(parts, change)
    refused(2, parts, "eval", "run", "--data", "data", change)
  end
  wrong({ "dim=4: image.fc.weight is (8,16) in run/checkpoint.safetensors and would be (4,16)",
    "STAGE.score=false" }, "dim=4")
  wrong("g2l.fusion.image.weight is (1,16) in", "g2l.fusion=average")
  wrong("and would be gone", "stages=-g2l")
  wrong("epochs=3: expected a key of the model", "epochs=3")
  wrong("did you mean 'score'?", "g2l.scor=false")
  wrong("expected key=value, found 'x'", "x")
  local status, text = run("train", "tiny.lua", "stages=l2l", "max_steps=1", "--data", "data",
    "--out", "less")
  unit.equal(status, 0, text)
  refused(2, { "stages=l2l,g2l: needs g2l.", "which less/checkpoint.safetensors does not have" },
    "eval", "less", "--data", "data", "stages=l2l,g2l")
end)

unit.test("an option of another loss is refused, in a table where no row has it", function()
  local parts = "margin=0.3 would have no effect: no loss of this model has the option 'margin'"
  refused(2, parts, "train", "tiny.lua", "loss=infonce", "margin=0.3", "--data", "data")
  refused(2, parts, "inspect", "tiny.lua", "margin=0.3", "loss=infonce")
  unit.write(folder .. "/losses.lua", [[
local sw = require "stepwise"
return sw.table { title = "T", base = sw.load "tiny.lua",
  rows = { { name = "a", loss = "infonce" }, { name = "b", loss = LOSS } } }]])
  local text = unit.read(folder .. "/losses.lua")
  unit.write(folder .. "/one.lua", (text:gsub("LOSS", "'hinge'")))
  unit.write(folder .. "/none.lua", (text:gsub("LOSS", "'bce'")))
  local status, said = run("ablate", "one.lua", "--data", "data", "--dry-run", "margin=0.3")
  unit.equal(status, 0, said)
  refused(2, parts, "ablate", "none.lua", "--data", "data", "--dry-run", "margin=0.3")
end)

unit.test("two checkpoints are the mean of two", function()
  local status, text = run("eval", "run/checkpoint.safetensors,run/checkpoint-last.safetensors",
    "--data", "data", "--split", "test")
  unit.equal(status, 0, text)
  unit.contains(text, "mean of 2 models")
  unit.contains(text, "generated scenes")
end)

unit.test("without data, scenes are made once, and made whole again after a kill", function()
  local function train(name)
    local status, text = run("train", "tiny.lua", "max_steps=1", "train_images=8", "dev_images=4",
      "test_images=4", "--out", name)
    unit.equal(status, 0, text)
    return text
  end
  unit.contains(train "first", "writing generated scenes to runs/scenes")
  unit.equal(train("second"):find("writing", 1, true), nil)
  os.remove(folder .. "/runs/scenes/test_caps.txt")
  unit.contains(train "third", "writing generated scenes to runs/scenes")
end)

unit.test("Ctrl-C saves the run, and the line it prints goes on with it", function()
  -- many epochs, so that the signal comes before the end
  local command = string.format("%s { '%s' train tiny.lua epochs=100000 --data data --out long & "
    .. "process=$!; until grep -q step long/metrics.tsv 2>/dev/null && test $(wc -l "
    .. "<long/metrics.tsv) -gt 3; do sleep 0.05; done; kill -TERM $process; wait $process; "
    .. "echo \"status $?\"; } 2>&1", inside, os.getenv("STEPWISE"))
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  pipe:close()
  unit.contains(text, "status 143")
  unit.contains(text, "to resume: stepwise train long --resume")
  unit.equal(sw.json_decode(unit.read(folder .. "/long/config.json")).train.epochs, 100000)
  local state = io.open(folder .. "/long/state.safetensors")
  unit.equal(state ~= nil, true, "state.safetensors")
  state:close()
end)

unit.test("looking before a sweep writes nothing", function()
  local status, text = run("ablate", "rows.lua", "--data", "data", "--dry-run", "--seeds", "0-1")
  unit.equal(status, 0, text)
  unit.contains(text, "l2l-seed1")
  unit.equal(io.open(folder .. "/runs/rows/plan.json"), nil)
end)

unit.test("a sweep does not start when a row's files are not there", function()
  unit.write(folder .. "/rows2.lua", [[
local sw = require "stepwise"
return sw.table { title = "T", base = sw.load "tiny.lua",
  rows = { { name = "a" }, { name = "b", embedding = "glove" } } }]])
  os.execute(inside .. "mkdir real && cp data/*_* real")
  refused(2, { "row 'b'", "--glove FILE" }, "ablate", "rows2.lua", "--data", "real", "--out", "no")
  refused(1, { "data.glove: none.txt: no such file" }, "ablate", "rows2.lua", "--data", "real",
    "--glove", "none.txt", "--out", "no")
  refused(1, "none: no such data folder", "ablate", "rows2.lua", "--data", "none", "--out", "no")
  unit.equal(io.open(folder .. "/no/plan.json"), nil)
end)

unit.test("a sweep keeps going after a failed run, says why, and does not run twice", function()
  local status, text = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "-j", "2",
    "--out", "sweep")
  unit.equal(status, 1, text)
  unit.contains(text, "'bad vectors', seed 0, 1 failed: tiny.lua: line 1: ")
  unit.contains(text, "480.2")
  unit.contains(text, "generated scenes")
  local before = unit.read(folder .. "/sweep/all-seed0/provenance.json")
  status, text = run("ablate", "rows.lua", "--data", "data", "--seeds", "0-1", "--out", "sweep")
  unit.equal(status, 1)
  unit.contains(text, "4 runs done already")
  unit.equal(unit.read(folder .. "/sweep/all-seed0/provenance.json"), before)
  refused(1, "row 'all' was planned otherwise", "ablate", "rows.lua", "lr=0.1", "--data", "data",
    "--out", "sweep")
end)

unit.test("the table comes in every format", function()
  for _, format in ipairs { "md", "tex", "csv", "json" } do
    local status, text = run("table", "sweep", "--format", format)
    unit.equal(status, 0, text)
    unit.contains(text, "L2L")
  end
  local object = sw.json_decode((select(2, run("table", "sweep", "--format", "json"))))
  unit.equal(object.rows[1].n, 2)
  unit.equal(object.generated, true)
  unit.equal(object.rows[3].failed[1].seed, 0)
end)

unit.test("differences are drawn from the ranks that runs left, on either split", function()
  for _, split in ipairs { "dev", "test" } do
    local status, text = run("table", "sweep", "--format", "json", "--split", split)
    unit.equal(status, 0, text)
    local object = sw.json_decode(text)
    unit.equal(object.split, split)
    unit.equal(object.rows[2].delta.rsum.over, "queries and seeds", text)
  end
  refused(2, { "--split", "did you mean 'test'" }, "table", "sweep", "--split", "tets")
end)

unit.test("a run of a sweep is the same as the run alone", function()
  local status, text = run("train", "tiny.lua", "stages=l2l", "--data", "data", "--out", "alone",
    "--seed", "1")
  unit.equal(status, 0, text)
  unit.equal(unit.read(folder .. "/alone/metrics.tsv"):gsub("\t[^\t\n]*\n", "\n"),
    (unit.read(folder .. "/sweep/l2l-seed1/metrics.tsv"):gsub("\t[^\t\n]*\n", "\n")))
end)

unit.test("a composed model can be looked at before anything runs", function()
  local status, text = run("inspect", "tiny.lua", "fusion=concat", "--data", "data")
  unit.equal(status, 0, text)
  unit.contains(text, "fusion=concat")
  unit.contains(text, "g2l.fusion.image.weight")
  unit.contains(text, "F = 16, ")
  unit.equal(text:find("assumed", 1, true), nil)
end)

unit.test("doctor and plugins find nothing wrong in this build", function()
  local status, text = run("doctor")
  unit.equal(status, 0, text)
  unit.contains(text, "all is well")
  status, text = run("plugins")
  unit.equal(status, 0, text)
  unit.contains(text, "stage l2l: ")
  unit.contains(text, "attention_norm")
end)

unit.test("inspect shows the chain of a model: blocks, poolings, each stage, losses", function()
  local status, text = run("inspect", "tiny.lua", "image=dropout,linear", "pool=gpo",
    "stages=l2l,l2l", "l2l_2.lambda=3", "loss=hinge,infonce", "loss.infonce.weight=2", "margin=0.1")
  unit.equal(status, 0, text)
  for _, line in ipairs { "\nimage encoder +dropout, linear +dropout %(rate=0.1%) ",
    "\nimage pooling +gpo +temperature=0.1 width=32 ", "\ntext encoder +bigru, l2norm ",
    "\nstage 2 +l2l +attention_norm=none lambda=3 ", "\nloss +hinge +margin=0.1 ",
    "\nloss +infonce +temperature=0.05 weight=2" } do
    unit.equal(text:find(line) ~= nil, true, line .. text)
  end
  local _, json = run("inspect", "tiny.lua", "stages=l2l,l2l", "--json")
  local model = sw.json_decode(json)
  unit.equal(model.stages[2].prefix, "l2l_2")
  unit.equal(model.image[1].plugin, "linear")
  unit.equal(model.loss[1].margin, 0.2)
end)

unit.test("--check tries a plugin's parts in small models", function()
  local _, page = run("plugins", "--json")
  for _, plugin in ipairs(sw.json_decode(page)) do
    if plugin.name == "g2l" or plugin.name == "gate_vector" or plugin.name == "hinge"
      or plugin.name == "bigru" or plugin.name == "gpo" then
      local status, text = run("plugins", "--check", plugin.file)
      unit.equal(status, 0, text)
      unit.contains(text, ": trains")
      unit.contains(text, plugin.file .. ": fine")
    end
  end
end)

unit.test("a file that is no plugin is refused by --check", function()
  unit.write(folder .. "/no.so", "not a library")
  local status, text = run("plugins", "--check", "./no.so")
  unit.equal(status, 1, text)
  unit.contains(text, "no.so")
  refused(1, "none.so: no such plugin file", "plugins", "--check", "none.so")
end)

unit.finish()
