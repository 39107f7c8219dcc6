-- objects.lua: what is where in the images of a data folder, and which words of captions name it.
--
-- Three sources: {split}_objects.tsv or COCO's instances_*.json with the words of their classes,
-- and a folder of Flickr30K Entities (Annotations/ID.xml, Sentences/ID.txt), whose phrases have
-- boxes of their own.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

-- Words for classes that detectors know by one name.
local usual <const> = {
  person = "person persons people man men woman women boy boys girl girls child children kid kids "
    .. "lady ladies guy guys gentleman gentlemen player players baby babies toddler toddlers teen "
    .. "teenager teenagers couple adult adults male males female females human humans crowd friend "
    .. "friends biker bikers skier skiers climber climbers hiker hikers surfer surfers runner "
    .. "runners rider riders skateboarder skateboarders snowboarder snowboarders swimmer worker "
    .. "workers dancer dancers musician musicians cyclist cyclists",
  dog = "puppy puppies hound hounds greyhound greyhounds terrier poodle collie retriever labrador "
    .. "dalmatian bulldog",
}

-- A name without a picture's ending.
function M.plain_name(name)
  return (name:gsub("%.[jJpP][pPnN][eE]?[gG]$", ""))
end

local function plural(word)
  if word:find("[sxz]$") or word:find("[cs]h$") then return word .. "es" end
  if word:find("[^aeiou]y$") then return word:sub(1, -2) .. "ies" end
  return word .. "s"
end

-- ---- a table of boxes --------------------------------------------------------------------------

