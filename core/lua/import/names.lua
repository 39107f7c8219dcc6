-- names.lua: the names that an image has in others' files, and which record is which image's.
-- Joined by name, never by position.
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

-- A name without folders and ending: "images/COCO_val2014_000000391895.jpg" and
-- "flickr30k_000001007129816.npz" lose both.
function M.stem(name)
  local base = name:gsub("^.*[/\\]", "")
  return (base:gsub("%.%a%w?%w?%w?$", ""))
end

-- The digits that a stem ends in, without zeros in front: "391895"; nil where there are none.
function M.number(stem)
  local digits = stem:match("(%d+)$")
  return digits and (digits:match("^0*(%d+)$"))
end

local methods <const> = {
  { name = "name", record = M.stem, image = function(image) return M.stem(image.name) end },
  { name = "number at the end of the name",
    record = function(id) return M.number(M.stem(id)) end,
    image = function(image) return image.number or M.number(M.stem(image.name)) end },
  -- SCAN's ids are Karpathy's numbers of the images; elsewhere a number is COCO's or Flickr's
  { name = "imgid", precomputed = true, record = function(id) return id:match("^%d+$") end,
    image = function(image) return image.imgid end },
}

local function examples(a, b)
  return string.format("'%s' and '%s'", text.plain(a), text.plain(b))
end

-- What a method finds: {[record] = image}, how many, and where it cannot tell two names apart.
local function try(method, images, records)
  local by_key, found, count, ambiguous = {}, {}, 0, nil
  for _, image in ipairs(images) do
    local key = method.image(image)
    local other = key and by_key[key]
    if other and other.name ~= image.name then
      ambiguous = ambiguous or examples(other.name, image.name)
    elseif key then
      by_key[key] = image
    end
  end
  local taken = {}
  for _, record in ipairs(records) do
    local key = method.record(record.id)
    local image = key and by_key[key]
    if image then
      local other = taken[image]
      if other and other.id ~= record.id then
        ambiguous = ambiguous or examples(other.id, record.id)
      end
      taken[image] = record
      found[record] = image
      count = count + 1
    end
  end
  return found, count, ambiguous
end

-- {[record] = image} for the records of a source, and the name of the method: the one that finds
-- the most, the stricter of equal ones. No image found is an error with a name of each side; names
-- that cannot be told apart are one with both.
function M.join(images, records, source)
  local path = source.path
  local best, best_count, best_method, best_ambiguous = nil, 0, nil, nil
  for _, method in ipairs(methods) do
    if not method.precomputed or source.captions then
      local found, count, ambiguous = try(method, images, records)
      if count > best_count then
        best, best_count, best_method, best_ambiguous = found, count, method.name, ambiguous
      end
    end
  end
  if not best then
    core.fail(1, string.format("%s: none of its images has captions: expected names as '%s', "
      .. "found '%s'", path, images[1] and text.plain(images[1].name) or "none",
      records[1] and text.plain(records[1].id) or "none"))
  end
  if best_ambiguous then
    core.fail(1, string.format("%s: names cannot be told apart by the %s: %s", path, best_method,
      best_ambiguous))
  end
  return best, best_method
end

return M
