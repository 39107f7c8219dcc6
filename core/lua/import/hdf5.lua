-- hdf5.lua: HDF5 files of features: of bottom-up attention's converters, with the regions of all
-- images in one array (BAN's, whose pos_boxes says which are whose) or with as many of each image
-- (Hengyuan Hu's), and those with an array per image (meshed-memory transformer's).
local core = require "stepwise.core"
local record_of = require "stepwise.import.record"
local stream = require "stepwise.import.stream"

local M = {}

local MOST_REGIONS <const> = 10000 -- of one image
local ids_called <const> = { "image_id", "image_ids", "img_ids", "ids" }

-- ---- which row is which image's ----------------------------------------------------------------

-- {{id =, row =}..} in the order of rows, of a dict from ids to rows.
local function pairs_of(dict, path)
  local list = {}
  for id, row in pairs(type(dict) == "table" and dict or {}) do
    if math.type(row) ~= "integer" or (type(id) ~= "string" and not math.type(id)) then
      core.fail(1, path .. ": expected a dict from ids to rows, found other values")
    end
    list[#list + 1] = { id = tostring(id), row = row }
  end
  table.sort(list, function(a, b)
    if a.row ~= b.row then return a.row < b.row end
    return a.id < b.id
  end)
  return list
end

-- The same, and the file beside this one that they are in, if they are in one.
local function images_of(file, path, rows)
  for _, name in ipairs(ids_called) do
    local shape, dtype = file:shape(name)
    if shape and #shape == 1 and shape[1] == rows and dtype == "int64" then
      local ids, list = file:rows(name, 0, rows), {}
      for i = 1, rows do list[i] = { id = tostring(ids:get(i)), row = i - 1 } end
      return list
    end
  end
  local beside = path:gsub("%.[^./]*$", "") .. "_imgid2idx.pkl"
  if core.file_kind(beside) ~= "file" then
    core.fail(1, string.format("%s: expected the images' ids in an array image_id, or in %s, a "
      .. "pickled dict from ids to rows; found neither", path, beside))
  end
  local list = pairs_of(core.unpickle(core.read_file(beside), beside), beside)
  if #list == 0 then core.fail(1, beside .. ": expected a dict from ids to rows, found none") end
  for _, image in ipairs(list) do
    if image.row < 0 or image.row >= rows then
      core.fail(1, string.format("%s: image %s: expected a row from 0 to %d, found %d", beside,
        image.id, rows - 1, image.row))
    end
  end
  return list, beside
end

-- ---- one record --------------------------------------------------------------------------------

-- The picture's size: boxes in pixels over boxes in parts of the picture, where both are furthest.
local function add_size(found, places)
  local boxes = found.boxes
  local shape = places and places:shape() or {}
  if not boxes or found.width or #shape ~= 2 or shape[2] < 4 or shape[1] ~= boxes:shape()[1] then
    return
  end
  local function size(column)
    local most, part = 0, 0
    for r = 0, shape[1] - 1 do
      local x = boxes:get(4 * r + column)
      if x > most then most, part = x, places:get(shape[2] * r + column) end
    end
    local all = part > 0 and part <= 1.001 and most / part
    return all and all < 1e6 and math.floor(all + 0.5) or nil
  end
  found.width, found.height = size(3), size(4)
end

-- The numbers of an image in one of the arrays for all; nil where there are none that fit.
local function numbers_of(source, file, name, row)
  local shape = file:shape(name)
  if not shape then return nil end
  if source.places and #shape == 2 and shape[1] == source.regions then
    local first, stop = source.places:get(2 * row + 1), source.places:get(2 * row + 2)
    if first < 0 or stop <= first or stop > shape[1] or stop - first > MOST_REGIONS then
      core.fail(1, string.format("pos_boxes: expected regions of 0 to %d, found %d to %d", shape[1],
        first, stop))
    end
    return file:rows(name, first, stop - first)
  elseif shape[1] == source.rows and #shape <= 3 then
    return #shape == 1 and file:rows(name, row, 1) or file:rows(name, row)
  end
end

local function read_row(source, file, at)
  local found, reason = record_of.read(function(name)
    return numbers_of(source, file, name, at.row)
  end)
  if found then add_size(found, numbers_of(source, file, "spatial_features", at.row)) end
  return found, reason
end

local function read_arrays(_, file, at)
  return record_of.read(function(name)
    local array = name == "features" and at.array or at.stem and at.stem .. name
    local shape = array and file:shape(array)
    return shape and #shape == 2 and file:rows(array, 0, shape[1]) or nil
  end)
end

-- ---- the layouts -------------------------------------------------------------------------------

-- One array for all images, whose rows are images or, with pos_boxes, regions.
local function of_one_array(file, path)
  for _, name in ipairs(record_of.called.features) do
    local shape = file:shape(name)
    local places = shape and #shape == 2 and file:shape("pos_boxes")
    if places and (#places ~= 2 or places[2] ~= 2) then
      core.fail(1, string.format("%s: pos_boxes: expected shape (images, 2), found (%s)", path,
        table.concat(places, ", ")))
    end
    local rows = shape and (#shape == 3 and shape[1] or places and places[1])
    if rows then
      local images, beside = images_of(file, path, rows)
      return { layout = places and "HDF5 of BAN" or "HDF5 of bottom-up attention", images = images,
        files = { path, beside }, rows = rows, regions = shape[1], read = read_row,
        places = places and file:rows("pos_boxes", 0, rows) }
    end
  end
end

local function of_many_arrays(file, path)
  local names, images = file:names(), {}
  local has_stems = false
  for _, name in ipairs(names) do has_stems = has_stems or name:find("._features$") ~= nil end
  if file:shape("image_bb") or file:shape("pos_boxes") then names = {} end
  for _, name in ipairs(names) do
    local stem = name:match("^(.+_)features$")
    if stem or not has_stems then
      images[#images + 1] = { id = stem and stem:sub(1, -2) or name, array = name, stem = stem }
    end
  end
  if #images == 0 then
    core.fail(1, path .. ": no features: expected an array image_features, or one for each image")
  end
  return { layout = "HDF5 with an array per image", images = images, files = { path },
    read = read_arrays }
end

local function next_image(source, handle)
  handle.at = handle.at + 1
  local image = source.images[handle.at]
  if image then return image.id, image, source.path .. ": image " .. image.id:sub(1, 80) end
end

-- A file is looked through when it is opened, so it stays open.
function M.open(path)
  local file = core.hdf5(path)
  local source = of_one_array(file, path) or of_many_arrays(file, path)
  source.path = path
  local read = source.read
  function source.read(self, _, at) return read(self, file, at) end
  function source.open()
    return setmetatable({ at = 0, close = function() end }, { __close = function() end })
  end
  source.next = next_image
  return stream.source(source)
end

return M
