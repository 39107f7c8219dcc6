-- describe.lua: what scripts are written with: stage, embedding, fusion, experiment, table.
--
-- Each gives a plain table, after it was checked against the plugins that are there, so that an
-- error names the line of the script where it was made.
local composition = require "stepwise.config.composition"
local core = require "stepwise.core"
local model = require "stepwise.config.config_model"
local script = require "stepwise.config.script"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local MISUSE <const> = 2

local function fail(format, ...)
  core.fail(MISUSE, string.format(format, ...))
end

-- One thread and the plugins; made when the first description is checked.
local session
function M.session()
  session = session or core.session { threads = 1 }
  return session
end

-- What plugins bring.
local function parts(kind, name)
  return M.session():part(kind, name)
end

local function check_keys(t, known, what)
  for key in pairs(t) do
    if type(key) ~= "string" then
      fail("%s: expected names, found a list", what)
    elseif not known[key] then
      fail("%s: no key '%s'%s", what, key, core.suggest(key, text.sorted_keys(known)))
    end
  end
end

local function expect(value, kind, what)
  if type(value) ~= kind then fail("%s: expected a %s, found a %s", what, kind, type(value)) end
  if kind == "string" and not utf8.len(value) then
    fail("%s: expected text in UTF-8, found '%s'", what, text.readable(value))
  end
  return value
end

-- The function that describes a use of a plugin.
local function part(kind, check_part)
  return function(name)
    expect(name, "string", kind)
    return setmetatable({ plugin = name }, {
      __call = core.wrap(function(_, options)
        expect(options, "table", kind .. " '" .. name .. "'")
        local result = {}
        for key, value in pairs(options) do result[key] = value end
        if result.plugin then fail("%s '%s': 'plugin' is its name already", kind, name) end
        result.plugin = name
        check_part(result)
        return result
      end),
    })
  end
end

-- stage "PLUGIN" { OPTION = value, .. }: an alignment stage; what it leaves out has its default,
-- and so has all of stage "PLUGIN". score = false: computed for later stages, not added to the
-- score.
M.stage = part("stage", function(stage)
  model.stage(parts, stage, 1)
end)

-- embedding "PLUGIN" { word_dim =, OPTION = value, .. }: the word vectors, word_dim numbers per
-- table.
M.embedding = part("embedding", function(embedding)
  model.embedding(parts, embedding)
end)

-- fusion "PLUGIN" { OPTION = value, .. }: for the option of a stage that takes a fusion, with which
-- it is checked; its bare name says the same without options.
M.fusion = part("fusion", function() end)

-- "key=value" of each entry of a table of changes, in the order of the keys: first what chooses
-- plugins, since that decides which options there are.
local first = { stages = 1, embedding = 2, fusion = 3 }
function M.assignments(changes)
  local keys = text.sorted_keys(changes)
  table.sort(keys, function(a, b)
    local x, y = first[a] or 4, first[b] or 4
    if x ~= y then return x < y end
    return a < b
  end)
  local result = {}
  for i, key in ipairs(keys) do
    local value = changes[key]
    local kind = type(value)
    if type(key) ~= "string" then fail("expected changes like dim = 128, found a list") end
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" and kind ~= "table" then
      fail("%s: expected a value, found a %s", key, kind)
    end
    if kind == "table" then
      for name, item in pairs(value) do
        if math.type(name) ~= "integer" or type(item) ~= "string" then
          fail("%s: expected a list of names, as {\"l2l\", \"g2l\"}; a stage's option is "
            .. "[\"l2l.lambda\"] = 9", key)
        end
      end
    end
    result[i] = key .. "=" .. text.value(value)
  end
  return result
end

-- ---- experiments -----------------------------------------------------------------------------

local experiment_class = { __name = "stepwise.experiment" }

function M.is_experiment(value)
  return getmetatable(value) == experiment_class
end

-- The part of an experiment that is the core's config.
local function config_of(experiment)
  local config = {}
  for key, value in pairs(experiment) do
    if key ~= "on_scenes" then config[key] = value end
  end
  if type(config.data) == "table" then
    local data = {}
    for key, value in pairs(config.data) do data[key] = value end
    data.tests = test_sets.list(data.tests)
    config.data = data
  end
  return config
end

-- experiment { name =, model = {..}, train = {..}, data = {..}, seed =, on_scenes = {..} }: one
-- model and how it is trained; `stepwise help keys` lists all keys. data.tests: as a table's tests.
-- on_scenes: changes for when the data is the generated set, as key = value of the command line.
function M.experiment(t)
  expect(t, "table", "experiment")
  local result = {}
  for key, value in pairs(t) do result[key] = value end
  M.resolved(result)
  return setmetatable(result, experiment_class)
end

local function check_experiment(experiment)
  local config = M.session():resolve(config_of(experiment))
  composition.check(M.session(), config)
  if experiment.on_scenes ~= nil then
    expect(experiment.on_scenes, "table", "on_scenes")
    local changed = config:copy()
    for _, assignment in ipairs(M.assignments(experiment.on_scenes)) do
      changed:override(assignment)
    end
    composition.check(M.session(), changed)
  end
  return config
end

-- A value as text, to see whether a script changed it after it was checked; nil where it has none,
-- and then it has to be checked.
local function text_of(value)
  local fine, written = pcall(core.json_encode, value)
  return fine and written or nil
end

-- {text =, config =} by experiment, {text =} by table
local checked = setmetatable({}, { __mode = "k" })

-- The resolved config of an experiment, of the caller's own; tests: in the place of its data.tests.
function M.resolved(experiment, tests)
  local known, now = checked[experiment], text_of(experiment)
  if not known or not now or known.text ~= now then
    known = { text = now, config = check_experiment(experiment) }
    checked[experiment] = known
  end
  local config = known.config:copy()
  if tests ~= nil then config:set_tests(test_sets.list(tests)) end
  return config
