-- Data folders as people have them: what is wrong is found before the first step, and what is the
-- same is known by what it holds.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"

local folder = unit.folder()
local inside = "cd '" .. folder .. "' && "

local function run(...)
  return unit.program({ ... }, inside)
end

local function refused(status, parts, ...)
  local found, text = run(...)
  unit.equal(found, status, text)
  for _, part in ipairs(parts) do unit.contains(text, part) end
  unit.equal(text:find("step 1", 1, true), nil, text)
end

local function works(...)
  local status, text = run(...)
  unit.equal(status, 0, text)
  return text
end

local function shell(command, ...)
  assert(os.execute(inside .. string.format(command, ...)), command)
end

local function is_there(path) return core.file_kind(folder .. "/" .. path) ~= nil end

local sizes = { train = 16, dev = 8, test = 8, regions = 4, features = 16, word_dim = 6 }
sw.scenes(folder .. "/scenes", sizes)
shell("mkdir data && cp scenes/*_ims.npy scenes/*_caps.txt data")
sizes.features, sizes.test = 32, 9
sw.scenes(folder .. "/wide", sizes)

unit.write(folder .. "/tiny.lua", [[
local sw = require "stepwise"
return sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 1, lr = 1e-3 },
}]])
unit.write(folder .. "/rows.lua", [[
local sw = require "stepwise"
return sw.table { title = "Rows", base = sw.load "tiny.lua",
  rows = { { name = "a" }, { name = "b", ["l2l.lambda"] = 4 } } }]])

-- A copy of the good data.
local function fresh(name)
  shell("rm -rf %s && cp -r data %s", name, name)
end

-- Puts NaN into the last number of a split.
local function spoil(name, split)
  local path = string.format("%s/%s/%s_ims.npy", folder, name, split)
  local bytes = unit.read(path)
  unit.write(path, bytes:sub(1, -5) .. string.pack("<f", 0 / 0))
end

unit.test("a NaN in the last row of any split is found before the first step, or by the plan",
  function()
    for split, row in pairs { train = 15, dev = 7, test = 7 } do
      fresh "bad"
      spoil("bad", split)
      local says = { string.format("bad/%s_ims.npy: row %d, region 3, feature 15: expected a "
        .. "finite number, found", split, row) }
      refused(1, says, "train", "tiny.lua", "--data", "bad", "--out", "r")
      refused(1, says, "ablate", "rows.lua", "--data", "bad", "--out", "s", "--dry-run")
      refused(1, says, "ablate", "rows.lua", "--data", "bad", "--out", "s")
      unit.equal(is_there "s", false, "a folder was left")
      -- the run folder keeps the reason, and is in nobody's way
      unit.contains(unit.read(folder .. "/r/log.jsonl"), says[1])
      unit.equal(is_there "r/state.safetensors" or is_there "r/result.json", false)
      -- images that are not in use may hold anything
      works("train", "tiny.lua", split .. "_images=7", "--data", "bad", "--out", "r")
      shell "rm -r r"
    end
  end)

unit.test("a test split of another width is found before the first step", function()
  fresh "bad"
  shell "cp wide/test_* bad"
  local says = { "bad/test_ims.npy: expected 16 features per region as bad/train_ims.npy has, "
    .. "found 32" }
  refused(1, says, "train", "tiny.lua", "--data", "bad", "--out", "r")
  refused(1, says, "ablate", "rows.lua", "--data", "bad", "--out", "s", "--dry-run")
end)

