-- history.lua: a run's numbers over its steps, as metrics.tsv has them, for other programs: what
-- stepwise export writes is made of this.
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local text = require "stepwise.util.text"

local M = {}

-- Columns of metrics.tsv that are no numbers of a step.
local place <const> = { step = true, epoch = true, kind = true, seconds = true }

-- "2026-01-31T23:59:59Z" -> seconds since 1970, or nil.
local function time_of(stamp)
  local y, m, d, h, min, s =
    tostring(stamp):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)Z$")
  if not y then return nil end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if m <= 2 then y, m = y - 1, m + 12 end -- days by the civil calendar, whatever the time zone here
  local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (m - 3) + 2) // 5 + d - 719469
  return days * 86400 + tonumber(h) * 3600 + tonumber(min) * 60 + tonumber(s)
end

local function split(line)
  local cells = {}
  for cell in (line .. "\t"):gmatch("([^\t]*)\t") do cells[#cells + 1] = cell end
  return cells
end

-- The points of a metrics.tsv: {{step =, epoch =, seconds =, values = {["train/loss"] = ..,
-- ..}}..}, one per line that is whole; the numbers of a step are "train/..", those of an evaluation
-- "dev/..", or of the test set's name.
local function points_of(path)
  local points, file <close> = {}, io.open(path, "rb")
  if not file then return points end
  local names = split((file:read("L") or ""):gsub("\n$", ""))
  for line in file:lines("L") do
    local cells, point, kind = split((line:gsub("\n$", ""))), { values = {} }, nil
    if line:sub(-1) == "\n" and #cells == #names then
      for i, name in ipairs(names) do
        local value = tonumber(cells[i])
        if name == "kind" then
          kind = cells[i] == "step" and "train" or text.plain(cells[i])
        elseif place[name] then
          point[name] = value
        elseif value and value == value and kind then
          point.values[kind .. "/" .. name] = value
        end
      end
      if point.step and point.seconds then points[#points + 1] = point end
    end
  end
  return points
end

-- {"train.lr" = "0.0002", ..} of a config.
local function settings_of(config)
  local flat = {}
  local function add(prefix, value)
    if type(value) == "table" and not (value[1] ~= nil and type(value[1]) ~= "table") then
      local above = prefix ~= "" and prefix .. "." or ""
      for name, item in pairs(value) do add(above .. name, item) end
    elseif prefix ~= "" and value ~= core.json_null then
      flat[prefix] = text.plain(text.value(value))
    end
  end
  add("", config)
  return flat
end

-- Of the run folder `dir`: name = its own, started = seconds since 1970, settings = {KEY =
-- text}, points, result = of result.json or nil, id = 32 hex digits that are the same each time.
function M.read(dir, name)
  local function object(file)
    local fine, value = pcall(identity.read_json, dir .. "/" .. file)
    return fine and value or nil
  end
  local config, about = object "config.json" or {}, object "provenance.json" or {}
  local first = type(about.parts) == "table" and about.parts[1]
  if type(first) ~= "table" then first = {} end
  return {
    name = name, started = time_of(first.started) or 0,
    settings = settings_of(config), points = points_of(dir .. "/metrics.tsv"),
    result = object "result.json",
    id = core.hash128((type(about.id) == "string" and about.id or core.absolute_path(dir)) .. name),
  }
end

return M
