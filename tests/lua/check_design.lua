-- Ablations by design: which rows a list of parts makes, and what the plan says of the others.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local plans = require "stepwise.sweep.plan"

local folder = unit.folder()
local base = sw.experiment { name = "full", model = { dim = 8, embedding = "random" } }

local parts = {
  L2L = { ["l2l.score"] = false }, G2G = { stages = sw.without "g2g" },
  gate = { fusion = "average" },
}

local function ablation(given)
  local t = { title = "T", base = base, parts = parts }
  for key, value in pairs(given) do t[key] = value end
  return sw.ablation(t)
end

local function names(t)
  local list = {}
  for i, row in ipairs(t.rows) do list[i] = row.name end
  return table.concat(list, " | ")
end

unit.test("each design has the rows that its name says, the base among them", function()
  unit.equal(names(ablation {}), "full | without G2G | without L2L | without gate")
  unit.equal(names(ablation { design = "add_one" }),
    "none of the parts | only G2G | only L2L | only gate")
  unit.equal(names(ablation { design = "ladder", order = { "gate", "L2L", "G2G" } }),
    "none of the parts | only gate | without G2G | full")
  unit.equal(names(ablation { design = "pairs" }), "full | without G2G | without L2L | "
    .. "without gate | only gate | only L2L | only G2G")
  unit.equal(names(ablation { design = "factorial" }), "full | without gate | without L2L | "
    .. "only G2G | without G2G | only L2L | only gate | none of the parts")
  unit.equal(names(ablation { design = { "leave_one_out", "add_one" } }), "full | without G2G | "
    .. "without L2L | without gate | none of the parts | only G2G | only L2L | only gate")
end)

unit.test("a list of parts keeps its order, a list of values has a row each", function()
  local t = ablation { parts = {
    { name = "lambda", ["l2l.lambda"] = { 4, 9 } },
    { name = "fusion", fusion = { "sum", "concat" } },
    { name = "steps", stages = { { "l2l" }, { "l2l", "g2l" } } },
  } }
  unit.equal(names(t), "full | lambda 4 | lambda 9 | fusion sum | fusion concat | steps l2l | "
    .. "steps l2l,g2l")
  unit.equal(t.rows[3]["l2l.lambda"], 9)
  unit.fails(2, { "part 'lambda'", "ladder", "has 2 values" }, ablation,
    { design = "ladder", parts = { lambda = { ["l2l.lambda"] = { 4, 9 } } } })
  unit.fails(2, "both have a list of values", ablation,
    { parts = { both = { ["l2l.lambda"] = { 4, 9 }, fusion = { "sum", "concat" } } } })
end)

unit.test("equal configs are one row with both names, which either name refers to", function()
  local same = { a = { dim = 4 }, b = { dim = 4 }, c = { ["l2l.lambda"] = 15 } }
  local t = ablation { parts = same }
  unit.equal(names(t), "full = without c | without a = without b")
  unit.equal(t.reference, "full = without c")
  unit.equal(ablation({ parts = same, reference = "without b" }).reference, "without a = without b")
end)

unit.test("what takes stages out adds up, other changes of one key do not", function()
  local t = ablation { design = "pairs", parts = {
    G2G = { stages = sw.without "g2g" }, G2L = { stages = sw.without("g2l", "g2g") } } }
  unit.equal(names(t), "full | without G2G | without G2L = none of the parts")
end)

-- The plan of a script with such an ablation.
local function plan_of(words, overrides)
  local script = unit.write(folder .. "/x.lua", string.format([[
local sw = require "stepwise"
return sw.ablation { title = "T", %s
  base = sw.experiment { name = "full", model = { dim = 8, embedding = "random" },
    data = { dir = "nowhere" } } }]], words))
  return plans.build(script, {}, overrides or {}, { 0 })
end

