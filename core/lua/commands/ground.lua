-- ground.lua: stepwise ground
local core = require "stepwise.core"
local explain = require "stepwise.commands.explain"
local grounding = require "stepwise.results.grounding"
local objects = require "stepwise.results.objects"
local text = require "stepwise.util.text"

local M = {
  name = "ground",
  summary = "Measures whether words look at what they name (the paper's Fig. 3, counted).",
  usage = "CHECKPOINT|RUN --data DIR",
  details = [[
Of each word that names something with a box in its image: how often the middle of the region it
looks at most lies in such a box (pointing accuracy), with a 95 % interval over images; chance is a
region at random, ceiling what the regions allow. A context vector is asked about all that its
caption names. Boxes come from DIR/SPLIT_objects.tsv (image, class, score, x1, y1, x2, y2 in
pixels) or from COCO's instances_*.json, the words of a class from its name and
DIR/object_words.tsv, or both from a folder of Flickr30K Entities. Entities' phrases (people,
clothing, ..) and COCO's supercategories are counted by type, too. A run folder keeps the numbers in
grounding-SPLIT.json, for the column pointing of stepwise table.]],
  arguments = { 1, 1 },
  options = {
    { "data", "DIR", "the data folder" },
    { "split", "SPLIT", "all of this split; else the images that the run was tested on" },
    { "objects", "FILE",
      "boxes, a table or COCO's instances_*.json; else DIR/SPLIT_objects.tsv" },
    { "words", "FILE", "words of classes, CLASS TAB WORD WORD ..; else DIR/object_words.tsv" },
    { "entities", "FOLDER", "Flickr30K Entities, with Annotations and Sentences" },
    { "score", "S", "leave out boxes with a score below S" },
    { "vocab", "FILE", "a vocabulary; else the vocab.json beside the checkpoint" },
    { "precaps", nil, "word ids from SPLIT_precaps.txt, not from the captions" },
    { "threads", "N", "0: one for each CPU; the result is the same", kind = "integer", most = 256 },
    { "json", nil, "print one JSON object" },
  },
}

local IMAGES_AT_ONCE <const> = 50

local function check(given)
  if not given.data then core.fail(2, "ground: --data is needed") end
  local score = given.score and tonumber(given.score) or 0
  if given.score and (not tonumber(given.score) or score ~= score) then
    core.fail(2, "ground: --score: expected a number, found '" .. text.plain(given.score) .. "'")
  end
  if given.entities and (given.objects or given.words or given.score) then
    core.fail(2, "ground: --entities has its own boxes and words; leave out --objects, --words and "
      .. "--score")
  end
  return score
end

-- The function that finds the mentions of an explanation.
local function finder(given, source, least)
  if given.entities then return objects.entities((given.entities:gsub("(.)/+$", "%1"))) end
  local path = given.objects or string.format("%s/%s_objects.tsv", given.data, source.split)
  if core.file_kind(path) ~= "file" then
    core.fail(1, path .. ": no such file; ground needs boxes of objects, there or by --objects or "
      .. "--entities")
  end
  local images, classes = objects.read_boxes(path, least)
  if given.words and core.file_kind(given.words) ~= "file" then
    core.fail(1, given.words .. ": no such file")
  end
  local words = objects.read_words(classes, given.words or given.data .. "/object_words.tsv")
  return function(found) return objects.mentions(found, images, words) end
end

local function measure(session, source, mentions)
  local tally, first = grounding.tally(), 0
  while true do
    source.first, source.count = first, IMAGES_AT_ONCE
    local list = session:explain_captions(source)
    if #list == 0 then break end
    for _, found in ipairs(list) do
      if not found.boxes then
        core.fail(1, string.format("%s: %s has no boxes of regions ({split}_ims_bbx.npy)",
          source.data,
          source.split))
      end
      grounding.add(tally, found, mentions(found))
    end
    first = first + IMAGES_AT_ONCE
  end
  return tally
end

local function percent(value) return value and string.format("%.1f", value) or "" end

local function show(list)
  local rows = { { "map", "mentions", "images", "pointing", "95 % interval", "chance", "ceiling" } }
  local function add(one, indent)
    rows[#rows + 1] = { indent .. text.plain(one.name), text.count(one.mentions),
      text.count(one.images),
      percent(one.accuracy), one.low and string.format("[%.1f, %.1f]", one.low, one.high) or "",
      percent(one.chance), percent(one.ceiling) }
  end
  for _, one in ipairs(list) do
    add(one, "")
    for _, group in ipairs(one.types or {}) do add(group, "  ") end
  end
  for _, line in ipairs(text.columns(rows, { false, true, true, true, true, true, true })) do
    print(line)
  end
end

function M.run(given, arguments)
  local least = check(given)
  local path = arguments[1]
  local session <close> = core.session { threads = given.threads }
  local source = explain.source(session, given, path)
  local mentions = finder(given, source, least)
  local tally = measure(session, source, mentions)
  local list = grounding.results(tally)
  if #list == 0 then
    core.fail(1, "ground: no caption names anything that has a box, or no stage shows weights over "
      .. "regions")
  end
  local generated = core.is_generated(given.data)
  local result = { format = 1, split = source.split, data = given.data, generated = generated,
    captions = tally.captions, maps = core.json_array(list) }
  local json = core.json_encode(explain.readable(result), 1)
  if given.json then
    print(json)
  else
    text.say("pointing accuracy in percent, split %s, %s%s", source.split,
      text.plural(tally.captions, "caption"), generated and " (generated scenes)" or "")
    show(list)
  end
  if core.file_kind(path) == "folder" then
    local file = string.format("%s/grounding-%s.json", path:gsub("(.)/+$", "%1"), source.split)
    core.write_file(file, json .. "\n")
    if not given.json then text.say("%s", file) end
  end
  return 0
end

return M
