-- tsv.lua: features as text, an image per line: of bottom-up attention and of LXMERT (columns,
-- base64) and of VinVL (a key and JSON).
local core = require "stepwise.core"
local record_of = require "stepwise.import.record"
local stream = require "stepwise.import.stream"

local M = {}

-- What the columns are, by their number.
local columns <const> = {
  [6] = { "image_id", "image_w", "image_h", "num_boxes", "boxes", "features" },
  [10] = { "image_id", "image_h", "image_w", "objects_id", "objects_conf", "attrs_id",
    "attrs_conf", "num_boxes", "boxes", "features" },
}
local layouts <const> = {
  [6] = "TSV of bottom-up attention", [10] = "TSV of LXMERT", json = "TSV of VinVL",
}

local function read_columns(fields, count)
  local names = columns[count]
  return record_of.read(function(name)
    for i = 2, #names do
      if names[i] == name then return fields:text(i) end
    end
  end)
end

-- Whether columns n-5 .. n are x1 y1 x2 y2 w h in parts of the picture: w and h follow from the
-- others, which tells them from any numbers, also from float16 read as float32.
local function has_places(features)
  local shape = features:shape()
  local n, off, all = shape[2], 0, 0
  if n <= 6 then return false end
  for r = 0, math.min(shape[1], 8) - 1 do
    local function at(i) return features:get(r * n + n - 6 + i) end
    for i = 1, 6 do
      if not (at(i) >= -0.01 and at(i) <= 1.02) then return false end
    end
    off = off + math.abs(at(3) - at(1) - at(5)) + math.abs(at(4) - at(2) - at(6))
    all = all + at(5) + at(6)
  end
  return all > 0 and off <= 0.02 * all
end

-- Oscar's form: features and the places of the regions in one array, of float32 or float16.
local function read_oscar(found)
  local count = math.tointeger(tonumber(found.num_boxes)) or 0
  local features, reason
  for _, dtype in ipairs { "float32", "float16" } do
    local read, why = record_of.decode_rows(found.features, count, dtype, "features")
    reason = reason or why
    if read and has_places(read) then
      local n = read:shape()[2]
      return { features = read:columns(1, n - 6), boxes = read:columns(n - 5, 4), count = count,
        parts = true }
    end
    features = features or read
  end
  if not features then return nil, reason end
  return { features = features, count = count }
end

-- SG-benchmark's form: an object per region, each with its feature.
local function read_objects(found)
  local features, boxes, confidence = {}, {}, {}
  if #found.objects == 0 then return nil, "no objects" end
  for i, object in ipairs(found.objects) do
    local rect = object.rect
    if type(object.feature) ~= "string" then
      return nil, string.format("object %d has no feature", i - 1)
    elseif type(rect) ~= "table" or #rect ~= 4 then
      return nil, string.format("object %d has no box", i - 1)
    end
    local row, reason = record_of.decode_rows(object.feature, 1, "float32", "feature")
    if not row then return nil, reason end
    features[i], confidence[i] = row, tonumber(object.conf) or 0
    for c = 1, 4 do boxes[4 * (i - 1) + c] = tonumber(rect[c]) or 0 end
  end
  return { features = core.stack(features), count = #features,
    boxes = core.numbers({ #features, 4 }, boxes),
    confidence = core.numbers({ #features }, confidence),
    width = math.tointeger(found.image_w), height = math.tointeger(found.image_h) }
end

local function read_json(fields, count)
  local found = core.json_decode(fields:text(count))
  if type(found) ~= "table" then return nil, "expected an object of JSON" end
  if type(found.objects) == "table" then return read_objects(found) end
  if type(found.features) == "string" then return read_oscar(found) end
  return nil, "neither objects nor features"
end

local function read_line(source, fields, at)
  local count = at.count
  if source.form == "json" then
    if count ~= 2 and count ~= 3 then
      return nil, string.format("expected a key and JSON, found %d columns", count)
    end
    return read_json(fields, count)
  elseif count ~= source.form then
    return nil, string.format("expected %d columns, found %d: the line is cut", source.form, count)
  end
  return read_columns(fields, count)
end

local function next_line(source, fields)
  while true do
    local count, line, offset = fields:next()
    if not count then return end
    local id = fields:text(1)
    if count > 1 or id ~= "" then
      return id, { offset = offset, line = line, count = count },
        string.format("%s: line %d (image %s)", source.path, line, id:sub(1, 80))
    end
  end
end

local function seek_line(_, fields, at)
  fields:seek(at.offset, at.line)
  fields:next()
end

-- A source where the first line of the file is one of these; else nil.
function M.open(path)
  local fields <close> = core.fields(path)
  local count = fields:next()
  if not count then return nil end
  local form = columns[count] and count
  if not form and (count == 2 or count == 3) and fields:text(count):find("^%s*{") then
    form = "json"
  end
  if not form or (form ~= "json" and #fields:text(count) < 8) then return nil end
  return stream.source { path = path, form = form, layout = layouts[form], files = { path },
    open = function() return core.fields(path) end, next = next_line, seek = seek_line,
    read = read_line }
end

return M
