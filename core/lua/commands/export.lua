-- export.lua: stepwise export
local core = require "stepwise.core"
local history = require "stepwise.results.history"
local plan_of = require "stepwise.sweep.plan"
local text = require "stepwise.util.text"

local MISUSE <const> = 2

local M = {
  name = "export",
  summary = "Writes the runs of a sweep, or one run, for TensorBoard, MLflow or as CSV.",
  usage = "DIR --to FORMAT",
  plugins = false,
  details = [[
DIR is a folder that stepwise ablate filled, or a run folder. What it holds stays as it is.
tensorboard: RUN/events.out.tfevents.. for each run, which Weights & Biases, Aim and SwanLab import
as well. csv: RUN.csv with a line per step, and runs.csv with the settings that differ and the last
values. mlflow: a folder for mlflow ui --backend-store-uri. Tags are train/loss, dev/rsum etc.]],
  arguments = { 1, 1 },
  options = {
    { "to", "FORMAT", "tensorboard, csv or mlflow" },
    { "out", "OUT", "the folder, new or empty; DIR-FORMAT when none is given" },
  },
}

local formats <const> = { "tensorboard", "csv", "mlflow" }

local function runs_of(dir)
  if core.file_kind(dir .. "/plan.json") then
    local plan, runs = plan_of.read(dir), {}
    for _, run in ipairs(plan.runs) do
      local folder = dir .. "/" .. run.folder
      if core.file_kind(folder .. "/metrics.tsv") then
        runs[#runs + 1] = history.read(folder, run.folder)
      end
    end
    if #runs == 0 then core.fail(1, dir .. ": none of its runs has started") end
    return runs, plan.title
  elseif core.file_kind(dir .. "/metrics.tsv") then
    local name = core.absolute_path(dir):match("([^/]+)$")
    return { history.read(dir, text.plain(name)) }, text.plain(name)
  end
  core.fail(1, dir .. ": neither the folder of a sweep (plan.json) nor of a run (metrics.tsv)")
end

function M.run(given, arguments)
  local dir, to = arguments[1]:gsub("(.)/+$", "%1"), given.to
  local known = false
  for _, format in ipairs(formats) do known = known or format == to end
  if not known then
    core.fail(MISUSE, string.format("export: --to: expected %s, found %s%s",
      table.concat(formats, ", "), to and "'" .. to .. "'" or "none",
      to and core.suggest(to, formats) or ""))
  end
  local out = given.out or dir .. "-" .. to
  local runs, title = runs_of(dir)
  local made, reason = core.make_folders(out)
  if not made then core.fail(1, reason) end
  if #core.list_folder(out) > 0 then
    core.fail(1, out .. ": is not empty; --out takes another folder")
  end
  require("stepwise.results.export_" .. to).write(runs, out, title)
  text.say("%s: %s", out, text.plural(#runs, "run"))
  return 0
end

return M
