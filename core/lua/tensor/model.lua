-- model.lua: a model by hand: its weights as tensors, scores and losses with gradients, encodings,
-- attention. Images and captions are numbered from 0, as on the command line.
local core = require "stepwise.core"
require "stepwise.tensor.tensor_methods"

local M, meta = core.class "model"

local function fail(format, ...) core.fail(2, string.format(format, ...)) end

-- The weights of each model: {list, [name] = tensor}.
local known = setmetatable({}, { __mode = "k" })

local function weights_of(model)
  local found = known[model]
  if found then return found end
  found = { names = {}, by_name = {} }
  while true do
    local name, tensor = model:parameter(#found.names + 1)
    if not name then break end
    found.names[#found.names + 1], found.by_name[name] = name, tensor
  end
  found.table = setmetatable({}, {
    __index = function(_, name)
      if found.by_name[name] then return found.by_name[name] end
      fail("no weight '%s'%s", tostring(name), core.suggest(tostring(name), found.names))
    end,
    __newindex = function(weights, name, value) weights[name]:copy(value) end,
    __pairs = function()
      local i = 0
      return function()
        i = i + 1
        return found.names[i], found.by_name[found.names[i]]
      end
    end,
  })
  known[model] = found
  return found
end

-- parameters(): the trained ones as a list of tensors, and a list of their names
function M.parameters(model)
  local found, tensors, names = weights_of(model), {}, {}
  for _, name in ipairs(found.names) do
    if found.by_name[name].grad then
      tensors[#tensors + 1], names[#names + 1] = found.by_name[name], name
    end
  end
  return tensors, names
end

local function start(model, captions, options)
  options = options or {}
  model:begin(options.split or "train", captions, options.training ~= false, options.step or 0)
  return options
end

-- scores(captions [, {split =, training =, step =}]): S (B,B) of a batch, these captions (columns)
-- each with its image (rows), with gradients; training = false: without dropout; step: of the run,
-- for its random numbers. Its backward comes before the next batch.
function M.scores(model, captions, options)
  start(model, captions, options)
  return model:batch_scores()
end

-- loss(captions [, {epoch =, split =, training =, step =}]): the losses of the config, (1), summed
-- over such a batch; epoch: from 0
function M.loss(model, captions, options)
  return model:batch_loss(start(model, captions, options).epoch or 0)
end

local function range(list, most, what)
  local first, last = 0, most - 1
  if list then first, last = list[1], list[2] or list[1] end
  if math.type(first) ~= "integer" or math.type(last) ~= "integer" or first < 0 or last < first
    or last >= most then
    fail("%s: expected a first and a last one of 0 to %d", what, most - 1)
  end
  return first, last - first + 1
end

-- similarities([{split =, images = {first, last}, captions = {first, last}}]): scores (I,C) of all
-- pairs of these, or of the whole split (dev where none is named), without gradients
function M.similarities(model, options)
  options = options or {}
  local split = options.split or "dev"
  local images, captions = model:sizes(split)
  local image, image_count = range(options.images, images, "images")
  local caption, caption_count = range(options.captions, captions, "captions")
  return model:matrix(split, image, image_count, caption, caption_count)
end

local function one(number, what)
  if math.type(number) ~= "integer" or number < 0 then
    fail("%s: expected a number from 0, found %s", what, tostring(number))
  end
  return number
end

-- encode{image = number} or encode{caption = number}, split =: the regions (k,D) of an image, or
-- the words (n,D) of a caption, as the encoders leave them
function M.encode(model, of)
  local split = of.split or "dev"
  if (of.image == nil) == (of.caption == nil) then
    fail "encode: expected either an image or a caption"
  elseif of.image then
    return model:fragments(split, one(of.image, "image"), 1, 0, 0)
  end
  return model:fragments(split, 0, 0, one(of.caption, "caption"), 1)
end

-- attention{image = number, caption = number, split =}: what the stages show of the pair, {[name] =
-- weights (rows,columns)}
function M.attention(model, of)
  return model:shown(of.split or "dev", one(of.image, "image"), 1, one(of.caption, "caption"), 1)
end

-- model.weights: {[name] = tensor}, which are read and written in place.
function meta.__index(model, key)
  if key == "weights" then return weights_of(model).table end
  return M[key]
end

return M
