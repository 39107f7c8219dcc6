-- regions.lua: where the regions of an image lie, and weights over them as a raster.
local M = {}

local CELLS <const> = 64 -- along the longer side

-- {wide =, high =, cells = {columns, rows}, boxes = {{x1, y1, x2, y2} or false ..}, grid = whether
-- the places are only assumed}. y grows downwards. With boxes: in the pixels of the picture, or
-- without one (wide, high nil) as far as they reach. Without boxes: a square when there are n * n
-- regions, else one row.
function M.places(count, boxes, wide, high)
  local any, reach_x, reach_y = false, 0, 0
  local found = {}
  for i = 1, count do
    local box = boxes and boxes[i] or false
    found[i] = box and { table.unpack(box, 1, 4) } or false
    if box and box[3] > 0 and box[4] > 0 then
      any = true
      reach_x, reach_y = math.max(reach_x, box[3]), math.max(reach_y, box[4])
    end
  end
  if not any then
    local side = math.floor(math.sqrt(count) + 0.5)
    local columns = side * side == count and side or count
    for i = 1, count do
      local x, y = (i - 1) % columns, (i - 1) // columns
      found[i] = { x, y, x + 1, y + 1 }
    end
    local rows = count // columns
    local fine = math.max(1, CELLS // math.max(columns, rows)) -- so that no viewer blurs the edges
    return { wide = columns, high = rows, cells = { columns * fine, rows * fine }, boxes = found,
      grid = true }
  end
  wide, high = wide or reach_x, high or reach_y
  local cell = math.max(wide, high) / CELLS
  for i, box in ipairs(found) do
    if box then
      box[1], box[2] = math.max(box[1], 0), math.max(box[2], 0)
      box[3], box[4] = math.min(box[3], wide), math.min(box[4], high)
      if box[1] >= box[3] or box[2] >= box[4] then found[i] = false end
    end
  end
  local columns = math.max(1, math.floor(wide / cell + 0.5))
  local rows = math.max(1, math.floor(high / cell + 0.5))
  return { wide = wide, high = high, boxes = found, grid = false, cells = { columns, rows } }
end

-- First and last cell, from 1, whose middle a stretch covers; at least the one of its own middle.
local function span(from, to, length, cells)
  local first = math.floor(from / length * cells + 0.5) + 1
  local last = math.ceil(to / length * cells - 0.5)
  if last < first then
    first = math.min(cells, math.floor((from + to) / 2 / length * cells) + 1)
    last = first
  end
  return math.max(1, first), math.min(cells, last)
end

-- rows of columns: the largest weight of the regions that cover a cell; nil where none does.
function M.raster(places, weights)
  local columns, rows = places.cells[1], places.cells[2]
  local cells = {}
  for y = 1, rows do cells[y] = {} end
  for i, box in ipairs(places.boxes) do
    if box then
      local x1, x2 = span(box[1], box[3], places.wide, columns)
      local y1, y2 = span(box[2], box[4], places.high, rows)
      for y = y1, y2 do
        for x = x1, x2 do
          local there = cells[y][x]
          if not there or weights[i] > there then cells[y][x] = weights[i] end
        end
      end
    end
  end
  return cells
end

-- One pass of a mean over 2 * RADIUS + 1 cells along `count` lines of `length` cells.
local RADIUS <const> = 1
local function blur(get, set, count, length)
  for line = 1, count do
    local row = {}
    for i = 1, length do row[i] = get(line, i) end
    for i = 1, length do
      local sum, cells = 0, 0
      for j = math.max(1, i - RADIUS), math.min(length, i + RADIUS) do
        sum, cells = sum + row[j], cells + 1
      end
      set(line, i, sum / cells)
    end
  end
end

-- The raster with soft edges, for the eye: cells that no region covers count as `least`.
function M.soften(cells, places, least)
  local columns, rows = places.cells[1], places.cells[2]
  local soft = {}
  for y = 1, rows do
    soft[y] = {}
    for x = 1, columns do soft[y][x] = cells[y][x] or least end
  end
  for _ = 1, 2 do
    blur(function(y, x) return soft[y][x] end, function(y, x, w) soft[y][x] = w end, rows, columns)
    blur(function(x, y) return soft[y][x] end, function(x, y, w) soft[y][x] = w end, columns, rows)
  end
  return soft
end

-- Least and largest weight, and the region that has it (the first of equal ones).
function M.range(weights)
  local least, largest, strongest = weights[1], weights[1], 1
  for i, w in ipairs(weights) do
    least = math.min(least, w)
    if w > largest then largest, strongest = w, i end
  end
  return least, largest, strongest
end

return M
