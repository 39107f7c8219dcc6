-- progress.lua: a line that follows the work on a terminal, and plain lines in a log.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}
local Progress = {}
Progress.__index = Progress

-- How often a line is shown, in seconds: on a terminal it is drawn over, in a log it stays.
local EVERY_LIVE <const> = 0.1
local EVERY_PLAIN <const> = 10

local function descriptor(stream) return stream == io.stderr and 2 or 1 end

-- plain: never lines that are drawn over.
function M.new(stream, plain)
  local live = not plain and core.is_terminal(descriptor(stream)) and os.getenv("TERM") ~= "dumb"
  return setmetatable({
    stream = stream,
    live = live,
    colours = live and (os.getenv("NO_COLOR") or "") == "",
    shown_at = -math.huge,
    drawn = 0, -- lines of the moment
  }, Progress)
end

-- Why something could not be written, as a full disk; the work goes on, and cli.lua says so.
M.problem = nil

local function put(self, ...)
  local fine, why = self.stream:write(...)
  if fine then fine, why = self.stream:flush() end
  if not fine then M.problem = M.problem or why end
end

local function clear(self)
  if self.drawn > 0 then
    self.stream:write("\r\27[K", ("\27[A\27[K"):rep(self.drawn - 1))
  end
  self.drawn = 0
end

-- A line that stays.
function Progress:say(line)
  clear(self)
  put(self, text.plain(line), "\n")
end

-- A line that stays, in bold where that is possible.
function Progress:stress(line)
  if self.colours then self.stream:write("\27[1m") end
  self:say(line)
  if self.colours then self.stream:write("\27[0m") end
end

-- A line of the moment, or several; `make` is called when one is due, and gives it, a list of
-- lines, or nil when it has none.
function Progress:follow(make)
  local now = core.seconds()
  if now - self.shown_at < (self.live and EVERY_LIVE or EVERY_PLAIN) then return end
  local lines = make()
  if type(lines) == "string" then lines = { lines } end
  if not lines or #lines == 0 then return end
  self.shown_at = now
  for i, line in ipairs(lines) do lines[i] = text.plain(line) end
  if not self.live then
    put(self, table.concat(lines, "\n"), "\n")
  else
    local width = (core.terminal_size(descriptor(self.stream)) or 80) - 1
    for i, line in ipairs(lines) do lines[i] = text.cut(line, width) end
    clear(self)
    put(self, table.concat(lines, "\n"))
    self.drawn = #lines
  end
end

-- Lines of the terminal; nil where it is none.
function Progress:height()
  local _, height = core.terminal_size(descriptor(self.stream))
  return height
end

function Progress:finish()
  clear(self)
  self.stream:flush()
end

-- A line of the moment does not stay in front of an error's.
Progress.__close = Progress.finish

return M
