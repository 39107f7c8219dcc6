-- plot.lua: stepwise plot
local core = require "stepwise.core"
local figures = require "stepwise.figures"
local plan_of = require "stepwise.plan"

local M = {
  name = "plot",
  summary = "Draws the loss and the recalls of runs with gnuplot.",
  usage = "RUN..",
  details = [[
RUN is a run folder, or a folder that stepwise ablate filled: then all of its runs.
Writes loss.svg and recall.svg.]],
  arguments = { 1, 100 },
  options = {
    { "out", "DIR", "where the pictures go; the folder itself when one is drawn, else here" },
    { "png", nil, "PNG, not SVG" },
  },
}

local MOST_RUNS <const> = 100

local function collect(runs, path)
  path = path:gsub("(.)/+$", "%1")
  if core.file_kind(path .. "/plan.json") == "file" then
    for _, run in ipairs(plan_of.read(path).runs) do
      local folder = path .. "/" .. run.folder
      if core.file_kind(folder .. "/metrics.tsv") == "file" then
        runs[#runs + 1] = { path = folder, name = run.folder }
      end
    end
  elseif core.file_kind(path .. "/metrics.tsv") == "file" then
    runs[#runs + 1] = { path = path, name = path:match("([^/]+)$") or path }
  else
    core.fail(1, path .. ": no run folder, it has no metrics.tsv")
  end
  if #runs > MOST_RUNS then
    core.fail(1, "plot: more than " .. MOST_RUNS .. " runs cannot be told apart in one picture")
  end
end

function M.run(given, arguments)
  local runs = {}
  for _, path in ipairs(arguments) do collect(runs, path) end
  local dir = given.out or (#arguments == 1 and arguments[1]:gsub("(.)/+$", "%1") or ".")
  local made, reason = core.make_folders(dir)
  if not made then core.fail(1, reason) end
  local files
  files, reason = figures.draw(runs, given.png and "png" or "svg", dir)
  if not files then core.fail(1, reason) end
  if #files == 0 then core.fail(1, "plot: no step is done yet, so there is nothing to draw") end
  for _, file in ipairs(files) do print(file) end
  return 0
end

return M
