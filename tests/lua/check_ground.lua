-- Whether words look at what they name, counted: on weights and boxes made by hand, and as a
-- command.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local core = require "stepwise.core"
local grounding = require "stepwise.results.grounding"
local objects = require "stepwise.results.objects"

local folder = unit.folder()

-- Four regions in a row, 10 pixels wide; "dog" looks at region `at`, the context at `context`.
local function explanation(image, at, context)
  local function only(i)
    local weights = { 0.1, 0.1, 0.1, 0.1 }
    weights[i] = 0.7
    return weights
  end
  return { image = image, id = "im" .. image .. ".jpg", caption = 0, regions = 4,
    words = { "<start>", "a", "dog", "<end>" },
    boxes = { { 0, 0, 10, 10 }, { 10, 0, 20, 10 }, { 20, 0, 30, 10 }, false },
    maps = {
      { name = "l", kind = "word", rows = 4, columns = 4, weights = { only(1), only(1), only(at),
        only(1) } },
      { name = "g", kind = "context", rows = 1, columns = 4, weights = { only(context) } },
      { name = "o", kind = "context_words", rows = 1, columns = 4, weights = { only(1) } },
    } }
end

local head = "# image\tclass\tscore\tx1\ty1\tx2\ty2\n"

unit.test("a word points where its largest weight lies in a box of its class; chance and ceiling",
  function()
  local images, classes = objects.read_boxes(unit.write(folder .. "/o.tsv", head
    .. "im0.jpg\tdog\t0.9\t10\t0\t20\t10\nim1\tdog\t0.9\t10\t0\t30\t10\n"
    .. "im2\tdog\t0.9\t100\t0\t300\t10\nim0\tdog\t0.1\t0\t0\t10\t10\n"), 0.5)
  local words = objects.read_words(classes)
  local tally = grounding.tally()
  for image, places in pairs { [0] = { 2, 1 }, [1] = { 1, 3 }, [2] = { 4, 4 }, [3] = { 1, 1 } } do
    local found = explanation(image, places[1], places[2])
    grounding.add(tally, found, objects.mentions(found, images, words))
  end
  local list = {}
  for _, one in ipairs(grounding.results(tally)) do list[one.name] = one end
  unit.equal(tally.captions, 3, "the image without boxes counts nothing")
  unit.equal(list.l.mentions, 3)
  unit.near(list.l.accuracy, 100 / 3, 1e-9)
  unit.near(list.g.accuracy, 100 / 3, 1e-9)
  unit.near(list.l.chance, 100 * (0.25 + 0.5 + 0) / 3, 1e-9)
  unit.near(list.l.ceiling, 200 / 3, 1e-9)
  -- of hits 1, 0, 0 over three images with one mention each
  local half = 1.96 * math.sqrt((4 / 9 + 1 / 9 + 1 / 9) * 3 / 2) / 3
  unit.near(list.l.high, math.min(100, 100 * (1 / 3 + half)), 1e-9)
  unit.equal(list.l.low, math.max(0, 100 * (1 / 3 - half)))
  unit.equal(list.o, nil)
end)

unit.test("a class is named by its plural, by usual words and by those of a file", function()
  local words = objects.read_words({ "person", "box", "pony" },
    unit.write(folder .. "/w.tsv", "box\tcrate Crates\nhat\tcap\n"))
  for word, class in pairs { person = "person", women = "person", boxes = "box", crates = "box",
    ponies = "pony" } do
    unit.equal(words[word] and words[word][1], class, word)
  end
  unit.equal(words.cap, nil, "a class without boxes")
end)

unit.test("a broken line is named", function()
  for _, line in ipairs { "im\tdog\t0.9\t1\t2\t3", "im\tdog\tx\t1\t2\t3\t4",
    "im\tdog\t1\t9\t2\t3\t4",
    "im\tdog\t1\tnan\t2\t3\t4", "dog" } do
    unit.fails(1, "b.tsv:2: expected image, class, score", objects.read_boxes,
      unit.write(folder .. "/b.tsv", head .. line .. "\n"), 0)
  end
  unit.fails(1, "w.tsv:1: expected a class, a tab and words", objects.read_words, { "dog" },
    unit.write(folder .. "/w.tsv", "dog hound\n"))
end)

