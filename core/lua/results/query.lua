-- query.lua: what a trained model answers about a split: metrics, where it looks, what it finds.
-- Requests come with the resolved config of each checkpoint (sessions.lua); images and captions
-- count from 0; scores and weights are core's (lua_query.c).
local core = require "stepwise.core"

local M = {}

-- ---- requests ----------------------------------------------------------------------------------

-- A whole number of a request, at least `least`.
local function whole(request, name, missing, least)
  local value = request[name]
  if value == nil then return missing end
  local number = type(value) == "number" and math.tointeger(value)
  if not number then
    core.fail(2, string.format("%s: expected a whole number, found %s", name, tostring(value)))
  elseif number < least then
    core.fail(2, string.format("%s: expected %d or more, found %d", name, least, number))
  end
  return number
end

local function open(session, request, captions)
  return core.open_query(session, {
    checkpoint = request.checkpoint, config = request.config, data = request.data,
    split = request.split, vocab = request.vocab, precaps = request.precaps,
    images = request.images, all_captions = true, captions = captions,
    or_none = request.text ~= nil,
  })
end

-- The name of a picture's file without its ending.
local function stem(name)
  for _, ending in ipairs { ".jpg", ".jpeg", ".png" } do
    if #name > #ending and name:sub(-#ending):lower() == ending then
      return name:sub(1, -#ending - 1)
    end
  end
  return name
end

-- The image of a number, or of a name, with the ending of a picture's file or without; where none
-- has it and it is a number, the image of that number.
local function image_of(query, request)
  local images, _, path = query:size()
  local wanted = request.image
  if wanted == nil then
    core.fail(2, "image: expected a name or a number, found nothing")
  elseif type(wanted) ~= "string" then
    local number = whole(request, "image", nil, 0)
    if number < images then return number end
    core.fail(1, string.format("%s: expected an image below %d, found %d", path, images, number))
  end
  local by_name, by_stem, stems = {}, {}, {}
  for image = 0, images - 1 do
    local name = query:name(image)
    if not name then break end
    stems[image + 1] = stem(name)
    by_name[name] = by_name[name] or image
    by_stem[stems[image + 1]] = by_stem[stems[image + 1]] or image
  end
  local found = by_name[wanted] or by_stem[stem(wanted)]
  if found then return found end
  local number = wanted:find("^%d+$") and math.tointeger(tonumber(wanted))
  if number and number < images then return number end
  local near = core.near_miss(stem(wanted), stems)
  return core.fail(1, string.format("%s: expected the name of an image or a number below %d, "
    .. "found '%s'%s", path, images, wanted, near and "; did you mean '" .. near .. "'?" or ""))
end

-- ---- sentences ---------------------------------------------------------------------------------

local MOST_WORDS <const> = 1000

-- Each is {ids = {..}, words = {..}, unknown = {words that count as <unk>, each once}}, all with
-- <start> and <end>. A word that the vocabulary lacks stays as it was written.
local function sentence_of_words(query, list)
  local start, finish, unk = query:special_ids()
  local ids, words, unknown, seen = { start }, { query:word(start) }, core.json_array {}, {}
  for i, word in ipairs(list) do
    local id = query:id(word)
    ids[i + 1], words[i + 1] = id, word
    if id == unk and not seen[word] then seen[word], unknown[#unknown + 1] = true, word end
  end
  ids[#ids + 1], words[#words + 1] = finish, query:word(finish)
  return { ids = ids, words = words, unknown = unknown }
end

local function sentence_of_text(query, text)
  local fine, words = pcall(core.tokenize, text)
  if not fine then core.fail_within("the sentence", words) end
  if #words < 1 or #words > MOST_WORDS then
    core.fail(2, string.format("the sentence: expected 1 to %d words, found %d", MOST_WORDS,
      #words))
  end
  return sentence_of_words(query, words)
end

local function sentence_of_caption(query, caption, precaps)
  local text = not precaps and query:caption(caption)
  if text then
    local fine, words = pcall(core.tokenize, text)
    if fine then return sentence_of_words(query, words) end
    core.fail_within(string.format("%s: caption %d", select(3, query:size()), caption), words)
  end
  local ids, words = query:ids(caption), {}
  for i, id in ipairs(ids) do words[i] = query:word(id) end
  return { ids = ids, words = words, unknown = core.json_array {} }
end

-- ---- where it looks ----------------------------------------------------------------------------

local kinds <const> = {
  ["words regions"] = "word", ["one regions"] = "context", ["regions words"] = "region",
  ["one words"] = "context_words",
}

-- Boxes of k regions, the first `own` of which are the image's; false for one that is not finite,
-- has no area, or is of a second set; nil without boxes.
local function boxes_of(query, image, k, own)
  local numbers = query:boxes(image)
  if not numbers then return nil end
  local boxes = {}
  for i = 1, k do
    local box = i <= own and { table.unpack(numbers, 4 * i - 3, 4 * i) }
    for _, x in ipairs(box or {}) do
      if x - x ~= 0 then box = false break end
    end
    boxes[i] = box and box[3] > box[1] and box[4] > box[2] and box
  end
  return boxes
end

-- What does not stop an answer.
local function warnings_of(query, request)
  local list = core.json_array(query:warnings())
  local second = request.text and request.config:table().model.second
  if second and second.text then
    list[#list + 1] = string.format("the sentence has no second set of fragments, as captions have "
      .. "from the files SPLIT_%s.npy; its score is without", second.text.file)
  end
  return list
end

-- The fragments of a side that maps show; own: how many are no second set's.
local function most_of(maps, side, own)
  for _, map in ipairs(maps) do
    if map.of == side then own = math.max(own, #map.weights) end
    if map.over == side then own = math.max(own, #map.weights[1]) end
  end
  return own
end

-- What explain gives of an image and a sentence; at: the caption of the split that it is, or nil.
local function look(query, request, image, sentence, at)
  local each = at and select(2, query:size()) // query:size()
  local score, k, maps = query:show(image, sentence.ids, at)
  local words, own = sentence.words, #sentence.words
  for i = own + 1, most_of(maps, "words", own) do
    words[i] = string.format("%s %d", request.config:table().model.second.text.file, i - own - 1)
  end
  local regions = most_of(maps, "regions", k)
  for _, map in ipairs(maps) do
    map.kind = kinds[map.of .. " " .. map.over] or "other"
    map.rows, map.columns = #map.weights, #map.weights[1]
    map.of, map.over = nil, nil
  end
  return {
    image = image, id = query:name(image), caption = at and at % each,
    text = at and query:caption(at) or request.text, words = words,
    unknown = sentence.unknown, regions = regions, boxes = boxes_of(query, image, regions, k),
    score = score,
    maps = core.json_array(maps), warnings = warnings_of(query, request),
  }
end

-- See sessions.lua.
function M.explain(session, request)
  local text, caption = request.text, whole(request, "caption", nil, 0)
  if text and caption then core.fail(2, "expected a caption or a text, found both") end
  caption = not text and (caption or 0) or nil
  local query <close> = open(session, request, request.precaps and not text)
  local images, captions, path = query:size()
  local image, each = image_of(query, request), captions // images
  if text then return look(query, request, image, sentence_of_text(query, text)) end
  if caption >= each then
    core.fail(1, string.format("%s: expected a caption of the image's own, 0 to %d, found %d", path,
      each - 1, caption))
  end
  local at = image * each + caption
  return look(query, request, image, sentence_of_caption(query, at, request.precaps), at)
end

-- See sessions.lua.
function M.explain_captions(session, request)
  local query <close> = open(session, request, request.precaps)
  local images, captions = query:size()
  local first, list = whole(request, "first", 0, 0), core.json_array {}
  local each, past = captions // images, first + whole(request, "count", 1, 1)
  for image = first, math.min(past, images) - 1 do
    for caption = 0, each - 1 do
      local at = image * each + caption
      list[#list + 1] = look(query, request, image,
        sentence_of_caption(query, at, request.precaps), at)
    end
  end
  return list
end

-- ---- what it finds -----------------------------------------------------------------------------

local TOP <const> = 5

local function trim(text)
  local from = text:find("%S")
  return from and text:match(".*%S", from) or ""
end

-- Which images in [first, last] have this caption, but for space at its ends: [image] = true.
local function images_of_caption(query, text, first, last, each)
  local own, wanted = {}, trim(text)
  for caption = first * each, (last + 1) * each - 1 do
    if trim(query:caption(caption) or "") == wanted then own[caption // each] = true end
  end
  return own
end

-- Places in a list of scores, the best first; of equal scores the higher place, as in evaluation.
local function best_first(scores)
  local order = {}
  for i = 1, #scores do order[i] = i end
  table.sort(order, function(a, b)
    if scores[a] ~= scores[b] then return scores[a] > scores[b] end
    return a > b
  end)
  return order
end

-- See sessions.lua.
function M.find(session, request)
  local text, top = request.text, whole(request, "top", TOP, 1)
  if text and request.image ~= nil then core.fail(2, "expected a text or an image, found both") end
  if not text and request.image == nil then
    core.fail(2, "expected a text or an image, found neither")
  end
  local first, count = whole(request, "first", 0, 0), whole(request, "count", 0, 0)
  local query <close> = open(session, request, not text)
  local images, captions, path = query:size()
  if first >= images or count > images - first then
    core.fail(2, string.format("%s: expected images to rank among %d, found %d from number %d on",
      path, images, count, first))
  end
  local each = captions // images
  if count == 0 then count = images - first end
  local found, own = { warnings = warnings_of(query, request) }, {}
  local unit, scores = text and 1 or each
  if text then
    local sentence = sentence_of_text(query, text)
    found.ranks, found.text, found.words, found.unknown = "images", text, sentence.words,
      sentence.unknown
    scores = query:score_images(sentence.ids, first, count)
    own = images_of_caption(query, text, first, first + count - 1, each)
  else
    local image = image_of(query, request)
    found.ranks, found.image, found.id = "captions", image, query:name(image) or core.json_null
    scores = query:score_captions(image, first * each, count * each)
    for i = image * each, (image + 1) * each - 1 do own[i] = true end
  end
  found.among, found.results, found.own = #scores, core.json_array {}, core.json_array {}
  for rank, place in ipairs(best_first(scores)) do
    local index = first * unit + place - 1
    if rank <= top or own[index] then
      local image = index // unit
      local entry = { rank = rank, score = scores[place], index = index, image = image,
        id = query:name(image) or core.json_null, own = own[index] or false }
      if not text then
        entry.caption, entry.text = index % each, query:caption(index) or core.json_null
      end
      if rank <= top then found.results[rank] = entry end
      if own[index] then found.own[#found.own + 1] = entry end
    end
  end
  return found
end

-- ---- metrics -----------------------------------------------------------------------------------

local queries_class <const> = {
  __close = function(queries)
    for _, query in ipairs(queries) do query:close() end
  end,
}

-- See sessions.lua. configs: one for each checkpoint.
function M.evaluate(session, request, configs)
  local queries <close> = setmetatable({}, queries_class)
  local found = core.json_array {}
  for i, path in ipairs(request.checkpoints) do
    queries[i] = core.open_query(session, {
      checkpoint = path, config = configs[i], data = request.data, split = request.split,
      vocab = request.vocab, images = request.images, precaps = request.precaps,
      all_captions = request.all_dev_captions, captions = true,
    })
    found[i] = queries[i]:coverage(request.vocab or "the vocabulary of " .. path,
      string.format("%s/%s_caps.txt", request.data, request.split))
  end
  local metrics = core.rank_queries(session, queries, request)
  metrics.coverage = found
  return metrics
end

return M
