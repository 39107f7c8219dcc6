-- latex.lua: a table as LaTeX prints it in a paper: a float with a caption, grouped heads, the best
-- values marked, and what is not separable from chance.
local core = require "stepwise.core"
local layout = require "stepwise.results.layout"
local printed = require "stepwise.results.printed"
local statistics = require "stepwise.results.statistics"
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

-- A number with a sign that is a minus and not a hyphen.
local function signed(value, precision)
  return string.format("$%+." .. precision .. "f$", value)
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
-- beside the number, so that numbers stay below each other
local sign_of <const> = { [false] = "\\rlap{$\\dagger$}", [true] = "" }

local function rsum_of(row) return row.delta and row.delta.rsum end

-- A value with its deviation; `chars` is how wide that is, about.
local function mean_cell(values, how)
  if #values == 0 then return nil end
  local deviation = how.deviations and statistics.deviation(values)
  local mean = string.format("%." .. how.precision .. "f", statistics.mean(values))
  return { mean, value = tonumber(mean),
    rest = deviation and string.format(" {\\scriptsize$\\pm$%." .. how.precision .. "f}", deviation)
      or "", chars = #mean + (deviation and how.precision + 3 or 0) }
end

-- Columns that are no metric: their heads, and a row's cell.
local columns <const> = {
  delta = { "$\\Delta$ rsum", function(row, how)
    local rsum = rsum_of(row)
    return rsum and { signed(rsum.mean, how.precision) .. sign_of[rsum.separable], chars = 6 }
  end },
  interval = { "95\\,\\% interval", function(row, how)
    local rsum = rsum_of(row)
    return rsum and rsum.low and { string.format("{[}%s, %s{]}", signed(rsum.low, how.precision),
      signed(rsum.high, how.precision)), chars = 14 }
  end },
  p = { "$p$", function(row)
    local p = rsum_of(row) and rsum_of(row).p_holm
    return p and { p < 0.001 and "$<$0.001" or string.format("%.3f", p), chars = 6 }
  end },
  n = { "$n$", function(row)
    return { row.kind == "cited" and "cited" or tostring(#row.runs), chars = 2 }
  end },
  paper = { "paper", function(row, how, set)
    local value = printed.paper(set, row, "rsum")
    return value and { string.format("%." .. how.precision .. "f", value), chars = 6 }
  end },
  pointing = { "pointing", function(row, how)
    local values = {}
    for i, run in ipairs(row.runs) do values[i] = run.pointing end
    return #values == #row.runs and mean_cell(values, how)
  end },
}

local metric_names = {}
for i, metric in ipairs(layout.metrics) do metric_names[i] = metric[1] end
local extra_names <const> = { "delta", "interval", "p", "n", "paper", "pointing" }

-- The names of a list as "recalls,rsum,n"; nil is nil.
function M.columns(list)
  if not list then return nil end
  local known = table.move(metric_names, 1, #metric_names, 2, { "recalls" })
  table.move(extra_names, 1, #extra_names, #known + 1, known)
  local names, seen = {}, {}
  for name in (list .. ","):gmatch("%s*([^,]-)%s*,") do
    local found = false
    for _, one in ipairs(known) do found = found or one == name end
    if not found or seen[name] then
      core.fail(2, string.format("--columns: %s '%s'%s", found and "twice" or "no column",
        text.plain(name), found and "" or core.suggest(name, known)))
    end
    seen[name] = true
    if name == "recalls" then
      table.move(metric_names, 1, 6, #names + 1, names)
    else
      names[#names + 1] = name
    end
  end
  return names
end

-- Whether any row of the sets has something in the column.
local function any_cell(sets, name, how)
  for _, set in ipairs(sets) do
    for _, row in ipairs(set.rows) do
      if columns[name][2](row, how, set) then return true end
    end
  end
  return false
end

-- ---- parts as check marks ----------------------------------------------------------------------

-- {names of parts ..}, {[row's name] = {[part] = true}}: stages, where rows differ in them, and
-- each
-- other change of the base.
local function parts_of(results)
  local names, has, stages = {}, {}, {}
  local function part(row, name)
    if not has[row][name] then has[row][name] = true end
    for _, one in ipairs(names) do
      if one == name then return end
    end
    names[#names + 1] = name
  end
  for _, row in ipairs(results.plan.rows) do has[row.name] = {} end
  local differ, first = false, nil
  for _, run in ipairs(results.plan.runs) do
    local list = {}
    local model = type(run.config) == "table" and run.config.model or {}
    for i, stage in ipairs(model.stages or {}) do list[i] = stage.plugin end
    stages[run.row] = list
    local all = table.concat(list, ",")
    first = first or all
    differ = differ or all ~= first
  end
  for _, row in ipairs(results.plan.rows) do
    for _, stage in ipairs(differ and stages[row.slug] or {}) do part(row.name, stage) end
    for _, change in ipairs(row.changes) do
      if not (differ and change:find("^stages=")) then part(row.name, change) end
    end
  end
  return names, has
end

-- ---- the float ---------------------------------------------------------------------------------

local SINGLE <const> = 46 -- characters in a column, in two columns of \small, of \footnotesize
local DOUBLE_SMALL <const>, DOUBLE_FOOTNOTE <const> = 96, 110

-- Marks the best and the second of a column's cells, as they are printed.
local function rank(cells)
  local seen, values, count = {}, {}, 0
  for _, cell in pairs(cells) do
    count = count + (cell.value and 1 or 0)
    if cell.value and not seen[cell.value] then
      values[#values + 1], seen[cell.value] = cell.value, true
    end
  end
  table.sort(values, function(a, b) return a > b end)
  if count < 2 then return end -- nothing to compare with
  for _, cell in pairs(cells) do
    if cell.value == values[1] then cell.best = true end
    if cell.value == values[2] and #values > 2 then cell.second = true end
  end
end

local function marked_up(cell)
  if not cell then return "" end
  local s = cell[1]
  if cell.best then s = "\\textbf{" .. s .. "}" end
  if cell.second then s = "\\underline{" .. s .. "}" end
  return s .. (cell.rest or "")
end

-- The body of one set: {names ..}, {[row's name] = {cell of each column ..}}, the widest of each.
local function body_of(set, names, how)
  local cells, widths, marked = {}, {}, false
  for _, row in ipairs(set.rows) do cells[row.name] = {} end
  for c, name in ipairs(names) do
    local column, kinds = {}, {} -- the cells of a column by row; those of a kind of rows apart
    widths[c] = #name
    for _, row in ipairs(set.rows) do
      local cell
      if columns[name] then
        cell = columns[name][2](row, how, set)
      else
        local values = { row.kind == "cited" and printed.cited(set, row, name) or nil }
        for i, run in ipairs(row.runs) do values[i] = run.metrics[name] end
        cell = mean_cell(values, how)
      end
      cell = cell or nil
      if cell and not row.apart then
        local kind = row.kind or "run"
        column[row], kinds[kind] = cell, kinds[kind] or {}
        kinds[kind][row] = cell
      end
      cells[row.name][c] = cell or false
      widths[c] = math.max(columns[name] and #name or 4, widths[c] > 6 and 4 or widths[c],
        cell and cell.chars or 0)
    end
    kinds.cited = nil -- numbers of others stand outside
    for _, alike in pairs(kinds) do rank(alike) end
    if name == "rsum" and not how.has_delta then
      for row, cell in pairs(column) do
        local rsum = rsum_of(row)
        if rsum and not rsum.separable then
          cell.rest, marked = cell.rest .. sign_of[false], true
        end
      end
    end
  end
  for _, row in ipairs(set.rows) do
    marked = marked or how.has_delta and rsum_of(row) and not rsum_of(row).separable or false
  end
  return cells, widths, marked
end

-- The two lines of heads over `bodies`, and the rules between them.
local function heads_of(bodies, names, first, plain)
  local over, rules, heads, at = {}, {}, {}, first
  for i = 1, first - 1 do over[i], heads[i] = "", plain[i] or "" end
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
        heads[#heads + 1] = metric and "R@" .. metric or columns[names[i]] and columns[names[i]][1]
          or names[i]
      end
      c, at = c + count, at + count
    end
  end
  return over, rules, heads
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
  return table.concat(words, " ")
end

local function bodies_of(results_list)
  local bodies = {}
  for _, results in ipairs(results_list) do
    for _, set in ipairs(results.sets) do
      local data = text.plain(results.plan.data or ""):match("([^/]+)/*$") or ""
      bodies[#bodies + 1] = { set = set, name = #results_list > 1
        and data .. (set.named and ", " .. set.name or "") or set.named and set.name or nil }
    end
  end
  return bodies
end

-- Fills in what follows from the sets: columns, deviations, and whether anything is compared.
local function settle(how, bodies)
  local sets = {}
  for i, body in ipairs(bodies) do sets[i] = body.set end
  how.precision = how.precision or 1
  local compared = any_cell(sets, "delta", how)
  if not how.columns then
    how.columns = M.columns(#bodies > 2 and "i2t_r1,t2i_r1,rsum" or "recalls,rsum")
    if compared and #bodies == 1 then table.insert(how.columns, "delta") end
  end
  how.compared, how.spread, how.has_delta, how.deviations = compared, false, false, #bodies == 1
  for _, name in ipairs(how.columns) do how.has_delta = how.has_delta or name == "delta" end
  for _, set in ipairs(sets) do
    for _, row in ipairs(set.rows) do how.spread = how.spread or #row.runs > 1 end
  end
end

-- The rows of all sets, by name, in the order of their first sight.
local function row_names(bodies)
  local names, seen = {}, {}
  for _, body in ipairs(bodies) do
    for _, row in ipairs(body.set.rows) do
      if not seen[row.name] then names[#names + 1], seen[row.name] = row.name, row end
    end
  end
  return names, seen
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
  local over, rules, heads = heads_of(bodies, names, first, plain)
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
  add(line_of(heads))
end

-- The cells of one row over all sets; one that has no numbers says why.
local function cells_of(page, name)
  local cells, done = { M.cell(name) }, 0
  for _, part in ipairs(page.parts) do
    cells[#cells + 1] = page.has[name] and page.has[name][part] and "$\\checkmark$" or ""
  end
  local first = #cells + 1
  for _, body in ipairs(page.bodies) do
    for c = 1, #page.how.columns do
      cells[#cells + 1] = marked_up(body.cells[name] and body.cells[name][c])
    end
    done = done + (body.runs[name] or 0)
  end
  if done == 0 and page.rows[name].kind ~= "cited" then
    cells[first] = string.format("\\multicolumn{%d}{l}{%s}", #cells - first + 1,
      M.cell(summary.instead_of_numbers(page.rows[name])))
    for c = #cells, first + 1, -1 do cells[c] = nil end
  end
  return cells
end

-- What the float is made of: {bodies =, parts =, has =, order = names of rows, rows = by name,
-- width = characters, marked = whether a row is marked as not separable, how =}.
local function page_of(results_list, how)
  local page = { bodies = bodies_of(results_list), parts = {}, has = {}, marked = false, how = {
    columns = how.columns, precision = how.precision or 1 } }
  settle(page.how, page.bodies)
  if how.checks then page.parts, page.has = parts_of(results_list[1]) end
  page.order, page.rows = row_names(page.bodies)
  local longest = 6
  for _, name in ipairs(page.order) do longest = math.max(longest, text.width(name)) end
  local function fill()
    for _, body in ipairs(page.bodies) do
      local marked
      body.cells, body.widths, marked = body_of(body.set, page.how.columns, page.how)
      page.marked = page.marked or marked
      body.runs = {}
      for _, row in ipairs(body.set.rows) do body.runs[row.name] = #row.runs end
    end
    page.width = total_width(page.bodies, longest, page.parts)
  end
  fill()
  if page.width > DOUBLE_FOOTNOTE and page.how.deviations then
    page.how.deviations = false
    fill()
  end
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

-- A float of the results of one or several folders, side by side. how: {columns = what M.columns
-- gave, precision = digits, checks = whether a row's parts are check marks}, each may be nil.
function M.float(results_list, how)
  how = how or {}
  local page = page_of(results_list, how)
  local lines = comments_of(page, results_list, how)
  local function add(format, ...) lines[#lines + 1] = string.format(format, ...) end
  local function add_line(line) lines[#lines + 1] = line end
  local narrow = page.width <= SINGLE
  local float = narrow and "table" or "table*"
  local label = results_list[1].plan.title:lower():gsub("[^%w]+", "-"):gsub("^%-", "")
    :gsub("%-$", "")
  add("\\begin{%s}[t]", float)
  add("\\centering")
  add("\\setlength{\\belowcaptionskip}{4pt}")
  add_line("\\caption{" .. caption_of(results_list, page) .. "}")
  add("\\label{tab:%s}", label)
  add(narrow and page.width > 38 and "\\footnotesize" or page.width > DOUBLE_SMALL
    and "\\footnotesize" or "\\small")
  add("\\setlength{\\tabcolsep}{%dpt}", #page.bodies > 1 and 3 or 4)
  add("\\begin{tabular}{@{}l%s%s%s}", ("c"):rep(#page.parts),
    ("r"):rep(#page.how.columns * #page.bodies), page.marked and "@{\\hspace{6pt}}" or "@{}")
  add("\\toprule")
  add_heads(page, add_line)
  add("\\midrule")
  for _, name in ipairs(page.order) do add_line(line_of(cells_of(page, name))) end
  add("\\bottomrule")
  add("\\end{tabular}")
  add("\\end{%s}", float)
  return table.concat(lines, "\n") .. "\n"
end

return M
