-- What scripts are written with, and what a wrong script is told.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local describe = require "stepwise.config.describe"
local plans = require "stepwise.sweep.plan"
local script = require "stepwise.config.script"
local setup = require "stepwise.config.setup"

local folder = unit.folder()

-- The result of a script with this text.
local function run(text, name)
  return script.run(unit.write(folder .. "/" .. (name or "x.lua"), text))
end

unit.test("a stage, an embedding and an experiment are plain tables", function()
  local stage = sw.stage "l2l" { lambda = 9 }
  unit.equal(stage.plugin, "l2l")
  unit.equal(stage.lambda, 9)
  unit.equal(sw.stage("g2g").plugin, "g2g")
  local experiment = sw.experiment { name = "x", model = { dim = 8, stages = { stage } } }
  unit.equal(experiment.model.stages[1].lambda, 9)
  unit.equal(describe.is_experiment(experiment), true)
  unit.equal(describe.is_experiment({}), false)
end)

unit.test("a misspelt option names the script's line and the near miss", function()
  unit.fails(2, { "x.lua:3: ", "no option 'lamda' in l2l", "did you mean 'lambda'" }, run, [[
local sw = require "stepwise"

local s = sw.stage "l2l" { lamda = 9 }
return sw.experiment { model = { stages = { s } } }]])
end)

unit.test("a script that ends with the faulty call still names its line", function()
  unit.fails(2, { "x.lua:2: ", "epoch", "did you mean 'epochs'" }, run, [[
local sw = require "stepwise"
return sw.experiment { train = { epoch = 3 } }]])
end)

unit.test("a script that begins with a byte order mark runs; one in UTF-16 is named", function()
  unit.equal(run("\xEF\xBB\xBFreturn 7"), 7)
  unit.fails(1, { "x.lua", "found UTF-16", "iconv" }, run, "\xFF\xFEr\0")
  unit.fails(1, { "x.lua", "found UTF-16 without a byte order mark" }, run, "r\0e\0t\0")
  unit.fails(1, { "x.lua", "found UTF-16 without a byte order mark" }, run, "\0r\0e\0t")
end)

unit.test("wrong kinds, ranges and names of plugins are refused", function()
  unit.fails(2, "l2m", sw.stage "l2m", {})
  unit.fails(2, "mu", sw.stage "l2l", { mu = 3 })
  unit.fails(2, "mu", sw.stage "l2l", { mu = "high" })
  unit.fails(2, "attention_norm", sw.stage "l2l", { attention_norm = "cosin" })
  unit.fails(2, "fusion", sw.stage "g2l", { fusion = "gat" })
  unit.fails(2, "stage: expected a string", sw.stage, {})
  unit.fails(2, "expected a table", sw.stage "l2l", 3)
  unit.fails(2, "stages", sw.experiment, { model = { stages = {} } })
  unit.fails(2, "dim", sw.experiment, { model = { dim = 0 } })
end)

unit.test("stages that lack what an earlier one leaves are refused in their line", function()
  local function with(...)
    return sw.experiment { model = { stages = { ... } } }
  end
  unit.fails(2, { "x.lua:2: ", "stage g2l: needs", "stages=l2l,g2l would run" }, run, [[
local sw = require "stepwise"
return sw.experiment { model = { stages = { "g2l" } } }]])
  unit.fails(2, "stages=l2l,g2l,g2g would run", with, { plugin = "l2l", score = false }, "g2g")
  unit.fails(2, "stage g2l: needs", sw.experiment, { on_scenes = { stages = { "g2l" } } })
  with({ plugin = "l2l", score = false }, "g2l")
end)

unit.test("on_scenes is checked when it is written, not when it is used", function()
  unit.fails(2, "did you mean", sw.experiment, { on_scenes = { epoch = 1 } })
  unit.fails(2, "list of names", sw.experiment, { on_scenes = { stages = { 7 } } })
end)

-- ---- tables ----------------------------------------------------------------------------------

local base = sw.experiment { model = { direction = "t2i" } }

