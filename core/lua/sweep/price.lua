-- price.lua: what a plan costs before it starts: seconds, memory and disk of each row's run.
--
-- Steps of each shape are timed on random data, as stepwise bench times them; how many there are
-- follows from the data. What was timed is kept per machine, so that the next look costs nothing:
-- in the folder $STEPWISE_CACHE, which is ~/.cache/stepwise when it is not set; when empty,
-- nowhere.
local core = require "stepwise.core"
local plan_of = require "stepwise.sweep.plan"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

-- Steps that are timed of a shape, and after how many seconds it ends with fewer.
local STEPS <const>, LONG_ENOUGH <const> = 20, 10
-- The evaluation that is timed; others are scaled from it.
local IMAGES <const>, CAPTIONS <const> = 64, 320
-- How much of the captions is read, and how often a word of the vocabulary stands there at least.
local MOST_BYTES <const>, LEAST_TIMES <const> = 4000000, 4
local BYTES_PER_ROW <const> = 120 -- of metrics.tsv
local FLOAT <const> = 4
local DEV_IMAGES <const> = 1000 -- of dev, where the config takes no other number

-- ---- what was timed before -------------------------------------------------------------------

local CACHE <const> = "steps.json"

-- nil where there is no place for it
local function cache_folder()
  local folder, home = os.getenv "STEPWISE_CACHE", os.getenv "HOME"
  if folder then return folder ~= "" and folder or nil end
  return home and home:sub(1, 1) == "/" and home .. "/.cache/stepwise" or nil
end

local function read_cache()
  local folder = cache_folder()
  local path = folder and folder .. "/" .. CACHE
  if not path or core.file_kind(path) ~= "file" then return {} end
  local fine, known = pcall(function() return core.json_decode(core.read_text(path)) end)
  return fine and type(known) == "table" and known or {}
end

-- What cannot be kept is timed again.
local function write_cache(known)
  local folder = cache_folder()
  if not folder then return end
  pcall(function()
    core.make_folders(folder)
    core.write_file(folder .. "/" .. CACHE, core.json_encode(known, 1) .. "\n")
  end)
end

local members <const> = { "step_s", "warmup_s", "encode_s", "score_s", "memory_mb", "steps" }

local function is_timing(value)
  if type(value) ~= "table" then return false end
  for _, name in ipairs(members) do
    if type(value[name]) ~= "number" or not (value[name] >= 0 and value[name] < 1e12) then
      return false
    end
  end
  return true
end

-- ---- timing ----------------------------------------------------------------------------------

-- The most memory of this process since the last call, in MB; 0 where the system does not say.
local function peak_memory()
  local status <close> = io.open("/proc/self/status")
  local kilobytes = status and status:read("a"):match("VmHWM:%s*(%d+)")
  local reset <close> = io.open("/proc/self/clear_refs", "w")
  if reset then reset:write("5") end
  return kilobytes and kilobytes / 1024 or 0
end

