-- Stages and fusions that a script defines: the same bits as in C, kept in the run, and what a
-- wrong one is told.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local define = require "stepwise.config.define"
local json_text = require "stepwise.config.json_text"
local describe = require "stepwise.config.describe"
local script = require "stepwise.config.script"

local folder = unit.folder()
local data = folder .. "/scenes"
sw.scenes(data, { train = 24, dev = 8, test = 8, regions = 4, features = 16, word_dim = 6 })

local session, two = sw.session { threads = 1 }, sw.session { threads = 2 }

local function run(text, name)
  return script.run(unit.write(folder .. "/" .. (name or "own.lua"), text))
end

-- Trains the config for a few steps; what metrics.tsv and the ranks say, without the time.
local function train(config, name, on)
  config:override("data.dir=" .. data)
  local trainer <close> = (on or session):train(config, folder .. "/" .. name, {})
  repeat until trainer:next().kind == "done"
  local rows = unit.read(folder .. "/" .. name .. "/metrics.tsv"):gsub("\t[^\t\n]*\n", "\n")
  return rows .. unit.read(folder .. "/" .. name .. "/ranks-dev.npy")
end

local function in_c()
  run("return 1") -- no definitions
  return session:resolve {
    model = { dim = 8, embedding = { plugin = "random", word_dim = 6 }, stages = { "l2l", "g2l" } },
    train = { batch = 16, epochs = 2, lr = 1e-3 },
  }
end

local function in_lua()
  return describe.resolved(script.run(unit.source .. "/tests/lua/defined_shan.lua"))
end

unit.test("SHAN's stages and its gate in Lua give the bits of those in C, at any thread count",
  function()
    for i, changes in ipairs { {}, { "direction=t2i" }, { "direction=i2t",
      "l2l.attention_norm=clipped_l2norm", "l2l.reduce=sum" } } do
      local c, lua = in_c(), in_lua()
      unit.equal(#lua.value.model.defined, 3)
      unit.equal(c.value.model.defined, nil)
      for _, change in ipairs(changes) do
        c:override(change)
        lua:override(change)
      end
      local expected = train(c, "c" .. i)
      unit.equal(train(lua, "lua" .. i) == expected, true, "one thread")
      unit.equal(train(lua, "two" .. i, two) == expected, true, "two threads")
    end
  end)

unit.test("the plugins of a run are not those whose names it defines itself", function()
  local function names(config)
    local result = {}
    for name in pairs(config:plugins()) do result[name] = true end
    return result
  end
  local c, lua = names(in_c()), names(in_lua())
  for _, name in ipairs { "l2l", "g2l", "gate" } do
    unit.equal(c[name], true, name)
    unit.equal(lua[name], nil, name)
  end
  unit.equal(lua.random, true)
end)

unit.test("a pooling is a plugin of the run beside a stage of its name from the script", function()
  local config = describe.resolved(run([[
local sw = require "stepwise"
sw.define_stage { name = "max",
  prepare = function(b) return { fit = b:input_product(b.regions, b.words) } end,
  score = function(t, _, p)
    local fit = t:input(p.fit)
    return t:mean(t:rowdot(t:softmax(fit, "regions", 9), fit), "words")
  end }
return sw.experiment { model = { dim = 8, pool = "max", stages = { "max", "dot" },
  embedding = sw.embedding "random" { word_dim = 6 } } }]]))
  unit.equal(config:plugins().max, session:origin("max", "pool").hash)
  unit.equal(session:origin("max", "stage"), nil)
  unit.equal(session:origin("max").hash, session:origin("max", "pool").hash)
  unit.fails(nil, "invalid option 'pol'", session.origin, session, "max", "pol")
end)

local DOT <const> = [[
local sw = require "stepwise"
local FACTOR = 0.5
local function scaled(x) return x * FACTOR end
sw.define_stage { name = "fit", options = { lambda = 9, kind = { "mean", "sum" }, on = true },
  parameters = { { "key", "D", "D" } },
  prepare = function(b)
    return { fit = b:input_product(b.regions, b:linear(b.words, b:parameter "key")), two = 2 }
  end,
  score = function(t, options, p)
    local fit = t:input(p.fit)
    local choice = t:softmax(fit, "regions", options.lambda)
    local best = t:rowdot(choice, fit) -- (1,n,L)
    t:show("choice", "words", "regions", choice)
    return scaled(options.kind == "sum" and t:sum(best, "words") or t:mean(best, "words")) - p.two
  end,
}
]]
local EXPERIMENT <const> = [[
return sw.experiment { model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "fit" { lambda = 4 } } },
  train = { batch = 16, epochs = 2, lr = 1e-3 } }
]]

