-- figures.lua: from run folders to pictures, by the scripts in plots/.
local core = require "stepwise.core"
local text = require "stepwise.text"

local M = {}

M.figures = {
  { name = "loss", wide = 760, high = 440 },
  { name = "recall", wide = 1140, high = 400 },
}

-- A gnuplot string in single quotes, in which nothing is special but the quote.
local function quoted(s)
  return "'" .. text.plain(s):gsub("'", "''") .. "'"
end

-- A file name that gnuplot cannot take for a command ("< cmd", "| cmd") or for a special file.
local function as_file(path)
  if path:find("%c") then
    core.fail(1, text.plain(path) .. ": a name with control characters cannot be drawn")
  end
  return quoted(path:sub(1, 1) == "/" and path or "./" .. path)
end

local function array(name, items)
  return string.format("array %s = [%s]\n", name, table.concat(items, ", "))
end

-- The script that draws `figure` of the runs {{path =, name =}..} to `output`.
function M.script(figure, runs, format, output)
  local paths, names = {}, {}
  for i, run in ipairs(runs) do
    paths[i] = as_file(run.path .. "/metrics.tsv")
    names[i] = quoted(run.name)
  end
  return table.concat {
    string.format("format = '%s'\noutput = %s\nwide = %d\nhigh = %d\ncount = %d\n", format,
      as_file(output), figure.wide, figure.high, #runs),
    array("path", paths), array("name", names),
    core.built_in("style.gp"), core.built_in(figure.name .. ".gp"),
  }
end

-- Whether a run's table has a row of this kind.
local function has_rows(run, kind)
  for line in io.lines(run.path .. "/metrics.tsv") do
    if line:match("^%d+\t%d+\t(%l+)\t") == kind then return true end
  end
  return false
end

-- Draws every figure that the runs have rows for into the folder `dir`; the files' names, or nil
-- and the reason.
function M.draw(runs, format, dir)
  local files = {}
  for _, figure in ipairs(M.figures) do
    local with = {}
    for _, run in ipairs(runs) do
      if has_rows(run, figure.name == "loss" and "step" or "dev") then with[#with + 1] = run end
    end
    if #with > 0 then
      local output = dir .. "/" .. figure.name .. "." .. format
      local drawn, reason = core.run_gnuplot(M.script(figure, with, format, output))
      if not drawn then return nil, reason end
      files[#files + 1] = output
    end
  end
  return files
end

return M
