-- tabulate.lua: stepwise table
local core = require "stepwise.core"
local latex = require "stepwise.results.latex"
local results_of = require "stepwise.results.results"
local text = require "stepwise.util.text"

local M = {
  name = "table",
  summary = "Prints the table of a folder that stepwise ablate filled.",
  usage = "DIR..",
  plugins = false,
  arguments = { 1, 6 },
  details = [[
Blocks: means and deviations over the seeds, and what each row changes of the base with the
difference in rsum that came of it, its interval and p, and whether that is more than chance; of a
table that has a design a third, what each of its parts brings. The notes say how. The
paper's numbers and the recalls' differences are all in json. In csv a text that a spreadsheet
would run as a formula begins with an apostrophe.
tex is one float for a paper, as wide as a column or two: recalls under Text retrieval and Image
retrieval, rsum and its difference from the base; the best in bold, the second underlined, a dagger
where the difference is not separable. Of several DIRs the columns stand side by side, a row at its
name.]],
  options = {
    { "against", "ROW", "compare the others with this row, and not with the table's reference" },
    { "format", "FORMAT", "md, tex, csv or json; md when none is given" },
    { "columns", "LIST", "of tex: recalls or single ones (i2t_r1 .. t2i_r10), rsum, delta, "
      .. "interval, p, n, paper, pointing; as recalls,rsum,n" },
    { "precision", "N", "of tex: digits after the point, 1 when none is given", kind = "integer",
      most = 3 },
    { "style", "STYLE", "of tex: checks for a check mark per stage and change of each row" },
    { "split", "SPLIT", "dev or test; test when none is given and any run has it" },
  },
}

-- What only a float has.
local function check_paper(given, format, count)
  if given.style and given.style ~= "checks" then
    core.fail(2, string.format("--style: expected checks, found '%s'", text.plain(given.style)))
  end
  if format == "tex" then return end
  for _, name in ipairs { "columns", "precision", "style" } do
    if given[name] then core.fail(2, string.format("--%s: needs --format tex", name)) end
  end
  if count > 1 then
    core.fail(2, string.format("table: expected one DIR, found %d; several need --format tex",
      count))
  end
end

function M.run(given, arguments)
  local format = given.format or "md"
  results_of.check_format(format)
  results_of.check_split(given.split)
  local list = {}
  check_paper(given, format, #arguments)
  for i, dir in ipairs(arguments) do
    list[i] = results_of.read((dir:gsub("(.)/+$", "%1")), given.split, given.against)
  end
  io.write(format == "tex" and latex.float(list, { columns = latex.columns(given.columns),
    precision = given.precision, checks = given.style ~= nil })
    or results_of.render(list[1], format))
  return 0
end

return M
