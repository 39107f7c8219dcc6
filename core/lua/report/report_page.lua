-- report_page.lua: a report as one HTML file that needs nothing else: no script, no network.
local core = require "stepwise.core"
local curves = require "stepwise.figures.curves"
local data_of = require "stepwise.report.report_data"
local figures = require "stepwise.figures.figures"
local html = require "stepwise.report.html"
local layout = require "stepwise.results.layout"
local look_of = require "stepwise.report.report_look"
local runs_of = require "stepwise.report.report_runs"
local svg = require "stepwise.figures.svg"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local element = html.element

-- A row's distance from the base: mean, low, high, p, separable; nil without one.
local function distance(row)
  local delta = type(row.delta) == "table" and row.delta.rsum
  if type(delta) == "table" and delta.mean then
    return delta.mean, delta.low, delta.high, delta.p_holm or delta.p, delta.separable == true
  end
  delta = row.delta_rsum
  if type(delta) ~= "table" then return nil end
  return delta.mean, delta.half and delta.mean - delta.half, delta.half
    and delta.mean + delta.half, nil,
    delta.separable == true
end

local function signed(value)
  return (string.format("%+.1f", value):gsub("%-", "−"))
end

local function p_text(p) return p < 0.001 and "< 0.001" or string.format("%.3f", p) end

local function interval_text(low, high)
  return low and element("span", { class = "soft" }, string.format("%s to %s", signed(low),
    signed(high)))
end

-- ---- the question ------------------------------------------------------------------------------

-- "D = 256, direction t2i, words glove_random, stages l2l g2l g2g" of a config
local function model_line(config)
  local word, parts = data_of.word, {}
  local function say(format, value) if value then parts[#parts + 1] = string.format(format,
    value) end end
  say("D = %s", word(config, "model.dim"))
  say("direction %s", word(config, "model.direction"))
  say("words %s", word(config, "model.embedding.plugin"))
  for _, key in ipairs { "image", "text", "stages", "loss" } do
    local list, names = data_of.at(config, "model." .. key), {}
    for i, entry in ipairs(type(list) == "table" and list or {}) do
      names[i] = word(entry, "plugin") or "?"
    end
    if #names > 0 then say(key .. " %s", table.concat(names, " ")) end
  end
  say("second image set %s", word(config, "model.second.image.file"))
  say("second text set %s", word(config, "model.second.text.file"))
  say("image pooling %s", word(config, "model.pool.image.plugin"))
  say("text pooling %s", word(config, "model.pool.text.plugin"))
  say("batch %s", word(config, "train.batch"))
  say("%s epochs", word(config, "train.epochs"))
  say("learning rate %s", word(config, "train.lr"))
  say("margin %s", word(config, "train.margin"))
  say("warm-up epochs %s", word(config, "train.warmup_epochs"))
  return table.concat(parts, ", ")
end

