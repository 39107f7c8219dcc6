-- sessions.lua: the methods of a session that need a config: they resolve it, and C computes with
-- what it says.
local Config = require "stepwise.config.config"
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local provenance = require "stepwise.run.provenance"
local query = require "stepwise.results.query"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"
local trainers = require "stepwise.run.trainer"
require "stepwise.tensor.model"

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

-- Applies changes, a list of "key=value", to the config of the checkpoint at `path`. They may not
-- touch what its parameters are: a part that is switched off has been trained all the same.
local function change(session, path, config, changes)
  local function beside_model(of)
    local value = of:table()
    value.model = nil
    return core.json_encode(value)
  end
  local trained = core.model_of_checkpoint(session, path, config)
  for _, assignment in ipairs(changes) do
    local outside, there = beside_model(config), {}
    config:override(assignment)
    if beside_model(config) ~= outside then
      core.fail(2, assignment .. ": expected a key of the model, which is all that a checkpoint is "
        .. "evaluated with")
    end
    local fine, changed = pcall(core.model_of, session, config, trained.features,
      trained.vocabulary)
    if not fine then core.fail_within(assignment, changed) end
    for _, parameter in ipairs(changed.parameters) do there[parameter.name] = parameter.shape end
    for _, parameter in ipairs(trained.parameters) do
      local shape, now = text.value(parameter.shape), there[parameter.name]
      if not now or text.value(now) ~= shape then
        core.fail(2, string.format("%s: %s is (%s) in %s and would be %s; expected what leaves "
          .. "parameters as they are, as STAGE.score=false", assignment, parameter.name, shape,
          path, now and "(" .. text.value(now) .. ")" or "gone"))
      end
      there[parameter.name] = nil
    end
    local more = next(there)
    if more then
      core.fail(2, string.format("%s: needs %s, which %s does not have", assignment, more, path))
    end
  end
  return config
end

-- A request of one checkpoint, with its config.
local function configured(session, request)
  if type(request) ~= "table" or type(request.checkpoint) ~= "string" then
    core.fail(2, "checkpoint: expected a string, found nothing")
  end
  return copy(request, { config = of_checkpoint(session, request.checkpoint) })
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

local raw_gradients = core.session_method "gradients"

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

-- Region features and words of Flickr30K, where no data say otherwise.
local ASSUMED_FEATURES <const>, ASSUMED_WORDS <const> = 2048, 8481

-- What a model is made of: its sizes and parameters, as C has them, beside the whole of its config.
local function description(of, config, assumed)
  for key, value in pairs(config:whole().model) do of[key] = value end
  of.assumed, of.trained, of.frozen = assumed, 0, 0
  for _, parameter in ipairs(of.parameters) do
    local kind = parameter.trained and "trained" or "frozen"
    of[kind] = of[kind] + parameter.count
  end
  of.total = of.trained + of.frozen
  return of
end

