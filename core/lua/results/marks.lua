-- marks.lua: what the rows of a table have of the parts that tell them apart, for check marks.
local M = {}

-- The name of a part's value without the part's own: "4" of "lambda 4".
local function value_of(part, level)
  local name = part.levels[level]
  return name:sub(1, #part.name + 1) == part.name .. " " and name:sub(#part.name + 2) or name
end

-- Of a design: its parts. A part with values has the row's, "base" where no value equals it.
local function of_design(design, rows)
  local names, has, row_named = {}, {}, {}
  for _, row in ipairs(rows) do has[row.name], row_named[row.slug] = {}, row.name end
  for i, part in ipairs(design.parts) do
    names[i] = part.name
    for _, setting in ipairs(design.settings) do
      local cells, level = has[row_named[setting.row]] or {}, setting.levels[i]
      if level == 0 then
        cells[part.name] = cells[part.name] or #part.levels == 1 or "base"
      elseif #part.levels > 1 then
        cells[part.name] = value_of(part, level)
      end
    end
  end
  return names, has
end

-- Of rows that are written out: stages, where rows differ in them, and each other change.
local function of_rows(plan)
  local names, has, stages = {}, {}, {}
  local function part(row, name)
    if not has[row][name] then has[row][name] = true end
    for _, one in ipairs(names) do
      if one == name then return end
    end
    names[#names + 1] = name
  end
  for _, row in ipairs(plan.rows) do has[row.name] = {} end
  local differ, first = false, nil
  for _, run in ipairs(plan.runs) do
    local list = {}
    local model = type(run.config) == "table" and run.config.model or {}
    for i, stage in ipairs(model.stages or {}) do list[i] = stage.plugin end
    stages[run.row] = list
    local all = table.concat(list, ",")
    first = first or all
    differ = differ or all ~= first
  end
  for _, row in ipairs(plan.rows) do
    for _, stage in ipairs(differ and stages[row.slug] or {}) do part(row.name, stage) end
    for _, change in ipairs(row.changes) do
      if not (differ and change:find("^stages=")) then part(row.name, change) end
    end
  end
  return names, has
end

-- {names of parts ..}, {[row's name] = {[part] = true for a mark, or a text}}
function M.of(plan)
  if plan.design then return of_design(plan.design, plan.rows) end
  return of_rows(plan)
end

return M
