-- record.lua: one image in others' files, whatever its fields are called: features (B, F), boxes
-- (B, 4), the picture's size, and how sure the detector was.
local core = require "stepwise.core"

local M = {}

local called <const> = {
  features = { "features", "x", "feat", "att_feats", "att_feat", "image_features" },
  boxes = { "boxes", "bbox", "norm_bb", "bbx", "box", "image_bb" },
  count = { "num_boxes", "num_bbox" },
  width = { "image_width", "image_w", "img_w", "width" },
  height = { "image_height", "image_h", "img_h", "height" },
  confidence = { "conf", "objects_conf", "cls_prob" },
}
M.called = called
local picture <const> = 1.001 -- boxes up to here are in parts of the picture

local function find(get, what)
  for _, name in ipairs(called[what]) do
    local value = get(name)
    if value ~= nil and value ~= core.json_null then return value, name end
  end
end

-- A whole number, from a number or an array of one.
local function single(value)
  if type(value) == "userdata" and value ~= core.json_null then value = value:get(1) end
  return math.tointeger(tonumber(value))
end

-- How many bytes the base64 text gives.
local function decoded_size(base64)
  return #base64 // 4 * 3 - #base64:sub(-2):match("=*$")
end

-- The (rows, columns) that a text in base64 holds, when it has so many rows; nil and why not.
function M.decode_rows(base64, rows, dtype, what)
  local element = dtype == "float32" and 4 or dtype == "float16" and 2 or 8
  local bytes = decoded_size(base64)
  if #base64 % 4 ~= 0 or rows < 1 or bytes == 0 or bytes % (rows * element) ~= 0 then
    return nil, string.format("base64 of %s is cut: expected %s for each of %d boxes, found %d "
      .. "bytes", what, dtype, rows, bytes)
  end
  local numbers, reason = core.base64(base64, dtype, bytes // (rows * element))
  return numbers, reason and what .. ": " .. reason
end

-- Largest of the box values, to tell pixels from parts of the picture.
local function largest(boxes)
  local most = 0
  local shape = boxes:shape()
  for i = 1, shape[1] * shape[2] do most = math.max(most, boxes:get(i)) end
  return most
end

-- Boxes as (B, 4), from (B, 4) or the first columns of (B, 6); nil and why there are none.
local function read_boxes(value, count)
  if type(value) == "string" then
    local boxes, reason = M.decode_rows(value, count, "float32", "boxes")
    if not boxes then return nil, reason end
    value = boxes
  end
  local shape = type(value) == "userdata" and value:shape() or {}
  if #shape ~= 2 or shape[2] < 4 then return nil, "expected boxes (B, 4)" end
  return shape[2] == 4 and value or value:columns(1, 4)
end

-- get: a function from a field's name to its value, nil where there is none. Gives {features =,
-- boxes =, count = B, width =, height =, confidence =, parts = whether boxes are in parts of the
-- picture}; nil and the reason where this is no record.
function M.read(get)
  local result = {}
  local count = find(get, "count")
  result.width, result.height = single(find(get, "width")), single(find(get, "height"))
  count = count ~= nil and single(count) or nil
  local features = find(get, "features")
  if features == nil then return nil, "no features" end
  if type(features) == "string" then
    if not count then return nil, "no number of boxes" end
    if count < 1 then return nil, "expected 1 or more boxes, found " .. count end
    local reason
    features, reason = M.decode_rows(features, count, "float32", "features")
    if not features then return nil, reason end
  end
  local shape = type(features) == "userdata" and features:shape() or {}
  if #shape ~= 2 or shape[1] < 1 or shape[2] < 1 then
    return nil, "expected features (B, F), found shape (" .. table.concat(shape, ", ") .. ")"
  end
  result.features, result.count = features, shape[1]
  if count and count < shape[1] and count > 0 then result.count = count end
  local boxes, name = find(get, "boxes")
  if boxes ~= nil then
    local reason
    boxes, reason = read_boxes(boxes, shape[1])
    if not boxes then return nil, reason end
    if boxes:shape()[1] ~= shape[1] then
      return nil, string.format("expected a box for each of %d regions, found %d", shape[1],
        boxes:shape()[1])
    end
    result.boxes = boxes
    result.parts = name == "norm_bb" or largest(boxes) <= picture
  end
  local confidence = find(get, "confidence")
  if type(confidence) == "string" then
    confidence = M.decode_rows(confidence, shape[1], "float32", "conf")
  end
  shape = type(confidence) == "userdata" and confidence:shape() or {}
  if #shape >= 1 and shape[1] == result.features:shape()[1] and (shape[2] or 1) == 1 then
    result.confidence = confidence
  end
  return result
end

-- What a record of the index says of it: for the first pass.
function M.describe(id, where, found, reason)
  local record = { id = id, where = where }
  if not found then
    record.fault = reason:sub(1, #where + 2) == where .. ": " and reason:sub(#where + 3) or reason
    return record
  end
  local shape = found.features:shape()
  record.regions, record.features, record.dtype = found.count, shape[2], found.features:dtype()
  record.width, record.height = found.width, found.height
  record.boxes, record.parts = found.boxes ~= nil, found.parts
  local row, column = found.features:bad()
  if row then
    record.fault = string.format("region %d, feature %d is not finite", row - 1, column - 1)
  elseif found.boxes and found.boxes:bad() then
    record.fault = "a box is not finite"
  end
  return record
end

-- f(..), or nil and the reason where it fails.
function M.try(f, ...)
  local fine, found, reason = pcall(f, ...)
  if not fine then
    if type(found) == "table" and found.status and found.status < 0 then error(found, 0) end
    return nil, tostring(found)
  end
  return found, reason
end

return M
