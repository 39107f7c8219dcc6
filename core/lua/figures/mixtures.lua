-- mixtures.lua: in what the runs of one table are not alike beside their configs.
local text = require "stepwise.util.text"

local M = {}

-- path "a.b" of a decoded provenance.json, or nil
local function at(provenance, path)
  local value = provenance
  for key in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[key]
  end
  return type(value) ~= "table" and value or nil
end

local function plugin_hashes(provenance)
  local result = {}
  for _, plugin in ipairs(type(provenance.plugins) == "table" and provenance.plugins or {}) do
    if type(plugin) == "table" and plugin.name then result[plugin.name] = plugin.hash end
  end
  return result
end

-- The different values that `of` gives of runs and of their parts, as sorted words. A part, a run
-- that was gone on with, names only what is not as it was when the run began.
local function distinct(provenances, of)
  local seen = {}
  local function note(provenance)
    local value = of(provenance)
    if value ~= nil then seen[tostring(value)] = true end
  end
  for _, provenance in ipairs(provenances) do
    note(provenance)
    for _, part in ipairs(type(provenance.parts) == "table" and provenance.parts or {}) do
      if type(part) == "table" then note(part) end
    end
  end
  return text.sorted_keys(seen)
end

-- Lines about the decoded provenance.json files of a table's runs; none when all are alike.
function M.notes(provenances)
  local notes = {}
  local function compare(what, of)
    local values = distinct(provenances, of)
    if #values > 1 then
      notes[#notes + 1] = string.format("The runs mix %s: %s.", what, table.concat(values, ", "))
    end
  end
  compare("data (fingerprints of the train split)", function(p)
    return at(p, "data.own.train") or at(p, "data.train")
  end)
  compare("OpenBLAS cores, which give other last digits", function(p) return at(p, "blas.core") end)
  compare("vector kernels, which give other last digits", function(p) return at(p, "cpu") end)
  compare("versions of stepwise", function(p)
    local version = at(p, "program.version")
    return version and string.format("%s %s", version, at(p, "program.git") or "")
  end)
  local names = {}
  for _, provenance in ipairs(provenances) do
    for name in pairs(plugin_hashes(provenance)) do names[name] = true end
  end
  for _, name in ipairs(text.sorted_keys(names)) do
    compare("builds of the plugin " .. name, function(p) return plugin_hashes(p)[name] end)
  end
  return notes
end

return M
