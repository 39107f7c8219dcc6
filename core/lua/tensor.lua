-- tensor.lua: what `require "stepwise.tensor"` gives: tensors with gradients, every operation by
-- its name, arithmetic, optimisers. Numbers are float32, row by row; the collector frees them.
local core = require "stepwise.core"

local methods = require "stepwise.tensor.tensor_methods"
local ops = require "stepwise.tensor.tensor_ops"

local M = {
  use = ops.use,
  apply = ops.apply,
  no_grad = ops.no_grad,
}
local apply, session, is_tensor = ops.apply, ops.session, methods.is_tensor

-- is_tensor(x): whether it is one
function M.is_tensor(x) return methods.is_tensor(x) end

local function fail(format, ...) core.fail(2, string.format(format, ...)) end

-- ---- making them ------------------------------------------------------------------------------

-- The shape of nested lists, and their numbers in order into `flat`.
local function flatten(list, depth, shape, flat)
  if type(list) ~= "table" then
    flat[#flat + 1] = list
    return
  end
  if not shape[depth] then
    shape[depth] = #list
  elseif shape[depth] ~= #list then
    fail("expected rows of equal length, found %d numbers beside %d", #list, shape[depth])
  end
  for _, one in ipairs(list) do
    if (type(one) == "table") ~= (type(list[1]) == "table") then
      fail "expected rows of equal length, found a number beside a list"
    end
    flatten(one, depth + 1, shape, flat)
  end
end

-- of(numbers): a tensor of a list of numbers, of lists of such lists, or of one number.
function M.of(numbers)
  local shape, flat = {}, {}
  flatten(type(numbers) == "table" and numbers or { numbers }, 1, shape, flat)
  local x = core.tensor(shape)
  x:assign(flat)
  return x
end

-- zeros(d1, ..): zeros of that shape.
function M.zeros(...) return core.tensor { ... } end

-- full(number, d1, ..): the same number everywhere.
function M.full(number, ...) return core.tensor { ... }:fill(number) end

-- randn(seed, d1, ..): random numbers of mean 0 and deviation 1; a seed gives the same ones
-- anywhere.
function M.randn(seed, ...) return core.tensor { ... }:draw(seed, 0, 1) end

-- npy(path): the array of a .npy file, as float32.
function M.npy(path) return core.tensor_npy(path) end

-- parameter(x): the same numbers in a tensor that takes a gradient.
function M.parameter(x)
  if not is_tensor(x) then x = M.of(x) end
  return core.tensor({ x:shape() }, true):copy(x)
end

-- xavier(seed, rows, columns): a parameter of U(-b, b), b = sqrt(6 / (rows + columns)).
function M.xavier(seed, rows, columns)
  return core.tensor({ rows, columns }, true):draw(seed, 0, math.sqrt(6 / (rows + columns)), true)
end

-- ids(list): word ids from 0, as operations take them beside tensors: { p = ids }
function M.ids(list) return core.tensor_structure("ids", list) end
-- groups(list): how many rows each group has, end to end
function M.groups(list) return core.tensor_structure("groups", list) end
-- pairs_of(list): the image of each pair, from 0
function M.pairs_of(list) return core.tensor_structure("pairs", list) end

-- ---- operations --------------------------------------------------------------------------------

local function split_arguments(...)
  local inputs = table.pack(...)
  local args = inputs[inputs.n]
  if type(args) == "table" then inputs.n = inputs.n - 1 else args = nil end
  return args, inputs
end

-- A name that this module lacks is an operation's: linear(x, w [, b]), sigmoid(x), ..; the last
-- argument may be a table of args.
setmetatable(M, { __index = function(_, name)
  if type(name) ~= "string" then return nil end
  return function(...)
    local args, inputs = split_arguments(...)
    return apply(name, args, table.unpack(inputs, 1, inputs.n))
  end
end })

-- matmul(x, y): (N,K) by (K,M) -> (N,M)
function M.matmul(x, y) return apply("linear_back", nil, x, y) end

-- sum(x): of all numbers, (1)
function M.sum(x)
  local n = x:count()
  return apply("linear", nil, x:reshape(1, n), M.full(1, 1, n)):reshape(1)
end
-- mean(x): of all numbers, (1)
function M.mean(x) return M.sum(x) * (1 / x:count()) end

-- hinge(scores, {margin = 0.2, negatives = "hardest" or "all", images = of each pair, views = 1}):
-- eq. 17, (1); with images, pairs of the same image are no negatives; with views, so many pairs in
-- succession are one sample, whose worst pair counts.
function M.hinge(scores, options)
  options = options or {}
  local negatives = options.negatives or "hardest"
  if negatives ~= "hardest" and negatives ~= "all" then
    fail("hinge: negatives: expected hardest or all, found %s", tostring(negatives))
  end
  return apply("hinge", { f = { options.margin or 0.2 },
    i = { negatives == "all" and 1 or 0, options.images and 1 or 0, options.views or 1 },
    p = options.images and M.pairs_of(options.images) }, scores)
end

-- ---- optimisers --------------------------------------------------------------------------------

local function optimiser(step, clear)
  return { step = step, zero = clear }
end

-- adam(parameters, {lr =, clip =}): of a list of tensors, or of a model: optimiser.step([lr])
-- updates them and gives the norm of the gradient, optimiser.zero() clears the gradients. clip: the
-- norm counts as at most this.
function M.adam(parameters, options)
  local adam = core.tensor_adam(parameters)
  options = options or {}
  return optimiser(function(lr)
    return adam:step(session(), lr or options.lr or 1e-3, options.clip)
  end, function() adam:clear() end)
end

-- sgd(parameters, {lr =}): the same by plain steps.
function M.sgd(parameters, options)
  options = options or {}
  return optimiser(function(lr)
    for _, x in ipairs(parameters) do x:add_(-(lr or options.lr or 0.01), x.grad) end
  end, function()
    for _, x in ipairs(parameters) do x:clear_gradient() end
  end)
end

return M