end

-- ---- tables ----------------------------------------------------------------------------------

local table_class = { __name = "stepwise.table" }
local table_keys = { title = true, base = true, rows = true, reference = true, note = true,
  tests = true }
local not_changes = { name = true, paper = true }
local paper_keys = { text = true, image = true, rsum = true }

function M.is_table(value)
  return getmetatable(value) == table_class
end

-- What a row changes of the base.
function M.changes_of(row)
  local changes = {}
  for key, value in pairs(row) do
    if not not_changes[key] then changes[key] = value end
  end
  return changes
end

-- plan.json takes no other text.
local function expect_utf8(s, what)
  expect(s, "string", what)
  local _, bad = utf8.len(s)
  if bad then
    fail("%s: expected UTF-8, found byte 0x%02x at offset %d", what, s:byte(bad), bad - 1)
  end
end

local function check_paper(paper, what)
  expect(paper, "table", what)
  check_keys(paper, paper_keys, what)
  for _, side in ipairs { "text", "image" } do
    local recalls = paper[side]
    if recalls ~= nil then
      expect(recalls, "table", what .. "." .. side)
      if #recalls < 1 or #recalls > 3 then
        fail("%s.%s: expected R@1, R@5 and perhaps R@10, found %d numbers", what, side, #recalls)
      end
      for _, recall in ipairs(recalls) do expect(recall, "number", what .. "." .. side) end
    end
  end
  if paper.rsum ~= nil then expect(paper.rsum, "number", what .. ".rsum") end
end

-- What the paper prints of each test set that the config names; of the one set where it names none.
local function check_papers(paper, config, what)
  local names = {}
  for i, set in ipairs(test_sets.of_config(config)) do names[i] = set.named and set.name or nil end
  if #names == 0 then return check_paper(paper, what) end
  for name, printed in pairs(expect(paper, "table", what)) do
    local known = false
    for _, one in ipairs(names) do known = known or one == name end
    if not known then
      fail("%s: expected what it prints of each test set, as { [\"%s\"] = { rsum = 500.0 } }%s",
        what, names[1], core.suggest(tostring(name), names))
    end
    check_paper(printed, what .. "['" .. name .. "']")
  end
end

-- What a row cannot change, since it is chosen elsewhere.
local not_of_rows = { seed = "--seeds", threads = "--threads", tests = "the table's own tests" }

-- Applies a row to a config of the base; an error names the row.
function M.apply_row(config, row)
  for key, elsewhere in pairs(not_of_rows) do
    if row[key] ~= nil then
      fail("row '%s': %s: a row cannot change it; %s chooses it", row.name, key, elsewhere)
    end
  end
  local function within_row(f, ...)
    local fine, problem = pcall(f, ...)
    if not fine then core.fail_within(string.format("row '%s'", row.name), problem) end
  end
  for _, assignment in ipairs(M.assignments(M.changes_of(row))) do
    within_row(config.override, config, assignment)
  end
  within_row(composition.check, M.session(), config)
end

-- table { title =, base = an experiment, rows = {{ name =, CHANGES.., paper = }, ..}, reference =,
-- note =, tests = }: an ablation. CHANGES: what a row changes of the base, as key = value of the
-- command line; a stage's option is ["l2l.lambda"] = 9. reference: the name of the row that the
-- others are compared with. paper: { text = { R@1, R@5, R@10 }, image = { .. }, rsum = } as
-- printed, R@10 where there is one; with tests, { NAME = such a one, .. }. tests: { NAME = { split
-- =, images =, folds = }, .. }, or a list of { name = NAME, .. }: each run is evaluated on all of
-- them; what one leaves out is data.test_split, data.test_images, data.folds.
function M.table(t)
  expect(t, "table", "table")
  if checked[t] and checked[t].text and checked[t].text == text_of(t) then return t end
  check_keys(t, table_keys, "table")
  expect_utf8(t.title, "title")
  if not M.is_experiment(t.base) then fail("base: expected an experiment") end
  expect(t.rows, "table", "rows")
  if #t.rows == 0 then fail("rows: expected one at least") end
  if t.note ~= nil then expect_utf8(t.note, "note") end
  local names, taken = {}, {}
  local base = M.resolved(t.base, t.tests)
  local settings = base:table()
  for i, row in ipairs(t.rows) do
    expect(row, "table", "rows[" .. i .. "]")
    if type(row.name) ~= "string" or row.name == "" then
      fail("rows[%d]: expected a name, as { name = \"random\", .. }", i)
    end
    expect(row.name, "string", "rows[" .. i .. "]: name")
    if text.plain(row.name) ~= row.name then
      fail("rows[%d]: name: expected UTF-8 without control characters, found '%s'", i,
        text.plain(row.name))
    end
    if taken[row.name] then fail("row '%s' is there twice", row.name) end
    taken[row.name] = true
    names[i] = row.name
    if row.paper ~= nil then
      check_papers(row.paper, settings, "row '" .. row.name .. "': paper")
    end
    local config = base:copy()
    M.apply_row(config, row)
    config:close()
  end
  base:close()
  if t.reference ~= nil and not taken[t.reference] then
    fail("reference: no row '%s'%s", tostring(t.reference),
      core.suggest(tostring(t.reference), names))
  end
  local result = {}
  for key, value in pairs(t) do result[key] = value end
  checked[result] = { text = text_of(result) }
  return setmetatable(result, table_class)
end

-- ---- other scripts ---------------------------------------------------------------------------

-- load "FILE.lua": what the script beside this one returns.
function M.load(path)
  return script.run(script.beside_current(expect(path, "string", "load")))
end

return M
