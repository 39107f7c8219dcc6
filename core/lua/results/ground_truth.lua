-- ground_truth.lua: which images and captions belong together beyond an image and its own captions,
-- as ECCV Caption's and CxC's files say by COCO's ids, and what a model finds of them.
local core = require "stepwise.core"

local M = {}

-- The number of a name or id: its last group of digits.
local function number_of(name)
  return math.tointeger(tonumber(tostring(name):match("(%d+)%D*$") or ""))
end

-- ---- ids of the split --------------------------------------------------------------------------

-- The int64 or int32 of a .npy file with one dimension.
local function read_npy(path, bytes)
  local head = bytes:match("^\147NUMPY\1%z..(%b{})%s*\n")
  local size = head and head:find("'fortran_order': False", 1, true)
    and math.tointeger(tonumber(head:match("'descr': '<i([48])'") or ""))
  local count = head and math.tointeger(tonumber(head:match("'shape': %((%d+),%)") or ""))
  local from = #bytes - (size or 0) * (count or 0)
  if not size or not count or from < 10 or bytes:byte(from) ~= 10 then
    core.fail(1, path .. ": expected a .npy file of one row of whole numbers")
  end
  local list = {}
  for i = 1, count do list[i] = string.unpack("<i" .. size, bytes, from + 1 + (i - 1) * size) end
  return list
end

