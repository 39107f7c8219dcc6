-- text.lua: numbers, times and columns for people.
local M = {}

-- The shortest form with at most 15 digits, as the core writes and reads them.
function M.number(x)
  if math.type(x) == "integer" then return tostring(x) end
  if x == math.floor(x) and math.abs(x) < 1e15 then return string.format("%d", x) end
  return string.format("%.15g", x)
end

-- A value as it is typed in key=value. Lists become words with commas between.
function M.value(x)
  if type(x) == "number" then return M.number(x) end
  if type(x) ~= "table" then return tostring(x) end
  local words = {}
  for i, item in ipairs(x) do words[i] = M.value(item) end
  return table.concat(words, ",")
end

-- 1234567 -> "1,234,567"
function M.count(n)
  local digits = string.format("%d", n)
  local head = #digits % 3
  local groups = {}
  if head > 0 then groups[1] = digits:sub(1, head) end
  for i = head + 1, #digits, 3 do groups[#groups + 1] = digits:sub(i, i + 2) end
  return table.concat(groups, ",")
end

-- "1 image", "2 images"
function M.plural(n, noun)
  return string.format("%s %s%s", M.count(n), noun, n == 1 and "" or "s")
end

function M.duration(seconds)
  if seconds ~= seconds or seconds == math.huge then return "?" end
  if seconds < 10 then return string.format("%.1f s", seconds) end
  seconds = math.floor(seconds + 0.5)
  if seconds < 120 then return string.format("%d s", seconds) end
  local minutes = seconds // 60
  if minutes < 120 then return string.format("%d min %02d s", minutes, seconds % 60) end
  return string.format("%d h %02d min", minutes // 60, minutes % 60)
end

-- First and last of the characters that take two columns: East Asian scripts and emoji.
local wide = { 0x1100, 0x115f, 0x2e80, 0xa4cf, 0xac00, 0xd7a3, 0xf900, 0xfaff, 0xfe30, 0xfe6f,
  0xff00, 0xff60, 0xffe0, 0xffe6, 0x1f300, 0x1faff, 0x20000, 0x3fffd }
-- .. and of those that take none: combining marks, joiners and selectors.
local narrow = { 0x300, 0x36f, 0x200b, 0x200f, 0x20d0, 0x20ff, 0xfe00, 0xfe0f }

local function within(ranges, code)
  for i = 1, #ranges, 2 do
    if code >= ranges[i] and code <= ranges[i + 1] then return true end
  end
  return false
end

-- Columns of the character `code`.
local function columns_of(code)
  if code < 0x300 then return 1 end
  return within(wide, code) and 2 or within(narrow, code) and 0 or 1
end

-- Columns that a terminal gives the string; bytes where it is not UTF-8.
function M.width(s)
  if not utf8.len(s) then return #s end
  local width = 0
  for _, code in utf8.codes(s) do width = width + columns_of(code) end
  return width
end

-- The front of s, which is UTF-8, that fits into `most` columns.
function M.cut(s, most)
  local width = 0
  for at, code in utf8.codes(s) do
    width = width + columns_of(code)
    if width > most then return s:sub(1, at - 1) end
  end
  return s
end

function M.pad(s, width, right)
  local blanks = string.rep(" ", width - M.width(s))
  return right and blanks .. s or s .. blanks
end

-- Rows of strings as lines of plain text. right[i]: column i ends at its right edge.
function M.columns(rows, right, gap)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, M.width(M.plain(cell))) end
  end
  local lines = {}
  for r, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = M.pad(M.plain(cell), widths[i], right and right[i]) end
    lines[r] = table.concat(cells, gap or "  "):gsub("%s+$", "")
  end
  return lines
end

-- Words as lines of at most `width` columns; a longer word has a line of its own.
function M.wrap(s, width)
  local lines, line = {}, nil
  for word in s:gmatch("%S+") do
    if line and M.width(line) + 1 + M.width(word) <= width then
      line = line .. " " .. word
    else
      lines[#lines + 1] = line
      line = word
    end
  end
  lines[#lines + 1] = line
  return lines
end

-- Rows of strings as lines of at most `width` columns, in which the last column is wrapped; where
-- the others leave it little, it begins a line below them.
function M.wrapped_columns(rows, width)
  local least, indent, heads, lines = 30, 2, {}, {}
  for i, row in ipairs(rows) do heads[i] = { table.unpack(row, 1, #row - 1) } end
  local padded = M.columns(heads)
  for _, head in ipairs(padded) do indent = math.max(indent, M.width(head) + 2) end
  local below = width - indent < least
  if below then indent = 8 end
  for i, row in ipairs(rows) do
    local cells = M.wrap(row[#row], width - indent)
    if below then
      lines[#lines + 1] = padded[i]
    else
      lines[#lines + 1] = (M.pad(padded[i], indent) .. (cells[1] or "")):gsub("%s+$", "")
    end
    for c = below and 1 or 2, #cells do
      lines[#lines + 1] = (" "):rep(indent) .. cells[c]
    end
  end
  return lines
end

-- s as valid UTF-8: a byte that is none becomes U+FFFD, so that pages and pictures stay readable.
function M.readable(s)
  local parts, from = {}, 1
  while true do
    local _, bad = utf8.len(s, from)
    if not bad then break end
    parts[#parts + 1] = s:sub(from, bad - 1) .. "\u{fffd}"
    from = bad + 1
  end
  return #parts == 0 and s or table.concat(parts) .. s:sub(from)
end

-- What a terminal, a browser or an editor would act on beside the ASCII ones: the controls U+0080
-- to U+009F, separators of lines, and marks that turn the direction of writing.
local acting = { "\xc2[\x80-\x9f]", "\u{61c}", "\xe2\x80[\x8e\x8f\xa8-\xae]",
  "\xe2\x81[\xa6-\xa9]", "\xef\xbf[\xbe\xbf]" }

-- One line of valid UTF-8 without control characters: what comes from a file may hold any.
function M.plain(s)
  s = M.readable(s):gsub("[\0-\31\127]", " ")
  if s:find("[\x80-\xff]") then
    for _, pattern in ipairs(acting) do s = s:gsub(pattern, " ") end
  end
  return s
end

-- Prints a line, by a format: nothing in a name reaches the terminal that it would act on.
function M.say(format, ...)
  print(M.plain(string.format(format, ...)))
end

-- A word as a POSIX shell reads it back.
function M.quote(word)
  if word:find("^[%w%+%-%./=_,:@%%]+$") then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

function M.command(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = M.quote(word) end
  return table.concat(quoted, " ")
end

function M.sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

return M
