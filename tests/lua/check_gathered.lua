-- Runs of any folders in one table: which are a row, what differs, and what is never mixed.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local gathered = require "stepwise.results.gathered"
local results = require "stepwise.results.results"
local made = dofile(unit.source .. "/tests/lua/made_tables.lua")

local root = unit.folder()
local session <close> = sw.session { threads = 1 }

-- Finished runs in root/NAME-seedN; test: which test data they were measured on.
local function runs(name, seeds, changes, test)
  made.table(root, { { name, {}, 1.0 } }, seeds)
  local folders = {}
  for i, seed in ipairs(seeds) do
    local config <close> = session:resolve { name = name, seed = seed,
      model = { embedding = "random" }, data = { dir = "data of " .. (test or "one") } }
    for _, change in ipairs(changes) do config:override(change) end
    folders[i] = string.format("%s/%s-seed%d", root, name, seed)
    unit.write(folders[i] .. "/config.json", config:text(1))
    unit.write(folders[i] .. "/provenance.json", sw.json_encode { sources = { data = {
      train = "11", dev = "22", test = test or "33" } } })
  end
  return folders
end

local function join(...)
  local all = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  return all
end

local base = runs("base", { 0, 1, 2 }, {})
local other = runs("other", { 0, 1 }, { "l2l.lambda=4", "fusion=sum", "threads=3" })
local less = runs("less", { 2 }, { "stages=l2l" })

unit.test("runs that differ in the seed alone are a row, with the keys that differ and no others",
  function()
    local plans = gathered.plans(join(base, other))
    unit.equal(#plans, 1)
    unit.equal(#plans[1].rows, 2)
    unit.equal(table.concat(plans[1].rows[1].changes, " "), "g2l.fusion=gate l2l.lambda=15")
    unit.equal(table.concat(plans[1].rows[2].changes, " "), "g2l.fusion=sum l2l.lambda=4")
    local found = results.of_plan(plans[1], "", nil, "other").sets[1]
    unit.equal(#found.rows[1].runs, 3)
    unit.equal(found.rows[1].delta.rsum.n, 2)
    unit.equal(found.rows[1].delta.rsum.over, "queries and seeds")
    unit.equal(found.rows[2].delta, nil)
  end)

unit.test("a stage that only some have is told by the list of stages", function()
  local rows = gathered.plans(join(base, less))[1].rows
  unit.equal(table.concat(rows[2].changes, " "), "stages=l2l")
end)

unit.test("runs of one name and other settings have names of their own", function()
  local again = runs("again", { 0 }, { "name=base", "lr=0.5" })
  local rows = gathered.plans(join(base, again))[1].rows
  unit.equal(rows[1].name, "base")
  unit.equal(rows[2].name, "base (2)")
end)

unit.test("runs that were measured on different data are never in one table", function()
  local elsewhere = runs("elsewhere", { 0 }, {}, "44")
  local plans = gathered.plans(join(base, elsewhere, other))
  unit.equal(#plans, 2)
  unit.equal(#plans[1].rows, 2)
  unit.equal(plans[2].data, "data of 44")
  local status, said = unit.program(join({ "compare" }, base, elsewhere))
  unit.equal(status, 0, said)
  unit.contains(said, "measured on 2 different data; each has a table of its own")
  unit.contains(said, "Runs compared on data of 44")
  status, said = unit.program(join({ "compare", "--format", "csv" }, base, elsewhere))
  unit.equal(status, 1)
  unit.contains(said, "from data of one and data of 44; --format csv holds one table")
end)

unit.test("train data that differ are a difference between rows", function()
  local trained = runs("trained", { 1 }, {})
  unit.write(trained[1] .. "/provenance.json", sw.json_encode { sources = { data = {
    train = "99", dev = "22", test = "33" } } })
  local rows = gathered.plans(join(base, trained))[1].rows
  unit.equal(table.concat(rows[2].changes, " "), "file of train=99")
end)

unit.test("a sweep's folder stands for its runs, and no run is taken twice", function()
  local plan = gathered.plans({ root, base[1] })[1] -- its plan.json is of what was made last
  unit.equal(plan.rows[1].name, "trained")
  unit.equal(#plan.runs, 2)
  assert(os.execute(string.format("cp -r '%s' '%s/copy'", base[1], root)))
  unit.fails(1, { "copy: is the same run as ", "base-seed0" }, gathered.plans,
    { base[1], root .. "/copy" })
  unit.fails(1, "nothing: expected a run folder", gathered.plans, { root .. "/nothing" })
end)

unit.test("compare and table are against any row, and know a near miss", function()
  local status, said = unit.program(join({ "compare", "--against", "other" }, base, other))
  unit.equal(status, 0, said)
  unit.contains(said, "Against 'other':")
  unit.contains(said, "| base  | g2l.fusion=gate")
  status, said = unit.program(join({ "compare", "--against", "othr" }, base, other))
  unit.equal(status, 2)
  unit.contains(said, "--against: no row 'othr'; did you mean 'other'?")
  local dir = made.table(root .. "/sweep",
    { { "a = b", {}, 1.0 }, { "c", { "lr=1" }, 2.0 } }, { 0 })
  status, said = unit.program { "table", dir, "--against", "c" }
  unit.equal(status, 0, said)
  unit.contains(said, "Against 'c':")
  status, said = unit.program { "table", dir, "--against", "b" }
  unit.equal(status, 0, said)
  unit.contains(said, "Against 'a = b':")
end)

unit.finish()
