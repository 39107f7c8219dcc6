-- tabulate.lua: stepwise table
local results_of = require "stepwise.results.results"

local M = {
  name = "table",
  summary = "Prints the table of a folder that stepwise ablate filled.",
  usage = "DIR",
  plugins = false,
  arguments = { 1, 1 },
  details = [[
Blocks: means and deviations over the seeds, and what each row changes of the base with the
difference in rsum that came of it, its interval and p, and whether that is more than chance; of a
table that has a design a third, what each of its parts brings. The notes say how. The
paper's numbers and the recalls' differences are all in json. In csv a text that a spreadsheet
would run as a formula begins with an apostrophe.]],
  options = {
    { "against", "ROW", "compare the others with this row, and not with the table's reference" },
    { "format", "FORMAT", "md, tex, csv or json; md when none is given" },
    { "split", "SPLIT", "dev or test; test when none is given and any run has it" },
  },
}

function M.run(given, arguments)
  local format = given.format or "md"
  results_of.check_format(format)
  results_of.check_split(given.split)
  local dir = arguments[1]:gsub("(.)/+$", "%1")
  io.write(results_of.render(results_of.read(dir, given.split, given.against), format))
  return 0
end

return M
