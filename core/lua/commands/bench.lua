-- bench.lua: stepwise bench
local core = require "stepwise.core"
local setup = require "stepwise.config.setup"
local text = require "stepwise.util.text"

local M = {
  name = "bench",
  summary = "Times training steps of a given shape beside the floor of their matrix products.",
  usage = "[SCRIPT.lua] [key=value..]",
  details = [[
Steps run on random data. The floor is the time of the matrix products that the step cannot do
without, as bare calls of OpenBLAS on all threads, measured in turn with the steps; the ratio says
how much the rest costs. On a CPU with AMX large products run on its tiles, faster than OpenBLAS,
and the ratio may be below 1; STEPWISE_CPU=avx512 leaves them to OpenBLAS. With --images and
--captions also an evaluation: all encoded once, all pairs scored.
The model is SHAN-full, or the script's; key=value changes it or the training, as in stepwise
train.]],
  arguments = { 0, math.huge },
  options = {
    { "batch", "B", "pairs in a batch, 64 or the script's when none is given", kind = "integer" },
    { "dim", "D", "joint width, 1024 or the script's", kind = "integer" },
    { "regions", "F", "features of a region, 2048 when none are given", kind = "integer", least = 1,
      most = 1 << 20 },
    { "region-count", "k", "regions of an image, 36 when none are given", kind = "integer",
      least = 1, most = 4096 },
    { "caption-words", "n", "words of a caption on average, 14 when none are given",
      kind = "integer", least = 1, most = 1000 },
    { "words", "W", "width of a word vector, 300 or the script's", kind = "integer" },
    { "stages", "LIST", "alignment stages, l2l,g2l,g2g or the script's" },
    { "fusion", "NAME", "how g2l fuses; gate when none is given" },
    { "direction", "NAME", "both (the default), t2i or i2t" },
    { "threads", "N", "0: one for each CPU", kind = "integer", most = 256 },
    { "steps", "K", "steps that are timed, 5 when none are given; 0 with --images: none",
      kind = "integer", most = 10000 },
    { "warmup", nil, "also steps with all negatives in place of the hardest" },
    { "profile", nil, "also steps that tell which parts the time goes to" },
    { "images", "I", "images of an evaluation", kind = "integer", least = 1, most = 1000000 },
    { "captions", "C", "its captions; five for each image when none are given", kind = "integer",
      least = 1, most = 5000000 },
    { "json", nil, "print one JSON object" },
  },
}

local usual <const> = {
  model = { embedding = { plugin = "glove_random" } }, train = { batch = 64 },
}

local function configure(session, given, arguments)
  local is_script = arguments[1] and not arguments[1]:find("=", 1, true)
  local config = setup.resolve(session, is_script and setup.experiment(arguments[1])
    or { config = usual, file = "bench" })
  local typed = {
    { "train.batch", given.batch }, { "model.dim", given.dim },
    { "model.embedding.word_dim", given.words }, { "stages", given.stages },
    { "fusion", given.fusion }, { "direction", given.direction },
  }
  for i = 1, 6 do
    local name, value = typed[i][1], typed[i][2]
    if value then config:override(name .. "=" .. value) end
  end
  for _, assignment in ipairs(setup.overrides(M,
    is_script and arguments or { "", table.unpack(arguments) })) do
    config:override(assignment)
  end
  return config
end

-- The shape, under the names of the results.
local function shape(config, request, session)
  local model, stages, fusion = config.model, {}, "none"
  for i, stage in ipairs(model.stages) do
    stages[i] = stage.plugin
    if stage.fusion then fusion = stage.fusion.plugin end
  end
  local threads, kernels = session:threads()
  return {
    batch = config.train.batch, dim = model.dim, regions = request.features,
    region_count = request.regions, words = model.embedding.word_dim,
    embedding = model.embedding.plugin, stages = table.concat(stages, ","), fusion = fusion,
    direction = model.direction, threads = threads, cpu = kernels,
    blas_core = core.libraries().blas_core, steps = request.steps,
  }
end

-- ---- for people ------------------------------------------------------------------------------

local function seconds(s)
  return s < 1 and string.format("%.1f ms", 1000 * s) or string.format("%.2f s", s)
end

local function part_of(s, whole)
  return string.format("%.0f %%", 100 * s / whole)
end

local function say_rows(rows)
  for _, line in ipairs(text.columns(rows, { false, true, true, true, true })) do print(line) end
end

local function floor_rows(rows, parts, whole)
  for _, part in ipairs(parts) do
    rows[#rows + 1] = {
      "  " .. part.part, seconds(part.s), part_of(part.s, whole),
      string.format("%.2f GFLOP", part.gflop),
      part.way == "blas" and "OpenBLAS's threads" or "our threads",
    }
  end
