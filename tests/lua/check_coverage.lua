-- What is said of words that a vocabulary or a GloVe file lacks.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local coverage = require "stepwise.results.coverage"

local folder = unit.folder()

local function covers(tokens, tokens_covered, missing)
  return { tokens = tokens, types = 10, ["tokens covered"] = tokens_covered, ["types covered"] = 4,
    missing = missing or {} }
end

unit.test("a line says what is covered and what is missing most often", function()
  unit.equal(coverage.line(covers(2000, 1800, { { "zebra", 150 }, { "a'b", 50 } })),
    "covers 90.0 % of 2,000 tokens and 40.0 % of 10 types; missing most often: 'zebra' (150), "
      .. "'a'b' (50)")
  unit.equal(coverage.line(covers(8, 8)), "covers 100.0 % of 8 tokens and 40.0 % of 10 types")
end)

unit.test("there is a warning below half of the tokens, and not at half", function()
  unit.equal(coverage.warning(covers(10, 5), "it", "the captions", "are lost"), nil)
  unit.equal(coverage.warning(covers(10, 4, { { "x", 6 } }), "it", "the captions", "are lost"),
    "warning: it covers only 40.0 % of the tokens of the captions; the others are lost: 'x' (6)")
end)

-- ---- the program -----------------------------------------------------------------------------

local data = folder .. "/data"
sw.scenes(data, { train = 16, dev = 8, test = 8, regions = 4, features = 16, word_dim = 6 })
unit.write(folder .. "/tiny.lua", [[
local sw = require "stepwise"
return sw.experiment { model = { dim = 8, stages = { sw.stage "l2l" {} },
  embedding = sw.embedding "glove" { word_dim = 6 } }, train = { batch = 16, epochs = 1 } }]])

-- A file with those vectors of the data's whose words are then as `change` gives them.
local function glove(name, change)
  local lines = {}
  for line in io.lines(data .. "/scenes.glove.txt") do
    local word, numbers = line:match("^(%S+)( .*)$")
    word = change(word)
    if word then lines[#lines + 1] = word .. numbers end
  end
  return unit.write(folder .. "/" .. name, table.concat(lines, "\n") .. "\n")
end

local function run(...)
  return unit.program({ ... }, "cd '" .. folder .. "' && ")
end

unit.test("inspect and train begin with what the words are known by", function()
  local few = glove("few.txt", function(word)
    return (word == "four" or word == "two" or word == "three") and word
  end)
  for _, command in ipairs { { "inspect", "tiny.lua" }, { "train", "tiny.lua", "--out", "run" } } do
    table.move({ "--data", data, "--glove", few }, 1, 4, #command + 1, command)
    local status, text = run(table.unpack(command))
    unit.equal(status, 0, text)
    unit.contains(text, "\nvocabulary: built from the captions, ")
    unit.contains(text, "\nGloVe: " .. few .. ", 3 vectors; of the train captions it covers ")
    unit.contains(text, "\nwarning: the GloVe file covers only ")
  end
  local status, text = run("inspect", "tiny.lua", "--data", data, "--json")
  unit.equal(status, 0, text)
  local words = sw.json_decode(text).words
  unit.equal(words.vocabulary.coverage.tokens > 0, true)
  unit.equal(words.glove, nil)
end)

unit.test("inspect reads vectors that a run is done with only when they are named", function()
  os.rename(folder .. "/few.txt", folder .. "/moved.txt")
  local status, text = run("inspect", "run")
  unit.equal(status, 0, text)
  unit.contains(text, "\nvocabulary: run/vocab.json, ")
  unit.equal(text:find("GloVe: ", 1, true), nil)
  status, text = run("inspect", "run", "--glove", "moved.txt")
  unit.equal(status, 0, text)
  unit.contains(text, "\nGloVe: moved.txt, 3 vectors; ")
  status, text = run("inspect", "tiny.lua", "embedding=random", "data.glove=gone.txt", "--data",
    data)
  unit.equal(status, 0, text)
end)

unit.test("a GloVe file of other words is refused before anything runs", function()
  local upper = glove("upper.txt", string.upper)
  local commands = { { "inspect", "tiny.lua" }, { "train", "tiny.lua", "--out", "none" } }
  for _, command in ipairs(commands) do
    table.move({ "--data", data, "--glove", upper }, 1, 4, #command + 1, command)
    local status, text = run(table.unpack(command))
    unit.equal(status, 1, text)
    unit.contains(text, "upper.txt: expected words of " .. data .. "/train_caps.txt (")
    unit.contains(text, "found none; captions are read in lower case")
  end
  unit.equal(core.file_kind(folder .. "/none"), nil)
end)

unit.test("eval warns of captions of which the vocabulary knows less than half", function()
  local text = unit.read(data .. "/test_caps.txt")
  unit.write(data .. "/test_caps.txt", (text:gsub("%a+", "xyzzy", 300)))
  local status, said = run("eval", "run", "--data", data, "--split", "test")
  unit.equal(status, 0, said)
  unit.contains(said, "stepwise: warning: the vocabulary of run/checkpoint.safetensors covers only")
  unit.contains(said, "the others are read as <unk>: 'xyzzy' (")
  unit.write(data .. "/test_caps.txt", text)
  status, said = run("eval", "run", "--data", data, "--split", "test")
  unit.equal(status, 0, said)
  unit.equal(said:find("warning", 1, true), nil)
end)

unit.test("JSON and scripts may begin with a byte order mark", function()
  local path = unit.write(folder .. "/bom.json", "\xEF\xBB\xBF{\"a\": 1}")
  unit.equal(sw.json_decode(core.read_text(path)).a, 1)
  unit.equal(#core.read_file(path), 11)
end)

unit.finish()