unit.test("a row may only change what the base has", function()
  local function with(row)
    return sw.table { title = "T", base = base, rows = { row } }
  end
  unit.fails(2, { "row 'a': ", "no option 'embeding'", "did you mean 'embedding'" }, with,
    { name = "a", embeding = "glove" })
  unit.fails(2, { "row 'a': ", "glov" }, with, { name = "a", embedding = "glov" })
  unit.fails(2, "row 'a': ", with, { name = "a", stages = { "l2l" }, ["g2l.lambda"] = 2 })
  unit.fails(2, "rows[1]: expected a name", with, { embedding = "glove" })
  unit.fails(2, "list", with, { name = "a", "glove" })
  unit.fails(2, "row 'a': paper: no key 'txt'", with, { name = "a", paper = { txt = { 1 } } })
  unit.fails(2, "found 4 numbers", with, { name = "a", paper = { text = { 1, 2, 3, 4 } } })
end)

unit.test("what losses alone are asked for is refused where no loss of the model has it", function()
  local function with(changes, model)
    changes.name = "a"
    return sw.table { title = "T", rows = { changes },
      base = sw.experiment { model = model, train = { margin = 0.3 } } }
  end
  unit.fails(2, { "row 'a': ", "margin=0.1 would have no effect", "the option 'margin'",
    "the model has infonce" }, with, { loss = "infonce", margin = 0.1 })
  unit.fails(2, "train.same_image=exclude would have no effect", with,
    { loss = "infonce", ["train.same_image"] = "exclude" })
  unit.fails(2, "train.margin=0.3 would have no effect", with, {}, { loss = "infonce" })
  with({ loss = "infonce" }) -- the base's margin is that of its own loss
  with { loss = "infonce,hinge", margin = 0.1 }
  sw.experiment { model = { loss = "infonce" }, train = { margin = 0.2 } }
end)

unit.test("rows have names of their own, and the reference is one of them", function()
  unit.fails(2, "row 'a' appears twice", sw.table,
    { title = "T", base = base, rows = { { name = "a" }, { name = "a" } } })
  unit.fails(2, { "no row 'SHAN'", "did you mean 'SHAN1'" }, sw.table,
    { title = "T", base = base, rows = { { name = "SHAN1" } }, reference = "SHAN" })
  unit.fails(2, "base: expected an experiment", sw.table, { title = "T", base = {}, rows = {} })
  unit.fails(2, "no key 'refrence'", sw.table, { title = "T", base = base, refrence = "a" })
end)

unit.test("an error in a table is told once, with the script's line", function()
  local fine, problem = pcall(run, [[
local sw = require "stepwise"
local base = sw.experiment {}
return sw.table { title = "T", base = base, rows = { { name = "a", dimm = 3 } } }]])
  unit.equal(fine, false)
  local _, places = tostring(problem):gsub("x%.lua:%d+:", "")
  unit.equal(places, 1, tostring(problem))
  unit.contains(problem, "x.lua:3: row 'a': ")
end)

unit.test("the order in which Lua walks a row does not matter", function()
  -- lambda can only be set once its stage is there
  local one = sw.experiment { model = { stages = { "l2l" } } }
  for _ = 1, 20 do
    sw.table { title = "T", base = one,
      rows = { { name = "a", stages = { "l2l", "g2l" }, ["g2l.lambda"] = 2 } } }
  end
end)

unit.test("what a script spoils after the check is refused, too", function()
  local head = [[
local sw = require "stepwise"
local e = sw.experiment {}
local t = sw.table { title = "T", base = e, rows = { { name = "a" } } }
]]
  local path = folder .. "/x.lua"
  for change, said in pairs {
    ["t.rows = nil"] = "rows: expected a table", ["t.title = {}"] = "title: expected a string",
    ["t.rows[1].name = nil"] = "rows[1]: expected a name", ["t.base = 7"] = "base: expected",
    ["e.on_scenes = 7"] = "on_scenes: expected a table",
    ["e.model = 8"] = "model: expected a table",
    ["e.e = e"] = "nested more than",
  } do
    unit.write(path, head .. change .. "\nreturn t")
    unit.fails(2, said, plans.build, path, {}, {}, { 0 })
  end
  unit.write(path, head .. "e.on_scenes = 7\nreturn e")
  unit.fails(2, "on_scenes: expected a table", setup.experiment, path)
  unit.write(path, "return 7")
  unit.fails(2, "found a number", setup.experiment, path)
end)

