-- layout.lua: metrics and results as people read them, and tables as Markdown, LaTeX, CSV.
local text = require "stepwise.text"

local M = {}

-- What a table shows, in the paper's order: text retrieval is from an image to its captions.
M.metrics = {
  { "i2t_r1", "text R@1" }, { "i2t_r5", "text R@5" }, { "i2t_r10", "text R@10" },
  { "t2i_r1", "image R@1" }, { "t2i_r5", "image R@5" }, { "t2i_r10", "image R@10" },
  { "rsum", "rsum" },
}

-- One line: "text 12.0 34.0 50.0  image 10.0 30.0 45.0  rsum 181.0"
function M.recalls(m)
  return string.format("text R@1 %.1f R@5 %.1f R@10 %.1f   image R@1 %.1f R@5 %.1f R@10 %.1f   "
    .. "rsum %.1f", m.i2t_r1, m.i2t_r5, m.i2t_r10, m.t2i_r1, m.t2i_r5, m.t2i_r10, m.rsum)
end

-- Lines of an evaluation.
function M.evaluation(m)
  local function row(name, side)
    return {
      name, string.format("%.1f", m[side .. "_r1"]), string.format("%.1f", m[side .. "_r5"]),
      string.format("%.1f", m[side .. "_r10"]), string.format("%.1f", m[side .. "_medr"]),
      string.format("%.1f", m[side .. "_meanr"]),
    }
  end
  local right = { false, true, true, true, true, true }
  local lines = text.columns({
    { "", "R@1", "R@5", "R@10", "medr", "meanr" },
    row("text retrieval (image to text)", "i2t"),
    row("image retrieval (text to image)", "t2i"),
  }, right)
  lines[#lines + 1] = string.format("rsum %.1f   %s, %s%s", m.rsum, text.plural(m.images, "image"),
    text.plural(m.captions, "caption"),
    m.folds > 1 and string.format(", mean of %d folds", m.folds) or "")
  local ties = m.i2t_ties + m.t2i_ties
  if ties > 0 then
    lines[#lines + 1] = "ranks that hang on the order of equal scores: " .. text.count(ties)
  end
  return lines
end

-- ---- tables ----------------------------------------------------------------------------------
-- A grid: {title =, head = {..}, rows = {{..}, ..}, notes = {..}}; the first column is a name.

local markdown_special = "[\\`*_{}%[%]<>|#]"

local function markdown_cell(s)
  return (text.plain(s):gsub(markdown_special, "\\%0"))
end

function M.markdown(grid)
  local rows = { {} }
  for i, cell in ipairs(grid.head) do rows[1][i] = markdown_cell(cell) end
  for r, row in ipairs(grid.rows) do
    rows[r + 1] = {}
    for i, cell in ipairs(row) do rows[r + 1][i] = markdown_cell(cell) end
  end
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 3, text.width(cell)) end
  end
  local lines = { "**" .. markdown_cell(grid.title) .. "**", "" }
  for r, row in ipairs(rows) do
    local cells, rule = {}, {}
    for i, cell in ipairs(row) do
      cells[i] = text.pad(cell, widths[i], i > 1)
      rule[i] = string.rep("-", i > 1 and widths[i] - 1 or widths[i]) .. (i > 1 and ":" or "")
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    if r == 1 then lines[#lines + 1] = "| " .. table.concat(rule, " | ") .. " |" end
  end
  if #grid.notes > 0 then lines[#lines + 1] = "" end
  for _, note in ipairs(grid.notes) do lines[#lines + 1] = "- " .. markdown_cell(note) end
  return table.concat(lines, "\n") .. "\n"
end

local latex_special = {
  ["\\"] = "\\textbackslash{}", ["{"] = "\\{", ["}"] = "\\}", ["$"] = "\\$", ["&"] = "\\&",
  ["#"] = "\\#", ["_"] = "\\_", ["%"] = "\\%", ["~"] = "\\textasciitilde{}",
  ["^"] = "\\textasciicircum{}",
}

local function latex_cell(s)
  s = text.plain(s):gsub("[\\{}$&#_%%~^]", latex_special)
  s = s:gsub("±", "$\\pm$"):gsub("Δ", "$\\Delta$"):gsub("–", "--")
  return (s:gsub("^  ", "\\quad "))
end

function M.latex(grid)
  local function line(row)
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = latex_cell(cell) end
    return table.concat(cells, " & ") .. " \\\\"
  end
  local lines = { "% " .. text.plain(grid.title) }
  for _, note in ipairs(grid.notes) do lines[#lines + 1] = "% " .. text.plain(note) end
  lines[#lines + 1] = "\\begin{tabular}{l" .. string.rep("r", #grid.head - 1) .. "}"
  lines[#lines + 1] = "\\hline"
  lines[#lines + 1] = line(grid.head)
  lines[#lines + 1] = "\\hline"
  for _, row in ipairs(grid.rows) do lines[#lines + 1] = line(row) end
  lines[#lines + 1] = "\\hline"
  lines[#lines + 1] = "\\end{tabular}"
  return table.concat(lines, "\n") .. "\n"
end

local function csv_cell(s)
  s = text.plain(tostring(s))
  if s:find('[,"]') then return '"' .. s:gsub('"', '""') .. '"' end
  return s
end

-- Rows of cells as CSV.
function M.csv(rows)
  local lines = {}
  for r, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = csv_cell(cell) end
    lines[r] = table.concat(cells, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
