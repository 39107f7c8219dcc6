-- What a table with a design says of its parts: each number as its definition has it.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local report_data = require "stepwise.report.report_data"
local report_page = require "stepwise.report.report_page"
local results = require "stepwise.results.results"
local made = dofile(unit.source .. "/tests/lua/made_tables.lua")

local root = unit.folder()
local SEEDS <const> = { 0, 1, 2 }

-- A folder of runs with a design: rows {name, levels, scale}.
local function sweep(name, designs, parts, rows, more)
  local plain, design = {}, { designs = designs, parts = parts, settings = sw.json_array {},
    left_out = sw.json_array {} }
  for i, row in ipairs(rows) do
    plain[i] = { row[1], { row[1] == "ab" and "lr=1" or "lr=2" }, row[3] }
    design.settings[i] = { row = row[1], levels = row[2] }
  end
  for key, value in pairs(more or {}) do design[key] = value end
  return made.table(root .. "/" .. name, plain, SEEDS, { reference = "ab", design = design })
end

local function object(dir) return sw.json_decode(results.render(results.read(dir), "json")) end

local two = { { name = "A", levels = { "without A" } }, { name = "B", levels = { "without B" } } }
-- named by the parts that are in; A brings more with B than alone
local four = { { "ab", { 0, 0 }, 0.6 }, { "b", { 1, 0 }, 1.6 }, { "a", { 0, 1 }, 1.2 },
  { "none", { 1, 1 }, 1.4 } }

-- The mean rsum of a row, or with a seed that run's.
local function rsum(found, name, seed)
  for _, row in ipairs(found.rows) do
    if row.name == name then
      return seed and row.runs[seed + 1].metrics.rsum or row.metrics.rsum.mean
    end
  end
end

local function effect(found, kind, parts)
  for _, one in ipairs(found.effects) do
    if one.kind == kind and table.concat(one.parts, " ") == parts then return one end
  end
  error("no effect " .. kind .. " of " .. parts, 2)
end

