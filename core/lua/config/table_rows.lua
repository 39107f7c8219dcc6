-- table_rows.lua: the rows of a table as a script writes them: what is in order in one, and which
-- changes of the base it says.
--
-- A row is of one of three kinds:
--   run        { name =, base = an experiment, CHANGES.., paper = }: trained and evaluated
--   ensemble   { name =, ensemble = { names of run rows }, paper = }: the mean of similarities of
--              those rows' runs, per seed
--   cited      { name =, cited = { i2t = { R@1, R@5, R@10 }, t2i = { .. }, source = } }: numbers of
--              others; with several test sets { NAME = such a one, .. }
local core = require "stepwise.core"
local model = require "stepwise.config.config_model"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2

local function fail(format, ...)
  core.fail(MISUSE, string.format(format, ...))
end

function M.check_keys(t, known, what)
  for key in pairs(t) do
    if type(key) ~= "string" then
      fail("%s: expected names, found a list", what)
    elseif not known[key] then
      fail("%s: no key '%s'%s", what, key, core.suggest(key, text.sorted_keys(known)))
    end
  end
end

function M.expect(value, kind, what)
  if type(value) ~= kind then fail("%s: expected a %s, found a %s", what, kind, type(value)) end
  if kind == "string" and not utf8.len(value) then
    fail("%s: expected text in UTF-8, found '%s'", what, text.readable(value))
  end
  return value
end

local expect = M.expect

-- ---- changes -----------------------------------------------------------------------------------

-- A name, or what stage "NAME" { .. } and its like give.
local function is_part(value)
  return type(value) == "string" or type(value) == "table" and type(value.plugin) == "string"
end

local function name_of(value)
  return type(value) == "table" and value.plugin or value
end

local add_change

-- Adds the options that the description of a part names, below `path`.
local function add_options(result, value, path)
  if type(value) ~= "table" then return end
  for _, option in ipairs(text.sorted_keys(value)) do
    if option ~= "plugin" then add_change(result, path .. "." .. option, value[option]) end
  end
end