unit.test("a defined stage is resumed, evaluated and explained where its script is gone", function()
  local config = describe.resolved(run(DOT .. EXPERIMENT))
  train(config, "whole")
  os.remove(folder .. "/own.lua")
  run("return 1", "other.lua")
  do
    local trainer <close> = session:train(config, folder .. "/part", {})
    while trainer:next().step ~= 2 do end
    trainer:save()
  end
  local saved = sw.json_decode(unit.read(folder .. "/part/config.json"))
  unit.contains(saved.model.defined[1].functions[1].text, "FACTOR <const> = 0x1p-1")
  local fresh = sw.session { threads = 1 }
  local again = fresh:resolve(saved)
  unit.equal(again:difference(config), nil)
  local trainer <close> = fresh:train(again, folder .. "/part", { resume = true })
  repeat until trainer:next().kind == "done"
  unit.equal(unit.read(folder .. "/part/ranks-dev.npy"),
    unit.read(folder .. "/whole/ranks-dev.npy"))
  local status, said = unit.program { "eval", folder .. "/part/checkpoint.safetensors", "--data",
    data }
  unit.equal(status, 0, said)
  status, said = unit.program { "explain", folder .. "/part/checkpoint.safetensors", "--data", data,
    "--image", "1", "--out", folder .. "/why" }
  unit.equal(status, 0, said)
end)

unit.test("the id follows the text and the constants, not the place or unused definitions",
  function()
    local function id(text) return describe.resolved(run(text .. EXPERIMENT)):hash() end
    local first = id(DOT)
    unit.equal(id("\n\n" .. DOT), first)
    unit.equal(id((DOT .. DOT:sub(31):gsub('"fit"', '"other"'):gsub("FACTOR", "F")
      :gsub("scaled", "s"))), first)
    unit.equal(id((DOT:gsub("0.5", "0.25"))) ~= first, true)
    unit.equal(id((DOT:gsub(" %- p.two", " - 1"))) ~= first, true)
  end)

unit.test("rows and key=value choose what the script defines, and its options", function()
  local t = run(DOT .. [[
return sw.table { title = "x", base = sw.experiment { model = { dim = 8, stages = { "l2l" } } },
  rows = { { name = "a" }, { name = "b", stages = { "l2l", "fit" }, ["fit.kind"] = "sum" } } }
]])
  local config = describe.resolved(t.base)
  unit.equal(config.value.model.defined, nil)
  config:override("stages=l2l,fit"):override("fit.kind=sum")
  unit.equal(config.value.model.stages[2].kind, "sum")
  unit.equal(config.value.model.defined[1].name, "fit")
  config:override("stages=l2l")
  unit.equal(config.value.model.defined, nil)
  unit.fails(2, { "no stage 'fut'", "did you mean 'fit'?" }, config.override, config, "stages=fut")
  unit.fails(2, "did you mean 'lambda'", describe.resolved(t.base).override,
    describe.resolved(t.base):override("stages=fit"), "fit.lamda=3")
end)

-- The message of a stage whose score has this text, on line 4 of own.lua.
local function fails(parts, body, more)
  unit.fails(nil, parts, run, (string.format([[
local sw = require "stepwise"
local outside, list = 1, {}
sw.define_stage { name = "bad", parameters = { { "key", "D", "D" } }, %s
  score = function(t, options, p) %s end,
}
return outside, list, sw.experiment { model = { dim = 8, stages = { "bad" } } }
]], more or "", body):gsub("return outside, list, ", "return ")))
end

unit.test("a wrong stage is told its line, shapes and what was expected", function()
  fails({ "own.lua:4", "(1,1,16)", "found nil" }, "local x = 1 + outside")
  fails({ "own.lua:4", "expected it to return a tensor (1,1,16)", "(1,2,16)" },
    "return t:mean_weights 'regions'")
  fails({ "own.lua:4", "add: shapes do not match", "(1,2,16),(1,3,16)" },
    "return t:mean_weights 'regions' + t:mean_weights 'words'")
  fails({ "own.lua:4", "expected a tensor, found pair vectors" }, "return t:sigmoid(t:words())")
  fails({ "own.lua:4", "invalid option 'region'" }, "return t:fragments 'region'")
  fails({ "own.lua:4", "nil value (method 'coseno')" }, "return t:coseno()")
  fails({ "own.lua:4", "needs 'attended_text'" }, "return t:get 'attended_text'")
  fails({ "own.lua:4", "my own words" }, "error('my own words')")
  fails({ "own.lua:4", "no variable 'print'" }, "print(1)")
  fails({ "own.lua:4", "no variable 'pairs'" }, "for k in pairs {} do return k end")
  fails({ "own.lua:4", "index structure" }, "return t:apply('gram', { t:mean_weights 'words' })")
  fails({ "own.lua:3", "nil value (method 'softmax')" }, "return t",
    "prepare = function(b) b:softmax() end,")
  fails({ "own.lua:3", "no parameter 'kex'" }, "return t",
    "prepare = function(b) b:parameter 'kex' end,")
end)

