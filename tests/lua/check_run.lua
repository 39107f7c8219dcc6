-- A run: what is due when, what it leaves in its folder, and that a run that was stopped or killed
-- anywhere leaves the same.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"

local folder = unit.folder()
local data = folder .. "/data"
local SIZES <const> = { train = 12, dev = 10, test = 10, regions = 5, features = 16, word_dim = 4 }
sw.scenes(data, SIZES) -- 60 captions

local session = sw.session { threads = 2 }

-- 8 steps an epoch, the last of 4 captions; `more`: assignments with spaces between.
local function config(more, tests)
  local result = session:resolve {
    model = { dim = 8, embedding = { plugin = "glove_random", word_dim = 4 } }, seed = 5,
    train = { batch = 8, epochs = 2, lr = 0.01 },
    data = { dir = data, glove = data .. "/scenes.glove.txt", tests = tests },
  }
  for assignment in (more or ""):gmatch("%S+") do result:override(assignment) end
  return result
end

local function path(name)
  return folder .. "/" .. name
end

local function open(name, of, options)
  return session:train(of, path(name), options)
end

-- Goes on until `step` steps are done, or to the end; the last event, and all by kind.
local function follow(trainer, step)
  local events = { step = {}, evaluated = {}, warning = {}, done = {} }
  while true do
    local event = trainer:next()
    table.insert(events[event.kind], event)
    if event.kind == "done" or event.kind == "step" and event.step == step then
      return event, events
    end
  end
end

local function whole(name, of, options)
  local trainer <close> = open(name, of, options)
  return follow(trainer)
end

local function json(run, name)
  return sw.json_decode(unit.read(path(run) .. "/" .. name))
end

local function has(run, name)
  return core.file_kind(path(run) .. "/" .. name) ~= nil
end

-- metrics.tsv without its last column, the seconds.
local function rows(run)
  return (unit.read(path(run) .. "/metrics.tsv"):gsub("\t[^\t\n]*\n", "\n"))
end

