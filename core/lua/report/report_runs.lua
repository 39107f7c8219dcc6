-- report_runs.lua: the parts of a report that say what was run on what, and how to run it again.
local core = require "stepwise.core"
local data_of = require "stepwise.report.report_data"
local html = require "stepwise.report.html"
local setup = require "stepwise.config.setup"
local text = require "stepwise.util.text"

local M = {}

local element = html.element
local word = data_of.word

-- The different values that the runs have, in the order in which they come, as one string.
local function distinct(model, of)
  local seen, list = {}, {}
  for _, run in ipairs(model.runs) do
    local value = of(run)
    if value and value ~= "" and not seen[value] then
      seen[value] = true
      list[#list + 1] = value
    end
  end
  return list
end

local function fact(list, name, values)
  if type(values) ~= "table" then values = { values } end
  if #values == 0 then return end
  list[#list + 1] = element("dt", {}, name)
  list[#list + 1] = element("dd", {}, table.concat(values, "; "))
end

local function join(separator, ...)
  local parts = {}
  for i = 1, select("#", ...) do
    local part = select(i, ...)
    if part and part ~= "" then parts[#parts + 1] = part end
  end
  return table.concat(parts, separator)
end

local function labelled(label, value)
  return value and label .. " " .. value
end

-- "train 86ae.. (30,000 captions)" of each split that a provenance names
local function fingerprints(provenance)
  local list = {}
  for _, split in ipairs { "train", "dev", "test", "testall" } do
    local hash = word(provenance, "data." .. split)
    local captions = math.tointeger(tonumber(word(provenance, "data." .. split .. "_captions")))
    if hash then
      list[#list + 1] = split .. " " .. hash .. (captions and " ("
        .. text.plural(captions, "caption") .. ")" or "")
    end
  end
  return table.concat(list, ", ")
end

local function plugins(model)
  local seen, rows = {}, {}
  for _, run in ipairs(model.runs) do
    local list = data_of.at(run.provenance, "plugins")
    for _, plugin in ipairs(type(list) == "table" and list or {}) do
      local cells = { word(plugin, "name") or "?", word(plugin, "version") or "",
        word(plugin, "hash") or "" }
      local key = table.concat(cells, "\0")
      if not seen[key] then
        seen[key] = true
        rows[#rows + 1] = cells
      end
    end
  end
  table.sort(rows, function(a, b) return table.concat(a, "\0") < table.concat(b, "\0") end)
  return rows
end

local function table_of(head, rows)
  local cells, body = {}, {}
  for i, name in ipairs(head) do cells[i] = element("th", { scope = "col" }, name) end
  for r, row in ipairs(rows) do
    local line = {}
    for i, cell in ipairs(row) do line[i] = element("td", {}, cell) end
    body[r] = element("tr", {}, line)
  end
  return element("div", { class = "wide" }, element("table", {},
    element("thead", {}, element("tr", {}, cells)),
    element("tbody", {}, body)))
end

local function number_at(value, path, format)
  value = data_of.at(value, path)
  return type(value) == "number" and string.format(format, value) or ""
end

-- The rsum of a run on a set, or "".
local function rsum_on(run, set)
  local metrics = data_of.metrics(run, set)
  return metrics and string.format("%.2f", metrics.rsum) or ""
end

-- The sets with a column of their own: dev, and all test sets.
local function columns_of(model)
  local sets = { { name = "dev", named = false } }
  for _, set in ipairs(model.sets) do if set.name ~= "dev" then sets[#sets + 1] = set end end
  return sets
end

local function run_rows(model)
  local rows = {}
  for i, run in ipairs(model.runs) do
    local part = data_of.at(run.provenance, "parts")
    part = type(part) == "table" and part[1] or {}
    local seconds = data_of.at(run.result, "seconds")
    local best = data_of.at(run.result, "best_epoch")
    rows[i] = {
      run.name, run.state == "new" and "not begun" or run.state == "begun" and "not done"
        or run.state,
      number_at(run.result, "steps", "%.0f"),
      type(best) == "number" and string.format("%.0f", best + 1) or "",
    }
    local row = rows[i]
    for _, set in ipairs(columns_of(model)) do row[#row + 1] = rsum_on(run, set) end
    for _, cell in ipairs { word(part, "started") or "",
      type(seconds) == "number" and text.duration(seconds) or "", word(part, "host") or "",
      word(part, "threads") or "", word(run.provenance, "key") or "" } do
      row[#row + 1] = cell
    end
  end
  return rows
end

-- What was run on what.
function M.provenance(model)
  local facts = {}
  local function all(name, of)
    fact(facts, name, distinct(model, function(run) return of(run.provenance) end))
  end
  all("program", function(p)
    return join(", ", join(" ", word(p, "program.name"), word(p, "program.version")),
      labelled("commit", word(p, "program.git")), labelled("compiler", word(p, "program.compiler")))
  end)
  all("BLAS", function(p)
    return join(", core ", word(p, "blas.config"), word(p, "blas.core"))
  end)
  all("vector kernels", function(p) return word(p, "cpu") end)
  all("data", function(p)
    local dir = word(p, "data.dir")
    return join(": ", dir and dir .. (data_of.at(p, "data.generated") == true
      and " (generated scenes)" or ""),
      fingerprints(p))
  end)
  all("vocabulary", function(p)
    return join(", ", word(p, "vocabulary.from"), labelled("words:", word(p, "vocabulary.words")))
  end)
  all("GloVe", function(p)
    return join(", ", word(p, "glove.file"), labelled("vectors:", word(p, "glove.vectors")),
      labelled("words found:", word(p, "glove.words found")),
        labelled("rows:", word(p, "glove.rows")))
  end)
  all("host", function(p)
    local part = data_of.at(p, "parts")
    return type(part) == "table" and word(part[1], "host") or nil
  end)
  local seconds = 0
  for _, run in ipairs(model.runs) do
    local took = data_of.at(run.result, "seconds")
    seconds = seconds + (type(took) == "number" and took or 0)
  end
  if seconds > 0 then fact(facts, "time of all runs", text.duration(seconds)) end

  local parts = { element("h2", { id = "provenance" }, "What was run on what") }
  if #facts == 0 then
    parts[#parts + 1] = element("p", { class = "notes" },
      "No run has begun: there is no provenance.json.")
  else
    parts[#parts + 1] = element("dl", { class = "facts" }, facts)
  end
  local hashes = plugins(model)
  if #hashes > 0 then
    parts[#parts + 1] = element("h3", {}, "Plugins")
    parts[#parts + 1] = table_of({ "plugin", "version", "hash" }, hashes)
  end
  parts[#parts + 1] = element("h3", {}, "Runs")
  local head = { "run", "state", "steps", "best epoch" }
  for _, set in ipairs(columns_of(model)) do head[#head + 1] = set.name .. " rsum" end
  table.move({ "started", "time", "host", "threads", "key" }, 1, 5, #head + 1, head)
  parts[#parts + 1] = table_of(head, run_rows(model))
  if next(model.base) then
    parts[#parts + 1] = element("details", {}, element("summary", {},
      model.kind == "table" and "The base's settings" or "All settings"),
      element("pre", {}, core.json_encode(model.base, 2)))
  end
  return parts
end

-- Runs that failed, and why; nil without any.
function M.failures(model)
  local items, unfinished = {}, 0
  for _, run in ipairs(model.runs) do
    if run.state == "failed" then
      items[#items + 1] = element("li", {}, element("strong", {}, run.name), ": ", run.reason)
    elseif run.state ~= "done" then
      unfinished = unfinished + 1
    end
  end
  for _, problem in ipairs(model.problems) do items[#items + 1] = element("li", {}, problem) end
  if #items == 0 and unfinished == 0 then return nil end
  return element("div", { class = "warn", role = "note" },
    #items > 0 and { element("p", {}, element("strong", {}, "Not as it should be")),
      element("ul", {}, items) },
    unfinished > 0 and element("p", {}, text.plural(unfinished, "run"), " of ", #model.runs,
      unfinished == 1 and " is" or " are", " not done; what follows is of the others."))
end

-- ---- the command -------------------------------------------------------------------------------

-- {0, 1, 2, 7} -> "0-2,7"
local function seed_list(model)
  local seeds, seen, parts = {}, {}, {}
  for _, run in ipairs(model.plan.runs) do
    local seed = math.tointeger(run.seed)
    if seed and not seen[seed] then seeds[#seeds + 1] = seed end
    if seed then seen[seed] = true end
  end
  table.sort(seeds)
  local i = 1
  while i <= #seeds do
    local j = i
    while seeds[j + 1] == seeds[j] + 1 do j = j + 1 end
    parts[#parts + 1] = j > i and seeds[i] .. "-" .. seeds[j] or tostring(seeds[i])
    i = j + 1
  end
  return table.concat(parts, ",")
end

-- The command that gives this folder again, a line a shell reads.
function M.command(model)
  if model.kind == "run" then
    local part = data_of.at(model.runs[1].provenance, "parts")
    return type(part) == "table" and word(part[1], "command") or nil
  end
  local plan, words = model.plan, { "stepwise", "ablate", word(model.plan, "script")
    or "TABLE.lua" }
  for _, override in ipairs(type(plan.overrides) == "table" and plan.overrides or {}) do
    words[#words + 1] = tostring(override)
  end
  local config = type(plan.runs[1]) == "table" and plan.runs[1].config or {}
  local own = plan.generated == true and plan.data == setup.SCENES
  if not own then
    words[#words + 1], words[#words + 2] = "--data", word(plan, "data")
    for _, name in ipairs { "glove", "vocab" } do
      local path = word(config, "data." .. name)
      if path and path ~= "" then words[#words + 1], words[#words + 2] = "--" .. name, path end
    end
  end
  words[#words + 1], words[#words + 2] = "--seeds", seed_list(model)
  words[#words + 1], words[#words + 2] = "--out", model.dir
  return text.command(words)
end

function M.again(model)
  local parts = { element("h2", { id = "again" }, "To run it again") }
  local command = M.command(model)
  if not command then
    parts[#parts + 1] = element("p", { class = "notes" },
      "The run has no provenance.json, so its command is not known.")
    return parts
  end
  local commits = distinct(model, function(run) return word(run.provenance, "program.git") end)
  local versions = distinct(model, function(run) return word(run.provenance, "program.version") end)
  parts[#parts + 1] = element("p", {}, #versions > 0
    and { "With stepwise ", table.concat(versions, ", "),
    #commits > 0 and { " at commit ", table.concat(commits, ", ") }, ". " } or nil,
    "The same program, data and BLAS core give the same bytes; finished runs are kept.")
  parts[#parts + 1] = element("pre", {}, command)
  return parts
end

return M
