-- tabulate.lua: stepwise table
local core = require "stepwise.core"
local results_of = require "stepwise.results.results"

local M = {
  name = "table",
  summary = "Prints the table of a folder that stepwise ablate filled.",
  usage = "DIR",
  plugins = false,
  arguments = { 1, 1 },
  details = [[
Two blocks: means and deviations over the seeds, and what each row changes of the base with the
difference in rsum that came of it, its interval and p, and whether that is more than chance. The
notes say how. The paper's numbers and the recalls' differences are all in json. In
csv a text that a spreadsheet would run as a formula begins with an apostrophe.]],
  options = {
    { "format", "FORMAT", "md, tex, csv or json; md when none is given" },
    { "split", "SPLIT", "dev or test; test when none is given and any run has it" },
  },
}

function M.run(given, arguments)
  local format = given.format or "md"
  results_of.check_format(format)
  local split = given.split
  if split and split ~= "dev" and split ~= "test" then
    core.fail(2, string.format("--split: expected dev or test, found '%s'%s", split,
      core.suggest(split, { "dev", "test" })))
  end
  local results = results_of.read((arguments[1]:gsub("(.)/+$", "%1")), split)
  io.write(results_of.render(results, format))
  return 0
end

return M
