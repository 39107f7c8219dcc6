-- grounding.lua: how often a model looks at what a word names: pointing accuracy, from the weights
-- that its stages show (attention.lua) and boxes of objects.
--
-- A mention is a word of a caption that names a class of which its image has boxes. The region that
-- a map gives the largest weight points at it where its middle lies in one of those boxes.
local M = {}

local function inside(x, y, boxes)
  for _, box in ipairs(boxes) do
    if x >= box[1] and x <= box[3] and y >= box[2] and y <= box[4] then return true end
  end
  return false
end

-- For each region whether it points at one of `boxes`, and the share that do.
local function pointers(found, boxes)
  local hits, count = {}, 0
  for i = 1, found.regions do
    local box = found.boxes[i]
    hits[i] = box and inside((box[1] + box[3]) / 2, (box[2] + box[4]) / 2, boxes) or false
    count = count + (hits[i] and 1 or 0)
  end
  return hits, count / found.regions
end

local function largest(count, weight)
  local best = 1
  for i = 2, count do
    if weight(i) > weight(best) then best = i end
  end
  return best
end

-- What a map says of a mention: the region with the largest weight; nil of other kinds.
local function region_of(map, word)
  if map.kind == "word" then
    return largest(map.columns, function(i) return map.weights[word][i] end)
  elseif map.kind == "region" then
    return largest(map.rows, function(i) return map.weights[i][word] end)
  end
end

-- A tally: groups of mentions, one for each map, and in it one for each type.
function M.tally()
  return { groups = {}, order = {}, captions = 0 }
end

-- The group of that name in a list of groups, made where it is not there.
local function group_of(list, name, kind)
  local group = list.groups[name]
  if not group then
    group = { name = name, kind = kind, images = {}, order = {},
      types = { groups = {}, order = {} } }
    list.groups[name] = group
    list.order[#list.order + 1] = group
  end
  return group
end

local function add(group, image, hit, share)
  local sums = group.images[image]
  if not sums then
    sums = { mentions = 0, hits = 0, chance = 0.0, ceiling = 0 }
    group.images[image] = sums
    group.order[#group.order + 1] = sums
  end
  sums.mentions, sums.hits = sums.mentions + 1, sums.hits + (hit and 1 or 0)
  sums.chance, sums.ceiling = sums.chance + share, sums.ceiling + (share > 0 and 1 or 0)
end

-- All boxes of some mentions, and those of each type.
local function all_boxes(mentions)
  local all, by_type = {}, {}
  for _, mention in ipairs(mentions) do
    table.move(mention.boxes, 1, #mention.boxes, #all + 1, all)
    for _, name in ipairs(mention.types or {}) do
      local own = by_type[name] or {}
      by_type[name] = own
      table.move(mention.boxes, 1, #mention.boxes, #own + 1, own)
    end
  end
  return all, by_type
end

-- Adds one explanation. mentions: {{word = its number, boxes = {..}, types = names or nil}..}.
function M.add(tally, found, mentions)
  if #mentions == 0 then return end
  tally.captions = tally.captions + 1
  for _, mention in ipairs(mentions) do
    local hits, share = pointers(found, mention.boxes)
    for _, map in ipairs(found.maps) do
      local region = region_of(map, mention.word)
      if region then
        local group = group_of(tally, map.name, map.kind)
        add(group, found.image, hits[region], share)
        for _, name in ipairs(mention.types or {}) do
          add(group_of(group.types, name), found.image, hits[region], share)
        end
      end
    end
  end
  local all, by_type = all_boxes(mentions)
  for _, map in ipairs(found.maps) do
    if map.kind == "context" then
      local region = largest(map.columns, function(i) return map.weights[1][i] end)
      local group = group_of(tally, map.name, map.kind)
      local hits, share = pointers(found, all)
      add(group, found.image, hits[region], share)
      for name, boxes in pairs(by_type) do
        hits, share = pointers(found, boxes)
        add(group_of(group.types, name), found.image, hits[region], share)
      end
    end
  end
end

-- The interval is of images, whose mentions depend on each other: the linearised variance of a
-- ratio; low and high are nil for one image.
local function measured(group)
  local sums = { mentions = 0, hits = 0, chance = 0.0, ceiling = 0 }
  for _, image in ipairs(group.order) do
    for name, value in pairs(sums) do sums[name] = value + image[name] end
  end
  local n, share = #group.order, sums.hits / sums.mentions
  local squares = 0.0
  for _, image in ipairs(group.order) do
    local rest = image.hits - share * image.mentions
    squares = squares + rest * rest
  end
  local half = n > 1 and 1.96 * math.sqrt(squares * n / (n - 1)) / sums.mentions or nil
  return {
    name = group.name, kind = group.kind, mentions = sums.mentions, images = n,
    accuracy = 100 * share, low = half and math.max(0, 100 * (share - half)),
    high = half and math.min(100, 100 * (share + half)),
    chance = 100 * sums.chance / sums.mentions, ceiling = 100 * sums.ceiling / sums.mentions,
  }
end

-- {{name =, kind =, mentions =, images =, accuracy =, low =, high =, chance =, ceiling =, types =
-- nil, or a list of the same per type of what is named, most mentions first}..}, in percent.
function M.results(tally)
  local list = {}
  for i, group in ipairs(tally.order) do
    list[i] = measured(group)
    local types = {}
    for k, one in ipairs(group.types.order) do types[k] = measured(one) end
    table.sort(types, function(a, b)
      if a.mentions ~= b.mentions then return a.mentions > b.mentions end
      return a.name < b.name
    end)
    if #types > 0 then list[i].types = types end
  end
  return list
end

return M