unit.test("Flickr30K Entities: phrases have boxes of their own, at their last word", function()
  local dir = folder .. "/entities"
  assert(core.make_folders(dir .. "/Annotations"))
  unit.fails(1, "Sentences of Flickr30K Entities; Sentences is missing", objects.entities, dir)
  assert(core.make_folders(dir .. "/Sentences"))
  unit.write(dir .. "/Annotations/im0.xml", "<annotation><object><name>7</name><name>8</name>"
    .. "<bndbox><xmin>10</xmin><ymin>0</ymin><xmax>20</xmax><ymax>10</ymax></bndbox></object>"
    .. "<object><name>9</name><scene>1</scene></object></annotation>")
  unit.write(dir .. "/Sentences/im0.txt", "[/EN#7/animals A brown dog] in [/EN#9/scene a park]\n")
  local mentions = objects.entities(dir)
  local found = explanation(0, 2, 2)
  local list = mentions(found)
  unit.equal(#list, 1)
  unit.equal(list[1].word, 3)
  unit.equal(list[1].boxes[1][3], 19, "pixels from 0")
  unit.equal(table.concat(list[1].types, " "), "animals")
  unit.equal(#mentions(explanation(5, 1, 1)), 0, "an image that is not there")
end)

-- An annotation of one box for each id: {id, x1, y1, x2, y2}, counted from 1.
local function annotation(list)
  local parts = {}
  for i, one in ipairs(list) do
    parts[i] = string.format("<object><name>%d</name><bndbox><xmin>%d</xmin><ymin>%d</ymin>"
      .. "<xmax>%d</xmax><ymax>%d</ymax></bndbox></object>", table.unpack(one))
  end
  return "<annotation>" .. table.concat(parts) .. "</annotation>"
end

unit.test("Flickr30K Entities by type: pointing, chance and ceiling of each", function()
  local dir = folder .. "/typed"
  assert(core.make_folders(dir .. "/Annotations"))
  assert(core.make_folders(dir .. "/Sentences"))
  -- the dog is in region 2, which the word looks at; the man in region 3, the hat nowhere
  unit.write(dir .. "/Annotations/im0.xml", annotation { { 1, 11, 1, 21, 11 },
    { 2, 21, 1, 31, 11 }, { 3, 401, 1, 411, 11 } })
  unit.write(dir .. "/Sentences/im0.txt",
    "[/EN#1/animals a dog] [/EN#2/people/other man] [/EN#3/clothing hat]\n")
  unit.write(dir .. "/Annotations/im1.xml", annotation { { 1, 1, 1, 11, 11 } })
  unit.write(dir .. "/Sentences/im1.txt", "[/EN#1/animals a dog]\n")
  local mentions, tally = objects.entities(dir), grounding.tally()
  for image = 0, 1 do
    local found = explanation(image, 2, 3)
    found.words = { "<start>", "a", "dog", "man", "hat", "<end>" }
    local weights = found.maps[1].weights
    weights[4], weights[5], weights[6] = weights[3], weights[3], weights[1]
    grounding.add(tally, found, mentions(found))
  end
  local list = grounding.results(tally)
  unit.equal(list[1].name, "l")
  unit.equal(list[1].mentions, 4)
  unit.equal(list[1].accuracy, 25)
  local said = {}
  for _, map in ipairs(list) do
    for _, one in ipairs(map.types) do
      said[#said + 1] = string.format("%s %s %d %d: %g %g %g", map.name, one.name, one.mentions,
        one.images, one.accuracy, one.chance, one.ceiling)
    end
  end
  unit.equal(table.concat(said, "\n"), table.concat({
    "l animals 2 2: 50 25 100", "l clothing 1 1: 0 0 0", "l other 1 1: 0 25 100",
    "l people 1 1: 0 25 100",
    "g animals 2 2: 0 25 100", "g clothing 1 1: 0 0 0", "g other 1 1: 100 25 100",
    "g people 1 1: 100 25 100" }, "\n"))
  for _, broken in ipairs { { 1, 9, 1, 3, 3 }, { 1, 1, 9, 3, 3 } } do
    unit.write(dir .. "/Annotations/im1.xml", annotation { broken })
    unit.fails(1, "im1.xml: object 1: expected a bndbox with xmin <= xmax", objects.entities(dir),
      explanation(1, 2, 3))
  end
  unit.write(dir .. "/Annotations/im1.xml", "<object><name>1</name><bndbox></bndbox></object>")
  unit.fails(1, "im1.xml: object 1: expected a bndbox", objects.entities(dir),
    explanation(1, 2, 3))
end)

unit.test("COCO's instances: boxes by number or name, supercategories as types", function()
  local whole = [[{"info": {}, "annotations": [
    {"image_id": 7, "category_id": 18, "bbox": [10, 0, 10, 10], "iscrowd": 0, "segmentation": []},
    {"image_id": 7, "category_id": 1, "bbox": [0, 0, 5.5, 10], "iscrowd": 1}],
    "images": [{"id": 7, "file_name": "COCO_val2014_000000000007.jpg", "width": 40}],
    "categories": [{"id": 1, "name": "person", "supercategory": "person"},
      {"id": 18, "name": "dog", "supercategory": "animal"}]}]]
  local images, classes = objects.read_boxes(unit.write(folder .. "/i.json", whole), 0)
  unit.equal(table.concat(classes, " "), "dog person")
  local words = objects.read_words(classes)
  for _, id in ipairs { "7", "COCO_val2014_000000000007.jpg" } do
    local found = explanation(7, 2, 1)
    found.id = id
    local list = objects.mentions(found, images, words)
    unit.equal(#list, 1, id)
    unit.equal(list[1].boxes[1][3], 20)
    unit.equal(list[1].types[1], "animal")
  end
  for says, change in pairs {
    ["annotations: element 0: expected image_id"] = { '"image_id": 7', '"image_id": 8' },
    ["annotations: element 1: expected image_id, category_id"] = { "%[0, 0, 5.5, 10%]", "[0, 0]" },
    ["categories: element 1: expected id and name"] = { '"dog"', "18" },
    ["images: element 0: expected id and file_name"] = { '"file_name"', '"name"' },
    ["i.json"] = { '"images"', '"pictures"' },
  } do
    unit.fails(1, says, objects.read_boxes,
      unit.write(folder .. "/i.json", (whole:gsub(change[1], change[2], 1))), 0)
  end
end)

unit.test("on generated scenes as it is; a run keeps the numbers", function()
  local data, run = folder .. "/data", folder .. "/run"
  unit.equal(unit.program { "scenes", data, "--train", "32", "--dev", "8", "--test", "8" }, 0)
  local script = (os.getenv("STEPWISE_SOURCE") or ".") .. "/experiments/shan_t2i.lua"
  local code, said = unit.program { "train", script, "dim=8", "word_dim=6", "embedding=random",
    "epochs=1", "batch=8", "--data", data, "--out", run }
  unit.equal(code, 0, said)
  code, said = unit.program { "ground", run, "--data", data }
  unit.equal(code, 0, said)
  unit.contains(said, "generated scenes")
  unit.contains(said, "l2l.beta")
  unit.contains(said, "g2l.regions")
  local kept = core.json_decode(unit.read(run .. "/grounding-test.json"))
  unit.equal(kept.format, 1)
  unit.equal(kept.maps[1].images, 8)
  unit.equal(kept.maps[1].ceiling, 100, "each thing is a region")
  unit.equal(kept.captions, 40)
  code, said = unit.program { "ground", run, "--data", data, "--objects", folder .. "/none.tsv" }
  unit.equal(code, 1)
  unit.contains(said, "none.tsv: no such file")
  code, said = unit.program { "ground", run, "--data", data, "--entities", data, "--score", "1" }
  unit.equal(code, 2, said)
end)

unit.finish()
