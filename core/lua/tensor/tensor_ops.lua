-- tensor_ops.lua: operations on tensors, and whether they form gradients.
local core = require "stepwise.core"

local M = {}

local recording, shared = true, nil

-- Raises the failure of an operation, with the near miss of a name that is none.
local function explain(session, op, problem)
  local text = type(problem) == "table" and problem.text or tostring(problem)
  if text:find("^no operation") then
    local names = {}
    for i, one in ipairs(session:ops()) do names[i] = one.name end
    text = text .. core.suggest(op, names)
  end
  core.fail(type(problem) == "table" and problem.status or 2, text)
end

-- The session that computes: the program's first, or that of use().
function M.session()
  shared = shared or core.session()
  return shared
end

-- use(session): its threads and the operations of its plugins compute from now on
function M.use(session)
  session:threads() -- raises where it is closed
  shared = session
end

-- apply(op, args|nil, x, ..): the operation of that name; args: { i = whole numbers, f = numbers,
-- p = a structure }, as `stepwise plugins --ops` says them
function M.apply(op, args, ...)
  local session = M.session()
  local fine, result = pcall(core.tensor_apply, session, op, args, recording, ...)
  if fine then return result end
  explain(session, op, result)
end

-- no_grad(f, ..): the results of f(..), in which no operation forms a gradient
function M.no_grad(f, ...)
  local before = recording
  recording = false
  local results = table.pack(pcall(f, ...))
  recording = before
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

return M
