-- Configs and results go through this.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"

local function round(text)
  return sw.json_encode(sw.json_decode(text))
end

unit.test("what is read is written again the same", function()
  for _, text in ipairs { "[]", "{}", "null", "[1,2,3]", "true", '"a\\u0001b"', "-0.5", "[[],{}]",
    '{"a":{"b":[{"c":null}]}}', "9007199254740993", '"\\u00e9"' } do
    unit.equal(sw.json_encode(sw.json_decode(round(text))), round(text), text)
  end
  unit.equal(round "9007199254740993", "9007199254740993")
  unit.equal(round "[]", "[]")
  unit.equal(round "{}", "{}")
end)

unit.test("numbers keep their kind and at most 15 digits", function()
  unit.equal(math.type(sw.json_decode("1")), "integer")
  unit.equal(math.type(sw.json_decode("1.0")), "float")
  unit.equal(sw.json_encode(0.1), "0.1")
  unit.equal(sw.json_encode(2e-4), "0.0002")
end)

unit.test("keys are sorted, so that equal tables give equal text", function()
  unit.equal(sw.json_encode { b = 1, a = 2, c = { z = 1, y = 2 } },
    '{"a":2,"b":1,"c":{"y":2,"z":1}}')
end)

unit.test("an empty list stays a list when it is marked", function()
  unit.equal(sw.json_encode { rows = sw.json_array {} }, '{"rows":[]}')
end)

unit.test("what has no JSON form is refused and says where", function()
  unit.fails(2, { "a: [2]", "not finite" }, sw.json_encode, { a = { 1, 0 / 0 } })
  unit.fails(2, "function", sw.json_encode, { f = print })
  unit.fails(2, "mixes", sw.json_encode, { 1, 2, x = 3 })
  unit.fails(2, "not UTF-8", sw.json_encode, { "\xff" })
  unit.fails(2, "not UTF-8", sw.json_encode, { ["\xff"] = 1 })
  unit.fails(2, "zero byte", sw.json_encode, { ["a\0b"] = 1 })
  unit.fails(2, "key", sw.json_encode, { [1.5] = 1 })
  local loop = {}
  loop.loop = loop
  unit.fails(2, "deep", sw.json_encode, loop)
end)

unit.test("broken JSON is refused with its line", function()
  unit.fails(1, "line 2", sw.json_decode, '{"a": 1,\n oops}')
  unit.fails(1, "duplicate", sw.json_decode, '{"a": 1, "a": 2}')
  unit.fails(1, "JSON", sw.json_decode, "")
  unit.fails(1, "JSON", sw.json_decode, ("["):rep(100000))
end)

unit.finish()
