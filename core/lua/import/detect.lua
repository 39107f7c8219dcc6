-- detect.lua: what a path holds, by its content and not by its name.
local core = require "stepwise.core"
local files = require "stepwise.import.files"
local hdf5 = require "stepwise.import.hdf5"
local lmdb = require "stepwise.import.lmdb"
local precomputed = require "stepwise.import.precomputed"
local tsv = require "stepwise.import.tsv"

local M = {}

local KNOWN <const> = "expected a precomputed folder (or its .zip), a folder of .npz or .npy "
  .. "files, a TSV of bottom-up attention, LXMERT or VinVL, an LMDB, or HDF5"

local function head_of(path)
  local file <close> = io.open(path, "rb")
  return file and file:read(64) or ""
end

-- An archive and what is behind it in the path: "data.zip/f30k_precomp".
local function archive(path)
  local zip, inner = path:match("^(.-%.zip)/(.+)$")
  if zip and core.file_kind(zip) == "file" then return zip, inner end
end

local function is_hdf5(head) return head:sub(1, 8) == "\137HDF\r\n\26\n" end

-- The HDF5 file that a path is, or the first of its folder; nil without one.
function M.hdf5_at(path)
  if core.file_kind(path) == "file" then return is_hdf5(head_of(path)) and path or nil end
  for _, name in ipairs(core.file_kind(path) == "folder" and core.list_folder(path) or {}) do
    local inner = path .. "/" .. name
    if core.file_kind(inner) == "file" and is_hdf5(head_of(inner)) then return inner end
  end
end

local function open_file(path)
  local head = head_of(path)
  if head:sub(1, 4) == "PK\3\4" then return precomputed.open_zip(path) end
  if head:sub(17, 20) == "\xde\xc0\xef\xbe" then return lmdb.open(path) end
  if is_hdf5(head) then return hdf5.open(path) end
  if head:find("[%z\1-\8]") then return nil end
  return tsv.open(path)
end

local function open_folder(path)
  if core.file_kind(path .. "/data.mdb") then return { lmdb.open(path) } end
  local source = precomputed.open_folder(path) or files.open(path)
  if source then return { source } end
  local sources = {}
  for _, name in ipairs(core.list_folder(path)) do
    local found
    if name:find("%.tsv$") or name:find("%.tsv%.%d+$") then
      found = tsv.open(path .. "/" .. name)
    elseif name:find("%.hdf5$") or name:find("%.h5$") then
      found = open_file(path .. "/" .. name)
    end
    sources[#sources + 1] = found
  end
  return sources
end

-- The sources at a path, at least one: each has path, layout, files (whose contents make it), each,
-- reader, and perhaps captions.
function M.open(path)
  path = path:gsub("(.)/+$", "%1")
  local kind = core.file_kind(path)
  local zip, inner = archive(path)
  local sources
  if zip then
    sources = { precomputed.open_zip(zip, inner) }
  elseif kind == "folder" then
    sources = open_folder(path)
  elseif kind == "file" then
    sources = { open_file(path) }
  else
    core.fail(1, path .. ": no such file or folder")
  end
  if #sources == 0 then core.fail(1, path .. ": not known: " .. KNOWN) end
  return sources
end

return M
