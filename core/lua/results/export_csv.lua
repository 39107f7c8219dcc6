-- export_csv.lua: runs as CSV, as trackers and pandas take it: RUN.csv with a line per step, and
-- runs.csv with a line per run.
local core = require "stepwise.core"
local layout = require "stepwise.results.layout"
local text = require "stepwise.util.text"

local M = {}

local function number(value)
  return value and string.format("%.9g", value) or ""
end

-- Lines of one run: step, timestamp, epoch, and a column per tag; what a step and an evaluation say
-- of the same step stands in one line.
local function steps_of(run)
  local tags, lines, of_step = {}, {}, {}
  for _, point in ipairs(run.points) do
    for tag in pairs(point.values) do tags[tag] = true end
    local line = of_step[point.step]
    if not line then
      line = { point = point, values = {} }
      lines[#lines + 1], of_step[point.step] = line, line
    end
    for tag, value in pairs(point.values) do line.values[tag] = value end
  end
  local names = text.sorted_keys(tags)
  local rows = { table.move(names, 1, #names, 4, { "step", "timestamp", "epoch" }) }
  for _, line in ipairs(lines) do
    local seconds = math.floor(run.started + line.point.seconds)
    local row = { number(line.point.step), os.date("!%Y-%m-%dT%H:%M:%SZ", seconds),
      number(line.point.epoch or 0) }
    for i, name in ipairs(names) do row[3 + i] = number(line.values[name]) end
    rows[#rows + 1] = row
  end
  return rows
end

-- Settings that are not the same for all runs, and the last value of every tag.
local function summary_of(runs)
  local settings, tags = {}, {}
  for _, run in ipairs(runs) do
    for key, value in pairs(run.settings) do
      if #runs == 1 or value ~= runs[1].settings[key] then settings[key] = true end
    end
    run.last = {}
    for _, point in ipairs(run.points) do
      for tag, value in pairs(point.values) do run.last[tag], tags[tag] = value, true end
    end
  end
  local keys, names = text.sorted_keys(settings), text.sorted_keys(tags)
  local head = { "run" }
  table.move(keys, 1, #keys, 2, head)
  table.move(names, 1, #names, #head + 1, head)
  local rows = { head }
  for _, run in ipairs(runs) do
    local row = { run.name }
    for _, key in ipairs(keys) do row[#row + 1] = run.settings[key] or "" end
    for _, name in ipairs(names) do row[#row + 1] = number(run.last[name]) end
    rows[#rows + 1] = row
  end
  return rows
end

function M.write(runs, out)
  for _, run in ipairs(runs) do
    core.write_file(string.format("%s/%s.csv", out, run.name), layout.csv(steps_of(run)))
  end
  core.write_file(out .. "/runs.csv", layout.csv(summary_of(runs)))
end

return M
