-- import.lua: from others' features and captions to a plan of a data folder: what each of its rows
-- comes from. The first of two passes; writer.lua is the second.
local core = require "stepwise.core"
local captions_of = require "stepwise.import.captions"
local detect = require "stepwise.import.detect"
local names = require "stepwise.import.names"
local text = require "stepwise.util.text"

local M = {}

local USUAL_CAPTIONS <const> = 5 -- per image, in the field's sets
local MOST_REGIONS <const> = 100 -- that are taken without --regions
local COCO_TEST <const> = 1000   -- images of COCO's split test; all 5000 are testall

local function interrupted()
  if core.interrupted() then core.fail(-3, "interrupted") end
end

-- ---- the index ---------------------------------------------------------------------------------

-- Reads through a source: records and dropped of it, and what its records have in common.
function M.index(source, follow)
  source.records, source.dropped = {}, {}
  source:each(function(record)
    interrupted()
    local list = record.fault and source.dropped or source.records
    list[#list + 1] = record
    follow(function()
      return string.format("%s: %s", source.path,
        text.plural(#source.records + #source.dropped, "image"))
    end)
  end)
  return source
end

-- The sources at these paths, each indexed.
function M.sources(paths, follow)
  local sources = {}
  for _, path in ipairs(paths) do
    for _, source in ipairs(detect.open(path)) do
      sources[#sources + 1] = M.index(source, follow)
    end
  end
  return sources
end

local function drop(plan, record, reason)
  plan.dropped[#plan.dropped + 1] = { id = record.id, where = record.where, reason = reason }
end

-- Of records with one id the last one is kept: of the known duplicates the first copy is cut.
local function distinct(plan, source)
  local last, kept = {}, {}
  for _, record in ipairs(source.records) do last[record.id] = record end
  for _, record in ipairs(source.records) do
    if last[record.id] == record then
      kept[#kept + 1] = record
    else
      drop(plan, record, "its id comes again; the last one is kept")
    end
  end
  return kept
end

-- The width of the features that most records have; others are dropped.
local function one_width(plan, sources)
  local counts, width = {}, nil
  for _, source in ipairs(sources) do
    for _, record in ipairs(source.records) do
      if record.features then counts[record.features] = (counts[record.features] or 0) + 1 end
    end
  end
  for features, count in pairs(counts) do
    if not width or count > counts[width] or (count == counts[width] and features > width) then
      width = features
    end
  end
  if not width then
    local first = plan.dropped[1]
    core.fail(1, first and string.format("%s: %s; no image is left", first.where, first.reason)
      or "no image has features")
  end
  for _, source in ipairs(sources) do
    local kept = {}
    for _, record in ipairs(source.records) do
      if source.only_boxes or record.features == width then
        kept[#kept + 1] = record
      else
        drop(plan, record, string.format("expected %d features, found %d", width,
          record.features))
      end
    end
    source.records = kept
  end
  return width
end

-- ---- images and records ------------------------------------------------------------------------

local function read_captions(options, sources)
  if options.captions then return captions_of.read(options.captions) end
  if #sources == 1 and sources[1].captions then return sources[1]:captions() end
  core.fail(1, "data import: expected --captions FILE: " .. sources[1].path .. " (" ..
    sources[1].layout .. ") has no captions")
end

local function join(plan, found, sources)
  if found.in_order then
    for _, record in ipairs(sources[1].records) do
      local image = found.images[record.place]
      image.record, image.source = record, sources[1]
    end
    plan.joined = { { path = sources[1].path, by = "row" } }
    return
  end
  plan.joined = {}
  local without_captions = 0
  for _, source in ipairs(sources) do
    local records = distinct(plan, source)
    local images, method = names.join(found.images, records, source)
    local slot = source.only_boxes and "box_record" or "record"
    for _, record in ipairs(records) do
      local image = images[record]
      if not image then
        without_captions = without_captions + 1
      elseif image[slot] then
        drop(plan, record, "another source has this image")
      else
        image[slot] = record
        image[source.only_boxes and "box_source" or "source"] = source
      end
    end
    plan.joined[#plan.joined + 1] = { path = source.path, by = method }
  end
  plan.without_captions = without_captions
end

local function list_of(images, most)
  local shown = {}
  for i = 1, math.min(#images, most) do shown[i] = "'" .. text.plain(images[i].name) .. "'" end
  return table.concat(shown, ", ") .. (#images > most and ", .." or "")
end

-- Why an image has no features, where something tells it: " (WHERE: REASON)".
local function reason_of(plan, image, chosen)
  local stem, number = names.stem(image.name), image.number
  for _, entry in ipairs(plan.dropped) do
    local found = names.stem(entry.id)
    if found == stem or (number and names.number(found) == number) then
      return string.format(" (%s: %s)", text.plain(entry.where), entry.reason)
    end
  end
  for _, other in ipairs(chosen) do
    if other.name == image.name then
      return string.format(" (%s has the same name as %s)", text.plain(image.where or image.split),
        text.plain(other.where or other.split))
    end
  end
  return ""
end

-- The images that are written: of a split that is asked for, with features.
local function choose(plan, found, options)
  local chosen, missing, splits, only = {}, {}, {}, nil
  for split in (options.only or ""):gmatch("[^,]+") do
    only = only or {}
    only[split] = true
  end
  for _, image in ipairs(found.images) do
    local wanted = image.split and (not only or only[image.split])
    if image.split then splits[image.split] = true end
    if not image.split then
      plan.without_split = plan.without_split + 1
    elseif wanted and image.record then
      chosen[#chosen + 1] = image
    elseif wanted then
      missing[#missing + 1] = image
    end
  end
  if #missing > 0 and not options.allow_missing then
    core.fail(1, string.format("%s of %d %s captions and no features: %s%s; --allow-missing leaves "
      .. "%s out", text.plural(#missing, "image"), #missing + #chosen,
      #missing == 1 and "has" or "have", list_of(missing, 3),
      reason_of(plan, missing[1], chosen), #missing == 1 and "it" or "them"))
  end
  for _, image in ipairs(missing) do
    plan.dropped[#plan.dropped + 1] = { id = image.name, where = image.where,
      reason = "it has captions and no features" }
  end
  if #chosen == 0 then
    core.fail(1, plan.without_split > 0
      and "none of the images is in a split; --splits NAME, or NAME=FILE,.., says which are"
      or only and string.format("--only %s: none of the images is in such a split; there are %s",
        options.only, table.concat(text.sorted_keys(splits), ", "))
      or "no image is left to be written")
  end
  return chosen
end

local function cut_captions(chosen, options)
  local least, few = math.huge, {}
  for _, image in ipairs(chosen) do least = math.min(least, #image.captions) end
  local each = options.captions_per_image or (least >= USUAL_CAPTIONS and USUAL_CAPTIONS)
  if not each then
    each = least
    for _, image in ipairs(chosen) do
      if #image.captions ~= least then each = USUAL_CAPTIONS end
    end
  end
  for _, image in ipairs(chosen) do
    if #image.captions < each or each == 0 then few[#few + 1] = image end
  end
  if #few > 0 then
    core.fail(1, string.format("%s with fewer than %d captions: %s; --captions-per-image takes "
      .. "another number", text.plural(#few, "image"), each, list_of(few, 3)))
  end
  return each
end

-- {split = list of images}, and their names in a fixed order.
local function by_split(chosen, is_coco)
  local splits, order = {}, {}
  local function add(split, image)
    if not splits[split] then
      splits[split] = {}
      order[#order + 1] = split
    end
    table.insert(splits[split], image)
  end
  for _, image in ipairs(chosen) do
    local split = image.split
    if is_coco and split == "test" then
      add("testall", image)
      if not splits.test or #splits.test < COCO_TEST then add("test", image) end
    else
      add(split, image)
    end
  end
  table.sort(order)
  return splits, order
end

-- ---- what is written ---------------------------------------------------------------------------

local function size_of(image)
  local width = image.width or image.record.width or image.box_record and image.box_record.width
  local height = image.height or image.record.height
    or image.box_record and image.box_record.height
  return width, height
end
M.size_of = size_of

-- Whether all have boxes ("pixels", "parts" of the picture), and why not.
local function boxes_of(chosen)
  local parts, without = 0, 0
  for _, image in ipairs(chosen) do
    local record = image.record.boxes and image.record or image.box_record
    if not record or (record == image.box_record and record.regions ~= image.record.regions) then
      without = without + 1
    elseif record.parts and not (size_of(image)) then
      parts = parts + 1
    end
  end
  if without == #chosen then return nil end
  if without > 0 then return nil, string.format("%d of %d images have none", without, #chosen) end
  if parts == 0 then return "pixels" end
  if parts == #chosen then return "parts" end
  return nil, string.format("%d of %d are in parts of pictures of unknown size", parts, #chosen)
end

local dtypes <const> = { f32 = "float32", f16 = "float16", u8 = "uint8" }

local function measure(plan, chosen, options)
  local most, least, same = 0, math.huge, nil
  for _, image in ipairs(chosen) do
    local record = image.record
    most, least = math.max(most, record.regions), math.min(least, record.regions)
    if same == nil then same = record.dtype elseif same ~= record.dtype then same = false end
  end
  plan.regions = options.regions or most
  if not options.regions and most > MOST_REGIONS then
    core.fail(1, string.format("images have up to %d regions; --regions says how many to take",
      most))
  end
  plan.counts = least < plan.regions
  plan.fewest, plan.most = least, most
  plan.dtype = dtypes[options.dtype] or ((same == "float16" or same == "uint8") and same)
    or "float32"
  plan.boxes, plan.no_boxes = boxes_of(chosen)
  plan.sizes = true
  for _, image in ipairs(chosen) do
    local width, height = size_of(image)
    if not width or not height then plan.sizes = false end
  end
end

-- Indexes the paths and joins them with captions. options: captions, splits, only, regions, dtype
-- (f32, f16, u8), captions_per_image, allow_missing. Gives {sources =, captions =, splits =
-- {NAME = list of images, each with record, source and perhaps box_record, box_source}, order =,
-- features =, regions =, counts =, dtype =, boxes =, sizes =, per_image = captions, dropped =}.
function M.plan(paths, options, follow)
  local plan = { dropped = {}, without_split = 0, without_captions = 0 }
  local found = options.captions and captions_of.read(options.captions)
  plan.sources = M.sources(paths, follow)
  for _, source in ipairs(plan.sources) do
    for _, record in ipairs(source.dropped) do drop(plan, record, record.fault) end
  end
  plan.features = one_width(plan, plan.sources)
  found = found or read_captions(options, plan.sources)
  plan.captions = found
  for _, line in ipairs(found.dropped or {}) do plan.dropped[#plan.dropped + 1] = line end
  if options.splits then captions_of.set_splits(found, options.splits, names.stem) end
  join(plan, found, plan.sources)
  local chosen = choose(plan, found, options)
  plan.per_image = cut_captions(chosen, options)
  plan.splits, plan.order = by_split(chosen, found.is_coco)
  measure(plan, chosen, options)
  return plan
end

return M
