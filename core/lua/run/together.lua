-- together.lua: one run in several processes, started by mpirun or srun. Process 0 is the run; the
-- others hold the same model and do their share of its steps and evaluations (core/peers/peers.h).
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local json_text = require "stepwise.config.json_text"
local test_sets = require "stepwise.results.test_sets"

local M = {}

-- Refuses processes that would not compute the same: problem(theirs) of the first of them that is
-- not nil. All of them call it, each with its own facts; process 0 tells.
local function compare(peers, own, problem)
  local texts = peers:meet(core.json_encode { host = core.machine().host, facts = own })
  for r = 2, peers:rank() == 0 and #texts or 0 do
    local theirs = core.json_decode(texts[r])
    local found = problem(theirs.facts)
    if found then
      core.fail(1, string.format("process %d of %d (%s): %s", r - 1, #texts, theirs.host, found))
    end
  end
end

local facts <const> = {
  { "version" }, { "kernels", "STEPWISE_CPU sets them for all" },
  { "OpenBLAS core", "OPENBLAS_CORETYPE sets it for all" },
  { "config", "--alone trains each by itself" },
}

-- Waits until all have resolved their config, before process 0 changes anything on disk.
function M.meet(peers, session, config)
  local libraries, _, kernels = core.libraries(), session:threads()
  local _, count = peers:rank()
  local batch = config:table().train.batch
  if count > batch then
    core.fail(1, string.format("started as %d processes, but a batch has %d pairs; expected at "
      .. "most one process per pair", count, batch))
  end
  local own = {
    version = core.version .. " " .. core.git, kernels = kernels,
    ["OpenBLAS core"] = libraries.blas_core,
    config = config:hash "",
  }
  compare(peers, own, function(theirs)
    for _, fact in ipairs(facts) do
      local what, hint = fact[1], fact[2]
      if theirs[what] ~= own[what] then
        return string.format("expected the %s of process 0, %s, found %s%s", what, own[what],
          theirs[what], hint and "; " .. hint or "")
      end
    end
  end)
end

local function compare_sources(peers, sources)
  compare(peers, sources, function(theirs)
    local differs = identity.difference(theirs, sources)
    return differs and "reads other files than process 0: " .. differs
  end)
end

-- Process 0 has the run open: the others open the same and join `training`. used_vocabulary: the
-- run folder's own is in use.
function M.begin(peers, training, sources, used_vocabulary)
  peers:meet(used_vocabulary and "vocabulary" or "inputs")
  compare_sources(peers, sources)
  training:join(peers)
end

-- The run of process 0 was done before.
function M.dismiss(peers)
  peers:meet "done"
end

-- Another process than 0, until process 0 has no more for it. ensure_data(): before they are read.
function M.follow(peers, session, config, run, ensure_data)
  local word = peers:meet ""[1]
  if word == "done" then return end
  ensure_data()
  local sets = test_sets.of_config(config.value)
  local inputs <close> = core.inputs(config, sets,
    word == "vocabulary" and run .. "/vocab.json" or nil)
  compare_sources(peers, json_text.object("data", identity.data(config, inputs:facts()),
    "plugins", config:plugins()))
  local training <close> = core.training(session, config, inputs, true)
  training:join(peers)
  core.catch_interrupts()
  training:follow()
end

return M
