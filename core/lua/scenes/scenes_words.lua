-- scenes_words.lua: the grammar of the generated captions, and vectors for its words.
local core = require "stepwise.core"

local f = core.float32

local M = {}

local LONGEST <const>, LONGEST_OBJECT <const> = 18, 6 -- words

local nouns <const> = { -- of each class: one, many
  { { "dog", "puppy", "hound" }, { "dogs", "puppies", "hounds" } },
  { { "cat", "kitten", "kitty" }, { "cats", "kittens", "kitties" } },
  { { "horse", "pony" }, { "horses", "ponies" } },
  { { "bird" }, { "birds" } },
  { { "ball", "sphere" }, { "balls", "spheres" } },
  { { "cube", "block" }, { "cubes", "blocks" } },
  { { "box", "crate" }, { "boxes", "crates" } },
  { { "cup", "mug" }, { "cups", "mugs" } },
  { { "car", "automobile" }, { "cars", "automobiles" } },
  { { "boat", "ship", "vessel" }, { "boats", "ships", "vessels" } },
  { { "hat", "cap" }, { "hats", "caps" } },
  { { "flower", "blossom" }, { "flowers", "blossoms" } },
}
local colours <const> = {
  { "red", "crimson" }, { "blue", "azure" }, { "green", "emerald" }, { "yellow", "golden" },
  { "white", "pale" }, { "black", "dark" }, { "orange" }, { "purple", "violet" },
}
local sizes <const> = { { "small", "little", "tiny" }, {}, { "large", "big", "huge" } }
local numbers <const> = { "one", "two", "three", "four" }
local relations <const> = {
  left_of = { "left of", "to the left of", "on the left of" },
  right_of = { "right of", "to the right of", "on the right of" },
  above = { "above", "over" },
  below = { "below", "under", "beneath" },
  on = { "on", "on top of" },
}
-- B, seen from A, when A stands in this relation to B.
local inverse <const> = {
  left_of = "right_of", right_of = "left_of", above = "below", below = "above", on = "below",
}
local vague <const> = { "and", "with", "beside", "next to" }
local places <const> = {
  { "on the grass", "on the lawn" }, { "in the snow", "on the ice" },
  { "on the beach", "on the sand" }, { "in the street", "on the road" },
  { "in the kitchen", "on a table" }, { "in the forest", "in the woods" },
}
local openings <const> = { "a picture of", "a photo of", "we see", "look at" }

-- ---- captions ----------------------------------------------------------------------------------

local function words_in(phrase)
  return select(2, phrase:gsub(" ", " ")) + 1
end

