-- sessions.lua: the methods of a session that need a config: they resolve it, and C computes with
-- what it says.
local Config = require "stepwise.config.config"
local core = require "stepwise.core"

local function read_json(path)
  local fine, value = pcall(core.json_decode, core.read_text(path))
  if not fine then core.fail_within(path, value) end
  return value
end

local function copy(request, more)
  local result = {}
  for _, from in ipairs { request, more } do
    for name, value in pairs(from) do result[name] = value end
  end
  return result
end

-- The config that a checkpoint holds. What was trained with another version may have keys that this
-- one does not know; only its model is needed.
local function of_checkpoint(session, path)
  local fine, given = pcall(core.json_decode, core.checkpoint_text(path))
  if not fine then core.fail(1, path .. ": its config: " .. given.text) end
  if type(given) ~= "table" or core.is_array(given) then
    core.fail(1, path .. ": its config is not a JSON object")
  end
  local resolved, config = pcall(Config.resolve_written, session, given)
  if not resolved then core.fail(1, path .. ": its config: " .. config.text) end -- a wrong file
  return config
end

-- A function of one checkpoint, and of its config as the field `config` of the request.
local function with_config(method)
  return function(session, request)
    if type(request) ~= "table" or type(request.checkpoint) ~= "string" then
      return method(session, request) -- which says what is missing
    end
    return method(session, copy(request, { config = of_checkpoint(session, request.checkpoint) }))
  end
end

-- A run folder's own config must decide the same numbers as the one that is given, but for where
-- the run ends: then it is given back.
local function check_folder(session, config, run)
  local path = run .. "/config.json"
  if not core.file_kind(path) then return nil end
  local fine, there = pcall(Config.resolve, session, read_json(path))
  if not fine then core.fail_within(path, there) end
  local changed = there:difference(config)
  if changed and there:same_but_end(config) then return there end
  if changed then
    core.fail(1, string.format("cannot resume %s under another config: %s", run, changed))
  end
end

local raw = {}
for _, name in ipairs {
  "evaluate", "explain", "find", "gradients", "describe_checkpoint", "train",
} do
  raw[name] = core.session_method(name)
end

-- What plugins bring, by kind and name, with choices as lists; found once per session.
local raw_part, found = core.session_method "part", setmetatable({}, { __mode = "k" })
local function part(session, kind, name)
  local known = found[session] or {}
  found[session] = known
  local key = kind .. " " .. tostring(name)
  if not known[key] then
    local one = raw_part(session, kind, name)
    for _, option in ipairs(one.options) do
      local choices = {}
      for word in (option.choices or ""):gmatch("%S+") do choices[#choices + 1] = word end
      option.choices = option.choices and choices
    end
    known[key] = one
  end
  return known[key]
end

core.extend_session {
  part = part,
  resolve = Config.resolve,

  -- How long steps and an evaluation on random data take, for {features =, regions =, steps =,
  -- warmup =, profile =, images =, captions =, caption_words =}, beside the floor of their matrix
  -- products: the members of `stepwise bench --json`. Steps: batch, caption_words, step_s,
  -- encode_s, score_s, backward_s, update_s (medians; the loss counts to score), floor_s,
  -- floor_gflop, ratio = step_s / floor_s, gflops = floor_gflop / step_s, peak_rss_mb,
  -- flickr30k_epoch_h, coco_epoch_h, floor = a list of {part, gflop, s, way}; with warmup
  -- warmup_step_s, warmup_ratio, warmup_peak_rss_mb; with profile profile_step_s and profile = a
  -- list of {part, products_s, rest_s, waiting_s, share} that adds up to it, in seconds of all
  -- threads, divided by their number. An evaluation: eval_images, eval_captions, eval_encode_s,
  -- eval_score_s, eval_s, eval_floor_s, eval_floor_gflop, eval_ratio, eval_floor.
  bench = function(session, config, request)
    return require("stepwise.results.timings").of(session, config, request)
  end,

  -- The resolved config of a checkpoint, as a plain table.
  checkpoint_config = function(session, path) return of_checkpoint(session, path):table() end,

  describe_checkpoint = function(session, path)
    return raw.describe_checkpoint(session, path, of_checkpoint(session, path))
  end,

  evaluate = function(session, request)
    if type(request) ~= "table" or type(request.checkpoints) ~= "table" then
      return raw.evaluate(session, request)
    end
    local configs = {}
    for i, path in ipairs(request.checkpoints) do configs[i] = of_checkpoint(session, path) end
    return raw.evaluate(session, copy(request, { configs = configs }))
  end,

  explain = with_config(raw.explain),
  find = with_config(raw.find),
  -- Of the loss at margin 0.2, whatever the run was trained with: comparisons rely on it.
  gradients = with_config(function(session, request)
    if request.config then request.config:override("margin=0.2") end
    return raw.gradients(session, request)
  end),

  -- For the same request, the results of find as a list of { index =, id =, score =, caption = its
  -- text, .. }; id and caption are nil where there is none.
  search = function(session, request)
    local results = session:find(request).results
    for _, result in ipairs(results) do
      result.caption = type(result.text) == "string" and result.text or nil
      result.text = nil
      if result.id == core.json_null then result.id = nil end
    end
    return results
  end,

  train = function(session, config, run, options)
    local before = Config.is_config(config) and options and options.resume
      and check_folder(session, config, run)
    return raw.train(session, config, run, before and copy(options, { before = before }) or options)
  end,
}
