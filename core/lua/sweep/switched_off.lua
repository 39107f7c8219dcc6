-- switched_off.lua: what a table's changes do to a model that was trained without them: the base's
-- checkpoint is evaluated with the changes of each row, as `stepwise eval CHECKPOINT key=value`
-- does, seed by seed.
--
-- DIR/switched-off/ROW-seedN.json: of = {folder, id} of the base's run, changes, and the metrics of
-- each test set as result.json has them; or reason = why the parameters do not allow it. The ranks
-- are beside it, ROW-seedN-NAME.npy.
local claims = require "stepwise.sweep.claim"
local core = require "stepwise.core"
local table_rows = require "stepwise.config.table_rows"
local identity = require "stepwise.run.identity"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local FORMAT <const> = 1
local MISUSE <const> = 2

-- What plan.also has where it was asked for.
M.name = "test_time"

local function path_of(dir, row, seed, more)
  return string.format("%s/switched-off/%s-seed%d%s", dir, row.slug, seed, more)
end

-- The row that changes nothing, whose checkpoints are evaluated; nil where there is none.
function M.base_of(plan)
  for _, row in ipairs(plan.rows) do
    if #row.changes == 0 and not row.base and table_rows.kind(row) == "run" then return row end
  end
end

-- {{row =, seed =, run = the base's}..} of a plan that asks for it.
function M.all(plan)
  local base, list = plan.also == M.name and M.base_of(plan) or nil, {}
  for _, row in ipairs(base and plan.rows or {}) do
    for _, run in ipairs(#row.changes > 0 and not row.base and plan.runs or {}) do
      if run.row == base.slug then list[#list + 1] = { row = row, seed = run.seed, run = run } end
    end
  end
  return list
end

local function is_text(value) return type(value) == "string" and value or nil end

-- The result of the base's run; nil while it is not done.
local function base_result(one, dir)
  local fine, result = pcall(identity.read_json, dir .. "/" .. one.run.folder .. "/result.json")
  return fine and result or nil
end

-- What was found for one of M.all(), a table like result.json with perhaps a reason; nil where that
-- is missing, or of another run of the base or other changes.
function M.read(one, dir)
  local fine, found = pcall(identity.read_json, path_of(dir, one.row, one.seed, ".json"))
  local base = base_result(one, dir)
  if not fine or not found or found.format ~= FORMAT or type(found.of) ~= "table"
    or type(found.changes) ~= "table" or not base then
    return nil
  end
  if found.of.id ~= (is_text(base.id) or is_text(base.key) or "")
    or found.of.folder ~= one.run.folder
    or core.json_encode(found.changes) ~= core.json_encode(one.row.changes) then
    return nil
  end
  return found
end

-- The file of a run's ranks on a set, as test_sets.about has it.
function M.ranks(one, dir, about)
  return path_of(dir, one.row, one.seed, about.ranks:gsub("^ranks", ""))
end

local function evaluate(session, one, dir)
  local config, base = one.run.config, base_result(one, dir)
  local result = { format = FORMAT, changes = one.row.changes, of = { folder = one.run.folder,
    id = is_text(base.id) or is_text(base.key) or "" } }
  for _, set in ipairs(test_sets.of_config(config)) do
    if not test_sets.metrics(base, set) then goto next_set end
    local fine, metrics = pcall(session.evaluate, session, {
      checkpoints = { string.format("%s/%s/checkpoint.safetensors", dir, one.run.folder) },
      changes = one.row.changes, data = config.data.dir, split = set.split, images = set.images,
      folds = set.folds, precaps = config.data.precaps,
      ranks = path_of(dir, one.row, one.seed, "-" .. set.file .. ".npy"),
    })
    if not fine then
      if type(metrics) ~= "table" or metrics.status ~= MISUSE then error(metrics, 0) end
      result.reason = text.plain(metrics.text)
      return result
    end
    metrics.coverage, metrics.split = nil, set.split
    metrics.ranks = "ranks-" .. set.file .. ".npy"
    local into = result
    if set.named then
      result.tests = result.tests or {}
      into = result.tests
    end
    into[set.name] = metrics
    ::next_set::
  end
  return result
end

-- Evaluates what is not there yet. options: {threads =, lease =}; out: progress. Gives how many
-- failed, and the signal that interrupted it.
function M.evaluate(plan, dir, options, out)
  local failed, session, due = 0, nil, {}
  for _, one in ipairs(M.all(plan)) do
    if base_result(one, dir) and not M.read(one, dir) then due[#due + 1] = one end
  end
  if #due == 0 then return 0 end
  local made, reason = core.make_folders(dir .. "/switched-off")
  if not made then core.fail(1, reason) end
  for i, one in ipairs(due) do
    if core.interrupted() then return failed, core.interrupted() end
    local name = path_of("", one.row, one.seed, ""):sub(2)
    local claim <close> = claims.watch(options.lease):wait(dir .. "/claims/"
      .. name:gsub("/", "-"), function() end)
    if claim and not M.read(one, dir) then -- another process may have done it meanwhile
      session = session or core.session { threads = options.threads }
      local fine, found = pcall(evaluate, session, one, dir)
      if fine then
        core.write_file(path_of(dir, one.row, one.seed, ".json"),
          core.json_encode(found, 1) .. "\n")
      else
        failed = failed + 1
      end
      out:say(string.format("%d/%d  %s%s", i, #due, name, fine and not found.reason and ""
        or ": " .. text.plain(fine and found.reason or tostring(found))))
    end
  end
  if session then session:close() end
  return failed
end

return M