local function any(phrases, random)
  return phrases[1 + random:below(#phrases)]
end

local function chance(random, percent)
  return random:below(100) < percent
end

-- "three tiny red cubes", "an orange dog"
local function object_words(object, random)
  local size = #sizes[object.size] > 0 and chance(random, 50) and any(sizes[object.size], random)
  local colour = chance(random, 85) and any(colours[object.colour], random)
  local noun = any(nouns[object.class][object.count > 1 and 2 or 1], random)
  local number = numbers[object.count]
  if object.count == 1 then
    number = chance(random, 15) and "one"
      or (size or colour or noun):find("^[aeiou]") and "an" or "a"
  elseif chance(random, 15) then
    number = object.count == 2 and "a pair of" or "several"
  end
  local words = { number }
  for _, word in ipairs { size or "", colour or "", noun } do
    if word ~= "" then words[#words + 1] = word end
  end
  return table.concat(words, " ")
end

-- The objects that a caption is about, and how the first two are joined.
local function choose_objects(scene, random)
  local other = #scene.objects -- the third object, or the second
  local luck = random:below(100)
  if luck < 10 then return { 1 + random:below(other) } end
  if luck < 25 then -- two objects, and not how they stand
    local one = 1 + random:below(other - 1)
    return { one, other }, any(vague, random)
  end
  -- the relation, from either side; sometimes with the third object
  local turned = chance(random, 50)
  local objects = turned and { 2, 1 } or { 1, 2 }
  local join = any(relations[turned and inverse[scene.relation] or scene.relation], random)
  if other == 3 and chance(random, 35) then objects[3] = 3 end
  return objects, join
end

-- One caption of 5 to 18 lower-case words.
function M.caption(scene, random)
  local objects, join = choose_objects(scene, random)
  local middle = ""
  for i, which in ipairs(objects) do
    if i == 3 and words_in(middle) + 1 + LONGEST_OBJECT > LONGEST then break end
    if i > 1 then middle = middle .. " " .. (i == 2 and join or "and") .. " " end
    middle = middle .. object_words(scene.objects[which], random)
  end
  local opening = any(openings, random)
  if chance(random, 40) then
    opening = scene.objects[objects[1]].count > 1 and "there are" or "there is"
  end
  local place = any(places[scene.place], random)
  local with_opening, with_place = chance(random, 30), chance(random, 45)
  local place_first = chance(random, 25)
  local room = LONGEST - words_in(middle)

  -- A single object is told with its place: "a dog" alone would say too little.
  with_place = (with_place or #objects == 1) and words_in(place) <= room
  if with_place then room = room - words_in(place) end
  with_opening = with_opening and words_in(opening) <= room

  local line = with_opening and opening .. " " .. middle or middle
  if not with_place then return line end
  return place_first and place .. " " .. line or line .. " " .. place
end

-- ---- word vectors ------------------------------------------------------------------------------

-- Words that the vectors do not know, as real ones lack some.
local unknown <const> = { automobile = true, automobiles = true, crimson = true }

local kinds <const> = { -- rows of synonyms, a kind each
  colours, sizes,
  { { "one" }, { "two", "pair" }, { "three" }, { "four" }, { "several" } },
  { { "left" }, { "right" }, { "above", "over" }, { "below", "under", "beneath" }, { "top" },
    { "beside", "next" } },
  { { "grass", "lawn" }, { "snow", "ice" }, { "beach", "sand" }, { "street", "road" },
    { "kitchen", "table" }, { "forest", "woods" } },
  { { "a", "an" }, { "the" }, { "of" }, { "on" }, { "in" }, { "to" }, { "at" }, { "and", "with" },
    { "is", "are" }, { "there" }, { "we" }, { "see", "look" }, { "picture", "photo" } },
}

-- Words of one kind share a part of their vectors, words of one sense a larger part.
local shares <const> = { f(.25), f(.35), f(.12) }

local DIGITS <const> = 100000

local function decimal(value)
  local size = math.floor(f(math.abs(value) * DIGITS) + .5)
  return string.format("%s%d.%05d", value < 0 and size > 0 and "-" or "", size // DIGITS,
    size % DIGITS)
end

-- Vectors of `dim` numbers for each word of the captions but a few, as GloVe text. Synonyms and
-- plurals lie near each other, words of a kind (colours, sizes) less near. stream(i): a random
-- stream.
function M.vectors(stream, dim)
  local lines, kind, sense, count = {}, 0, 0, 0
  local function put(word)
    if unknown[word] then return end
    local random = {}
    for level, name in ipairs { kind, sense, count } do
      random[level] = stream(name * 3 + level - 1)
    end
    count = count + 1
    local line = { word }
    for d = 1, dim do
      local sum = 0
      for level = 1, 3 do sum = f(sum + f(shares[level] * random[level]:normal())) end
      line[d + 1] = decimal(sum)
    end
    lines[#lines + 1] = table.concat(line, " ")
  end
  for _, forms in ipairs(nouns) do
    for i, one in ipairs(forms[1]) do
      put(one)
      put(forms[2][i])
    end
    sense = sense + 1
  end
  kind = 1
  for _, rows in ipairs(kinds) do
    for _, synonyms in ipairs(rows) do
      for _, word in ipairs(synonyms) do put(word) end
      sense = sense + 1
    end
    kind = kind + 1
  end
  return table.concat(lines, "\n") .. "\n"
end

-- The name of a class.
function M.class_name(class)
  return nouns[class][1][1]
end

-- A line per class: its name, a tab, all words for one and for many of it.
function M.object_words()
  local lines = {}
  for i, forms in ipairs(nouns) do
    lines[i] = M.class_name(i) .. "\t" .. table.concat(forms[1], " ") .. " "
      .. table.concat(forms[2], " ") .. "\n"
  end
  return table.concat(lines)
end

return M
