-- A table of runs: frozen before the first, joined with what a folder holds, summed up at the end.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local plans = require "stepwise.sweep.plan"
local results = require "stepwise.results.results"
local setup = require "stepwise.config.setup"

local folder = unit.folder()
local data = folder .. "/data" -- never read by a plan

local function script(rows, more)
  return unit.write(folder .. "/t.lua", string.format([[
local sw = require "stepwise"
local base = sw.experiment { model = { dim = 8 }, on_scenes = { dim = 4 }, data = { dir = %q } }
return sw.table { title = "T", base = base, rows = { %s }, %s }]], data, rows, more or ""))
end

local two_rows = [[{ name = "A & B" }, { name = "l2l only", stages = { "l2l" } }]]

local function build(seeds, overrides, rows, more)
  return plans.build(script(rows or two_rows, more), {}, overrides or {}, plans.seeds(seeds or "0"))
end

unit.test("lists of seeds", function()
  local function list(words) return table.concat(plans.seeds(words), " ") end
  unit.equal(list "0-4", "0 1 2 3 4")
  unit.equal(list "7", "7")
  unit.equal(list "2,0-1,1", "0 1 2")
  for _, words in ipairs { "", "a", "1-", "-1", "3-1", "1,,2", "1.5", "0x1" } do
    unit.fails(2, "--seeds: expected numbers like 0-4", plans.seeds, words)
  end
  unit.fails(2, "at most 1000", plans.seeds, "0-99999999999")
end)

