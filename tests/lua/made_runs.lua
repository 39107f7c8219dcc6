-- made_runs.lua: tiny runs in the folder of a test, whose unit.lua it is given, and what they left.
local unit = ...
local sw = require "stepwise"
local core = require "stepwise.core"

local M = {}

local folder = unit.folder()
local data = folder .. "/data"
local SIZES <const> = { train = 12, dev = 10, test = 10, regions = 5, features = 16, word_dim = 4 }
sw.scenes(data, SIZES) -- 60 captions

local session = sw.session { threads = 2 }

-- 8 steps an epoch, the last of 4 captions; `more`: assignments with spaces between.
function M.config(more, tests)
  local result = session:resolve {
    model = { dim = 8, embedding = { plugin = "glove_random", word_dim = 4 } }, seed = 5,
    train = { batch = 8, epochs = 2, lr = 0.01 },
    data = { dir = data, glove = data .. "/scenes.glove.txt", tests = tests },
  }
  for assignment in (more or ""):gmatch("%S+") do result:override(assignment) end
  return result
end

function M.path(name)
  return folder .. "/" .. name
end

function M.open(name, of, options)
  return session:train(of, M.path(name), options)
end

-- Goes on until `step` steps are done, or to the end; the last event, and all by kind.
function M.follow(trainer, step)
  local events = { step = {}, evaluated = {}, warning = {}, done = {} }
  while true do
    local event = trainer:next()
    table.insert(events[event.kind], event)
    if event.kind == "done" or event.kind == "step" and event.step == step then
      return event, events
    end
  end
end

function M.whole(name, of, options)
  local trainer <close> = M.open(name, of, options)
  return M.follow(trainer)
end

function M.json(run, name)
  return sw.json_decode(unit.read(M.path(run) .. "/" .. name))
end

function M.has(run, name)
  return core.file_kind(M.path(run) .. "/" .. name) ~= nil
end

-- metrics.tsv without its last column, the seconds.
function M.rows(run)
  return (unit.read(M.path(run) .. "/metrics.tsv"):gsub("\t[^\t\n]*\n", "\n"))
end

-- What log.jsonl tells, without the times.
function M.told(run)
  local lines = {}
  for line in io.lines(M.path(run) .. "/log.jsonl") do
    local entry = sw.json_decode(line)
    if entry.event == "evaluated" or entry.event == "done" then
      lines[#lines + 1] = string.format("%s %d %s", entry.event, entry.step, entry.split)
    end
  end
  return table.concat(lines, "\n")
end

-- Two folders of one run: models, ranks, vocabulary and metrics are equal to the bit.
function M.same(a, b)
  unit.equal(M.rows(b), M.rows(a), "rows of " .. b)
  unit.equal(M.told(b), M.told(a), "log of " .. b)
  for _, name in ipairs(core.list_folder(M.path(a))) do
    if name:find("%.safetensors$") and name ~= "state.safetensors" or name:find("%.npy$")
      or name == "vocab.json" then
      local equal = unit.read(M.path(a) .. "/" .. name) == unit.read(M.path(b) .. "/" .. name)
      unit.equal(equal, true, b .. "/" .. name)
    end
  end
  local there, here = M.json(a, "result.json"), M.json(b, "result.json")
  there.seconds, here.seconds = 0, 0
  unit.equal(sw.json_encode(here), sw.json_encode(there), "result of " .. b)
end

M.two = {
  { name = "COCO 1K", split = "test", folds = 5 },
  { name = "dev, again", split = "dev", images = 4 },
}

M.session, M.folder, M.data = session, folder, data
return M
