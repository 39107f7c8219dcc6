-- Pictures: names are data, gnuplot runs nothing, and the same rows give the same bytes.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local figures = require "stepwise.figures"

local folder = unit.folder()
local trap = folder .. "/trap"

if (os.getenv("LD_PRELOAD") or ""):find("asan", 1, true) then
  unit.skip("gnuplot itself does not pass AddressSanitizer")
end
local there, reason = core.run_gnuplot("print 1\n")
if not there and reason:find("gnuplot is missing", 1, true) then unit.skip(reason) end

local head = "step\tepoch\tkind\tloss\tloss_per_sample\tgrad_norm\tlr\ti2t_r1\ti2t_r5\ti2t_r10\t"
  .. "t2i_r1\tt2i_r5\tt2i_r10\trsum\tseconds\n"

local function run(name, steps)
  local path = folder .. "/" .. name
  assert(core.make_folders(path))
  local rows = { head }
  for step = 1, steps do
    rows[#rows + 1] = string.format("%d\t0\tstep\t%g\t%g\t1\t0.1%s\t0.1\n", step, 9 / step,
      3 / step, ("\tNaN"):rep(7))
  end
  rows[#rows + 1] = string.format("%d\t0\tdev%s\t1\t2\t3\t4\t5\t6\t21\t1\n", steps,
    ("\tNaN"):rep(4))
  unit.write(path .. "/metrics.tsv", table.concat(rows))
  return { path = path, name = name }
end

local function draw(runs, format)
  local out = folder .. "/pictures"
  assert(core.make_folders(out))
  return assert(figures.draw(runs, format or "svg", out))
end

unit.test("both figures are drawn, and again with the same bytes", function()
  local runs = { run("one", 30), run("two", 20) }
  local files = draw(runs)
  unit.equal(#files, 2)
  local first = { unit.read(files[1]), unit.read(files[2]) }
  draw(runs)
  for i, file in ipairs(files) do
    unit.contains(first[i], "</svg>")
    unit.equal(unit.read(file) == first[i], true, file)
  end
  unit.contains(first[1], "loss a pair")
  unit.contains(first[2], "text retrieval")
end)

unit.test("the mean starts anew with each run", function()
  -- a second run that is the first one again has to give the same line
  local svg = unit.read(draw({ run("one", 30), run("one", 30) })[1])
  local lines = {}
  for line in svg:gmatch("<path stroke='[^>]*d='(M[^']*)'") do
    local curve = line:match("M[^M]*$") -- before it stands the line in the key
    if #curve > 200 then lines[curve] = (lines[curve] or 0) + 1 end
  end
  local twice = 0
  for _, count in pairs(lines) do
    unit.equal(count % 2, 0)
    twice = twice + 1
  end
  unit.equal(twice > 0, true)
end)

unit.test("names that look like commands are only names", function()
  local names = { "`touch " .. trap:gsub("/", "-") .. "`", "a'b_c^2", "$(touch x)", "<b>&amp;" }
  local runs = {}
  for i, name in ipairs(names) do
    runs[i] = run("r" .. i, 5)
    runs[i].name = name
  end
  runs[#runs + 1] = { path = runs[1].path, name = "`touch " .. trap .. "`" }
  local svg = unit.read(draw(runs)[1])
  unit.equal(core.file_kind(trap), nil, "a name was run")
  unit.contains(svg, "a'b_c^2")
  unit.contains(svg, "&lt;b>&amp;amp;")
end)

unit.test("folders that look like commands are only folders", function()
  local odd = run("it's `x` \"$y\"", 5)
  unit.equal(#draw { odd }, 2)
  local script = figures.script(figures.figures[1], { { path = "< touch x", name = "x" } }, "svg",
    "|touch x")
  unit.contains(script, "'./< touch x/metrics.tsv'")
  unit.contains(script, "'./|touch x'")
  unit.fails(1, "control characters", figures.script, figures.figures[1],
    { { path = "a\nb", name = "x" } }, "svg", "out.svg")
end)

unit.test("a run without an evaluation gets a loss only; an empty one nothing", function()
  local bare = run("bare", 3)
  local table_file = bare.path .. "/metrics.tsv"
  unit.write(table_file, (unit.read(table_file):gsub("[^\n]*dev.*", "")))
  unit.equal(#draw { bare }, 1)
  unit.write(table_file, head)
  unit.equal(#draw { bare }, 0)
end)

unit.test("PNG as well", function()
  unit.equal(unit.read(draw({ run("one", 30) }, "png")[1]):sub(2, 4), "PNG")
end)

unit.test("what gnuplot complains about is told", function()
  local fine, complaint = core.run_gnuplot("plot nonsense(\n")
  unit.equal(fine, nil)
  unit.contains(complaint, "gnuplot failed")
end)

unit.finish()
