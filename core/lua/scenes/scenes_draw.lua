-- scenes_draw.lua: the generated scenes in groups of near twins, and how their regions look.
--
-- A scene is two or three objects with class, colour, size, count and place, and a relation between
-- the first two. Scenes come in groups of eight that share all their objects and differ in whose
-- colour is which, who stands where, and one count, in every combination. Telling these apart takes
-- words matched to regions; a bag of words and the mean of the regions cannot.
--
-- Every number is rounded to float32 as it is made (f): a seed means its bytes.
local core = require "stepwise.core"

local f = core.float32

local M = {}

M.CLASSES = 12
M.COLOURS = 8
M.SIZES = 3 -- small, medium, large
M.COUNTS = 4
M.PLACES = 6
M.OBJECTS = 3
M.GROUP = 8
M.relations = { "left_of", "right_of", "above", "below", "on" }

-- What sets a scene apart from the first of its group, as bits of its place in the group.
M.OTHER_COLOURS, M.OTHER_RELATION, M.OTHER_COUNT = 1, 2, 4

local WIDTH <const>, HEIGHT <const> = 640, 480 -- pixels

-- ---- scenes ------------------------------------------------------------------------------------

local function draw_class(objects, random)
  while true do
    local class, taken = 1 + random:below(M.CLASSES), false
    for _, other in ipairs(objects) do taken = taken or other.class == class end
    if not taken then return class end -- classes differ, so that a class names its object
  end
end

local function draw_objects(random)
  local objects = {}
  for i = 1, 2 + (random:below(5) < 2 and 1 or 0) do
    local object = { class = draw_class(objects, random) }
    repeat -- the first two colours differ, so that exchanging them shows
      object.colour = 1 + random:below(M.COLOURS)
    until i ~= 2 or object.colour ~= objects[1].colour
    object.size = 1 + random:below(M.SIZES)
    local luck = random:below(10) -- one: 5 of 10, two: 3, three and four: 1 each
    object.count = luck < 5 and 1 or luck < 8 and 2 or luck < 9 and 3 or 4
    objects[i] = object
  end
  return objects
end

local function distance(a, b)
  local x, y = f(a.x - b.x), f(a.y - b.y)
  return f(math.sqrt(x * x + y * y))
end

local lengths <const> = { f(.09), f(.15), f(.23) } -- of a size; fractions of the picture

-- Puts the objects where their relation says; a third goes where there is room. y grows downwards.
local function place_objects(scene, random)
  for _, object in ipairs(scene.objects) do
    object.width = f(lengths[object.size] * random:between(.85, 1.15))
    object.height = f(lengths[object.size] * random:between(.85, 1.15))
  end
  local a, b, c = table.unpack(scene.objects)
  local near, far = random:between(.15, .35), random:between(.65, .85)
  local common = random:between(.3, .7)
  a.x, b.x, a.y, b.y = common, common, common, common
  if scene.relation == "left_of" then
    a.x, b.x = near, far
  elseif scene.relation == "right_of" then
    a.x, b.x = far, near
  elseif scene.relation == "above" then
    a.y, b.y = near, far
  elseif scene.relation == "below" then
    a.y, b.y = far, near
  else -- on: the boxes touch
    a.y, b.y = f(far - f(f(a.height + b.height) / 2)), far
  end
  if not c then return end
  local room <const> = f(.3)
  for _ = 1, 50 do
    c.x = random:between(.12, .88)
    c.y = random:between(.12, .88)
    if distance(c, a) >= room and distance(c, b) >= room then break end
  end
end

local function copy(scene)
  local result = { relation = scene.relation, place = scene.place, objects = {} }
  for i, object in ipairs(scene.objects) do
    local other = {}
    for key, value in pairs(object) do other[key] = value end
    result.objects[i] = other
  end
  return result
end

