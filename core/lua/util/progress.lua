-- progress.lua: a line that follows the work on a terminal, and plain lines in a log.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}
local Progress = {}
Progress.__index = Progress

-- How often a line is shown, in seconds: on a terminal it is drawn over, in a log it stays.
local EVERY_LIVE <const> = 0.1
local EVERY_PLAIN <const> = 10

function M.new(stream)
  local live = core.is_terminal(stream == io.stderr and 2 or 1) and os.getenv("TERM") ~= "dumb"
  return setmetatable({
    stream = stream,
    live = live,
    colours = live and (os.getenv("NO_COLOR") or "") == "",
    shown_at = -math.huge,
    drawn = false,
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
  if self.drawn then self.stream:write("\r\27[K") end
  self.drawn = false
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

-- A line of the moment; `make` is called when one is due, and gives nil when it has none.
function Progress:follow(make)
  local now = core.seconds()
  if now - self.shown_at < (self.live and EVERY_LIVE or EVERY_PLAIN) then return end
  local line = make()
  if not line then return end
  self.shown_at, line = now, text.plain(line)
  if not self.live then
    put(self, line, "\n")
  else
    local width = (core.terminal_width(self.stream == io.stderr and 2 or 1) or 80) - 1
    clear(self)
    put(self, text.cut(line, width))
    self.drawn = true
  end
end

function Progress:finish()
  clear(self)
  self.stream:flush()
end

-- A line of the moment does not stay in front of an error's.
Progress.__close = Progress.finish

return M
