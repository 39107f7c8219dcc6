-- design.lua: ablations by design: from a list of parts to the rows of a table.
--
-- A part is something that the base has, said by the changes that take it out, or by a key with a
-- list of other values. A setting says of every part whether it is as in the base (0) or which of
-- its changes is made (1, 2, ..); a design is a list of settings. Rows come from settings before a
-- plan is frozen: settings of equal configs share a row, and those that cannot be composed are
-- listed with the reason.
local core = require "stepwise.core"
local describe = require "stepwise.config.describe"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2
local MOST_SETTINGS <const> = 256

local function fail(format, ...)
  core.fail(MISUSE, string.format(format, ...))
end

-- ---- parts -------------------------------------------------------------------------------------

-- Keys whose value is a list by itself.
local list_keys <const> = { stages = true, image = true, text = true, pool = true, loss = true }

-- Whether the value of a change is a list of values, one per row.
local function is_choice(key, value)
  if type(value) ~= "table" or #value == 0 then return false end
  return not list_keys[key] or type(value[1]) == "table" and #value[1] > 0
end

-- The changes of a part, one table of changes per value: {{name = of its rows, changes =}..}
local function levels_of(name, changes)
  local choice
  for _, key in ipairs(text.sorted_keys(changes)) do
    if is_choice(key, changes[key]) then
      if choice then
        fail("part '%s': '%s' and '%s' both have a list of values; a part has one", name, choice,
          key)
      end
      choice = key
    end
  end
  if not choice then return { { name = "without " .. name, changes = changes } } end
  local levels = {}
  for i, value in ipairs(changes[choice]) do
    local one = {}
    for key, other in pairs(changes) do one[key] = other end
    one[choice] = value
    local words = describe.assignments { [choice] = value }[1]:match("=(.*)$")
    levels[i] = { name = name .. " " .. words, changes = one }
  end
  return levels
end

