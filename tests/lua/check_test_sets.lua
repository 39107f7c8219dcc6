-- Folds and several test sets, from a script to the page: each model is trained once, and at every
-- number it is clear which split it is of, how many images and how many folds.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local report = require "stepwise.commands.report"
local results = require "stepwise.results.results"
local test_sets = require "stepwise.results.test_sets"

local folder = unit.folder()
local data = folder .. "/data"
sw.scenes(data, { train = 16, dev = 8, test = 20, regions = 4, features = 16, word_dim = 6 })

-- What is on disk of one run or table: written by the program, as a user would.
local function script(name, rows, more)
  unit.write(folder .. "/" .. name .. ".lua", string.format([[
local sw = require "stepwise"
return sw.table {
  title = "T",
  base = sw.experiment {
    model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 } },
    train = { batch = 16, epochs = 1, lr = 1e-3 },
  },
  rows = { %s },
  %s
}]], rows, more or ""))
  return folder .. "/" .. name .. ".lua"
end

local function ablate(name, rows, more, ...)
  local status, text = unit.program { "ablate", script(name, rows, more), "--data", data,
    "--seeds", "0-1", "--out", folder .. "/" .. name, ... }
  return status, text, folder .. "/" .. name
end

unit.test("what a test set leaves out follows the config's keys, also when they change", function()
  local session <close> = sw.session { threads = 1 }
  local function sets(config)
    local list = {}
    for i, set in ipairs(test_sets.of_config(config.value)) do
      list[i] = string.format("%s %s %s %d %d %s", set.name, set.named, set.split, set.images,
        set.folds, set.file)
    end
    return table.concat(list, "; ")
  end
  local config = session:resolve { data = { test_split = "testall", folds = 5, test_images = 500 } }
  unit.equal(sets(config), "test false testall 500 5 test")
  unit.equal(sets(config:override "test_split="), "")
  config = session:resolve { data = { test_split = "testall", test_images = 7, tests = {
    { name = "COCO 1K", folds = 5 }, { name = "dev, again", split = "dev", images = 4 } } } }
  unit.equal(sets(config), "COCO 1K true testall 7 5 coco-1k; dev, again true dev 4 1 dev-again")
  config:override("test_images=9"):override "folds=3"
  unit.equal(sets(config), "COCO 1K true testall 9 5 coco-1k; dev, again true dev 4 3 dev-again")
end)

local two = '{ name = "base", paper = { ["COCO 1K"] = { rsum = 500.5 },'
  .. '["COCO 5K"] = { rsum = 400.25 } } }, { name = "one", stages = { "l2l" } }'
local map = 'tests = { ["COCO 5K"] = { split = "test" },'
  .. '["COCO 1K"] = { split = "test", folds = 2 } }'

local status, said, dir = ablate("two", two, map)
assert(status == 0, said)

local function render(of, format) return results.render(results.read(of), format) end
local function json(path) return sw.json_decode(unit.read(path)) end

-- ---- scripts -----------------------------------------------------------------------------------

unit.test("a map of test sets goes by its names, a list as it is written", function()
  local plan = json(dir .. "/plan.json")
  local list = plan.runs[1].config.data.tests
  unit.equal(list[1].name .. "/" .. list[2].name, "COCO 1K/COCO 5K")
  unit.equal(list[1].folds, 2)
  local listed = test_sets.list { { name = "b" }, { name = "a" } }
  unit.equal(listed[1].name .. listed[2].name, "ba")
  local other, text = ablate("listed", two, [[tests = { { name = "COCO 5K", split = "test" },
    { name = "COCO 1K", folds = 2 } }]], "--dry-run")
  unit.equal(other, 0, text)
end)