unit.test("a named split that is missing is refused, and one that is half there", function()
  local says = { "expected the split 'tset' (tset_ims.npy)", "there are dev, test, train",
    "did you mean 'test'?" }
  refused(1, says, "train", "tiny.lua", "test_split=tset", "--data", "data", "--out", "r")
  refused(1, says, "ablate", "rows.lua", "test_split=tset", "--data", "data", "--out", "s")
  for _, key in ipairs { "train_split", "dev_split" } do
    for _, words in ipairs { { "train", "tiny.lua", "--out", "r" }, { "inspect", "tiny.lua" },
      { "ablate", "rows.lua", "--out", "s", "--dry-run" } } do
      words[#words + 1] = key .. "=tset"
      refused(1, says, table.unpack(table.move({ "--data", "data" }, 1, 2, #words + 1, words)))
    end
  end
  fresh "bad"
  shell "rm bad/test_ims.npy"
  refused(1, { "beside the captions of 'test', found no test_ims.npy" }, "train", "tiny.lua",
    "--data", "bad", "--out", "r")
  fresh "bad"
  shell "rm bad/test_caps.txt"
  refused(1, { "test_caps.txt" }, "train", "tiny.lua", "--data", "bad", "--out", "r")
  unit.equal(is_there "r" or is_there "s", false, "a folder was left")
end)

unit.test("without a test split a run says so before its first step, and so does a plan", function()
  fresh "two"
  shell "rm two/test_*"
  local text = works("train", "tiny.lua", "--data", "two", "--out", "r")
  local at = text:find("no test split in two: the result is of dev", 1, true)
  unit.equal(at and at < text:find("epoch 1/1", 1, true), true, text)
  text = works("ablate", "rows.lua", "--data", "two", "--out", "s", "--dry-run")
  unit.contains(text, "no test split in two: results are of dev")
  text = works("train", "tiny.lua", "--data", "data", "--out", "r2")
  unit.equal(text:find("no test split", 1, true), nil, text)
  shell "rm -r r r2"
end)

-- ---- captions per image ------------------------------------------------------------------------

-- The good data with q captions per image.
local function with_captions(name, q)
  fresh(name)
  for _, split in ipairs { "train", "dev", "test" } do
    local path, lines, kept = string.format("%s/%s/%s_caps.txt", folder, name, split), {}, {}
    for line in unit.read(path):gmatch("[^\n]+") do lines[#lines + 1] = line end
    for image = 0, #lines // 5 - 1 do
      for j = 0, q - 1 do kept[#kept + 1] = lines[image * 5 + j % 5 + 1] end
    end
    unit.write(path, table.concat(kept, "\n") .. "\n")
  end
end

unit.test("any number of captions per image trains, evaluates, is searched, explained", function()
  for _, q in ipairs { 1, 7, 10 } do
    with_captions("many", q)
    works("train", "tiny.lua", "same_image=exclude", "--data", "many", "--out", "r")
    local ask = { "--data", "many", "--split", "train" }
    unit.contains(works("eval", "r", table.unpack(ask)), string.format("16 images, %s", q == 1
      and "16 captions" or 16 * q .. " captions"))
    local found = sw.json_decode(works("search", "r", "--image", "9", "--json", table.unpack(ask)))
    unit.equal(found.among, 16 * q)
    unit.equal(#found.own, q)
    for _, own in ipairs(found.own) do unit.equal(own.index // q, 9, "caption " .. own.index) end
    local text = sw.json_decode(works("explain", "r", "--image", "9", "--caption", tostring(q - 1),
      "--json", table.unpack(ask))).text
    local lines = {}
    for line in unit.read(folder .. "/many/train_caps.txt"):gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
    unit.equal(text, lines[10 * q])
    refused(1, { "0 to " .. q - 1 }, "explain", "r", "--image", "9", "--caption", tostring(q),
      table.unpack(ask))
    shell "rm -r r"
  end
  fresh "odd"
  local path = "/odd/test_caps.txt"
  unit.write(folder .. path, unit.read(folder .. path) .. "a dog\n")
  refused(1, { "each of the 8 rows of test_ims.npy, found 41 captions" }, "train", "tiny.lua",
    "--data", "odd", "--out", "r")
end)

unit.test("side files never stop a run; a command that needs them says what is wrong", function()
  fresh "side"
  unit.write(folder .. "/side/train_ims_bbx.npy", "no array")
  unit.write(folder .. "/side/test_ids.txt", "a.jpg\nb.jpg\n")
  works("train", "tiny.lua", "--data", "side", "--out", "r")
  local status, text = run("search", "r", "--data", "side", "--image", "1")
  unit.equal(status, 0, text)
  unit.contains(text, "test_ids.txt: expected a name for each of 8 images or 40 captions, found 2")
  status, text = run("explain", "r", "--data", "side", "--split", "train", "--image", "1", "--json")
  unit.equal(status, 0, text)
  unit.contains(text, "train_ims_bbx.npy: expected a .npy file")
  shell "rm -r r"
end)

-- ---- the same data ------------------------------------------------------------------------------

unit.test("a sweep goes on with its data under any path, and not with other data", function()
  shell "ln -s data link"
  works("ablate", "rows.lua", "--data", "data", "--out", "sweep")
  for _, path in ipairs { "data/", "./data", "link" } do
    unit.contains(works("ablate", "rows.lua", "--data", path, "--out", "sweep"),
      "2 runs done already")
  end
  shell "mv data moved && rm link"
  local text = works("ablate", "rows.lua", "--data", "moved", "--seeds", "1", "--out", "sweep")
  unit.contains(text, "2 runs done already")
  -- the folder alone knows its last path, and takes another
  shell "mv moved data && rm -r sweep/a-seed0"
  refused(1, { "moved: no such data folder" }, "ablate", "sweep")
  unit.contains(works("ablate", "sweep", "--data", "data"), "3 runs done already")
  unit.equal(sw.json_decode(unit.read(folder .. "/sweep/configs/a-seed0.json")).data.dir, "data")
  -- another machine may have written its own path to the config meanwhile
  shell "rm -r sweep/b-seed0"
  local config = folder .. "/sweep/configs/b-seed0.json"
  unit.write(config, (unit.read(config):gsub('"dir": "[^"]*"', '"dir": "elsewhere"')))
  unit.contains(unit.read(config), '"elsewhere"')
  works("ablate", "sweep")
  fresh "other"
  unit.write(folder .. "/other/dev_caps.txt",
    (unit.read(folder .. "/data/dev_caps.txt"):gsub("%l", "q", 1)))
  for _, what in ipairs { "rows.lua", "sweep" } do
    refused(1, { "planned with something else: the dev split (" }, "ablate", what, "--data",
      "other", table.unpack(what == "sweep" and {} or { "--out", "sweep" }))
  end
  refused(2, { "is planned already; --seeds" }, "ablate", "sweep", "--seeds", "1")
end)

unit.test("values are read once for a sweep, and again when a file has changed", function()
  -- large enough that the fingerprint does not read all of it
  sw.scenes(folder .. "/large", { train = 32, dev = 8, test = 8, regions = 8, features = 512,
    word_dim = 6 })
  local path = folder .. "/large/train_ims.npy"
  works("ablate", "rows.lua", "--data", "large", "--out", "once")
  local stamps = sw.json_decode(unit.read(folder .. "/once/plan.json")).checked
  unit.equal(#stamps, 3)
  local provenance = sw.json_decode(unit.read(folder .. "/once/b-seed0/provenance.json"))
  unit.equal(table.concat(provenance.data.checked, " "), table.concat(stamps, " "))
  -- between two pages that the fingerprint draws, with the file's time kept
  local bytes, place = unit.read(path), 3 * (#unit.read(path) // 64) + 6000
  shell "touch -r large/train_ims.npy time"
  unit.write(path, bytes:sub(1, place // 4 * 4) .. string.pack("<f", 0 / 0)
    .. bytes:sub(place // 4 * 4 + 5))
  shell "touch -r time large/train_ims.npy"
  local status, text = run("train", "tiny.lua", "--data", "large", "--out", "r1", "--checked",
    table.concat(stamps, ","))
  unit.equal(status, 1, text)
  unit.contains(text, "stepwise: step 1: large/train_ims.npy: row", text)
  local says = { "stepwise: large/train_ims.npy: row" }
  refused(1, says, "train", "tiny.lua", "--data", "large", "--out", "r2")
  shell "touch large/train_ims.npy"
  refused(1, says, "train", "tiny.lua", "--data", "large", "--out", "r3", "--checked",
    table.concat(stamps, ","))
end)

unit.test("inspect counts the words of a vocabulary alone, and refuses a broken one", function()
  shell "mkdir -p words"
  unit.write(folder .. "/words/seven.json",
    '{"idx": 7, "word2idx": {"<pad>": 0, "<start>": 1, "<end>": 2, "<unk>": 3, "a": 4, "b": 5, '
      .. '"c": 6}}')
  local text = works("inspect", "tiny.lua", "--vocab", "words/seven.json")
  unit.contains(text, "V = 7")
  unit.equal(text:find("V = 7 (assumed)", 1, true), nil, text)
  unit.contains(works("inspect", "tiny.lua"), "(assumed)")
  unit.write(folder .. "/words/broken.json", '{"idx": 7, "word2idx": {"a": 0')
  refused(1, { "words/broken.json" }, "inspect", "tiny.lua", "--vocab", "words/broken.json")
  refused(1, { "words/none.json" }, "inspect", "tiny.lua", "--vocab", "words/none.json")
end)

unit.finish()
