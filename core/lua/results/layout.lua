-- layout.lua: metrics and results as people read them, and tables as Markdown and CSV.
local text = require "stepwise.util.text"

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
    lines[#lines + 1] = "queries whose rank depends on tie-breaking: " .. text.count(ties)
  end
  return lines
end

-- Lines of an evaluation's ground_truth (results/ground_truth.lua).
function M.ground_truth(list)
  local lines = {}
  for _, truth in ipairs(list) do
    local rows = { { truth.name, "R@1", "R@5", "R@10", "R-Precision", "mAP@R", "queries",
      "right" } }
    for _, side in ipairs { { "i2t", "text retrieval" }, { "t2i", "image retrieval" } } do
      local m = truth[side[1]]
      if m then
        local row = { side[2] }
        for _, key in ipairs { "r1", "r5", "r10", "rprecision", "map_at_r" } do
          row[#row + 1] = string.format("%.1f", m[key])
        end
        row[#row + 1], row[#row + 2] = text.count(m.queries), text.count(m.positives)
        rows[#rows + 1] = row
        if m.lost > 0 then
          lines[#lines + 1] = string.format("%s, %s: queries that the split lacks: %s", truth.name,
            side[2], text.count(m.lost))
        end
      end
    end
    local right = { false, true, true, true, true, true, true, true }
    for _, line in ipairs(text.columns(rows, right)) do
      lines[#lines + 1] = line
    end
  end
  return lines
end

-- ---- tables ----------------------------------------------------------------------------------
-- A page: {title =, blocks = {{title =, head = {..}, rows = {..}}, ..}, notes = {..}}. The first
-- column is a name and the others are numbers, but for those that `words` of a block has as true. A
-- cell is a string, or {text, best = true}. A row with `span` holds that text instead of its cells
-- behind the name.

local function cell_text(cell)
  return type(cell) == "table" and cell[1] or cell
end

local function is_words(block, column)
  return column == 1 or (block.words and block.words[column]) or false
end

-- What Markdown, with GitHub's tables, strikes and formulas, reads as markup anywhere in a line.
local markdown_special = "[\\`*_{}%[%]<>|#&~$]"

local function markdown_cell(s)
  return (text.plain(s):gsub(markdown_special, "\\%0"))
end

-- A line of its own, which does not begin a list, a rule or a heading either.
local function markdown_line(s)
  s = markdown_cell(s):gsub("^%s+", ""):gsub("^[-+=]", "\\%0")
  return (s:gsub("^(%d+)([.)]%s)", "%1\\%2"))
end

-- The text of an interval is full of brackets that no Markdown reads as a link.
local function markdown_number(s)
  if s:find("^%[[-+%d., ]+%]$") then return s end
  return markdown_cell(s)
end

local function markdown_block(block, lines)
  local rows, widths = { {} }, {}
  for i, cell in ipairs(block.head) do rows[1][i] = markdown_cell(cell) end
  for r, row in ipairs(block.rows) do
    rows[r + 1] = { span = row.span and markdown_cell(row.span) }
    for i, cell in ipairs(row) do
      rows[r + 1][i] = is_words(block, i) and markdown_cell(cell_text(cell))
        or markdown_number(cell_text(cell))
    end
  end
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 3, text.width(cell)) end
  end
  for r, row in ipairs(rows) do
    local cells, rule = {}, {}
    for i in ipairs(block.head) do
      local right = not is_words(block, i)
      cells[i] = text.pad(row[i] or "", widths[i], right)
      rule[i] = string.rep("-", right and widths[i] - 1 or widths[i]) .. (right and ":" or "")
    end
    if row.span then
      cells = { cells[1], row.span .. string.rep(" |", #block.head - 2) }
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    if r == 1 then lines[#lines + 1] = "| " .. table.concat(rule, " | ") .. " |" end
  end
end

function M.markdown(page)
  local lines = { "**" .. markdown_cell(page.title):match("^%s*(.-)%s*$") .. "**" }
  for _, block in ipairs(page.blocks) do
    lines[#lines + 1] = ""
    if block.title then
      lines[#lines + 1] = markdown_line(block.title)
      lines[#lines + 1] = ""
    end
    markdown_block(block, lines)
  end
  if #page.notes > 0 then lines[#lines + 1] = "" end
  for _, note in ipairs(page.notes) do lines[#lines + 1] = "- " .. markdown_line(note) end
  return table.concat(lines, "\n") .. "\n"
end

-- A text that a spreadsheet would run as a formula gets an apostrophe before it, which makes it a
-- text there; numbers stay numbers.
local function csv_cell(s)
  s = text.plain(tostring(s))
  if s:find("^[-=+@]") and (not tonumber(s) or s:find("[xX]")) then s = "'" .. s end
  if s:find('[,;"]') then return '"' .. s:gsub('"', '""') .. '"' end
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
