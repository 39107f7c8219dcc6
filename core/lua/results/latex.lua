-- latex.lua: a table as LaTeX prints it in a paper: a float with a caption, grouped heads, the best
-- values marked, and what is not separable from chance.
local columns = require "stepwise.results.columns"
local differences = require "stepwise.results.differences"
local marks = require "stepwise.results.marks"
local summary = require "stepwise.results.summary"
local text = require "stepwise.util.text"

local M = {}

-- ---- texts -------------------------------------------------------------------------------------

-- What LaTeX reads as a command, prints as another sign in its first font encoding, or, as "[" and
-- "*" after the end of a row, takes for an argument.
local latex_special = {
  ["\\"] = "\\textbackslash{}", ["{"] = "\\{", ["}"] = "\\}", ["$"] = "\\$", ["&"] = "\\&",
  ["#"] = "\\#", ["_"] = "\\_", ["%"] = "\\%", ["~"] = "\\textasciitilde{}",
  ["^"] = "\\textasciicircum{}", ["<"] = "\\textless{}", [">"] = "\\textgreater{}",
  ["|"] = "\\textbar{}", ['"'] = "''", ["["] = "{[}", ["]"] = "{]}", ["*"] = "{*}",
  ["`"] = "\\textasciigrave{}",
  ["\0"] = "{}", -- between two signs that would become another one
}

-- Signs that two in a row turn into another: dashes and quotation marks.
local latex_ligatures = { "%-%-", "''", ",," }

local latex_signs = {
  ["±"] = "\\pm", ["×"] = "\\times", ["−"] = "-", ["→"] = "\\to", ["≤"] = "\\leq", ["≥"] = "\\geq",
  ["Δ"] = "\\Delta", ["α"] = "\\alpha", ["β"] = "\\beta", ["γ"] = "\\gamma", ["δ"] = "\\delta",
  ["λ"] = "\\lambda", ["μ"] = "\\mu", ["σ"] = "\\sigma", ["τ"] = "\\tau",
}

-- A text as LaTeX prints it.
function M.cell(s)
  s = text.plain(s)
  for _, pair in ipairs(latex_ligatures) do
    for _ = 1, 2 do -- the second for the middle one of three
      s = s:gsub(pair, function(two) return two:sub(1, 1) .. "\0" .. two:sub(2) end)
    end
  end
  s = s:gsub('[\\{}$&#_%%~^<>|"%[%]*`\0]', latex_special)
  s = s:gsub(utf8.charpattern, function(sign)
    return latex_signs[sign] and "$" .. latex_signs[sign] .. "$"
  end)
  return (s:gsub("–", "--"))
end

-- The characters of `texts` that pdfLaTeX does not know: neither Latin letters nor its own signs.
local function beyond_latex(texts)
  local seen = {}
  for _, s in ipairs(texts) do
    for _, code in utf8.codes(text.plain(s)) do
      local known = code < 0x80 or code >= 0xc0 and code <= 0x17f
        or code == 0x2013 or code == 0x2026
      local sign = not known and utf8.char(code)
      if sign and not latex_signs[sign] then seen[sign] = true end
    end
  end
  return text.sorted_keys(seen)
end

-- ---- columns -----------------------------------------------------------------------------------

local groups <const> = { i2t = "Text retrieval", t2i = "Image retrieval" }
local heads <const> = { p = "$p$", n = "$n$" }

-- The plain text of a number, a difference, an interval or p, with a minus and not a hyphen.
function M.number(s)
  return (s:gsub("[-+]%d[%d.]*", "$%0$"):gsub("^<", "$<$"):gsub("%[", "{[}"):gsub("%]", "{]}"))
end

-- Beside a number, so that numbers stay below each other.
M.dagger = "\\rlap{$\\dagger$}"

-- ---- the float ---------------------------------------------------------------------------------

local SINGLE <const> = 46 -- characters in a column, in two columns of \small, of \footnotesize
local DOUBLE_SMALL <const>, DOUBLE_FOOTNOTE <const> = 96, 110

local function marked_up(cell)
  if not cell then return "" end
  local s = M.number(cell.text)
  if cell.best then s = "\\textbf{" .. s .. "}" end
  if cell.second then s = "\\underline{" .. s .. "}" end
  if cell.deviation then s = s .. " {\\scriptsize$\\pm$" .. cell.deviation .. "}" end
  return s .. (cell.unsure and M.dagger or "")
end