local function question(model)
  local parts = { element("h2", { id = "question" }, model.kind == "table" and "The question"
    or "The run") }
  local note = model.plan and data_of.word(model.plan, "note")
  if note then parts[#parts + 1] = element("p", {}, note) end
  if model.kind == "run" then
    parts[#parts + 1] = element("p", {}, model_line(model.base), ".")
    return parts
  end
  local object, rows = model.object, {}
  parts[#parts + 1] = element("p", {},
    "What does each change do to the six recalls? Every row is the base with what is "
    .. "named here changed", object.reference and { ", compared with ",
      element("strong", {}, object.reference),
    " at the same seeds" } or nil, ".")
  parts[#parts + 1] = element("p", {}, "Base: ", model_line(model.base), ".")
  for i, row in ipairs(object.rows) do
    local changes = data_of.word(row, "what")
      or type(row.changes) == "table" and #row.changes > 0 and table.concat(row.changes, " ")
    rows[i] = element("tr", {}, element("th", { scope = "row" }, row.name),
      element("td", { class = "text" }, changes and element("code", {}, changes)
        or row.base and "another experiment" or "the base as it is"),
      element("td", {}, row.n), element("td", {}, #row.failed), element("td", {}, row.missing or 0))
  end
  parts[#parts + 1] = element("div", { class = "wide" },
    element("table", {}, element("thead", {}, element("tr", {},
    element("th", { scope = "col" }, "row"), element("th", { class = "text", scope = "col" },
      "what it changes"),
    element("th", { scope = "col" }, "runs"), element("th", { scope = "col" }, "failed"),
    element("th", { scope = "col" }, "not done"))), element("tbody", {}, rows)))
  return parts
end

-- ---- the answer in words -----------------------------------------------------------------------

local function in_short(object)
  local best, sure, unsure = nil, {}, {}
  for _, row in ipairs(object.rows) do
    local rsum = not row.apart and not row.kind and curves.rsum(row)
    if rsum and (not best or rsum.mean > best.metrics.rsum.mean) then best = row end
    local mean, low, high, _, separable = distance(row)
    if mean then
      local words = string.format("%s (%s%s)", row.name, signed(mean),
        low and string.format(", %s to %s", signed(low), signed(high)) or "")
      table.insert(separable and sure or unsure, words)
    end
  end
  if not best then return element("p", {}, "No run is finished yet.") end
  local rsum, items = best.metrics.rsum, {}
  items[1] = element("li", {}, string.format("Highest mean rsum: %s, %.1f%s, n = %d.", best.name,
    rsum.mean,
    rsum.std and string.format(" ± %.1f", rsum.std) or "", best.n))
  if #sure > 0 then
    items[#items + 1] = element("li", {}, "Differ from ", object.reference,
      " by more than chance at 95 %: ",
      table.concat(sure, "; "), ".")
  end
  if #unsure > 0 then
    items[#items + 1] = element("li", {}, "Not separable from ", object.reference,
      " at these seeds: ",
      table.concat(unsure, "; "), ".")
  end
  return element("ul", {}, items)
end

-- ---- the table ---------------------------------------------------------------------------------

-- The recalls in two groups of three, rsum, and what else the columns are.
local function head_of(others)
  local groups = {
    element("th", { rowspan = 2 }),
    element("th", { class = "group", colspan = 3, scope = "colgroup" }, "text retrieval"),
    element("th", { class = "group", colspan = 3, scope = "colgroup" }, "image retrieval"),
    element("th", { rowspan = 2, scope = "col" }, "rsum"),
  }
  local cells = {}
  for _ = 1, 2 do
    for _, name in ipairs { "R@1", "R@5", "R@10" } do
      cells[#cells + 1] = element("th", { scope = "col" }, name)
    end
  end
  for _, name in ipairs(others) do
    groups[#groups + 1] = element("th", { rowspan = 2, scope = "col" }, name)
  end
  return element("thead", {}, element("tr", {}, groups), element("tr", { class = "second" }, cells))
end

-- The highest means of single models, and under "ensemble" those of ensembles; of one row there is
-- nothing to choose from.
local function best_means(object)
  local best, count = { run = {}, ensemble = {} }, { run = 0, ensemble = 0 }
  for _, row in ipairs(object.rows) do
    local kind = row.kind or "run"
    local of_kind = best[kind]
    if of_kind and not row.apart then
      count[kind] = count[kind] + 1
      for name, metric in pairs(row.metrics) do
        if metric.mean then of_kind[name] = math.max(of_kind[name] or -math.huge, metric.mean) end
      end
    end
  end
  for kind in pairs(best) do
    if count[kind] < 2 then best[kind] = {} end
  end
  return best
end

-- A row's distance from what it is compared with, as a cell.
local function distance_cell(rsum, instead)
  return element("td", {}, rsum and signed(rsum.mean) or instead or "",
    rsum and interval_text(rsum.low, rsum.high))
end

local function has_switched_off(object)
  for _, row in ipairs(object.rows) do
    if row.switched_off then return true end
  end
  return false
end

-- The rows of the page's table that are a row of the object; off: whether there is a column of what
-- is switched off.
local function table_row(object, row, best, off)
  local behind = (object.reference and 2 or 0) + (off and 1 or 0) -- cells between rsum and n
  local cells = { element("th", { scope = "row" }, row.name, row.apart
    and element("span", { class = "soft" }, " " .. test_sets.label(row.about))) }
  local paper, has_paper = { element("td", {}, "paper") }, false
  local others = {} -- the paper's rows of other data
  for _, data in ipairs(text.sorted_keys((row.metrics.rsum or {}).papers or {})) do
    local line = { element("td", {}, "paper, " .. data) }
    for i, metric in ipairs(layout.metrics) do
      local value = ((row.metrics[metric[1]] or {}).papers or {})[data]
      line[i + 1] = element("td", {}, value and string.format("%.1f", value) or "")
    end
    for _ = 1, 1 + behind do line[#line + 1] = element("td", {}) end
    others[#others + 1] = element("tr", { class = "paper" }, line)
  end
  for i, metric in ipairs(layout.metrics) do
    local found = row.metrics[metric[1]]
    if found and found.mean then
      cells[i + 1] = element("td", { class = not row.apart
        and found.mean == best[row.kind or "run"][metric[1]] and "best" },
        string.format("%.1f", found.mean),
        found.std and element("span", { class = "spread" }, string.format(" ± %.1f", found.std)))
    elseif found and found.cited then
      cells[i + 1] = element("td", {}, string.format("%.1f", found.cited))
    else
      cells[i + 1] = element("td", {}, i == 1 and (#row.failed > 0 and "failed" or "not done")
        or "")
    end
    local value = found and found.paper
    has_paper = has_paper or value ~= nil
    paper[i + 1] = element("td", {}, value and string.format("%.1f", value) or "")
  end
  if object.reference then
    local mean, low, high, p, separable = distance(row)
    local reference = row.name == object.reference
    cells[#cells + 1] = distance_cell(mean and { mean = mean, low = low, high = high },
      reference and "base")
    cells[#cells + 1] = element("td", {}, p and p_text(p) or "",
      mean and not separable and element("span", { class = "soft" }, "not separable"))
  end
  if off then
    local found = row.switched_off or {}
    cells[#cells + 1] = distance_cell(found.delta and found.delta.rsum,
      found.reason and "not possible")
  end
  for _ = 1, behind do paper[#paper + 1] = element("td", {}) end
  cells[#cells + 1] = element("td", {}, row.kind == "cited" and "cited" or row.n)
  paper[#paper + 1] = element("td", {})
  return { element("tr", { class = (has_paper or #others > 0) and "has-paper" }, cells),
    has_paper and element("tr", { class = "paper" }, paper) or others }
end

local function result_table(object)
  local others, body = {}, {}
  if object.reference then others = { "Δ rsum", "p (Holm)" } end
  local best, off = best_means(object), has_switched_off(object)
  if off then others[#others + 1] = "switched off" end
  others[#others + 1] = "n"
  for i, row in ipairs(object.rows) do body[i] = table_row(object, row, best, off) end
  return element("div", { class = "wide" }, element("table", {}, head_of(others),
    element("tbody", {}, body)))
end

-- What the parts of a design bring; nil without parts.
local function effects_table(object)
  local body, heads = {}, {}
  for i, effect in ipairs(object.effects or {}) do
    local rsum = effect.delta.rsum
    body[i] = element("tr", {}, element("th", { scope = "row" },
      table.concat(effect.parts, " × ")), element("td", { class = "text" }, effect.says),
      distance_cell(rsum), element("td", {}, rsum.p_holm and p_text(rsum.p_holm) or "",
        not rsum.separable and element("span", { class = "soft" }, "not separable")),
      element("td", {}, rsum.n))
  end
  if #body == 0 then return nil end
  for i, name in ipairs { "part", "effect", "Δ rsum", "p (Holm)", "n" } do
    heads[i] = element("th", { class = i == 2 and "text", scope = "col" }, name)
  end
  return { element("h3", {}, "What the parts bring"), element("div", { class = "wide" },
    element("table", {}, element("thead", {}, element("tr", {}, heads)),
      element("tbody", {}, body))) }
end

-- The table of each set, and the notes of all.
local function result_tables(model)
  local parts, notes = {}, {}
  for _, object in ipairs(model.objects) do
    if object.test then
      parts[#parts + 1] = element("h3", {}, object.test, object.about
        and element("span", { class = "soft" }, " " .. test_sets.label(object.about)))
    end
    parts[#parts + 1] = { in_short(object), result_table(object), effects_table(object) }
  end
  for i, note in ipairs(model.notes) do notes[i] = element("li", {}, note) end
  parts[#parts + 1] = element("ul", { class = "notes" }, notes)
  return parts
end

local function run_table(model)
  local rows, sets = {}, { { name = "dev", named = false } }
  for _, set in ipairs(model.sets) do if set.name ~= "dev" then sets[#sets + 1] = set end end
  for _, set in ipairs(sets) do
    local metrics, about = data_of.metrics(model.runs[1], set)
    if metrics then
      local title = set.name == "dev" and "dev, best" or set.name
      local cells = { element("th", { scope = "row" }, title,
        element("span", { class = "soft" }, " " .. test_sets.label(about))) }
      for _, metric in ipairs(layout.metrics) do
        cells[#cells + 1] = element("td", {}, string.format("%.1f", metrics[metric[1]]))
      end
      for _, name in ipairs { "i2t_medr", "t2i_medr" } do
        cells[#cells + 1] = element("td", {}, type(metrics[name]) == "number"
          and string.format("%.1f", metrics[name]) or "")
      end
      rows[#rows + 1] = element("tr", {}, cells)
    end
  end
  if #rows == 0 then return element("p", { class = "notes" },
    "The run is not finished: there is no result.json yet.") end
  return { element("div", { class = "wide" }, element("table", {},
    head_of { "text median rank", "image median rank" },
    element("tbody", {}, rows))),
    element("p", { class = "notes" },
      "One run: differences from other runs of this size are not separable from chance.") }
end

-- ---- the figures -------------------------------------------------------------------------------

local function drawings(model)
  local list = figures.of_runs(model.groups)
  for i, figure in ipairs(model.figures or {}) do table.insert(list, i, figure) end
  local parts = { element("h2", { id = "curves" }, "Figures") }
  if #list == 0 then
    parts[2] = element("p", { class = "notes" },
      "No step is done yet, so there is nothing to draw.")
    return parts
  end
  local folder <close> = core.temporary_folder()
  for _, figure in ipairs(list) do
    local file, reason = figures.draw(figure, "svg", folder:path())
    if not file then
      parts[#parts + 1] = element("p", { class = "notes" }, "No figures: ", reason)
      return parts
    end
    local drawing = svg.inline(core.read_file(file), figure.name .. "-", html.escape(figure.says),
      true)
    parts[#parts + 1] = element("figure", { id = figure.name },
      element("div", { class = "wide" }, html.raw(drawing)),
      element("figcaption", {}, figure.says))
  end
  return parts
end

-- ---- the page ----------------------------------------------------------------------------------

local function subtitle(model)
  local parts = {}
  if model.kind == "table" then
    parts[1] = string.format("%s, %s", text.plural(#model.object.rows, "row"),
      text.plural(#model.runs, "run"))
  end
  local names = {}
  for i, set in ipairs(model.sets) do
    local about = set.about
    for _, run in ipairs(model.runs) do about = about or select(2, data_of.metrics(run, set)) end
    names[i] = (set.named and set.name .. ": " or "") .. (about and about.told
      and test_sets.label(about) or about and about.split or set.name)
  end
  parts[#parts + 1] = string.format("%s of %s", table.concat(names, "; "), model.data)
  return table.concat(parts, " · ")
end

-- The whole page of what report_data.read gave. options: {data = another data folder, pictures = a
-- folder of the images' pictures}
function M.page(model, options)
  local look = look_of.open(model, options)
  -- the retrievals first: their pictures go before others where not all fit
  local fine, retrievals = pcall(look_of.retrievals, look)
  local attention = fine and look_of.attention(look)
  look_of.close(look)
  if not fine then error(retrievals, 0) end
  local body = element("main", {},
    element("header", {}, element("h1", {}, model.title),
      element("p", { class = "soft" }, subtitle(model), " ", model.generated
        and element("span", { class = "badge" }, "generated scenes") or nil),
      model.generated and element("p", { class = "soft" },
        "The data are generated: these numbers say nothing about Flickr30K or COCO.") or nil),
    runs_of.failures(model),
    question(model),
    element("h2", { id = "results" }, "Results"),
    model.kind == "table" and result_tables(model) or run_table(model),
    drawings(model), attention, retrievals, runs_of.provenance(model), runs_of.again(model),
    element("p", { class = "soft" }, "Written by stepwise ", core.version, "."))
  return "<!DOCTYPE html>\n" .. html.markup(element("html", { lang = "en" }, element("head", {},
    element("meta", { charset = "utf-8" }),
    -- nothing in the page may run or be fetched, whatever a name in it says
    element("meta", { ["http-equiv"] = "Content-Security-Policy",
      content = "default-src 'none'; style-src 'unsafe-inline'; img-src data:" }),
    element("meta", { name = "viewport", content = "width=device-width, initial-scale=1" }),
    element("meta", { name = "color-scheme", content = "light dark" }),
    element("title", {}, model.title), element("style", {}, html.raw(core.built_in("report.css")))),
    element("body", {}, body))) .. "\n"
end

return M
