-- ablate.lua: stepwise ablate
local core = require "stepwise.core"
local plan_of = require "stepwise.plan"
local progress = require "stepwise.progress"
local results_of = require "stepwise.results"
local setup = require "stepwise.setup"
local sweep = require "stepwise.sweep"
local text = require "stepwise.text"

local M = {
  name = "ablate",
  summary = "Runs every row of a table of changes, over seeds, and prints the table.",
  usage = "TABLE.lua [key=value..]",
  details = [[
All configs are resolved and written to DIR/plan.json before the first run. The same command goes
on with what is not done; finished runs are kept. key=value changes the base of all rows.]],
  arguments = { 1, math.huge },
  options = {
    setup.options[1], setup.options[2], setup.options[3],
    { "seeds", "LIST", "0-4 or 0,1,2: a run a row and seed; 0 when none is given" },
    { "j", "N", "runs at a time", kind = "integer", least = 1, most = 256 },
    { "out", "DIR", "where all of it goes; runs/TABLE when none is given" },
    { "dry-run", nil, "check everything and show what would run; nothing is written" },
  },
}

local function show_plan(plan, dir)
  print(string.format("%s: %s, %s in %s", plan.title, text.plural(#plan.rows, "row"),
    text.plural(#plan.runs, "run"), dir))
  print("data: " .. plan.data .. (plan.generated and " (generated scenes)" or ""))
  if #plan.on_scenes > 0 then
    print("set for generated scenes by the experiment: " .. table.concat(plan.on_scenes, " "))
  end
  local changes = {}
  for _, row in ipairs(plan.rows) do changes[row.slug] = table.concat(row.changes, " ") end
  local rows = { { "run", "state", "changes" } }
  for i, run in ipairs(plan.runs) do
    rows[i + 1] = { run.folder, plan_of.state(dir, run), changes[run.row] }
  end
  for _, line in ipairs(text.columns(rows)) do print(line) end
end

function M.run(given, arguments)
  local path = arguments[1]
  local dir = given.out or "runs/" .. (path:match("([^/]+)$") or path):gsub("%.lua$", "")
  dir = dir:gsub("(.)/+$", "%1")
  local overrides = setup.overrides("ablate", arguments)
  local plan = plan_of.build(path, given, overrides, plan_of.seeds(given.seeds or "0"))
  if given["dry-run"] then
    if not plan.generated or core.is_generated(plan.data) then plan_of.check_files(plan) end
    plan_of.freeze(plan, dir, true)
    show_plan(plan, dir)
    return 0
  end
  local out <close> = progress.new(io.stdout)
  if plan.generated then setup.ensure_scenes(plan.data, function(line) out:say(line) end) end
  plan_of.check_files(plan)
  plan_of.freeze(plan, dir)
  show_plan(plan, dir)
  local failed, interrupted = sweep.run(plan, dir, given.j or 1, out)
  local results = results_of.read(dir)
  local page = results_of.render(results, "md")
  core.write_file(dir .. "/table.md", page)
  if interrupted then
    print("interrupted; what was running is saved, and the same command goes on")
    return 128 + interrupted
  end
  io.write("\n", page, "\n", dir, "/table.md\n")
  return failed == 0 and 0 or 1
end

return M
