-- ensembles.lua: rows whose numbers are the mean of similarities of other rows' runs, seed by seed.
--
-- DIR/ROW-seedN/ holds ranks-NAME.npy of each test set and of dev, as a run's folder does, and
-- result.json, written last: the metrics, and of which runs they are. They are evaluated once the
-- members' runs are done, and again when one of those is another run by now.
local claims = require "stepwise.sweep.claim"
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local FORMAT <const> = 2 -- of result.json, which is a run's but for `members`

-- The runs of rows by their names and seeds.
local function runs_by_row(plan)
  local names, runs = {}, {}
  for _, row in ipairs(plan.rows) do
    names[row.slug], runs[row.name] = row.name, {}
  end
  for _, run in ipairs(plan.runs) do runs[names[run.row]][run.seed] = run end
  return runs
end

-- What is evaluated for an ensemble, as a list of runs like the plan's: {row = its slug, seed =,
-- folder =, config = of its first member, members = {run ..}}, one per seed that all members have.
function M.runs(plan)
  local by_row, list = runs_by_row(plan), {}
  for _, row in ipairs(plan.rows) do
    if row.ensemble then
      local seeds = text.sorted_keys(by_row[row.ensemble[1]])
      for _, seed in ipairs(seeds) do
        local members = {}
        for i, name in ipairs(row.ensemble) do members[i] = by_row[name][seed] end
        if #members == #row.ensemble then
          list[#list + 1] = { row = row.slug, seed = seed,
            folder = string.format("%s-seed%d", row.slug, seed), config = members[1].config,
            members = members }
        end
      end
    end
  end
  return list
end

-- {{folder =, id =}..} of the members as they are now; nil and why when one is not done.
local function members_now(run, dir)
  local list = core.json_array {}
  for i, member in ipairs(run.members) do
    local fine, result = pcall(identity.read_json,
      string.format("%s/%s/result.json", dir, member.folder))
    if not fine or not result then return nil, member.folder .. " is not done" end
    local id = result.id or result.key
    list[i] = { folder = member.folder, id = type(id) == "string" and id or "" }
  end
  return list
end

-- Whether `result`, what result.json of an ensemble says, is of its members' runs as they are now.
-- A member whose own result is gone is taken for what it was.
function M.is_current(run, result, dir)
  local now = members_now(run, dir)
  if not now then return true end
  local said = type(result.members) == "table" and result.members or {}
  for i, member in ipairs(now) do
    local before = type(said[i]) == "table" and said[i] or {}
    if before.folder ~= member.folder or before.id ~= member.id then return false end
  end
  return #said == #now
end

-- The sets of a run, dev among them: {name =, named =, split =, images =, folds =, file =}.
local function sets_of(config)
  local sets, data = test_sets.of_config(config), config.data
  if data.dev_split ~= "" then
    sets[#sets + 1] = { name = "dev", split = data.dev_split, images = data.dev_images, folds = 1,
      all_dev_captions = data.all_dev_captions }
  end
  return sets
end

-- Whether the members were evaluated on the same queries.
local function same_sets(run)
  local first
  for _, member in ipairs(run.members) do
    local data = member.config.data
    local this = core.json_encode { data.dir, data.precaps, sets_of(member.config) }
    first = first or this
    if this ~= first then return false end
  end
  return true
end

-- Evaluates one set; the metrics as result.json has them.
local function evaluate(session, run, set, checkpoints, folder)
  local data = run.config.data
  local file = test_sets.ranks_file(set)
  local metrics = session:evaluate {
    checkpoints = checkpoints, data = data.dir, split = set.split, images = set.images,
    folds = set.folds, precaps = data.precaps, all_dev_captions = set.all_dev_captions,
    ranks = folder .. "/" .. file,
  }
  metrics.coverage, metrics.split, metrics.ranks = nil, set.split, file
  return metrics
end

local function write(session, run, dir, members)
  if not same_sets(run) then core.fail(1, "its members are evaluated on different sets") end
  local folder, checkpoints = dir .. "/" .. run.folder, {}
  local made, reason = core.make_folders(folder)
  if not made then core.fail(1, reason) end
  os.remove(folder .. "/result.json")
  for i, member in ipairs(run.members) do
    checkpoints[i] = string.format("%s/%s/checkpoint.safetensors", dir, member.folder)
  end
  local result = { format = FORMAT, seed = run.seed, members = members }
  for _, set in ipairs(sets_of(run.config)) do
    if set.name ~= "dev" or core.file_kind(string.format("%s/%s_ims.npy", run.config.data.dir,
      set.split)) then
      local into = result
      if set.named then
        result.tests = result.tests or {}
        into = result.tests
      end
      into[set.name] = evaluate(session, run, set, checkpoints, folder)
    end
  end
  core.write_file(folder .. "/result.json", core.json_encode(result, 2) .. "\n")
end

-- Whether the result of an ensemble's run is there and is its members' as they are now.
local function is_done(run, dir)
  local fine, result = pcall(identity.read_json, dir .. "/" .. run.folder .. "/result.json")
  return fine and result ~= nil and M.is_current(run, result, dir)
end

-- Evaluates every ensemble of the plan in `dir` whose members are done and whose result is not
-- theirs. options: {threads =, lease =}; out: progress. How many failed.
function M.evaluate(plan, dir, options, out)
  local failed, session = 0, nil
  for _, run in ipairs(M.runs(plan)) do
    local members = members_now(run, dir)
    local due = members ~= nil and not is_done(run, dir)
    local claim <close> = due and claims.watch(options.lease):wait(dir .. "/claims/" .. run.folder,
      function() end) or nil
    if claim and not is_done(run, dir) then -- another process may have done it meanwhile
      session = session or core.session { threads = options.threads }
      local written, problem = pcall(write, session, run, dir, members)
      local log = string.format("%s/logs/%s.error", dir, run.folder)
      os.remove(log)
      local names = {}
      for i, member in ipairs(run.members) do names[i] = member.folder end
      if written then
        out:say(run.folder .. ": mean of similarities of " .. table.concat(names, ", "))
      else
        failed, problem = failed + 1, text.plain(tostring(problem))
        core.write_file(log, problem .. "\n")
        out:say(run.folder .. ": failed: " .. problem)
      end
    end
  end
  if session then session:close() end
  return failed
end

return M
