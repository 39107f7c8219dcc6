-- A run: what is due when, and what it leaves in its folder.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local made = assert(loadfile(unit.source .. "/tests/lua/made_runs.lua"))(unit)
local session, config, path, open, follow, whole, json, has, told, two, data
  = made.session, made.config, made.path, made.open, made.follow, made.whole, made.json,
    made.has, made.told, made.two, made.data

-- ---- what a run tells ------------------------------------------------------------------------

unit.test("a run learns, tells its steps and evaluations, and tells its end again", function()
  local of = config "epochs=12 lr=0.02 warmup_epochs=12"
  local done, events = whole("learns", of)
  local first, best = events.step[1], 0
  unit.equal(table.concat({ first.step, first.total_steps, first.steps_in_epoch,
    first.step_in_epoch, first.epoch, first.samples }, " "), "1 96 8 1 0 8")
  unit.equal(first.loss_per_sample, first.loss / 8)
  unit.equal(#events.evaluated, 12)
  for i, event in ipairs(events.evaluated) do
    unit.equal(event.step_in_epoch, 8)
    unit.equal(event.best, i == 1 or event.dev.rsum > best)
    best = math.max(best, event.dev.rsum)
  end
  unit.equal(done.dev.rsum, best)
  unit.equal(best > 250, true, "a random order of ten images gives about 195")
  unit.equal(events.step[95].loss_per_sample < 0.8 * first.loss_per_sample, true)
  local again = whole("learns", of, { resume = true })
  unit.equal(again.dev.rsum, best)
  unit.equal(again.test.rsum, done.test.rsum)
  unit.equal(again.step, 96)
end)

unit.test("a model that has collapsed is told of, once, with what helps", function()
  -- the margin is so large that the scores do not count beside it
  local of = config "margin=100 warmup_epochs=0 epochs=30 dev_split= test_split="
  local _, events = whole("collapse", of)
  unit.equal(#events.warning, 1)
  unit.equal(events.warning[1].step, 200)
  unit.contains(events.warning[1].text, "200 per sample")
  unit.contains(events.warning[1].text, "warmup_epochs=1")
  unit.contains(unit.read(path "collapse/log.jsonl"), '"event":"warning"')
end)

-- ---- what it leaves --------------------------------------------------------------------------

unit.test("the files of a run are what gnuplot and the tables read", function()
  whole("files", config "eval_every=5 name=mine dev_images=4 test_images=3",
    { command = "a test" })
  local header = "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\ti2t_r5\t"
    .. "i2t_r10\tt2i_r1\tt2i_r5\tt2i_r10\trsum\ttouched\tseconds"
  local kinds = { step = 0, dev = 0, test = 0 }
  for line in io.lines(path "files/metrics.tsv") do
    unit.equal(select(2, line:gsub("\t", "")), 15)
    local kind = line:match("^%d+\t%d+\t(%l+)\t")
    if kind then kinds[kind] = kinds[kind] + 1 else unit.equal(line, header) end
  end
  unit.equal(string.format("%d %d %d", kinds.step, kinds.dev, kinds.test), "16 4 1") -- 5 10 15 16
  local events = {}
  for line in io.lines(path "files/log.jsonl") do
    unit.equal(line:find('^{"step":%d+,"event":"%l+","time":"%d+%-%d+%-%d+T%d+:%d+:%d+Z"') ~= nil,
      true, line)
    events[#events + 1] = line:match('"event":"(%l+)"')
  end
  unit.equal(table.concat(events, " "),
    "started saved evaluated evaluated evaluated evaluated evaluated done")

  local about = json("files", "provenance.json")
  for _, key in ipairs { "program", "plugins", "blas", "cpu", "data", "vocabulary", "glove", "seed",
    "key", "id", "sources", "parts" } do
    unit.equal(about[key] ~= nil, true, key)
  end
  local files = {}
  for i, plugin in ipairs(about.plugins) do files[i] = plugin.file end
  table.sort(files)
  unit.equal(table.concat(files, " "), "bigru.so g2g.so g2l.so gate.so glove_random.so hinge.so "
    .. "l2l.so l2norm.so linear.so")
  unit.equal(about.data.generated, true)
  for _, of in ipairs { about.vocabulary, about.glove } do
    unit.equal(of.coverage["tokens covered"] > 0, true)
  end
  unit.equal(about.vocabulary.fingerprint, about.sources.data.vocabulary)
  unit.equal(type(about.parts[1].ended), "string")
  unit.equal(about.parts[1].command, "a test")

  local result = json("files", "result.json")
  unit.equal(result.name, "mine")
  unit.equal(result.id, about.id)
  unit.equal(result.test.images, 3)
  unit.equal(result.dev.images, 4)
  unit.equal(result.dev.split, "dev")
  unit.equal(has("files", "state.safetensors"), false)
  unit.equal(has("files", "claim"), false)
  local written = session:resolve(json("files", "config.json"))
  unit.equal(written:hash(), config("eval_every=5 dev_images=4 test_images=3"):hash())
end)

-- By column: the rows of a run's metrics.tsv.
local function table_of(run)
  local names, found = nil, {}
  for line in io.lines(path(run) .. "/metrics.tsv") do
    local cells = {}
    for cell in line:gmatch("[^\t]+") do cells[#cells + 1] = cell end
    if names then
      local row = {}
      for i, name in ipairs(names) do row[name] = tonumber(cells[i]) or cells[i] end
      found[#found + 1] = row
    else
      names = cells
    end
  end
  return found
end

unit.test("the share of samples with a gradient is told, of each step and since an evaluation",
  function()
    -- a margin of 0.001: most hinges are satisfied at once
    whole("touched", config "eval_every=5 margin=0.001 warmup_epochs=0")
    local sum, count, told_of, least = 0.0, 0, {}, 1.0
    for line in io.lines(path "touched/log.jsonl") do
      local entry = sw.json_decode(line)
      if entry.event == "evaluated" then
        unit.equal(entry.touched ~= nil, entry.split == "dev")
        told_of[entry.step] = told_of[entry.step] or entry.touched
      end
    end
    for _, row in ipairs(table_of "touched") do
      if row.kind == "step" then
        local samples = row.step % 8 == 0 and 4 or 8
        unit.equal(row.touched >= 0 and row.touched <= 1, true)
        least = math.min(least, row.touched)
        sum, count = sum + row.touched * 2 * samples, count + 2 * samples
      elseif row.kind == "dev" then
        unit.near(row.touched, sum / count, 1e-8)
        unit.near(told_of[row.step], sum / count, 1e-8)
        sum, count = 0.0, 0
      end
    end
    unit.equal(least < 1, true, "some step leaves a sample without a gradient")
    -- all negatives with a margin that no pair keeps: each image and each caption has a gradient
    whole("all_touched", config "epochs=1 margin=2 warmup_epochs=1 lr=0.0001")
    for _, row in ipairs(table_of "all_touched") do
      if row.kind == "step" then unit.equal(row.touched, 1.0, "step " .. row.step) end
    end
  end)

unit.test("a run that was begun without a column goes on without it, and loses no row", function()
  do
    local trainer <close> = open("older", config())
    follow(trainer, 11)
    trainer:save()
  end
  local file = path "older/metrics.tsv"
  local older = unit.read(file):gsub("([^\n]*)\t[^\t\n]*(\t[^\t\n]*\n)", "%1%2")
  unit.write(file, older)
  do
    local trainer <close> = open("older", config(), { resume = true })
    follow(trainer)
  end
  local all = unit.read(file)
  unit.equal(all:sub(1, #older), older)
  unit.equal(#table_of "older", 16 + 2 + 1)
  for line in all:gmatch("[^\n]+") do unit.equal(select(2, line:gsub("\t", "")), 14) end
end)

unit.test("the ranks of a run give the recalls that it told", function()
  whole("ranks", config())
  local result = json("ranks", "result.json")
  for _, split in ipairs { "dev", "test" } do
    local found = core.ranks(path("ranks/ranks-" .. split .. ".npy")):metrics()
    unit.equal(found.rsum, result[split].rsum, split)
    unit.equal(found.i2t_medr, result[split].i2t_medr, split)
  end
end)

unit.test("without a dev split the last model is the one that is kept", function()
  local done = whole("no-dev", config "dev_split= test_split=")
  unit.equal(done.dev or done.test, nil)
  unit.equal(json("no-dev", "result.json").best_step, 16)
  unit.equal(unit.read(path "no-dev/checkpoint.safetensors")
    == unit.read(path "no-dev/checkpoint-last.safetensors"), true)
end)

unit.test("an embedding that needs no vectors asks for none, and reads none", function()
  whole("no-glove", config "embedding=random glove=/nowhere max_steps=1 word_dim=6")
  unit.equal(json("no-glove", "provenance.json").glove, sw.json_null)
end)

-- ---- test sets -------------------------------------------------------------------------------

-- An entry is what an evaluation of the checkpoint and its own file of ranks give.
local function check_entry(run, entry, split, images, folds, file)
  local expected = session:evaluate { checkpoints = { path(run) .. "/checkpoint.safetensors" },
    data = data, split = split, images = images, folds = folds }
  unit.near(entry.rsum, expected.rsum, 1e-9)
  unit.near(entry.i2t_medr, expected.i2t_medr, 1e-9)
  unit.near(core.ranks(path(run) .. "/" .. file, folds):metrics().rsum, expected.rsum, 1e-9)
  unit.equal(string.format("%d %d %d %s %s", entry.images, entry.captions, entry.folds, entry.split,
    entry.ranks), string.format("%d %d %d %s %s", images, images * 5, folds, split, file))
end

unit.test("a test split is ranked in its folds", function()
  local done = whole("folds", config "folds=5 epochs=1")
  unit.equal(done.test.folds, 5)
  unit.equal(done.dev.folds, 1)
  local result = json("folds", "result.json")
  unit.equal(result.format, 2)
  unit.equal(result.tests, nil)
  check_entry("folds", result.test, "test", 10, 5, "ranks-test.npy")
end)

unit.test("a model is trained once and evaluated on every test set", function()
  local of = config("epochs=1", two)
  local done = whole("sets", of)
  unit.equal(done.test.folds, 5)
  local result = json("sets", "result.json")
  unit.equal(result.test, sw.json_null)
  unit.equal(has("sets", "ranks-test.npy"), false)
  check_entry("sets", result.tests["COCO 1K"], "test", 10, 5, "ranks-coco-1k.npy")
  check_entry("sets", result.tests["dev, again"], "dev", 4, 1, "ranks-dev-again.npy")
  unit.equal(whole("sets", of, { resume = true }).test.rsum, done.test.rsum)
  unit.equal(told "sets", "evaluated 8 dev\nevaluated 8 coco-1k\nevaluated 8 dev-again\ndone 8 nil")
end)

for _, case in ipairs {
  { "folds=3", nil,
    "test_ims.npy: 10 images do not divide into 3 folds; the nearest number below is 9" },
  { "folds=4 test_images=6", nil, "6 images do not divide into 4 folds" },
  { "", { { name = "5K", split = "tset" } }, "test set '5K': " },
  { "", { { name = "5K", split = "tset" } }, "did you mean 'test'?" },
  { "", { { name = "A" }, { name = "B", folds = 7 } }, "test set 'B': " },
} do
  unit.test("what cannot be evaluated is refused before training: " .. case[3], function()
    unit.fails(1, case[3], open, "early", config(case[1], case[2]))
    unit.equal(has("early", ""), false)
  end)
end

unit.test("a result of a newer version is refused", function()
  local result = json("folds", "result.json")
  result.format = 3
  unit.write(path "folds/result.json", sw.json_encode(result))
  unit.fails(1, "result.json: expected format 2 or older, found 3", open, "folds",
    config "folds=5 epochs=1", { resume = true })
end)

unit.finish()