-- The two lines of heads over `bodies`, and the rules between them.
local function heads_of(bodies, names, first, plain)
  local over, rules, lower, at = {}, {}, {}, first
  for i = 1, first - 1 do over[i], lower[i] = "", plain[i] or "" end
  for _, _ in ipairs(bodies) do
    local c = 1
    while c <= #names do
      local side, count = names[c]:match("^(%l2%l)_"), 1
      while side and names[c + count] and names[c + count]:find("^" .. side) do
        count = count + 1 end
      if side then
        over[#over + 1] = string.format("\\multicolumn{%d}{c}{%s}", count, groups[side])
        rules[#rules + 1] = string.format("\\cmidrule(lr){%d-%d}", at, at + count - 1)
      else
        over[#over + 1] = ""
      end
      for i = c, c + count - 1 do
        local metric = names[i]:match("_r(%d+)$")
        lower[#lower + 1] = metric and "R@" .. metric or heads[names[i]]
          or M.cell(columns.head(names[i]))
      end
      c, at = c + count, at + count
    end
  end
  return over, rules, lower
end

local function line_of(cells) return table.concat(cells, " & ") .. " \\\\" end

-- Words below the table's title.
local function caption_of(results_list, page)
  local words, results, how, single = {}, results_list[1], page.how, false
  for _, body in ipairs(page.bodies) do
    for _, runs in pairs(body.runs) do single = single or runs == 1 end
  end
  local function say(format, ...) words[#words + 1] = string.format(format, ...) end
  say("%s.", M.cell(results.plan.title))
  if results.plan.generated then say("Generated scenes.") end
  local recalls = table.concat(how.columns, " "):find("_r%d") ~= nil
  say(recalls and "Recall at $K$ in percent; rsum: the sum of the six."
    or "rsum: the sum of the six recalls at 1, 5 and 10, in percent.")
  if how.spread then
    say(how.deviations and "Mean $\\pm$ standard deviation over seeds." or "Means over seeds.")
  end
  say("Bold: best; underlined: second.")
  local reference = page.bodies[1].set.reference
  if reference and how.compared then
    say("%sfrom %s%s.", how.has_delta and "$\\Delta$: difference " or "Compared: differences ",
      M.cell(reference.name), page.marked and "; $\\dagger$: not separable from it" or "")
    if single then say("One seed: no verdict.") end
  end
  if how.has_off then
    say("Switched off: the trained model of %s evaluated with the row's change.",
      M.cell(page.bodies[1].set.switched_off or reference and reference.name or "the base"))
  end
  return table.concat(words, " ")
end

local function total_width(bodies, longest, parts)
  local total, count = longest + 2, 0
  for _, body in ipairs(bodies) do
    for _, width in ipairs(body.widths) do total, count = total + width + 2, count + 1 end
  end
  for _, part in ipairs(parts) do total = total + text.width(part) + 2 end
  return total
end

-- Adds the heads: data or test sets where there are several, groups, names.
local function add_heads(page, add)
  local bodies, names, first = page.bodies, page.how.columns, 2 + #page.parts
  local plain = { "" }
  for i, part in ipairs(page.parts) do plain[i + 1] = M.cell(part) end
  local over, rules, last = heads_of(bodies, names, first, plain)
  if #bodies > 1 then
    local top, lower = {}, {}
    for i = 1, first - 1 do top[i] = "" end
    for i, body in ipairs(bodies) do
      top[#top + 1] = string.format("\\multicolumn{%d}{c}{%s}", #names, M.cell(body.name or ""))
      local from = first + (i - 1) * #names
      lower[i] = string.format("\\cmidrule(lr){%d-%d}", from, from + #names - 1)
    end
    add(line_of(top))
    add(table.concat(lower))
  end
  if #rules > 0 then
    add(line_of(over))
    add(table.concat(rules))
  end
  add(line_of(last))
end

-- The cells of one row over all sets; one that has no numbers says why.
local function cells_of(page, name)
  local cells = { M.cell(name) }
  for _, part in ipairs(page.parts) do
    local mark = page.has[name] and page.has[name][part] or ""
    cells[#cells + 1] = mark == true and "$\\checkmark$" or M.cell(mark)
  end
  local first = #cells + 1
  for _, body in ipairs(page.bodies) do
    for c = 1, #page.how.columns do
      cells[#cells + 1] = marked_up(body.cells[name] and body.cells[name][c])
    end
  end
  if columns.is_empty(page, name) then
    cells[first] = string.format("\\multicolumn{%d}{l}{%s}", #cells - first + 1,
      M.cell(summary.instead_of_numbers(page.rows[name])))
    for c = #cells, first + 1, -1 do cells[c] = nil end
  end
  return cells
end

-- What the float is made of: what columns.choose gives, with parts =, has = of the check marks, and
-- width = characters.
local function page_of(results_list, how)
  local parts, has = {}, {}
  if how.checks then parts, has = marks.of(results_list[1].plan) end
  local function width_of(page)
    local longest = 6
    for _, name in ipairs(page.order) do longest = math.max(longest, text.width(name)) end
    return total_width(page.bodies, longest, parts)
  end
  local page = columns.choose(results_list, how, function(page)
    return width_of(page) <= DOUBLE_FOOTNOTE
  end)
  page.parts, page.has, page.width = parts, has, width_of(page)
  return page
end

-- The comments before the float: what it needs, and the notes.
local function comments_of(page, results_list, how)
  local title = text.plain(results_list[1].plan.title)
  local texts = { title, table.unpack(page.order) }
  for _, part in ipairs(page.parts) do texts[#texts + 1] = part end
  for _, body in ipairs(page.bodies) do texts[#texts + 1] = body.name or "" end
  local lines = { "% " .. title, "% needs \\usepackage{booktabs}"
    .. (how.checks and " and \\usepackage{amssymb}" or "") }
  local beyond = table.concat(beyond_latex(texts), " ")
  if beyond ~= "" then
    lines[#lines + 1] = "% needs LuaLaTeX or XeLaTeX, and a font that has " .. beyond
  end
  for _, results in ipairs(results_list) do
    for _, note in ipairs(summary.notes(results)) do
      lines[#lines + 1] = "% " .. text.plain(note)
    end
  end
  return lines
end

-- The lines of a float, as wide as a column or two: `width` characters; `fill` adds the rows.
local function float_of(width, caption, label, space, letters, fill)
  local narrow, lines = width <= SINGLE, {}
  local function add(line) lines[#lines + 1] = line end
  local float = narrow and "table" or "table*"
  add("\\begin{" .. float .. "}[t]")
  add("\\centering")
  add("\\setlength{\\belowcaptionskip}{4pt}")
  add("\\caption{" .. caption .. "}")
  add("\\label{tab:" .. label .. "}")
  add(narrow and width > 38 and "\\footnotesize" or width > DOUBLE_SMALL and "\\footnotesize"
    or "\\small")
  add(string.format("\\setlength{\\tabcolsep}{%dpt}", space))
  add("\\begin{tabular}{@{}" .. letters .. "}")
  add("\\toprule")
  fill(add)
  add("\\bottomrule")
  add("\\end{tabular}")
  add("\\end{" .. float .. "}")
  return table.concat(lines, "\n") .. "\n"
end

local function label_of(title)
  return (title:lower():gsub("[^%w]+", "-"):gsub("^%-", ""):gsub("%-$", ""))
end

-- The float of what the parts of a set's design bring; "" without parts.
local function effects_float(set, precision)
  local list, width, part_wide, unsure = set.effects or {}, 0, 4, false
  if #list == 0 then return "" end
  local rows = {}
  for i, effect in ipairs(list) do
    local rsum, parts = effect.delta.rsum, table.concat(effect.parts, " × ")
    unsure = unsure or not rsum.separable
    part_wide = math.max(part_wide, text.width(parts))
    width = math.max(width, text.width(effect.says))
    rows[i] = { M.cell(parts), M.cell(effect.says),
      M.number(differences.signed(rsum.mean, precision)) .. (rsum.separable and "" or M.dagger),
      M.number(differences.interval(rsum, precision)), M.number(differences.p_cell(rsum.p_holm)) }
  end
  local caption = string.format("%s%s: what the parts bring. $\\Delta$ rsum: with the part minus "
    .. "without it%s.", M.cell(set.plan.title), set.named and ", " .. M.cell(set.name) or "",
    unsure and "; $\\dagger$: not separable from 0" or "")
  local label = label_of(set.plan.title .. (set.named and " " .. set.name or "") .. " effects")
  return "\n" .. float_of(part_wide + width + 36, caption, label, 4, "llrrr", function(add)
    add(line_of { "part", "effect", M.cell("Δ rsum"), M.cell("95 % interval"), "$p$" })
    add("\\midrule")
    for _, row in ipairs(rows) do add(line_of(row)) end
  end)
end

-- A float of the results of one or several folders, side by side, and of tables with a design one
-- more per test set. how: {columns = what columns.names gave, precision = digits, checks = whether
-- a row's parts are check marks}, each may be nil.
function M.float(results_list, how)
  local page = page_of(results_list, how)
  local letters = "l" .. ("c"):rep(#page.parts) .. ("r"):rep(#page.how.columns * #page.bodies)
    .. (page.marked and "@{\\hspace{6pt}}" or "@{}")
  local floats = { table.concat(comments_of(page, results_list, how), "\n") .. "\n",
    float_of(page.width, caption_of(results_list, page), label_of(results_list[1].plan.title),
    #page.bodies > 1 and 3 or 4, letters, function(add)
      add_heads(page, add)
      add("\\midrule")
      for _, name in ipairs(page.order) do add(line_of(cells_of(page, name))) end
    end) }
  for _, body in ipairs(page.bodies) do
    floats[#floats + 1] = effects_float(body.set, page.how.precision)
  end
  return table.concat(floats)
end

return M
