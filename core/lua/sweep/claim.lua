-- claim.lua: claims of things that are waited for: who has one, and since when without a sign of
-- life.
local core = require "stepwise.core"

local M = {}
local Watch = {}
Watch.__index = Watch

-- An owner elsewhere that gives no sign of life for so many seconds counts as dead.
M.LEASE = 60

function M.watch(lease)
  return setmetatable({ lease = lease or M.LEASE, seen = {} }, Watch)
end

-- The claim `path`, or nil and its owner. A claim of another machine's process is taken over once
-- it was looked at for as long as the lease and did not move.
function Watch:take(path)
  local old, expired = self.seen[path], nil
  local now = core.seconds()
  if old and now - old.since >= self.lease then expired = old.state end
  local claim, state = core.claim(path, expired)
  if claim then
    self.seen[path] = nil
    return claim
  end
  if not old or old.state.generation ~= state.generation or old.state.beat ~= state.beat then
    self.seen[path] = { state = state, since = now }
  end
  return nil, state.owner ~= "" and state.owner or "another process"
end

-- Waits for the claim; `say` is told once whom it waits for. nil when interrupted.
function Watch:wait(path, say)
  local told
  while not core.interrupted() do
    local claim, owner = self:take(path)
    if claim then return claim end
    if not told then say(owner) end
    told = true
    core.sleep(0.2)
  end
  return nil
end

-- Whether nobody works in the run folder `folder`; a dead owner's claim is cleared away.
function Watch:is_free(folder)
  local path = folder .. "/claim"
  if core.file_kind(folder) ~= "folder" then return true end
  if core.claim_state(path).kind ~= "held" then return true end
  local claim, owner = self:take(path)
  if claim then claim:release() end
  return claim ~= nil, owner
end

return M
