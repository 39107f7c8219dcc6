-- writers.lua: tensors {{name =, shape = {..}, bytes = float32}..} as files for other programs:
-- NumPy's .npz, the zip that torch.load reads, and safetensors.
local core = require "stepwise.core"

local M = {}

-- ---- a zip archive of members that are stored as they are --------------------------------------

local FIRST_DAY <const> = 0x21 -- 1 January 1980: the same input gives the same bytes
local MOST_BYTES <const> = 0xfffffffe

-- members: {{name, bytes}..}
local function zip(path, members)
  local parts, directory, at = {}, {}, 0
  for _, member in ipairs(members) do
    local name, bytes = member[1], member[2]
    local about = string.pack("<I2I2I2I2I2I4I4I4I2I2", 20, 0, 0, 0, FIRST_DAY, core.crc32(bytes),
      #bytes, #bytes, #name, 0)
    directory[#directory + 1] = "PK\1\2\20\0" .. about
      .. string.pack("<I2I2I2I4I4", 0, 0, 0, 0, at) .. name
    local head = "PK\3\4" .. about .. name
    parts[#parts + 1], parts[#parts + 2] = head, bytes
    at = at + #head + #bytes
    if at > MOST_BYTES or #directory > 0xfffe then
      core.fail(1, path .. ": the tensors are too many or too large for a zip archive; "
        .. ".safetensors has no limit")
    end
  end
  local list = table.concat(directory)
  parts[#parts + 1] = list
  parts[#parts + 1] = "PK\5\6" .. string.pack("<I2I2I2I2I4I4I2", 0, 0, #directory, #directory,
    #list, at, 0)
  core.write_file(path, table.concat(parts))
end

-- ---- NumPy -------------------------------------------------------------------------------------

local function npy(tensor)
  local shape = table.concat(tensor.shape, ", ") .. (#tensor.shape == 1 and "," or "")
  local head = string.format("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape)
  head = head .. string.rep(" ", -(#head + 11) % 64) .. "\n"
  return "\147NUMPY\1\0" .. string.pack("<s2", head) .. tensor.bytes
end

local function write_npz(path, tensors)
  local members = {}
  for i, tensor in ipairs(tensors) do members[i] = { tensor.name .. ".npy", npy(tensor) } end
  zip(path, members)
end

-- ---- PyTorch: a pickled OrderedDict, which names the member that has each tensor's numbers ------

local function text(value) return "X" .. string.pack("<s4", value) end
local function whole(value) return "\x8a\8" .. string.pack("<i8", value) end

local function tuple(list)
  local items = {}
  for i, value in ipairs(list) do items[i] = whole(value) end
  return "(" .. table.concat(items) .. "t"
end

local DICT <const> = "ccollections\nOrderedDict\n)R"

local function rebuilt(tensor, key)
  local strides, count = {}, 1
  for i = #tensor.shape, 1, -1 do strides[i], count = count, count * tensor.shape[i] end
  return "ctorch._utils\n_rebuild_tensor_v2\n(" .. "(" .. text "storage" .. "ctorch\nFloatStorage\n"
    .. text(key) .. text "cpu" .. whole(count) .. "tQ" .. whole(0) .. tuple(tensor.shape)
    .. tuple(strides) .. "\x89" .. DICT .. "tR"
end

local function write_torch(path, tensors)
  local pickle, members = { "\x80\2" .. DICT .. "(" }, {}
  for i, tensor in ipairs(tensors) do
    local key = tostring(i - 1)
    pickle[#pickle + 1] = text(tensor.name) .. rebuilt(tensor, key)
    members[i + 1] = { "archive/data/" .. key, tensor.bytes }
  end
  pickle[#pickle + 1] = "u."
  members[1] = { "archive/data.pkl", table.concat(pickle) }
  members[#members + 1] = { "archive/version", "3\n" }
  zip(path, members)
end

local function write_safetensors(path, tensors)
  core.write_safetensors(path, tensors, '{"format":"pt"}')
end

-- By the ending of a file's name: function(path, tensors).
M.by_ending = { safetensors = write_safetensors, npz = write_npz, pt = write_torch,
  pth = write_torch }

return M