local function add_part(result, key, value)
  result[#result + 1] = key .. "=" .. name_of(value)
  add_options(result, value, key)
end

-- A list of a key that is none of the model's lists is left to be refused with its near miss.
local function add_list(result, key, list)
  local entries, names = {}, {}
  for i, value in ipairs(list) do
    names[i] = name_of(value)
    entries[i] = { plugin = names[i] }
  end
  result[#result + 1] = key .. "=" .. table.concat(names, ",")
  if not model.lists[key] then return end
  local labels = model.labels(entries)
  for i, value in ipairs(list) do add_options(result, value, model.lists[key].head .. labels[i]) end
end

-- Whether a table is a list of parts, all of them fit for key=value.
local function is_list(value)
  local count = 0
  for name, item in pairs(value) do
    if math.type(name) ~= "integer" or not is_part(item) then return false end
    count = count + 1
  end
  return count == #value
end

function add_change(result, key, value)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then
    result[#result + 1] = key .. "=" .. text.value(value)
  elseif kind ~= "table" then
    fail("%s: expected a value, found a %s", key, kind)
  elseif key == "pool" and not is_part(value) then
    for side, pooling in pairs(value) do
      if side ~= "image" and side ~= "text" or not is_part(pooling) then
        fail("pool: expected a pooling's name or { image =, text = }")
      end
    end
    for _, side in ipairs(text.sorted_keys(value)) do
      add_part(result, "pool." .. side, value[side])
    end
  elseif key == "pool" then
    for _, side in ipairs(model.sides) do add_part(result, "pool." .. side, value) end
  elseif is_part(value) and not model.lists[key] then
    add_part(result, key, value)
  elseif is_part(value) or is_list(value) then
    add_list(result, key, is_part(value) and { value } or value)
  else
    fail("%s: expected a list of names, as {\"l2l\", \"g2l\"}; a stage's option is "
      .. "[\"l2l.lambda\"] = 9", key)
  end
end

-- "key=value" of each entry of a table of changes, in the order of the keys: first what chooses
-- plugins, since that decides which options there are. What stage "NAME" { .. } and its like
-- describe is the plugin's name, then its options.
local first = { stages = 1, image = 1, text = 1, pool = 1, loss = 1, embedding = 2, fusion = 3 }
function M.assignments(changes)
  local keys = text.sorted_keys(changes)
  table.sort(keys, function(a, b)
    local x, y = first[a] or 4, first[b] or 4
    if x ~= y then return x < y end
    return a < b
  end)
  local result = {}
  for _, key in ipairs(keys) do
    if type(key) ~= "string" then fail("expected changes like dim = 128, found a list") end
    add_change(result, key, changes[key])
  end
  return result
end

local not_changes <const> = { name = true, paper = true, base = true }

-- What a row changes of its base.
function M.changes_of(row)
  local changes = {}
  if M.kind(row) ~= "run" then return changes end
  for key, value in pairs(row) do
    if not not_changes[key] then changes[key] = value end
  end
  return changes
end

-- ---- numbers of others -------------------------------------------------------------------------

-- Whether `value` is {NAME = numbers, ..} and not the numbers themselves.
local function is_by_name(value, check)
  if type(value) ~= "table" or next(value) == nil then return false end
  for name, printed in pairs(value) do
    if type(name) ~= "string" or not pcall(check, printed, name) then return false end
  end
  return true
end

-- Checks `value`, one set of numbers or, where the config names test sets, one per set. by_name:
-- where it names none, there may be one per set of other people's data.
local function check_sets(value, config, what, check, by_name)
  local names = {}
  for i, set in ipairs(test_sets.of_config(config)) do names[i] = set.named and set.name or nil end
  if #names == 0 then
    if by_name and is_by_name(value, check) then return end
    return check(value, what)
  end
  for name, printed in pairs(expect(value, "table", what)) do
    local known = false
    for _, one in ipairs(names) do known = known or one == name end
    if not known then
      fail("%s: expected what it prints of each test set, as { [\"%s\"] = { rsum = 500.0 } }%s",
        what, names[1], core.suggest(tostring(name), names))
    end
    check(printed, what .. "['" .. name .. "']")
  end
end

local function check_recalls(recalls, least, what)
  expect(recalls, "table", what)
  if #recalls < least or #recalls > 3 then
    fail("%s: expected R@1, R@5 and %sR@10, found %d numbers", what,
      least < 3 and "perhaps " or "", #recalls)
  end
  for _, recall in ipairs(recalls) do expect(recall, "number", what) end
end

-- What others print of a set: recalls by the names of the two sides, and rsum.
local function check_printed(sides, least, more)
  local known = { rsum = true }
  for _, name in ipairs { sides[1], sides[2], more } do known[name] = true end
  return function(value, what)
    expect(value, "table", what)
    M.check_keys(value, known, what)
    for _, side in ipairs(sides) do
      if value[side] ~= nil or least == 3 then
        check_recalls(value[side], least, what .. "." .. side)
      end
    end
    if value.rsum ~= nil then expect(value.rsum, "number", what .. ".rsum") end
    if more then M.expect_utf8(value[more], what .. "." .. more) end
  end
end

local check_paper <const> = check_printed({ "text", "image" }, 1)
local check_cited <const> = check_printed({ "i2t", "t2i" }, 3, "source")

-- ---- rows --------------------------------------------------------------------------------------

-- plan.json takes no other text.
function M.expect_utf8(s, what)
  expect(s, "string", what)
  local _, bad = utf8.len(s)
  if bad then
    fail("%s: expected UTF-8, found byte 0x%02x at offset %d", what, s:byte(bad), bad - 1)
  end
end

-- "run", "ensemble" or "cited".
function M.kind(row)
  return row.ensemble ~= nil and "ensemble" or row.cited ~= nil and "cited" or "run"
end

local keys_of <const> = {
  ensemble = { name = true, paper = true, ensemble = true },
  cited = { name = true, cited = true, paper = true },
}

-- Every row of a list has a name of its own. Returns {NAME = row}.
local function check_names(rows)
  local taken = {}
  for i, row in ipairs(rows) do
    expect(row, "table", "rows[" .. i .. "]")
    if type(row.name) ~= "string" or row.name == "" then
      fail("rows[%d]: expected a name, as { name = \"random\", .. }", i)
    end
    expect(row.name, "string", "rows[" .. i .. "]: name")
    if text.plain(row.name) ~= row.name then
      fail("rows[%d]: name: expected UTF-8 without control characters, found '%s'", i,
        text.plain(row.name))
    end
    if taken[row.name] then fail("row '%s' appears twice", row.name) end
    taken[row.name] = row
  end
  return taken
end

local MOST_MEMBERS <const> = 16

local function check_ensemble(row, by_name, names)
  local what = "row '" .. row.name .. "': ensemble"
  expect(row.ensemble, "table", what)
  if #row.ensemble < 2 or #row.ensemble > MOST_MEMBERS then
    fail("%s: expected the names of 2 to %d rows, found %d", what, MOST_MEMBERS, #row.ensemble)
  end
  local seen = {}
  for _, name in ipairs(row.ensemble) do
    local member = by_name[expect(name, "string", what)]
    if not member then fail("%s: no row '%s'%s", what, name, core.suggest(name, names)) end
    if M.kind(member) ~= "run" then
      fail("%s: '%s' has no runs of its own; expected rows that are trained", what, name)
    end
    if seen[name] then fail("%s: '%s' appears twice", what, name) end
    seen[name] = true
  end
end

-- Checks the rows of a table as far as they need no plugin. config: the base's, as a plain table.
function M.check(rows, reference, config)
  expect(rows, "table", "rows")
  if #rows == 0 then fail("rows: expected one at least") end
  local by_name, names = check_names(rows), {}
  for i, row in ipairs(rows) do names[i] = row.name end
  for _, row in ipairs(rows) do
    local kind, what = M.kind(row), "row '" .. row.name .. "'"
    if keys_of[kind] then M.check_keys(row, keys_of[kind], what) end
    if row.paper ~= nil then check_sets(row.paper, config, what .. ": paper", check_paper, true) end
    if kind == "ensemble" then check_ensemble(row, by_name, names) end
    if kind == "cited" then check_sets(row.cited, config, what .. ": cited", check_cited) end
  end
  if reference == nil then return end
  local row = by_name[reference]
  if not row then
    fail("reference: no row '%s'%s", tostring(reference), core.suggest(tostring(reference), names))
  elseif M.kind(row) == "cited" then
    fail("reference: '%s' is cited, nothing can be compared with it", reference)
  end
end

return M