unit.test("every row and seed is resolved, with its own change only", function()
  local plan = build("0-1")
  unit.equal(#plan.runs, 4)
  local names = {}
  for i, run in ipairs(plan.runs) do names[i] = run.folder end
  unit.equal(table.concat(names, " "), "a-b-seed0 a-b-seed1 l2l-only-seed0 l2l-only-seed1")
  unit.equal(#plan.runs[1].config.model.stages, 3)
  unit.equal(#plan.runs[3].config.model.stages, 1)
  unit.equal(plan.runs[4].config.seed, 1)
  unit.equal(plan.rows[2].changes[1], "stages=l2l")
  -- real data: what is meant for scenes stays out
  unit.equal(plan.generated, false)
  unit.equal(plan.runs[1].config.model.dim, 8)
end)

unit.test("an experiment is resolved once, whatever rows and seeds there are", function()
  local configs = require "stepwise.config.config"
  local before = configs.resolved
  local plan = build("0-9")
  plans.check_configs(plan, folder)
  unit.equal(#plan.runs, 20)
  unit.equal(configs.resolved - before, 1)
end)

unit.test("what a script changes in a checked experiment or table is checked again", function()
  local function changed(change)
    return unit.write(folder .. "/t.lua", string.format([[
local sw = require "stepwise"
local base = sw.experiment { model = { dim = 8 }, data = { dir = %q } }
local t = sw.table { title = "T", base = base, rows = { { name = "A" } } }
%s
return t]], data, change))
  end
  local function rebuilt(change) return plans.build(changed(change), {}, {}, { 0 }) end
  unit.equal(rebuilt("t.base.model.dim = 16").runs[1].config.model.dim, 16)
  unit.equal(rebuilt("t.rows[1].dim = 32").runs[1].config.model.dim, 32)
  unit.fails(2, "model.dim: expected a whole number from 1", rebuilt, "t.base.model.dim = 0")
  unit.fails(2, "no option 'dimm'", rebuilt, "t.rows[1].dimm = 2")
  unit.fails(2, "", rebuilt, "t.rows[1].dim = print")
end)

unit.test("overrides change the base, and a row wins over them", function()
  local plan = build("0", { "stages=l2l,g2l", "dim=16" })
  unit.equal(plan.runs[1].config.model.dim, 16)
  unit.equal(#plan.runs[1].config.model.stages, 2)
  unit.equal(plan.runs[2].config.model.stages[1].plugin, "l2l")
  unit.fails(2, "did you mean 'dim'", build, "0", { "dimm=16" })
end)

unit.test("without --seeds the base's own seed is the one", function()
  local path = unit.write(folder .. "/seed.lua", [[
local sw = require "stepwise"
return sw.table { title = "T", base = sw.experiment { seed = 7 }, rows = { { name = "a" } } }]])
  unit.equal(plans.build(path, {}, {}).runs[1].seed, 7)
  unit.equal(plans.build(path, {}, {}, { 3 }).runs[1].config.seed, 3)
end)

unit.test("keys that could have no effect are refused with what sets them", function()
  local path = script(two_rows)
  for key, sets in pairs { seed = "--seeds", threads = "--threads", name = "a row's name",
    out = "--out", j = "-j", stall = "--stall" } do
    local status, said = unit.program({ "ablate", path, key .. "=4", "--dry-run" }, "",
      "2>&1 >/dev/null")
    unit.equal(status, 2, key)
    unit.contains(said, string.format("ablate: %s=4 would have no effect: %s sets it", key, sets))
  end
  local config = require("stepwise.config.describe").session():resolve {}
  unit.fails(2, "--seed 3 and seed=4 contradict each other", setup.apply, config, { seed = 3 },
    { "seed=4" })
  unit.equal(setup.apply(config, { seed = 4 }, { "seed=4", "dim=8" }):table().model.dim, 8)
end)

unit.test("a GloVe file of another width is refused with the width that fits", function()
  local glove = unit.write(folder .. "/glove.txt", "the 0.5 -1e-3 .25 4\na 1 2 3 4\n")
  assert(os.execute("mkdir -p '" .. data .. "'"))
  local function check(words, row)
    local plan = plans.build(script(row or two_rows), { glove = glove }, { "word_dim=" .. words })
    plans.check_files(plan)
  end
  unit.fails(1, { "row 'A & B'", "glove.txt", "expected a word and 8 numbers, found 4",
    "word_dim=4 fits" }, check, 8)
  check(4)
  check(8, [[{ name = "A", embedding = "random" }]]) -- which does not read it
  os.remove(glove)
  unit.fails(1, { "data.glove", "no such file" }, check, 4)
  os.remove(data)
end)

unit.test("a row whose stages cannot run is refused with an order that can", function()
  unit.fails(2, { "row 'g2g only'", "stage g2g: needs", "stages=l2l,g2l,g2g would run" }, build,
    "0", {}, [[{ name = "g2g only", stages = "g2g" }]])
  unit.fails(2, { "row 'A & B'", "stages=l2l,g2l,g2g would run" }, build, "0",
    { "stages=g2g,g2l,l2l" })
end)

unit.test("rows whose names look alike get folders of their own", function()
  local plan = build("0", {},
    [[{ name = "a+b" }, { name = "a-b" }, { name = "Δ" }, { name = "logs" }]])
  local names = {}
  for i, run in ipairs(plan.runs) do names[i] = run.folder end
  unit.equal(table.concat(names, " "), "a-b-seed0 a-b-2-seed0 row-seed0 logs-2-seed0")
end)

unit.test("a plan names no folder elsewhere, and its texts are UTF-8", function()
  local dir = folder .. "/elsewhere"
  for _, name in ipairs { "../up", "a/b", "..", "configs", "a\n", "" } do
    os.execute("mkdir -p '" .. dir .. "'")
    unit.write(dir .. "/plan.json", sw.json_encode { title = "T", data = "d",
      rows = { { name = "a", slug = "a" } }, runs = { { row = "a", seed = 0, folder = name } } })
    unit.fails(1, "plan.json: expected a folder of this one in run 1", plans.read, dir)
  end
  unit.fails(2, "rows[1]: name: expected text in UTF-8, found 'a\u{fffd}'", build, nil, nil,
    '{ name = "a\\xff" }')
end)

unit.test("what killed processes left half written goes", function()
  local plan = build()
  local dir = folder .. "/leftovers"
  plans.freeze(plan, dir)
  local left = { "/configs/a-b-seed0.json.Ab3xY9", "/plan.json.abcdef" }
  for _, name in ipairs(left) do unit.write(dir .. name, "x") end
  unit.write(dir .. "/table.json.abcdef", "another process may be writing it")
  plans.freeze(build(), dir)
  for _, name in ipairs(left) do unit.equal(io.open(dir .. name), nil, name) end
  unit.equal(unit.read(dir .. "/table.json.abcdef"):sub(1, 7), "another")
end)

unit.test("an experiment is no table", function()
  local path = unit.write(folder .. "/e.lua", 'return require("stepwise").experiment {}')
  unit.fails(2, "found an experiment, which stepwise train runs", plans.build, path, {}, {}, { 0 })
end)

local dir = folder .. "/out"

unit.test("looking at a plan writes nothing", function()
  plans.freeze(build(), dir, true)
  unit.equal(require("stepwise.core").file_kind(dir), nil)
end)

unit.test("a plan is on disk before any run, whole", function()
  plans.freeze(build(), dir)
  local plan = plans.read(dir)
  unit.equal(#plan.runs, 2)
  local frozen = sw.json_decode(unit.read(dir .. "/configs/l2l-only-seed0.json"))
  unit.equal(#frozen.model.stages, 1)
  unit.equal(frozen.name, "l2l only")
end)

unit.test("more seeds join; another setting, row or data does not", function()
  plans.freeze(build("1"), dir)
  unit.equal(#plans.read(dir).runs, 4)
  plans.freeze(build("0"), dir)
  unit.equal(#plans.read(dir).runs, 4, "seeds that were there stay")
  unit.fails(1, { "row 'A & B' was planned otherwise", "train.lr", "--out" }, plans.freeze,
    build("0", { "lr=0.5" }), dir)
  unit.fails(1, { "data.dir" }, plans.freeze, build("0", { "data.dir=elsewhere" }), dir)
  unit.fails(1, { "a row 'l2l only'" }, plans.freeze, build("0", {}, [[{ name = "A & B" }]]), dir)
  plans.freeze(build("0", { "threads=2" }), dir)
end)

unit.test("a folder with other things is left alone", function()
  assert(os.execute("mkdir '" .. folder .. "/other'"))
  unit.write(folder .. "/other/thesis.tex", "x")
  unit.fails(1, "something other than runs", plans.freeze, build(), folder .. "/other")
end)

unit.test("broken plans are errors with the file's name", function()
  unit.fails(1, "no plan.json", plans.read, folder)
  assert(os.execute("mkdir '" .. folder .. "/broken'"))
  unit.write(folder .. "/broken/plan.json", "{")
  unit.fails(1, "broken/plan.json: JSON", plans.read, folder .. "/broken")
  unit.write(folder .. "/broken/plan.json", "[]")
  unit.fails(1, "expected rows and runs", plans.read, folder .. "/broken")
end)

unit.test("a plan.json with any one value of another type is one line, or still a plan", function()
  local out = folder .. "/hostile"
  plans.freeze(build(), out)
  local text = unit.read(out .. "/plan.json")
  local wrong = { sw.json_null, true, -1, 1.5, "x", "../x", {}, { 1 }, { a = 1 } }
  local places = {}
  local function walk(value, path)
    for key, item in pairs(value) do
      local deeper = { table.unpack(path) }
      deeper[#deeper + 1] = key
      places[#places + 1] = deeper
      if type(item) == "table" and #deeper < 5 then walk(item, deeper) end
    end
  end
  walk(sw.json_decode(text), {})
  local refusals = 0
  for i, path in ipairs(places) do
    for j = 1, 3 do
      local plan = sw.json_decode(text)
      local at = plan
      for k = 1, #path - 1 do at = at[path[k]] end
      at[path[#path]] = wrong[(3 * i + j) % #wrong + 1]
      unit.write(out .. "/plan.json", sw.json_encode(plan))
      for _, look in ipairs {
        function() plans.check_configs(plans.read(out), out) end,
        function() plans.freeze(build(), out, true) end,
        function() results.render(results.read(out), "md") end,
      } do
        local fine, problem = pcall(look)
        if not fine then
          refusals = refusals + 1
          unit.equal(type(problem), "table", "an internal error: " .. tostring(problem))
          unit.equal(tostring(problem):find("\n"), nil)
        end
      end
    end
  end
  unit.equal(refusals > 100, true, "refusals")
  unit.write(out .. "/plan.json", (text:gsub('"dim": 8', '"dim": "wide"', 1)))
  unit.fails(2, { "hostile/plan.json: run 'a-b-seed0': ", "dim" }, plans.check_configs,
    plans.read(out), out)
  unit.write(out .. "/plan.json", (text:gsub('"folder": "a%-b%-seed0"', '"folder": "../a"')))
  unit.fails(1, { "hostile/plan.json", "a folder of this one" }, plans.read, out)
end)

unit.test("a config.json that is wrong is refused by its name", function()
  local path = unit.write(folder .. "/config.json", '{"model": {"dim": "wide"}}')
  unit.fails(2, { "config.json: ", "dim" }, setup.resolve,
    require("stepwise.config.describe").session(), setup.experiment(path))
end)

-- ---- results -----------------------------------------------------------------------------------

local function finish(run, rsum)
  local metrics = { rsum = rsum }
  for _, name in ipairs { "i2t_r1", "i2t_r5", "i2t_r10", "t2i_r1", "t2i_r5", "t2i_r10" } do
    metrics[name] = rsum / 6
  end
  os.execute("mkdir -p '" .. dir .. "/" .. run .. "'")
  unit.write(dir .. "/" .. run .. "/result.json",
    sw.json_encode { test = metrics, dev = sw.json_null })
end

dir = folder .. "/results"
local rows = [[{ name = "A", paper = { text = { 10, 20 }, rsum = 99.5 } }, { name = "B", dim = 9 }]]
local function fresh(seeds)
  plans.freeze(build(seeds, {}, rows, 'reference = "A"'), dir)
end

unit.test("what is not done is said to be not done", function()
  fresh "0"
  local page = results.render(results.read(dir), "md")
  unit.contains(page, "not done")
  unit.contains(page, "'B': 1 run not done yet")
end)

unit.test("one seed: means without spread, and a warning", function()
  finish("a-seed0", 60)
  finish("b-seed0", 66)
  local page = results.render(results.read(dir), "md")
  unit.contains(page, "60.0")
  unit.contains(page, "+6.0")
  unit.contains(page, "One seed, so no verdict against 'A': 'B'.")
  unit.contains(page, "99.5")
  unit.equal(page:find("±", 1, true), nil)
end)

unit.test("three seeds: mean, sample deviation, n, and the paired difference", function()
  fresh "0-2"
  finish("a-seed1", 61)
  finish("a-seed2", 62)
  finish("b-seed1", 68)
  finish("b-seed2", 67)
  local page = results.render(results.read(dir), "md")
  unit.contains(page, "61.0 ± 1.0")
  unit.contains(page, "67.0 ± 1.0")
  -- differences 6, 7, 5: mean 6, half = 4.3027 / sqrt(3)
  unit.contains(page, "[+3.5, +8.5]")
  unit.equal(page:find("Not separable", 1, true), nil)
  local object = sw.json_decode(results.render(results.read(dir), "json"))
  unit.equal(object.rows[2].n, 3)
  unit.near(object.rows[2].metrics.rsum.std, 1, 1e-12)
  unit.equal(object.rows[2].delta.rsum.separable, true)
  unit.equal(object.rows[1].metrics.rsum.paper, 99.5)
end)

unit.test("differences that chance explains are marked", function()
  finish("b-seed1", 40)
  local page = results.render(results.read(dir), "md")
  unit.contains(page, "not at 3 seeds")
  unit.contains(page, "Not separable from 'A' at 3 seeds: 'B'.")
end)

unit.test("a failed run is in the table with its reason, and the rest still counts", function()
  os.remove(dir .. "/b-seed1/result.json")
  unit.write(dir .. "/logs/b-seed1.error", "the loss is | not finite\n")
  local found = results.read(dir)
  unit.equal(results.failures(found), 1)
  local page = results.render(found, "md")
  unit.contains(page, "'B', seed 1 failed: the loss is \\| not finite")
  unit.contains(page, "66.5 ± 0.7")
  local csv = results.render(found, "csv")
  unit.contains(csv, "\nB,2,\"0, 2\",1,")
  unit.contains(results.render(found, "tex"), "\\textbf{66.5} {\\scriptsize$\\pm$0.7}")
end)

unit.test("runs that were not made alike are told apart", function()
  local function provenance(run, fingerprint, blas, parts)
    unit.write(dir .. "/" .. run .. "/provenance.json", sw.json_encode {
      data = { train = fingerprint }, blas = { core = blas }, cpu = "avx2",
      plugins = { { name = "l2l", hash = blas .. "1" } }, parts = parts,
    })
  end
  provenance("a-seed0", "d1", "Haswell")
  provenance("a-seed1", "d1", "Haswell")
  local page = results.render(results.read(dir), "md")
  unit.equal(page:find("mix", 1, true), nil)
  provenance("a-seed1", "d2", "SkylakeX")
  page = results.render(results.read(dir), "md")
  unit.contains(page, "The runs mix data (fingerprints of the train split): d1, d2.")
  unit.contains(page, "Haswell, SkylakeX")
  unit.contains(page, "builds of the plugin l2l")
  unit.equal(page:find("vector kernels", 1, true), nil)
  -- a run that another machine went on with
  provenance("a-seed1", "d1", "Haswell", { { host = "one" }, { host = "two", cpu = "amx" } })
  page = results.render(results.read(dir), "md")
  unit.contains(page, "The runs mix vector kernels, which give other last digits: amx, avx2.")
  unit.equal(page:find("The runs mix data", 1, true), nil)
end)

unit.test("another format is misuse", function()
  unit.fails(2, "did you mean 'md'", results.render, results.read(dir), "mdx")
end)

unit.finish()
