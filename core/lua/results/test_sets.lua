-- test_sets.lua: what runs are evaluated on: the split, how many of its images, in how many folds.
local core = require "stepwise.core"
local config_values = require "stepwise.config.config_values"
local text = require "stepwise.util.text"
local values = require "stepwise.config.config_values"

local M = {}

-- The list that a config holds as data.tests, of such a list or of {NAME = { split =, .. }, ..},
-- which goes by its names. What is neither is left for the config's own check.
function M.list(tests)
  if type(tests) ~= "table" or #tests > 0 then return tests end
  local list = core.json_array {}
  for i, name in ipairs(text.sorted_keys(tests)) do
    local set = tests[name]
    if type(name) ~= "string" or type(set) ~= "table" then return tests end
    list[i] = { name = name }
    for key, value in pairs(set) do list[i][key] = value end
  end
  return list
end

-- The test sets of a config: {{name =, named = whether data.tests names it, split =, images = 0 for
-- all, folds =, file = the name as it stands in names of files}..}. A member of data.tests that is
-- not given is data.test_split, data.test_images or data.folds; an empty list stands for one set of
-- those, "test", and with an empty test_split for none.
function M.of_config(config)
  local data = type(config) == "table" and type(config.data) == "table" and config.data or {}
  local sets = {}
  local function add(set, named)
    sets[#sets + 1] = {
      name = named and set.name or "test", named = named, split = set.split or data.test_split
        or "test", images = set.images or data.test_images or 0,
      folds = set.folds or data.folds or 1,
      file = named and config_values.file_name(set.name) or "test",
    }
  end
  for _, set in ipairs(type(data.tests) == "table" and data.tests or {}) do
    if type(set) == "table" and type(set.name) == "string" then add(set, true) end
  end
  if #sets == 0 and data.test_split ~= "" then add({}, false) end
  return sets
end

-- The file of the ranks on a set.
function M.ranks_file(set)
  return string.format("ranks-%s.npy", set.named and values.file_name(set.name) or set.name)
end

-- The metrics that result.json has of a set ({name =, named =}); nil without them.
function M.metrics(result, set)
  local of = result
  if set.named then of = result.tests end
  local metrics = type(of) == "table" and of[set.name]
  return type(metrics) == "table" and metrics or nil
end

local function count_in(metrics, name)
  local count = math.tointeger(metrics[name])
  return count and count > 0 and count or nil
end

-- What the metrics of a run are of: {split =, images =, captions =, folds =, ranks = the file's
-- name, told = whether they say their split themselves}; config: of the run, for older results.
function M.about(metrics, set, config)
  local told = type(metrics.split) == "string"
  local data = type(config) == "table" and type(config.data) == "table" and config.data or {}
  local split = told and metrics.split or data[set.name .. "_split"]
  local file = type(metrics.ranks) == "string" and metrics.ranks:match("^ranks%-[%w%-]+%.npy$")
  return {
    split = type(split) == "string" and split or set.name, told = told,
    images = count_in(metrics, "images"), captions = count_in(metrics, "captions"),
    folds = count_in(metrics, "folds") or 1,
    ranks = file or M.ranks_file { name = set.name },
  }
end

-- "5,000 images, 25,000 captions, mean of 5 folds"; "" where nothing is known.
function M.sizes(about)
  local parts = {}
  if about.images then parts[1] = text.plural(about.images, "image") end
  if about.captions then parts[#parts + 1] = text.plural(about.captions, "caption") end
  if about.folds > 1 then parts[#parts + 1] = string.format("mean of %d folds", about.folds) end
  return table.concat(parts, ", ")
end

-- "split testall, 5,000 images, 25,000 captions, mean of 5 folds"
function M.label(about)
  local sizes = M.sizes(about)
  return "split " .. about.split .. (sizes ~= "" and ", " .. sizes or "")
end

-- Whether numbers of the two may stand in one column. What one does not tell is no difference.
function M.same(a, b)
  local function agree(name) return a[name] == nil or b[name] == nil or a[name] == b[name] end
  return a.split == b.split and a.folds == b.folds and agree("images") and agree("captions")
end

return M
