-- pictures.lua: the picture files that go with the images of a split.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

-- What libgd and a page can bear.
local MOST_PIXELS <const> = 64 * 1000 * 1000

-- The files that an image of this name may have in `folder`; none when it leads out of it.
local function candidates(folder, id)
  if id == "" or id:find("%c") or ("/" .. id .. "/"):find("/../", 1, true) then return {} end
  local path = folder:gsub("(.)/+$", "%1") .. "/" .. id
  return { path, path .. ".jpg", path .. ".jpeg", path .. ".png" }
end

-- JPEG: the frame header, behind segments of a stated length.
local function jpeg_size(file)
  file:seek("set", 2)
  for _ = 1, 1000 do
    local marker = file:read(2)
    while marker and marker == "\255\255" do marker = "\255" .. (file:read(1) or "") end
    local head = marker and #marker == 2 and marker:byte(1) == 0xff and file:read(2)
    if not head or #head < 2 then return nil end
    local code, length = marker:byte(2), string.unpack(">I2", head)
    if code >= 0xc0 and code <= 0xcf and code ~= 0xc4 and code ~= 0xc8 and code ~= 0xcc then
      local frame = file:read(5)
      if not frame or #frame < 5 then return nil end
      local _, high, wide = string.unpack(">BI2I2", frame)
      return wide, high
    end
    if length < 2 or not file:seek("cur", length - 2) then return nil end
  end
end

-- Whether the mark of the end is there; libgd would fill what is missing with grey and say nothing.
local function jpeg_ends(file)
  local length = file:seek("end")
  file:seek("set", math.max(0, length - 65536))
  return (file:read("a") or ""):find("\255\217", 1, true) ~= nil
end

-- {path =, kind = "jpg" or "png", wide =, high =}, or nil and why there is none.
function M.open(path)
  local file <close> = io.open(path, "rb")
  local start = file and file:read(24) or ""
  local wide, high, kind
  if start:sub(1, 3) == "\255\216\255" then
    kind = "jpg"
    wide, high = jpeg_size(file)
  elseif start:sub(1, 8) == "\137PNG\r\n\26\n" and #start == 24 then
    kind = "png"
    wide, high = string.unpack(">I4I4", start, 17)
  end
  if not kind then return nil, text.plain(path) .. ": expected a JPEG or PNG picture" end
  if not wide or wide < 1 or high < 1 then
    return nil, text.plain(path) .. ": the picture's size cannot be read; it is cut off or broken"
  end
  if kind == "jpg" and not jpeg_ends(file) then
    return nil, text.plain(path) .. ": the picture is cut off"
  end
  if wide * high > MOST_PIXELS then
    return nil, string.format("%s: %d x %d pixels are too many to draw", text.plain(path), wide,
      high)
  end
  return { path = path, kind = kind, wide = wide, high = high }
end

-- The picture of the image `id` in `folder`, or nil and why there is none.
function M.find(folder, id)
  if not id then return nil, "the split has no names of images ({split}_ids.txt)" end
  for _, path in ipairs(candidates(folder, id)) do
    if core.file_kind(path) == "file" then return M.open(path) end
  end
  return nil, string.format("%s: no picture of '%s'", folder, text.plain(id))
end

return M
