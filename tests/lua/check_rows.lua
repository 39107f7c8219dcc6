-- Rows of a table that are more than a change of the base: parts described in a row, another base,
-- ensembles, and numbers of others.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local describe = require "stepwise.config.describe"
local plans = require "stepwise.sweep.plan"
local results = require "stepwise.results.results"

local folder = unit.folder()

local words = { plugin = "random", word_dim = 6 }
local base = sw.experiment { model = { dim = 8, embedding = words } }

local function table_of(rows, more)
  local t = { title = "T", base = base, rows = rows }
  for key, value in pairs(more or {}) do t[key] = value end
  return sw.table(t)
end

local rdan = { name = "RDAN", cited = { i2t = { 68.1, 91.0, 95.9 }, t2i = { 54.1, 80.9, 87.2 },
  source = "its paper" } }

unit.test("a row says its stages with their options", function()
  local changes = describe.assignments {
    stages = { sw.stage "l2l" { lambda = 9 }, "g2l", sw.stage "l2l" { mu = 1, score = false } },
    fusion = "sum", embedding = sw.embedding "random" { word_dim = 20 }, lr = 0.001,
  }
  unit.equal(table.concat(changes, " "), "stages=l2l,g2l,l2l l2l.lambda=9 l2l_2.mu=1 "
    .. "l2l_2.score=false embedding=random embedding.word_dim=20 fusion=sum lr=0.001")
  unit.equal(table.concat(describe.assignments {
    stages = { sw.stage "g2l" { fusion = sw.fusion "gate" {} } },
  }, " "), "stages=g2l g2l.fusion=gate")
end)

unit.test("a row says its encoders, pooling and losses", function()
  unit.equal(table.concat(describe.assignments {
    image = { "linear", { plugin = "dropout", rate = 0.5 } }, text = "bigru",
    pool = { image = { plugin = "gpo", width = 8 }, text = "mean" },
    loss = { plugin = "hinge", margin = 0.1 },
  }, " "), "image=linear,dropout image.dropout.rate=0.5 loss=hinge loss.hinge.margin=0.1 "
    .. "pool.image=gpo pool.image.width=8 pool.text=mean text=bigru")
  unit.equal(table.concat(describe.assignments { pool = { plugin = "gpo", width = 8 } }, " "),
    "pool.image=gpo pool.image.width=8 pool.text=gpo pool.text.width=8")
  unit.fails(2, "pool: expected a pooling's name or { image =, text = }", describe.assignments,
    { pool = { imgae = "mean" } })
  unit.fails(2, "expected a list of names", describe.assignments, { stages = { 7 } })
end)

-- What is wrong with a row; `others` stand before it.
local function wrong(said, row)
  unit.fails(2, said, table_of, { { name = "a" }, { name = "b", direction = "t2i" }, rdan, row })
end

unit.test("an ensemble is of rows that are trained, each once", function()
  wrong("ensemble: no row 'c'", { name = "e", ensemble = { "a", "c" } })
  wrong("expected the names of 2 to 16 rows, found 1", { name = "e", ensemble = { "a" } })
  wrong("'a' appears twice", { name = "e", ensemble = { "a", "a" } })
  wrong("'RDAN' has no runs of its own", { name = "e", ensemble = { "a", "RDAN" } })
  wrong("'e' has no runs of its own", { name = "e", ensemble = { "a", "e" } })
  wrong("no key 'lr'", { name = "e", ensemble = { "a", "b" }, lr = 1 })
  wrong("ensemble: expected a table", { name = "e", ensemble = "a" })
end)

