-- export_mlflow.lua: runs as a folder of MLflow's file store, OUT/EXPERIMENT/RUN: meta.yaml, a file
-- per param, and per metric one with lines of "milliseconds value step".
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

local LONGEST_PARAM <const> = 6000 -- MLflow takes no longer ones
local FINISHED <const>, RUNNING <const> = 3, 1 -- RunStatus
local LOCAL <const> = 4 -- SourceType

local function folder(path)
  local made, reason = core.make_folders(path)
  if not made then core.fail(1, reason) end
  return path
end

-- A text in YAML; JSON's are.
local function quoted(s) return core.json_encode(s) end

local function write_yaml(path, pairs_of)
  local lines = {}
  for i, entry in ipairs(pairs_of) do lines[i] = entry[1] .. ": " .. entry[2] end
  core.write_file(path, table.concat(lines, "\n") .. "\n")
end

local function milliseconds(seconds) return string.format("%.0f", seconds * 1000) end

-- Names of metrics, of which MLflow takes letters, digits, _, -, ., blanks and /.
local function name_of(tag) return (tag:gsub("[^%w_%-%. /]", "_")) end

local function write_run(run, experiment, path)
  local last = run.points[#run.points]
  local ended = run.started + (last and last.seconds or 0)
  local metrics = {}
  for _, kind in ipairs { "params", "metrics", "tags", "artifacts" } do
    folder(path .. "/" .. kind)
  end
  for key, value in pairs(run.settings) do
    core.write_file(path .. "/params/" .. name_of(key), text.cut(value, LONGEST_PARAM))
  end
  for _, point in ipairs(run.points) do
    for tag, value in pairs(point.values) do
      local name = name_of(tag)
      metrics[name] = metrics[name] or {}
      table.insert(metrics[name], string.format("%s %.9g %d",
        milliseconds(run.started + point.seconds), value, math.tointeger(point.step) or 0))
    end
  end
  for name, lines in pairs(metrics) do
    folder(path .. "/metrics/" .. (name:match("^(.*)/") or ""))
    core.write_file(path .. "/metrics/" .. name, table.concat(lines, "\n") .. "\n")
  end
  core.write_file(path .. "/tags/mlflow.runName", run.name)
  write_yaml(path .. "/meta.yaml", {
    { "artifact_uri", quoted(core.absolute_path(path) .. "/artifacts") },
    { "end_time", run.result and milliseconds(ended) or "null" }, { "entry_point_name", "''" },
    { "experiment_id", quoted(experiment) }, { "lifecycle_stage", "active" },
    { "run_id", quoted(run.id) }, { "run_name", quoted(run.name) }, { "run_uuid", quoted(run.id) },
    { "source_name", "stepwise" }, { "source_type", tostring(LOCAL) }, { "source_version", "''" },
    { "start_time", milliseconds(run.started) },
    { "status", tostring(run.result and FINISHED or RUNNING) }, { "tags", "[]" },
    { "user_id", "''" },
  })
end

-- title: of the experiment, whose id follows from it.
function M.write(runs, out, title)
  local id = tostring(tonumber(core.hash128(title):sub(1, 14), 16))
  local path, began = folder(out .. "/" .. id), math.huge
  for _, run in ipairs(runs) do
    began = math.min(began, run.started)
    write_run(run, id, path .. "/" .. run.id)
  end
  write_yaml(path .. "/meta.yaml", {
    { "artifact_location", quoted(core.absolute_path(path)) },
    { "creation_time", milliseconds(began) },
    { "experiment_id", quoted(id) }, { "last_update_time", milliseconds(began) },
    { "lifecycle_stage", "active" }, { "name", quoted(title) },
  })
end

return M
