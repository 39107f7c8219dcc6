-- What definitions of a script may refer to, and what is told of parts that do not fit together.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local define = require "stepwise.config.define"
local script = require "stepwise.config.script"

local folder = unit.folder()

local function run(text)
  return script.run(unit.write(folder .. "/own.lua", text))
end

unit.test("constants of the compiler's are in the text of what refers to them", function()
  local function text_of(declared, body)
    run(string.format([[
local sw = require "stepwise"
%s
local function twice(x) return x * 2 * LEAST end
sw.define_stage { name = "fit", score = function(t) %s end }]], declared, body))
    local texts = {}
    for i, one in ipairs(define.known().list[1].functions) do texts[i] = one.text end
    return table.concat(texts, "\n")
  end
  local declared = [[
-- local LEAST <const> = 8
local LEAST <const> = 2 -- two
local REST <const>, KIND <const> = 1, "sum"
local MOST <const> = LEAST * 4 + 1
local ON <const> = false]]
  local text = text_of(declared, "return ON and KIND or t.KIND or MOST + t:twice(twice(1))")
  for _, part in ipairs { "LEAST <const> = 2;", 'KIND <const> = "sum";', "MOST <const> = 9;",
    "ON <const> = false;" } do
    unit.contains(text, part)
  end
  unit.equal(text_of(declared, "local MOST = 3 return MOST + t.ON"):find("<const>"), nil)
  unit.fails(2, { "own.lua", "'LEAST' is declared with two values before line" }, text_of,
    declared .. "\ndo\nlocal LEAST <const> = 3\nend", "return LEAST")
end)

unit.test("groups, dropout and the width of x serve blocks and prepare", function()
  local path = unit.write(folder .. "/groups.lua", [[
local sw = require "stepwise"
sw.define_block { name = "beside", options = { rate = 0.2 },
  parameters = { { "in", "2W", "W" }, { "out", "W", "2W" } },
  encode = function(e, x, options)
    local y = e:group("attention", { x, x, x }, { i = { 1 } })
    return x + e:dropout(e:linear(e:relu(e:linear(y, e:parameter "in")), e:parameter "out"),
      options.rate)
  end }
sw.define_stage { name = "globals",
  prepare = function(b)
    local image = b:group("mean", { b.regions }, "regions")
    return { image = b:input_group("regions", image),
      text = b:input_group("words", b:group("max", { b:dropout(b.words, 0.1) }, "words")) }
  end,
  score = function(t, _, p)
    return t:cosine(t:explicit_vectors(t:input(p.image)), t:explicit_vectors(t:input(p.text)))
  end }
]])
  local status, said = unit.program { "plugins", "--check", path }
  unit.equal(status, 0, said)
  unit.contains(said, "block beside: trains")
  unit.contains(said, "stage globals: trains")
end)

unit.test("a stage that takes the other side's mask, or none, is told before it trains", function()
  local function reduced(max, mean)
    return run(string.format([[
local sw = require "stepwise"
sw.define_stage { name = "fit",
  prepare = function(b) return { c = b:input_product(b.regions, b.words) } end,
  score = function(t, _, p) return %s end }
return sw.experiment { model = { dim = 8, stages = { "fit" } } }
]], string.format(mean, string.format(max, "t:input(p.c)"))))
  end
  local max, mean = "t:masked('lane_max', %s, 'regions')", "t:mean(%s, 'words')"
  reduced(max, mean)
  unit.fails(nil, { "own.lua:4: lane_max: shapes do not match", "(3,2,16),(1,3,16)" }, reduced,
    max:gsub("regions", "words"), mean)
  unit.fails(nil, { "own.lua:4: lane_mean: shapes do not match" }, reduced, max,
    mean:gsub("words", "regions"))
  unit.fails(nil, "leaves out the mask of the words", reduced, max, "t:apply('lane_mean', { %s })")
end)

unit.test("pooled vectors of two widths are told by their widths", function()
  for _, stage in ipairs { "dot", "order" } do
    unit.fails(nil, { "stage " .. stage, "found 4 numbers per image and 8 per caption" }, run,
      string.format([[
local sw = require "stepwise"
sw.define_pool { name = "half",
  pool = function(e, x) return e:group("mean", { e:columns(x, 0, 4) }) end }
return sw.experiment { model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    pool = { image = "half", text = "mean" }, stages = { "%s" } } }]], stage))
  end
end)

-- Scoring lays regions out once per matrix: two products of different ones must not share.
unit.test("two products of different regions score as the tape has them", function()
  local path = unit.write(folder .. "/two.lua", [[
local sw = require "stepwise"
sw.define_stage { name = "two", parameters = { { "first", "D", "D" }, { "second", "D", "D" } },
  prepare = function(b)
    local function fit(name)
      return b:input_product(b:linear(b.regions, b:parameter(name)), b.words)
    end
    return { first = fit "first", second = fit "second" }
  end,
  score = function(t, _, p)
    local choice = t:softmax(t:input(p.first), "regions", 4)
    return t:mean(t:rowdot(choice, t:input(p.second)), "words")
  end }
]])
  local status, said = unit.program { "plugins", "--check", path }
  unit.equal(status, 0, said)
  unit.contains(said, "stage two: trains")
end)

unit.finish()
