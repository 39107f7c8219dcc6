-- folder.lua: the folder of one run: what one that is there means for a run that is to begin in it;
-- who may write to it, its JSON files, and the two files that grow, a line at a time. What the
-- files hold: core/FORMATS.md.
local core = require "stepwise.core"
local json_text = require "stepwise.config.json_text"

local M = {}

local Folder = {}
Folder.__index = Folder

local columns <const> = {
  "step", "epoch", "kind", "loss", "loss_per_sample", "grad_norm", "lr", "i2t_r1", "i2t_r5",
  "i2t_r10", "t2i_r1", "t2i_r5", "t2i_r10", "rsum", "touched", "seconds",
}

-- ---- a folder that is there ------------------------------------------------------------------

-- What a run writes; result.json first, as it says that the rest is whole.
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

-- A process that was killed while it wrote a file leaves NAME.XXXXXX beside it; one of an earlier
-- version leaves claim.N.
local function remove_leftovers(folder)
  for _, name in ipairs(core.list_folder(folder) or {}) do
    if name:find("^claim%.") or (name:find("%.%w%w%w%w%w%w$") and is_ours(name)) then
      os.remove(folder .. "/" .. name)
    end
  end
end

-- Takes away all that a run has left in a folder, so that another one can begin there.
function M.clear(folder)
  local claim <close> = core.claim(folder .. "/claim")
  if not claim then core.fail(1, folder .. ": locked by another process") end
  remove_leftovers(folder)
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

-- ---- the folder of a run ---------------------------------------------------------------------

local function make(path, resume)
  local above = path:match("^(.*[^/])/+[^/]+$")
  if above then
    local made, reason = core.make_folders(above)
    if not made then core.fail(1, "cannot make the folder " .. reason) end
  end
  local made, reason, there = core.make_folder(path)
  if made then return true end
  if not (resume and there) then
    core.fail(1, "cannot make the run folder " .. reason
      .. (there and "; --out takes another one, --resume resumes it" or ""))
  elseif core.file_kind(path) ~= "folder" then
    core.fail(1, path .. ": expected a run folder, found a file")
  end
  return false
end

-- Makes the folder, and those above it that are missing; that it is there is an error unless
-- `resume`. It is claimed unless the run in it is done.
function M.open(path, resume)
  path = path:gsub("(.)/+$", "%1")
  if path == "" then core.fail(2, "expected the path of a run folder, found none") end
  local folder = setmetatable({ path = path }, Folder)
  folder.made = make(path, resume)
  if not folder:has "result.json" then
    local fine, reason = pcall(folder.take, folder)
    if not fine then
      folder:abandon()
      error(reason, 0)
    end
  end
  return folder
end

function Folder:file(name)
  return self.path .. "/" .. name
end

function Folder:has(name)
  return core.file_kind(self:file(name)) ~= nil
end

-- Claims it: nobody else writes.
function Folder:take()
  local claim, state = core.claim(self:file "claim")
  if not claim then
    core.fail(1, string.format("the run folder %s is locked by %s", self.path, state.owner))
  end
  self.claim = claim
end

-- Fails when another process has taken the folder over, because this one gave no sign of life.
function Folder:check()
  if self.claim and self.claim:lost() then
    core.fail(1, "another process has taken over the run folder " .. self.path)
  end
end

function Folder:close()
  for _, name in ipairs { "metrics", "log_file" } do
    if self[name] then self[name]:close() end
    self[name] = nil
  end
  if self.claim then self.claim:release() end
  self.claim = nil
end

-- Closes it, and takes it away when this process made it and it is still empty.
function Folder:abandon()
  self:close()
  if self.made then os.remove(self.path) end -- refuses a folder that holds something
end

-- A JSON file, whole or not at all, keys in their order.
function Folder:write_json(name, value)
  core.write_file(self:file(name), json_text.text(value, 2) .. "\n")
end

function Folder:read_json(name)
  local path = self:file(name)
  local fine, value = pcall(json_text.decode, core.read_text(path))
  if not fine then core.fail_within(path, value) end
  if type(value) ~= "table" then core.fail(1, path .. ": expected an object") end
  return value
end

