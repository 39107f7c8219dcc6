-- report.lua: stepwise report
local core = require "stepwise.core"
local data_of = require "stepwise.report.report_data"
local page = require "stepwise.report.report_page"
local text = require "stepwise.util.text"

local M = {
  name = "report",
  summary = "Writes one HTML page about a table of runs, or a run.",
  usage = "DIR",
  details = [[
DIR is a folder that stepwise ablate filled, or a run folder. The page holds the question, the table
with its statistics, the figures, what the model looks at, its best and worst retrievals, what was
run on what, and the command that runs it again. It needs no network and no script. What a part
lacks is said in its place.]],
  arguments = { 1, 1 },
  options = {
    { "out", "FILE.html", "the page; DIR/report.html when none is given" },
    { "pictures", "DIR", "the images' pictures, named as in SPLIT_ids.txt" },
    { "data", "DIR", "the data folder, where it is not where the runs found it" },
  },
}

-- Writes the report of the folder `dir`; options: {out =, pictures =, data =}. Gives the file's
-- name
-- and its size in bytes; raises an error.
function M.write(dir, options)
  dir = dir:gsub("(.)/+$", "%1")
  for _, name in ipairs { "pictures", "data" } do
    if options[name] and core.file_kind(options[name]) ~= "folder" then
      core.fail(1, string.format("--%s: %s: no such folder", name, options[name]))
    end
  end
  local markup = page.page(data_of.read(dir), options)
  local out = options.out or dir .. "/report.html"
  core.write_file(out, markup)
  return out, #markup
end

function M.run(given, arguments)
  text.say("%s", (M.write(arguments[1], given)))
  return 0
end

return M