unit.test("an experiment's own data.tests is the same as a table's", function()
  local function tests_of(t)
    local describe = require "stepwise.config.describe"
    return describe.resolved(sw.experiment(t)):table().data.tests
  end
  local tests = tests_of { data = { tests = { y = { folds = 3 }, x = {} } } }
  unit.equal(tests[1].name .. tests[2].name .. tests[2].folds, "xy3")
  unit.equal(#tests_of { data = { folds = 5 } }, 0)
end)

unit.test("what cannot be is refused before anything runs, in one line", function()
  local function refused(expected, parts, name, rows, more, ...)
    local found, text = ablate(name, rows, more, ...)
    unit.equal(found, expected, text)
    for _, part in ipairs(parts) do unit.contains(text, part) end
    unit.equal(core.file_kind(folder .. "/" .. name), nil, "nothing is left")
  end
  local base = '{ name = "base" }'
  refused(2, { "no option 'fold' in data.tests[1]; did you mean 'folds'?" }, "x", base,
    "tests = { A = { fold = 5 } }", "--dry-run")
  refused(2, { "data.tests: expected a list" }, "x", base, "tests = 5", "--dry-run")
  refused(2, { "row 'base': tests: a row cannot change it" }, "x",
    '{ name = "base", tests = "a" }', nil, "--dry-run")
  refused(2, { "paper: expected what it prints of each test set", "COCO 1K" }, "x",
    '{ name = "base", paper = { rsum = 1 } }', map, "--dry-run")
  refused(1, { "row 'base'", "test set 'A'", "20 images do not divide into 3 folds" }, "x", base,
    "tests = { A = { folds = 3 } }", "--dry-run")
  refused(1, { "row 'base'", "20 images do not divide into 3 folds" }, "x", base, nil, "folds=3")
  refused(1, { "test set 'A'", "did you mean 'test'?" }, "x", base,
    'tests = { A = { split = "tset" } }')
  refused(2, { "tests: a list of test sets" }, "x", base, nil, "tests=a", "--dry-run")
end)

-- ---- tables ------------------------------------------------------------------------------------

unit.test("Markdown: a block for each test set, with its split, images, folds and paper", function()
  local text = render(dir, "md")
  unit.contains(text, "COCO 1K (split test, 20 images, 100 captions, mean of 2 folds):")
  unit.contains(text, "COCO 5K (split test, 20 images, 100 captions):")
  unit.contains(text, "\n| COCO 1K |")
  unit.contains(text, "\n| COCO 5K |")
  unit.contains(text, "COCO 5K: Against 'base':")
  unit.contains(text, "| 500.5 |   2 |")
  unit.contains(text, "| 400.2 |   2 |")
  local _, count = text:gsub("Δ rsum: from 'base'", "")
  unit.equal(count, 1, "what all sets say alike is said once")
  unit.equal(text:find("%- COCO 5K: Split test") ~= nil, true)
end)

unit.test("CSV: a record a row and set, and what it is of", function()
  local text = render(dir, "csv")
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  unit.equal(#lines, 5)
  unit.contains(lines[1], ",separable,test,split,images,captions,folds")
  unit.contains(lines[2], ",COCO 1K,test,20,100,2")
  unit.contains(lines[5], ",COCO 5K,test,20,100,1")
end)

unit.test("JSON: the numbers are those of the runs, each set with its own statistics", function()
  local found = sw.json_decode(render(dir, "json"))
  unit.equal(#found.tests, 2)
  local folded, whole = found.tests[1], found.tests[2]
  unit.equal(folded.test .. folded.about.folds .. whole.test .. whole.about.folds,
    "COCO 1K2COCO 5K1")
  for s, set in ipairs(found.tests) do
    local sum = 0
    for seed = 0, 1 do
      local run = json(string.format("%s/one-seed%d/result.json", dir, seed))
      sum = sum + run.tests[set.test].rsum / 2
    end
    unit.near(set.rows[2].metrics.rsum.mean, sum, 1e-9)
    unit.equal(set.rows[1].metrics.rsum.paper, ({ 500.5, 400.25 })[s])
    unit.equal(set.rows[2].delta.rsum.over, "queries and seeds")
    unit.equal(set.rows[2].delta.rsum.separable, false)
  end
  unit.equal(folded.rows[2].metrics.rsum.mean ~= whole.rows[2].metrics.rsum.mean, true)
end)

unit.test("a single set in folds says so in its note, CSV and JSON", function()
  local status_1k, text, of = ablate("folded", '{ name = "base" }, { name = "one", lr = 0.01 }',
    nil, "folds=2", "test_split=test")
  unit.equal(status_1k, 0, text)
  unit.contains(text, "/data: 20 images, 100 captions, mean of 2 folds, at the step with")
  unit.contains(render(of, "csv"), ",test,test,20,100,2\n")
  local found = sw.json_decode(render(of, "json"))
  unit.equal(found.about.folds, 2)
  unit.equal(found.rows[2].delta.rsum.bootstrap ~= nil, true, "drawn within the folds")
  -- as if in more folds: their ranks do not fit
  for _, run in ipairs { "base-seed0", "base-seed1", "one-seed0", "one-seed1" } do
    local result = json(of .. "/" .. run .. "/result.json")
    result.test.folds = 4
    unit.write(of .. "/" .. run .. "/result.json", sw.json_encode(result))
  end
  unit.contains(render(of, "md"), "base-seed0/ranks-test.npy: row ")
end)

unit.test("a row of another test set is marked, not compared, and never the best", function()
  local status_mixed, text, of = ablate("mixed",
    '{ name = "base" }, { name = "few", test_images = 4 }, { name = "other", lr = 0.01 }')
  unit.equal(status_mixed, 0, text)
  local page = render(of, "md")
  unit.contains(page, "| split ")
  unit.contains(page, "test, 4 images, 20 captions")
  unit.contains(page, "test, 20 images, 100 captions")
  unit.contains(page, "Rows differ in what they are evaluated on")
  local found = sw.json_decode(render(of, "json"))
  unit.equal(found.rows[2].delta, nil)
  unit.equal(found.rows[2].apart, true)
  unit.equal(found.rows[2].about.images, 4)
  unit.equal(found.rows[3].delta.rsum.n, 2)
  unit.equal(found.rows[3].delta.rsum.p_holm, found.rows[3].delta.rsum.p, "a family of one")
  local tex = render(of, "tex")
  unit.equal(tex:match("few & [^\n]*textbf"), nil)
  unit.contains(render(of, "csv"), ",test,test,4,20,1\n")
end)

unit.test("a table of dev numbers says dev at every row", function()
  local status_dev, text, of = ablate("devonly", '{ name = "base" }, { name = "one", lr = 0.01 }',
    nil, "test_split=")
  unit.equal(status_dev, 0, text)
  local page = render(of, "md")
  unit.contains(page, "| split ")
  local _, count = page:gsub("| dev   |", "")
  unit.equal(count, 2)
  unit.contains(page, "- Split dev of ")
  unit.contains(page, "- No run was evaluated on a test set: these are dev numbers.")
end)

-- ---- broken files ------------------------------------------------------------------------------

-- The bytes of a ranks file with one number replaced.
local function with_number(bytes, row, column, columns, value)
  local at = 128 + 4 * (row * columns + column)
  return bytes:sub(1, at) .. string.pack("<f", value) .. bytes:sub(at + 5)
end

unit.test("ranks that are none are one line with file and row; the rest goes on", function()
  local path = dir .. "/one-seed1/ranks-coco-1k.npy"
  local good = unit.read(path)
  unit.equal(#good, 128 + 4 * 20 * 6, "the size of a ranks file")
  for _, value in ipairs { 0 / 0, 1.5, -1, 50 } do
    unit.write(path, with_number(good, 7, 0, 6, value))
    local text = render(dir, "md")
    unit.contains(text, "one-seed1/ranks-coco-1k.npy: row 7, column 0: expected a rank of 0 to 49")
    local found = sw.json_decode(render(dir, "json"))
    unit.equal(found.tests[1].rows[2].delta.rsum.over, "seeds")
    unit.equal(found.tests[2].rows[2].delta.rsum.over, "queries and seeds")
    unit.equal(found.tests[1].rows[2].n, 2)
  end
  unit.write(path, good:sub(1, 128):gsub("%(20, 6%)", "(10, 6)") .. ("\0"):rep(4 * 10 * 6))
  unit.contains(render(dir, "md"), "one-seed1/ranks-coco-1k.npy: holds 10 images and result.json")
  -- the report looks at the base, whose ranks are read as carefully
  local base = {}
  for seed = 0, 1 do
    base[seed] = unit.read(string.format("%s/base-seed%d/ranks-coco-1k.npy", dir, seed))
    unit.write(string.format("%s/base-seed%d/ranks-coco-1k.npy", dir, seed),
      with_number(base[seed], 3, 2, 6, 0 / 0))
  end
  report.write(dir, { out = folder .. "/broken.html" })
  unit.contains(unit.read(folder .. "/broken.html"), "row 3, column 2: expected a rank of 0 to 9")
  for seed = 0, 1 do
    unit.write(string.format("%s/base-seed%d/ranks-coco-1k.npy", dir, seed), base[seed])
  end
  unit.write(path, good)
end)

unit.test("a result of a newer format is that run's failure", function()
  local path = dir .. "/one-seed0/result.json"
  local before = unit.read(path)
  local result = sw.json_decode(before)
  result.format = 3
  unit.write(path, sw.json_encode(result))
  unit.contains(render(dir, "md"), "result.json: expected format 2 or older, found 3")
  result.format, result.tests["COCO 1K"].ranks = 2, "../../../etc/passwd"
  unit.write(path, sw.json_encode(result))
  unit.contains(render(dir, "md"), "1 run of 4 without ranks")
  unit.write(path, before)
end)

-- ---- looking at one run ------------------------------------------------------------------------

local function cards(page)
  local places = {}
  for place in page:gmatch("place [%d,]+ of [%d,]+[^<]*") do places[#places + 1] = place end
  return places
end

unit.test("a report searches what the run was evaluated on: its fold, its images", function()
  report.write(dir, { out = folder .. "/page.html" })
  local page = unit.read(folder .. "/page.html")
  unit.contains(page, "COCO 1K<span")
  unit.contains(page, "COCO 5K<span")
  unit.contains(page, "COCO 5K rsum")
  local places = cards(page)
  unit.equal(#places > 8, true)
  for _, place in ipairs(places) do
    unit.equal(place:find("of 10 of its fold", 1, true) ~= nil
      or place:find("of 50 of its fold", 1, true) ~= nil, true, place)
  end
end)

unit.test("a run on a few images: report, search, explain and eval stay within them", function()
  local run = folder .. "/few"
  unit.write(folder .. "/plain.lua", [[
return require "stepwise".experiment {
  model = { dim = 8, embedding = { plugin = "random", word_dim = 6 } },
  train = { batch = 16, epochs = 1, lr = 1e-3 },
}]])
  local code, text = unit.program { "train", folder .. "/plain.lua", "--data", data, "--out", run,
    "test_images=6", "folds=2" }
  unit.equal(code, 0, text)
  unit.contains(text, "test, generated scenes, 6 images, mean of 2 folds: text R@1")
  report.write(run, { out = folder .. "/few.html" })
  local page = unit.read(folder .. "/few.html")
  for _, place in ipairs(cards(page)) do
    unit.equal(place:find("of 3 of its fold", 1, true) ~= nil
      or place:find("of 15 of its fold", 1, true) ~= nil, true, place)
  end
  unit.contains(page, "split test, 6 images, 30 captions, mean of 2 folds")
  code, text = unit.program { "search", run, "--data", data, "a red ball", "--json" }
  unit.equal(code, 0, text)
  unit.equal(sw.json_decode(text).among, 6)
  code, text = unit.program { "search", run, "--data", data, "--split", "test", "a red ball",
    "--json" }
  unit.equal(code, 0, text)
  unit.equal(sw.json_decode(text).among, 20)
  code, text = unit.program { "explain", run, "--data", data, "--image", "6", "--json" }
  unit.equal(code, 1, text)
  unit.contains(text, "below 6")
  code, text = unit.program { "eval", run, "--data", data, "--json" }
  unit.equal(code, 0, text)
  local metrics, result = sw.json_decode(text), json(run .. "/result.json")
  unit.equal(metrics.folds, 2)
  unit.near(metrics.rsum, result.test.rsum, 1e-9)
  code, text = unit.program { "eval", run, "--data", data, "--split", "test", "--json" }
  unit.equal(code, 0, text)
  unit.equal(sw.json_decode(text).images, 20)
  unit.equal(sw.json_decode(text).folds, 1)
end)

unit.test("eval: on all sets of a run, or on one with folds of its own", function()
  local run = dir .. "/base-seed0"
  local code, text = unit.program { "eval", run, "--data", data, "--json" }
  unit.equal(code, 0, text)
  local found, result = sw.json_decode(text), json(run .. "/result.json")
  for _, set in ipairs(found.tests) do
    unit.near(set.rsum, result.tests[set.test].rsum, 1e-9)
  end
  unit.equal(#found.tests, 2)
  code, text = unit.program { "eval", run, "--data", data }
  unit.equal(code, 0, text)
  unit.contains(text, "COCO 1K: " .. data .. " test")
  unit.contains(text, "mean of 2 folds")
  local function metrics(...)
    local fine, out = unit.program { "eval", run, "--data", data, "--split", "test", "--json", ... }
    unit.equal(fine, 0, out)
    return sw.json_decode(out)
  end
  unit.near(metrics("--folds", "2").rsum, result.tests["COCO 1K"].rsum, 1e-9)
  unit.near(metrics("--fold5").rsum, metrics("--folds", "5").rsum, 0)
  code, text = unit.program { "eval", run, "--data", data, "--split", "test", "--folds", "3" }
  unit.equal(code, 1)
  unit.contains(text, "20 images do not divide into 3 folds")
end)

unit.test("any number of captions per image: table, folds, statistics, report", function()
  for _, q in ipairs { 1, 7 } do
    local many = string.format("%s/many%d", folder, q)
    assert(os.execute(string.format("mkdir '%s' && cp '%s'/*_ims.npy '%s'", many, data, many)))
    for _, split in ipairs { "train", "dev", "test" } do
      local lines, kept = {}, {}
      for line in unit.read(string.format("%s/%s_caps.txt", data, split)):gmatch("[^\n]+") do
        lines[#lines + 1] = line
      end
      for image = 0, #lines // 5 - 1 do
        for j = 0, q - 1 do kept[#kept + 1] = lines[image * 5 + j % 5 + 1] end
      end
      unit.write(string.format("%s/%s_caps.txt", many, split), table.concat(kept, "\n") .. "\n")
    end
    local out = string.format("%s/q%d", folder, q)
    local code, text = unit.program { "ablate", script("q", '{ name = "base" }, { name = "b", '
      .. 'lr = 0.01 }'), "folds=2", "--data", many, "--out", out }
    unit.equal(code, 0, text)
    local found = sw.json_decode(render(out, "json"))
    unit.equal(found.about.captions, 20 * q)
    unit.equal(found.rows[2].delta.rsum.over, "queries")
    report.write(out, { out = folder .. "/q.html" })
    local places = cards(unit.read(folder .. "/q.html"))
    unit.equal(#places > 8, true)
    for _, place in ipairs(places) do
      unit.equal(place:find("of 10 of its fold", 1, true) ~= nil
        or place:find(string.format("of %d of its fold", 10 * q), 1, true) ~= nil, true, place)
    end
  end
end)

unit.test("one figure for each test set", function()
  local code, text = unit.program { "plot", dir, "--tsv", "--out", folder .. "/figures" }
  if code ~= 0 and text:find("gnuplot", 1, true) then return print("skipped: no gnuplot") end
  unit.equal(code, 0, text)
  unit.equal(core.file_kind(folder .. "/figures/ablation.tsv"), "file")
  unit.equal(core.file_kind(folder .. "/figures/ablation-2.tsv"), "file")
end)

unit.finish()
