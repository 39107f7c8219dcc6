-- learning.lua FOLDER THREADS STEPS: times steps of a training that learns, for learning.sh: of its
-- first ones (all negatives), of those behind the warm-up (FOLDER/early), of those behind its end
-- (FOLDER/late), one of each in turn, so that a machine with other work slows all three down.
local sw = require "stepwise"

local folder, threads, steps = arg[1], math.tointeger(arg[2]), math.tointeger(arg[3])

local FLICKR30K <const>, EPOCHS <const> = 29000 * 5, 30

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  return (sorted[(#list + 1) // 2] + sorted[#list // 2 + 1]) / 2
end

local function mean(list)
  local sum = 0
  for _, x in ipairs(list) do sum = sum + x end
  return sum / #list
end

-- The touched shares of each epoch of a run: a list of lists.
local function shares(run)
  local epochs, columns = {}, nil
  for line in io.lines(run .. "/metrics.tsv") do
    local row = {}
    for field in (line .. "\t"):gmatch "([^\t]*)\t" do row[#row + 1] = field end
    if not columns then
      columns = {}
      for i, name in ipairs(row) do columns[name] = i end
    elseif row[columns.kind] == "step" then
      local epoch = math.tointeger(row[columns.epoch]) + 1
      epochs[epoch] = epochs[epoch] or {}
      table.insert(epochs[epoch], tonumber(row[columns.touched]))
    end
  end
  return epochs
end

-- A trainer that goes on from the state of a run, or begins anew. It never saves: the state stays.
local function follow(session, config, run, resume)
  config = config:copy()
  config:override "train.max_steps=0"
  config:override "train.epochs=10000"
  config:override "train.checkpoint_seconds=0"
  return { trainer = session:train(config, run, { resume = resume, keep_state = true }),
    wall = {}, processor = {}, touched = {} }
end

local function step(at, is_timed)
  local event, clock
  repeat
    clock = os.clock()
    event = at.trainer:next()
  until event.kind == "step" or event.kind == "interrupted"
  if event.kind == "interrupted" then error("interrupted", 0) end
  at.step = event.step
  if not is_timed then return end
  table.insert(at.wall, event.seconds)
  table.insert(at.processor, os.clock() - clock)
  table.insert(at.touched, event.touched)
end

local function measure(session, config)
  local fresh = folder .. "/first"
  os.execute("rm -rf '" .. fresh .. "'")
  local first = follow(session, config, fresh, false)
  local early = follow(session, config, folder .. "/early", true)
  local late = follow(session, config, folder .. "/late", true)
  for i = 0, steps do
    for _, at in ipairs { first, early, late } do step(at, i > 0) end
  end
  for _, at in ipairs { first, early, late } do at.trainer:close() end
  os.execute("rm -rf '" .. fresh .. "'")
  return first, early, late
end

local function say(...) print(string.format(...)) end

-- An epoch's steps take as long as its touched share lies between those of early and late.
local function tell_hours(first, early, late, epochs, batch)
  local count, seconds = math.ceil(FLICKR30K / batch), 0
  local from, to = mean(early.touched), mean(late.touched)
  for epoch = 1, EPOCHS do
    local share = mean(epochs[math.min(epoch, #epochs)])
    local part = from > to and math.min(math.max((share - to) / (from - to), 0), 1) or 1
    local each = late.s + part * (early.s - late.s)
    seconds = seconds + count * (epoch == 1 and first.s or each)
  end
  say("Flickr30K, %d epochs of %d steps: %.1f h with these shares; %.1f h were all behind the "
    .. "warm-up early, %.1f h late", EPOCHS, count, seconds / 3600,
    count * (first.s + (EPOCHS - 1) * early.s) / 3600,
    count * (first.s + (EPOCHS - 1) * late.s) / 3600)
end

local session <close> = sw.session { threads = threads }
local text = assert(io.open(folder .. "/late/config.json")):read "a"
local config <close> = session:resolve(sw.json_decode(text))
local settings, epochs = config:table(), shares(folder .. "/late")
local first, early, late = measure(session, config)
say("generated scenes, batch %d, D = %d, lr %g", settings.train.batch, settings.model.dim,
  settings.train.lr)
say("%-28s %8s %9s %12s %9s", "medians of " .. steps .. " steps, in turn", "touched", "seconds",
  "processor s", "of early")
for _, row in ipairs { { "all negatives", first }, { "early", early }, { "late", late } } do
  local name, at = row[1], row[2]
  at.s = median(at.wall)
  say("%-28s %8.3f %9.3f %12.3f %9.2f", string.format("%s, to step %d", name, at.step),
    mean(at.touched), at.s, median(at.processor),
    median(at.processor) / median(early.processor))
end
local shown = {}
for i, list in ipairs(epochs) do shown[i] = string.format("%.2f", mean(list)) end
say("touched by epoch: %s", table.concat(shown, " "))
tell_hours(first, early, late, epochs, settings.train.batch)
say("%d threads, kernels %s", session:threads())
