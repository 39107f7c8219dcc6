-- box_match.lua: boxes for a data set that has none, from a source of the same features: a region
-- of one and a region of the other are the same where their features are, rounded to float16.
local core = require "stepwise.core"
local check_folder = require "stepwise.import.check_folder"
local import = require "stepwise.import.import"
local text = require "stepwise.util.text"

local M = {}

local LEAST <const> = 95 -- percent of the regions, for boxes to be written

-- Goes through the features of a split: visit(row, {hash of each real region}).
local function each_row(dir, split, follow, visit)
  local rows <close> = core.npy_rows(dir .. "/" .. split .. "_ims.npy")
  local count = rows:shape()[1]
  for i = 1, count do
    if core.interrupted() then core.fail(-3, "interrupted") end
    visit(i, rows:next():hashes())
    follow(function() return string.format("%s: row %d of %d", split, i, count) end)
  end
  return count
end

-- Padding is a row of zeros, which is no region.
local function hash_of_zeros(features)
  local zeros = {}
  for i = 1, features do zeros[i] = 0 end
  return core.numbers({ 1, features }, zeros):hashes()[1]
end

-- {[hash] = {row, region, row, region ..}} of a split.
local function targets_of(dir, split, follow)
  local targets, regions = {}, 0
  local rows = core.npy_rows(dir .. "/" .. split .. "_ims.npy")
  local shape = rows:shape()
  rows:close()
  if #shape ~= 3 then
    core.fail(1, string.format("%s/%s_ims.npy: expected shape (images, regions, features)", dir,
      split))
  end
  local padding = hash_of_zeros(shape[3])
  each_row(dir, split, follow, function(row, hashes)
    for region, hash in ipairs(hashes) do
      if hash ~= padding then
        local code = row * 65536 + region
        local there = targets[hash]
        if not there then
          targets[hash] = code
        elseif type(there) == "table" then
          there[#there + 1] = code
        else
          targets[hash] = { there, code }
        end
        regions = regions + 1
      end
    end
  end)
  return { split = split, targets = targets, regions = regions, shape = shape, found = 0,
    boxes = {} }
end

-- Notes the boxes of one record for all regions of the set that are its.
local function match(set, found)
  local boxes
  for region, hash in ipairs(found.features:hashes()) do
    local there = set.targets[hash]
    if there then
      boxes = boxes or found.boxes
      local box = { boxes:get(4 * region - 3), boxes:get(4 * region - 2),
        boxes:get(4 * region - 1), boxes:get(4 * region) }
      for _, code in ipairs(type(there) == "table" and there or { there }) do
        if not set.boxes[code] then
          set.boxes[code] = string.pack("<ffff", table.unpack(box))
          set.found = set.found + 1
        end
      end
    end
  end
end

local function write(dir, set)
  local path = dir .. "/" .. set.split .. "_ims_bbx.npy"
  local writer <close> = core.npy_writer(path, { set.shape[1], set.shape[2], 4 })
  local floats = core.floats(set.shape[2] * 4)
  for row = 1, set.shape[1] do
    floats:clear()
    for region = 1, set.shape[2] do
      local box = set.boxes[row * 65536 + region]
      if box then
        local values = { string.unpack("<ffff", box) }
        for c = 1, 4 do floats:set(4 * (region - 1) + c, values[c]) end
      end
    end
    writer:append(floats)
  end
  writer:commit()
end

-- Writes {split}_ims_bbx.npy for the splits of `dir` without boxes, where enough of their regions
-- are in the source at `path`. Gives {{split =, regions =, found =, written =}..}.
function M.run(dir, path, follow)
  local sets = {}
  for _, split in ipairs(check_folder.splits_of(dir)) do
    if core.file_kind(dir .. "/" .. split .. "_ims_bbx.npy") then
      core.fail(1, string.format("%s/%s_ims_bbx.npy is there already", dir, split))
    end
    sets[#sets + 1] = targets_of(dir, split, follow)
  end
  if #sets == 0 then core.fail(1, dir .. ": no {split}_ims.npy in it") end
  for _, source in ipairs(import.sources({ path }, follow)) do
    local reader = source:reader()
    for i, record in ipairs(source.records) do
      if core.interrupted() then core.fail(-3, "interrupted") end
      if not record.boxes then
        core.fail(1, record.where .. ": has no boxes")
      elseif record.parts and not record.width then
        core.fail(1, record.where .. ": its boxes are in parts of a picture of unknown size")
      end
      local found, reason = reader:read(record)
      if not found then core.fail(1, record.where .. ": " .. reason) end
      if not found.features then core.fail(1, record.where .. ": has no features") end
      if record.parts then
        local w, h = record.width, record.height
        found.boxes = found.boxes:columns(1, 4, { w, h, w, h })
      end
      for _, set in ipairs(sets) do match(set, found) end
      follow(function()
        return string.format("%s: %d of %s", path, i, text.plural(#source.records, "image"))
      end)
    end
    reader:close()
  end
  for _, set in ipairs(sets) do
    set.share = set.regions > 0 and 100 * set.found / set.regions or 0
    set.written = set.share >= LEAST
    if set.written then write(dir, set) end
  end
  return sets, LEAST
end

return M