unit.test("what cannot be composed is in the plan with the reason, and is not run", function()
  local plan = plan_of [[design = "factorial", parts = { G2L = { stages = sw.without "g2l" },
    G2G = { stages = sw.without "g2g" }, sum = { fusion = "sum" },
    mean = { fusion = "average" } },]]
  local left = {}
  for _, one in ipairs(plan.design.left_out) do left[one.name] = one.reason end
  unit.contains(left["without G2L"], "stage g2g: needs")
  unit.contains(left["without mean, sum"], "'mean' and 'sum' both change fusion")
  unit.contains(left["only mean"], "no stage of this model fuses")
  for _, row in ipairs(plan.rows) do unit.equal(left[row.name], nil, row.name) end
  unit.equal(#plan.design.settings + #plan.design.left_out, 16)
  for _, setting in ipairs(plan.design.settings) do
    local known = false
    for _, row in ipairs(plan.rows) do known = known or row.slug == setting.row end
    unit.equal(known, true, setting.row)
  end
end)

unit.test("rows are those of the base as the command line leaves it", function()
  local words = [[parts = { lambda = { ["l2l.lambda"] = { 4, 9 } } },]]
  unit.equal(#plan_of(words).rows, 3)
  local plan = plan_of(words, { "l2l.lambda=4" })
  unit.equal(#plan.rows, 2)
  unit.equal(plan.rows[1].name, "full = lambda 4")
  unit.equal(plan.reference, "full = lambda 4")
end)

unit.test("a misspelt part is an error and not a row that cannot be composed", function()
  unit.fails(2, { "part 'a'", "no option 'lamda' in l2l", "did you mean 'lambda'" }, ablation,
    { parts = { a = { ["l2l.lamda"] = 1 } } })
  unit.fails(2, { "part 'a'", "'-g2x' takes nothing out of l2l, g2l, g2g" }, ablation,
    { parts = { a = { stages = sw.without "g2x" } } })
  unit.fails(2, { "no design 'ladder_'", "did you mean 'ladder'" }, ablation,
    { design = "ladder_" })
  unit.fails(2, { "no key 'part'", "did you mean 'parts'" }, ablation, { part = {} })
  unit.fails(2, "parts: expected", ablation, { parts = {} })
  unit.fails(2, "part 'a': expected what takes it out", ablation, { parts = { a = 3 } })
  unit.fails(2, "order: 'gate' is missing", ablation, { order = { "L2L", "G2G" } })
  unit.fails(2, { "order: no part 'gat'", "did you mean 'gate'" }, ablation, { order = { "gat" } })
  unit.fails(2, "no row 'x'", ablation, { reference = "x" })
  unit.fails(2, "expected an experiment", ablation, { base = {} })
  unit.fails(2, "expected a stage's name", sw.without, "a,b")
end)

unit.test("a design that nobody could run is refused before it is built", function()
  local many = {}
  for i = 1, 12 do many["p" .. i] = { lr = i / 1000 } end
  unit.fails(2, "12 parts make more than 256 rows", ablation,
    { parts = many, design = "factorial" })
  unit.fails(2, "has none of its own", plans.build, unit.write(folder .. "/y.lua", [[
local sw = require "stepwise"
return sw.table { title = "T", base = sw.experiment {}, rows = { { name = "a" } }, design = {} }]]),
    {}, {})
end)

unit.test("stages=-NAME takes a stage out and leaves the others' options", function()
  local session <close> = sw.session { threads = 1 }
  local config = session:resolve { model = { embedding = "random" } }
  config:override("l2l.lambda=4"):override("stages=-g2g")
  unit.equal(#config.value.model.stages, 2)
  unit.equal(config.value.model.stages[1].lambda, 4)
  unit.fails(2, "a list of 1 to 32 stages", config.override, config, "stages=-l2l,-g2l")
  unit.fails(2, { "'-gl2'", "did you mean 'g2l'" }, config.override, config, "stages=-gl2")
end)

unit.finish()