unit.test("a stage that never ends, or takes all memory, is stopped", function()
  fails({ "own.lua:4", "runs too long" }, "while true do end")
  fails("more than 64 MB", "local s = 'x' while true do s = s .. s end")
end)

unit.test("nothing can be kept from one tile to the next", function()
  fails({ "own.lua:4", "const variable 'outside'" }, "outside = t:mean_weights 'words'")
  fails({ "own.lua:4", "'kept' cannot be set", "global" }, "kept = t")
  fails({ "own.lua:4", "'kept' cannot be set" }, "t.kept = t:mean_weights 'words'")
  fails({ "own.lua:4", "'kept' cannot be set" }, "p.kept = 1")
  fails({ "own.lua:4", "'lambda' cannot be set" }, "options.lambda = 1")
  fails({ "own.lua:4", "'kept' cannot be set", "libraries" }, "math.kept = 1")
  fails({ "'list' is a table outside" }, "return list[1]")
  fails({ "own.lua:3", "expected inputs" }, "return p",
    "prepare = function(b) return { b = b.words } end,")
  fails({ "own.lua:3", "found a tensor" }, "return p", "prepare = function(b) return b.words end,")
end)

unit.test("sizes that do not fit are told", function()
  fails({ "own.lua:4", "expected a size of at least 1" }, "return t:constant(1, 0)")
  fails({ "own.lua:4", "expected a size of at least 1" }, "return t:constant(1, -1)")
  fails({ "own.lua:4", "more than 16777216 numbers" }, "return t:constant(1, 5000, 5000)")
  fails({ "own.lua:4", "expected 1 to 4 sizes, found 0" }, "return t:constant(1)")
  local words = "return t:reshape(t:mean_weights 'words', "
  fails({ "own.lua:4", "1 to 4 sizes" }, words .. "1, 1, 1, 1, 48)")
  fails({ "own.lua:4", "expected a size of at least 1" }, words .. "-1, -1)")
  fails({ "own.lua:4", "counts differ: got (1,3,16) as (9,5)" }, words .. "-1, 5)")
end)

unit.test("a wrong definition is refused in its line", function()
  local function refused(parts, fields)
    unit.fails(2, parts, run, string.format([[
local sw = require "stepwise"
sw.define_stage { %s }]], fields))
  end
  local score = ", score = function(t) return t end"
  refused({ "own.lua:2", "lower-case letters" }, "name = 'Bad'" .. score)
  refused({ "own.lua:2", "score: expected a function, found nothing" }, "name = 'bad'")
  refused({ "own.lua:2", "did you mean 'score'" }, "name = 'bad', scor = 1" .. score)
  refused({ "own.lua:2", "parameter 'a' appears twice" },
    "name = 'bad', parameters = { { 'a', 1 }, { 'a', 'D' } }" .. score)
  refused({ "own.lua:2", "expected sizes as 4, \"D\"" },
    "name = 'bad', parameters = { { 'a', 'E' } }" .. score)
  refused({ "own.lua:2", "option 'x'" }, "name = 'bad', options = { x = {} }" .. score)
  refused({ "own.lua:2", "written in a script" }, "name = 'bad', score = math.exp")
  refused({ "own.lua:2", "lines of its own" },
    "name = 'bad', score = function(t) return t end, prepare = function(t) return t end")
  refused("calls itself", [[name = 'bad', score = (function()
    local function f(t) return t and f(t) end
    return f end)()]])
  unit.fails(2, "is defined twice", run, DOT .. DOT:gsub("local sw[^\n]*", ""))
end)

unit.test("definitions in a config from elsewhere are held to their form", function()
  local given = sw.json_decode(describe.resolved(run(DOT .. EXPERIMENT)):text())
  run("return 1")
  local function refused(parts, change)
    local copy = sw.json_decode(sw.json_encode(given))
    change(copy.model.defined, copy.model)
    unit.fails(nil, parts, function() session:describe(session:resolve(copy)) end)
  end
  refused("model.defined: expected a list", function(_, m) m.defined = "fit" end)
  refused("model.defined[1].name", function(d) d[1].name = 1 end)
  refused("no kind 'op'", function(d) d[1].kind = "op" end)
  refused("functions[1].text", function(d) d[1].functions[1].text = nil end)
  refused("own.lua:3", function(d) d[1].functions[1].text = "return function(" end)
  refused("expected a function", function(d) d[1].functions[1].text = "return 7" end)
  refused("no variable 'os'", function(d) d[1].functions[1].text = "os.exit(3)" end)
  refused("runs too long", function(d) d[1].functions[1].text = "while true do end" end)
  refused("declared twice", function(d) d[1].parameters[2] = d[1].parameters[1] end)
end)

