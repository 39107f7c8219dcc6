-- When training says that its dev evaluations take too long, and what it advises.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local share = require "stepwise.run.evaluation_share"

unit.test("an evaluation of more than a tenth of the training between two is told", function()
  unit.equal(share.advice(400, 1000, 1, 2000), "the dev evaluation took 6 min 40 s, 40 % of the "
    .. "time of the 1,000 steps between two; eval_every=4000 or dev_images=1000 makes it a tenth")
  unit.equal(share.advice(100, 1000, 1, 2000), nil, "a tenth")
  unit.equal(share.advice(101, 1000, 1, 2000) ~= nil, true, "just above")
end)

unit.test("what it advises is taken as a tenth", function()
  for _, seconds in ipairs { 150, 777, 20000 } do
    local line = share.advice(seconds, 700, 1.5, 5000)
    local every = math.tointeger(line:match("eval_every=(%d+)"))
    local images = math.tointeger(line:match("dev_images=(%d+)"))
    unit.equal(share.advice(seconds, every, 1.5, 5000), nil)
    unit.equal(share.advice(seconds * (images / 5000) ^ 2, 700, 1.5, images), nil)
  end
end)

unit.test("short evaluations, and runs without a time, are nobody's concern", function()
  unit.equal(share.advice(9, 10, 0.1, 50), nil)
  unit.equal(share.advice(100, 10, 0, 50), nil)
end)

unit.finish()