local function read_table(path, least)
  local images, classes, number = {}, {}, 0
  for line in (core.read_file(path) .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    line = line:gsub("\r$", "")
    if line ~= "" and line:sub(1, 1) ~= "#" then
      local cells = {}
      for cell in (line .. "\t"):gmatch("([^\t]*)\t") do cells[#cells + 1] = cell end
      local box = { class = cells[2] }
      for i = 1, 4 do box[i] = tonumber(cells[3 + i]) end
      local score = tonumber(cells[3])
      if #cells ~= 7 or #box ~= 4 or not score or cells[2] == ""
        or not (box[3] > box[1] and box[4] > box[2]) then
        core.fail(1, string.format("%s:%d: expected image, class, score, x1, y1, x2, y2 with x1 < "
          .. "x2 and y1 < y2, found '%s'", path, number, text.cut(text.plain(line), 60)))
      end
      if score >= least then
        local name = M.plain_name(cells[1])
        images[name] = images[name] or {}
        table.insert(images[name], box)
        classes[box.class] = true
      end
    end
  end
  return images, text.sorted_keys(classes)
end

-- ---- COCO's instances --------------------------------------------------------------------------

-- Calls visit(element) for each of a list in the file. Where that gives nothing, the element is an
-- error that says what is expected.
local function each_element(path, key, expected, visit)
  local items <close> = core.json_items(path, key)
  local number = 0
  for item in function() return items:next() end do
    local fine, value = pcall(core.json_decode, item)
    if not fine or type(value) ~= "table" or not visit(value) then
      core.fail(1, string.format("%s: %s: element %d: expected %s, found '%s'", path, key, number,
        expected, text.cut(text.plain(item), 60)))
    end
    number = number + 1
  end
end

-- A box of the numbers x, y, width, height; nil where it is none.
local function box_of(list)
  if type(list) ~= "table" then return nil end
  for i = 1, 4 do
    if type(list[i]) ~= "number" or not (list[i] > -math.huge and list[i] < math.huge) then
      return nil
    end
  end
  return { list[1], list[2], list[1] + list[3], list[2] + list[4] }
end

-- What read_table gives, of instances_*.json: types are its supercategories. Images are known by
-- their file's name and by their number.
local function read_instances(path)
  local images, by_id, categories, classes = {}, {}, {}, {}
  each_element(path, "categories", "id and name", function(found)
    if not math.type(found.id) or type(found.name) ~= "string" then return false end
    categories[found.id] = found
    return true
  end)
  each_element(path, "images", "id and file_name", function(found)
    if not math.type(found.id) or type(found.file_name) ~= "string" then return false end
    local boxes = {}
    by_id[found.id], images[tostring(found.id)] = boxes, boxes
    images[M.plain_name(found.file_name)] = boxes
    return true
  end)
  each_element(path, "annotations", "image_id, category_id and bbox [x, y, width, height]",
    function(found)
      local boxes, category = by_id[found.image_id], categories[found.category_id]
      local box = box_of(found.bbox)
      if not boxes or not category or not box then return false end
      box.class = category.name
      box.type = type(category.supercategory) == "string" and category.supercategory or nil
      boxes[#boxes + 1] = box
      classes[box.class] = true
      return true
    end)
  return images, text.sorted_keys(classes)
end

-- {[image's name] = {{class =, type = or nil, x1, y1, x2, y2}..}} of boxes with at least that
-- score, and the classes' names, sorted: of a table, or of COCO's instances, which have no scores.
function M.read_boxes(path, least)
  local file <close> = assert(io.open(path, "rb"))
  if (file:read(64) or ""):find("^[\xef\xbb\xbf%s]*{") then return read_instances(path) end
  return read_table(path, least)
end

-- ---- words -------------------------------------------------------------------------------------

-- {[word] = {class ..}}: the class itself and its plural, the usual words, and those of the file,
-- "class TAB word word ..", when it is there.
function M.read_words(classes, path)
  local words = {}
  local function name(class, word)
    words[word] = words[word] or {}
    table.insert(words[word], class)
  end
  local known = {}
  for _, class in ipairs(classes) do
    known[class] = true
    name(class, class:lower())
    name(class, plural(class:lower()))
    for word in (usual[class] or ""):gmatch("%S+") do name(class, word) end
  end
  if not path or core.file_kind(path) ~= "file" then return words end
  local number = 0
  for line in (core.read_file(path) .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    local class, list = line:match("^([^\t]+)\t(.+)$")
    if not class and line:find("%S") and line:sub(1, 1) ~= "#" then
      core.fail(1, string.format("%s:%d: expected a class, a tab and words, found '%s'", path,
        number, text.cut(text.plain(line), 60)))
    end
    for word in (known[class] and list or ""):gmatch("%S+") do name(class, word:lower()) end
  end
  return words
end

-- The mentions of an explanation: {{word = its number, boxes =, types = or nil}..}.
function M.mentions(found, images, words)
  local boxes, list = images[M.plain_name(found.id or "")], {}
  for i = 2, boxes and #found.words - 1 or 0 do
    local own, types = {}, {}
    for _, class in ipairs(words[found.words[i]] or {}) do
      for _, box in ipairs(boxes) do
        if box.class == class then
          own[#own + 1] = box
          if box.type then types[box.type] = true end
        end
      end
    end
    if #own > 0 then
      list[#list + 1] = { word = i, boxes = own, types = text.sorted_keys(types) }
    end
  end
  return list
end

-- ---- Flickr30K Entities ------------------------------------------------------------------------

-- Their pixels are counted from 1. A scene, and what is not in the picture, has no box.
local function boxes_of_entities(path)
  local entities, xml, number = {}, core.read_file(path), 0
  for object in xml:gmatch("<object>(.-)</object>") do
    local box = {}
    for _, name in ipairs { "xmin", "ymin", "xmax", "ymax" } do
      local value = tonumber(object:match("<" .. name .. ">%s*([%d.]+)%s*<"))
      box[#box + 1] = value and value - 1
    end
    number = number + 1
    if object:find("<bndbox>", 1, true)
      and not (#box == 4 and box[3] >= box[1] and box[4] >= box[2]) then
      core.fail(1, string.format("%s: object %d: expected a bndbox with xmin <= xmax and ymin <= "
        .. "ymax", path, number))
    elseif #box == 4 then
      for id in object:gmatch("<name>%s*(%d+)%s*</name>") do
        entities[id] = entities[id] or {}
        table.insert(entities[id], box)
      end
    end
  end
  return entities
end

-- The entities of one image: {boxes = by id, sentences = {{{id =, types =, word = the phrase's
-- last}..}..}}; nil where the folder has none of it.
local function read_entities(folder, name)
  local annotations = string.format("%s/Annotations/%s.xml", folder, name)
  local sentences = string.format("%s/Sentences/%s.txt", folder, name)
  if core.file_kind(annotations) ~= "file" or core.file_kind(sentences) ~= "file"
    then return nil end
  local entry = { boxes = boxes_of_entities(annotations), sentences = {} }
  for line in core.read_file(sentences):gmatch("[^\r\n]+") do
    local phrases = {}
    for id, types, phrase in line:gmatch("%[/EN#(%d+)/(%S+) ([^%]]+)%]") do
      local list = {}
      for one in types:gmatch("[^/]+") do list[#list + 1] = one end
      phrases[#phrases + 1] = { id = id, types = list,
        word = phrase:lower():match("(%w+)%W*$") }
    end
    table.insert(entry.sentences, phrases)
  end
  return entry
end

-- A function that gives the mentions of an explanation: the last word of each phrase that has
-- boxes, in its place in the caption, with the phrase's types (people, clothing, ..).
function M.entities(folder)
  for _, name in ipairs { "Annotations", "Sentences" } do
    if core.file_kind(folder .. "/" .. name) ~= "folder" then
      core.fail(1, string.format("%s: expected the folders Annotations and Sentences of Flickr30K "
        .. "Entities; %s is missing", folder, name))
    end
  end
  local name, entry
  return function(found)
    local wanted = M.plain_name(found.id or "")
    if wanted == "" or wanted:find("/", 1, true) then return {} end
    if wanted ~= name then name, entry = wanted, read_entities(folder, wanted) end
    local list, at = {}, 2
    for _, phrase in ipairs(entry and entry.sentences[(found.caption or -1) + 1] or {}) do
      local word = at
      while word < #found.words and found.words[word] ~= phrase.word do word = word + 1 end
      if word < #found.words then
        at = word + 1
        local boxes = entry.boxes[phrase.id]
        if boxes then list[#list + 1] = { word = word, boxes = boxes, types = phrase.types } end
      end
    end
    return list
  end
end

return M
