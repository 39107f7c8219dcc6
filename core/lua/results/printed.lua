-- printed.lua: what the rows of a table have of others: the paper's numbers, and cited ones. They
-- come from a plan, so anything may be of any type.
local layout = require "stepwise.results.layout"
local text = require "stepwise.util.text"

local M = {}

local recall_at <const> = { r1 = 1, r5 = 2, r10 = 3 }

-- The value of a metric in what others print, one table or one per named set: recalls of the two
-- sides, which go by the names in `sides`, and rsum. nil without it.
local function value_of(set, printed, metric, sides)
  if set.named then printed = type(printed) == "table" and printed[set.name] end
  if type(printed) ~= "table" then return nil end
  local value = printed.rsum
  if metric ~= "rsum" then
    local recalls = printed[sides[metric:sub(1, 3)]]
    value = type(recalls) == "table" and recalls[recall_at[metric:match("_(r%d+)$")]]
  end
  return type(value) == "number" and value or nil
end

local paper_sides <const> = { i2t = "text", t2i = "image" }
local cited_sides <const> = { i2t = "i2t", t2i = "t2i" }

-- The paper's value of a metric on a set, or nil; data: on the data set of that name.
function M.paper(set, row, metric, data)
  local paper = row.paper
  if data then paper = type(paper) == "table" and paper[data] end
  return value_of(set, paper, metric, paper_sides)
end

-- The names of other data that papers of a set without a name have numbers of; {false}: of none.
function M.data(set)
  local names = {}
  for _, row in ipairs(set.named and {} or set.rows) do
    for name, printed in pairs(type(row.paper) == "table" and row.paper or {}) do
      if type(name) == "string" and type(printed) == "table" and name ~= "text"
        and name ~= "image" then
        names[name] = true
      end
    end
  end
  return next(names) and text.sorted_keys(names) or { false }
end

-- A cited row's value of a metric on a set, or nil; without rsum the sum of the recalls.
function M.cited(set, row, metric)
  local value = value_of(set, row.cited, metric, cited_sides)
  if value or metric ~= "rsum" or row.kind ~= "cited" then return value end
  local sum = 0.0
  for _, other in ipairs(layout.metrics) do
    if other[1] ~= "rsum" then
      local recall = value_of(set, row.cited, other[1], cited_sides)
      if not recall then return nil end
      sum = sum + recall
    end
  end
  return sum
end

-- The source of a cited row's numbers on a set, or nil.
function M.source(set, row)
  local cited = row.cited
  if set.named then cited = type(cited) == "table" and cited[set.name] end
  local source = type(cited) == "table" and cited.source
  return type(source) == "string" and text.plain(source) or nil
end

return M