-- ---- scripts ---------------------------------------------------------------------------------

unit.test("globals are refused: a slip in a name is not silently nil", function()
  unit.fails(2, { "x.lua:1: ", "'model' is not a local variable" }, run, "model = {}")
  unit.fails(2, { "x.lua:1: ", "no variable 'tabel'", "did you mean 'table'" }, run,
    "local t = tabel.concat({})")
end)

unit.test("a script cannot draw random numbers or read a clock", function()
  unit.fails(nil, { "x.lua:1: ", "random" }, run, "return math.random()")
  unit.fails(2, "no variable 'os'", run, "return os.time()")
  unit.fails(2, "no variable 'io'", run, "return io.open('x')")
  unit.fails(2, "require", run, "return require 'io'")
end)

unit.test("compiled Lua, folders and missing files are refused", function()
  unit.fails(1, "compiled Lua", run, string.dump(function() return 1 end))
  unit.fails(1, "no such script", script.run, folder .. "/none.lua")
  unit.fails(2, "found a folder", script.run, folder)
  unit.fails(2, "x.lua:2:", run, "local x = 1\nlocal = 2")
end)

unit.test("a script that never ends is ended", function()
  unit.fails(2, "runs too long", run, "while true do end")
  unit.equal(debug.gethook(), nil)
end)

unit.test("a script is loaded from beside the one that asks, also as its last word", function()
  assert(os.execute("mkdir -p '" .. folder .. "/sub'"))
  run("return { 7 }", "sub/b.lua")
  unit.equal(run('local sw = require "stepwise"\nreturn sw.load "b.lua"', "sub/a.lua")[1], 7)
  unit.fails(1, "without end", run, 'return require("stepwise").load "x.lua"')
  -- an installed experiment, by the name that the commands take too; a user's own goes before it
  local load = 'return require("stepwise").load "%s"'
  unit.equal(run(load:format "table3.lua", "sub/c.lua").title:match "^[^:]+", "Table 3")
  run("return { 8 }", "sub/table3.lua")
  unit.equal(run(load:format "table3.lua", "sub/c.lua")[1], 8)
  unit.fails(1, "sub/no.lua: no such script", run, load:format "no.lua", "sub/c.lua")
end)

