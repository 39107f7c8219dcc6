-- box_match.lua: boxes for a data set that has none, from a source of the same features. A region
-- of one and a region of the other are the same where their features are, rounded to float16, or
-- else where they point the same way.
local core = require "stepwise.core"
local check_folder = require "stepwise.import.check_folder"
local import = require "stepwise.import.import"
local text = require "stepwise.util.text"

local M = {}

local LEAST <const> = 95      -- percent of the regions, for boxes to be written
local COSINE <const> = 0.999  -- of two regions that are the same

-- Pictures that may be the same are found by sketches of a few regions of each.
local WIDTH <const>, ANCHORS <const>, SKETCH_COSINE <const> = 128, 4, 0.98

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
        local code = row << 16 | region
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
  return { split = split, path = dir .. "/" .. split .. "_ims.npy", targets = targets,
    regions = regions, shape = shape, boxes = {}, cosines = {} }
end

-- A region's box as a text.
local function box_of(boxes, region)
  return string.pack("<ffff", boxes:get(4 * region - 3), boxes:get(4 * region - 2),
    boxes:get(4 * region - 1), boxes:get(4 * region))
end

local function codes_of(there) return type(there) == "table" and there or { there } end

-- Notes the boxes of one record for all regions of the set that are its. Regions that are equal and
-- have different boxes have none: false.
local function match(set, found)
  for region, hash in ipairs(found.features:hashes()) do
    local there = set.targets[hash]
    if there then
      local box = box_of(found.boxes, region)
      for _, code in ipairs(codes_of(there)) do
        local other = set.boxes[code]
        set.boxes[code] = (other == nil or other == box) and box
      end
    end
  end
end

-- ---- what is not equal -------------------------------------------------------------------------

-- The regions of a set that no record had, {[row] = list of regions}, and what their pictures are
-- found by: sketches of some of them, one above the other, and the row of each.
local function prepare_rest(set)
  local pending, rows = {}, {}
  for _, there in pairs(set.targets) do
    for _, code in ipairs(codes_of(there)) do
      if set.boxes[code] == nil then
        local row = code >> 16
        if not pending[row] then
          pending[row] = {}
          rows[#rows + 1] = row
        end
        table.insert(pending[row], code & 0xffff)
      end
    end
  end
  set.targets = nil
  if #rows == 0 then return false end
  table.sort(rows)
  set.features, set.pending, set.anchor_rows = core.npy(set.path), pending, {}
  local sketches = {}
  for _, row in ipairs(rows) do
    local regions, some = pending[row], {}
    table.sort(regions)
    local step = math.max(#regions // ANCHORS, 1)
    for i = 1, #regions, step do
      if #some == ANCHORS then break end
      some[#some + 1] = regions[i]
      set.anchor_rows[#set.anchor_rows + 1] = row
    end
    sketches[#sketches + 1] = set.features:row(row):unit(some):sketch(WIDTH)
  end
  set.anchors = core.stack(sketches)
  return true
end

-- The region of a record that a row of cosines is largest for, and that cosine; nil where another
-- box is about as near.
local function nearest(cosines, row, count, boxes)
  local first, best = nil, COSINE
  local function at(i) return cosines:get((row - 1) * count + i) end
  for i = 1, count do
    if at(i) > best then first, best = i, at(i) end
  end
  if not first then return nil end
  local box = box_of(boxes, first)
  local near = 1 - 2 * (1 - best) - 4e-6
  for i = 1, count do
    if at(i) >= near and box_of(boxes, i) ~= box then return false end
  end
  return box, best
end

-- Notes the boxes of one record for the regions of the set that point where one of its does.
local function match_near(set, found)
  local regions = found.features:unit()
  local count, seen = regions:shape()[1], {}
  for _, anchor in ipairs(regions:sketch(WIDTH):above(set.anchors, SKETCH_COSINE)) do
    local row = set.anchor_rows[anchor]
    if not seen[row] then
      seen[row] = true
      local pending = set.pending[row]
      local cosines = set.features:row(row):unit(pending):cosines(regions)
      for i, region in ipairs(pending) do
        local code = row << 16 | region
        local box, cosine = nearest(cosines, i, count, found.boxes)
        if box == false then
          if set.boxes[code] == nil then set.boxes[code] = false end
        elseif box and cosine > (set.cosines[code] or 0) then
          set.boxes[code], set.cosines[code] = box, cosine
        end
      end
    end
  end
end

-- ---- both --------------------------------------------------------------------------------------

local function write(dir, set)
  local path = dir .. "/" .. set.split .. "_ims_bbx.npy"
  local writer <close> = core.npy_writer(path, { set.shape[1], set.shape[2], 4 })
  local floats = core.floats(set.shape[2] * 4)
  for row = 1, set.shape[1] do
    floats:clear()
    for region = 1, set.shape[2] do
      local box = set.boxes[row << 16 | region]
      if box then
        local values = { string.unpack("<ffff", box) }
        for c = 1, 4 do floats:set(4 * (region - 1) + c, values[c]) end
      end
    end
    writer:append(floats)
  end
  writer:commit()
end

-- Calls visit(found) for each record of the sources.
local function each_record(sources, path, follow, visit)
  for _, source in ipairs(sources) do
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
      visit(found)
      follow(function()
        return string.format("%s: %d of %s", path, i, text.plural(#source.records, "image"))
      end)
    end
    reader:close()
  end
end

-- How many regions have a box, how many of these by their cosine, and how many have more than one.
local function count(set)
  set.found, set.near, set.ambiguous = 0, 0, 0
  for code, box in pairs(set.boxes) do
    if not box then
      set.ambiguous = set.ambiguous + 1
    else
      set.found = set.found + 1
      if set.cosines[code] then set.near = set.near + 1 end
    end
  end
  set.share = set.regions > 0 and 100 * set.found / set.regions or 0
  set.written = set.share >= LEAST
end

-- Writes {split}_ims_bbx.npy for the splits of `dir` without boxes, where enough of their regions
-- are in the source at `path`. Gives {{split =, regions =, found =, near =, ambiguous =, share =,
-- written =}..}, and the least share in percent.
function M.run(dir, path, follow)
  local sets, rest = {}, {}
  for _, split in ipairs(check_folder.splits_of(dir)) do
    if core.file_kind(dir .. "/" .. split .. "_ims_bbx.npy") then
      core.fail(1, string.format("%s/%s_ims_bbx.npy is there already", dir, split))
    end
    sets[#sets + 1] = targets_of(dir, split, follow)
  end
  if #sets == 0 then core.fail(1, dir .. ": no {split}_ims.npy in it") end
  local sources = import.sources({ path }, follow)
  each_record(sources, path, follow, function(found)
    for _, set in ipairs(sets) do match(set, found) end
  end)
  for _, set in ipairs(sets) do
    if prepare_rest(set) then rest[#rest + 1] = set end
  end
  if #rest > 0 then
    each_record(sources, path, follow, function(found)
      for _, set in ipairs(rest) do
        if found.features:shape()[2] == set.shape[3] then match_near(set, found) end
      end
    end)
  end
  for _, set in ipairs(sets) do
    count(set)
    if set.written then write(dir, set) end
  end
  return sets, LEAST
end

return M
