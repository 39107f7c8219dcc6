-- provenance.lua: which program, plugins, data and machine a run's numbers come from: what
-- provenance.json says. Which run it is: run/identity.lua.
local core = require "stepwise.core"
local folders = require "stepwise.run.folder"
local json_text = require "stepwise.config.json_text"

local M = {}

local object <const> = json_text.object

-- ---- what a run reads ------------------------------------------------------------------------

local function coverage(of)
  return json_text.ordered(of,
    { "tokens", "types", "tokens covered", "types covered", "missing" })
end

-- What is known of the words, from inputs:facts(): {vocabulary = {from =, words =, fingerprint =,
-- coverage =}, glove = {file =, vectors =, ["words found"] =, rows =, coverage =}, where one was
-- read}.
function M.words(facts, config)
  local vocabulary, glove = facts.vocabulary, facts.glove
  return object("vocabulary", object("from", vocabulary.from, "words", vocabulary.words,
    "fingerprint", vocabulary.fingerprint, "coverage", coverage(vocabulary.coverage)),
    "glove", glove and object("file", config.value.data.glove, "vectors", glove.vectors,
      "words found", glove.found, "rows", glove.rows, "coverage", coverage(glove.coverage)))
end

-- Reads all values of the splits of `inputs` whose stamps are not in the list `known`; the stamps
-- of all. Test sets of one split are read once.
function M.check_values(session, inputs, known)
  local listed, stamps = {}, core.json_array {}
  for _, stamp in ipairs(known) do listed[stamp] = true end
  for i, stamp in ipairs(inputs:facts().stamps) do
    if not listed[stamp] then inputs:check(session, i) end
    if listed[stamp] ~= stamps then stamps[#stamps + 1] = stamp end
    listed[stamp] = stamps
  end
  return stamps
end

-- ---- provenance.json -------------------------------------------------------------------------

local function plugins(config)
  local list = core.json_array {}
  for i, origin in ipairs(config:origins()) do
    -- The hash says which file it was; its folder says only whose machine.
    list[i] = object("name", origin.name, "version", origin.version, "hash", origin.hash,
      "file", origin.file:match("[^/]*$"))
  end
  return list
end

-- What is known at the start of a run. facts: inputs:facts(), of all that was read.
function M.new(session, config, facts, key)
  local words, libraries = M.words(facts, config), core.libraries()
  local _, cpu = session:threads()
  return object(
    "program", object("name", "stepwise", "version", core.version, "git", core.git,
      "compiler", libraries.compiler),
    "plugins", plugins(config),
    "blas", object("config", libraries.blas, "core", libraries.blas_core),
    "cpu", cpu,
    "data", object("dir", config.value.data.dir, "generated", facts.generated,
      "train", facts.train, "train_captions", facts.train_captions,
      "dev", facts.dev or core.json_null, "dev_captions", facts.dev_captions,
      "own", facts.own and object("train", facts.own.train, "dev", facts.own.dev,
        "test", facts.own.test)),
    "vocabulary", words.vocabulary, "glove", words.glove or core.json_null,
    "seed", config.value.seed, "key", key, "parts", core.json_array {})
end

-- The stretch of a run that this process does.
function M.part(session, command, first_step)
  return object("started", folders.time(), "ended", core.json_null, "host", core.machine().host,
    "threads", (session:threads()), "first_step", first_step, "command", command or "")
end

-- `now` as it goes into provenance.json: what an earlier part wrote (old, or nil) stays, and `part`
-- notes what has changed since, which may change bits.
function M.join(old, now, part)
  if not (old and type(old.parts) == "table") then old = nil end
  for _, name in ipairs { "program", "plugins", "blas", "cpu" } do
    if old and core.json_encode(now[name]) ~= core.json_encode(old[name] or core.json_null) then
      json_text.set(part, name, now[name])
    end
  end
  local joined = old or now
  table.insert(joined.parts, part)
  return joined
end

return M