-- {{name =, levels =}..} of { NAME = CHANGES, .. } in the order of `order` or of the names, or of a
-- list of { name = NAME, CHANGES.. } in its own.
local function parts_of(given, order)
  if type(given) ~= "table" or next(given) == nil then
    fail("parts: expected { NAME = what takes it out, .. }, as "
      .. "{ G2G = { [\"g2g.score\"] = false } }")
  end
  local parts, by_name = {}, {}
  local function add(name, changes)
    if type(name) ~= "string" or name == "" or text.plain(name) ~= name then
      fail("parts: expected a name in one line, found '%s'", text.plain(tostring(name)))
    end
    if by_name[name] then fail("parts: '%s' appears twice", name) end
    if type(changes) ~= "table" or next(changes) == nil then
      fail("part '%s': expected what takes it out, as { [\"g2g.score\"] = false }", name)
    end
    parts[#parts + 1] = { name = name, levels = levels_of(name, changes) }
    by_name[name] = parts[#parts]
  end
  if #given > 0 then
    if order ~= nil then fail("order: the list of parts already has an order") end
    for _, part in ipairs(given) do
      local changes = {}
      for key, value in pairs(type(part) == "table" and part or {}) do
        if key ~= "name" then changes[key] = value end
      end
      add(type(part) == "table" and part.name or nil, changes)
    end
    return parts
  end
  local names = text.sorted_keys(given)
  for _, name in ipairs(names) do add(name, given[name]) end
  if order == nil then return parts end
  if type(order) ~= "table" then fail("order: expected a list of the parts' names") end
  local ordered = {}
  for i, name in ipairs(order) do
    if not by_name[name] then
      fail("order: no part '%s'%s", tostring(name), core.suggest(tostring(name), names))
    end
    ordered[i], by_name[name] = by_name[name], nil
  end
  local left = next(by_name)
  if left then fail("order: '%s' is missing", left) end
  return ordered
end

-- ---- settings ----------------------------------------------------------------------------------

local function filled(parts, level)
  local setting = {}
  for i in ipairs(parts) do setting[i] = level end
  return setting
end

local function changed(setting, place, level)
  local other = table.move(setting, 1, #setting, 1, {})
  other[place] = level
  return other
end

-- Adds the setting with each one of the parts from `first` on taken out.
local function each_without(parts, setting, first, add)
  for i = first, #parts do
    for level in ipairs(parts[i].levels) do add(changed(setting, i, level), i) end
  end
end

local function every(parts, add)
  local function go(setting, place)
    if place > #parts then return add(setting) end
    for level = 0, #parts[place].levels do go(changed(setting, place, level), place + 1) end
  end
  go(filled(parts, 0), 1)
end

-- Each calls add(setting) in the order of the table's rows.
local settings_of <const> = {
  leave_one_out = function(parts, add)
    local full = filled(parts, 0)
    add(full)
    each_without(parts, full, 1, add)
  end,
  add_one = function(parts, add)
    local none = filled(parts, 1)
    add(none)
    for i in ipairs(parts) do add(changed(none, i, 0)) end
  end,
  ladder = function(parts, add)
    local setting = filled(parts, 1)
    add(setting)
    for i in ipairs(parts) do
      setting = changed(setting, i, 0)
      add(setting)
    end
  end,
  pairs = function(parts, add)
    local full, singles = filled(parts, 0), {}
    add(full)
    each_without(parts, full, 1, function(setting, place)
      add(setting)
      singles[#singles + 1] = { setting, place }
    end)
    for _, single in ipairs(singles) do each_without(parts, single[1], single[2] + 1, add) end
  end,
  factorial = every,
  path = every,
}

-- Designs whose rows take all other parts out; then "out" has to be one thing.
local needs_one_level <const> = { add_one = true, ladder = true, path = true }
local MOST_PARTS_OF_PATH <const> = 6

M.designs = text.sorted_keys(settings_of)

local function key_of(setting)
  return table.concat(setting, " ")
end

-- The settings of all designs in `names`, each once.
local function settings(parts, names)
  local list, seen = {}, {}
  local function add(setting)
    local key = key_of(setting)
    if seen[key] then return end
    seen[key] = true
    list[#list + 1] = setting
    if #list > MOST_SETTINGS then
      fail("design: %d parts make more than %d rows", #parts, MOST_SETTINGS)
    end
  end
  for _, name in ipairs(names) do settings_of[name](parts, add) end
  return list
end

-- What a row is called: by what is out, or by what is left where that is shorter.
local function name_of(parts, setting, full)
  local out, left, plain = {}, {}, true
  for i, part in ipairs(parts) do
    if setting[i] == 0 then
      left[#left + 1] = part.name
    else
      out[#out + 1] = part.levels[setting[i]].name
      plain = plain and #part.levels == 1
    end
  end
  if #out == 0 then return full end
  if not plain or #out == 1 then return table.concat(out, ", ") end
  if #left == 0 then return "none of the parts" end
  if #left < #out then return "only " .. table.concat(left, ", ") end
  for i, name in ipairs(out) do out[i] = i > 1 and name:gsub("^without ", "") or name end
  return table.concat(out, ", ")
end

-- ---- rows --------------------------------------------------------------------------------------

-- Whether two values of a key take stages out, and then both as one value.
local function both_taken_out(a, b)
  if type(a) ~= "string" or type(b) ~= "string" then return nil end
  return a:find("^%-") and b:find("^%-") and a .. "," .. b or nil
end

-- The changes of a setting together; nil and why where two parts say different things.
local function changes_of(parts, setting)
  local changes, from = {}, {}
  for i, part in ipairs(parts) do
    local level = part.levels[setting[i]]
    for key, value in pairs(level and level.changes or {}) do
      local other = changes[key]
      if other == nil then
        changes[key], from[key] = value, part.name
      elseif core.json_encode(other) ~= core.json_encode(value) then
        changes[key] = both_taken_out(other, value)
        if not changes[key] then
          return nil, string.format("'%s' and '%s' both change %s", from[key], part.name, key)
        end
      end
    end
  end
  return changes
end

-- The hash of a row's config; nil and why where it cannot be composed.
local function compose(base, row)
  local fine, config = pcall(describe.row_config, row, base, describe.resolved)
  if fine then return config:hash() end
  return nil, (tostring(config):gsub("^row '.-': ", "", 1))
end

-- Each change by itself has to be one that the base can have: what is misspelt is no part.
local function check_parts(parts, base)
  for _, part in ipairs(parts) do
    for _, level in ipairs(part.levels) do
      local config <close> = base:copy()
      for _, assignment in ipairs(describe.assignments(level.changes)) do
        local fine, problem = pcall(config.override, config, assignment)
        if not fine then core.fail_within(string.format("part '%s'", part.name), problem) end
      end
    end
  end
end

-- The rows of a design on a config of its base: rows as sw.table takes them, and what became of the
-- settings: {parts = {{name =, levels = {names of rows}}..}, designs = {names}, settings = {{row =
-- the row's name, levels = the setting}..}, left_out = {{name =, reason =}..}}.
function M.rows(design, base)
  local parts, rows, at = design.parts, {}, {}
  local about = { designs = core.json_array(design.designs), parts = core.json_array {},
    settings = core.json_array {}, left_out = core.json_array {} }
  check_parts(parts, base)
  for i, part in ipairs(parts) do
    about.parts[i] = { name = part.name, levels = core.json_array {} }
    for k, level in ipairs(part.levels) do about.parts[i].levels[k] = level.name end
  end
  local settled = {}
  for _, setting in ipairs(settings(parts, design.designs)) do
    local name = name_of(parts, setting, design.full)
    local row, reason = changes_of(parts, setting)
    local hash
    if row then
      row.name = name
      hash, reason = compose(base, row)
    end
    if not hash then
      about.left_out[#about.left_out + 1] = { name = name, reason = reason }
    elseif at[hash] then
      at[hash].name = at[hash].name .. " = " .. name
    else
      rows[#rows + 1], at[hash] = row, row
    end
    if hash then settled[#settled + 1] = { at[hash], setting } end
  end
  if #rows == 0 then
    fail("none of the design's rows can be composed; '%s': %s", about.left_out[1].name,
      about.left_out[1].reason)
  end
  for i, one in ipairs(settled) do
    about.settings[i] = { row = one[1].name, levels = core.json_array(one[2]) }
  end
  return rows, about
end

-- The name of the row that has `name`, perhaps beside others of the same config; nil without one.
function M.row_named(rows, name)
  for _, row in ipairs(rows) do
    if (" = " .. row.name .. " = "):find(" = " .. name .. " = ", 1, true) then return row.name end
  end
end

-- The reference's row: the one that is asked for, else the base, else the first.
local function reference_of(rows, design)
  if type(design.reference) == "string" then
    return M.row_named(rows, design.reference) or design.reference
  end
  return M.row_named(rows, design.full) or rows[1].name
end

local made = setmetatable({}, { __mode = "k" }) -- designs of this module

-- Rows, reference and what became of the settings of a table that may have a design; base: its
-- config, perhaps changed by the command line.
function M.expand(t, base)
  if not t.design then return t.rows, t.reference end
  if not made[t.design] then fail("design: a table has none of its own; ablation { .. } has") end
  local rows, about = M.rows(t.design, base)
  return rows, reference_of(rows, t.design), about
end

local keys <const> = { also = true, base = true, design = true, note = true, order = true,
  parts = true, reference = true, tests = true, title = true }

-- ablation { title =, base = an experiment, parts = { NAME = CHANGES, .. }, design = "NAME", order
-- = { NAMES }, reference =, note =, tests =, also = }: a table whose rows follow from parts of the
-- base. CHANGES: as of a table's row, what takes the part out: { ["g2g.score"] = false }, { stages
-- = without "g2g" }, { fusion = "average" }; a key with a list of values, { ["l2l.lambda"] = { 4, 9
-- } }, is a part with a row per value. parts may also be a list of { name = NAME, CHANGES.. },
-- which has an order. design: one of these, or a list of several: leave_one_out, the base and each
-- part out; add_one, all parts out and each alone; ladder, from all parts out to the base, in the
-- order of the parts; pairs, leave_one_out and each two out; factorial, all combinations; path,
-- from the base on, at each step the part out that is missed least by dev rsum. Rows of equal
-- configs become one with both names; what cannot be composed is listed with the reason. Tables and
-- reports show effects and interactions of the parts.
function M.ablation(t)
  if type(t) ~= "table" then fail("ablation: expected a table, found a %s", type(t)) end
  for key in pairs(t) do
    if not keys[key] then
      fail("ablation: no key '%s'%s", tostring(key),
        core.suggest(tostring(key), text.sorted_keys(keys)))
    end
  end
  if not describe.is_experiment(t.base) then fail("base: expected an experiment") end
  local parts = parts_of(t.parts, t.order)
  local names = type(t.design) == "table" and t.design or { t.design or "leave_one_out" }
  if #names == 0 then fail("design: expected one of %s", table.concat(M.designs, ", ")) end
  for _, name in ipairs(names) do
    if not settings_of[name] then
      fail("design: no design '%s'%s", tostring(name), core.suggest(tostring(name), M.designs))
    end
    if name == "path" and (#names > 1 or #parts > MOST_PARTS_OF_PATH) then
      fail("design: a path stands alone and has at most %d parts, found %s", MOST_PARTS_OF_PATH,
        #names > 1 and table.concat(names, ", ") or #parts)
    end
    for _, part in ipairs(parts) do
      if needs_one_level[name] and #part.levels > 1 then
        fail("part '%s': design %s takes parts out, and this one has %d values", part.name, name,
          #part.levels)
      end
    end
  end
  local full = t.base.name
  if type(full) ~= "string" or full == "" then full = "full" end
  local design = { parts = parts, designs = names, full = full, reference = t.reference }
  made[design] = true
  local base <close> = describe.resolved(t.base, t.tests)
  local rows = M.rows(design, base)
  return describe.table { title = t.title, base = t.base, rows = rows, note = t.note,
    tests = t.tests, reference = reference_of(rows, design), design = design, also = t.also }
end

-- without("STAGE", ..): the value of `stages` that takes stages out of the base's.
function M.without(...)
  local names = { ... }
  if #names == 0 then fail("without: expected a stage's name") end
  for i, name in ipairs(names) do
    if type(name) ~= "string" or name == "" or name:find("[, ]") then
      fail("without: expected a stage's name, found '%s'", text.plain(tostring(name)))
    end
    names[i] = "-" .. name
  end
  return table.concat(names, ",")
end

return M
