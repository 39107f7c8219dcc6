-- eval.lua: stepwise eval
local core = require "stepwise.core"
local coverage = require "stepwise.results.coverage"
local explain = require "stepwise.commands.explain"
local ground_truth = require "stepwise.results.ground_truth"
local layout = require "stepwise.results.layout"
local setup = require "stepwise.config.setup"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {
  name = "eval",
  summary = "Evaluates a checkpoint, or several by the mean of their similarities.",
  usage = "CHECKPOINT[,CHECKPOINT2..] --data DIR [--split SPLIT] [key=value..]",
  details = [[
Text retrieval ranks the captions for each image, image retrieval the images for each caption;
rsum is the sum of the six recalls. Without --split: on each test set of the checkpoint's own run,
with its images and folds.

--gt takes ECCV Caption's NAME_image_to_caption.json and its partner NAME_caption_to_image.json, a
folder of such, or CxC's sits_test.csv, of which pairs rated 3 or more count, and adds recalls,
R-Precision and mAP@R of all the split, in one fold. They speak of COCO's ids, which the split
needs: those of captions in SPLIT_cap_ids.txt or ECCV Caption's coco_test_ids.npy, those of images
in SPLIT_ids.txt or ECCV Caption's original_caption_to_image.json beside FILE.

key=value changes the model for this evaluation, as far as its parameters stay what they are:
g2g.score=false switches a stage off that was trained, l2l.lambda=9 sharpens its attention.]],
  arguments = { 1, math.huge },
  options = {
    { "data", "DIR", "the data folder" },
    { "split", "SPLIT", "train, dev, test, testall: all of it, in one fold" },
    { "vocab", "FILE", "a vocabulary; else the vocab.json beside each checkpoint" },
    { "images", "N", "only the first N images", kind = "integer", least = 1 },
    { "all-dev-captions", nil, "dev: all of it, not its first 1000 images" },
    { "precaps", nil, "word ids from SPLIT_precaps.txt, not from the captions" },
    { "folds", "N", "consecutive folds of one size, every metric averaged", kind = "integer",
      least = 1, most = 1000000 },
    { "fold5", nil, "--folds 5, of at most the first 5000 images (COCO 1K)" },
    { "gt", "FILE", "ground truth beyond one image per caption: ECCV Caption's or CxC's" },
    { "caption-ids", "FILE", "COCO's ids of the captions, .txt or .npy; else SPLIT_cap_ids.txt" },
    { "sims", "OUT.npy", "write the similarities, float32 (images, captions)" },
    { "threads", "N", "0: one for each CPU; the result is the same", kind = "integer", most = 256 },
    { "json", nil, "print one JSON object" },
  },
}

local FIVE_FOLDS <const> = 5000 -- images: five folds of 1000, as the field has them

local function split_list(list)
  local result = {}
  for word in list:gmatch("[^,]+") do result[#result + 1] = word end
  return result
end

-- What is evaluated on: {{split =, images = nil or 0 for all, folds =}..}
local function sets_of(session, given, checkpoint)
  local folds, images = given.folds, given.images
  if given.fold5 then
    if folds and folds ~= 5 then
      core.fail(2, string.format("eval: --fold5 is --folds 5, found --folds %d", folds))
    end
    folds, images = 5, math.min(images or FIVE_FOLDS, FIVE_FOLDS)
  end
  if given.split then
    return { { split = given.split, images = images, folds = folds or 1 } }
  end
  local config = session:checkpoint_config(checkpoint)
  local sets = test_sets.of_config(config)
  if #sets == 0 then core.fail(2, "eval: --split is needed: the run has no test split") end
  for _, set in ipairs(sets) do
    set.folds, set.images = folds or set.folds, images or set.images
    set.precaps, set.all_dev_captions = config.data.precaps, config.data.all_dev_captions
  end
  return sets
end

-- What files of ground truth say is right is ranked among all images and captions.
local function check_one_fold(sets)
  if #sets > 1 or sets[1].folds > 1 then
    core.fail(2, "eval: --gt ranks one split in one fold; give --split" .. (#sets > 1 and ""
      or " and leave out --folds"))
  end
end

local function beyond(given, split, metrics, sims)
  local list = core.json_array {}
  for i, truth in ipairs(ground_truth.open(given.gt, given["caption-ids"], given.data, split,
    metrics.images, metrics.captions)) do
    list[i] = ground_truth.measure(truth, sims)
  end
  return list
end

local function show(metrics, set, given, models, changes)
  text.say("%s%s %s%s%s%s", set.named and set.name .. ": " or "", given.data, set.split,
    core.is_generated(given.data) and " (generated scenes)" or "",
    models > 1 and string.format(", mean of %d models", models) or "",
    #changes > 0 and ", with " .. table.concat(changes, " ") or "")
  for _, line in ipairs(layout.evaluation(metrics)) do print(line) end
  for _, line in ipairs(layout.ground_truth(metrics.ground_truth or {})) do text.say("%s", line) end
end

function M.run(given, arguments)
  if not given.data then core.fail(2, "eval: --data is needed") end
  local checkpoints = split_list(arguments[1])
  if #checkpoints == 0 then core.fail(2, "eval: expected a checkpoint") end
  local changes = setup.overrides(M, arguments)
  for i, path in ipairs(checkpoints) do checkpoints[i] = explain.checkpoint(path) end
  local session <close> = core.session { threads = given.threads }
  local sets = sets_of(session, given, checkpoints[1])
  if given.sims and #sets > 1 then
    core.fail(2, "eval: --sims writes the similarities of one split; give --split")
  end
  local found = core.json_array {}
  if given.gt then check_one_fold(sets) end
  local scratch <close> = given.gt and not given.sims and core.temporary_folder() or nil
  local sims = given.sims or scratch and scratch:path() .. "/sims.npy"
  -- A file of similarities that is not whole must not stay.
  if sims then core.catch_interrupts() end
  for i, set in ipairs(sets) do
    found[i] = session:evaluate {
      checkpoints = checkpoints, data = given.data, split = set.split, vocab = given.vocab,
      images = set.images, folds = set.folds, sims = sims,
      all_dev_captions = given["all-dev-captions"] or set.all_dev_captions,
      precaps = given.precaps or set.precaps, changes = changes,
    }
    if sims then core.release_interrupts() end
    if given.gt then found[i].ground_truth = beyond(given, set.split, found[i], sims) end
    for m, covered in ipairs(found[i].coverage) do
      local warning = coverage.warning(covered, "the vocabulary of " .. checkpoints[m],
        "the " .. set.split .. " captions", "are read as <unk>")
      if warning then io.stderr:write("stepwise: ", warning, "\n") end
    end
    if not given.json then show(found[i], set, given, #checkpoints, changes) end
    found[i].split, found[i].test = set.split, set.named and set.name or nil
  end
  if given.json then
    local whole = #sets == 1 and found[1] or { tests = found }
    whole.checkpoints, whole.data = checkpoints, given.data
    whole.changes = #changes > 0 and core.json_array(changes) or nil
    whole.generated = core.is_generated(given.data)
    print(core.json_encode(whole, 1))
  elseif given.sims then
    text.say("similarities: %s", given.sims)
  end
  return 0
end

return M
