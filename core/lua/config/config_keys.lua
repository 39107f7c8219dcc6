-- config_keys.lua: every key of a config but the model's, whose options the plugins declare.
--
--   kind     number, integer, switch, choice (of `choices`), text or tests
--   preset   the default
--   least, most, above_least   a range; above_least = true: `least` itself is refused
--   inert    it does not change what a run computes, so it is no part of a run's identity
--   of_loss  one with the option of a loss that has its name, kind and default
--   later    younger than recorded runs: at its default it is no part of the identity, either
--
-- The order is that of a resolved config; a section's keys stand together.
local NO_LIMIT <const> = math.huge
local MOST_STEPS <const> = 2000000000

local function integer(least, most)
  return { kind = "integer", least = least, most = most }
end

local function number(least, most, above)
  return { kind = "number", least = least, most = most, above_least = above }
end

local text <const>, switch <const> = { kind = "text" }, { kind = "switch" }

local keys = {}

-- key(section, name, type, preset, doc [, more])
local function key(section, name, type, preset, doc, more)
  local entry = { section = section, name = name, preset = preset, doc = doc }
  for _, from in ipairs { type, more or {} } do
    for field, value in pairs(from) do entry[field] = value end
  end
  keys[#keys + 1] = entry
end

local inert <const>, of_loss <const> = { inert = true }, { of_loss = true }

key("", "name", text, "", "what people call the run", inert)
key("", "seed", integer(0, (1 << 53) - 1), 0,
  "of the first parameters and the order of the captions")
key("", "threads", integer(0, 256), 0,
  "0: as many as there are CPUs; the results are the same", inert)

key("train", "batch", integer(2, 65536), 128, "captions per step")
key("train", "views", integer(1, 8), 1,
  "how often each of them is in a batch, each time with other regions and words dropped; the hinge "
    .. "takes the worst of a sample's views for the right pair (ESA: 2)",
  { of_loss = true, later = true })
key("train", "epochs", integer(1, 1000000), 30, "passes over all captions")
key("train", "lr", number(0, 100, true), 0.0002, "Adam's learning rate")
key("train", "decay_epoch", integer(0, 1000000), 15,
  "epochs between two decays of lr; 0: no decay")
key("train", "decay", number(0, 1, true), 0.1, "what lr is multiplied with")
key("train", "warmup_epochs", integer(0, 1000000), 1,
  "first epochs that take all negatives, not the hardest (the paper's letter: 0)",
  of_loss)
key("train", "margin", number(0, 100), 0.2, "of the hinge, eq. 17", of_loss)
key("train", "clip", number(0, NO_LIMIT), 2.0, "most global gradient norm; 0: not clipped")
key("train", "weight_decay", number(0, 1), 0.0,
  "share of lr by which parameters shrink in each step (AdamW; 0.01 in PyTorch)", { later = true })
key("train", "same_image", { kind = "choice", choices = { "negative", "exclude" } }, "negative",
  "captions of the same image within a batch: negatives, or left out", of_loss)
key("train", "eval_every", integer(0, MOST_STEPS), 0,
  "steps between dev evaluations; 0: one per epoch")
key("train", "checkpoint_every", integer(0, MOST_STEPS), 0,
  "steps between two saves of the state, besides the end of each epoch; 0: by time only", inert)
key("train", "checkpoint_seconds", integer(0, MOST_STEPS), 300,
  "seconds between two saves of the state; 0: by steps and epochs only", inert)
key("train", "max_steps", integer(0, MOST_STEPS), 0, "stop after so many steps; 0: after `epochs`")

key("data", "dir", text, "", "the data folder", inert)
key("data", "glove", text, "", "a GloVe text file", inert)
key("data", "vocab", text, "",
  "a vocabulary; else DIR/vocab.json, else built from the train and dev captions", inert)
key("data", "init", text, "",
  "a checkpoint whose parameters the run starts from; empty: drawn by the seed", inert)
key("data", "train_split", text, "train", "the split to train on")
key("data", "dev_split", text, "dev",
  "the split that chooses the best step; empty: none, the last step is kept")
key("data", "test_split", text, "test",
  "evaluated once at the end, where it is there; empty: none")
key("data", "train_images", integer(0, MOST_STEPS), 0, "only the first N images; 0: all")
key("data", "dev_images", integer(0, MOST_STEPS), 0,
  "only the first N images; 0: the first 1000 (all_dev_captions: all)")
key("data", "test_images", integer(0, MOST_STEPS), 0, "only the first N images; 0: all")
key("data", "folds", integer(1, 1000000), 1,
  "of test, consecutive and of one size, every metric averaged; dev is never folded",
  { later = true })
key("data", "tests", { kind = "tests" }, {},
  "several test sets, a list of {name, split, images, folds}: each run is evaluated on all",
  { later = true })
key("data", "all_dev_captions", switch, false, "dev is not cut to its first 1000 images")
key("data", "longest_caption", integer(1, 1000000), 1000,
  "most words of a caption; a longer one is an error", inert)
key("data", "precaps", switch, false, "take word ids from SPLIT_precaps.txt where that is there")

return keys
