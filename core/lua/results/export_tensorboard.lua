-- export_tensorboard.lua: a run as an event file of TensorBoard, which most trackers read: TFRecord
-- frames with CRC32C, and in each an Event in protocol buffers' encoding.
--
--   record  u64 length, u32 masked CRC of it, Event, u32 masked CRC of that; little-endian
--   Event   1 wall_time (double), 2 step (int64), 3 file_version (string), 5 summary
--   Summary 1 value (repeated): 1 tag, 2 simple_value (float), 8 tensor, 9 metadata
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

local VARINT <const>, I64 <const>, BYTES <const>, I32 <const> = 0, 1, 2, 5
local DT_STRING <const> = 7

-- ---- CRC32C ----------------------------------------------------------------------------------

local POLYNOMIAL <const> = 0x82f63b78 -- Castagnoli's, bits reversed

local of_byte = {}
for byte = 0, 255 do
  local crc = byte
  for _ = 1, 8 do crc = crc & 1 == 1 and crc >> 1 ~ POLYNOMIAL or crc >> 1 end
  of_byte[byte] = crc
end

function M.crc32c(bytes)
  local crc = 0xffffffff
  for i = 1, #bytes do crc = crc >> 8 ~ of_byte[(crc ~ bytes:byte(i)) & 0xff] end
  return crc ~ 0xffffffff
end

-- TFRecord's: of a file that holds checksums, the checksum would be weak.
local function masked(bytes)
  local crc = M.crc32c(bytes)
  return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
end

-- ---- protocol buffers ------------------------------------------------------------------------

local function varint(n)
  local parts = {}
  while n > 127 do
    parts[#parts + 1] = string.char(n & 0x7f | 0x80)
    n = n >> 7
  end
  parts[#parts + 1] = string.char(n)
  return table.concat(parts)
end

local function bytes_field(number, bytes)
  return varint(number << 3 | BYTES) .. varint(#bytes) .. bytes
end

local function integer_field(number, value)
  return varint(number << 3 | VARINT) .. varint(value)
end

local function scalar(tag, value)
  return bytes_field(1, bytes_field(1, tag) .. varint(2 << 3 | I32) .. string.pack("<f", value))
end

-- A text for TensorBoard's text page, in Markdown.
local function words(tag, markdown)
  local tensor = integer_field(1, DT_STRING) .. bytes_field(2, bytes_field(2, integer_field(1, 1)))
    .. bytes_field(8, markdown)
  local metadata = bytes_field(1, bytes_field(1, "text"))
  return bytes_field(1, bytes_field(1, tag) .. bytes_field(8, tensor) .. bytes_field(9, metadata))
end

local function event(time, step, rest)
  return varint(1 << 3 | I64) .. string.pack("<d", time)
    .. (step and integer_field(2, step) or "") .. rest
end

-- ---- the file --------------------------------------------------------------------------------

local function record(bytes)
  local length = string.pack("<I8", #bytes)
  return length .. string.pack("<I4", masked(length)) .. bytes .. string.pack("<I4", masked(bytes))
end

local function settings_text(settings)
  local lines = { "| key | value |", "| --- | --- |" }
  for _, key in ipairs(text.sorted_keys(settings)) do
    lines[#lines + 1] = string.format("| %s | %s |", key, (settings[key]:gsub("|", "\\|")))
  end
  return table.concat(lines, "\n")
end

-- The bytes of the event file of a run (results/history.lua).
function M.bytes(run)
  local parts = {
    record(event(run.started, nil, bytes_field(3, "brain.Event:2"))),
    record(event(run.started, 0, bytes_field(5, words("config", settings_text(run.settings))))),
  }
  for _, point in ipairs(run.points) do
    local values = {}
    for i, tag in ipairs(text.sorted_keys(point.values)) do
      values[i] = scalar(tag, point.values[tag])
    end
    if #values > 0 then
      parts[#parts + 1] = record(event(run.started + point.seconds, math.tointeger(point.step) or 0,
        bytes_field(5, table.concat(values))))
    end
  end
  return table.concat(parts)
end

-- Writes OUT/RUN/events.out.tfevents.TIME.stepwise for each run.
function M.write(runs, out)
  for _, run in ipairs(runs) do
    local made, reason = core.make_folders(out .. "/" .. run.name)
    if not made then core.fail(1, reason) end
    core.write_file(string.format("%s/%s/events.out.tfevents.%010d.stepwise", out, run.name,
      run.started), M.bytes(run))
  end
end

return M
