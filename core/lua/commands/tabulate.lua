-- tabulate.lua: stepwise table
local columns = require "stepwise.results.columns"
local core = require "stepwise.core"
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
where the difference is not separable; of a table that has a design a second one has the effects,
which csv has as rows of a kind of their own. Of several DIRs the columns stand side by side, a row
at its name; in csv their rows stand below each other, with a column folder.]],
  options = {
    { "against", "ROW", "compare the others with this row, and not with the table's reference" },
    { "format", "FORMAT", "md, tex, csv or json; md when none is given" },
    { "columns", "LIST", "of md, tex and csv: recalls or single ones (i2t_r1 .. t2i_r10), rsum, "
      .. "delta, interval, p, n, paper, pointing, switched_off; as recalls,rsum,n" },
    { "precision", "N", "of md, tex and csv: digits after the point; 1 in md and tex, all in csv "
      .. "when none is given", kind = "integer", most = 3 },
    { "style", "STYLE", "of tex: checks for a check mark per stage and change of each row" },
    { "split", "SPLIT", "dev or test; test when none is given and any run has it" },
  },
}

-- What not every format has.
local function check_choices(given, format, count)
  if given.style and given.style ~= "checks" then
    core.fail(2, string.format("--style: expected checks, found '%s'", text.plain(given.style)))
  end
  if given.style and format ~= "tex" then core.fail(2, "--style: needs --format tex") end
  if format ~= "json" then return end
  for _, name in ipairs { "columns", "precision" } do
    if given[name] then
      core.fail(2, string.format("--%s: needs --format md, tex or csv", name))
    end
  end
  if count > 1 then
    core.fail(2, string.format("table: expected one DIR, found %d; several need --format md, tex "
      .. "or csv", count))
  end
end

function M.run(given, arguments)
  local format = given.format or "md"
  results_of.check_format(format)
  results_of.check_split(given.split)
  local list = {}
  check_choices(given, format, #arguments)
  for i, dir in ipairs(arguments) do
    list[i] = results_of.read((dir:gsub("(.)/+$", "%1")), given.split, given.against)
  end
  io.write(results_of.render_all(list, format, { columns = columns.names(given.columns),
    precision = given.precision, checks = given.style ~= nil }))
  return 0
end

return M
