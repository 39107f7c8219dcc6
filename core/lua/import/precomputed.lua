-- precomputed.lua: the field's precomputed layout (SCAN's, vse_infty's, this project's own), in a
-- folder or in a zip archive, which is read through.
local core = require "stepwise.core"
local captions_of = require "stepwise.import.captions"
local record_of = require "stepwise.import.record"

local M = {}

-- ---- files of a folder, or below a folder of an archive ----------------------------------------

local Folder = {}
Folder.__index = Folder

function Folder:path_of(name) return self.path .. "/" .. name end
function Folder:has(name) return core.file_kind(self:path_of(name)) == "file" end
function Folder:read(name) return core.read_text(self:path_of(name)) end
function Folder:rows(name) return core.npy_rows(self:path_of(name)) end
function Folder:names() return core.list_folder(self.path) end
function Folder:files(names)
  local paths = {}
  for i, name in ipairs(names) do paths[i] = self:path_of(name) end
  return paths
end

local Archive = {}
Archive.__index = Archive

function Archive:path_of(name) return self.path .. "/" .. self.inner .. name end
function Archive:has(name) return self.zip:size(self.inner .. name) ~= nil end
function Archive:read(name) return self.zip:read(self.inner .. name) end
function Archive:rows(name) return self.zip:rows(self.inner .. name) end
function Archive:files() return { self.path } end
function Archive:names()
  local names = {}
  for _, name in ipairs(self.zip:names()) do
    if name:sub(1, #self.inner) == self.inner then names[#names + 1] = name:sub(#self.inner + 1) end
  end
  return names
end

local function splits_of(store)
  local splits = {}
  for _, name in ipairs(store:names()) do
    local split = name:match("^([^/]+)_ims%.npy$")
    if split and split ~= "" then splits[#splits + 1] = split end
  end
  return splits
end

-- ---- one split ---------------------------------------------------------------------------------

local function lines_of(store, name)
  if not store:has(name) then return nil end
  return captions_of.lines(store:read(name), name:find("_caps%.txt$") and store:path_of(name))
end

local function common_divisor(a, b)
  while b > 0 do a, b = b, a % b end
  return a
end

-- The length that all runs of equal rows have, or that divides them: 1 where rows differ.
local function repeated(store, name, count)
  local rows <close> = store:rows(name)
  local last, run, length = nil, 0, 0
  for _ = 1, count do
    local hashes = table.concat(rows:next():hashes(), ",")
    if hashes ~= last then
      length = common_divisor(run, length)
      if length == 1 then return 1 end
      last, run = hashes, 0
    end
    run = run + 1
  end
  return math.max(common_divisor(run, length), 1)
end

-- {split =, rows =, regions =, features =, images =, stride = rows per image, names =, captions =}
local function read_split(store, split)
  local name = split .. "_ims.npy"
  local shape, dtype
  do
    local rows <close> = store:rows(name)
    shape, dtype = rows:shape(), rows:dtype()
  end
  local path = store:path_of(name)
  if #shape ~= 3 then
    core.fail(1, string.format("%s: expected shape (images, regions, features), found (%s)", path,
      table.concat(shape, ", ")))
  end
  local result = { split = split, rows = shape[1], regions = shape[2], features = shape[3],
    dtype = dtype, stride = 1, captions = lines_of(store, split .. "_caps.txt") }
  local captions, ids = result.captions, lines_of(store, split .. "_ids.txt")
  if captions and #captions == 0 then
    core.fail(1, store:path_of(split .. "_caps.txt") .. ": expected captions, found none")
  elseif captions and #captions == shape[1] then
    result.stride = repeated(store, name, shape[1])
  elseif captions and (shape[1] == 0 or #captions % shape[1] ~= 0) then
    core.fail(1, string.format("%s: expected a multiple of its %d rows as captions, found %d",
      path, shape[1], #captions))
  end
  result.images = shape[1] // result.stride
  if ids then
    local each = #ids // math.max(result.images, 1)
    if each < 1 or #ids % result.images ~= 0 then
      core.fail(1, string.format("%s: expected a name for each of %d images, rows or captions, "
        .. "found %d", store:path_of(split .. "_ids.txt"), result.images, #ids))
    end
    result.names = {}
    for i = 1, result.images do result.names[i] = ids[(i - 1) * each + 1] end
  end
  return result
end

-- The numbers of a small array beside the features, per image; nil where there is none that fits,
-- and why.
local function side_numbers(store, split, name, columns)
  local file = split.split .. name
  if not store:has(file) then return nil end
  local rows, reason = record_of.try(store.rows, store, file)
  if not rows then return nil, reason end -- GSMN's sizes are of Python objects
  local shape, result = rows:shape(), {}
  local step = shape[1] == split.images and 1 or shape[1] == split.rows and split.stride
  if not step or (shape[2] or 1) ~= columns then
    return nil, string.format("%s: expected %d for each of %d images, found shape (%s)",
      store:path_of(file), columns, split.images, table.concat(shape, ", "))
  end
  for i = 1, split.images do
    local row = rows:next()
    local values = {}
    for c = 1, columns do values[c] = math.tointeger(row:get(c)) end
    result[i] = values
    if i < split.images then rows:skip(step - 1) end
  end
  rows:close()
  return result
end

-- How many regions of each image are real. A file that does not fit is an error: without it padding
-- would count as regions.
local function counts_of(store, split)
  local counts, reason = side_numbers(store, split, "_ims_counts.npy", 1)
  if reason then core.fail(1, reason) end
  for i, found in ipairs(counts or {}) do
    local count = found[1]
    if not count or count < 1 or count > split.regions then
      core.fail(1, string.format("%s: image %d: expected 1 to %d regions, found %s",
        store:path_of(split.split .. "_ims_counts.npy"), i - 1, split.regions,
        count or "no whole number"))
    end
  end
  return counts
end

-- Whether there are boxes of its regions; nil and why, where those that are there do not fit.
local function has_boxes(store, split)
  local name = split.split .. "_ims_bbx.npy"
  if not store:has(name) then return false end
  local rows <close> = store:rows(name)
  local shape = rows:shape()
  if #shape == 3 and shape[2] == split.regions and shape[3] == 4
    and (shape[1] == split.images or shape[1] == split.rows) then
    return true
  end
  return nil, string.format("expected boxes of shape (%d, %d, 4), found (%s)", split.images,
    split.regions, table.concat(shape, ", "))
end

-- ---- the source --------------------------------------------------------------------------------

local Source = {}
Source.__index = Source

function Source:each(visit)
  local place = 0
  for _, split in ipairs(self.splits) do
    local counts = counts_of(self.store, split)
    local sizes = side_numbers(self.store, split, "_ims_size.npy", 2)
    local boxes, fault = has_boxes(self.store, split)
    if fault then
      local file = split.split .. "_ims_bbx.npy"
      visit { id = file, where = self.store:path_of(file), fault = fault }
    end
    local path = self.store:path_of(split.split .. "_ims.npy")
    for i = 1, split.images do
      place = place + 1
      visit {
        place = place,
        id = split.names and split.names[i] or string.format("%s:%d", split.split, i - 1),
        where = string.format("%s: row %d", path, (i - 1) * split.stride),
        regions = counts and counts[i][1] or split.regions, features = split.features,
        dtype = split.dtype, boxes = boxes, width = sizes and sizes[i][1],
        height = sizes and sizes[i][2], at = { split = split, image = i },
      }
    end
  end
end

-- The captions that the folder has itself, as captions.lua gives them: the image at a place is the
-- one of the record with this place.
function Source:captions()
  local images = {}
  for _, split in ipairs(self.splits) do
    if not split.captions then
      core.fail(1, self.store:path_of(split.split .. "_caps.txt") .. ": no such file; --captions "
        .. "takes captions from elsewhere")
    end
    local cap_ids = lines_of(self.store, split.split .. "_cap_ids.txt")
    captions_of.add_split(images, split.split, split.captions, split.names, split.images, cap_ids)
  end
  return { format = "precomputed", images = images, files = {}, in_order = true }
end

-- Rows are read from front to back, so records must be asked for in the order of each().
local Reader = {}
Reader.__index = Reader

function Source:reader() return setmetatable({ source = self }, Reader) end

function Reader:read(record)
  local at, store = record.at, self.source.store
  if self.split ~= at.split then
    self:close()
    self.split, self.row = at.split, 1
    self.rows = store:rows(at.split.split .. "_ims.npy")
    if record.boxes then
      self.boxes = store:rows(at.split.split .. "_ims_bbx.npy")
      self.box_row = 1
      self.box_stride = self.boxes:shape()[1] == at.split.rows and at.split.stride or 1
    end
  end
  local row = (at.image - 1) * at.split.stride + 1
  self.rows:skip(row - self.row)
  self.row = row + 1
  local found = { features = self.rows:next(), count = record.regions }
  if self.boxes then
    local box_row = (at.image - 1) * self.box_stride + 1
    self.boxes:skip(box_row - self.box_row)
    self.box_row = box_row + 1
    found.boxes = self.boxes:next()
  end
  return found
end

function Reader:close()
  if self.rows then self.rows:close() end
  if self.boxes then self.boxes:close() end
  self.rows, self.boxes, self.split = nil, nil, nil
end

-- Arrays beside a split's that are none of its own: second sets of fragments, which stay behind.
local function others_of(store, splits)
  local is_own, others = { ims = true, ims_bbx = true, ims_counts = true, ims_size = true }, {}
  for _, name in ipairs(store:names()) do
    for _, split in ipairs(splits) do
      local array = name:sub(1, #split + 1) == split .. "_"
        and name:match("^(.+)%.npy$", #split + 2)
      if array and not is_own[array] then
        others[#others + 1] = name
        break
      end
    end
  end
  return others
end

local function open(store, path, layout)
  local names = splits_of(store)
  if #names == 0 then return nil end
  local splits, files = {}, {}
  for i, split in ipairs(names) do
    splits[i] = read_split(store, split)
    for _, ending in ipairs { "_ims.npy", "_caps.txt", "_ids.txt", "_ims_bbx.npy" } do
      if store:has(split .. ending) then files[#files + 1] = split .. ending end
    end
  end
  return setmetatable({ path = path, layout = layout, store = store, splits = splits,
    files = store:files(files), others = others_of(store, names) }, Source)
end

-- A source where the folder has {split}_ims.npy; else nil.
function M.open_folder(path)
  return open(setmetatable({ path = path }, Folder), path, "precomputed folder")
end

-- A source of an archive; inner: the folder in it, "" or nil where there is only one.
function M.open_zip(path, inner)
  local zip = core.zip(path)
  local folders, seen = {}, {}
  for _, name in ipairs(zip:names()) do
    local folder = name:match("^(.*/)[^/]+_ims%.npy$") or name:match("^[^/]+_ims%.npy$") and ""
    if folder and not seen[folder] then
      seen[folder] = true
      folders[#folders + 1] = folder
    end
  end
  if #folders == 0 then return nil end
  if not inner and #folders > 1 then
    for i, folder in ipairs(folders) do folders[i] = path .. "/" .. folder:gsub("/$", "") end
    core.fail(1, path .. ": there is more than one data set in it; give one of "
      .. table.concat(folders, ", "))
  end
  inner = inner and inner:gsub("/*$", "/") or folders[1]
  if not seen[inner] then
    core.fail(1, string.format("%s: no %s*_ims.npy in it", path, inner))
  end
  return open(setmetatable({ path = path, zip = zip, inner = inner }, Archive), path,
    "precomputed folder in a zip archive")
end

return M
