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

-- The claim `path`, or nil and its owner. A claim of an owner elsewhere is taken over once it was
-- looked at for as long as the lease and did not move.
function Watch:take(path)
  local old, now = self.seen[path], core.seconds()
  local claim, state = core.claim(path, old and now - old.since >= self.lease and old.beat or nil)
  if claim then
    self.seen[path] = nil
    return claim
  end
  if not old or old.beat ~= state.beat then self.seen[path] = { beat = state.beat, since = now } end
  return nil, state.owner
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
  if not core.claim_state(path).held then return true end
  local claim, owner = self:take(path)
  if claim then claim:release() end
  return claim ~= nil, owner
end

return M