end

local function say_steps(r)
  local rows = {}
  for _, phase in ipairs { "encode", "score", "backward", "update" } do
    local s = r[phase .. "_s"]
    rows[#rows + 1] = { phase, seconds(s), part_of(s, r.step_s) }
  end
  rows[#rows + 1] = { "step", seconds(r.step_s), "", string.format("%.1f GFLOP/s", r.gflops) }
  if r.warmup_step_s then
    rows[#rows + 1] = {
      "all negatives", seconds(r.warmup_step_s), string.format("x %.2f", r.warmup_ratio),
    }
  end
  rows[#rows + 1] = {
    "floor", seconds(r.floor_s), part_of(r.floor_s, r.step_s),
    string.format("%.1f GFLOP/s", r.floor_gflop / r.floor_s),
  }
  floor_rows(rows, r.floor, r.step_s)
  rows[#rows + 1] = { "ratio", string.format("%.2f", r.ratio) }
  say_rows(rows)
  print(string.format("memory %.0f MB%s; an epoch of Flickr30K %.2f h, of COCO %.2f h",
    r.peak_rss_mb, r.warmup_peak_rss_mb
      and string.format(" (%.0f MB with all negatives)", r.warmup_peak_rss_mb) or "",
    r.flickr30k_epoch_h, r.coco_epoch_h))
end

local function say_profile(r)
  print(string.format("a profiled step of %s: seconds of all threads, divided by their number",
    seconds(r.profile_step_s)))
  local rows = { { "", "products", "rest", "waiting", "share" } }
  for _, part in ipairs(r.profile) do
    if part.share >= 0.001 then
      local row = { "  " .. part.part }
      for i, name in ipairs { "products_s", "rest_s", "waiting_s" } do
        row[1 + i] = part[name] > 0 and seconds(part[name]) or ""
      end
      row[5] = string.format("%.1f %%", 100 * part.share)
      rows[#rows + 1] = row
    end
  end
  say_rows(rows)
end

local function say_evaluation(r)
  print(string.format("evaluation of %s and %s",
    text.plural(r.eval_images, "image"), text.plural(r.eval_captions, "caption")))
  local rows = {
    { "encode", seconds(r.eval_encode_s), part_of(r.eval_encode_s, r.eval_s) },
    { "score", seconds(r.eval_score_s), part_of(r.eval_score_s, r.eval_s) },
    { "evaluation", seconds(r.eval_s) },
    { "floor", seconds(r.eval_floor_s), part_of(r.eval_floor_s, r.eval_s),
      string.format("%.1f GFLOP/s", r.eval_floor_gflop / r.eval_floor_s) },
  }
  floor_rows(rows, r.eval_floor, r.eval_s)
  rows[#rows + 1] = { "ratio", string.format("%.2f", r.eval_ratio) }
  say_rows(rows)
end

local function say(r)
  print(string.format("batch %d, D = %d, F = %d, k = %d, W = %d, %s (fusion %s), direction %s, %s",
    r.batch, r.dim, r.regions, r.region_count, r.words, r.stages:gsub(",", " "), r.fusion,
    r.direction, r.embedding))
  print(string.format("%s, vector kernels %s, BLAS core %s%s", text.plural(r.threads, "thread"),
    r.cpu, r.blas_core, r.step_s and "; medians of " .. text.plural(r.steps, "step") or ""))
  if r.step_s then say_steps(r) end
  if r.profile then say_profile(r) end
  if r.eval_s then say_evaluation(r) end
end

-- ---- the command -----------------------------------------------------------------------------

function M.run(given, arguments)
  if given.captions and not given.images then
    core.fail(2, "bench: --captions goes with --images")
  end
  if given.steps == 0 and not given.images then
    core.fail(2, "bench: --steps: expected 1 to 10000, found 0; --images alone does without steps")
  end
  local session <close> = core.session { threads = given.threads }
  local config <close> = configure(session, given, arguments)
  local request = {
    features = given.regions or 2048, regions = given["region-count"] or 36,
    steps = given.steps or 5, warmup = given.warmup, profile = given.profile, images = given.images,
    captions = given.captions or given.images and 5 * given.images,
    caption_words = given["caption-words"] or 14,
  }
  local result = session:bench(config, request)
  for name, value in pairs(shape(config:table(), request, session)) do result[name] = value end
  if given.json then
    print(core.json_encode(result, 1))
  else
    say(result)
  end
  return 0
end

return M