-- One number for each line, or those of a .npy file.
local function read_ids(path)
  local bytes = core.read_file(path)
  if bytes:sub(1, 6) == "\147NUMPY" then return read_npy(path, bytes) end
  local list = {}
  for line in bytes:gmatch("[^\r\n]+") do
    list[#list + 1] = number_of(line)
      or core.fail(1, string.format("%s:%d: expected a number, found none", path, #list + 1))
  end
  return list
end

-- Places of ids, from 0: {[id] = place}.
local function places(ids, path)
  local result = {}
  for i, id in ipairs(ids) do
    if result[id] then
      core.fail(1, string.format("%s: id %d stands at %d and at %d", path, id, result[id], i - 1))
    end
    result[id] = i - 1
  end
  return result
end

-- ---- files -------------------------------------------------------------------------------------

local function read_json(path)
  local fine, value = pcall(core.json_decode, core.read_text(path))
  if not fine then core.fail_within(path, value) end
  if type(value) ~= "table" or core.is_array(value) then
    core.fail(1, path .. ": expected an object of ids and lists of ids")
  end
  local result = {}
  for id, list in pairs(value) do
    local number = number_of(id)
    if not number or type(list) ~= "table" or not core.is_array(list) then
      core.fail(1, string.format("%s: '%s': expected an id and a list of ids", path, tostring(id)))
    end
    result[number] = {}
    for i, item in ipairs(list) do
      result[number][i] = number_of(item)
        or core.fail(1, string.format("%s: '%s': entry %d is no id", path, id, i))
    end
  end
  return result
end

local ENDINGS <const> = { i2t = "_image_to_caption.json", t2i = "_caption_to_image.json" }

-- {name =, i2t = {[image's id] = {captions' ids}}, t2i =} of one ECCV name, in a folder.
local function read_pair(folder, name)
  local truth = { name = name }
  for direction, ending in pairs(ENDINGS) do
    local path = folder .. name .. ending
    if core.file_kind(path) == "file" then truth[direction] = read_json(path) end
  end
  return truth
end

local LEAST_SCORE <const> = 3 -- of 0 to 5: the rating from which CxC counts a pair

-- CxC's sits_SPLIT.csv: caption, image, score, kind; a pair may have several lines.
local function read_csv(path)
  local truth = { name = "cxc", i2t = {}, t2i = {} }
  local seen, row = {}, 0
  local function add(direction, from, to)
    truth[direction][from] = truth[direction][from] or {}
    table.insert(truth[direction][from], to)
  end
  for line in core.read_text(path):gmatch("[^\r\n]+") do
    row = row + 1
    local caption, image, score = line:match("^([^,]+),([^,]+),([^,]+),[^,]*$")
    if row > 1 then
      local c, i = number_of(caption), number_of((image or ""):gsub("%.%w+$", ""))
      score = tonumber(score)
      if not c or not i or not score then
        core.fail(1, string.format("%s:%d: expected caption, image, score and kind, as CxC's "
          .. "sits_test.csv has them", path, row))
      end
      if score >= LEAST_SCORE and not seen[c .. " " .. i] then
        seen[c .. " " .. i] = true
        add("i2t", i, c)
        add("t2i", c, i)
      end
    end
  end
  return truth
end

-- A list of {name =, i2t =, t2i =} of a file, or of all that are in a folder.
local function read(path)
  if core.file_kind(path) == "folder" then
    local list, seen, folder = {}, {}, path:gsub("/*$", "/")
    for _, file in ipairs(core.list_folder(path)) do
      local name = file:match("^(.+)_image_to_caption%.json$")
        or file:match("^(.+)_caption_to_image%.json$")
      if name and not seen[name] then
        seen[name], list[#list + 1] = true, read_pair(folder, name)
      end
    end
    if #list == 0 then
      core.fail(1, path .. ": expected NAME_image_to_caption.json and NAME_caption_to_image.json")
    end
    return list
  elseif core.file_kind(path) ~= "file" then
    core.fail(1, path .. ": no such file")
  end
  local folder, name = path:match("^(.-)([^/]+)_image_to_caption%.json$")
  if not name then folder, name = path:match("^(.-)([^/]+)_caption_to_image%.json$") end
  if name then return { read_pair(folder, name) } end
  if core.read_text(path):find("^%s*{") then
    core.fail(1, path .. ": expected a name that ends in _image_to_caption.json or "
      .. "_caption_to_image.json")
  end
  return { read_csv(path) }
end

-- The ids of a split's images, and the file that has them: what ECCV Caption's own file says of the
-- captions, where it is there, as the field's folders number images by themselves; else
-- DATA/SPLIT_ids.txt.
local function image_ids(path, data, split, captions, each)
  local folder = core.file_kind(path) == "folder" and path:gsub("/*$", "/")
    or path:match("^.*/") or ""
  local original = folder .. "original" .. ENDINGS.t2i
  local ids = {}
  if core.file_kind(original) == "file" then
    local images = read_json(original)
    for i = 1, #captions, each do
      local found = images[captions[i]]
      if not found or not found[1] then
        core.fail(1, string.format("%s: expected the image of caption %d, found none", original,
          captions[i]))
      end
      ids[#ids + 1] = found[1]
    end
    return ids, original
  end
  local path_of_ids = string.format("%s/%s_ids.txt", data, split)
  if core.file_kind(path_of_ids) ~= "file" then
    core.fail(1, path_of_ids .. ": no such file; it or " .. original .. " has to say the images' "
      .. "ids")
  end
  local list = read_ids(path_of_ids)
  local step = #list == #captions and each or 1 -- one for each caption, or for each image
  for i = 1, #list, step do ids[#ids + 1] = list[i] end
  return ids, path_of_ids
end

-- ---- what is asked -----------------------------------------------------------------------------

-- Ground truth for a split of `images` images and `captions` captions, by places: a list of
-- {name =, i2t = {queries = {{query's place, places of what is right}..}, lost = how many queries
-- the split does not have}, t2i =}. caption_ids: a file, or nil for DATA/SPLIT_cap_ids.txt.
function M.open(path, caption_ids, data, split, images, captions)
  caption_ids = caption_ids or string.format("%s/%s_cap_ids.txt", data, split)
  if core.file_kind(caption_ids) ~= "file" then
    core.fail(1, caption_ids .. ": no such file; it has COCO's id of each caption, one per line, "
      .. "and --caption-ids names another")
  end
  local ids = read_ids(caption_ids)
  local function refuse(from, found, expected, what)
    core.fail(1, string.format("%s: expected the ids of %d %s, found %d", from, expected, what,
      found))
  end
  if #ids < captions then refuse(caption_ids, #ids, captions, "captions") end
  ids = table.move(ids, 1, captions, 1, {}) -- of the first images, where not all are asked for
  local of_images, from = image_ids(path, data, split, ids, captions // images)
  if #of_images < images then refuse(from, #of_images, images, "images") end
  of_images = table.move(of_images, 1, images, 1, {})
  local place = { t2i = places(of_images, from), i2t = places(ids, caption_ids) }
  local list = read(path)
  local file = { t2i = from, i2t = caption_ids } -- that has the ids of place's
  local first = { t2i = of_images[1], i2t = ids[1] }
  for _, truth in ipairs(list) do
    if not next(truth.i2t or {}) and not next(truth.t2i or {}) then
      core.fail(1, string.format("%s: expected pairs of images and captions for %s, found none",
        path, truth.name))
    end
    for direction, other in pairs { i2t = "t2i", t2i = "i2t" } do
      local all = truth[direction]
      local asked, example = { queries = {}, lost = 0 }, nil
      for id, right in pairs(truth[direction] or {}) do
        local at, known, seen = place[other][id], {}, {}
        for _, one in ipairs(right) do
          local there = place[direction][one]
          if there and not seen[there] then seen[there], known[#known + 1] = true, there end
        end
        if at and #known > 0 then
          asked.queries[#asked.queries + 1] = { at, known }
        else
          asked.lost, example = asked.lost + 1, math.min(example or id, id)
        end
      end
      truth[direction] = truth[direction] and asked
      if asked.lost > 0 and #asked.queries == 0 then
        local is_there = place[other][example] and all[example][1]
        local lacks = is_there and direction or other
        core.fail(1, string.format("%s: none of the %d queries of %s %s in %s, which has ids as "
          .. "%d; found ids as %d", path, asked.lost, truth.name,
          is_there and "has what is right" or "is", file[lacks], first[lacks],
          is_there or example))
      end
      table.sort(asked.queries, function(a, b) return a[1] < b[1] end)
    end
  end
  return list
end

-- ---- what was found ----------------------------------------------------------------------------

-- From the ranks of all that is right for a query (from 0): whether one is below K, the share of
-- the first R that is right, R being how many are, and the mean precision up to each that is.
local function add(sum, ranks)
  table.sort(ranks)
  local r, within, precision = #ranks, 0, 0
  for i, rank in ipairs(ranks) do
    if rank < r then within, precision = within + 1, precision + i / (rank + 1) end
  end
  for _, k in ipairs { 1, 5, 10 } do
    if ranks[1] < k then sum["r" .. k] = sum["r" .. k] + 1 end
  end
  sum.rprecision, sum.map_at_r = sum.rprecision + within / r, sum.map_at_r + precision / r
end

-- Metrics in percent of the similarities in a .npy file: {name =, i2t = {r1 =, r5 =, r10 =,
-- rprecision =, map_at_r =, queries =, positives =, lost =}, t2i =}.
function M.measure(truth, sims)
  local result = { name = truth.name }
  for _, direction in ipairs { "i2t", "t2i" } do
    local asked, pairs_of = truth[direction], {}
    for _, query in ipairs(asked and asked.queries or {}) do
      for _, right in ipairs(query[2]) do
        pairs_of[#pairs_of + 1] = direction == "i2t" and query[1] or right
        pairs_of[#pairs_of + 1] = direction == "i2t" and right or query[1]
      end
    end
    if #pairs_of > 0 then
      local ranks, at = core.positive_ranks(sims, direction, pairs_of), 0
      local sum = { r1 = 0, r5 = 0, r10 = 0, rprecision = 0, map_at_r = 0 }
      for _, query in ipairs(asked.queries) do
        add(sum, table.move(ranks, at + 1, at + #query[2], 1, {}))
        at = at + #query[2]
      end
      for name, value in pairs(sum) do sum[name] = 100 * value / #asked.queries end
      sum.queries, sum.positives, sum.lost = #asked.queries, at, asked.lost
      result[direction] = sum
    end
  end
  return result
end

return M
