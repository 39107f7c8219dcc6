-- Tensors in Lua: numbers, arithmetic, every operation's gradient, and what is refused.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local T = require "stepwise.tensor"

local session = sw.session { threads = 1, plugin_path = "" }
T.use(session)

local function text(x) return sw.json_encode(x:table()) end

unit.test("a tensor has the numbers of its lists, by rows", function()
  local x = T.of { { 1, 2, 3 }, { 4, 5, 6 } }
  unit.equal(table.concat({ x:shape() }, ","), "2,3")
  unit.equal(x[2][3], 6)
  unit.equal(text(x), "[[1.0,2.0,3.0],[4.0,5.0,6.0]]")
  unit.equal(text(T.of(x:table())), text(x))
  x[1][2] = 7
  x[2] = 0
  unit.equal(text(x), "[[1.0,7.0,3.0],[0.0,0.0,0.0]]")
  unit.equal(text(x:rows(1)), "[[1.0,7.0,3.0]]")
  unit.equal(text(x:reshape(3, 2)), "[[1.0,7.0],[3.0,0.0],[0.0,0.0]]")
  unit.contains(tostring(x), "tensor (2,3)")
  unit.equal(#x, 2)
end)

unit.test("tensors come from .npy files and go there", function()
  local x = T.randn(1, 3, 4)
  local path = unit.folder() .. "/x.npy"
  x:save(path)
  unit.equal(text(T.npy(path)), text(x))
  unit.fails(1, "none.npy", T.npy, unit.folder() .. "/none.npy")
  unit.fails(1, "x.txt", T.npy, unit.write(unit.folder() .. "/x.txt", "no array"))
end)

unit.test("arithmetic is number by number, with numbers, rows and single numbers", function()
  local x, y = T.of { { 1, 2 }, { 3, 4 } }, T.of { { 5, 6 }, { 7, 8 } }
  unit.equal(text(x + y), "[[6.0,8.0],[10.0,12.0]]")
  unit.equal(text(y - x), "[[4.0,4.0],[4.0,4.0]]")
  unit.equal(text(x * y), "[[5.0,12.0],[21.0,32.0]]")
  unit.equal(text(2 * x - 1), "[[1.0,3.0],[5.0,7.0]]")
  unit.equal(text(1 - x), "[[0.0,-1.0],[-2.0,-3.0]]")
  unit.equal(text(x / 2), "[[0.5,1.0],[1.5,2.0]]")
  unit.equal(text(x ^ 2), "[[1.0,4.0],[9.0,16.0]]")
  unit.equal(text(x + T.of { 10, 20 }), "[[11.0,22.0],[13.0,24.0]]")
  unit.equal(text(x + T.of(1)), "[[2.0,3.0],[4.0,5.0]]")
  unit.equal(text(T.matmul(x, y)), "[[19.0,22.0],[43.0,50.0]]")
  unit.equal(T.sum(x):item(), 10)
  unit.equal(T.mean(x):item(), 2.5)
end)

-- The gradient of sum of f(x)^2 against differences.
local function check_gradient(x, f)
  local function loss() return T.sum(f(x) ^ 2) end
  x:clear_gradient()
  loss():backward()
  local found, h = x.grad:list(), 1e-2
  for i = 1, x:count() do
    local at = x:get(i)
    x:set(i, at + h)
    local up = loss():item()
    x:set(i, at - h)
    local down = loss():item()
    x:set(i, at)
    unit.near(found[i], (up - down) / (2 * h), 2e-2 * (1 + math.abs(found[i])), "number " .. i)
  end
end

unit.test("gradients go through operations, views, tensors used twice and long chains", function()
  local x, w = T.parameter(T.randn(1, 4, 3)), T.randn(2, 2, 3)
  check_gradient(x, function(v) return T.sigmoid(T.linear(v, w)) end)
  check_gradient(x, function(v) return T.tanh(v:reshape(3, 4)) end)
  check_gradient(x, function(v) return v:rows(2, 3) * v:rows(3, 4) + v:rows(2, 3) end)
  check_gradient(x, function(v) return (v * v - 2 * v) / 3 end)
  check_gradient(x, function(v)
    local a = T.l2norm(v)
    return T.concat(a, a + v):reshape(8, 3):rows(1, 7)
  end)
  local long = x
  for _ = 1, 2000 do long = long + 0.001 end
  x:clear_gradient()
  T.sum(long):backward()
  unit.equal(x.grad:get(5), 1)
end)

unit.test("gradients add up until they are cleared, and a second backward is the same", function()
  local x = T.parameter { 1, 2 }
  local loss = T.sum(x ^ 2)
  loss:backward()
  loss:backward()
  unit.equal(text(x.grad), "[4.0,8.0]")
  x:clear_gradient()
  loss:backward(3)
  unit.equal(text(x.grad), "[6.0,12.0]")
  unit.equal(T.of({ 1 }).grad, nil)
end)

unit.test("operations that take words, groups and pairs take them from lists", function()
  local table_ = T.parameter(T.randn(3, 4, 2))
  local words = T.embedding(table_, { p = T.ids { 3, 0, 3 } })
  unit.equal(text(words:rows(2)), text(table_:rows(1)))
  T.sum(words):backward()
  unit.equal(text(table_.grad), "[[1.0,1.0],[0.0,0.0],[0.0,0.0],[2.0,2.0]]")
  local D = { T.xavier(1, 6, 2), T.xavier(2, 6, 2), T.zeros(6), T.zeros(6) }
  local read = T.bigru(words, D[1], D[2], D[3], D[4], D[1], D[2], D[3], D[4],
    { p = T.groups { 2, 1 } })
  unit.equal(table.concat({ read:shape() }, ","), "3,2")
  local scores = T.of { { 0.5, 0.4 }, { 0.1, 0.3 } }
  unit.near(T.hinge(scores, { margin = 0.2 }):item(), 0.1 + 0 + 0 + 0.3, 1e-6)
  unit.equal(T.hinge(scores, { images = { 7, 7 } }):item(), 0)
end)

unit.test("every operation that takes a structure takes one from Lua, or says that it cannot",
  function()
    local x, groups = T.zeros(3, 2), T.groups { 2, 1 }
    unit.equal(text(T.group_mean(T.of { { 1 }, { 3 }, { 5 } }, { p = groups })), "[[2.0],[5.0]]")
    for _, op in ipairs(session:ops()) do
      local fine, problem = pcall(T.apply, op.name, { p = groups }, x)
      if op.doc:find "p: " and not fine then
        unit.equal(tostring(problem):find "p: expected none", nil, op.name)
      end
    end
  end)

unit.test("a regression by hand finds its line, by Adam and by plain steps", function()
  local x = T.randn(5, 64, 1)
  local y = T.no_grad(function() return 3 * x - 0.5 end)
  for name, lr in pairs { adam = 0.1, sgd = 0.1 } do
    local w, b = T.parameter { { 0 } }, T.parameter { 0 }
    local optimiser = T[name]({ w, b }, { lr = lr })
    for _ = 1, 300 do
      local loss = T.mean((T.linear(x, w, b) - y) ^ 2)
      optimiser.zero()
      loss:backward()
      optimiser.step()
    end
    unit.near(w:item(), 3, 1e-2, name)
    unit.near(b:item(), -0.5, 1e-2, name)
  end
end)

unit.test("the collector counts and frees what tensors take", function()
  local before = collectgarbage "count"
  for _ = 1, 200 do T.zeros(1024, 1024) end -- 800 MB
  unit.equal(collectgarbage "count" < before + 300 * 1024, true)
  local x = T.zeros(1024, 1024)
  collectgarbage()
  unit.equal(collectgarbage "count" > before + 4000, true)
  unit.equal(x:count(), 1024 * 1024)
end)

unit.test("what does not fit is refused in one line that names shapes", function()
  local x, y = T.zeros(2, 3), T.zeros(4, 5)
  unit.fails(1, { "linear", "(2,3),(4,5)", "check_tensor.lua:" },
    function() return (T.linear(x, y)) end)
  unit.fails(1, { "mul", "(2,3),(4,5)" }, function() return x * y end)
  unit.fails(1, { "linear: takes 2 to 3 inputs", "got 1" }, T.linear, x)
  unit.fails(2, { "no operation 'sigmoi'", "sigmoid" }, T.sigmoi, x)
  unit.fails(2, "expected a tensor or a number", function() return x + "a" end)
  unit.fails(2, "by a number only", function() return x / y end)
  unit.fails(2, "rows of equal length", T.of, { { 1, 2 }, { 3 } })
  unit.fails(2, "rows of equal length", T.of, { { 1 }, 3 })
  unit.fails(2, "expected a number, found string", T.of, { "a" })
  unit.fails(2, "a shape", T.zeros)
  unit.fails(2, "a shape", T.zeros, 1, 2, 3, 4, 5)
  unit.fails(2, "whole numbers from 1", T.zeros, 0)
  unit.fails(2, "whole numbers from 1", T.zeros, 1.5)
  unit.fails(2, "too large", T.zeros, 2 ^ 31 - 1 | 0, 2 ^ 31 - 1 | 0, 2 ^ 31 - 1 | 0)
  unit.fails(2, "has 6 numbers", x.reshape, x, 7)
  unit.fails(2, "rows 2 to 3", x.rows, x, 2, 3)
  unit.fails(2, "expected a number of 1 to 3", function() return x[1][4] end)
  unit.fails(2, "nothing that it was computed from", T.sum(x).backward, T.sum(x))
  unit.fails(2, "another structure", T.embedding, x, { p = T.groups { 1 } })
  unit.fails(2, "p: expected none", T.sigmoid, x, { p = T.ids { 1 } })
  unit.fails(1, "embedding", T.embedding, x)
  unit.fails(1, "embedding", T.embedding, x, { p = T.ids { 2 } })
  unit.fails(2, "whole numbers", T.columns, x, { i = { 0.5, 1 } })
  unit.fails(1, "columns", T.columns, x, { i = { -1, 2 } })
  unit.fails(2, "takes no gradient", T.adam, { x })
end)

unit.test("a backward over numbers that were overwritten, or without its session, is refused",
  function()
    local x = T.parameter { 1, 2 }
    local loss = T.sum(x ^ 2)
    x[1] = 5
    unit.fails(2, { "input 1 of square", "written to" }, loss.backward, loss)
    local own = sw.session { threads = 1, plugin_path = "" }
    T.use(own)
    loss = T.sum(x ^ 2)
    own:close()
    T.use(session)
    unit.fails(2, "the session is closed", loss.backward, loss)
    unit.fails(2, "the session is closed", T.use, own)
  end)

unit.test("no_grad forms no gradients, also after an error in it", function()
  local x = T.parameter { 1, 2 }
  unit.equal(T.no_grad(function() return x * 2 end).grad, nil)
  unit.fails(nil, "oh", T.no_grad, function() error "oh" end)
  unit.equal((x * 2).grad ~= nil, true)
end)

unit.finish()