-- What does not hold of a small model with this loss, whose functions are on lines 3 and after.
local function verify_loss(body)
  run([[
local sw = require "stepwise"
sw.define_loss { name = "own", options = { margin = 0.2 },
  loss = function(b, options) ]] .. body .. " end }")
  local config = session:resolve { model = { dim = 8, stages = { "l2l" },
    embedding = { plugin = "random", word_dim = 6 } } }
  json_text.set(config.value.model, "defined", core.json_array(define.known().list))
  json_text.set(config.value.model, "loss",
    core.json_array { { plugin = "own", weight = 1, margin = 0.3 } })
  for _, found in ipairs(session:verify(config)) do
    local holds = found.worst == found.worst and found.worst <= found.most
    unit.equal(holds, true, found.what .. " " .. found.where)
  end
end

unit.test("a loss in Lua has its gradient, and a wrong one is told its line", function()
  verify_loss "return b:hinge(b.scores, options.margin, b.epoch < 1)"
  verify_loss [[
    local wrong = -b:pairs() + 1
    local i = b:relu((b.scores - b:right(b.scores) + options.margin) * wrong)
    local c = b:relu((b.scores - b:right(b.scores, "captions") + options.margin) * wrong)
    return b:total(i + c)]]
  unit.fails(nil, { "loss own: own.lua:3:", "a tensor (1)", "found (21,21)" }, verify_loss,
    "return b.scores")
  unit.fails(nil, { "own.lua:3:", "found nil" }, verify_loss, "local x = b.size * b.epoch * 0")
end)

unit.test("a pooling in Lua has the bits of the plugin; a wrong one is told its line", function()
  local function pooled(own, body)
    return run(string.format([[
local sw = require "stepwise"
sw.define_pool { name = "average",
  pool = function(e, x) %s end }
return sw.experiment { model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    pool = "%s", stages = { "dot" } }, train = { batch = 16, epochs = 2, lr = 1e-3 } }
]], body, own))
  end
  local body = "return e:group('mean', { x })"
  unit.equal(train(describe.resolved(pooled("average", body)), "pool_lua")
    == train(describe.resolved(pooled("mean", body)), "pool_c"), true)
  for _, wrong in ipairs { { "return x", "(G,P)", "found (" }, { "return 1", "found number" } } do
    local said = unit.fails(nil, { "pool average: own.lua:3:", wrong[2], wrong[3] }, pooled,
      "average", wrong[1])
    unit.equal(said:find("pool average.*pool average"), nil, said)
  end
end)

-- An experiment whose regions go through the block `fc` of this body, on line 4, or another.
local function encoded(body, own, more)
  return run(string.format([[
local sw = require "stepwise"
sw.define_block { name = "fc", %s
  parameters = { { "fc.weight", "D", "W" }, { "fc.bias", "D", init = 0 } },
  encode = function(e, x) %s end }
return sw.experiment { model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    image = { "%s", "l2norm" }, stages = { "l2l" } },
  train = { batch = 16, epochs = 2, lr = 1e-3 } }
]], more or 'width = "D",', body, own))
end

unit.test("a block in Lua has the bits of the plugin, on either side; a wrong one is told its line",
  function()
    local body = 'return e:linear(x, e:parameter "fc.weight", e:parameter "fc.bias")'
    local lua = describe.resolved(encoded(body, "fc"))
    local c = describe.resolved(encoded(body, "linear"))
    unit.equal(train(lua, "block_lua") == train(c, "block_c"), true)
    unit.equal(lua.value.model.defined[1].kind, "block")
    lua:override "text=bigru,fc,l2norm"
    train(lua, "block_text", two)
    lua:override("image=linear,l2norm"):override("text=bigru,l2norm")
    unit.equal(lua.value.model.defined, nil)
    local function wrong(parts, ...) unit.fails(nil, parts, encoded, ...) end
    wrong({ "block fc: own.lua:4:", ",8), one row per fragment", "found (32,1)" }, "return x", "fc")
    wrong({ "block fc: own.lua:4:", "one row per fragment", "found (16,1)" },
      "return e:group('mean', { x })", "fc")
    wrong({ "block fc: own.lua:4:", "found nil" }, "local y = x + x", "fc")
    wrong({ "own.lua:4", "expected a rate" }, "return e:dropout(x, 1)", "fc")
    local line = "own.lua:2"
    wrong({ line, "block fc: width: expected sizes", "found 0" }, "return x", "fc", "width = 0,")
    wrong({ line, "\"W\", the width of x", "found 'F'" }, "return x", "fc", "width = 'F',")
  end)

