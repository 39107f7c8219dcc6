-- plot.lua: stepwise plot
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local figures = require "stepwise.figures.figures"
local matrices = require "stepwise.figures.matrices"
local plan_of = require "stepwise.sweep.plan"
local results_of = require "stepwise.results.results"
local sizes = require "stepwise.figures.sizes"
local text = require "stepwise.util.text"

local M = {
  name = "plot",
  summary = "Draws runs, tables, weights and similarities with gnuplot.",
  usage = "RUN..",
  details = [[
RUN is a run folder, or a folder that stepwise ablate filled: then its rows, each the mean of its
seeds in a band of one standard deviation. Writes recall, loss and, of a table, ablation and the
interactions of its design's parts.
It may also be an .npy of similarities (stepwise eval --sims) or a .tsv of weights (regions down,
words across), which becomes a picture of the same name.]],
  plugins = false,
  arguments = { 1, 100 },
  options = {
    { "out", "DIR", "where the pictures go; the folder itself when one is drawn, else here" },
    sizes.options[1], sizes.options[2], sizes.options[3],
    { "tsv", nil, "write the numbers of each picture too" },
    { "images", "N", "of similarities: only the first N images, 20 when none is given",
      kind = "integer", least = 1, most = 60 },
  },
}

local MOST_CURVES <const> = 40

local function base_of(path)
  return path:match("([^/]+)$") or path
end

-- The rows of a table's folder as groups of runs, and the figures of the table itself. how: the
-- width, of sizes.of.
function M.of_ablation(dir, how)
  local groups, at = {}, {}
  local plan = plan_of.read(dir)
  for i, row in ipairs(plan.rows) do
    groups[i] = { name = row.name, runs = {} }
    at[row.slug] = groups[i]
  end
  for _, run in ipairs(plan.runs) do
    local metrics = dir .. "/" .. run.folder .. "/metrics.tsv"
    if at[run.row] and core.file_kind(metrics) == "file" then
      table.insert(at[run.row].runs, curves.read(metrics))
    end
  end
  return groups, figures.of_tables(results_of.objects(results_of.read(dir)), how)
end

-- Adds what `path` holds to the groups of curves or to the list of figures.
local function collect(path, groups, list, images, how)
  path = path:gsub("(.)/+$", "%1")
  local kind = core.file_kind(path)
  if kind == "file" and path:find("%.npy$") then
    list[#list + 1] = matrices.similarities(path, base_of(path):gsub("%.npy$", ""), images, how)
  elseif kind == "file" and path:find("%.tsv$") and base_of(path) ~= "metrics.tsv" then
    list[#list + 1] = matrices.weights(path, base_of(path):gsub("%.tsv$", ""), how)
  elseif core.file_kind(path .. "/plan.json") == "file" then
    local rows, table_figures = M.of_ablation(path, how)
    table.move(rows, 1, #rows, #groups + 1, groups)
    table.move(table_figures, 1, #table_figures, #list + 1, list)
  elseif core.file_kind(path .. "/metrics.tsv") == "file" then
    groups[#groups + 1] = { name = base_of(path), runs = { curves.read(path .. "/metrics.tsv") } }
  else
    core.fail(1, path .. ": not a run folder: it has no metrics.tsv")
  end
end

function M.run(given, arguments)
  local groups, list, how = {}, {}, sizes.of(given, "plot")
  for _, path in ipairs(arguments) do collect(path, groups, list, given.images or 20, how) end
  if #groups > MOST_CURVES then
    local problem = string.format("plot: found %d runs or rows; more than %d curves cannot be told "
      .. "apart in one picture", #groups, MOST_CURVES)
    if #list == 0 then core.fail(1, problem) end
    io.stderr:write("stepwise: ", problem, ", so only the other pictures are drawn\n")
  else
    for _, figure in ipairs(figures.of_runs(groups, how)) do list[#list + 1] = figure end
  end
  if #list == 0 then core.fail(1, "plot: no step is done yet, so there is nothing to draw") end
  local one = #arguments == 1 and arguments[1]:gsub("(.)/+$", "%1")
  local dir = given.out or (one and core.file_kind(one) == "folder" and one or ".")
  local made, reason = core.make_folders(dir)
  if not made then core.fail(1, reason) end
  local taken = {}
  for _, figure in ipairs(list) do
    if taken[figure.name] then
      core.fail(2, string.format("plot: two pictures would be %s; draw them into two folders",
        figure.name))
    end
    taken[figure.name] = true
  end
  for _, figure in ipairs(list) do
    if given.tsv then core.write_file(string.format("%s/%s.tsv", dir, figure.name), figure.data) end
    local file
    file, reason = figures.draw(figure, how.format, dir)
    if not file then core.fail(1, reason) end
    text.say("%s", file)
    if reason then io.stderr:write("stepwise: plot: ", text.plain(reason), "\n") end
  end
  return 0
end

return M
