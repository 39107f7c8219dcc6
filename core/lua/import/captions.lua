-- captions.lua: captions in others' files: Karpathy's dataset_*.json, COCO's captions_*.json,
-- Flickr's .token and .csv, and the captions of a precomputed folder.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

local splits <const> = { train = "train", restval = "train", val = "dev", dev = "dev",
  test = "test" }

-- One line, without white space on either side.
local function one_line(s) return (s:gsub("%s+", " "):match("^ ?(.-) ?$")) end

-- A text or a number as a text; nil: neither.
local function name_of(value)
  if math.type(value) == "integer" then return string.format("%d", value) end
  return type(value) == "string" and value or nil
end

-- Captions that are no text would only be found out by the tokeniser, in the middle of a run.
local function expect_text(line, path, number)
  local _, bad = utf8.len(line)
  if bad then
    core.fail(1, string.format("%s:%d: expected UTF-8, found byte 0x%02x at offset %d", path,
      number, line:byte(bad), bad - 1))
  elseif line:find("\0", 1, true) then
    core.fail(1, string.format("%s:%d: expected text, found a zero byte", path, number))
  end
end

-- The lines of a text without white space on either side, none of them empty at the end. path: the
-- file of captions that it is of, each of which has to be UTF-8.
function M.lines(content, path)
  local lines = {}
  for line in (content:gsub("^\xef\xbb\xbf", "") .. "\n"):gmatch("([^\n]*)\n") do
    lines[#lines + 1] = line:match("^%s*(.-)%s*$")
    if path then expect_text(lines[#lines], path, #lines) end
  end
  while #lines > 0 and lines[#lines] == "" do lines[#lines] = nil end
  return lines
end

-- ---- a precomputed folder ----------------------------------------------------------------------

-- Adds the images of one split to the list: captions and names as they are in its files.
function M.add_split(images, split, captions, names, count, cap_ids)
  local each = #captions // count
  for i = 1, count do
    local image = { name = names and names[i] or string.format("%s:%d", split, i - 1),
      split = split, captions = {}, cap_ids = cap_ids and {} }
    image.imgid = image.name:match("^%d+$")
    for c = 1, each do
      image.captions[c] = captions[(i - 1) * each + c]
      if cap_ids then image.cap_ids[c] = cap_ids[(i - 1) * each + c] end
    end
    images[#images + 1] = image
  end
end

local function read_folder(path)
  local images, files = {}, {}
  for _, name in ipairs(core.list_folder(path)) do
    local split = name:match("^(.+)_caps%.txt$")
    if split then
      local ids = path .. "/" .. split .. "_ids.txt"
      if not core.file_kind(ids) then
        core.fail(1, ids .. ": no such file: without names the captions fit no features")
      end
      local file, lines, names = path .. "/" .. name, M.lines(core.read_text(ids)), {}
      local captions = M.lines(core.read_text(file), file)
      for i, id in ipairs(lines) do
        if id ~= names[#names] then names[#names + 1] = lines[i] end
      end
      if #names == 0 or #captions % #names ~= 0 then
        core.fail(1, string.format("%s: expected a multiple of %d images as captions, found %d",
          file, #names, #captions))
      end
      M.add_split(images, split, captions, names, #names)
      files[#files + 1] = file
      files[#files + 1] = ids
    end
  end
  if #images == 0 then core.fail(1, path .. ": no {split}_caps.txt in it") end
  return { format = "precomputed", images = images, files = files }
end

-- ---- JSON --------------------------------------------------------------------------------------

local function decode(items, path, number)
  local item = items:next()
  if not item then return nil end
  local fine, value = pcall(core.json_decode, item)
  if not fine or type(value) ~= "table" then
    core.fail(1, string.format("%s: element %d: %s", path, number,
      fine and "expected an object" or tostring(value)))
  end
  return value
end

local function read_karpathy(path)
  local images, is_coco = {}, false
  local items <close> = core.json_items(path, "images")
  while true do
    local found = decode(items, path, #images)
    if not found then break end
    local split = splits[found.split]
    local image = { name = found.filename, split = split, captions = {}, cap_ids = {},
      number = name_of(found.cocoid), imgid = name_of(found.imgid),
      where = string.format("%s: image %d", path, #images) }
    if type(image.name) ~= "string" or not split or type(found.sentences) ~= "table" then
      core.fail(1, string.format("%s: expected filename, split (train, restval, val or test) and "
        .. "sentences, found %s", image.where, type(image.name) ~= "string" and "no filename"
        or not split and "split '" .. text.plain(name_of(found.split) or type(found.split)) .. "'"
        or "no list of sentences"))
    end
    is_coco = is_coco or image.number ~= nil
    for i, sentence in ipairs(found.sentences) do
      if type(sentence) ~= "table" or type(sentence.raw) ~= "string" then
        core.fail(1, string.format("%s: sentence %d has no text 'raw'", image.where, i - 1))
      end
      image.captions[i] = one_line(sentence.raw)
      image.cap_ids[i] = name_of(sentence.sentid) or string.format("%s#%d", image.name, i - 1)
    end
    images[#images + 1] = image
  end
  return { format = "Karpathy's JSON", images = images, files = { path }, is_coco = is_coco }
end

local function read_coco(path)
  local images, by_id = {}, {}
  do
    local items <close> = core.json_items(path, "images")
    while true do
      local found = decode(items, path, #images)
      if not found then break end
      local id = name_of(found.id)
      local name = found.file_name or id
      if not id or type(name) ~= "string" then
        core.fail(1, string.format("%s: image %d: expected id and file_name", path, #images))
      end
      local image = { name = name, number = id, captions = {}, cap_ids = {},
        width = math.tointeger(found.width), height = math.tointeger(found.height),
        where = string.format("%s: image %s", path, id) }
      images[#images + 1], by_id[id] = image, image
    end
  end
  local items <close> = core.json_items(path, "annotations")
  local number = 0
  while true do
    local found = decode(items, path, number)
    if not found then break end
    local image = by_id[name_of(found.image_id)]
    if not image or type(found.caption) ~= "string" then
      core.fail(1, string.format("%s: annotation %d: expected image_id of an image that is there, "
        .. "and a caption", path, number))
    end
    table.insert(image.captions, one_line(found.caption))
    table.insert(image.cap_ids, name_of(found.id) or string.format("%s#%d", image.name,
      #image.captions - 1))
    number = number + 1
  end
  return { format = "COCO's JSON", images = images, files = { path } }
end

local function read_json(path)
  local items <close> = core.json_items(path, "images")
  local first = decode(items, path, 0)
  if not first then core.fail(1, path .. ": its list of images is empty") end
  return first.sentences and read_karpathy(path) or read_coco(path)
end

-- ---- lines -------------------------------------------------------------------------------------

-- Each gives the picture's name, the caption's number (or nil) and the caption; nil: another form.
local forms <const> = {
  { name = "Flickr's .token", read = function(line)
    return line:match("^%s*(%S.-)#(%d+)%s*\t%s*(.-)%s*$")
  end },
  { name = "Flickr's results.csv", read = function(line)
    return line:match("^%s*([^|]-)%s*|%s*(%d+)%s*|%s*(.-)%s*$")
  end },
  { name = "CSV of image and caption", read = function(line)
    local name, caption = line:match("^([^,]+%.%a%w%w%w?),%s*(.-)%s*$")
    local quoted = caption and caption:match('^"(.*)"$')
    return name, nil, quoted and quoted:gsub('""', '"') or caption
  end },
}

local MOST_LINES <const> = 20 -- of one caption
local csv <const> = "^[^,|\t]+%.%a%w%w%w?,"

-- Line i, and in a CSV with those after it that its quoted caption goes on in; the last one's
-- number. A quote that nothing closes before the next image's line is a plain one.
local function whole_line(lines, i)
  local line, last = lines[i], i
  if not line:find(csv .. '%s*"') then return line, i end
  while select(2, line:gsub('"', "")) % 2 == 1 do
    last = last + 1
    local more = lines[last]
    if not more or last - i == MOST_LINES or more:find(csv) then return lines[i], i end
    line = line .. "\n" .. more
  end
  return line, last
end

local function read_lines(path)
  local form, images, by_name, dropped, lines, last = nil, {}, {}, {}, {}, 0
  for line in (core.read_text(path) .. "\n"):gmatch("([^\n]*)\n") do
    lines[#lines + 1] = line:gsub("\r$", "")
  end
  while last < #lines do
    local number = last + 1
    local line
    line, last = whole_line(lines, number)
    local name, index, caption
    for _, candidate in ipairs(form and { form } or forms) do
      name, index, caption = candidate.read(line)
      if name then
        form = candidate
        break
      end
    end
    if name and caption ~= "" then
      expect_text(caption, path, number)
      local image = by_name[name]
      if not image then
        image = { name = name, captions = {}, cap_ids = {},
          where = string.format("%s:%d", path, number) }
        images[#images + 1], by_name[name] = image, image
      end
      table.insert(image.captions, one_line(caption))
      table.insert(image.cap_ids, string.format("%s#%s", name, index or #image.captions - 1))
    elseif line:find("%S") and number > 1 then -- the first line may be a header
      if not form then break end
      dropped[#dropped + 1] = { id = name or "", where = string.format("%s:%d", path, number),
        reason = string.format("expected a line of %s, found '%s'", form.name,
          text.cut(text.plain(line), 60)) }
    end
  end
  if #images == 0 then
    core.fail(1, path .. ": these are no captions: expected dataset_*.json, captions_*.json, "
      .. "NAME#k, a tab and a caption per line, name| k| caption, or a folder with "
      .. "{split}_caps.txt")
  end
  return { format = form.name, images = images, files = { path }, dropped = dropped }
end

-- {format =, images = {{name =, number =, imgid =, split =, captions =, cap_ids =, width =,
-- height =, where =}..}, files =, dropped = lines that are none, is_coco =} of a file or folder.
function M.read(path)
  local kind = core.file_kind(path)
  if kind == "folder" then return read_folder(path) end
  if kind ~= "file" then core.fail(1, path .. ": no such file") end
  local file <close> = assert(io.open(path, "rb"))
  local head = file:read(4096) or ""
  if head:find("^[\xef\xbb\xbf%s]*{") then return read_json(path) end
  return read_lines(path)
end

-- ---- splits ------------------------------------------------------------------------------------

-- Gives each image a split. spec: "NAME", all are that one; or "NAME=FILE,..": a file per split
-- with a name per line. Images of no list are left out.
function M.set_splits(found, spec, same)
  local lists = {}
  for part in spec:gmatch("[^,]+") do
    local name, path = part:match("^([^=]+)=(.+)$")
    lists[#lists + 1] = { name = name or part, path = path }
  end
  if #lists == 1 and not lists[1].path then
    for _, image in ipairs(found.images) do image.split = lists[1].name end
    return
  end
  local split_of = {}
  for _, list in ipairs(lists) do
    if not list.path then
      core.fail(2, "data: --splits: expected NAME, or NAME=FILE,NAME=FILE, found '" .. spec .. "'")
    end
    for _, line in ipairs(M.lines(core.read_text(list.path))) do
      split_of[same(line)] = list.name
    end
  end
  for _, image in ipairs(found.images) do image.split = split_of[same(image.name)] end
end

return M