-- ---- the two files that grow -----------------------------------------------------------------

-- The step of a line, and whether it tells of an evaluation; nil for what is no such line and for
-- what comes after the last state: test sets, the end.
local function read_row(line)
  local step, kind = line:match("^(%d+)\t[^\t]*\t([^\t]+)\t")
  if kind == "step" or kind == "dev" then return tonumber(step), kind == "dev" end
end

local function read_entry(line)
  local fine, entry = pcall(core.json_decode, line)
  if not fine or type(entry) ~= "table" or entry.event == "done" then return nil end
  local is_evaluation = entry.event == "evaluated"
  if is_evaluation and entry.split ~= "dev" then return nil end
  return math.type(entry.step) == "integer" and entry.step or nil, is_evaluation
end

-- How many bytes of a file stay of what was known at the step `last`: whole lines up to the first
-- that tells of more. header: its first line, or "".
local function kept(path, header, last, evaluated, read)
  local file <close> = io.open(path, "rb")
  if not file or last == 0 or header ~= "" and file:read("L") ~= header then return 0 end
  local size = #header
  for line in file:lines("L") do
    local step, is_evaluation = nil, nil
    if line:find("\n$") then step, is_evaluation = read(line) end
    if not step or step > last or is_evaluation and step == last and evaluated < last then break end
    size = size + #line
  end
  return size
end

-- The columns of a metrics.tsv that is there: an older version may have begun it with fewer. All of
-- them where it is not there, or has others.
local function columns_of(path)
  local file <close> = io.open(path, "rb")
  local header, names, is_column = file and file:read("L") or "", {}, {}
  for _, name in ipairs(columns) do is_column[name] = true end
  for name in header:gmatch("[^\t\n]+") do
    if not is_column[name] then return columns end
    names[#names + 1] = name
  end
  local begins = header:find("\n$") and table.concat(names, "\t", 1, math.min(3, #names))
  return begins == table.concat(columns, "\t", 1, 3) and names or columns
end

-- Cuts metrics.tsv and log.jsonl back to what a run knew at `step`, when its last evaluation was at
-- step `evaluated`: later lines go, and a last line that was cut short; at step 0 nothing stays.
-- Then opens both for more. What a killed process left goes, too.
function Folder:begin(step, evaluated)
  local function open(name, header, read)
    local path = self:file(name)
    local size = kept(path, header, step, evaluated, read)
    if size > 0 then core.cut_file(path, size) else core.write_file(path, header) end
    local file, reason = io.open(path, "a")
    return file or core.fail(1, "cannot write " .. reason)
  end
  remove_leftovers(self.path)
  self.columns = columns_of(self:file "metrics.tsv")
  self.metrics = open("metrics.tsv", table.concat(self.columns, "\t") .. "\n", read_row)
  self.log_file = open("log.jsonl", "", read_entry)
end

local function append(self, file, name, line)
  local fine, reason = file:write(line, "\n")
  if fine then fine, reason = file:flush() end
  if not fine then core.fail(1, string.format("cannot write %s: %s", self:file(name), reason)) end
end

-- A row of metrics.tsv, by its columns; NaN stands for a number that it does not have. seconds: of
-- the run so far, over all its parts.
function Folder:row(row, seconds)
  local cells = {}
  for i, name in ipairs(self.columns) do
    local value = name == "seconds" and seconds or row[name]
    cells[i] = i <= 3 and tostring(value)
      or (value == nil or value ~= value) and "NaN" or string.format("%.9g", value)
  end
  append(self, self.metrics, "metrics.tsv", table.concat(cells, "\t"))
end

-- A line of log.jsonl: what happened, and then further keys and values.
function Folder:log(step, event, ...)
  append(self, self.log_file, "log.jsonl", json_text.line(json_text.object(
    "step", step, "event", event, "time", M.time(), ...)))
end

-- Brings both to the disk.
function Folder:sync()
  core.sync_file(self:file "metrics.tsv")
  core.sync_file(self:file "log.jsonl")
end

-- The time as 2026-01-31T23:59:59Z.
function M.time()
  return os.date("!%Y-%m-%dT%H:%M:%SZ")
end

return M
