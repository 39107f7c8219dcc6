-- tabulate.lua: stepwise table
local results_of = require "stepwise.results"

local M = {
  name = "table",
  summary = "Prints the table of a folder that stepwise ablate filled.",
  usage = "DIR",
  arguments = { 1, 1 },
  options = {
    { "format", "FORMAT", "md, tex, csv or json; md when none is given" },
  },
}

function M.run(given, arguments)
  local format = given.format or "md"
  results_of.check_format(format)
  local results = results_of.read((arguments[1]:gsub("(.)/+$", "%1")))
  io.write(results_of.render(results, format))
  return 0
end

return M