unit.test("a cited row has six recalls and a source, and is compared with nothing", function()
  local i2t, t2i = { 1, 2, 3 }, { 4, 5, 6 }
  wrong("cited.t2i: expected a table", { name = "c", cited = { i2t = i2t, source = "s" } })
  wrong("cited.source: expected a string", { name = "c", cited = { i2t = i2t, t2i = t2i } })
  wrong("found 2 numbers", { name = "c", cited = { i2t = { 1, 2 }, t2i = t2i, source = "s" } })
  wrong("no key 'text'", { name = "c", cited = { text = i2t, t2i = t2i, source = "s" } })
  wrong("no key 'direction'", { name = "c", cited = rdan.cited, direction = "t2i" })
  unit.fails(2, "'RDAN' is cited, nothing can be compared with it", table_of,
    { { name = "a" }, rdan }, { reference = "RDAN" })
  local sets = { A = { split = "test" }, B = { split = "dev" } }
  unit.fails(2, "cited: expected what it prints of each test set", table_of,
    { { name = "a" }, rdan }, { tests = sets })
  table_of({ { name = "a" }, { name = "RDAN", cited = { A = rdan.cited } } }, { tests = sets })
end)

unit.test("a row of another base has that model and training, and the table's data", function()
  local script = unit.write(folder .. "/base.lua", [[
local sw = require "stepwise"
local other = sw.experiment { name = "other", model = { dim = 4, stages = { "l2l" } },
  train = { lr = 0.01 }, data = { train_images = 3 }, seed = 9 }
local base = sw.experiment { model = { dim = 8 }, data = { dir = "nowhere", train_images = 5 } }
return sw.table { title = "T", base = base, rows = {
  { name = "a" }, { name = "b", base = other }, { name = "c", base = other, lr = 0.02 } } }]])
  local plan = plans.build(script, {}, { "dim=16", "epochs=2" }, { 0 })
  local a, b, c = plan.runs[1].config, plan.runs[2].config, plan.runs[3].config
  unit.equal(#a.model.stages, 3)
  unit.equal(#b.model.stages, 1)
  unit.equal(b.model.dim, 16, "the command line changes every base")
  unit.equal(b.train.epochs, 2)
  unit.equal(b.train.lr, 0.01)
  unit.equal(c.train.lr, 0.02)
  unit.equal(b.data.train_images, 5)
  unit.equal(b.seed, 0)
  unit.equal(plan.rows[2].base, "other")
  local nameless = unit.write(folder .. "/base.lua", (unit.read(script)
    :gsub('name = "other", ', ""):gsub('{ name = "a" }, ', "")
    :gsub("}, { name = \"c\".*$", '}, { name = "a" } } }')))
  plan = plans.build(nameless, {}, {}, { 0 })
  unit.equal(plan.rows[1].base, "another experiment", "it is not the table's base")
  unit.equal(plans.reference(plan, "").name, "a")
  unit.fails(2, "row 'b': base: expected an experiment, found a table", table_of,
    { { name = "a" }, { name = "b", base = {} } })
  unit.fails(2, "row 'b': g2l.mu: 'g2l' is not a stage of this model, which has l2l", plans.build,
    script, {}, { "g2l.mu=1" }, { 0 })
end)

unit.test("papers' numbers on other data stand in columns of their own", function()
  local printed = { text = { 1, 2, 3 }, image = { 4, 5, 6 }, rsum = 21 }
  table_of { { name = "a", paper = { ["Flickr30K"] = printed, ["COCO 1K"] = printed } } }
  wrong("paper: no key 'COCO 1K'",
    { name = "c", paper = { ["COCO 1K"] = { text = { 1, 2, 3, 4 } } } })
end)

-- ---- results -----------------------------------------------------------------------------------

local IMAGES <const> = 24
local data, out = folder .. "/data", folder .. "/out"
sw.scenes(data, { train = 32, dev = IMAGES, test = IMAGES, regions = 5, features = 16,
  word_dim = 6, seed = 1 })

local SCRIPT <const> = [[
local sw = require "stepwise"
local base = sw.experiment {
  model = { dim = 8, embedding = { plugin = "random", word_dim = 6 } },
  train = { batch = 16, epochs = 1, max_steps = 3 },
}
return sw.table { title = "T", base = base, reference = "full", rows = {
  { name = "full" },
  { name = "t2i", direction = "t2i" },
  { name = "i2t", direction = "i2t" },
  { name = "both", ensemble = { "t2i", "i2t" }, paper = { A = { rsum = 465.0 },
    B = { text = { 1, 2, 3 }, rsum = 507.9 } } },
  { name = "three", ensemble = { "t2i", "i2t", "full" } },
  { name = "RDAN", cited = { i2t = { 68.1, 91.0, 95.9 }, t2i = { 54.1, 80.9, 87.2 },
    source = "its paper" } },
} }]]

local function ablate(...)
  local script = unit.write(folder .. "/t.lua", SCRIPT)
  return unit.program { "ablate", script, "--data", data, "--out", out, "--seeds", "0-1", ... }
end

unit.test("an ensemble is the mean of similarities of its rows' runs, seed by seed", function()
  local status, said = ablate()
  unit.equal(status, 0, said)
  unit.contains(said, "both-seed1: mean of similarities of t2i-seed1, i2t-seed1")
  local result = core.json_decode(unit.read(out .. "/both-seed1/result.json"))
  local checkpoints = {}
  for i, name in ipairs { "t2i", "i2t" } do
    checkpoints[i] = string.format("%s/%s-seed1/checkpoint.safetensors", out, name)
  end
  local session <close> = sw.session { threads = 1 }
  for _, split in ipairs { "test", "dev" } do
    local metrics = session:evaluate { checkpoints = checkpoints, data = data, split = split }
    unit.near(result[split].rsum, metrics.rsum, 1e-9, split)
  end
  local ranks = core.ranks(out .. "/both-seed1/ranks-test.npy")
  unit.near(ranks:metrics().rsum, result.test.rsum, 1e-9)
end)

local function row_of(object, name)
  for _, row in ipairs(object.rows) do
    if row.name == name then return row end
  end
end

unit.test("ensembles stand in the table with their statistics; cited rows have none", function()
  local object = results.objects(results.read(out))[1]
  local both, cited = row_of(object, "both"), row_of(object, "RDAN")
  unit.equal(both.kind, "ensemble")
  unit.equal(both.n, 2)
  unit.equal(both.delta.rsum.over, "queries and seeds")
  unit.equal(both.metrics.rsum.papers.A, 465.0)
  unit.equal(both.metrics.rsum.papers.B, 507.9)
  unit.equal(both.metrics.i2t_r10.papers.B, 3)
  unit.equal(both.metrics.rsum.paper, nil)
  unit.equal(cited.kind, "cited")
  unit.equal(cited.n, 0)
  unit.equal(cited.delta, nil)
  unit.near(cited.metrics.rsum.cited, 477.2, 1e-9)
  unit.equal(cited.missing + #cited.failed, 0)
  unit.equal(row_of(object, "full").kind, nil, "tables of runs alone read as before")
  local page = results.render(results.read(out), "md")
  unit.contains(page, "mean of t2i, i2t")
  unit.contains(page, "'RDAN': cited from its paper")
  unit.equal(page:find("'RDAN': %d") , nil)
  local _, cells = page:gsub("| RDAN +|[^\n]*| cited |\n", "")
  unit.equal(cells, 1)
  local csv = results.render(results.read(out), "csv")
  unit.contains(csv, ",kind,i2t_r1_paper A,")
  unit.contains(csv, "RDAN,0,,0,,cited,68.1,,,91,,,95.9")
end)

unit.test("bold compares single models with each other, and ensembles with each other", function()
  local page = results.render(results.read(out), "tex")
  local bold = {}
  for line in page:gmatch("[^\n]+") do
    local name = line:match("^([%a%d]+) & ")
    if name and not bold[name] then bold[name] = select(2, line:gsub("\\textbf", "")) end
  end
  local rsum, best = {}, { run = 0, ensemble = 0 }
  for _, row in ipairs(results.objects(results.read(out))[1].rows) do
    local kind = row.kind or "run"
    rsum[row.name] = row.metrics.rsum.mean
    if best[kind] then best[kind] = math.max(best[kind], rsum[row.name]) end
  end
  for name, kind in pairs { full = "run", t2i = "run", i2t = "run", both = "ensemble",
    three = "ensemble" } do
    local last = page:match("\n" .. name .. " & ([^\n]*)"):match(".*rsum") or
      page:match("\n" .. name .. " & ([^\n]*)")
    local marked = last:find(string.format("\\textbf{%.1f}", rsum[name]), 1, true) ~= nil
    if string.format("%.1f", rsum[name]) == string.format("%.1f", best[kind]) then
      unit.equal(marked, true, name)
    end
  end
  unit.equal(bold.RDAN, 0)
  unit.equal(bold.both + bold.three >= 7, true, "each column has a best ensemble")
  unit.equal(bold.full + bold.t2i + bold.i2t >= 7, true, "each column has a best single model")
end)

unit.test("the report tells ensembles and cited numbers apart", function()
  local status, said = unit.program { "report", out, "--out", folder .. "/r.html" }
  unit.equal(status, 0, said)
  local page = unit.read(folder .. "/r.html")
  unit.contains(page, "mean of t2i, i2t")
  unit.contains(page, "<td>cited</td>")
  unit.contains(page, "<td>paper, B</td>")
  unit.contains(page, "<td>477.2</td>")
end)

unit.test("an ensemble is evaluated once, and again when a member is another run", function()
  local path = out .. "/both-seed0/result.json"
  local before = unit.read(path)
  unit.write(path, (before:gsub('"seed": 0', '"seed":  0')))
  local kept = unit.read(path)
  local status, said = ablate()
  unit.equal(status, 0, said)
  unit.equal(unit.read(path), kept)
  local member = out .. "/t2i-seed0/result.json"
  local of_member = unit.read(member)
  unit.write(member, (of_member:gsub('"id": "%x+"', '"id": "' .. ("0"):rep(32) .. '"')))
  unit.contains(results.render(results.read(out), "md"), "of other runs than its members'")
  unit.write(member, of_member)
  unit.write(path, (before:gsub('"id": "%x+"', '"id": "' .. ("0"):rep(32) .. '"', 1)))
  unit.contains(results.render(results.read(out), "md"), "of other runs than its members'")
  status, said = ablate()
  unit.equal(status, 0, said)
  unit.equal(unit.read(path), before)
end)

unit.test("an ensemble that cannot be evaluated fails alone, and the table says why", function()
  local path = out .. "/t2i-seed0/checkpoint.safetensors"
  assert(os.rename(path, path .. ".away"))
  os.remove(out .. "/both-seed0/result.json")
  local status, said = ablate()
  unit.equal(status, 1, said)
  unit.contains(said, "both-seed0: failed: ")
  unit.contains(said, "'both', seed 0 failed: ")
  unit.equal(said:find("both-seed1", 1, true), nil, "what is evaluated stays")
  assert(os.rename(path .. ".away", path))
  status, said = ablate()
  unit.equal(status, 0, said)
  unit.equal(said:find("failed", 1, true), nil)
end)

unit.test("a plan with a broken ensemble is refused", function()
  local plan = unit.read(out .. "/plan.json")
  local function with(change)
    local other = folder .. "/broken"
    assert(os.execute("mkdir -p '" .. other .. "'"))
    local decoded = core.json_decode(plan)
    change(decoded)
    unit.write(other .. "/plan.json", core.json_encode(decoded))
    return other
  end
  unit.fails(1, "rows with runs in the ensemble 'both', found 'x'", plans.read,
    with(function(p) p.rows[4].ensemble[1] = "x" end))
  unit.fails(1, "names of rows in the ensemble of row 4", plans.read,
    with(function(p) p.rows[4].ensemble = 7 end))
  unit.fails(1, "rows with runs in the ensemble 'both', found 'RDAN'", plans.read,
    with(function(p) p.rows[4].ensemble[1] = "RDAN" end))
  unit.fails(1, "no run in the folder of the ensemble 'both'", plans.read,
    with(function(p) p.runs[1].folder = "both-seed0" end))
end)

unit.finish()
