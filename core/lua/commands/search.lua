-- search.lua: stepwise search
local core = require "stepwise.core"
local explain = require "stepwise.commands.explain"
local gallery = require "stepwise.figures.gallery"
local text = require "stepwise.util.text"

local M = {
  name = "search",
  summary = "Finds the images that go with a sentence, or the captions that go with an image.",
  usage = "CHECKPOINT --data DIR \"a dog runs on the beach\"",
  details = [[
With --image in place of a sentence: ranks all captions of the split for that image. Where the
sentence is a caption of the split, the image it belongs to is marked, and its rank is told. With
pictures, a contact sheet is written too.]],
  arguments = { 1, 2 },
  options = {
    { "data", "DIR", "the data folder" },
    { "split", "SPLIT", "all of this split; else the images that the run was tested on" },
    { "image", "ID", "its name in SPLIT_ids.txt, with or without ending, else a number from 0" },
    { "top", "N", "how many are told, 5 when none is given", kind = "integer", least = 1,
      most = 100000 },
    { "pictures", "DIR", "where the pictures are; else DATA/images, where that is there" },
    { "out", "FILE.svg", "the contact sheet, .svg or .png; else search.svg here" },
    { "vocab", "FILE", "a vocabulary; else the vocab.json beside the checkpoint" },
    { "precaps", nil, "word ids from SPLIT_precaps.txt, not from the captions" },
    { "threads", "N", "0: one for each CPU; the result is the same", kind = "integer", most = 256 },
    { "json", nil, "print one JSON object; no sheet is drawn without --out" },
  },
}

local function check(given, arguments)
  if not given.data then core.fail(2, "search: --data is needed") end
  if (arguments[2] ~= nil) == (given.image ~= nil) then
    core.fail(2, arguments[2] and "search: give either a sentence or --image, not both"
      or "search: expected a sentence, or --image ID")
  end
  if given.out and not (given.out:find("%.svg$") or given.out:find("%.png$")) then
    core.fail(2, "search: --out: expected a name that ends in .svg or .png, found '"
      .. text.plain(given.out) .. "'")
  end
  local folder = explain.pictures(given, "search")
  if given.out and not folder then
    core.fail(2, "search: --out draws pictures; say where they are with --pictures DIR")
  end
  return folder
end

local function name_of(entry)
  return entry.id ~= core.json_null and text.plain(entry.id) or "image " .. entry.image
end

local function show(found, generated)
  local images = found.ranks == "images"
  text.say("%s among %s%s", images and found.text or name_of(found),
    text.plural(found.among, images and "image" or "caption"),
    generated and " (generated scenes)" or "")
  for _, line in ipairs(explain.unknown_words(found.unknown or {})) do print(line) end
  local rows = { { "rank", "score", images and "image" or "caption" } }
  for _, entry in ipairs(found.results) do
    rows[#rows + 1] = { tostring(entry.rank), string.format("%.4f", entry.score),
      images and name_of(entry) or entry.text ~= core.json_null and entry.text or "",
      entry.own and "its own" or images and "" or name_of(entry) }
  end
  for _, line in ipairs(text.columns(rows, { true, true })) do print(line) end
  for _, entry in ipairs(found.own) do
    if entry.rank > #found.results then
      text.say("%s %s at rank %d", images and "its own image" or "its own caption",
        images and name_of(entry) or entry.caption, entry.rank)
    end
  end
end

local function known(id)
  return id ~= core.json_null and id or nil
end

-- The found images, and those that belong to the sentence wherever they rank.
local function of_images(found)
  local items = {}
  for i, entry in ipairs(found.results) do
    items[i] = { title = string.format("%d   %.3f", entry.rank, entry.score), own = entry.own,
      id = known(entry.id) }
  end
  for _, entry in ipairs(found.own) do
    if entry.rank > #found.results then
      items[#items + 1] = { title = string.format("%d   %.3f   its own", entry.rank, entry.score),
        own = true, id = known(entry.id) }
    end
  end
  return items, found.text
end

-- The image that was asked about, and the captions beside it.
local function of_captions(found)
  local lines = {}
  for i, entry in ipairs(found.results) do
    lines[i] = { own = entry.own, text = string.format("%d   %.3f   %s", entry.rank, entry.score,
      entry.text ~= core.json_null and entry.text or name_of(entry)) }
  end
  return { { title = "", id = known(found.id) } }, name_of(found), lines
end

-- The file, complaints, and whether nothing could be drawn.
local function draw(found, given, folder)
  local output = given.out or "search.svg"
  local items, heading, lines = (found.ranks == "images" and of_images or of_captions)(found)
  local fine, complaints = gallery.draw(items, heading, { pictures = folder, output = output,
    format = output:match("%.(%a+)$") }, lines)
  if not fine then return nil, { complaints }, true end
  return output, complaints
end

function M.run(given, arguments)
  local folder = check(given, arguments)
  local session <close> = core.session { threads = given.threads }
  local request = explain.source(session, given, arguments[1])
  request.text, request.image, request.top = arguments[2], given.image, given.top
  local found = session:find(request)
  local generated = core.is_generated(given.data)
  local sheet, complaints, broken
  if folder and (given.out or not given.json) then
    sheet, complaints, broken = draw(found, given, folder)
  end
  complaints = complaints or {}
  table.move(found.warnings, 1, #found.warnings, #complaints + 1, complaints)
  if given.json then
    found.generated = generated
    print(core.json_encode(explain.readable(found), 1))
  else
    show(found, generated)
    if sheet then text.say("%s", sheet) end
  end
  for _, complaint in ipairs(complaints) do
    io.stderr:write("stepwise: search: ", text.plain(complaint), "\n")
  end
  return broken and 1 or 0
end

return M
