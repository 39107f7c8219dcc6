-- eval.lua: stepwise eval
local core = require "stepwise.core"
local layout = require "stepwise.layout"

local M = {
  name = "eval",
  summary = "Evaluates a checkpoint, or several by the mean of their similarities.",
  usage = "CHECKPOINT[,CHECKPOINT2..] --data DIR --split SPLIT",
  details = [[
Text retrieval ranks the captions for each image, image retrieval the images for each caption;
rsum is the sum of the six recalls.]],
  arguments = { 1, 1 },
  options = {
    { "data", "DIR", "the data folder" },
    { "split", "SPLIT", "train, dev, test, testall" },
    { "vocab", "FILE", "a vocabulary; else the vocab.json beside each checkpoint" },
    { "images", "N", "only the first N images", kind = "integer", least = 1 },
    { "all-dev-captions", nil, "dev: all of it, not its first 1000 images" },
    { "precaps", nil, "word ids from SPLIT_precaps.txt, not from the captions" },
    { "fold5", nil, "five consecutive folds, every metric averaged (COCO 1K)" },
    { "sims", "OUT.npy", "write the similarities, float32 (images, captions)" },
    { "threads", "N", "0: one for each CPU; the result is the same", kind = "integer", most = 256 },
    { "json", nil, "print one JSON object" },
  },
}

local function split_list(list)
  local result = {}
  for word in list:gmatch("[^,]+") do result[#result + 1] = word end
  return result
end

function M.run(given, arguments)
  for _, needed in ipairs { "data", "split" } do
    if not given[needed] then core.fail(2, "eval: --" .. needed .. " is needed") end
  end
  local checkpoints = split_list(arguments[1])
  if #checkpoints == 0 then core.fail(2, "eval: expected a checkpoint") end
  for i, path in ipairs(checkpoints) do
    -- a run folder stands for its best checkpoint
    if core.file_kind(path) == "folder" then
      checkpoints[i] = path:gsub("(.)/+$", "%1") .. "/checkpoint.safetensors"
    end
  end
  local session <close> = core.session { threads = given.threads }
  local metrics = session:evaluate {
    checkpoints = checkpoints, data = given.data, split = given.split, vocab = given.vocab,
    images = given.images, folds = folds, sims = given.sims,
    all_dev_captions = given["all-dev-captions"], precaps = given.precaps,
  }
  local generated = core.is_generated(given.data)
  if given.json then
    metrics.checkpoints = checkpoints
    metrics.data, metrics.split, metrics.generated = given.data, given.split, generated
    print(core.json_encode(metrics, 1))
    return 0
  end
  print(string.format("%s %s%s%s", given.data, given.split,
    generated and " (generated scenes)" or "",
    #checkpoints > 1 and string.format(", mean of %d models", #checkpoints) or ""))
  for _, line in ipairs(layout.evaluation(metrics)) do print(line) end
  if given.sims then print("similarities: " .. given.sims) end
  return 0
end

return M
