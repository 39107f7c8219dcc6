-- What a trained model answers: weights and scores of one pair, and what it finds.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local npy = require "stepwise.util.npy"

local K <const>, IMAGES <const>, EACH <const> = 5, 10, 5
local folder = unit.folder()
local session = sw.session { threads = 2 }

local function scenes(name, images)
  local path = folder .. "/" .. name
  sw.scenes(path, { train = 12, dev = 8, test = images, regions = K, features = 16, word_dim = 4 })
  return path
end

-- The checkpoint of a small run.
local function trained(name, path, more)
  local config = session:resolve {
    model = { dim = 8, embedding = { plugin = "glove_random", word_dim = 4 } },
    train = { batch = 8, epochs = 2, warmup_epochs = 2, lr = 0.05 },
    data = { dir = path, glove = path .. "/scenes.glove.txt" },
  }
  for _, assignment in ipairs { "l2l.lambda=4", more } do config:override(assignment) end
  local trainer <close> = session:train(config, folder .. "/" .. name)
  repeat until trainer:next().kind == "done"
  return folder .. "/" .. name .. "/checkpoint.safetensors"
end

local data = scenes("data", IMAGES)
local best = trained("run", data)

local function request(more)
  local result = { checkpoint = best, data = data, split = "test" }
  for name, value in pairs(more) do result[name] = value end
  return result
end
local function explain(more) return session:explain(request(more)) end
local function find(more) return session:find(request(more)) end

-- S of the test split as evaluation has it: [image + 1][caption + 1]
local function similarities()
  session:evaluate { checkpoints = { best }, data = data, split = "test",
    sims = folder .. "/sims.npy" }
  return npy.matrix(folder .. "/sims.npy")
end
local S <const> = similarities()

local function kinds(found)
  local list = {}
  for i, map in ipairs(found.maps) do
    list[i] = string.format("%s %s %dx%d", map.name, map.kind, map.rows, map.columns)
  end
  return table.concat(list, ", ")
end

local function all_kinds(n, k)
  return string.format("l2l.alpha region %dx%d, l2l.beta word %dx%d, g2l.words context_words 1x%d, "
    .. "g2l.regions context 1x%d", k, n, n, k, n, k)
end

-- ---- explain -----------------------------------------------------------------------------------

