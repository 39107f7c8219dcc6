-- path.lua: the order in which a path takes parts out of the base (design "path" of
-- config/design.lua).
--
-- From the base, each step takes out the part that is missed least: of the rows with one part more
-- taken out, the one with the highest dev rsum, the mean over the plan's seeds. A plan holds all
-- rows that a path could come to; only those that it looks at are run. Test sets decide nothing.
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local statistics = require "stepwise.results.statistics"

local M = {}

-- Whether a plan is of a path.
function M.is_path(plan)
  local names = plan.design and plan.design.designs or {}
  return #names == 1 and names[1] == "path"
end

local function key_of(levels)
  return table.concat(levels, " ")
end

-- The dev rsum of a run; nil while it is not done, nil and true where it has none for good.
local function rsum_of(run, dir)
  local fine, result = pcall(identity.read_json, dir .. "/" .. run.folder .. "/result.json")
  if fine and result then
    local rsum = type(result.dev) == "table" and result.dev.rsum
    if math.type(rsum) and rsum == rsum then return rsum end
    return nil, true
  end
  return nil, core.file_kind(dir .. "/logs/" .. run.folder .. ".error") == "file"
end

-- The mean dev rsum of a row; nil while runs of it are missing, nil and true where one has none.
local function mean_of(runs, dir)
  local values = {}
  for i, run in ipairs(runs) do
    local rsum, never = rsum_of(run, dir)
    if not rsum then return nil, never end
    values[i] = rsum
  end
  return statistics.mean(values)
end

-- {levels} of the settings with one part more taken out.
local function next_settings(levels)
  local list = {}
  for i, level in ipairs(levels) do
    if level == 0 then
      local other = table.move(levels, 1, #levels, 1, {})
      other[i] = 1
      list[#list + 1] = other
    end
  end
  return list
end

-- How far the path of the plan in `dir` has come: {steps = {{row = the slug, rsum = on dev}..}, due
-- = {FOLDER = true} of all runs that it has looked at or looks at now, ended = whether there is
-- nothing more to take out}.
function M.follow(plan, dir)
  local row_at, runs_of, due, steps = {}, {}, {}, {}
  for _, setting in ipairs(plan.design.settings) do row_at[key_of(setting.levels)] = setting.row end
  for _, run in ipairs(plan.runs) do
    runs_of[run.row] = runs_of[run.row] or {}
    table.insert(runs_of[run.row], run)
  end
  local function look(levels)
    local row = row_at[key_of(levels)]
    if not row then return nil, nil, true end -- it cannot be composed
    for _, run in ipairs(runs_of[row]) do due[run.folder] = true end
    local rsum, never = mean_of(runs_of[row], dir)
    return row, rsum, never
  end
  local levels = {}
  for i in ipairs(plan.design.parts) do levels[i] = 0 end
  local row, rsum, never = look(levels)
  local waiting = not rsum and not never
  if waiting then -- the first step's rows are due whatever the base gives
    for _, other in ipairs(next_settings(levels)) do look(other) end
  end
  while row and rsum and not waiting do
    steps[#steps + 1] = { row = row, rsum = rsum }
    local best_row, best_rsum, best
    for _, other in ipairs(next_settings(levels)) do
      local candidate, value, out = look(other)
      waiting = waiting or not value and not out
      if value and candidate ~= row and (not best or value > best_rsum) then
        best_row, best_rsum, best = candidate, value, other
      end
    end
    row, rsum, levels = best_row, best_rsum, best
  end
  return { steps = steps, due = due, ended = not waiting }
end

return M
