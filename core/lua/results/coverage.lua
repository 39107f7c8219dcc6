-- coverage.lua: how much of the captions a vocabulary and a GloVe file know, as lines to print.
--
-- A coverage is what core/data/coverage.h makes of a split: {tokens =, types =,
-- ["tokens covered"] =, ["types covered"] =, missing = {{word, seen}, ..}}.
local text = require "stepwise.util.text"

local M = {}

local LEAST <const> = 0.5 -- of the tokens; below it there is a warning

local function share(part, whole)
  return string.format("%.1f %%", whole > 0 and 100 * part / whole or 100)
end

local function missing(coverage)
  local words = {}
  for i, word in ipairs(coverage.missing) do
    words[i] = string.format("'%s' (%s)", text.plain(word[1]), text.count(word[2]))
  end
  return table.concat(words, ", ")
end

-- "covers 97.1 % of 383,000 tokens and 37.9 % of 7,700 types; missing most often: 'x' (3), .."
function M.line(coverage)
  local line = string.format("covers %s of %s tokens and %s of %s types",
    share(coverage["tokens covered"], coverage.tokens), text.count(coverage.tokens),
    share(coverage["types covered"], coverage.types), text.count(coverage.types))
  return #coverage.missing > 0 and line .. "; missing most often: " .. missing(coverage) or line
end

-- A warning when less than half of the tokens are covered, else nil. what: "the vocabulary"; fate:
-- what becomes of the other words; captions: "the train captions".
function M.warning(coverage, what, captions, fate)
  if coverage["tokens covered"] >= LEAST * coverage.tokens then return nil end
  return string.format("warning: %s covers only %s of the tokens of %s; the others %s: %s", what,
    share(coverage["tokens covered"], coverage.tokens), captions, fate, missing(coverage))
end

-- The lines for what session:words and trainer:words give; warnings come last.
function M.lines(words)
  local of_vocabulary, of_glove = words.vocabulary.coverage, words.glove and words.glove.coverage
  local lines = { string.format("vocabulary: %s, %s words; of the train captions it %s",
    words.vocabulary.from, text.count(words.vocabulary.words), M.line(of_vocabulary)) }
  local warnings = { M.warning(of_vocabulary, "the vocabulary", "the train captions",
    "are read as <unk>") }
  if of_glove then
    lines[2] = string.format("GloVe: %s, %s vectors; of the train captions it %s",
      words.glove.file, text.count(words.glove.vectors), M.line(of_glove))
    warnings[#warnings + 1] = M.warning(of_glove, "the GloVe file", "the train captions",
      "start from the mean vector")
  end
  return table.move(warnings, 1, #warnings, #lines + 1, lines)
end

return M
