-- Pickles of Python, NumPy and PyTorch (tests/golden/make_pickles.py) as Lua values: what is read
-- of them is what import and import-weights go by; nothing of them is ever called.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"

local function pickled(name)
  return unit.read(unit.source .. "/tests/golden/pickles/" .. name .. ".pkl")
end

local function unpickle(name)
  local bytes = pickled(name)
  local value, used = core.unpickle(bytes, name)
  unit.equal(used, #bytes, "bytes of the pickle")
  return value
end

unit.test("containers, texts and numbers; a key that is no name is left out", function()
  local value = unpickle "plain"
  unit.equal(value.real, 1.5)
  unit.equal(value.yes, true)
  unit.equal(value.none, core.json_null)
  unit.equal(table.concat(value.list, " "), "1 2")
  unit.equal(table.concat(value.tuple, " "), "x y")
  unit.equal(value[7], "seven")
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  unit.equal(count, 6)
end)

unit.test("an array is numbers, one of objects a list", function()
  local array = unpickle "array"
  unit.equal(table.concat(array:shape(), " "), "1 3")
  unit.equal(array:dtype(), "float32")
  local objects = unpickle "objects"
  unit.equal(objects[1].a, 1)
  unit.equal(objects[2], "x")
end)

unit.test("a tensor says where in which storage it lies", function()
  local tensor = unpickle "tensor"
  unit.equal(tensor.dtype, "float32")
  unit.equal(table.concat(tensor.shape, " "), "2 2")
  unit.equal(table.concat(tensor.strides, " "), "3 1")
  unit.equal(tensor.offset, 1)
  unit.equal(tensor.elements, 6)
  unit.equal(tensor.storage, "0")
end)

unit.test("what is none of these is refused by its name, and a cut pickle by its place", function()
  unit.fails(1, { "dates", "numpy.ndarray", "<M8" }, unpickle, "dates")
  unit.fails(1, { "date", "datetime.date" }, unpickle, "date")
  local whole = pickled "tensor"
  for length = 0, #whole - 1 do
    unit.fails(1, "cut", core.unpickle, whole:sub(1, length), "cut")
  end
end)

-- Written by hand, in the first protocol: what an older Python wrote, and what nobody did.
unit.test("a dict of pairs is read; what fits no rule is refused in one line", function()
  local dict = "ccollections\nOrderedDict\n"
  unit.fails(1, "list of pairs", core.unpickle, dict .. "((lI1\natR.", "number")
  local pairs_of = core.unpickle(dict .. "((l(S'a'\nI1\nta(S'b'\nI2\ntatR.", "pairs")
  unit.equal(pairs_of.a, 1)
  unit.equal(pairs_of.b, 2)
  unit.fails(1, "names a storage", core.unpickle, "\x80\x02I7\nQ.", "storage")
  unit.fails(1, "a storage", core.unpickle, "\x80\x02(I7\ntQ.", "storage")
  unit.fails(1, "dtype", core.unpickle, "cnumpy\ndtype\n(S'" .. ("f"):rep(17)
    .. "'\nI0\nI1\ntR.", "dtype")
end)

unit.finish()