-- The eight scenes of a group; scene i (from 0) differs from the first as the bits of i say.
function M.group(random)
  local first = { objects = draw_objects(random) }
  first.relation = M.relations[1 + random:below(#M.relations)]
  first.place = 1 + random:below(M.PLACES)
  local counted = 1 + random:below(2)
  local count = 1 + (first.objects[counted].count + random:below(M.COUNTS - 1)) % M.COUNTS
  local group = {}
  for i = 0, M.GROUP - 1 do
    local scene = copy(first)
    local objects = scene.objects
    if i & M.OTHER_COUNT ~= 0 then objects[counted].count = count end
    if i & M.OTHER_COLOURS ~= 0 then
      objects[1].colour, objects[2].colour = objects[2].colour, objects[1].colour
    end
    if i & M.OTHER_RELATION ~= 0 then objects[1], objects[2] = objects[2], objects[1] end
    place_objects(scene, random)
    group[i] = scene
  end
  return group
end

-- ---- regions -----------------------------------------------------------------------------------

-- Fixed random directions for all that a region can show, each (F). stream(row): a random stream.
function M.codes(stream, features)
  local row, codes = 0, { features = features }
  local function code()
    local result = core.floats(features)
    result:add_normal(1, features, 1, stream(row))
    row = row + 1
    return result
  end
  for _, kind in ipairs {
    { "class", M.CLASSES }, { "colour", M.COLOURS }, { "size", M.SIZES }, { "count", M.COUNTS },
    { "place", M.PLACES },
  } do
    local rows = {}
    for i = 1, kind[2] do rows[i] = code() end
    codes[kind[1]] = rows
  end
  codes.across, codes.down = code(), code()
  return codes
end

local function inside(at)
  return math.min(math.max(at, f(.03)), f(.97))
end

-- What one region shows, a view: a thing, a part of one, or (object = nil) the background.
-- share: of the thing in the box; the rest is background.
local function view_of(scene, which, instance, random)
  local object = scene.objects[which]
  -- side by side, closer where many would not fit into the picture
  local step = math.min(f(f(.8) * object.width), f(f(.25) / object.count))
  local across = f((instance - (object.count - 1) / 2) * step)
  local view = { object = which, share = 1 }
  view.x = inside(f(f(object.x + across) + random:between(-.02, .02)))
  view.y = inside(f(object.y + random:between(-.02, .02)))
  view.width = f(object.width * random:between(.9, 1.1))
  view.height = f(object.height * random:between(.9, 1.1))
  return view
end

local function part_of(whole, random)
  local side, level = random:between(-.3, .3), random:between(-.3, .3)
  local view = { object = whole.object }
  view.x = inside(f(whole.x + f(side * whole.width)))
  view.y = inside(f(whole.y + f(level * whole.height)))
  view.width = f(whole.width * random:between(.5, .9))
  view.height = f(whole.height * random:between(.5, .9))
  view.share = random:between(.4, .8)
  return view
end

local function background(random)
  local view = { share = 0 }
  view.x = random:between(.1, .9)
  view.y = random:between(.1, .9)
  view.width = random:between(.2, .6)
  view.height = random:between(.2, .6)
  return view
end

-- One region a thing as far as there is room, the objects in turn, then parts and background in
-- equal shares; all of it shuffled. At least one region in four stays for the background.
local function choose_views(regions, scene, random)
  local views, room = {}, regions - regions // 4
  for instance = 0, M.COUNTS - 1 do
    for i, object in ipairs(scene.objects) do
      if #views < room and instance < object.count then
        views[#views + 1] = view_of(scene, i, instance, random)
      end
    end
  end
  local things = #views
  for used = things, regions - 1 do
    views[used + 1] = used < room and used % 2 == 1
      and part_of(views[1 + random:below(things)], random) or background(random)
  end
  for i = regions, 2, -1 do
    local j = 1 + random:below(i)
    views[i], views[j] = views[j], views[i]
  end
  return views
end

-- The features of one view, from the number `first` on.
local function show(features, first, view, scene, codes, noise, random)
  local function add(scale, code) features:add(first, scale, code) end
  local object = scene.objects[view.object]
  if object then
    add(view.share, codes.class[object.class])
    add(f(f(.9) * view.share), codes.colour[object.colour])
    add(f(f(.5) * view.share), codes.size[object.size])
    add(f(f(.3) * view.share), codes.count[object.count])
  end
  if scene.relation == "on" and (view.object == 1 or view.object == 2) then
    add(.3, codes.class[scene.objects[3 - view.object].class]) -- it touches
  end
  add(f(f(.3) + f(f(.3) * f(1 - view.share))), codes.place[scene.place])
  add(f(f(2.2) * f(view.x - .5)), codes.across)
  add(f(f(2.2) * f(view.y - .5)), codes.down)
  features:add_normal(first, codes.features, noise, random)
end

local function pixel(at, length)
  return math.floor(f(math.min(math.max(at, 0), 1) * length) + .5)
end

-- The regions of one picture of `scene`: features (k,F), and boxes (k,4) as x1 y1 x2 y2 in pixels.
-- Returns the things that are whole in one: {{class =, region =}..}.
function M.regions(scene, codes, regions, noise, features, boxes, random)
  local things = {}
  features:clear()
  for r, view in ipairs(choose_views(regions, scene, random)) do
    show(features, (r - 1) * codes.features + 1, view, scene, codes, noise, random)
    local x, y = f(view.width / 2), f(view.height / 2)
    boxes:set(4 * r - 3, pixel(f(view.x - x), WIDTH))
    boxes:set(4 * r - 2, pixel(f(view.y - y), HEIGHT))
    boxes:set(4 * r - 1, pixel(f(view.x + x), WIDTH))
    boxes:set(4 * r, pixel(f(view.y + y), HEIGHT))
    if view.share == 1 then
      things[#things + 1] = { class = scene.objects[view.object].class, region = r }
    end
  end
  return things
end

return M
