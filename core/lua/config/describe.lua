-- describe.lua: what scripts are written with: stage, embedding, fusion, experiment, table.
--
-- Each gives a plain table, after it was checked against the plugins that are there, so that an
-- error names the line of the script where it was made.
local composition = require "stepwise.config.composition"
local core = require "stepwise.core"
local define = require "stepwise.config.define"
local keys = require "stepwise.config.config_keys"
local model = require "stepwise.config.config_model"
local script = require "stepwise.config.script"
local table_rows = require "stepwise.config.table_rows"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local expect <const>, check_keys <const> = table_rows.expect, table_rows.check_keys
M.assignments, M.changes_of = table_rows.assignments, table_rows.changes_of

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

-- What plugins bring, and what the script has defined.
local function parts(kind, name)
  return define.finder(M.session())(kind, name)
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
  model.entry(parts, "stage", stage)
end)

-- block "PLUGIN" { OPTION = value, .. }: a block of an encoder, for model.image or model.text.
M.block = part("block", function(block)
  model.entry(parts, "block", block)
end)

-- pool "PLUGIN" { OPTION = value, .. }: a pooling, for model.pool = { image =, text = }.
M.pool = part("pool", function(pooling)
  model.pooling(parts, "image", pooling)
end)

-- loss "PLUGIN" { weight =, OPTION = value, .. }: for model.loss, one or a list of them, which are
-- summed by their weights.
M.loss = part("loss", function(loss)
  model.entry(parts, "loss", loss)
end)

-- embedding "PLUGIN" { word_dim =, OPTION = value, .. }: the word vectors, word_dim numbers per
-- table.
M.embedding = part("embedding", function(embedding)
  model.embedding(parts, embedding)
end)

-- fusion "PLUGIN" { OPTION = value, .. }: for the option of a stage that takes a fusion, with which
-- it is checked; its bare name says the same without options.
M.fusion = part("fusion", function() end)

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

-- What the section `train` of an experiment says that is not the default, as assignments.
local function own_choices(train)
  local result = {}
  for _, key in ipairs(keys) do
    local said = key.section == "train" and train and train[key.name]
    if said and said ~= key.preset then
      result[#result + 1] = string.format("train.%s=%s", key.name, tostring(said))
    end
  end
  return result
end

local function check_experiment(experiment)
  local config = M.session():resolve(config_of(experiment))
  composition.check(M.session(), config)
  config:require_heard(own_choices(experiment.train))
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
  tests = true, design = true, also = true }

function M.is_table(value)
  return getmetatable(value) == table_class
end

-- What a row cannot change, since it is chosen elsewhere.
local not_of_rows = { seed = "--seeds", threads = "--threads", tests = "the table's own tests" }

-- The config of a row that is run, of the caller's own; an error names the row. base: the table's
-- config; configure(experiment) gives that of a row's own base, with the same changes of the
-- command line. The data are the table's.
function M.row_config(row, base, configure)
  for key, elsewhere in pairs(not_of_rows) do
    if row[key] ~= nil then
      fail("row '%s': %s: a row cannot change it; %s chooses it", row.name, key, elsewhere)
    end
  end
  local function within_row(f, ...)
    local fine, result = pcall(f, ...)
    if not fine then core.fail_within(string.format("row '%s'", row.name), result) end
    return result
  end
  local config
  if row.base == nil then
    config = base:copy()
  elseif M.is_experiment(row.base) then
    config = within_row(configure, row.base)
    config:take_data(base)
  else
    fail("row '%s': base: expected an experiment, found a %s", row.name, type(row.base))
  end
  local assignments = within_row(M.assignments, M.changes_of(row))
  for _, assignment in ipairs(assignments) do within_row(config.override, config, assignment) end
  within_row(config.require_heard, config, assignments)
  within_row(composition.check, M.session(), config)
  return config
end

-- table { title =, base = an experiment, rows = {{ name =, CHANGES.., paper = }, ..}, reference =,
-- note =, tests =, also = }: an ablation. CHANGES: what a row changes of the base, as key = value
-- of the command line, or as in an experiment's model: stages, image, text, pool, loss, embedding;
-- a stage's option is ["l2l.lambda"] = 9. A row's base = an experiment: its model and training take
-- the place of the table's base. reference: the name of the row that the others are compared with.
-- paper: { text = { R@1, R@5, R@10 }, image = { .. }, rsum = } as printed, R@10 where there is one;
-- with tests, { NAME = such a one, .. }; without, perhaps { DATA = such a one, .. }, on other data.
-- { name =, ensemble = { NAMES of rows } }: the mean of similarities of their runs, seed by seed.
-- { name =, cited = { i2t = { R@1, R@5, R@10 }, t2i =
-- { .. }, source =, rsum = } }: numbers of others; with tests as paper. tests: { NAME = { split =,
-- images =, folds = }, .. }, or a list of { name = NAME, .. }: each run is evaluated on all of
-- them; what one leaves out is data.test_split, data.test_images, data.folds. also = "test_time":
-- the table shows as well what each row's changes do to the base's checkpoint, switched off after
-- it was trained.
function M.table(t)
  expect(t, "table", "table")
  if checked[t] and checked[t].text and checked[t].text == text_of(t) then return t end
  check_keys(t, table_keys, "table")
  table_rows.expect_utf8(t.title, "title")
  if not M.is_experiment(t.base) then fail("base: expected an experiment") end
  if t.note ~= nil then table_rows.expect_utf8(t.note, "note") end
  if t.also ~= nil and t.also ~= "test_time" then
    fail("also: expected 'test_time', found '%s'", text.plain(tostring(t.also)))
  end
  local base = M.resolved(t.base, t.tests)
  table_rows.check(t.rows, t.reference, base:table())
  for _, row in ipairs(t.rows) do
    if table_rows.kind(row) == "run" then
      M.row_config(row, base, M.resolved):close()
    end
  end
  base:close()
  local result = {}
  for key, value in pairs(t) do result[key] = value end
  checked[result] = { text = text_of(result) }
  return setmetatable(result, table_class)
end

-- ---- other scripts ---------------------------------------------------------------------------

-- load "FILE.lua": what the script beside this one returns, or the installed one of that name.
function M.load(path)
  return script.run(script.find_beside(expect(path, "string", "load")))
end

return M
