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

-- A tally: maps by name, each with {mentions, hits, chance, ceiling} of every image.
function M.tally()
  return { order = {}, maps = {}, captions = 0 }
end

local function add(tally, map, image, hit, share)
  local one = tally.maps[map.name]
  if not one then
    one = { name = map.name, kind = map.kind, images = {}, order = {} }
    tally.maps[map.name] = one
    tally.order[#tally.order + 1] = one
  end
  local sums = one.images[image]
  if not sums then
    sums = { mentions = 0, hits = 0, chance = 0.0, ceiling = 0 }
    one.images[image] = sums
    one.order[#one.order + 1] = sums
  end
  sums.mentions, sums.hits = sums.mentions + 1, sums.hits + (hit and 1 or 0)
  sums.chance, sums.ceiling = sums.chance + share, sums.ceiling + (share > 0 and 1 or 0)
end

-- Adds one explanation. mentions: {{word = its number, boxes = {..}}..}.
function M.add(tally, found, mentions)
  if #mentions == 0 then return end
  tally.captions = tally.captions + 1
  local all = {}
  for _, mention in ipairs(mentions) do
    local hits, share = pointers(found, mention.boxes)
    table.move(mention.boxes, 1, #mention.boxes, #all + 1, all)
    for _, map in ipairs(found.maps) do
      local region = region_of(map, mention.word)
      if region then add(tally, map, found.image, hits[region], share) end
    end
  end
  local hits, share = pointers(found, all)
  for _, map in ipairs(found.maps) do
    if map.kind == "context" then
      local region = largest(map.columns, function(i) return map.weights[1][i] end)
      add(tally, map, found.image, hits[region], share)
    end
  end
end

-- {{name =, kind =, mentions =, images =, accuracy =, low =, high =, chance =, ceiling =}..}, in
-- percent. The interval is of images, whose mentions depend on each other: the linearised
-- variance of
-- a ratio; low and high are nil for one image.
function M.results(tally)
  local list = {}
  for i, map in ipairs(tally.order) do
    local sums = { mentions = 0, hits = 0, chance = 0.0, ceiling = 0 }
    for _, image in ipairs(map.order) do
      for name, value in pairs(sums) do sums[name] = value + image[name] end
    end
    local n, share = #map.order, sums.hits / sums.mentions
    local squares = 0.0
    for _, image in ipairs(map.order) do
      local rest = image.hits - share * image.mentions
      squares = squares + rest * rest
    end
    local half = n > 1 and 1.96 * math.sqrt(squares * n / (n - 1)) / sums.mentions or nil
    list[i] = {
      name = map.name, kind = map.kind, mentions = sums.mentions, images = n,
      accuracy = 100 * share, low = half and math.max(0, 100 * (share - half)),
      high = half and math.min(100, 100 * (share + half)),
      chance = 100 * sums.chance / sums.mentions, ceiling = 100 * sums.ceiling / sums.mentions,
    }
  end
  return list
end

return M
