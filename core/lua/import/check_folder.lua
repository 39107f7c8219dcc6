-- check_folder.lua: what is wrong with a data folder: counts, order, duplicates, values that are
-- not finite, images in two splits; and what it holds.
local core = require "stepwise.core"
local captions_of = require "stepwise.import.captions"
local record_of = require "stepwise.import.record"
local text = require "stepwise.util.text"

local M = {}

local function lines_of(path)
  if not core.file_kind(path) then return nil end
  return captions_of.lines(core.read_text(path), path:find("_caps%.txt$") and path)
end

function M.splits_of(dir)
  local kind = core.file_kind(dir)
  if kind ~= "folder" then
    core.fail(1, dir .. ": expected a data folder, found " .. (kind and "a " .. kind or "none"))
  end
  local splits = {}
  for _, name in ipairs(core.list_folder(dir)) do
    local split = name:match("^(.+)_ims%.npy$")
    if split then splits[#splits + 1] = split end
  end
  return splits
end

-- The first value that is not finite, of any row.
local function check_values(path, report, follow)
  local rows <close> = core.npy_rows(path)
  local count = rows:shape()[1]
  for i = 1, count do
    if core.interrupted() then core.fail(-3, "interrupted") end
    local region, feature = rows:next():bad()
    if region then
      report("%s: row %d, region %d, feature %d is not finite", path, i - 1, region - 1,
        feature - 1)
      return
    end
    follow(function() return string.format("%s: row %d of %d", path, i, count) end)
  end
end

local function check_boxes(dir, split, found, report)
  local path = dir .. "/" .. split .. "_ims_bbx.npy"
  if not core.file_kind(path) then return end
  local rows <close> = core.npy_rows(path)
  local shape = rows:shape()
  if #shape ~= 3 or shape[2] ~= found.regions or shape[3] ~= 4 then
    report("%s: expected shape (%d, %d, 4), found (%s)", path, found.images, found.regions,
      table.concat(shape, ", "))
    return
  end
  local turned, first = 0, nil
  for i = 1, shape[1] do
    local row = rows:next()
    if row:bad() then
      report("%s: row %d: a box is not finite", path, i - 1)
      return
    end
    for k = 0, shape[2] - 1 do
      if row:get(4 * k + 3) < row:get(4 * k + 1) or row:get(4 * k + 4) < row:get(4 * k + 2) then
        turned, first = turned + 1, first or i - 1
      end
    end
  end
  if turned > 0 then
    report("%s: %s with x2 < x1 or y2 < y1, the first in row %d", path,
      text.plural(turned, "box"):gsub("boxs$", "boxes"), first)
  end
end

-- Names of the images, once each; nil where there are none.
local function check_names(dir, split, found, report)
  local path = dir .. "/" .. split .. "_ids.txt"
  local lines = lines_of(path)
  if not lines then return nil end
  if #lines ~= found.images and (#lines == 0 or #lines % found.images ~= 0) then
    report("%s: expected a name for each of %d images, rows or captions, found %d", path,
      found.images, #lines)
    return nil
  end
  local each, names, at = #lines // found.images, {}, {}
  for i, line in ipairs(lines) do
    local image = (i - 1) // each + 1
    if not names[image] then
      names[image] = line
      if at[line] then
        report("%s:%d: '%s' is the name of image %d, too", path, i, text.plain(line), at[line] - 1)
        return nil
      end
      at[line] = image
    elseif names[image] ~= line then
      report("%s:%d: expected '%s' again, found '%s': captions and names are not in one order",
        path, i, text.plain(names[image]), text.plain(line))
      return nil
    end
  end
  return names
end

local function check_caption_ids(dir, split, found, report)
  local path = dir .. "/" .. split .. "_cap_ids.txt"
  local lines, at = lines_of(path), {}
  if not lines then return end
  if #lines ~= found.captions then
    report("%s: expected %d ids, found %d", path, found.captions, #lines)
  end
  for i, line in ipairs(lines) do
    if at[line] then
      report("%s:%d: '%s' is the id of line %d, too", path, i, text.plain(line), at[line])
      return
    end
    at[line] = i
  end
end

-- {word = how often} of a split's captions.
local function words_of(dir, split)
  local words = {}
  for _, line in ipairs(lines_of(dir .. "/" .. split .. "_caps.txt") or {}) do
    for _, word in ipairs(core.tokenize(line)) do words[word] = (words[word] or 0) + 1 end
  end
  return words
end

-- All splits are read by one model, so their features have one width: that of train.
local function check_widths(dir, splits, report)
  local train = splits[1]
  for _, split in ipairs(splits) do
    if split.name == "train" then train = split end
  end
  for _, split in ipairs(splits) do
    if split.features ~= train.features then
      report("%s/%s_ims.npy: expected %d features per region, as %s has them, found %d", dir,
        split.name, train.features, train.name, split.features)
    end
  end
end

-- The share of a split's words, counted as often as they are there, that train has too.
local function coverage(known, words)
  local all, found = 0, 0
  for word, count in pairs(words) do
    all = all + count
    if known[word] then found = found + count end
  end
  return all > 0 and 100 * found / all or 100
end

local function check_overlap(names, order, report)
  for i, a in ipairs(order) do
    local in_a = {}
    for _, name in ipairs(names[a] or {}) do in_a[name] = true end
    for j = i + 1, #order do
      local b, shared, first = order[j], 0, nil
      for _, name in ipairs(names[b] or {}) do
        if in_a[name] then shared, first = shared + 1, first or name end
      end
      local nested = (a == "test" and b == "testall") or (a == "testall" and b == "test")
      if shared > 0 and not nested then
        report("%s of %s are in %s, too, as '%s'", text.plural(shared, "image"), b, a,
          text.plain(first))
      end
    end
  end
end

-- {splits = {{name =, images =, captions =, regions =, features =, dtype =, boxes =, fingerprint =,
-- coverage = percent of its words that train has}..}, problems = {text..}}
function M.check(dir, follow)
  local result, names, told = { splits = {}, problems = {} }, {}, {}
  local function report(format, ...)
    local problem = string.format(format, ...)
    if told[problem] then return end
    told[problem] = true
    result.problems[#result.problems + 1] = problem
  end
  local splits = M.splits_of(dir)
  if #splits == 0 then core.fail(1, dir .. ": no {split}_ims.npy in it") end
  local words = {}
  for _, split in ipairs(splits) do
    local found, reason = record_of.try(words_of, dir, split)
    if not found then report("%s", reason) end
    words[split] = found or {}
  end
  local known = words.train or {}
  for _, split in ipairs(splits) do
    local found, reason = record_of.try(core.dataset, dir, split)
    if not found then
      report("%s", reason)
    else
      local rows = core.npy_rows(dir .. "/" .. split .. "_ims.npy")
      found.name, found.dtype = split, rows:dtype()
      rows:close()
      result.splits[#result.splits + 1] = found
      check_values(dir .. "/" .. split .. "_ims.npy", report, follow)
      check_boxes(dir, split, found, report)
      names[split] = check_names(dir, split, found, report)
      check_caption_ids(dir, split, found, report)
      if next(known) then found.coverage = coverage(known, words[split]) end
    end
  end
  check_widths(dir, result.splits, report)
  check_overlap(names, splits, report)
  return result
end

return M
