-- The table of a folder of runs as a reader meets it: what it claims, what it leaves open, and what
-- it does when files are missing, broken or another run's.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local columns = require "stepwise.results.columns"
local core = require "stepwise.core"
local latex = require "stepwise.results.latex"
local marks = require "stepwise.results.marks"
local results = require "stepwise.results.results"

local made = dofile(unit.source .. "/tests/lua/made_tables.lua")
local root = unit.folder()
local npy, make_ranks, metrics_of, names = made.npy, made.ranks, made.metrics, made.recalls
local function sweep(name, ...) return made.table(root .. "/" .. name, ...) end

local three = {
  { "base", {}, 1.0, { text = { 75.9, 96.1 }, rsum = 513.75 } },
  { "same", { "lr=0.1" }, 1.0 },
  { "worse", { "embedding=glove" }, 2.0, { rsum = 510.25 } },
}

local function object(dir) return sw.json_decode(results.render(results.read(dir), "json")) end
local function page(dir) return results.render(results.read(dir), "md") end

unit.test("the row that changes nothing is the base the others are compared with", function()
  local found = object(sweep("base", three, { 0, 1, 2 }))
  unit.equal(found.reference, "base")
  unit.equal(found.rows[1].delta, nil)
  unit.equal(found.rows[3].delta.rsum.n, 3)
  unit.equal(object(sweep("named", three, { 0 }, { reference = "worse" })).reference, "worse")
  unit.equal(object(sweep("no-base", { three[2], three[3] }, { 0 })).reference, nil)
end)

unit.test("a large difference is separable at three seeds; one of chance is not", function()
  local dir = sweep("claims", three, { 0, 1, 2 })
  local found = object(dir)
  local same, worse = found.rows[2].delta.rsum, found.rows[3].delta.rsum
  unit.equal(worse.separable, true)
  unit.equal(same.separable, false)
  unit.equal(worse.over, "queries and seeds")
  unit.near(worse.mean, found.rows[3].metrics.rsum.mean - found.rows[1].metrics.rsum.mean, 1e-9)
  local text = page(dir)
  unit.contains(text, "Not separable from 'base' at 3 seeds: 'same'.")
  unit.contains(text, "not at 3 seeds")
  unit.contains(text, "10,000 draws")
end)

unit.test("p is the larger of two tests', the interval the wider, corrected over rows", function()
  local found = object(root .. "/claims")
  local p = {}
  for i = 2, 3 do
    local one = found.rows[i].delta.rsum
    unit.near(one.p, math.max(one.bootstrap.p, one.t.p), 1e-12)
    unit.near(one.low, math.min(one.bootstrap.low, one.t.low), 1e-9)
    unit.near(one.high, math.max(one.bootstrap.high, one.t.high), 1e-9)
    p[i - 1] = one.p
  end
  local holm = sw.statistics.holm(p)
  unit.near(found.rows[2].delta.rsum.p_holm, holm[1], 1e-12)
  unit.near(found.rows[3].delta.rsum.p_holm, holm[2], 1e-12)
  -- the six recalls are a family of their own, 2 rows x 6: the smallest p is taken 12 times
  local least = { p = 2 }
  for i = 2, 3 do
    for _, name in ipairs(names) do
      local one = found.rows[i].delta[name]
      if one.p < least.p then least = one end
    end
  end
  unit.near(least.p_holm, math.min(1, 12 * least.p), 1e-12)
end)

unit.test("the bootstrap alone is not enough: seeds that disagree are not separable", function()
  -- much, little, much better than the base: every draw of seeds is better, t(2) is not convinced
  local dir = sweep("disagree", { three[1], { "other", { "lr=1" }, 1.0 } }, { 0, 1, 2 })
  for seed, scale in ipairs { 0.45, 0.8, 0.45 } do
    local folder = string.format("%s/other-seed%d", dir, seed - 1)
    local ranks = make_ranks(scale, seed + 9) -- the base's own seeds: all of them gain
    npy(folder .. "/ranks-test.npy", ranks)
    unit.write(folder .. "/result.json", sw.json_encode { test = metrics_of(ranks) })
  end
  local rsum = object(dir).rows[2].delta.rsum
  unit.equal(rsum.bootstrap.p < 0.05, true, "bootstrap p " .. rsum.bootstrap.p)
  unit.equal(rsum.t.p > 0.05, true, "t p " .. rsum.t.p)
  unit.equal(rsum.separable, false)
end)

