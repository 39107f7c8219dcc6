-- standing.lua: where a run stands, as the files of its folder say: for whoever follows runs of
-- other processes, also on other machines. It only reads, and of files that grow only what is new.
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local text = require "stepwise.util.text"

local M = {}
local Standing = {}
Standing.__index = Standing

local RECENT <const> = 64 -- steps that the rate is of

-- What is read of a file, and may have been written by anyone.
local function number(value)
  value = tonumber(value)
  return value and value == value and math.abs(value) < math.huge and value or nil
end

local function object(path)
  local fine, value = pcall(identity.read_json, path)
  return fine and value or nil
end

local function member(value, ...)
  for _, name in ipairs { ... } do
    value = type(value) == "table" and value[name] or nil
  end
  return value
end

local function begin(self)
  self.at, self.recent, self.evaluations = {}, {}, {}
  self.step, self.epoch, self.seconds = 0, 0, 0.0
  self.loss_sum, self.loss_count, self.warning = 0.0, 0, nil
end

-- Of a run folder, which need not be there yet.
function M.new(folder)
  local self = setmetatable({ folder = folder }, Standing)
  begin(self)
  return self
end

-- The whole lines of a file that are new, as one text; nil where the file was cut back.
local function news(self, name)
  local file <close> = io.open(self.folder .. "/" .. name, "rb")
  if not file then return "" end
  local from, size = self.at[name] or 0, file:seek("end")
  if size < from then return nil end
  file:seek("set", from)
  local found = (file:read("a") or ""):match("^.*\n") or ""
  self.at[name] = from + #found
  return found
end

-- A line of metrics.tsv.
local function read_row(self, line)
  local step, epoch, kind = line:match("^(%d+)\t(%d+)\t([^\t]+)\t")
  step, epoch = number(step), number(epoch)
  local seconds = number(line:match("\t([^\t]+)$"))
  if not step or not epoch or not seconds then return end
  if kind == "step" then
    local loss = number(line:match("^%d+\t%d+\tstep\t[^\t]*\t([^\t]+)"))
    if loss then self.loss_sum, self.loss_count = self.loss_sum + loss, self.loss_count + 1 end
    self.recent[#self.recent + 1] = { step = step, seconds = seconds }
    if #self.recent > RECENT then table.remove(self.recent, 1) end
    self.step, self.epoch = step, epoch
  elseif kind == "dev" then
    local cells = {}
    for cell in line:gmatch("[^\t]+") do cells[#cells + 1] = number(cell) or false end
    if cells[14] then
      self.evaluations[#self.evaluations + 1] = {
        step = step, epoch = epoch, rsum = cells[14], i2t_r10 = cells[10] or nil,
        t2i_r10 = cells[13] or nil, seconds = seconds - self.seconds,
        loss = self.loss_count > 0 and self.loss_sum / self.loss_count or nil,
      }
    end
    self.loss_sum, self.loss_count = 0.0, 0
    self.recent = {} -- an evaluation is no step
  end
  self.seconds = seconds
end

local function read_event(self, line)
  if line:find('"warning"', 1, true) or line:find('"evaluated"', 1, true) and not self.images then
    local fine, event = pcall(core.json_decode, line)
    if not fine or type(event) ~= "table" then return end
    if event.event == "warning" and type(event.text) == "string" then
      self.warning = text.plain(event.text)
    elseif event.event == "evaluated" and event.split == "dev" then
      self.images = math.tointeger(member(event, "metrics", "images"))
    end
  end
end

-- Epochs and steps of all, and who runs it.
local function read_about(self)
  local train = member(object(self.folder .. "/config.json"), "train")
  local about = object(self.folder .. "/provenance.json")
  local batch = math.tointeger(member(train, "batch"))
  local epochs = math.tointeger(member(train, "epochs"))
  local captions = math.tointeger(member(about, "data", "train_captions"))
  local parts = member(about, "parts")
  local last = type(parts) == "table" and member(parts[#parts], "host")
  self.host = type(last) == "string" and text.plain(last) or self.host
  if not batch or batch < 1 or not epochs then return end
  self.batch, self.epochs, self.margin = batch, epochs, number(member(train, "margin"))
  if not captions then return end
  local each = captions // batch + (captions % batch >= 2 and 1 or 0)
  local most = math.tointeger(member(train, "max_steps")) or 0
  self.steps = most > 0 and math.min(most, each * epochs) or each * epochs
  local every = math.tointeger(member(train, "eval_every")) or 0
  self.every = math.max(1, every > 0 and every or each)
end

-- Pairs per second of late, and the seconds that are left; nil where too little is known.
local function estimate(self)
  self.rate, self.left = nil, nil
  local first, last = self.recent[1], self.recent[#self.recent]
  if first and last.seconds > first.seconds and self.batch then
    self.step_s = (last.seconds - first.seconds) / (last.step - first.step)
    self.rate = self.batch / self.step_s
  end
  if self.step_s and self.steps then
    local rest = math.max(0, self.steps - self.step)
    local evaluation = self.evaluations[#self.evaluations]
    self.left = rest * self.step_s
      + math.ceil(rest / self.every) * (evaluation and evaluation.seconds or 0)
  end
end

-- Reads what is new. Then: step, epoch (from 0), and where known steps, epochs, seconds, rate
-- (pairs per second), left (seconds), host, images (of dev), warning (the last), batch, margin;
-- evaluations = {{step =, epoch =, rsum =, i2t_r10 =, t2i_r10 =, loss = the mean per sample since
-- the one before, seconds =}..}.
function Standing:look()
  if not self.epochs or not self.steps or self.step == 0 then read_about(self) end
  local rows, events = news(self, "metrics.tsv"), news(self, "log.jsonl")
  if not rows or not events then -- cut back by a run that was resumed
    begin(self)
    self.steps = nil
    return self:look()
  end
  for line in rows:gmatch("[^\n]+") do read_row(self, line) end
  for line in events:gmatch("[^\n]+") do read_event(self, line) end
  estimate(self)
  return self
end

-- The highest dev rsum so far, or nil.
function Standing:best()
  local best
  for _, evaluation in ipairs(self.evaluations) do
    best = math.max(best or evaluation.rsum, evaluation.rsum)
  end
  return best
end

-- In a few words: "epoch 3/30  rsum 120.1  240 pairs/s  3 h 02 min left".
function Standing:words()
  if self.step == 0 then return "starting" end
  local last, parts = self.evaluations[#self.evaluations], {}
  local function add(format, ...) parts[#parts + 1] = string.format(format, ...) end
  if self.epochs then
    add("epoch %d/%d", self.epoch + 1, self.epochs)
    if self.steps and self.steps > 0 then add("%d %%", 100 * self.step // self.steps) end
  end
  if last then add("rsum %.1f", last.rsum) end
  if self.rate then add("%.0f pairs/s", self.rate) end
  if self.left then add("%s left", text.duration(self.left)) end
  return table.concat(parts, "  ")
end

return M