unit.test("plugins --check tries a pooling and a loss of a script, too", function()
  unit.write(folder .. "/both.lua", [[
local sw = require "stepwise"
sw.define_pool { name = "average",
  pool = function(e, x) return e:group("mean", { x }) end }
sw.define_loss { name = "easy",
  loss = function(b) return b:hinge(b.scores, 0.1, true) end }
]])
  local status, said = unit.program { "plugins", "--check", folder .. "/both.lua" }
  unit.equal(status, 0, said)
  unit.contains(said, "loss easy: trains")
  unit.contains(said, "pool average: trains")
end)

unit.test("a stage that fails in a later tile ends the run in one line, and its files stay",
  function()
    local text = DOT:gsub("return scaled", "if t.n > 9 then error('long caption') end\n"
      .. "return scaled")
    local config = describe.resolved(run(text .. EXPERIMENT))
    unit.fails(1, { "stage fit: own.lua:", "long caption" }, train, config, "broken")
    unit.equal(core.file_kind(folder .. "/broken/config.json"), "file")
  end)

unit.test("plugins --check takes a script, and says what is wrong with its stage", function()
  local status, said = unit.program { "plugins", "--check",
    unit.source .. "/experiments/own_stage.lua" }
  unit.equal(status, 0, said)
  unit.contains(said, "stage best_region: trains")
  unit.write(folder .. "/bad.lua", DOT:gsub('%- p.two', "- t:get 'nothing'"))
  status, said = unit.program { "plugins", "--check", folder .. "/bad.lua" }
  unit.equal(status, 1, said)
  unit.contains(said, "needs 'nothing'")
  unit.write(folder .. "/none.lua", "return 1")
  status, said = unit.program { "plugins", "--check", folder .. "/none.lua" }
  unit.equal(status, 1, said)
  unit.contains(said, "defines nothing")
end)

unit.test("inputs of every kind have their gradients, masks and units in Lua", function()
  local path = unit.write(folder .. "/inputs.lua", [[
local sw = require "stepwise"
sw.define_stage { name = "inputs",
  parameters = { { "bias", "D" }, { "fit", 1, "D" }, { "key", "D", "D" } },
  prepare = function(b)
    local words = b:l2norm(b:linear(b.words, b:parameter "key", b:parameter "bias"))
    return {
      fit = b:input_product(b.regions, words), within = b:input_within("words", words, words),
      row = b:input_rows("regions", b:linear(b.regions, b:parameter "fit")),
      vectors = b:input_vectors("words", words),
    }
  end,
  score = function(t, _, p)
    local best = t:over("regions", t:softmax(t:input(p.fit), "regions", 4))
    local vectors, within = t:explicit_vectors(t:input(p.vectors)), t:input(p.within)
    local words, row = t:cosine(vectors, best) + t:rowdot(within, within), t:input(p.row)
    return t:mean(words, "words") + t:mean(t:rowdot(row, row), "regions")
  end }
return 1]])
  local status, said = unit.program { "plugins", "--check", path }
  unit.equal(status, 0, said)
  unit.contains(said, "stage inputs: trains")
end)

unit.test("the page for authors names every verb, and its example runs", function()
  local page = unit.read(unit.source .. "/plugins/README.md")
  local verbs = 0
  for _, name in ipairs { "lua_verbs.c", "lua_tile_verbs.c", "lua_batch_verbs.c" } do
    local text = unit.read(unit.source .. "/core/lua/binding/" .. name)
    for verb in text:gmatch('{"(%l[%l%d_]+)", %w') do
      verbs = verbs + 1
      unit.equal(page:find("`" .. verb .. "(", 1, true) ~= nil, true, verb)
    end
  end
  unit.equal(verbs > 40, true)
  run(page:match("```lua\n([^`]*define_stage.-)```"))
end)

unit.test("the experiment with a stage of its own stays under thirty lines", function()
  local path = unit.source .. "/experiments/own_stage.lua"
  local _, lines = unit.read(path):gsub("\n", "")
  unit.equal(lines <= 33, true)
  unit.equal(#script.run(path).rows, 2)
  unit.equal(#define.contents().stages, 1)
end)

unit.finish()