unit.test("a script cannot change the program: its module is a copy without commands", function()
  local names = {}
  for name in pairs(run('return require "stepwise"')) do names[#names + 1] = name end
  table.sort(names)
  unit.equal(table.concat(names, " "), "ablation block define_block define_fusion define_loss "
    .. "define_pool define_stage embedding experiment fusion load loss pool stage table version "
    .. "without")
  run([[
local sw = require "stepwise"
sw.stage, sw.version, sw.mine = nil, "9", 1
return 1]])
  unit.equal(type(sw.stage), "function")
  unit.equal(sw.mine, nil)
  unit.equal(run('return require("stepwise").version'), sw.version, "the next script's copy")
  for _, name in ipairs { "statistics", "scenes", "session", "dataset" } do
    unit.fails(2, { "x.lua:1: ", "no function of stepwise for scripts '" .. name .. "'" }, run,
      "return require('stepwise')." .. name)
  end
  for _, name in ipairs { "getmetatable", "setmetatable", "rawset", "debug", "load", "package",
    "pcall", "coroutine", "collectgarbage", "_G" } do
    unit.fails(2, "no variable '" .. name .. "'", run, "return " .. name)
  end
end)

unit.test("whatever a script raises is misuse, with its text in one line", function()
  for _, case in ipairs {
    { "error({ status = 0 })", "x.lua:1: error(a table) in the script" },
    { "error()", "x.lua:1: error(a nil) in the script" },
    { "error(7)", "x.lua:1: error(7) in the script" },
    { "error(print)", "x.lua:1: error(a function) in the script" },
    { "error('no place', 0)", "x.lua: no place" },
    { "error(('x'):rep(1000000))", "x.lua:1: xxx" },
    { "assert(false, { status = 0 })", "x.lua:1: error(a table)" },
    { "local function f() return 1 + f() end f()", "x.lua:1: stack overflow" },
  } do
    unit.fails(2, case[2], run, case[1])
    local status, said = unit.program({ "inspect", folder .. "/x.lua" }, "", "2>&1 >/dev/null")
    unit.equal(status, 2, case[1])
    unit.contains(said, case[2])
    unit.equal(select(2, said:gsub("\n", "")), 1, case[1])
  end
end)

unit.test("a script that never returns from one call is ended by the program", function()
  unit.write(folder .. "/x.lua", "return ('a'):rep(60):find(('a*'):rep(30) .. 'b')")
  local status, said = unit.program { "inspect", folder .. "/x.lua" }
  unit.equal(status, 2)
  unit.contains(said, "stepwise: " .. folder .. "/x.lua: the script runs too long")
  status, said = unit.program({ "inspect",
    unit.write(folder .. "/x.lua", "return ('x'):rep(1 << 30)") })
  unit.equal(status, 2)
  unit.contains(said, "x.lua: not enough memory")
end)

unit.test("a script cannot change Lua for others", function()
  run("string.rep = nil; table.concat = nil; return 1")
  unit.equal(type(string.rep), "function")
  unit.equal(run("return string.rep('a', 2)"), "aa")
end)

-- ---- the experiments that come along -----------------------------------------------------------

local experiments = { "shan_full", "shan_t2i", "shan_i2t" }
local tables = { "table3", "direction", "embeddings", "fusion", "stages", "attention",
  "tables1and2", "encoders", "methods" }
local methods = { "bfan", "caan_like", "camp", "chan", "esa", "gpo", "imram_full", "imram_image",
  "imram_text", "max_mean", "naaf", "saem", "saem_gru", "saf", "scan_i2t", "scan_t2i", "sgm", "sgr",
  "vsepp" }

unit.test("all experiments are in order", function()
  for _, name in ipairs(experiments) do
    local experiment = script.run(unit.source .. "/experiments/" .. name .. ".lua")
    unit.equal(describe.is_experiment(experiment), true, name)
    unit.equal(experiment.model.dim, 1024, name)
  end
  for _, name in ipairs(tables) do
    local result = script.run(unit.source .. "/experiments/" .. name .. ".lua")
    unit.equal(describe.is_table(result), true, name)
  end
end)

unit.test("every method of the field has an experiment of its own", function()
  for _, name in ipairs(methods) do
    local experiment = script.run(unit.source .. "/experiments/methods/" .. name .. ".lua")
    unit.equal(describe.is_experiment(experiment), true, name)
    unit.equal(experiment.train.clip, 2.0, name .. ": what it does not say is the field's")
  end
end)

unit.test("Tables 1 and 2 have the papers' numbers, each the sum of its recalls", function()
  local rows, rsums = script.run(unit.source .. "/experiments/tables1and2.lua").rows, {}
  for _, row in ipairs(rows) do
    for data, printed in pairs(row.paper or {}) do
      local sum = 0.0
      for _, side in ipairs { "text", "image" } do
        for _, recall in ipairs(printed[side]) do sum = sum + recall end
      end
      unit.near(sum, printed.rsum, 0.25, row.name .. " on " .. data) -- printed to a tenth
    end
    if row.paper then
      rsums[#rsums + 1] = string.format("%s %.1f %.1f", row.name, row.paper["Flickr30K"].rsum,
        row.paper["COCO 1K"].rsum)
    end
  end
  unit.equal(table.concat(rsums, ", "), "SCAN 465.0 507.9, SAEM (GRU) 477.0 504.3, "
    .. "RDAN 477.2 515.0, SGM 478.6 504.1, CAAN-like 478.6 515.6, SHAN-T2I 478.3 513.8, "
    .. "SHAN-I2T 470.6 506.5, SHAN-full 490.0 519.8")
end)

unit.test("Table 3 has the paper's six rows and numbers", function()
  local rsums = {}
  for i, row in ipairs(script.run(unit.source .. "/experiments/table3.lua").rows) do
    rsums[i] = string.format("%.1f", row.paper.rsum)
  end
  unit.equal(table.concat(rsums, " "), "510.9 510.7 510.2 504.4 510.5 513.8")
end)

unit.finish()
