-- compare_runs.lua: stepwise compare
local core = require "stepwise.core"
local gathered = require "stepwise.results.gathered"
local results_of = require "stepwise.results.results"

local M = {
  name = "compare",
  summary = "Compares any runs: what differs in them, and what came of it.",
  usage = "RUN..",
  plugins = true,
  arguments = { 1, 1000 },
  details = [[
RUN is a run folder, or a folder that stepwise ablate filled, which stands for all its runs. Runs
that differ in nothing but the seed are a row; the column change has the keys that differ between
rows and no others. Differences are from the first run's row, with the statistics of stepwise table.
Runs that were measured on different data are in tables of their own.]],
  options = {
    { "against", "ROW", "the row that the others are compared with; the first when none is given" },
    { "format", "FORMAT", "md, tex, csv or json; md when none is given" },
    { "split", "SPLIT", "dev or test; test when none is given and any run has it" },
  },
}

function M.run(given, arguments)
  local format = given.format or "md"
  results_of.check_format(format)
  results_of.check_split(given.split)
  local plans, pages = gathered.plans(arguments), {}
  if #plans > 1 and (format == "json" or format == "csv") then
    core.fail(1, string.format("compare: the runs were measured on %d different data, from %s and "
      .. "%s; --format %s holds one table", #plans, plans[1].data, plans[2].data, format))
  end
  for i, plan in ipairs(plans) do
    if #plans > 1 then plan.title = plan.title .. " on " .. plan.data end
    plan.reference = plan.rows[1].name
    pages[i] = results_of.render(results_of.of_plan(plan, "", given.split, given.against), format)
  end
  if #plans > 1 then
    io.stderr:write(string.format("stepwise: compare: the runs were measured on %d different data; "
      .. "each has a table of its own\n", #plans))
  end
  io.write(table.concat(pages, "\n"))
  return 0
end

return M
