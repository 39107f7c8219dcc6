-- files.lua: a folder with a file per image: .npz (MILVLG's, self-critical's), .npy of features or
-- of boxes, and .npy with a pickled dict (ViLBERT's).
local core = require "stepwise.core"
local record_of = require "stepwise.import.record"

local M = {}

local OBJECTS <const> = "'descr': '|O'"

-- The dict in a .npy file that holds one Python object, or nil where it holds numbers.
local function pickled(bytes, path)
  local head = bytes:sub(1, 256)
  if head:sub(1, 6) ~= "\147NUMPY" or not head:find(OBJECTS, 1, true) then return nil end
  local wide = head:byte(7) == 1 and "<I2" or "<I4"
  local length, from = string.unpack(wide, head, 9)
  local value = core.unpickle(bytes:sub(from + length), path)
  while type(value) == "table" and #value == 1 do value = value[1] end
  if type(value) ~= "table" then core.fail(1, path .. ": expected a dict, found another object") end
  return value
end

-- Reads one record out of an archive's members.
function M.read_npz(zip)
  return record_of.read(function(name)
    local member = name .. ".npy"
    if not zip:size(member) then return nil end
    return zip:numbers(member)
  end)
end

local function read_file(path)
  if path:find("%.npz$") then
    local zip <close> = core.zip(path)
    return M.read_npz(zip)
  end
  local bytes = core.read_file(path)
  local dict = pickled(bytes, path)
  if dict then return record_of.read(function(name) return dict[name] end) end
  local numbers = core.npy(path)
  local shape = numbers:shape()
  if #shape == 2 and shape[2] == 4 then
    return { boxes = numbers, count = shape[1], only_boxes = true }
  end
  return record_of.read(function(name) return name == "features" and numbers or nil end)
end

local Source = {}
Source.__index = Source

function Source:each(visit)
  for _, name in ipairs(self.names) do
    local path = self.path .. "/" .. name
    local found, reason = record_of.try(read_file, path)
    local record
    if found and found.only_boxes then
      record = { id = name, where = path, regions = found.count, boxes = true }
    else
      record = record_of.describe(name, path, found, reason)
    end
    record.at = path
    visit(record)
  end
end

local Reader = {}
Reader.__index = Reader

function Source.reader() return setmetatable({}, Reader) end
function Reader.read(_, record) return record_of.try(read_file, record.at) end
function Reader.close() end

-- A source where the folder has such files; else nil. Its kind is by its first readable file.
function M.open(path)
  local names, ending = {}, nil
  for _, name in ipairs(core.list_folder(path)) do
    local found = name:match("%.(np[yz])$")
    ending = ending or found
    if found and found == ending then names[#names + 1] = name end
  end
  if #names == 0 then return nil end
  local source = setmetatable({ path = path, names = names, files = {},
    layout = "folder of ." .. ending .. " files" }, Source)
  for i = 1, math.min(#names, 10) do
    local found = record_of.try(read_file, path .. "/" .. names[i])
    if found then
      if found.only_boxes then source.layout, source.only_boxes = "folder of boxes", true end
      return source
    end
  end
  return source
end

return M
