-- effects.lua: what the parts of a table's design bring, and how far they depend on each other.
--
-- A part in a setting of the others brings the difference between the run that has it and the one
-- that has it taken out. Effects are means of such differences, and interactions and gaps are
-- differences of them: all of them sums of some runs minus sums of others, seed by seed, so that
-- the tests of compare.lua hold for them.
local compare = require "stepwise.results.compare"
local core = require "stepwise.core"
local layout = require "stepwise.results.layout"

local M = {}

local function key_of(levels)
  return table.concat(levels, " ")
end

local function changed(levels, place, level)
  local other = table.move(levels, 1, #levels, 1, {})
  other[place] = level
  return other
end

local function filled(count, level)
  local levels = {}
  for i = 1, count do levels[i] = level end
  return levels
end

-- ---- contrasts ---------------------------------------------------------------------------------
-- {plus = rows, minus = rows, count = of the settings that it is the mean of}

local function contrast() return { plus = {}, minus = {}, count = 0 } end

-- Adds rows to a side; one that the other side has as well cancels.
local function put(into, side, row)
  local other = into[side == "plus" and "minus" or "plus"]
  for i, there in ipairs(other) do
    if there == row then return table.remove(other, i) end
  end
  table.insert(into[side], row)
end

-- Adds what a part brings in a setting; false where one of the two rows is not there.
local function add_difference(into, rows, levels, place, level, sign)
  local with = rows[key_of(changed(levels, place, 0))]
  local without = rows[key_of(changed(levels, place, level))]
  if not with or not without then return false end
  put(into, sign > 0 and "plus" or "minus", with)
  put(into, sign > 0 and "minus" or "plus", without)
  return true
end

-- The mean over settings of what part `a` brings, or of how much more it brings with `b` than
-- without; nil without such settings. only: the levels of the one setting, else all that are there.
local function effect(rows, settings, a, b, only)
  local sum = contrast()
  for _, levels in ipairs(only and { only } or settings) do
    local own = levels[a.place] == 0 and (not b or levels[b.place] == 0)
    local one = contrast()
    if own and add_difference(one, rows, levels, a.place, a.level, 1)
      and (not b or add_difference(one, rows, changed(levels, b.place, b.level), a.place, a.level,
        -1)) then
      for _, side in ipairs { "plus", "minus" } do
        for _, row in ipairs(one[side]) do put(sum, side, row) end
      end
      sum.count = sum.count + 1
    end
  end
  return sum.count > 0 and sum or nil
end

-- What a contrast is by seed, as two rows for compare.pair.
local function sides_of(sum, ranks, of)
  local by_seed, two = {}, {}
  for _, side in ipairs { "plus", "minus" } do
    for _, row in ipairs(sum[side]) do
      for _, run in ipairs(row.runs) do
        local seed = by_seed[run.seed] or { plus = {}, minus = {} }
        by_seed[run.seed] = seed
        table.insert(seed[side], run)
      end
    end
  end
  for i, side in ipairs { "plus", "minus" } do
    local row = { name = side, runs = {} }
    for seed, runs in pairs(by_seed) do
      if #runs.plus == #sum.plus and #runs.minus == #sum.minus then
        local one, list = { seed = seed, metrics = {} }, {}
        for _, metric in ipairs(layout.metrics) do
          local total = 0.0
          for _, run in ipairs(runs[side]) do total = total + run.metrics[metric[1]] end
          one.metrics[metric[1]] = total / sum.count
        end
        for _, run in ipairs(runs[side]) do list[#list + 1] = ranks[run] end
        if #list == #runs[side] then
          local fine, added = pcall(core.sum_ranks, list)
          of[one] = fine and added or nil
        end
        row.runs[#row.runs + 1] = one
      end
    end
    table.sort(row.runs, function(x, y) return x.seed < y.seed end)
    two[i] = row
  end
  return two[1], two[2]
end

-- ---- effects -----------------------------------------------------------------------------------

-- The parts with one of their values each: {{place =, level =, name =}..}
local function factors_of(design)
  local list = {}
  for place, part in ipairs(design.parts) do
    for level, name in ipairs(part.levels) do
      list[#list + 1] = { place = place, level = level,
        name = #part.levels == 1 and part.name or "not " .. name }
    end
  end
  return list
end

local function names_at(design, levels, but)
  local names = {}
  for i, part in ipairs(design.parts) do
    if levels[i] == 0 and i ~= but then names[#names + 1] = part.name end
  end
  return table.concat(names, ", ")
end

-- What a factor brings in one setting, for every setting that a design is made for.
local function add_singles(list, design, rows, settings, factor)
  local count, seen, found = #design.parts, {}, {}
  local function add(kind, says, levels)
    local key = key_of(levels)
    local sum = not seen[key] and effect(rows, settings, factor, nil, levels) or nil
    seen[key] = true
    if not sum then return end
    found[kind] = sum
    list[#list + 1] = { kind = kind, parts = { factor }, says = says, sum = sum }
  end
  local alone = changed(filled(count, 1), factor.place, 0)
  add("leave-one-out", "with all others", filled(count, 0))
  add("add-one", "alone", alone)
  for _, name in ipairs(design.designs) do
    if name == "ladder" then
      local step = filled(count, 1)
      for i = 1, factor.place do step[i] = 0 end
      add("step", "added to " .. names_at(design, step, factor.place), step)
    end
  end
  if found["leave-one-out"] and found["add-one"] then
    local gap = contrast()
    gap.count = 1
    for kind, sign in pairs { ["leave-one-out"] = 1, ["add-one"] = -1 } do
      for _, row in ipairs(found[kind].plus) do put(gap, sign > 0 and "plus" or "minus", row) end
      for _, row in ipairs(found[kind].minus) do put(gap, sign > 0 and "minus" or "plus", row) end
    end
    list[#list + 1] = { kind = "gap", parts = { factor },
      says = "gap: with all others minus alone", sum = gap }
  end
end

local function over(count)
  return count > 1 and string.format(", mean of %d settings", count) or ""
end

-- The effects of a design as contrasts: {{kind = "main", "leave-one-out", "add-one", "step", "gap"
-- or "interaction", parts = factors, says =, sum =}..}
local function contrasts(design, rows)
  local settings, list, factorial = {}, {}, false
  for i, setting in ipairs(design.settings) do settings[i] = setting.levels end
  for _, name in ipairs(design.designs) do factorial = factorial or name == "factorial" end
  local factors = factors_of(design)
  for _, factor in ipairs(factors) do
    local sum = factorial and effect(rows, settings, factor)
    if sum and sum.count > 1 then
      list[#list + 1] = { kind = "main", parts = { factor }, sum = sum,
        says = "main effect" .. over(sum.count) }
    end
    add_singles(list, design, rows, settings, factor)
  end
  for i, a in ipairs(factors) do
    for k = i + 1, #factors do
      local b = factors[k]
      local sum = a.place ~= b.place and effect(rows, settings, a, b)
      if sum then
        list[#list + 1] = { kind = "interaction", parts = { a, b }, sum = sum,
          says = "interaction" .. over(sum.count) }
      end
    end
  end
  return list
end

local family_of <const> = { main = "main", ["leave-one-out"] = "single", ["add-one"] = "single",
  step = "single", interaction = "interaction", gap = "interaction" }

-- The effects of a design's parts on what a set measures, and lines about what could not be drawn:
-- {{kind = as above, parts = {names}, says = in words, settings = how many it is the mean of, delta
-- = as of compare.rows}..}. rows: by slug; ranks: of a run. Main effects, effects in one
-- setting, and interactions with gaps are a family of tests each, rsum and recalls apart. An effect
-- that some of its rows have no runs for is left out.
function M.of(design, by_slug, ranks)
  local rows, list, problems, families = {}, {}, {}, {}
  for _, setting in ipairs(design.settings) do
    local row = by_slug[setting.row]
    if row and #row.runs > 0 and not row.apart then rows[key_of(setting.levels)] = row end
  end
  for _, one in ipairs(contrasts(design, rows)) do
    local of = {}
    local plus, minus = sides_of(one.sum, ranks, of)
    local delta, problem = compare.pair(plus, minus, of, 1 / one.sum.count)
    local names = {}
    for i, factor in ipairs(one.parts) do names[i] = factor.name end
    if problem then
      problems[#problems + 1] = string.format("%s, %s: %s", table.concat(names, " × "), one.says,
        problem)
    end
    if delta then
      list[#list + 1] = { kind = one.kind, parts = core.json_array(names), says = one.says,
        settings = one.sum.count, delta = delta }
      for metric, difference in pairs(delta) do
        local key = family_of[one.kind] .. (metric == "rsum" and " rsum" or "")
        families[key] = families[key] or {}
        table.insert(families[key], difference)
      end
    end
  end
  for _, family in pairs(families) do compare.correct(family) end
  return list, problems
end

return M