unit.test("each row of weights sums to one, and the score is what evaluation ranks by", function()
  for image = 0, IMAGES - 1, 3 do
    for caption = 0, EACH - 1, 2 do
      local found = explain { image = image, caption = caption }
      unit.equal(kinds(found), all_kinds(#found.words, K))
      for _, map in ipairs(found.maps) do
        for _, row in ipairs(map.weights) do
          local sum = 0
          for _, weight in ipairs(row) do sum = sum + weight end
          unit.equal(#row, map.columns)
          unit.near(sum, 1, 1e-5)
        end
      end
      unit.near(found.score, S[image + 1][image * EACH + caption + 1], 1e-5)
      unit.equal(found.regions, K)
      unit.equal(found.words[1] .. found.words[#found.words], "<start><end>")
    end
  end
end)

unit.test("which side is which is known where words and regions are as many", function()
  local found = explain { image = 0, text = "one red ball" }
  unit.equal(#found.words, K)
  unit.equal(kinds(found), all_kinds(K, K))
  unit.equal(found.caption, nil)
  unit.equal(found.text, "one red ball")
end)

unit.test("an image of one region is no vector that stands for a side", function()
  local head = string.format("{'descr': '<i4', 'fortran_order': False, 'shape': (%d,), }", IMAGES)
  head = head .. (" "):rep(117 - #head) .. "\n"
  local path = unit.write(data .. "/test_ims_counts.npy", "\147NUMPY\1\0"
    .. string.pack("<I2", #head) .. head .. string.pack("<i4", 1):rep(IMAGES))
  local found = explain { image = 1 }
  unit.equal(found.regions, 1)
  unit.equal(kinds(found), all_kinds(#found.words, 1))
  os.remove(path)
end)

unit.test("a model of one direction shows what it has", function()
  for direction, names in pairs {
    t2i = "l2l.beta g2l.regions", i2t = "l2l.alpha g2l.words",
  } do
    local found = explain { checkpoint = trained(direction, data, "direction=" .. direction),
      image = 1 }
    unit.equal(found.maps[1].name .. " " .. found.maps[2].name, names)
    unit.equal(#found.maps, 2)
  end
end)

unit.test("an image goes by its name, with an ending or without, before its number", function()
  local before = unit.read(data .. "/test_ids.txt")
  unit.write(data .. "/test_ids.txt",
    "a.jpg\nb.JPEG\n3\nd'`$(x)\"\n\xff\xfe\na.png\ng\nh\ni\nj.png\n")
  for name, image in pairs {
    ["a.jpg"] = 0, a = 0, ["a.png"] = 5, b = 1, ["b.jpg"] = 1, ["3"] = 2, ["4"] = 4, ["9"] = 9,
    ["j.png"] = 9, ["d'`$(x)\""] = 3, ["\xff\xfe"] = 4,
  } do
    unit.equal(explain { image = name }.image, image, name)
  end
  unit.equal(explain { image = 4 }.id, "\xff\xfe")
  unit.write(data .. "/test_ids.txt", before)
end)

unit.test("a box that is none is false, and the others are told as they are", function()
  local path = data .. "/test_ims_bbx.npy"
  local before = unit.read(path)
  local inf, nan = math.huge, 0 / 0
  local odd = { 1, 2, 3, 4, nan, 0, 1, 1, 0, 0, inf, 1, 5, 5, 4, 6, -3, 0, 9, 1 }
  unit.write(path, before:sub(1, -1 - IMAGES * K * 16)
    .. string.pack(("<" .. ("f"):rep(#odd)), table.unpack(odd)) .. before:sub(1 - (IMAGES - 1) * K
    * 16 - 1))
  local boxes = explain { image = 0 }.boxes
  unit.equal(#boxes, K)
  unit.equal(table.concat(boxes[1], " "), "1.0 2.0 3.0 4.0")
  for i = 2, 4 do unit.equal(boxes[i], false) end
  unit.equal(boxes[5][1], -3.0)
  os.remove(path)
  unit.equal(explain { image = 0 }.boxes, nil)
  unit.write(path, "no array")
  local found = explain { image = 0 }
  unit.equal(found.boxes, nil)
  unit.contains(found.warnings[1], "test_ims_bbx.npy")
  unit.write(path, before)
end)

unit.test("with word ids of the data's own, those are read, and their words are told", function()
  local path, lines = data .. "/test_precaps.txt", {}
  for c = 0, IMAGES * EACH - 1 do lines[c + 1] = c == 17 and "5,4,3\n" or "4\n" end
  unit.write(path, table.concat(lines))
  local found = explain { image = 3, caption = 2, precaps = true }
  unit.equal(#found.words, 5)
  unit.equal(found.words[4] .. found.words[5], "<unk><end>")
  unit.equal(#found.unknown, 0)
  unit.equal(explain { image = 3, caption = 2 }.words[4] ~= "<unk>", true)
  os.remove(path)
end)

unit.test("what is not there is refused by name", function()
  for _, case in ipairs {
    { { image = "10" }, "a number below 10, found '10'", 1 },
    { { image = ("9"):rep(26) }, "a number below 10", 1 },
    { { image = "-1" }, "found '-1'", 1 },
    { { image = "" }, "found ''", 1 },
    { { image = "scene-test-000000-fisrt" }, "did you mean 'scene-test-000000-first'?", 1 },
    { { image = 10 }, "expected an image below 10, found 10", 1 },
    { { image = -1 }, "image: expected 0 or more, found -1", 2 },
    { { image = 1.5 }, "image: expected a whole number, found 1.5", 2 },
    { {}, "image: expected a name or a number, found nothing", 2 },
    { { image = 0, caption = 5 }, "a caption of the image's own, 0 to 4, found 5", 1 },
    { { image = 0, caption = 1, text = "a" }, "expected a caption or a text, found both", 2 },
    { { image = 0, text = "" }, "the sentence: expected 1 to 1000 words, found 0", 2 },
    { { image = 0, text = "  \t" }, "expected 1 to 1000 words, found 0", 2 },
    { { image = 0, text = ("a "):rep(1001) }, "expected 1 to 1000 words, found 1001", 2 },
    { { image = 0, text = "a \xff" }, "the sentence: ", 1 },
    { { image = 0, split = 7 }, "split: expected a string", 2 },
    { { image = 0, checkpoint = 7 }, "checkpoint: expected a string", 2 },
  } do
    unit.fails(case[3], case[2], explain, case[1])
  end
end)

-- ---- find --------------------------------------------------------------------------------------

unit.test("images for a caption come in the order of S, and its own is marked", function()
  local text = "  " .. explain { image = 4, caption = 3 }.text .. " "
  local found = find { text = text, top = 1000 }
  unit.equal(found.ranks, "images")
  unit.equal(found.among, IMAGES)
  unit.equal(#found.results, IMAGES)
  local own
  for i, entry in ipairs(found.results) do
    unit.equal(entry.rank, i)
    unit.near(entry.score, S[entry.image + 1][4 * EACH + 4], 1e-5)
    unit.equal(i == 1 or entry.score <= found.results[i - 1].score, true)
    if entry.own and entry.image == 4 then own = entry.rank end
  end
  found = find { text = text, top = 1 }
  unit.equal(#found.results, 1)
  unit.equal(found.own[1].own, true)
  unit.equal(own ~= nil, true)
end)

unit.test("captions for an image, its own wherever they rank", function()
  local found = find { image = "6", top = 50 }
  unit.equal(#found.results, IMAGES * EACH)
  unit.equal(#found.own, EACH)
  unit.equal(find { image = 6, top = 1 }.own[EACH].rank, found.own[EACH].rank)
  for _, entry in ipairs(found.results) do
    unit.near(entry.score, S[7][entry.index + 1], 1e-5)
    unit.equal(entry.own, entry.index // EACH == 6)
    unit.equal(entry.caption, entry.index % EACH)
  end
  unit.equal(#find { image = 6 }.results, 5)
end)

unit.test("of equal scores the higher index comes first", function()
  local captions = unit.read(data .. "/test_caps.txt")
  local lines = {}
  for line in captions:gmatch("[^\n]*\n") do lines[#lines + 1] = line end
  lines[3], lines[20] = lines[41], lines[41]
  unit.write(data .. "/test_caps.txt", table.concat(lines))
  local places = {}
  for _, entry in ipairs(find { image = 0, top = 50 }.results) do places[entry.index] = entry end
  unit.equal(places[2].score, places[40].score)
  unit.equal(places[19].rank, places[40].rank + 1)
  unit.equal(places[2].rank, places[40].rank + 2)
  unit.write(data .. "/test_caps.txt", captions)
end)

unit.test("a part of the split is ranked under the numbers that it has in the whole", function()
  local whole = {}
  for _, entry in ipairs(find { text = "a red ball", top = 100 }.results) do
    whole[entry.index] = entry.score
  end
  for _, asked in ipairs { { text = "a red ball" }, { image = 5 } } do
    asked.first, asked.count, asked.top = 4, 2, 100
    local unit_size, found = asked.text and 1 or EACH, find(asked)
    unit.equal(found.among, 2 * unit_size)
    unit.equal(#found.results, 2 * unit_size)
    for _, entry in ipairs(found.results) do
      unit.equal(entry.index // unit_size == 4 or entry.index // unit_size == 5, true)
      unit.near(entry.score, asked.text and whole[entry.index] or S[6][entry.index + 1], 1e-5)
      unit.equal(asked.text ~= nil or entry.own == (entry.index // EACH == 5), true)
    end
    asked.count = IMAGES
    unit.fails(2, "expected images to rank among 10, found 10 from number 4 on", find, asked)
    asked.first, asked.count, asked.images = nil, nil, 3 -- a limit of the run holds as well
    asked.image = asked.image and 0
    unit.equal(find(asked).among, 3 * unit_size)
  end
  unit.fails(2, "expected a text or an image, found both", find, { text = "a", image = 0 })
  unit.fails(2, "expected a text or an image, found neither", find, {})
  unit.fails(2, "top: expected 1 or more, found 0", find, { text = "a", top = 0 })
end)

unit.test("a word that the vocabulary lacks is told once, as it was written", function()
  local found = find { text = "Frisbees and frisbees and a zzz", top = 3 }
  unit.equal(found.unknown[1], "frisbees")
  unit.equal(found.unknown[#found.unknown], "zzz")
  local told = {}
  for _, word in ipairs(found.unknown) do
    unit.equal(told[word], nil)
    told[word] = true
  end
  unit.equal(#found.results, 3)
end)

unit.test("of more images than a chunk holds, each has the score that it has alone", function()
  local large = scenes("large", 530)
  local found = find { data = large, text = "a red ball", top = 530 }
  unit.equal(#found.results, 530)
  local alone = { [0] = true, [63] = true, [64] = true, [511] = true, [512] = true, [529] = true }
  for _, entry in ipairs(found.results) do
    if alone[entry.image] then
      unit.near(entry.score,
        explain { data = large, image = entry.image, text = "a red ball" }.score, 1e-5)
      alone[entry.image] = nil
    end
  end
  unit.equal(next(alone), nil)
  unit.equal(find { data = large, image = 529, top = 1 }.among, 530 * EACH)
end)

-- ---- evaluate ----------------------------------------------------------------------------------

unit.test("how much of the captions each vocabulary knows is told; nothing is an error", function()
  local path = scenes("foreign", 4)
  local function evaluate()
    return session:evaluate { checkpoints = { best, best }, data = path, split = "test" }
  end
  local coverage = evaluate().coverage
  unit.equal(#coverage, 2)
  unit.equal(coverage[1]["tokens covered"] > 0, true)
  unit.equal(coverage[1]["tokens covered"] <= coverage[1].tokens, true)
  unit.write(path .. "/test_caps.txt", ("XYZ\n"):rep(20))
  unit.fails(1, { "run/checkpoint.safetensors: expected words of ",
    "test_caps.txt (20 of them, 1 different; most often 'xyz')" }, evaluate)
end)

-- ---- queries -----------------------------------------------------------------------------------

unit.test("a query is asked for what it has, and holds its session", function()
  local own = sw.session { threads = 1 }
  local asked = request { config = own:resolve(own:checkpoint_config(best)) }
  local query = core.open_query(own, asked)
  unit.fails(2, "in use", own.close, own)
  local images, captions = query:size()
  unit.equal(images * EACH, captions)
  for _, call in ipairs {
    { "name", images }, { "name", -1 }, { "caption", captions }, { "boxes", images },
    { "word", -1 }, { "word", 1 << 40 }, { "ids", 0 }, { "score_images", {}, 0, 1 },
    { "score_images", { -1 }, 0, 1 }, { "score_images", { 1 << 40 }, 0, 1 },
    { "score_images", { "x" }, 0, 1 }, { "score_images", { 1 }, 0, images + 1 },
    { "score_images", { 1 }, images, 1 }, { "score_images", { 1 }, -1, 1 },
    { "score_captions", 0, 0, 1 }, { "show", images, { 1 } }, { "show", 0, {} },
  } do
    unit.fails(nil, "bad argument", query[call[1]], query, table.unpack(call, 2))
  end
  unit.fails(nil, "opened without captions", core.rank_queries, own, { query }, {})
  unit.equal(#query:score_images({ 1, 2 }, images, 0), 0)
  query:close()
  query:close()
  unit.fails(2, "the query is closed", query.size, query)
  own:close()
end)

session:close()
unit.finish()
