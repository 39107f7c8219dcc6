-- roll.lua: all runs of a sweep, or one run, as their files say at this moment: for stepwise watch.
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local plan_of = require "stepwise.sweep.plan"
local standing = require "stepwise.run.standing"
local text = require "stepwise.util.text"

local M = {}
local Roll = {}
Roll.__index = Roll

-- Opens the folder of a sweep, or a run folder.
function M.open(dir)
  local self = setmetatable({ dir = dir, runs = {} }, Roll)
  if core.file_kind(dir .. "/plan.json") then
    self:read_plan()
  elseif core.file_kind(dir .. "/config.json") then
    self.title = dir
    self.runs[1] = { name = dir:match("([^/]+)$"), folder = dir, standing = standing.new(dir) }
  else
    core.fail(1, dir .. ": neither the folder of a sweep (plan.json) nor of a run (config.json)")
  end
  return self
end

-- A sweep that adds seeds gets runs on the way.
function Roll:read_plan()
  local plan = plan_of.read(self.dir)
  local of_seed, known, reference = {}, {}, nil
  local fine, row = pcall(plan_of.reference, plan, "")
  if fine then reference = row.slug end
  for _, run in ipairs(self.runs) do known[run.name] = run end
  self.title, self.runs = plan.title, {}
  for i, planned in ipairs(plan.runs) do
    local folder = self.dir .. "/" .. planned.folder
    local run = known[planned.folder]
      or { name = planned.folder, folder = folder, standing = standing.new(folder) }
    run.planned = planned
    self.runs[i] = run
    if planned.row == reference then of_seed[planned.seed] = run end
  end
  for _, run in ipairs(self.runs) do
    local against = of_seed[run.planned.seed]
    run.reference = against ~= run and against or nil
  end
end

-- "done" and its result, or another state and what is to be said of it.
local function state_of(self, run)
  local whole, result = pcall(identity.read_json, run.folder .. "/result.json")
  if not whole then return "failed", text.plain(tostring(result)) end
  if result then return "done", result end
  local fine, claim = pcall(core.claim_state, run.folder .. "/claim")
  if fine and claim.held then return "running", claim.owner end
  local path = run.planned and string.format("%s/logs/%s.error", self.dir, run.name)
  if path and core.file_kind(path) == "file" then
    local read, reason = pcall(core.read_file, path)
    return "failed", read and text.plain((reason:gsub("\n.*", ""))) or "failed"
  end
  return core.file_kind(run.folder) and "stopped" or "waiting"
end

-- The rsum of the reference at the same step; nil where it has not been there.
local function rsum_at(reference, step)
  for _, evaluation in ipairs(reference and reference.standing.evaluations or {}) do
    if evaluation.step == step then return evaluation.rsum end
  end
end

-- Reads what is new. Then each of `runs` has name, state = "done", "running", "failed", "stopped"
-- or "waiting", reason = of a failure, standing (run/standing.lua), rsum = the last of dev or the
-- final best, gap = to the reference's at the same step, and reference = that run; counts = {STATE
-- = how many}.
function Roll:look()
  if self.runs[1].planned then self:read_plan() end
  self.counts = { done = 0, running = 0, failed = 0, stopped = 0, waiting = 0 }
  for _, run in ipairs(self.runs) do
    if run.state ~= "done" then
      local state, found = state_of(self, run)
      run.state, run.reason = state, state == "failed" and found or nil
      run.seconds = state == "done" and tonumber(found.seconds) or nil
      run.standing:look()
    end
    self.counts[run.state] = self.counts[run.state] + 1
  end
  for _, run in ipairs(self.runs) do
    local last = run.standing.evaluations[#run.standing.evaluations]
    local other = last and rsum_at(run.reference, last.step)
    run.rsum, run.gap = last and last.rsum, other and last.rsum - other or nil
  end
  return self
end

-- Whether anything is still to come from a process that works now.
function Roll:is_over()
  return self.counts.running == 0 and self.counts.waiting == 0 and self.counts.stopped == 0
end

-- The lowest and the highest dev rsum of all runs; nil without any.
function Roll:range()
  local low, high
  for _, run in ipairs(self.runs) do
    for _, evaluation in ipairs(run.standing.evaluations) do
      low, high = math.min(low or evaluation.rsum, evaluation.rsum),
        math.max(high or evaluation.rsum, evaluation.rsum)
    end
  end
  return low, high
end

return M
