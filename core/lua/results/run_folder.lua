-- run_folder.lua: what a run folder holds, as far as it decides how a run may begin in it.
local core = require "stepwise.core"

local M = {}

-- What a run writes (core/train/folder.h); result.json first, as it says that the rest is whole.
local files <const> = {
  "result.json", "state.safetensors", "checkpoint.safetensors", "checkpoint-last.safetensors",
  "ranks-dev.npy", "metrics.tsv", "log.jsonl", "provenance.json", "vocab.json",
  "config.json",
}

-- A run's own file, also one that a killed process left half written, as NAME.XXXXXX.
local function is_ours(name)
  if name == "claim" or name:find("^claim%.%w+$") or name:find("^ranks%-[%l%d%-]+%.npy") then
    return true
  end
  for _, file in ipairs(files) do
    if name == file or (#name == #file + 7 and name:sub(1, #file + 1) == file .. ".") then
      return true
    end
  end
  return false
end

-- The last line of metrics.tsv that is whole, but for the header; nil when there is none.
local function last_row(folder)
  local file <close> = io.open(folder .. "/metrics.tsv", "rb")
  if not file then return nil end
  local header = file:read("L") or ""
  local size = file:seek("end")
  file:seek("set", math.max(#header, size - 4096))
  return (file:read("a") or ""):match("([^\n]+)\n[^\n]*$")
end

-- Whether a state was saved at some time: the log says so, a dev evaluation or the end of an epoch
-- comes after one.
local function was_saved(folder, row)
  if core.file_kind(folder .. "/checkpoint.safetensors") then return true end
  local epoch = tonumber(row:match("^[^\t]*\t(%d+)\t"))
  if epoch and epoch > 0 then return true end
  local log <close> = io.open(folder .. "/log.jsonl", "rb")
  for line in log and log:lines() or function() end do
    if line:find('"event":"saved"', 1, true) or line:find('"event":"resumed"', 1, true) then
      return true
    end
  end
  return false
end

-- "missing"; "foreign": no run's; "unused": of a run that made no step; "started": steps, and no
-- state yet; "begun": with a state; "lost": its state is gone; "done".
function M.kind(folder)
  local kind = core.file_kind(folder)
  if not kind then return "missing" end
  if kind ~= "folder" then return "foreign" end
  local function has(name) return core.file_kind(folder .. "/" .. name) == "file" end
  if has "result.json" then return "done" end
  if has "state.safetensors" then return "begun" end
  local row = last_row(folder)
  if row or has "checkpoint.safetensors" then
    return was_saved(folder, row or "") and "lost" or "started"
  end
  for _, name in ipairs(core.list_folder(folder)) do
    if not is_ours(name) then return "foreign" end
  end
  return "unused"
end

-- Takes away all that a run has left in a folder, so that another one can begin there.
function M.clear(folder)
  local claim <close> = core.claim(folder .. "/claim")
  if not claim then core.fail(1, folder .. ": locked by another process") end
  for _, name in ipairs(core.list_folder(folder)) do
    if name:find("^claim%.") or (name:find("%.%w%w%w%w%w%w$") and is_ours(name)) then
      os.remove(folder .. "/" .. name)
    end
  end
  for _, name in ipairs(files) do os.remove(folder .. "/" .. name) end
end

-- Takes away the claim `path` that a process left which was killed, and what one of an earlier
-- version left of it, PATH.N.
function M.drop_claim(path)
  if core.file_kind(path) then
    local claim = core.claim(path)
    if claim then claim:release() end
  end
  local folder, name = path:match("^(.*)/([^/]+)$")
  for _, file in ipairs(core.list_folder(folder) or {}) do
    if file:sub(1, #name + 1) == name .. "." and file:find("^%w+$", #name + 2) then
      os.remove(folder .. "/" .. file)
    end
  end
end

return M
