-- A run that was stopped or killed anywhere, and resumed, leaves what a whole one leaves; what
-- cannot be resumed says why.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local made = assert(loadfile(unit.source .. "/tests/lua/made_runs.lua"))(unit)
local session, config, path, open, follow, whole, json, has, rows, same, two, data
  = made.session, made.config, made.path, made.open, made.follow, made.whole, made.json,
    made.has, made.rows, made.same, made.two, made.data

-- Whole runs, which others are compared with.
whole("ranks", config())
whole("sets", config("epochs=1", two))

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
  local command = string.format("%s '%s' '%s' '%s' '%s' %d >/dev/null 2>'%s'",
    os.getenv "STEPWISE_LUA_PRELOAD" or "", arg[-1], path "killed.lua", file, path(name), events,
    path "killed.err")
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
