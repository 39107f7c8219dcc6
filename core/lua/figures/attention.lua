-- attention.lua: where a model looks, for one image and one sentence: weights, pictures, a table.
--
--   local found = session:explain { .. }
--   attention.draw(found, { pictures = DIR, format = "svg", output = "attention.svg" })
--   attention.draw_matrix(found, { format = "svg", output = "matrix.svg" })
--   attention.tsv(found)
local panels = require "stepwise.figures.panels"
local text = require "stepwise.util.text"

local M = {}

-- ---- the table ---------------------------------------------------------------------------------

local function cell(s)
  return text.plain(s)
end

local function place(found, region)
  local box = found.boxes and found.boxes[region]
  if not box then return "NaN\tNaN\tNaN\tNaN" end
  return string.format("%.9g\t%.9g\t%.9g\t%.9g", table.unpack(box, 1, 4))
end

-- One row a weight: the map, what looks (a word, a region, or one vector, which has no number), at
-- what (a word or a region), the region's box in pixels. Numbers of words and regions begin at 0;
-- word 0 is <start>.
function M.tsv(found)
  local rows = { "name\tkind\tword_index\tword\tregion\tx1\ty1\tx2\ty2\tweight\n" }
  for _, map in ipairs(found.maps) do
    for r, weights in ipairs(map.weights) do
      for c, weight in ipairs(weights) do
        local word = (map.kind == "word" and r) or (map.kind == "region" and c)
          or (map.kind == "context_words" and c)
        local region = (map.kind == "word" and c) or (map.kind == "region" and r)
          or (map.kind == "context" and c)
        if word or region then
          rows[#rows + 1] = string.format("%s\t%s\t%s\t%s\t%s\t%s\t%.9g\n", cell(map.name),
            map.kind, word and word - 1 or "NaN", word and cell(found.words[word]) or "",
            region and region - 1 or "NaN",
            region and place(found, region) or "NaN\tNaN\tNaN\tNaN", weight)
        end
      end
    end
  end
  return table.concat(rows)
end

-- ---- pictures ----------------------------------------------------------------------------------

-- What an explanation is of, in one line.
M.title = panels.title

-- Draws the panels: the picture, each word, the context. how: {pictures = a folder or nil,
-- format = "svg" or "png", output = a file}. true and, where the folder has no picture that can be
-- shown, why it is drawn without, or what gnuplot says of it; nil and the reason when nothing is
-- drawn.
M.draw = panels.draw

-- Draws all weights as matrices, with <start> and <end>. how: {format =, output =}. true, or nil
-- and the reason.
M.draw_matrix = panels.draw_matrix

return M