unit.test("one seed: an interval of the queries, and never separable", function()
  local dir = sweep("one", three, { 0 })
  local worse = object(dir).rows[3].delta.rsum
  unit.equal(worse.over, "queries")
  unit.equal(worse.bootstrap.p < 0.05, true, "the queries are sure: " .. worse.bootstrap.p)
  unit.equal(worse.p, nil)
  unit.equal(worse.p_holm, nil)
  unit.equal(worse.separable, false)
  local text = page(dir)
  unit.contains(text, "nothing about the chance in training")
  unit.contains(text, "One seed, so no verdict against 'base': 'same', 'worse'.")
end)

unit.test("the same folder gives the same bytes", function()
  for _, format in ipairs(results.formats) do
    unit.equal(results.render(results.read(root .. "/claims"), format),
      results.render(results.read(root .. "/claims"), format), format)
  end
end)

-- ---- broken and missing files ----------------------------------------------------------------

unit.test("without ranks the seeds alone speak, and the table says so", function()
  local dir = sweep("bare", three, { 0, 1, 2 })
  assert(os.execute("rm '" .. dir .. "'/*/ranks-test.npy"))
  local rsum = object(dir).rows[3].delta.rsum
  unit.equal(rsum.over, "seeds")
  unit.equal(rsum.bootstrap, nil)
  unit.equal(rsum.p, rsum.t.p)
  unit.contains(page(dir), "Without the ranks of queries")
end)

unit.test("ranks that are broken, or another run's, are left out with a word", function()
  local dir = sweep("broken", three, { 0, 1 })
  unit.write(dir .. "/worse-seed1/ranks-test.npy", "\x93NUMPY")
  npy(dir .. "/same-seed0/ranks-test.npy", make_ranks(2, 5))
  local text, found = page(dir), object(dir)
  unit.contains(text, "worse-seed1/ranks-test.npy: ")
  unit.contains(text, "same-seed0/ranks-test.npy: gives ")
  unit.contains(text, "2 runs of 6 without ranks of queries")
  unit.equal(found.rows[2].delta.rsum.over, "seeds")
  unit.equal(found.rows[3].n, 2)
end)

