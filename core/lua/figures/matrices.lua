-- matrices.lua: the figures of a matrix: weights of words and regions from a TSV, similarities from
-- an .npy.
local core = require "stepwise.core"
local npy = require "stepwise.util.npy"
local sizes = require "stepwise.figures.sizes"

local M = {}

local MOST_CELLS <const> = 20000

local function cells_of(rows, number)
  local lines = { "x\ty\tvalue" }
  for y, row in ipairs(rows) do
    for x, value in ipairs(row) do lines[#lines + 1] = string.format("%d\t%d\t%s", x, y,
      number(value)) end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function number(value)
  return value == value and math.abs(value) < math.huge and string.format("%.6g", value) or "NaN"
end

-- Cells at least this large have their value written in them.
local VALUE_WIDE <const>, VALUE_HIGH <const> = 24, 12

-- Whether the values of `rows` are written in cells of that size, and from which value they are
-- light, since the cell is dark.
local function written(rows, wide, high)
  local least, most = math.huge, -math.huge
  for _, row in ipairs(rows) do
    for _, value in ipairs(row) do
      if value == value and math.abs(value) < math.huge then
        least, most = math.min(least, value), math.max(most, value)
      end
    end
  end
  return wide >= VALUE_WIDE and high >= VALUE_HIGH and 1 or 0,
    most > least and (least + most) / 2 or math.max(0, most)
end

-- At most about `most` labels along `count` places.
local function each(count, most)
  local step = math.ceil(count / most)
  return step <= 2 and step or math.ceil(step / 5) * 5
end

-- The figure `name` of a TSV whose first line is a corner and the words, and whose other lines are
-- a region and a weight for each word. how: the width, of sizes.of.
function M.weights(path, name, how)
  local words, rows
  for line in io.lines(path) do
    local cells = {}
    for cell in (line:gsub("\r$", "") .. "\t"):gmatch("([^\t]*)\t") do cells[#cells + 1] = cell end
    table.remove(cells, 1)
    if not words then
      words, rows = cells, {}
    else
      local row = {}
      for i, cell in ipairs(cells) do row[i] = tonumber(cell) end
      if #row ~= #words or #cells ~= #words then
        core.fail(1, string.format("%s:%d: expected a region and %d numbers", path, #rows + 2,
          #words))
      end
      rows[#rows + 1] = row
      if #rows * #words > MOST_CELLS then
        core.fail(1, string.format("%s: expected at most %d cells", path, MOST_CELLS))
      end
    end
  end
  if not words or #words == 0 or #rows == 0 then
    core.fail(1, path .. ": expected a line of words and a line of weights a region")
  end
  local longest = 1
  for _, word in ipairs(words) do longest = math.max(longest, utf8.len(word) or #word) end
  local below = math.min(longest, 24) * 7 + 20
  local wide = sizes.units(how or {}, math.max(320, math.min(900, 170 + 32 * #words)))
  local tall = math.min(700, math.max(120, 16 * #rows))
  local values, middle = written(rows, (wide - 150) / #words, tall / #rows)
  return {
    name = name, script = "heatmap", wide = wide, high = 40 + below + tall,
    millimetres = how and how.millimetres, data = cells_of(rows, number),
    set = { columns = #words, rows = #rows, below = below, each = each(#rows, 12), values = values,
      middle = middle, title = "weight of each region", across = words },
    says = "Weights of regions (down) for words (across).",
  }
end

-- The figure `name` of the first `images` images of an .npy of similarities (images, captions).
function M.similarities(path, name, images, how)
  local function captions(rows, columns)
    return images * math.max(1, columns // rows)
  end
  local matrix = npy.matrix(path, images, captions)
  local own = math.max(1, matrix.columns // matrix.rows)
  local wide, tall = sizes.units(how or {}), math.min(700, math.max(120, 18 * #matrix))
  local values, middle = written(matrix, (wide - 150) / #matrix[1], tall / #matrix)
  return {
    name = name, script = "similarity", wide = wide, high = 36 + 52 + tall,
    millimetres = how and how.millimetres, data = cells_of(matrix, number),
    set = { columns = #matrix[1], rows = #matrix, own = own, each = each(#matrix, 10), strip = 0,
      count = 0, values = values, middle = middle,
      title = sizes.first_fitting(wide - 150,
        string.format("similarity of the first %d of %d images and their captions", #matrix,
          matrix.rows),
        string.format("similarity, %d of %d images", #matrix, matrix.rows)) },
    says = "Similarities of images (down) and captions (across); each image's own captions are "
      .. "framed.",
  }
end

return M
