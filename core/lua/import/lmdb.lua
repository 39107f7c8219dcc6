-- lmdb.lua: LMDB environments with a record per image: UNITER's (the value is an .npz file) and
-- ViLBERT's (a pickled dict).
local core = require "stepwise.core"
local files = require "stepwise.import.files"
local record_of = require "stepwise.import.record"
local stream = require "stepwise.import.stream"

local M = {}

local lists <const> = { keys = true, __keys__ = true }

local function read_record(source, db, key)
  local value, name = db:get(key), source.path .. ": record " .. key
  if not value then
    return nil, "the record is gone"
  elseif value:sub(1, 4) == "PK\3\4" then
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

local function next_record(source, db)
  local key
  repeat key = db:next() until not lists[key]
  return key, key, key and string.format("%s: record %s", source.path, key:sub(1, 80))
end

function M.open(path)
  local data = core.file_kind(path) == "folder" and path .. "/data.mdb" or path
  return stream.source { path = path, layout = "LMDB", files = { data },
    open = function() return core.lmdb(path) end, next = next_record, read = read_record }
end

return M
