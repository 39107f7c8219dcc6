-- plan_check.lua: whether a plan.json, which may be edited by hand or come from anyone, holds what
-- the commands rely on.
local core = require "stepwise.core"

local table_rows = require "stepwise.config.table_rows"
local text = require "stepwise.util.text"

local M = {}

-- Names in a sweep's folder that no run may have.
M.ours = { configs = true, logs = true, claims = true, replaced = true, slurm = true,
  ["switched-off"] = true }

-- How many seeds a sweep may add one by one: each look costs some of the level of the last.
M.MOST_LOOKS = 25

-- A list of values of one type, with one at least unless it may be empty.
local function is_list(value, kind, may_be_empty)
  if type(value) ~= "table" then return false end
  local count = 0
  for key, item in pairs(value) do
    if math.type(key) ~= "integer" or type(item) ~= kind then return false end
    count = count + 1
  end
  return count == #value and (count > 0 or may_be_empty == true)
end

local MOST_PARTS <const>, MOST_SETTINGS <const> = 64, 256

-- Whether plan.design is what design.lua writes; rows: a set of slugs.
local function is_design(design, rows)
  if type(design) ~= "table" or not is_list(design.parts, "table")
    or not is_list(design.settings, "table") or not is_list(design.left_out, "table", true)
    or not is_list(design.designs, "string") or #design.parts > MOST_PARTS
    or #design.settings > MOST_SETTINGS then
    return false
  end
  for _, part in ipairs(design.parts) do
    if type(part.name) ~= "string" or not is_list(part.levels, "string") then return false end
    part.name = text.plain(part.name)
    for i, level in ipairs(part.levels) do part.levels[i] = text.plain(level) end
  end
  for _, setting in ipairs(design.settings) do
    if not rows[setting.row] or not is_list(setting.levels, "number")
      or #setting.levels ~= #design.parts then
      return false
    end
    for i, level in ipairs(setting.levels) do
      if not math.tointeger(level) or level < 0 or level > #design.parts[i].levels then
        return false
      end
      setting.levels[i] = math.tointeger(level)
    end
  end
  for _, left in ipairs(design.left_out) do
    if type(left.name) ~= "string" or type(left.reason) ~= "string" then return false end
    left.name, left.reason = text.plain(left.name), text.plain(left.reason)
  end
  return true
end

-- Raises what is missing or of another type, with the path of the file; what may be missing and is
-- of another type is taken out.
function M.check(plan, path)
  local function expect(condition, what)
    if not condition then core.fail(1, path .. ": expected " .. what) end
  end
  local function optional(value, kind) return type(value) == kind and value or nil end
  expect(type(plan) == "table", "an object")
  expect(is_list(plan.rows, "table") and is_list(plan.runs, "table"), "rows and runs")
  expect(type(plan.title) == "string", "a title")
  expect(type(plan.data) == "string", "the data folder's name")
  local function line(value) return type(value) == "string" and text.plain(value) or nil end
  plan.title, plan.note, plan.reference = line(plan.title), line(plan.note), line(plan.reference)
  plan.generated = plan.generated == true
  for _, name in ipairs { "on_scenes", "overrides" } do
    expect(plan[name] == nil or is_list(plan[name], "string", true), name .. " as a list of texts")
  end
  local sequence = plan.sequence
  expect(sequence == nil or type(sequence) == "table" and math.type(sequence.first) == "integer"
    and math.type(sequence.most) == "integer" and sequence.first >= 2
    and sequence.most >= sequence.first and sequence.most - sequence.first <= M.MOST_LOOKS,
    "first and most seeds in sequence")
  if plan.also ~= "test_time" then plan.also = nil end
  local slugs, folders, seeds, names = {}, {}, {}, {}
  local rows_run = {}
  for i, row in ipairs(plan.rows) do
    expect(type(row.name) == "string" and type(row.slug) == "string",
      "a name and a slug in row " .. i)
    expect(not slugs[row.slug], "one row '" .. row.slug .. "'")
    slugs[row.slug], row.name = true, line(row.name)
    names[row.name] = row
    row.paper, row.sources = optional(row.paper, "table"), optional(row.sources, "table")
    row.base, row.cited = line(row.base), optional(row.cited, "table")
    expect(row.ensemble == nil or is_list(row.ensemble, "string"),
      "names of rows in the ensemble of row " .. i)
    local changes = core.json_array {}
    for _, change in ipairs(optional(row.changes, "table") or {}) do
      changes[#changes + 1] = optional(change, "string")
    end
    row.changes = changes
  end
  for _, row in ipairs(plan.rows) do
    for _, name in ipairs(row.ensemble or {}) do
      expect(names[name] and table_rows.kind(names[name]) == "run", string.format(
        "rows with runs in the ensemble '%s', found '%s'", row.name, text.plain(name)))
    end
  end
  if not is_design(plan.design, slugs) then plan.design = nil end
  for i, run in ipairs(plan.runs) do
    expect(slugs[run.row], "a row that is there in run " .. i)
    run.config = optional(run.config, "table") -- a table of results needs none
    for _, name in ipairs { "id", "key", "hash" } do run[name] = optional(run[name], "string") end
    expect(math.type(run.seed) == "integer", "a seed in run " .. i)
    expect(type(run.folder) == "string" and run.folder:find("^[^/%c]+$")
      and not run.folder:find("^%.+$") and not M.ours[run.folder], string.format(
      "a folder of this one in run %d, found '%s'", i, text.plain(tostring(run.folder))))
    expect(not folders[run.folder], "one run '" .. run.folder .. "'")
    local twin = run.row .. " " .. run.seed -- a seed that counts twice would narrow the intervals
    expect(not seeds[twin], string.format("one run of row '%s' and seed %d", run.row, run.seed))
    folders[run.folder], seeds[twin] = true, true
    rows_run[run.row] = true
  end
  for _, row in ipairs(plan.rows) do
    if row.ensemble then
      expect(not rows_run[row.slug], "no runs of the ensemble '" .. row.name .. "'")
      for _, run in ipairs(plan.runs) do
        expect(run.folder ~= string.format("%s-seed%d", row.slug, run.seed),
          "no run in the folder of the ensemble '" .. row.name .. "'")
      end
    end
  end
end

return M
