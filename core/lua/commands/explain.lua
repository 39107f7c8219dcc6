-- explain.lua: stepwise explain
local attention = require "stepwise.figures.attention"
local core = require "stepwise.core"
local sizes = require "stepwise.figures.sizes"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {
  name = "explain",
  summary = "Draws where each word of a caption looks in its image (the paper's Fig. 3).",
  usage = "CHECKPOINT --data DIR --image ID",
  details = [[
Writes attention.tsv, every weight the stages show; attention.svg, a panel for each word and for the
context, over the picture where there is one, over the regions' boxes, or over a grid where the data
have no boxes; and matrix.svg, words by regions. A panel goes from its least weight (dark) to its
largest (bright); both stand below it, and the strongest region has a frame.]],
  arguments = { 1, 1 },
  options = {
    { "data", "DIR", "the data folder" },
    { "split", "SPLIT", "all of this split; else the images that the run was tested on" },
    { "image", "ID", "its name in SPLIT_ids.txt, with or without ending, else a number from 0" },
    { "caption", "J", "one of the image's own, from 0; 0 when none is given", kind = "integer" },
    { "text", "SENTENCE", "a sentence of yours instead of a caption" },
    { "pictures", "DIR", "where the pictures are; else DATA/images, where that is there" },
    { "out", "DIR", "where the files go; else explain-IMAGE-CAPTION here" },
    sizes.options[1], sizes.options[2], sizes.options[3],
    { "vocab", "FILE", "a vocabulary; else the vocab.json beside the checkpoint" },
    { "precaps", nil, "word ids from SPLIT_precaps.txt, not from the captions" },
    { "threads", "N", "0: one for each CPU; the result is the same", kind = "integer", most = 256 },
    { "json", nil, "print all of it as one JSON object; no picture is drawn without --out" },
  },
}

-- A run folder stands for its best checkpoint.
function M.checkpoint(path)
  if core.file_kind(path) ~= "folder" then return path end
  return path:gsub("(.)/+$", "%1") .. "/checkpoint.safetensors"
end

-- What a question is put to: a split that is named, whole; else the first test set of the run that
-- the checkpoint is of, as far as it goes.
function M.source(session, given, path)
  local source = { checkpoint = M.checkpoint(path), data = given.data, split = given.split,
    vocab = given.vocab }
  local config = session:checkpoint_config(source.checkpoint)
  local set = test_sets.of_config(config)[1] or { split = "test", images = 0 }
  if not given.split then source.split, source.images = set.split, set.images end
  source.precaps = given.precaps or config.data.precaps
  return source
end

-- The folder of pictures, or nil.
function M.pictures(given, command)
  local folder = given.pictures or given.data .. "/images"
  if core.file_kind(folder) == "folder" then return folder end
  if given.pictures then core.fail(1, command .. ": --pictures: no such folder: " .. folder) end
  return nil
end

-- One line for each word that the vocabulary lacks.
function M.unknown_words(words)
  local lines = {}
  for i, word in ipairs(words) do
    lines[i] = string.format("'%s' is not in the vocabulary and counts as <unk>", text.plain(word))
  end
  return lines
end

-- What goes to JSON has to be UTF-8.
function M.readable(value)
  if type(value) == "string" then return text.readable(value) end
  if type(value) == "table" then
    for key, item in pairs(value) do value[key] = M.readable(item) end
  end
  return value
end

-- The two strongest regions of each word, for people without a picture.
local function summary(found)
  local rows = {}
  for _, map in ipairs(found.maps) do
    for r, weights in ipairs(map.kind ~= "region" and map.weights or {}) do
      local order = {}
      for i = 1, #weights do order[i] = i end
      table.sort(order, function(a, b)
        if weights[a] ~= weights[b] then return weights[a] > weights[b] end
        return a < b
      end)
      local cells = { map.name, map.kind == "word" and found.words[r] or "" }
      for i = 1, math.min(3, #order) do
        local at = order[i]
        cells[#cells + 1] = string.format("%s %.3f", map.kind == "context_words"
          and found.words[at] or "region " .. (at - 1), weights[at])
      end
      rows[#rows + 1] = cells
    end
  end
  return text.columns(rows)
end

local function write(given, found, how)
  local folder = given.out or string.format("explain-%d-%s", found.image, found.caption or "text")
  local format = how.format
  local made, reason = core.make_folders(folder)
  if not made then core.fail(1, reason) end
  local files, complaints = {}, {}
  local function done(name, fine, why)
    if fine then files[#files + 1] = folder .. "/" .. name end
    if why then complaints[#complaints + 1] = why end
  end
  core.write_file(folder .. "/attention.tsv", attention.tsv(found))
  done("attention.tsv", true)
  local name = "attention." .. format
  local fine, why = attention.draw(found, { pictures = M.pictures(given, "explain"),
    format = format, output = folder .. "/" .. name,
    millimetres = how.millimetres })
  done(name, fine, why)
  local broken = not fine
  name = "matrix." .. format
  if not broken then
    fine, why = attention.draw_matrix(found, { format = format, output = folder .. "/" .. name,
      millimetres = how.millimetres })
    done(name, fine, why)
  end
  return files, complaints, broken
end

function M.run(given, arguments)
  for _, needed in ipairs { "data", "image" } do
    if not given[needed] then core.fail(2, "explain: --" .. needed .. " is needed") end
  end
  if given.text and given.caption then
    core.fail(2, "explain: give either --caption or --text, not both")
  end
  M.pictures(given, "explain")
  local how = sizes.of(given, "explain")
  local session <close> = core.session { threads = given.threads }
  local request = M.source(session, given, arguments[1])
  request.image, request.caption, request.text = given.image, given.caption, given.text
  local found = session:explain(request)
  local files, complaints, broken = {}, {}, false
  if (given.out or not given.json) and #attention.sections(found) == 0 then
    core.fail(1, "explain: the stages of this model show no attention weights")
  end
  if given.out or not given.json then files, complaints, broken = write(given, found, how) end
  table.move(found.warnings, 1, #found.warnings, #complaints + 1, complaints)
  if given.json then
    for i, box in ipairs(found.boxes or {}) do found.boxes[i] = box or core.json_null end
    found.generated = core.is_generated(given.data)
    print(core.json_encode(M.readable(found), 1))
  else
    text.say("%s: %s%s   score %.4f", found.id or "image " .. found.image, attention.title(found),
      core.is_generated(given.data) and " (generated scene)" or "", found.score)
    for _, line in ipairs(M.unknown_words(found.unknown)) do print(line) end
    for _, line in ipairs(summary(found)) do print(line) end
    for _, file in ipairs(files) do text.say("%s", file) end
  end
  for _, complaint in ipairs(complaints) do
    io.stderr:write("stepwise: explain: ", text.plain(complaint), "\n")
  end
  return broken and 1 or 0
end

return M
