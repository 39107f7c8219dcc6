-- init.lua: the module that `require "stepwise"` gives.
local core = require "stepwise.core"
local define = require "stepwise.config.define"
local keys = require "stepwise.config.config_keys"
local describe = require "stepwise.config.describe"
local design = require "stepwise.config.design"
local scenes = require "stepwise.scenes.scenes_folder"
require "stepwise.config.sessions"

return {
  version = core.version, -- of this program, "0.1.0"
  -- descriptions, for experiment scripts
  stage = core.wrap(describe.stage),
  embedding = core.wrap(describe.embedding),
  fusion = core.wrap(describe.fusion),
  block = core.wrap(describe.block),
  pool = core.wrap(describe.pool),
  loss = core.wrap(describe.loss),
  experiment = core.wrap(describe.experiment),
  table = core.wrap(describe.table),
  ablation = core.wrap(design.ablation),
  without = core.wrap(design.without),
  load = core.wrap(describe.load),
  define_stage = core.wrap(define.stage),
  define_fusion = core.wrap(define.fusion),
  define_block = core.wrap(define.block),
  define_pool = core.wrap(define.pool),
  define_loss = core.wrap(define.loss),
  -- sessions: configs, training, evaluation, inspection
  session = core.session,
  config_keys = function() return keys end, -- every key but the model's: see config_keys.lua
  -- data
  dataset = core.dataset,
  scenes = core.wrap(scenes.write),
  scenes_defaults = scenes.defaults, -- the options of scenes, each with its default
  is_generated = core.is_generated,
  tokenize = core.tokenize,
  -- help for tools
  json_encode = core.json_encode,
  json_decode = core.json_decode,
  json_array = core.json_array,
  json_null = core.json_null, -- what stands for null in tables
  near_miss = core.near_miss,
  statistics = require "stepwise.results.statistics", -- functions on lists of numbers, below
}
