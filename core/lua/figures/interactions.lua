-- interactions.lua: the figure of a design's parts: what pairs of them bring beyond their sum.
local gnuplot = require "stepwise.figures.gnuplot"
local sizes = require "stepwise.figures.sizes"

local M = {}

local MOST_PARTS <const> = 16
local CELL_WIDE <const>, CELL_HIGH <const> = 92, 52
local BAR <const> = 84 -- units for the scale of colours
-- Cells at least this wide have their value and their seeds in them, the value alone, the value in
-- small; the others are colours.
local NOTE_WIDE <const>, VALUE_WIDE <const>, SMALL_WIDE <const> = 46, 42, 30

-- On the diagonal stands the effect of the part that says most.
local first_of <const> = { main = 1, ["leave-one-out"] = 2, step = 3, ["add-one"] = 4 }

-- The parts in order, and effects by place: {x, y, effect}.
local function cells_of(effects)
  local names, at, own, cells, pairs_seen = {}, {}, {}, {}, false
  local function place(name)
    if not at[name] then
      names[#names + 1] = name
      at[name] = #names
    end
    return at[name]
  end
  for _, effect in ipairs(effects) do
    local rank, x = first_of[effect.kind], place(effect.parts[1])
    if rank and (not own[x] or rank < first_of[own[x].kind]) then own[x] = effect end
  end
  for _, effect in ipairs(effects) do
    if effect.kind == "interaction" then
      local a, b = place(effect.parts[1]), place(effect.parts[2])
      cells[#cells + 1] = { math.min(a, b), math.max(a, b), effect }
      pairs_seen = true
    end
  end
  for x in ipairs(names) do
    if own[x] then cells[#cells + 1] = { x, x, own[x] } end
  end
  return names, pairs_seen and cells or nil
end

-- Sets the names of the parts and the room for them. given: the figure's width, or nil for one that
-- fits the parts. Names that would lie on each other below have numbers there.
local function place_names(set, names, given)
  local longest = 1
  for i, name in ipairs(names) do
    set.names[i] = gnuplot.shorten(name, 24)
    if given then set.names[i] = sizes.fit(set.names[i], 0.34 * given, true) end
    set.across[i] = set.names[i]
    longest = math.max(longest, sizes.text_wide(set.names[i], given))
  end
  local function left() return math.ceil(longest) + 24 end
  set.numbered = given and longest > (given - left() - BAR) / #names and 1 or 0
  if set.numbered == 1 then
    longest = 1
    for i, name in ipairs(names) do
      set.names[i] = sizes.fit(i .. "  " .. gnuplot.shorten(name, 24), 0.34 * given, true)
      set.across[i] = tostring(i)
      longest = math.max(longest, sizes.text_wide(set.names[i], true))
    end
  end
  set.left = left()
  set.below = set.numbered == 1 and 26 or math.ceil(longest * 0.6) + 26
end

-- The figure of the effects of an object of results.objects(); nil where no two parts have an
-- interaction, or more parts than can be read. how: the width, of sizes.of.
function M.of(object, how)
  local names, cells = cells_of(object.effects or {})
  if not cells or #names > MOST_PARTS then return nil end
  local set = { parts = #names, cells = #cells, names = {}, across = {}, cell_x = {}, cell_y = {},
    cell_value = {}, cell_note = {}, cell_sure = {}, most = 0.1,
    title = "Δ rsum: parts, and interactions of pairs" }
  local given = how and how.millimetres and sizes.units(how)
  local lines = { "x\ty\tvalue" }
  place_names(set, names, given)
  for i, cell in ipairs(cells) do
    local rsum = cell[3].delta.rsum
    set.cell_x[i], set.cell_y[i], set.cell_value[i] = cell[1], cell[2], rsum.mean
    set.cell_note[i] = "n = " .. rsum.n
    set.cell_sure[i] = rsum.separable and 1 or 0
    set.most = math.max(set.most, math.abs(rsum.mean))
    lines[#lines + 1] = string.format("%d\t%d\t%.6g", cell[1], cell[2], rsum.mean)
  end
  local wide = given or math.max(330, set.left + BAR + CELL_WIDE * #names)
  local cell = (wide - set.left - BAR) / #names
  set.notes = cell >= NOTE_WIDE and 1 or 0
  set.values = cell >= VALUE_WIDE and 2 or cell >= SMALL_WIDE and 1 or 0
  return {
    name = "interactions", script = "interactions", data = table.concat(lines, "\n") .. "\n",
    wide = wide, millimetres = how and how.millimetres, set = set,
    high = 34 + set.below + math.ceil(math.min(CELL_HIGH, math.max(cell, 20)) * #names),
    says = "What parts bring: on the diagonal rsum with the part minus rsum without it; below it "
      .. "the interaction of two, how much more one brings with the other than without. Framed "
      .. "dark: separable. n: seeds.",
  }
end

return M
