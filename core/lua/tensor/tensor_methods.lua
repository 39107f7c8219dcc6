-- tensor_methods.lua: what tensors do: arithmetic, slices, printing, gradients.
local core = require "stepwise.core"
local ops = require "stepwise.tensor.tensor_ops"

local apply, session = ops.apply, ops.session
local T, meta = core.class "tensor"

local M = {}

function M.is_tensor(x) return type(x) == "userdata" and getmetatable(x) == meta end
local is_tensor = M.is_tensor

local function fail(format, ...) core.fail(2, string.format(format, ...)) end

local function shape_text(x) return "(" .. table.concat({ x:shape() }, ",") .. ")" end

-- ---- arithmetic --------------------------------------------------------------------------------

local function same_shape(x, y)
  local a, b = { x:shape() }, { y:shape() }
  if #a ~= #b then return false end
  for d = 1, #a do if a[d] ~= b[d] then return false end end
  return true
end

local function add(x, y)
  if type(x) == "number" then x, y = y, x end
  if type(y) == "number" then return apply("affine", { f = { 1, y } }, x) end
  if same_shape(x, y) then return apply("add", nil, x, y) end
  if x:count() < y:count() then x, y = y, x end
  if y:count() == 1 then return apply("add_scalar", nil, x, y) end
  return apply("vec_bias", nil, x, y)
end

local function multiply(x, y)
  if type(x) == "number" then x, y = y, x end
  if type(y) == "number" then return apply("affine", { f = { y } }, x) end
  return apply("mul", nil, x, y)
end

local function need_tensors(symbol, f)
  return function(x, y)
    for _, one in ipairs { x, y } do
      if not is_tensor(one) and type(one) ~= "number" then
        fail("a tensor %s %s: expected a tensor or a number", symbol, type(one))
      end
    end
    return f(x, y)
  end
end

meta.__add = need_tensors("+", add)
meta.__mul = need_tensors("*", multiply)
meta.__unm = function(x) return multiply(x, -1) end
meta.__sub = need_tensors("-", function(x, y)
  if is_tensor(x) and is_tensor(y) and same_shape(x, y) then return apply("sub", nil, x, y) end
  return add(x, type(y) == "number" and -y or multiply(y, -1))
end)
meta.__div = need_tensors("/", function(x, y)
  if type(y) ~= "number" then fail "a tensor is divided by a number only" end
  return multiply(x, 1 / y)
end)
meta.__pow = function(x, power)
  if power ~= 2 then fail("a tensor ^ %s: only ^ 2 is there", tostring(power)) end
  return apply("square", nil, x)
end

-- Lists for people: rows as they stand, at most `most` of them and of their numbers.
local function rows_text(x, most)
  local columns = select(-1, x:shape())
  local lines = {}
  for r = 1, math.min(x:count() // columns, most) do
    local cells = {}
    for c = 1, math.min(columns, most) do
      cells[c] = string.format("%10.5g", x:get((r - 1) * columns + c))
    end
    lines[r] = table.concat(cells, " ") .. (columns > most and " .." or "")
  end
  if x:count() // columns > most then lines[#lines + 1] = "        .." end
  return table.concat(lines, "\n")
end

meta.__tostring = function(x)
  return "tensor " .. shape_text(x) .. "\n" .. rows_text(x, 8)
end

-- ---- methods -----------------------------------------------------------------------------------

-- reshape(d1, ..): the same numbers, and gradient, under another shape of the same count.
function T.reshape(x, ...)
  local count = 1
  for _, d in ipairs { ... } do count = count * d end
  if count ~= x:count() then
    fail("reshape: %s has %d numbers, not (%s)", shape_text(x), x:count(),
      table.concat({ ... }, ","))
  end
  return x:window(0, { ... })
end

-- rows(first, last): rows first to last, counted from 1; they share their numbers with x.
function T.rows(x, first, last)
  local shape = { x:shape() }
  last = last or first
  if math.type(first) ~= "integer" or math.type(last) ~= "integer" or first < 1 or last < first
    or last > shape[1] then
    fail("rows %s to %s of %s", tostring(first), tostring(last), shape_text(x))
  end
  local row = x:count() // shape[1]
  shape[1] = last - first + 1
  return x:window((first - 1) * row, shape)
end

-- item(): the number of a tensor of one.
function T.item(x)
  if x:count() ~= 1 then fail("item: %s has %d numbers", shape_text(x), x:count()) end
  return x:get(1)
end

-- table(): nested lists, as `of` takes them.
function T.table(x)
  local flat, shape = x:list(), { x:shape() }
  for d = #shape, 2, -1 do
    local joined = {}
    for i = 1, #flat, shape[d] do
      joined[#joined + 1] = table.move(flat, i, i + shape[d] - 1, 1, {})
    end
    flat = joined
  end
  return flat
end

-- What x was computed from, itself last.
local function ancestors(x)
  local order, state, stack = {}, {}, { x }
  while #stack > 0 do
    local at = stack[#stack]
    if state[at] then
      stack[#stack] = nil
      if state[at] == 1 then order[#order + 1], state[at] = at, 2 end
    else
      state[at] = 1
      for _, source in ipairs(at:sources() or {}) do
        if not state[source] then stack[#stack + 1] = source end
      end
    end
  end
  return order
end

-- backward([gradient]): adds to the gradient of every parameter that x was computed from; gradient:
-- that of x, 1 where none is given.
function T.backward(x, gradient)
  local order = ancestors(x)
  for _, one in ipairs(order) do
    local sources, shares = one:sources()
    if sources and not shares then one:clear_gradient() end -- a leaf sums its own
  end
  x:seed_gradient(gradient or 1)
  for i = #order, 1, -1 do order[i]:step_back() end
end

-- add_(scale, y): x becomes x + scale * y, in place.
function T.add_(x, scale, y)
  x:add_scaled(session(), scale, y)
  return x
end

-- ---- fields ------------------------------------------------------------------------------------

-- x[i] of one dimension is a number, of more the row i without its dimension, which shares numbers;
-- x.grad is the gradient.
function meta.__index(x, key)
  if key == "grad" then return x:gradient() end
  if math.type(key) ~= "integer" then return T[key] end
  local shape = { x:shape() }
  if #shape == 1 then return x:get(key) end
  return x:rows(key):reshape(table.unpack(shape, 2))
end

function meta.__newindex(x, key, value)
  if math.type(key) ~= "integer" then
    fail("a tensor has no field '%s' to set", tostring(key))
  elseif select("#", x:shape()) == 1 then
    x:set(key, value)
  elseif is_tensor(value) then
    x[key]:copy(value)
  else
    x[key]:fill(value)
  end
end

meta.__len = function(x) return (x:shape()) end

return M
