-- What a table says of parts that are switched off after training: the numbers that eval gives of
-- the base's checkpoint, made once, and again when the base is another run.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local results = require "stepwise.results.results"

local folder = unit.folder()
local inside = "cd '" .. folder .. "' && "

local function run(...)
  local status, text = unit.program({ ... }, inside)
  unit.equal(status, 0, text)
  return text
end

sw.scenes(folder .. "/data", { train = 16, dev = 8, test = 8, regions = 4, features = 16,
  word_dim = 6 })
unit.write(folder .. "/off.lua", [[
local sw = require "stepwise"
return sw.ablation {
  title = "Off", also = "test_time", tests = { A = {}, B = { images = 6 } },
  base = sw.experiment { name = "all",
    model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 } },
    train = { batch = 16, epochs = 1, lr = 1e-3 } },
  parts = { G2G = { ["g2g.score"] = false }, gate = { fusion = "average" }, lr = { lr = 0.01 } },
}]])

local function result(name)
  return sw.json_decode(unit.read(folder .. "/out/switched-off/" .. name))
end

local function row_of(name, set)
  for _, row in ipairs(results.read(folder .. "/out").sets[set or 1].rows) do
    if row.name == name then return row end
  end
end

unit.test("a part that is switched off has the numbers of eval on every test set", function()
  run("ablate", "off.lua", "--data", "data", "--seeds", "0-1", "--out", "out")
  for seed = 0, 1 do
    local there = sw.json_decode(run("eval", "out/all-seed" .. seed, "g2g.score=false", "--data",
      "data", "--json"))
    local found = result("without-g2g-seed" .. seed .. ".json")
    for _, set in ipairs(there.tests) do
      unit.near(found.tests[set.test].rsum, set.rsum, 1e-9, set.test)
    end
  end
  for at, set in ipairs { "A", "B" } do
    local sum = 0.0
    for seed = 0, 1 do
      local own = sw.json_decode(unit.read(folder .. "/out/all-seed" .. seed .. "/result.json"))
      sum = sum + result("without-g2g-seed" .. seed .. ".json").tests[set].rsum
        - own.tests[set].rsum
    end
    local off = row_of("without G2G", at).switched_off
    unit.near(off.delta.rsum.mean, sum / 2, 1e-9, set)
    unit.equal(off.delta.rsum.over, "queries and seeds")
  end
end)

unit.test("what changes parameters, or training alone, cannot be switched off, with the reason",
  function()
    unit.contains(row_of("without gate").switched_off.reason, "g2l.fusion.image.weight is (1,16)")
    unit.contains(row_of("without lr").switched_off.reason, "expected a key of the model")
    unit.equal(row_of("without lr").switched_off.delta, nil)
    unit.equal(row_of("all").switched_off, nil)
    local text = unit.read(folder .. "/out/table.md")
    unit.contains(text, " switched off | ")
    unit.contains(text, "'without lr' cannot be switched off: lr=0.01: expected a key of the model")
    sw.json_decode(unit.read(folder .. "/out/table.json"))
    local off, page = row_of("without G2G").switched_off.delta.rsum, run("report", "out")
    local csv, tex = unit.read(folder .. "/out/table.csv"), unit.read(folder .. "/out/table.tex")
    unit.contains(csv:match("^[^\n]+"), ",switched_off,switched_off_low,switched_off_high,")
    unit.contains(csv:match("\nwithout G2G,[^\n]+"), string.format(",%.6g,%.6g,%.6g,", off.mean,
      off.low, off.high))
    unit.equal(tex:match("\\begin.+"):find("switched off", 1, true), nil,
      "two test sets leave no room for it")
    tex = run("table", "out", "--format", "tex", "--columns", "rsum,switched_off")
    unit.contains(tex:match("\nwithout G2G &[^\n]+"), string.format("$%+.1f$", off.mean))
    unit.contains(tex:match("\nwithout gate &[^\n]+"), "& n/a")
    unit.contains(tex, "Switched off: the trained model of all evaluated with the row's change.")
    page = unit.read(folder .. "/" .. page:match("[^\n]+"))
    unit.contains(page, ">switched off</th>")
    unit.contains(page, ">not possible</td>")
  end)

unit.test("evaluations are made once, and again when the base is another run", function()
  unit.equal(run("ablate", "out"):find("switched-off/", 1, true), nil)
  local path = folder .. "/out/switched-off/without-g2g-seed0.json"
  local whole = unit.read(path)
  local changed = sw.json_decode(whole)
  changed.of.id = "another"
  changed.tests.A.rsum = 7
  unit.write(path, sw.json_encode(changed))
  unit.equal(row_of("without G2G").switched_off.delta.rsum.n, 1, "it is of another run")
  unit.contains(run("ablate", "out"), "1/1  switched-off/without-g2g-seed0\n")
  unit.equal(unit.read(path), whole)
  unit.write(path, "{")
  unit.equal(row_of("without G2G").switched_off.delta.rsum.n, 1)
  run("ablate", "out")
  unit.equal(unit.read(path), whole)
end)

unit.test("a table knows no other word for it", function()
  unit.fails(2, "also: expected 'test_time', found 'testtime'", sw.table, { title = "T",
    base = sw.experiment { model = { embedding = "random" } }, rows = { { name = "a" } },
    also = "testtime" })
end)

unit.finish()
