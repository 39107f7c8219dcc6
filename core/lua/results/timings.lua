-- timings.lua: what stepwise bench measures: steps and an evaluation, the floor of their matrix
-- products, and where the time goes. C runs each of them once and says how long it took
-- (train/bench.h).
local core = require "stepwise.core"

local M = {}

local FLICKR30K <const>, COCO <const> = 29000 * 5, 113287 * 5 -- training pairs
local FLOOR_ROUNDS <const> = 3 -- of an evaluation
local FLOOR_IMAGES <const>, FLOOR_CAPTIONS <const> = 64, 256 -- steps of the GRU as in the whole
local LONG_ENOUGH <const> = 20 -- seconds of evaluations

-- The middle one, or the mean of the two in the middle.
local function median(x)
  local sorted = table.move(x, 1, #x, 1, {})
  table.sort(sorted)
  return (sorted[(#x + 1) // 2] + sorted[#x // 2 + 1]) / 2
end

-- The most memory the process has had so far, in MB.
local function peak()
  local status <close> = io.open("/proc/self/status")
  local kilobytes = status and status:read("a"):match("VmHWM:%s*(%d+)")
  return kilobytes and kilobytes / 1024 or 0
end

-- ---- the floor -------------------------------------------------------------------------------

-- The products' parts, each with the seconds of every round, by our threads and by OpenBLAS's.
local function floor_of(products)
  local parts = {}
  for i, product in ipairs(products) do
    local part = parts[#parts]
    if not part or part.part ~= product.part then
      part = { part = product.part, per = product.per, first = i, flop = 0, chunks = {}, blas = {} }
      parts[#parts + 1] = part
    end
    part.last, part.flop = i, part.flop + product.flop
  end
  return parts
end

-- One round of each part. OpenBLAS's threads look for more work for a while before they sleep.
local function run_floor(bench, parts, threads)
  for _, part in ipairs(parts) do
    part.chunks[#part.chunks + 1] = bench:run(part.first, part.last)
  end
  if threads == 1 then return end
  for _, part in ipairs(parts) do
    part.blas[#part.blas + 1] = bench:run(part.first, part.last, true)
  end
  core.sleep(0.1)
end

-- scale: how many regions, words and pairs there are for each one that was measured. Of each part
-- the faster way counts.
local function tell_floor(result, prefix, parts, scale)
  local seconds, gflop, list = 0, 0, {}
  for i, part in ipairs(parts) do
    local way, s = "chunks", median(part.chunks)
    local blas = #part.blas > 0 and median(part.blas) or s
    if blas < s then way, s = "blas", blas end
    local times = scale and scale[part.per] or 1
    list[i] = { part = part.part, gflop = part.flop * times * 1e-9, s = s * times, way = way }
    seconds, gflop = seconds + list[i].s, gflop + list[i].gflop
  end
  result[prefix .. "floor_s"], result[prefix .. "floor_gflop"] = seconds, gflop
  result[prefix .. "floor"] = list
end

-- ---- steps -----------------------------------------------------------------------------------

local function append(times, took)
  for name, s in pairs(took) do
    times[name] = times[name] or {}
    table.insert(times[name], s)
  end
end

local function step(bench, all_negatives)
  local encode_s, score_s, backward_s, update_s = bench:step(all_negatives)
  return { encode_s = encode_s, score_s = score_s, backward_s = backward_s, update_s = update_s,
    step_s = encode_s + score_s + backward_s + update_s }
end

local function hours(pairs_of_epoch, batch, seconds)
  return math.ceil(pairs_of_epoch / batch) * seconds / 3600
end

-- Steps apart from those that are timed: looking at the clock in each part takes its time, too. The
-- last part is what is in none: threads that had nothing to do while one worked alone.
local function tell_profile(result, bench, steps, threads)
  local whole, known = 0, 0
  bench:profile(true)
  for _ = 1, steps do whole = whole + step(bench).step_s end
  local list = bench:profile(false)
  list[#list + 1] = { part = "one thread alone", products_s = 0, rest_s = 0 }
  for _, part in ipairs(list) do
    part.waiting_s = part.waiting_s or (whole - known) * threads
    known = known + (part.products_s + part.rest_s + part.waiting_s) / threads
    part.share = (part.products_s + part.rest_s + part.waiting_s) / threads / whole
    for _, name in ipairs { "products_s", "rest_s", "waiting_s" } do
      part[name] = part[name] / threads / steps
    end
  end
  result.profile_step_s, result.profile = whole / steps, list
end

-- Steps and the floor take turns, so that a machine with other work slows both down. A step is
-- timed behind another one: the first after the floor finds threads that have slept, and on a busy
-- machine all on one core for a while. The first steps of all meet new memory; what they leave is
-- what a run holds, before the floor's own operands are there.
local function tell_steps(result, bench, request, steps, train, threads)
  local batch, views = train.batch, train.views
  local times, warmup = {}, {}
  bench:step()
  result.peak_rss_mb = peak()
  if request.warmup then
    bench:step(true)
    result.warmup_peak_rss_mb = peak()
  end
  local floor = floor_of(bench:products())
  for _ = 1, steps do
    bench:step()
    append(times, step(bench))
    if request.warmup then append(warmup, step(bench, true)) end
    run_floor(bench, floor, threads)
  end
  tell_floor(result, "", floor)
  for name, list in pairs(times) do result[name] = median(list) end
  local step_s = result.step_s
  result.batch, result.caption_words = batch, bench:words(batch * views)
  result.ratio, result.gflops = step_s / result.floor_s, result.floor_gflop / step_s
  result.flickr30k_epoch_h = hours(FLICKR30K, batch, step_s)
  result.coco_epoch_h = hours(COCO, batch, step_s)
  if request.warmup then
    result.warmup_step_s = median(warmup.step_s)
    result.warmup_ratio = result.warmup_step_s / step_s
  end
  if request.profile then tell_profile(result, bench, steps, threads) end
end

-- ---- an evaluation ---------------------------------------------------------------------------

-- The first one meets new memory: it counts only where it is so long that no other follows. The
-- floor is that of a small evaluation, scaled.
local function tell_evaluation(result, bench, request, steps, threads)
  local images, captions, times, spent, is_first = request.images, request.captions, {}, 0, true
  repeat
    local encode_s, score_s = bench:evaluate()
    spent = spent + encode_s + score_s
    if not is_first or spent >= LONG_ENOUGH then
      append(times, { encode_s = encode_s, score_s = score_s, s = encode_s + score_s })
    end
    is_first = false
  until spent >= LONG_ENOUGH or times.s and #times.s >= steps
  result.peak_rss_mb = result.peak_rss_mb or peak()
  local some, few = math.min(images, FLOOR_IMAGES), math.min(captions, FLOOR_CAPTIONS)
  local floor = floor_of(bench:products(some, few))
  for _ = 1, FLOOR_ROUNDS do run_floor(bench, floor, threads) end
  local region, word = images / some, bench:words(captions) / bench:words(few)
  tell_floor(result, "eval_", floor, { region = region, word = word, pair = region * word })
  for name, list in pairs(times) do result["eval_" .. name] = median(list) end
  result.eval_images, result.eval_captions = images, captions
  result.eval_ratio = result.eval_s / result.eval_floor_s
end

-- ---- the whole -------------------------------------------------------------------------------

-- See session:bench.
function M.of(session, config, request)
  local bench <close> = session:bench_model(config, request)
  local result, steps, threads = {}, request.steps or 5, (session:threads())
  if math.type(steps) ~= "integer" or steps < 0 or steps > 10000 then
    core.fail(2, "steps: expected 0 to 10000, found " .. tostring(steps))
  end
  if steps > 0 then
    tell_steps(result, bench, request, steps, config:table().train, threads)
  end
  if request.images then tell_evaluation(result, bench, request, steps, threads) end
  return result
end

return M
