-- stream.lua: a source that is gone through once for its index, and read again record by record.
local record_of = require "stepwise.import.record"

local M = {}

local Source = {}
Source.__index = Source

-- visit(record): of each record, in their order.
function Source:each(visit)
  local handle <close> = self:open()
  while true do
    local id, at, where = self:next(handle)
    if not id then return end
    local record = record_of.describe(id, where, record_of.try(self.read, self, handle, at))
    record.at = at
    visit(record)
  end
end

local Reader = {}
Reader.__index = Reader

function Source:reader() return setmetatable({ source = self, handle = self:open() }, Reader) end

function Reader:read(record)
  local source = self.source
  if source.seek then source:seek(self.handle, record.at) end
  return record_of.try(source.read, source, self.handle, record.at)
end

function Reader:close() self.handle:close() end

-- source: path, layout and files, and four functions: open(source) gives a handle with close;
-- next(source, handle) the next record's id, where it is for the machine and for messages, or nil;
-- seek(source, handle, at), where needed, goes to one; read(source, handle, at) gives the record
-- there, as record.lua does, or nil and why it is none.
function M.source(source) return setmetatable(source, Source) end

return M
