-- lmdb.lua: LMDB environments with a record per image: UNITER's (the value is an .npz file) and
-- ViLBERT's (a pickled dict).
local core = require "stepwise.core"
local files = require "stepwise.import.files"
local record_of = require "stepwise.import.record"

local M = {}

local lists <const> = { keys = true, __keys__ = true }

local function read_value(key, value, path)
  local name = path .. ": record " .. key
  if value:sub(1, 4) == "PK\3\4" then
    local zip <close> = core.zip(name, value)
    return files.read_npz(zip)
  elseif value:sub(1, 1) == "\128" then
    local dict = core.unpickle(value, name)
    if type(dict) ~= "table" then return nil, "expected a dict" end
    return record_of.read(function(field) return dict[field] end)
  end
  return nil, "expected an .npz file or a pickled dict; of UNITER's forms, the one that "
    .. "convert_imgdir.py makes with --compress is read"
end

local Source = {}
Source.__index = Source

function Source:each(visit)
  local db <close> = core.lmdb(self.path)
  while true do
    local key, value = db:next()
    if not key then return end
    if not lists[key] then
      local where = string.format("%s: record %s", self.path, key:sub(1, 80))
      local record = record_of.describe(key, where, record_of.try(read_value, key, value,
        self.path))
      record.at = key
      visit(record)
    end
  end
end

local Reader = {}
Reader.__index = Reader

function Source:reader()
  return setmetatable({ source = self, db = core.lmdb(self.path) }, Reader)
end

function Reader:read(record)
  local value = self.db:get(record.at)
  if not value then return nil, "the record is gone" end
  return record_of.try(read_value, record.at, value, self.source.path)
end

function Reader:close() self.db:close() end

function M.open(path)
  local data = core.file_kind(path) == "folder" and path .. "/data.mdb" or path
  return setmetatable({ path = path, layout = "LMDB", files = { data } }, Source)
end

return M