unit.test("main effects, single settings, gaps and interactions are what they are said to be",
  function()
    local found = object(sweep("four", { "factorial" }, two, four))
    local ab, a, b, none = rsum(found, "ab"), rsum(found, "a"), rsum(found, "b"),
      rsum(found, "none")
    local function is(kind, parts, value)
      unit.near(effect(found, kind, parts).delta.rsum.mean, value, 1e-9, kind .. " " .. parts)
    end
    is("main", "A", (ab - b + a - none) / 2)
    is("main", "B", (ab - a + b - none) / 2)
    is("leave-one-out", "A", ab - b)
    is("add-one", "A", a - none)
    is("gap", "A", ab - b - (a - none))
    is("interaction", "A B", ab - a - b + none)
    unit.equal(effect(found, "main", "A").settings, 2)
    unit.equal(#found.effects, 9)
  end)

unit.test("intervals and p are those of the two tests on the sums of each seed", function()
  local dir = root .. "/four"
  local found = object(dir)
  local one = effect(found, "main", "A").delta.rsum
  local with, without = {}, {}
  local function ranks(name, seed)
    return core.ranks(string.format("%s/%s-seed%d/ranks-test.npy", dir, name, seed))
  end
  local plus, minus = {}, {}
  for i, seed in ipairs(SEEDS) do
    with[i] = (rsum(found, "ab", seed) + rsum(found, "a", seed)) / 2
    without[i] = (rsum(found, "b", seed) + rsum(found, "none", seed)) / 2
    plus[i] = core.sum_ranks { ranks("ab", seed), ranks("a", seed) }
    minus[i] = core.sum_ranks { ranks("b", seed), ranks("none", seed) }
  end
  local t = sw.statistics.paired(with, without)
  unit.near(one.t.p, t.p, 1e-9)
  unit.near(one.t.high - one.t.low, 2 * t.half, 1e-9)
  local drawn = core.bootstrap(plus, minus, { draws = 10000 }).rsum
  unit.near(one.bootstrap.p, drawn.p, 1e-12)
  unit.near(one.bootstrap.low, drawn.low / 2, 1e-9)
  unit.near(one.bootstrap.high, drawn.high / 2, 1e-9)
  unit.near(one.bootstrap.low + (drawn.mean - drawn.low) / 2, one.mean, 1e-9)
  unit.equal(one.over, "queries and seeds")
  local holm = sw.statistics.holm { one.p, effect(found, "main", "B").delta.rsum.p }
  unit.near(one.p_holm, holm[1], 1e-12)
end)

unit.test("a part of one comparison has the numbers of the row with the other sign", function()
  local found = object(root .. "/four")
  local of_part, row = effect(found, "leave-one-out", "A").delta.rsum
  for _, one in ipairs(found.rows) do row = one.name == "b" and one.delta.rsum or row end
  unit.near(of_part.mean, -row.mean, 1e-9)
  unit.near(of_part.low, -row.high, 1e-9)
  unit.near(of_part.p, row.p, 1e-9)
end)

unit.test("a row with two names counts once, and what cancels is no effect", function()
  local one_row = { { "ab", { 0, 0 }, 0.6 }, { "b", { 1, 0 }, 1.6 }, { "a", { 0, 1 }, 1.2 } }
  local dir = sweep("merged", { "pairs" }, two, one_row)
  local plan = sw.json_decode(unit.read(dir .. "/plan.json"))
  plan.design.settings[4] = { row = "b", levels = { 1, 1 } } -- without A, B changes nothing
  unit.write(dir .. "/plan.json", sw.json_encode(plan))
  local found = object(dir)
  unit.near(effect(found, "interaction", "A B").delta.rsum.mean,
    rsum(found, "ab") - rsum(found, "a"), 1e-9)
  local ones = 0
  for _, one in ipairs(found.effects) do ones = ones + (one.kind == "add-one" and 1 or 0) end
  unit.equal(ones, 1) -- of A; B alone is b minus b
end)

unit.test("a ladder's steps say what they are added to; values of a part stand apart", function()
  local three = { two[1], two[2], { name = "C", levels = { "without C" } } }
  local dir = sweep("ladder", { "ladder" }, three, { { "none", { 1, 1, 1 }, 2 },
    { "a", { 0, 1, 1 }, 1.5 }, { "b", { 0, 0, 1 }, 1.0 }, { "ab", { 0, 0, 0 }, 0.6 } })
  local text = results.render(results.read(dir), "md")
  unit.contains(text, "| A   | alone ")
  unit.contains(text, "| B   | added to A ")
  unit.contains(text, "| C   | with all others |")
  local found = object(sweep("values", { "leave_one_out" },
    { { name = "lambda", levels = { "lambda 4", "lambda 9" } } },
    { { "ab", { 0 }, 0.6 }, { "four", { 1 }, 1 }, { "nine", { 2 }, 1 } }))
  unit.near(effect(found, "leave-one-out", "not lambda 9").delta.rsum.mean,
    rsum(found, "ab") - rsum(found, "nine"), 1e-9)
end)

unit.test("an effect without all of its rows is left out, and one seed has no verdict", function()
  local dir = sweep("missing", { "factorial" }, two, four)
  assert(os.execute("rm -r '" .. dir .. "'/none-seed*"))
  local found = object(dir)
  unit.equal(#found.effects, 2)
  unit.equal(effect(found, "leave-one-out", "B").delta.rsum.n, 3)
  assert(os.execute("rm -r '" .. dir .. "'/b-seed[12]"))
  local one = effect(object(dir), "leave-one-out", "A").delta.rsum
  unit.equal(one.n, 1)
  unit.equal(one.separable, false)
  unit.equal(one.t, nil)
end)

unit.test("what could not be composed is said below the table", function()
  local dir = sweep("left", { "factorial" }, two, four,
    { left_out = { { name = "only C", reason = "stage g2l: needs | something" } } })
  unit.contains(results.render(results.read(dir), "md"), "'only C' cannot be composed: stage g2l")
  unit.contains(results.render(results.read(dir), "md"), "What the parts bring")
  unit.contains(results.render(results.read(dir), "tex"), "'only C' cannot be composed: stage g2l")
end)

unit.test("CSV has effects as rows of a kind, with the numbers of JSON", function()
  local read = results.read(root .. "/four")
  local rows = results.render(read, "csv")
  local found = effect(object(root .. "/four"), "interaction", "A B").delta.rsum
  local line = rows:match("\nA × B,[^\n]+")
  unit.contains(line, string.format(",%.6g,%.6g,%.6g,", found.mean, found.low, found.high))
  unit.contains(line, "0,,interaction,")
  unit.contains(line, ",interaction")
  local few = results.render_all({ read }, "csv", { columns = { "rsum", "delta", "p" },
    precision = 2 })
  unit.equal(few:match("^[^\n]+"), "row,kind,rsum_mean,rsum_std,delta_rsum,separable,p_holm")
  unit.contains(few, string.format("\nA × B,interaction,,,%.2f,%s,%.6g\n", found.mean,
    found.separable, found.p_holm))
end)

unit.test("LaTeX has effects as a float of their own, the page as a table", function()
  local dir = root .. "/four"
  local found = effect(object(dir), "main", "A").delta.rsum
  local float = results.render(results.read(dir), "tex"):match("\\end{table%*?}(.+)$")
  unit.contains(float, "\\label{tab:t-effects}")
  local line = float:match("\nA & main effect[^\n]+")
  unit.contains(line, string.format("& $%+.1f$", found.mean))
  unit.equal(line:find("dagger", 1, true) == nil, found.separable)
  unit.contains(float, "\nA $\\times$ B & interaction")
  local plan = sw.json_decode(unit.read(dir .. "/plan.json"))
  plan.design = nil
  unit.write(root .. "/plain.json", sw.json_encode(plan))
  assert(os.execute(string.format("cp -r %s %s/plain && mv %s/plain.json %s/plain/plan.json",
    dir, root, root, root)))
  local plain = results.render(results.read(root .. "/plain"), "tex")
  unit.equal(plain:find("effects", 1, true), nil, "a table without a design has one float")
  local page = report_page.page(report_data.read(dir), {})
  unit.contains(page, "What the parts bring")
  unit.contains(page, ">A × B</th>")
  unit.contains(page, "main effect, mean of 2 settings")
  unit.equal(report_page.page(report_data.read(root .. "/plain"), {}):find("What the parts bring"),
    nil)
end)

unit.test("a design of more rows than curves can be told apart has its other pictures", function()
  local rows, parts = { { "ab", {}, 0.6 } }, {}
  local function levels(a, b)
    local list = {}
    for i = 1, 9 do list[i] = (i == a or i == b) and 1 or 0 end
    return list
  end
  rows[1][2] = levels()
  for i = 1, 9 do parts[i] = { name = "P" .. i, levels = { "x" } } end
  for i = 1, 9 do
    for k = i, 9 do rows[#rows + 1] = { "w" .. i .. "-" .. k, levels(i, k), 1 } end
  end
  local dir = sweep("many", { "pairs" }, parts, rows)
  for _, name in ipairs { "ab", "w1-1" } do
    unit.write(string.format("%s/%s-seed0/metrics.tsv", dir, name), "")
  end
  local status, said = unit.program { "plot", dir, "--width", "84mm" }
  unit.equal(status, 0, said)
  unit.contains(said, "interactions.svg")
  unit.contains(said, "only the other pictures are drawn")
end)

unit.test("a design in a plan that does not fit its rows is no design", function()
  local dir = root .. "/four"
  local whole = unit.read(dir .. "/plan.json")
  local function without(change)
    local plan = sw.json_decode(whole)
    change(plan.design)
    unit.write(dir .. "/plan.json", sw.json_encode(plan))
    unit.equal(object(dir).effects, nil)
  end
  without(function(d) d.settings[1].row = "other" end)
  without(function(d) d.settings[1].levels = { 0, 2 } end)
  without(function(d) d.settings[1].levels = { 0, 0.5 } end)
  without(function(d) d.settings[1].levels = { 0 } end)
  without(function(d) d.parts[1].levels = {} end)
  without(function(d) d.parts = "A" end)
  without(function(d) d.left_out = { 1 } end)
  unit.write(dir .. "/plan.json", whole)
end)

unit.finish()