local function median(list)
  table.sort(list)
  return (list[(#list + 1) // 2] + list[#list // 2 + 1]) / 2
end

local function seconds_of_step(bench, all_negatives)
  local encode, score, backward, update = bench:step(all_negatives)
  return encode + score + backward + update
end

-- Times a config on random data of the shape {features =, regions =, caption_words =}.
local function time(session, config, shape)
  local request = { features = shape.features, regions = shape.regions,
    caption_words = shape.caption_words, images = IMAGES, captions = CAPTIONS }
  peak_memory()
  local bench <close> = session:bench_model(config, request)
  local warm, times, began = {}, {}, core.seconds()
  seconds_of_step(bench) -- meets new memory
  repeat
    times[#times + 1] = seconds_of_step(bench)
  until #times >= STEPS or core.seconds() - began > LONG_ENOUGH
  began = core.seconds()
  repeat
    warm[#warm + 1] = config.value.train.warmup_epochs > 0 and seconds_of_step(bench, true) or 0.0
  until #warm >= 3 or core.seconds() - began > LONG_ENOUGH / 2
  local encode, score = bench:evaluate()
  return { step_s = median(times), warmup_s = median(warm), encode_s = encode, score_s = score,
    memory_mb = peak_memory(), steps = #times }
end

-- A model without its real numbers, as lambda, which change no shape.
local function shape_of(model)
  local result = {}
  for name, value in pairs(model) do
    if type(value) == "table" then
      result[name] = shape_of(value)
    elseif math.type(value) ~= "float" then
      result[name] = value
    end
  end
  return result
end

-- Under which name a timing is kept: all that it depends on.
local function key_of(session, config, shape)
  local threads, cpu = session:threads()
  local train = config.value.train
  return core.hash128(core.json_encode { shape_of(config.value.model), shape, train.batch,
    train.warmup_epochs > 0, threads, cpu, core.machine().host, core.libraries().blas_core,
    core.version, core.git, config:plugins(), train.views > 1 and train.views or nil })
end

-- ---- counting --------------------------------------------------------------------------------

local function limited(count, limit)
  return limit and limit > 0 and math.min(count, limit) or count
end

-- Adds to `found` how many words a caption has on average, with <start> and <end>, and about how
-- many the vocabulary will have; of the first captions where there are many.
local function read_captions(found, path)
  local file <close> = io.open(path)
  local captions = file and file:read(MOST_BYTES) or ""
  local words, lines, times, vocabulary = 0, 0, {}, 4
  for line in captions:gmatch("[^\n]+") do
    lines = lines + 1
    for word in line:lower():gmatch("%w+") do
      words = words + 1
      times[word] = (times[word] or 0) + 1
      if times[word] == LEAST_TIMES then vocabulary = vocabulary + 1 end
    end
  end
  if lines > 0 then
    found.caption_words = math.max(1, math.floor(words / lines + 2.5))
    found.vocabulary = vocabulary
  end
end

-- A function that gives core.dataset's of a split in a data folder with caption_words and
-- vocabulary, or nil where there is none.
local function reader()
  local known = {}
  return function(dir, split)
    if not split or split == "" then return nil end
    local name = dir .. "/" .. split
    if known[name] == nil then
      local fine, found = pcall(core.dataset, dir, split)
      known[name] = fine and found or false
      if fine then read_captions(found, name .. "_caps.txt") end
    end
    return known[name] or nil
  end
end

-- Of one run: steps, those with all negatives, evaluations, and the pairs and sides that they
-- score; nil where the data are not there.
local function count(config, split_of)
  local train, data = config.train, config.data
  local of = split_of(data.dir, data.train_split)
  if not of then return nil end
  local captions = of.captions // of.images * limited(of.images, data.train_images)
  local each = captions // train.batch + (captions % train.batch >= 2 and 1 or 0)
  local steps = each * train.epochs
  if train.max_steps > 0 then steps = math.min(steps, train.max_steps) end
  local result = { train = of, steps = steps, warmup = math.min(steps, each * train.warmup_epochs),
    pairs = 0, sides = 0, evaluations = 0 }
  local function evaluated(split, images, folds, times)
    local found = split_of(data.dir, split)
    if not found then return end
    images = limited(found.images, images)
    local all = found.captions // found.images * images
    result.pairs = result.pairs + times * images * all / folds
    result.sides = result.sides + times * images
  end
  local every = train.eval_every > 0 and train.eval_every or each
  result.evaluations = math.ceil(steps / every)
  local dev_images = data.dev_images > 0 and data.dev_images
    or not data.all_dev_captions and DEV_IMAGES or 0
  evaluated(data.dev_split, dev_images, 1, result.evaluations)
  for _, set in ipairs(test_sets.of_config(config)) do
    evaluated(set.split, set.images, set.folds, 1)
  end
  return result
end

-- ---- the price -------------------------------------------------------------------------------

-- What one run costs: {step_s =, steps =, seconds =, memory_mb =, disk_mb =, peak_disk_mb =}.
local function price_of(session, config, counts, timing)
  local parameters = session:describe(config, counts.train.features,
    counts.train.vocabulary).parameters
  local all, trained = 0, 0
  for _, parameter in ipairs(parameters) do
    all = all + parameter.count
    if parameter.trained then trained = trained + parameter.count end
  end
  local sides, pairs = counts.sides / IMAGES, counts.pairs / (IMAGES * CAPTIONS)
  local kept = 2 * all * FLOAT + counts.steps * BYTES_PER_ROW
  return {
    step_s = timing.step_s, steps = counts.steps, memory_mb = timing.memory_mb,
    seconds = counts.warmup * timing.warmup_s + (counts.steps - counts.warmup) * timing.step_s
      + sides * timing.encode_s + pairs * timing.score_s,
    disk_mb = kept / 1e6, peak_disk_mb = (kept + (all + 2 * trained) * FLOAT) / 1e6,
  }
end

-- Prices of the rows of a plan, {SLUG = price_of}; nil and why where the data are not there.
-- threads: of each run. say: told once before the first shape is timed.
function M.of(plan, threads, say)
  local session <close> = core.session { threads = threads or 0 }
  local split_of, known, prices, changed, told = reader(), read_cache(), {}, false, false
  for _, run in ipairs(plan.runs) do
    if not prices[run.row] then
      local counts = count(run.config, split_of)
      if not counts then
        return nil, string.format("%s: no split '%s' yet", run.config.data.dir,
          run.config.data.train_split)
      end
      local config <close> = session:resolve(run.config)
      local shape = { features = counts.train.features, regions = counts.train.regions,
        caption_words = counts.train.caption_words }
      local key = key_of(session, config, shape)
      if not is_timing(known[key]) then
        if not told then say() end
        told, changed = true, true
        known[key] = time(session, config, shape)
      end
      prices[run.row] = price_of(session, config, counts, known[key])
    end
  end
  if changed then write_cache(known) end
  return prices
end

-- ---- telling ---------------------------------------------------------------------------------

-- "8h", "90m", "3600s", "1.5h", "2d" -> seconds; nil for what is none.
function M.seconds(words)
  local number, unit = words:match("^(%d+%.?%d*)([smhd])$")
  local seconds = number and tonumber(number) * ({ s = 1, m = 60, h = 3600, d = 86400 })[unit]
  return seconds and seconds > 0 and seconds or nil
end

local function size(megabytes)
  return megabytes >= 1000 and string.format("%.1f GB", megabytes / 1000)
    or string.format("%.0f MB", math.max(1, megabytes))
end

-- Seconds of the runs in `runs`, `jobs` at a time: never less than the longest of them.
function M.sum(runs, prices, jobs)
  local seconds, longest = 0.0, 0.0
  for _, run in ipairs(runs) do
    local price = prices[run.row].seconds
    seconds, longest = seconds + price, math.max(longest, price)
  end
  return math.max(seconds / jobs, longest)
end

-- Whole rounds of seeds that fit in `budget` seconds, of the runs that are not done; all of them,
-- and their seconds.
function M.rounds(todo, prices, jobs, budget)
  local of_seed, seeds, spent, fit = {}, {}, 0.0, 0
  for _, run in ipairs(todo) do
    if not of_seed[run.seed] then
      of_seed[run.seed] = {}
      seeds[#seeds + 1] = run.seed
    end
    table.insert(of_seed[run.seed], run)
  end
  table.sort(seeds)
  for i, seed in ipairs(seeds) do
    spent = spent + M.sum(of_seed[seed], prices, jobs)
    if spent <= budget then fit = i end
  end
  return fit, #seeds, spent
end

-- Lines that say the price of what is not done of a plan.
function M.lines(plan, dir, prices, jobs, budget)
  local todo, of_row = {}, {}
  local rows = { { "row", "s/step", "steps", "per run", "runs", "memory", "disk" } }
  for _, run in ipairs(plan.runs) do
    if plan_of.state(dir, run) ~= "done" then
      todo[#todo + 1] = run
      of_row[run.row] = (of_row[run.row] or 0) + 1
    end
  end
  if #todo == 0 then return {} end
  local memory, disk, peak, highest = {}, 0.0, 0.0, 0.0
  for _, row in ipairs(plan.rows) do
    local runs, price = of_row[row.slug], prices[row.slug]
    if runs then
      rows[#rows + 1] = { row.name, string.format("%.3g", price.step_s), text.count(price.steps),
        text.duration(price.seconds), tostring(runs), size(price.memory_mb),
        size(price.disk_mb * runs) }
      memory[#memory + 1] = price.memory_mb
      disk = disk + price.disk_mb * runs
      peak = math.max(peak, price.peak_disk_mb - price.disk_mb)
    end
  end
  table.sort(memory, function(a, b) return a > b end)
  for i = 1, math.min(jobs, #memory) do highest = highest + memory[i] end
  local lines = text.columns(rows, { false, true, true, true, true, true, true })
  local fit, rounds, seconds = M.rounds(todo, prices, jobs, budget)
  lines[#lines + 1] = string.format("in all about %s at -j %d; %s of memory, %s of disk",
    text.duration(seconds), jobs, size(highest), size(disk + jobs * peak))
  lines[#lines + 1] = string.format("fits in %s: %s", text.duration(budget),
    fit == rounds and "all of it" or fit == 0 and "no whole round of seeds"
      or text.plural(fit, "seed") .. " of " .. rounds)
  return lines
end

return M