unit.test("runs of another number of test images are not drawn together", function()
  local dir = sweep("sizes", { three[1], three[2] }, { 0 })
  local ranks = make_ranks(1, 3)
  ranks[#ranks] = nil
  npy(dir .. "/same-seed0/ranks-test.npy", ranks)
  unit.write(dir .. "/same-seed0/result.json", sw.json_encode { test = metrics_of(ranks) })
  unit.contains(page(dir), "'same' against 'base': bootstrap: expected 59 images")
  unit.equal(object(dir).rows[2].delta.rsum.over, nil)
end)

unit.test("a broken result is that run's failure and nobody else's", function()
  local dir = sweep("results", three, { 0, 1 })
  unit.write(dir .. "/worse-seed0/result.json", "{ \"test\": ")
  unit.write(dir .. "/worse-seed1/result.json", '{"test": {"rsum": "much"}}')
  unit.write(dir .. "/same-seed0/provenance.json", "[1,")
  local text, found = page(dir), object(dir)
  unit.equal(#found.rows[3].failed, 2)
  unit.contains(found.rows[3].failed[1].reason, "result.json: ")
  unit.contains(found.rows[3].failed[2].reason, "test.i2t_r1: expected a number")
  unit.contains(text, "| failed: result.json: ")
  unit.contains(text, "same-seed0/provenance.json: ")
  unit.equal(found.rows[2].n, 2)
end)

unit.test("dev and test numbers are not mixed in one table", function()
  local dir = sweep("splits", three, { 0 })
  local metrics = metrics_of(make_ranks(1, 1))
  unit.write(dir .. "/same-seed0/result.json",
    sw.json_encode { test = sw.json_null, dev = metrics })
  local found = object(dir)
  unit.equal(found.split, "test")
  unit.contains(found.rows[2].failed[1].reason, "test was not evaluated")
  for _, name in ipairs { "base", "worse" } do
    unit.write(dir .. "/" .. name .. "-seed0/result.json",
      sw.json_encode { test = sw.json_null, dev = metrics })
  end
  unit.equal(object(dir).split, "dev")
  unit.contains(page(dir), "The step was chosen on these same queries")
  unit.equal(object(dir).rows[2].n, 1)
end)

unit.test("a reason that is no UTF-8 stands in every form of the table", function()
  local dir = sweep("bytes", three, { 0 })
  os.remove(dir .. "/same-seed0/result.json")
  unit.write(dir .. "/logs/same-seed0.error", "\x80\xbf" .. ("bad\xff "):rep(40) .. "\n")
  local text = results.write(results.read(dir), dir)
  unit.contains(text, "failed: \u{fffd}\u{fffd}bad\u{fffd} ")
  sw.json_decode(unit.read(dir .. "/table.json"))
end)

unit.test("a plan that names files elsewhere, or no rows it has, is refused in one line", function()
  local dir = sweep("plans", { three[1] }, { 0 })
  local function refused(part, change)
    local plan = sw.json_decode(unit.read(root .. "/base/plan.json"))
    change(plan)
    unit.write(dir .. "/plan.json", sw.json_encode(plan))
    unit.fails(1, { "plan.json: expected ", part }, results.read, dir)
  end
  refused("a folder of this one in run 1", function(p) p.runs[1].folder = "../claims/run" end)
  refused("a folder of this one in run 1", function(p) p.runs[1].folder = ".." end)
  refused("a row that is there in run 2", function(p) p.runs[2].row = "none" end)
  refused("a name and a slug in row 2", function(p) p.rows[2].name = 7 end)
  refused("a seed in run 3", function(p) p.runs[3].seed = "x" end)
  refused("one run 'base-seed0'", function(p) p.runs[2].folder = "base-seed0" end)
  refused("one run of row 'base' and seed 0", function(p) p.runs[2].seed = 0 end)
  refused("one row 'base'", function(p) p.rows[2].slug = "base" end)
  refused("a title", function(p) p.title = nil end)
end)

unit.test("what later plans add does not disturb, null is nothing", function()
  local dir = sweep("later", three, { 0 })
  local plan = sw.json_decode(unit.read(dir .. "/plan.json"))
  for _, run in ipairs(plan.runs) do run.id, run.state = "0123abcd", "done" end
  plan.note, plan.reference, plan.rows[1].paper = sw.json_null, sw.json_null, sw.json_null
  plan.rows[2].changes = nil
  unit.write(dir .. "/plan.json", sw.json_encode(plan))
  unit.contains(page(dir), "same")
end)

-- ---- the page --------------------------------------------------------------------------------

unit.test("a failed row shows why, a row not begun that it is not done", function()
  local dir = sweep("failed", three, { 0, 1 })
  for seed = 0, 1 do
    for _, name in ipairs { "worse", "same" } do
      assert(os.execute(string.format("rm -r '%s/%s-seed%d'", dir, name, seed)))
    end
    unit.write(dir .. "/logs/worse-seed" .. seed .. ".error",
      "ended by a signal: " .. ("très | long "):rep(20) .. "\n")
  end
  local text = page(dir)
  unit.contains(text, "| failed: ended by a signal: très \\| long")
  unit.contains(text, "| not done |")
  unit.contains(text, "'worse', seed 0, 1 failed: ended by a signal")
  -- every line of a table has the bars of its head
  local bars
  for line in text:gmatch("[^\n]*\n") do
    if line:sub(1, 1) ~= "|" then
      bars = nil
    else
      local _, count = line:gsub("\\|", ""):gsub("|", "")
      bars = bars or count
      unit.equal(count, bars, line)
    end
  end
  unit.contains(results.render(results.read(dir), "tex"),
    "worse & \\multicolumn{7}{l}{failed: ended by a signal: très \\textbar{} long")
  unit.equal(results.failures(results.read(dir)), 2)
end)

unit.test("the paper's rsum stands beside ours, all of its numbers in CSV and JSON", function()
  local dir = root .. "/claims"
  local text = page(dir)
  unit.contains(text, " rsum | paper |   n |")
  unit.contains(text, "| 513.8 |   3 |")
  local found = object(dir)
  unit.equal(found.rows[1].metrics.i2t_r5.paper, 96.1)
  unit.equal(found.rows[1].metrics.rsum.paper, 513.75)
  unit.contains(results.render(results.read(dir), "csv"), ",513.75,")
  -- a table whose papers print no rsum shows what they print
  local some = sweep("recalls", { { "base", {}, 1.0, { image = { 60.7 } } } }, { 0 })
  unit.contains(page(some), "| image R@1 | paper image R@1 |")
end)

unit.test("each row shows what it changes and nothing else", function()
  local text = page(root .. "/claims")
  unit.contains(text, "| embedding=glove |")
  unit.contains(text, "| lr=0.1          |")
  local csv = results.render(results.read(root .. "/claims"), "csv")
  unit.contains(csv, "\nworse,3,\"0, 1, 2\",0,,embedding=glove,")
end)

unit.test("LaTeX: booktabs, the best mean of each column in bold, ends that match", function()
  local tex = results.render(results.read(root .. "/claims"), "tex")
  local depth, rules = 0, {}
  for line in tex:gmatch("[^\n]+") do
    if line:sub(1, 1) ~= "%" then
      if line:find("^\\begin{tabular}") then depth = depth + 1 end
      if line:find("^\\end{tabular}") then depth = depth - 1 end
      rules[#rules + 1] = line:match("^\\(%a+rule)$")
      local plain = line:gsub("\\[{}]", "")
      unit.equal(select(2, plain:gsub("{", "")), select(2, plain:gsub("}", "")), line)
      unit.equal(select(2, plain:gsub("%$", "")) % 2, 0, line)
    end
  end
  unit.equal(depth, 0)
  unit.equal(table.concat(rules, " "),
    "toprule midrule bottomrule")
  local base, worse = tex:match("(base & [^\n]+)"), tex:match("(worse & [^\n]+)")
  unit.equal(worse:find("textbf", 1, true), nil)
  unit.equal(select(2, base:gsub("\\textbf{[%d.]+} {\\scriptsize%$\\pm%$[%d.]+}", "")) > 0, true,
    base)
end)

unit.test("LaTeX: a float of a paper, with what is asked for and no more", function()
  local claims = results.read(root .. "/claims")
  local tex = results.render(claims, "tex")
  unit.contains(tex, "\\multicolumn{3}{c}{Text retrieval} & \\multicolumn{3}{c}{Image retrieval}")
  unit.contains(tex, "\\cmidrule(lr){2-4}\\cmidrule(lr){5-7}")
  unit.contains(tex, "\\label{tab:t}")
  unit.contains(tex, "$\\dagger$: not separable from it")
  local same = tex:match("\nsame & [^\n]+")
  unit.contains(same, "\\rlap{$\\dagger$}")
  unit.equal(tex:match("\nworse & [^\n]+"):find("dagger", 1, true), nil, "worse is separable")
  -- a few columns fit one column of a paper; digits as asked for
  local narrow = latex.float({ claims }, { columns = columns.names("rsum,n"), precision = 2 })
  unit.contains(narrow, "\\begin{table}[t]")
  unit.contains(narrow, "\\begin{tabular}{@{}lrr@{\\hspace{6pt}}}")
  unit.equal(narrow:find("R@", 1, true), nil)
  unit.equal(narrow:match("\nbase &[^\n]+"):find("%.%d%d[^%d]") ~= nil, true)
  -- one folder beside another, a row at its name; the rows' changes as check marks
  local two = latex.float({ claims, claims }, { columns = columns.names("rsum") })
  unit.contains(two, "\\begin{tabular}{@{}lrr")
  local checks = latex.float({ claims }, { columns = columns.names("rsum"), checks = true })
  unit.contains(checks:match("\nworse & [^\n]+"), "$\\checkmark$")
  unit.equal(checks:match("\nbase & [^\n]+"):find("checkmark", 1, true), nil)
  -- of a design: a mark where a part is in, the value of one that has values
  local parts, has = marks.of { runs = {}, rows = { { name = "all", slug = "a" },
    { name = "no G2L", slug = "g" }, { name = "lambda 4", slug = "l" } }, design = {
    parts = { { name = "G2L", levels = { "without G2L" } },
      { name = "lambda", levels = { "lambda 4", "lambda 9" } },
      { name = "k", levels = { "k 2", "k 3" } } },
    settings = { { row = "a", levels = { 0, 0, 0 } }, { row = "g", levels = { 1, 0, 1 } },
      { row = "l", levels = { 0, 1, 0 } }, { row = "a", levels = { 0, 2, 0 } } } } }
  unit.equal(table.concat(parts, ", "), "G2L, lambda, k")
  for row, cells in pairs { all = "true 9 base", ["no G2L"] = "nil base 2",
    ["lambda 4"] = "true 4 base" } do
    local found = has[row]
    unit.equal(string.format("%s %s %s", found.G2L, found.lambda, found.k), cells)
  end
  unit.fails(2, "no column 'rsun'; did you mean 'rsum'", columns.names, "recalls,rsun")
  unit.fails(2, "twice 'n'", columns.names, "n,n")
end)

unit.test("Markdown and CSV: chosen columns, and folders side by side", function()
  local dir = root .. "/claims"
  local function told(...)
    local status, text = unit.program { "table", ... }
    unit.equal(status, 0, text)
    return text
  end
  local found = object(dir)
  local mean, delta = found.rows[3].metrics.rsum.mean, found.rows[3].delta.rsum.mean
  local md = told(dir, "--columns", "rsum,delta,n", "--precision", "2")
  unit.contains(md:match("\n|  [^\n]+"):gsub(" +", " "), "| | rsum | Δ rsum | n |")
  local worse = md:match("\n| worse [^\n]+")
  unit.contains(worse, string.format("%.2f ± ", mean))
  unit.contains(worse, string.format("%+.2f ", delta))
  unit.contains(md:match("\n| same [^\n]+"), " † |")
  unit.contains(md, "- †: not separable")
  unit.contains(told(dir, "--precision", "3"), string.format("%.3f ± ", mean))
  sweep("beside", { three[1], { "other", { "lr=0.2" }, 1.5 } }, { 0, 1 })
  local two = told(dir, root .. "/beside", "--columns", "rsum")
  unit.contains(two:match("\n|  [^\n]+"):gsub(" +", " "), "| | claims: rsum | beside: rsum |")
  unit.equal(two:match("\n| other +| +|") ~= nil, true, "the first folder has no such row")
  local csv = told(dir, root .. "/beside", "--format", "csv", "--columns", "delta,n")
  unit.equal(csv:match("^[^\n]+"), "folder,row,delta_rsum,separable,n")
  unit.contains(csv, string.format("\n%s,worse,%.6g,true,", dir, delta))
  unit.contains(csv, "\n" .. root .. "/beside,other,")
  for _, extra in ipairs { { "--columns", "rsum" }, { "--precision", "2" }, { dir } } do
    local status, said = unit.program { "table", dir, "--format", "json", table.unpack(extra) }
    unit.equal(status, 2, said)
    unit.contains(said, "need")
  end
end)

unit.test("the pointing accuracy of runs is a column, of the first map of words", function()
  local dir = sweep("pointing", three, { 0, 1 })
  for seed, value in ipairs { 40, 50 } do
    unit.write(string.format("%s/base-seed%d/grounding-test.json", dir, seed - 1), string.format(
      '{"format": 1, "maps": [{"kind": "context", "accuracy": 9}, {"kind": "word", '
        .. '"accuracy": %d}]}',
      value))
  end
  unit.write(dir .. "/worse-seed0/grounding-test.json", '{"format": 2, "maps": []}')
  local read = results.read(dir)
  local tex = latex.float({ read }, { columns = columns.names("pointing") })
  unit.contains(tex:match("\nbase & [^\n]+"), "45.0")
  unit.contains(tex, "worse-seed0/grounding-test.json: expected format 1")
end)

unit.test("the table is written in every format", function()
  local dir = sweep("write", three, { 0 })
  local text = results.write(results.read(dir), dir)
  unit.equal(unit.read(dir .. "/table.md"), text)
  unit.equal(core.file_kind(dir .. "/table.tex"), "file")
  unit.contains(unit.read(dir .. "/table.csv"), "row,n,seeds")
  unit.equal(sw.json_decode(unit.read(dir .. "/table.json")).title, "T")
end)

unit.finish()
