-- fonts.lua: characters that no font on this machine has. Pango draws each as a box that covers a
-- whole PNG; an SVG leaves its fonts to the viewer.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

-- Up to here, and among the dashes and dots, DejaVu Sans has all of them.
local LATIN <const>, DASHES <const>, DOTS <const> = 0x24f, 0x2010, 0x2027

-- Whether a font has all of the code points in `codes`; nil where fontconfig's program is missing.
local function has(codes)
  local folder <close> = core.temporary_folder()
  local hex = {}
  for i, code in ipairs(codes) do hex[i] = string.format("%x", code) end
  local path = folder:path() .. "/fonts"
  local process = core.spawn({ "fc-list", ":charset=" .. table.concat(hex, " "), "file" },
    { output = path })
  if not process then return nil end
  local how, status
  repeat how, status = core.wait(process) until how
  if how ~= "exit" or status ~= 0 then return nil end
  return core.read_file(path) ~= ""
end

-- The characters of s that no font has, as {[character] = true}; where that cannot be found out,
-- the wide ones.
function M.lacking(s)
  local seen, codes, lacking = {}, {}, {}
  for _, code in utf8.codes(s) do
    if code > LATIN and (code < DASHES or code > DOTS) and not seen[code] then
      seen[code], codes[#codes + 1] = true, code
    end
  end
  if #codes == 0 or has(codes) then return lacking end
  for _, code in ipairs(codes) do
    local found = has { code }
    if found == nil then found = text.width(utf8.char(code)) < 2 end
    if not found then lacking[utf8.char(code)] = true end
  end
  return lacking
end

return M
