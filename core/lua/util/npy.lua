-- npy.lua: float32 matrices in .npy files, one row at a time; a corner of a large one costs its
-- corner.
local core = require "stepwise.core"

local M = {}

local function refuse(path, expected)
  core.fail(1, path .. ": expected " .. expected)
end

-- rows, columns, the offset of the numbers
local function read_head(file, path)
  local start = file:read(8) or ""
  if start:sub(1, 6) ~= "\147NUMPY" then refuse(path, "a .npy file") end
  local wide = start:byte(7) == 1 and "<I2" or "<I4"
  local length_bytes = file:read(string.packsize(wide)) or ""
  if #length_bytes ~= string.packsize(wide) then refuse(path, "a whole .npy header") end
  local length = string.unpack(wide, length_bytes)
  local head = length < 65536 and file:read(length) or ""
  local rows, columns = head:match("'shape':%s*%((%d+),%s*(%d+)%)")
  if not head:find("'descr':%s*'<f4'") or not head:find("'fortran_order':%s*False") or not rows then
    refuse(path, "a matrix of little-endian float32 in C order")
  end
  rows, columns = math.tointeger(rows), math.tointeger(columns)
  local offset, size = file:seek(), file:seek("end")
  if not rows or not columns or rows < 1 or columns < 1
    or columns > (size - offset) // 4 // rows then
    refuse(path, "as many numbers as its header says")
  end
  return rows, columns, offset
end

-- {rows =, columns =, [i] = {numbers..}}: at most the first `most_rows` rows and `most_columns`
-- columns (nil: all). rows and columns are the file's own. most_columns may be a function of the
-- two.
function M.matrix(path, most_rows, most_columns)
  local file <close> = io.open(path, "rb")
  if not file then core.fail(1, path .. ": no such file") end
  local rows, columns, offset = read_head(file, path)
  if type(most_columns) == "function" then most_columns = most_columns(rows, columns) end
  local width = math.min(columns, most_columns or columns)
  local result = { rows = rows, columns = columns }
  for i = 1, math.min(rows, most_rows or rows) do
    file:seek("set", offset + (i - 1) * columns * 4)
    local bytes = file:read(width * 4) or ""
    if #bytes ~= width * 4 then refuse(path, "as many numbers as its header says") end
    local row = {}
    for j = 1, width do row[j] = string.unpack("<f", bytes, j * 4 - 3) end
    result[i] = row
  end
  return result
end

return M