local function need_config(config)
  if not Config.is_config(config) then
    core.fail(2, "stepwise.config expected, as session:resolve gives it, found " .. type(config))
  end
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

  -- describe(config [, features, vocabulary]): what the model is made of: config:whole().model with
  -- {features =, vocabulary =, assumed = whether Flickr30K's stand in for one of these two,
  -- parameters = {{name =, shape =, count =, trained =}..}, trained =, frozen =, total =}
  describe = function(session, config, features, vocabulary)
    need_config(config)
    local function known(size) return size and size ~= 0 and size or nil end
    features, vocabulary = known(features), known(vocabulary)
    return description(core.model_of(session, config, features or ASSUMED_FEATURES,
      vocabulary or ASSUMED_WORDS), config, not (features and vocabulary))
  end,

  -- The same of a checkpoint.
  describe_checkpoint = function(session, path)
    local config = of_checkpoint(session, path)
    return description(core.model_of_checkpoint(session, path, config), config, false)
  end,

  -- words(config [, vocab]): how much of the train captions the vocabulary (that of a run, when it
  -- is named) and the GloVe file, where the config names one, cover, as in provenance.json.
  -- Everything is opened and checked as a run would.
  words = function(session, config, vocab)
    need_config(config)
    session:threads()
    local inputs <close> = core.inputs(config, test_sets.of_config(config.value), vocab)
    if config.value.data.glove ~= "" then inputs:read_glove() end
    return provenance.words(inputs:facts(), config)
  end,

  -- model(config [, checkpoint]): the model of a config with its data, as a run has it before its
  -- first step, or with the parameters of a checkpoint, whose vocab.json stands beside it
  model = function(session, config, checkpoint)
    need_config(config)
    session:threads()
    local vocab = checkpoint and (checkpoint:match("^(.*/)") or "") .. "vocab.json" or nil
    if vocab and not core.file_kind(vocab) then vocab = nil end
    local inputs = core.inputs(config, test_sets.of_config(config.value), vocab)
    return core.model(session, config, inputs, checkpoint)
  end,

  -- sources(config [, known]): the fingerprints of the data it reads, all splits of which are
  -- opened and have to fit. known: a list of stamps; all values of the splits that are not among
  -- them are read, and the stamps of all are the second result.
  sources = function(_, config, known)
    need_config(config)
    local inputs <close> = core.inputs(config, test_sets.of_config(config.value))
    local data = identity.data(config, inputs:facts())
    if not known then return data end
    local all <close> = core.session { plugin_path = "" } -- the config's may have one thread
    return data, provenance.check_values(all, inputs, known)
  end,

  -- The metrics for {checkpoints = {..}, data =, split =, vocab =, images =, folds =, sims =,
  -- all_dev_captions =, precaps =, ranks = the file that takes the rank of every query, changes
  -- = a list of "key=value" of the model that leave parameters as they are}, and coverage = a list
  -- of each checkpoint's (data/coverage.h).
  evaluate = function(session, request)
    local configs = {}
    for _, name in ipairs { "data", "split" } do
      if type(request[name]) ~= "string" then core.fail(2, name .. ": expected a string") end
    end
    if type(request.checkpoints) ~= "table" then core.fail(2, "checkpoints: expected a list") end
    for i, path in ipairs(request.checkpoints) do
      if type(path) ~= "string" then core.fail(2, "checkpoints: expected file names") end
      configs[i] = of_checkpoint(session, path)
      if request.changes then change(session, path, configs[i], request.changes) end
    end
    return query.evaluate(session, request, configs)
  end,

  -- Where it looks, for {checkpoint =, data =, split =, images =, vocab =, precaps =, image =,
  -- caption = or text =}; image is a name or a number, caption (0 when there is no text) one of its
  -- own. Gives {image =, id = its name or nil, caption =, text =, words = with <start> and <end>,
  -- unknown = those that count as <unk>, regions = k, boxes = nil or a list of {x1, y1, x2, y2},
  -- false for one that is none, score =, maps =, warnings = why names or boxes are not in use}. A
  -- map is what a stage shows, {name =, kind =, rows =, columns =, weights = rows of numbers}; its
  -- kind is "word" (n,k): where each word looks; "region" (k,n): which words each region looks at;
  -- "context" (1,k) or "context_words" (1,n): where one vector looks; or "other".
  explain = function(session, request)
    return query.explain(session, configured(session, request))
  end,

  -- A list of the same for all captions of `count` images (1) from number `first` (0) on; empty
  -- behind
  -- the last. For {checkpoint =, data =, split =, images =, vocab =, precaps =, first =, count =}.
  explain_captions = function(session, request)
    return query.explain_captions(session, configured(session, request))
  end,

  -- Ranks images for a sentence or captions for an image, for {checkpoint =, data =, split =,
  -- images =, vocab =, precaps =, text = or image =, top =, first =, count =}; first and count:
  -- only those images and their captions, as within a fold. Gives {ranks = "images" or "captions",
  -- among = how many, text =, words =, unknown = (of a sentence), image =, id = (of an image),
  -- results = the top best, own = what the data hold to belong together, wherever it ranks,
  -- warnings =}. A result is {rank = from 1, score =, image =, id =, caption = number of the
  -- image's own, text =, index = of the image or caption in the split, own =}. Of equal scores the
  -- higher index comes first.
  find = function(session, request)
    return query.find(session, configured(session, request))
  end,

  gradients = function(session, request)
    request = configured(session, request)
    request.config:override("margin=0.2") -- whatever it was trained with: comparisons rely on it
    return raw_gradients(session, request)
  end,

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

  -- train(config, run [, {resume =, keep_state =, keep_ranks =, command =, id =, known = a list of
  -- stamps}]): a trainer that writes to the run folder `run`, made by this call unless it resumes
  -- one; nothing is trained yet. keep_state: the state stays when the run is done, for more epochs.
  -- keep_ranks: the ranks of every dev evaluation stay. A run that is resumed may end elsewhere
  -- than it was to.
  train = function(session, config, run, options)
    need_config(config)
    session:threads() -- raises where it is closed
    local before = options and options.resume and check_folder(session, config, run) or nil
    return trainers.open(session, config, run, options, before)
  end,
}