-- What log.jsonl tells, without the times.
local function told(run)
  local lines = {}
  for line in io.lines(path(run) .. "/log.jsonl") do
    local entry = sw.json_decode(line)
    if entry.event == "evaluated" or entry.event == "done" then
      lines[#lines + 1] = string.format("%s %d %s", entry.event, entry.step, entry.split)
    end
  end
  return table.concat(lines, "\n")
end

-- Two folders of one run: models, ranks, vocabulary and metrics are equal to the bit.
local function same(a, b)
  unit.equal(rows(b), rows(a), "rows of " .. b)
  unit.equal(told(b), told(a), "log of " .. b)
  for _, name in ipairs(core.list_folder(path(a))) do
    if name:find("%.safetensors$") and name ~= "state.safetensors" or name:find("%.npy$")
      or name == "vocab.json" then
      local equal = unit.read(path(a) .. "/" .. name) == unit.read(path(b) .. "/" .. name)
      unit.equal(equal, true, b .. "/" .. name)
    end
  end
  local there, here = json(a, "result.json"), json(b, "result.json")
  there.seconds, here.seconds = 0, 0
  unit.equal(sw.json_encode(here), sw.json_encode(there), "result of " .. b)
end

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

local two <const> = {
  { name = "COCO 1K", split = "test", folds = 5 },
  { name = "dev, again", split = "dev", images = 4 },
}

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

-- ---- stopped, killed, resumed ----------------------------------------------------------------

unit.test("saved after any step and lost a little later, a run goes on to the same bits", function()
  local of = config "eval_every=4"
  whole("unstopped", of)
  for step = 0, 16 do
    local name = "stop-" .. step
    do
      local trainer <close> = open(name, of)
      if step > 0 then follow(trainer, step) end
      trainer:save()
      for _ = 1, step % 3 do trainer:next() end
    end
    whole(name, of, { resume = true })
    same("unstopped", name)
  end
end)

-- A process that resumes the run of arg[2] and is killed after arg[3] events; 0 at its end.
unit.write(path "killed.lua", [[
local sw = require "stepwise"
local session = sw.session { threads = 1 }
local config = session:resolve(sw.json_decode(io.open(arg[1]):read("a")))
local trainer = session:train(config, arg[2], { resume = true })
for _ = 1, tonumber(arg[3]) do
  if trainer:next().kind == "done" then os.exit(0) end
end
io.popen("kill -9 $PPID"):close()
while true do end
]])

-- Runs `name` in processes that are killed after so many events each; how many were.
local function killed(name, of, events)
  local file = unit.write(path(name .. ".json"), of:text(0))
  local command = string.format("'%s' '%s' '%s' '%s' %d >/dev/null 2>'%s'", arg[-1],
    path "killed.lua", file, path(name), events, path "killed.err")
  for kills = 0, 30 do
    local fine, how, code = os.execute(command)
    if fine then return kills end
    if how == "exit" and code ~= 137 then error(unit.read(path "killed.err")) end
  end
  error(name .. " does not come to its end")
end

unit.test("killed again and again, a run has no row twice and none lost", function()
  local of = config("eval_every=3 checkpoint_every=2", two)
  whole("unkilled", of)
  for events = 5, 7 do
    unit.equal(killed("kill-" .. events, of, events) >= 2, true, "kills")
    same("unkilled", "kill-" .. events)
  end
end)

unit.test("what a run that was killed at its end had told of its end is told once", function()
  local of = config("epochs=1", two)
  whole("ended", of, { keep_state = true })
  local text = unit.read(path "ended/log.jsonl")
  for _, left in ipairs { "coco-1k", "dev-again", "done" } do -- as a kill leaves it
    os.remove(path "ended/result.json")
    local at = text:find(left, 1, true)
    unit.write(path "ended/log.jsonl", text:sub(1, text:find("\n", at)) .. '{"step":8,"ev')
    unit.write(path "ended/result.json.abcdef", "{")
    whole("ended", of, { resume = true, keep_state = true })
    same("sets", "ended")
    unit.equal(has("ended", "result.json.abcdef"), false)
  end
end)

unit.test("a run that fails keeps what was saved, and can only be closed", function()
  local of = config "data.precaps=false"
  local copy = path "copy"
  os.execute(string.format("cp -r '%s' '%s'", data, copy))
  of:override("data.dir=" .. copy)
  local trainer <close> = open("fails", of)
  follow(trainer, 8)
  trainer:save()
  local before = unit.read(path "fails/state.safetensors")
  local file <close> = assert(io.open(copy .. "/train_ims.npy", "r+b"))
  local good = file:seek("end", -12 * 5 * 16 * 4) and file:read("a")
  file:seek("end", -#good)
  file:write(string.pack("<f", 0 / 0):rep(#good // 4))
  file:flush()
  unit.fails(1, { "step ", "row ", "region 0, feature 0" }, follow, trainer)
  unit.fails(2, "the trainer has failed; it can only be closed", trainer.next, trainer)
  unit.fails(2, "the trainer has failed; it can only be closed", trainer.save, trainer)
  unit.equal(unit.read(path "fails/state.safetensors") == before, true)
  file:seek("end", -#good)
  file:write(good)
  file:flush()
  trainer:close()
  whole("fails", of, { resume = true })
  unit.equal(rows "fails", rows "ranks")
end)

unit.test("values that are not finite are refused, and the folder says so", function()
  local copy = path "broken"
  os.execute(string.format("cp -r '%s' '%s'", data, copy))
  do
    local file <close> = assert(io.open(copy .. "/dev_ims.npy", "r+b"))
    file:seek("end", -4)
    file:write(string.pack("<f", 0 / 0))
  end
  local of = config()
  of:override("data.dir=" .. copy)
  unit.fails(1, "dev_ims.npy", open, "refused", of)
  unit.contains(unit.read(path "refused/log.jsonl"), '"event":"refused"')
  unit.equal(has("refused", "config.json") and not has("refused", "claim"), true)
  unit.fails(1, "planned with different data, plugins or config: expected id 12", open, "planned",
    config(), { id = "12" })
  unit.equal(has("planned", ""), false)
end)

-- ---- whose folder it is ----------------------------------------------------------------------

unit.test("two runs do not write over each other", function()
  local of = config()
  do
    local trainer <close> = open("mine", of)
    unit.fails(1, "already exists", open, "mine", of)
    unit.fails(1, "is locked by process", open, "mine", of, { resume = true })
    follow(trainer, 8)
    trainer:save()
  end
  open("mine", config "threads=1", { resume = true }):close()
  unit.fails(2, "expected the path of a run folder", session.train, session, of, "")
  unit.fails(2, "expected the path of a run folder, found nil", session.train, session, of)
  unit.fails(2, "resume: expected a boolean, found a string", open, "mine", of, { resume = "yes" })
  unit.fails(2, "stepwise.config expected", session.train, session, {}, path "none")
  unit.write(path "file", "")
  unit.fails(1, "expected a run folder, found a file", open, "file", of, { resume = true })
end)

unit.test("a run is not resumed with a vocabulary of other ids, nor with other data", function()
  local copy = path "other-data"
  os.execute(string.format("cp -r '%s' '%s'", data, copy))
  local of = config()
  of:override("data.dir=" .. copy)
  do
    local trainer <close> = open("ids", of)
    follow(trainer, 3)
    trainer:save()
  end
  local file = path "ids/vocab.json"
  local text = unit.read(file)
  local vocab = sw.json_decode(text)
  for word, id in pairs(vocab.word2idx) do
    if id == 4 or id == 5 then vocab.word2idx[word] = 9 - id end
  end
  vocab.idx2word = nil
  unit.write(file, sw.json_encode(vocab))
  unit.fails(1, "vocab.json: its word ids differ from those of the vocabulary that the run "
    .. "began with", open, "ids", of, { resume = true })
  unit.write(file, text)
  open("ids", of, { resume = true }):close()
  local captions = unit.read(copy .. "/train_caps.txt")
  unit.write(copy .. "/train_caps.txt", captions:sub(1, 2)
    .. string.char(captions:byte(3) ~ 1) .. captions:sub(4))
  unit.fails(1, "it belongs to another run", open, "ids", of, { resume = true })
end)

unit.test("a run does not end before the step it has reached", function()
  do
    local trainer <close> = open("counters", config())
    follow(trainer, 3)
    trainer:save()
  end
  unit.fails(1, "has done 3 steps already and cannot end at step 2", open, "counters",
    config "max_steps=2", { resume = true })
end)

unit.test("a state whose counters do not fit together is refused", function()
  local of = config()
  local inputs <close> = core.inputs(of, {})
  local training <close> = core.training(session, of, inputs)
  local key = json("counters", "provenance.json").key
  local metrics = json("ranks", "result.json").dev
  local good <const> = { step = 3, epoch = 0, position = 3, evaluated = -1, best_step = -1,
    best_epoch = -1, collapse = 0, seconds = 1.5, best = metrics }
  local function resume(changes)
    local progress = {}
    for name, value in pairs(good) do progress[name] = value end
    for name, value in pairs(changes) do progress[name] = value end
    training:save(path "counters/state.safetensors", sw.json_encode(progress), key)
    open("counters", of, { resume = true }):close()
  end
  resume {}
  for name, value in pairs { step = 4, epoch = 1, position = 2, evaluated = 4, best_step = 4 } do
    unit.fails(1, { "counters/state.safetensors", "counters do not fit together" }, resume,
      { [name] = value })
  end
  for name, value in pairs { step = -1, epoch = 0.5, collapse = -1, seconds = "1", best = {} } do
    unit.fails(1, { "counters/state.safetensors", "progress is malformed" }, resume,
      { [name] = value })
  end
end)

for _, case in ipairs {
  { "glove=", 2, "embedding 'glove_random' starts from GloVe vectors" },
  { "glove= embedding=glove_tuned", 2, "name one with --glove FILE" },
  { "glove=/nowhere/g", 1, "/nowhere/g" },
  { "word_dim=5", 1, "scenes.glove.txt" },
  { "data.dir=", 2, "no data folder is given: name one with --data DIR" },
  { "data.dir=/nowhere/d", 1, "/nowhere/d" },
  { "train_split=tran", 1, "tran" },
  { "dev_split=dve", 1, "dve" },
  { "vocab=/nowhere/v.json", 1, "/nowhere/v.json" },
} do
  unit.test("what is wrong is said before a folder is made: " .. case[1], function()
    for _, resume in ipairs { false, true } do
      unit.fails(case[2], case[3], open, "deeper/wrong", config(case[1]), { resume = resume })
      unit.equal(has("deeper/wrong", ""), false)
    end
  end)
end

unit.finish()
