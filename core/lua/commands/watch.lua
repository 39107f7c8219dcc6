-- watch.lua: stepwise watch
local core = require "stepwise.core"
local html = require "stepwise.report.html"
local progress = require "stepwise.util.progress"
local roll_of = require "stepwise.sweep.roll"
local text = require "stepwise.util.text"

local M = {
  name = "watch",
  summary = "Follows the runs of a sweep, or one run: where each stands, and how long it takes.",
  usage = "DIR",
  plugins = false,
  details = [[
DIR is a folder that stepwise ablate fills, or a run folder. It only reads files, so it works over
SSH, and for runs of other machines and of Slurm. gap: dev rsum less the reference's at the same
step and seed. It ends when all runs are done or have failed, or with Ctrl-C.]],
  arguments = { 1, 1 },
  options = {
    { "every", "S", "seconds between two looks; 2 when none is given", kind = "integer", least = 1,
      most = 86400 },
    { "once", nil, "look once" },
    { "html", "FILE", "write a page that a browser loads again by itself, at each look" },
  },
}

local EVERY <const> = 2
local CURVE <const> = 10 -- places of a curve in a terminal
local LONGEST_NAME <const> = 24
local STATES <const> = { "running", "done", "failed", "stopped", "waiting" }

-- ---- in a terminal ---------------------------------------------------------------------------

local bars <const> = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }

-- The run's dev rsum over its evaluations, each place the last of its share.
local function curve(evaluations, low, high)
  local count, parts = #evaluations, {}
  for i = 1, math.min(CURVE, count) do
    local at = evaluations[count <= CURVE and i or (i * count + CURVE - 1) // CURVE].rsum
    local height = high > low and (at - low) / (high - low) or 1
    parts[i] = bars[1 + math.floor(height * (#bars - 1) + 0.5)]
  end
  return table.concat(parts)
end

local function cells_of(run, low, high)
  local s = run.standing
  local left = run.state == "running" and s.left and text.duration(s.left)
    or run.state == "done" and run.seconds and "in " .. text.duration(run.seconds) or ""
  return {
    text.cut(run.name, LONGEST_NAME), run.state,
    s.step > 0 and string.format("%d%s", s.epoch + 1, s.epochs and "/" .. s.epochs or "") or "",
    run.rsum and string.format("%.1f", run.rsum) or "",
    run.gap and string.format("%+.1f", run.gap) or "",
    low and curve(s.evaluations, low, high) or "",
    run.state == "running" and s.rate and string.format("%.0f", s.rate) or "", left,
  }
end

local head <const> = { "run", "state", "epoch", "rsum", "gap", "dev rsum", "pairs/s", "left" }
local right <const> = { false, false, true, true, true, false, true, true }

local function summary(roll)
  local parts = {}
  for _, state in ipairs(STATES) do
    if roll.counts[state] > 0 then parts[#parts + 1] = roll.counts[state] .. " " .. state end
  end
  return roll.title .. ": " .. table.concat(parts, ", ")
end

-- What is worth a line of its own below the table.
local function remarks(roll)
  local lines, hosts, here = {}, {}, core.machine().host
  for _, run in ipairs(roll.runs) do
    if run.state == "failed" then
      lines[#lines + 1] = run.name .. ": " .. run.reason
    elseif run.state ~= "done" and run.standing.warning then
      lines[#lines + 1] = run.name .. ": warning: " .. run.standing.warning
    end
    local host = run.state == "running" and run.standing.host
    if host and host ~= here then
      hosts[host] = hosts[host] or {}
      table.insert(hosts[host], run.name)
    end
  end
  for _, host in ipairs(text.sorted_keys(hosts)) do
    lines[#lines + 1] = "on " .. host .. ": " .. table.concat(hosts[host], ", ")
  end
  return lines
end

-- At most `most` lines; runs that are neither running nor failed are left out first.
local function lines_of(roll, most)
  local low, high = roll:range()
  local notes, rows, left_out = remarks(roll), { head }, 0
  local room = math.max(4, most - #notes - 3)
  for _, wanted in ipairs { { running = true, failed = true, stopped = true },
    { done = true, waiting = true } } do
    for _, run in ipairs(roll.runs) do
      if wanted[run.state] then
        if #rows <= room then
          rows[#rows + 1] = cells_of(run, low, high)
        else
          left_out = left_out + 1
        end
      end
    end
  end
  local lines = text.columns(rows, right)
  table.insert(lines, 1, summary(roll))
  if left_out > 0 then lines[#lines + 1] = ".. and " .. text.plural(left_out, "run") end
  return table.move(notes, 1, #notes, #lines + 1, lines)
end

-- ---- as a page -------------------------------------------------------------------------------

local WIDTH <const>, HEIGHT <const> = 160, 32

local style <const> = [[
body{font:15px/1.4 system-ui,sans-serif;margin:2em;color:#222;background:#fff}
table{border-collapse:collapse}
th,td{padding:.25em .8em;text-align:left;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.failed{color:#b00020}.running{color:#00508a}.waiting,.stopped{color:#666}
polyline{fill:none;stroke:#00508a;stroke-width:1.5}polyline.reference{stroke:#999}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}
.failed{color:#ff8a8a}.running,polyline{color:#7cc0f4;stroke:#7cc0f4}td.running{stroke:none}}]]

local function polyline(evaluations, low, high, last_step, class)
  local points = {}
  for i, evaluation in ipairs(evaluations) do
    local height = high > low and (evaluation.rsum - low) / (high - low) or 1
    points[i] = string.format("%.1f,%.1f", 2 + (WIDTH - 4) * evaluation.step / last_step,
      HEIGHT - 2 - (HEIGHT - 4) * height)
  end
  return html.element("polyline", { points = table.concat(points, " "), class = class })
end

local function picture(run, low, high, last_step)
  if not low or #run.standing.evaluations == 0 then return nil end
  local other = run.reference and run.reference.standing.evaluations
  return html.element("svg", { width = WIDTH, height = HEIGHT, role = "img",
    ["aria-label"] = "dev rsum" },
    other and #other > 0 and polyline(other, low, high, last_step, "reference"),
    polyline(run.standing.evaluations, low, high, last_step))
end

local function page(roll, every)
  local e = html.element
  local low, high = roll:range()
  local last_step, rows, notes = 1, {}, {}
  for _, run in ipairs(roll.runs) do last_step = math.max(last_step, run.standing.step) end
  local titles = {}
  for i, title in ipairs(head) do titles[i] = e("th", { class = right[i] and "n" }, title) end
  for r, run in ipairs(roll.runs) do
    local cells = {}
    for i, cell in ipairs(cells_of(run)) do
      cells[i] = e("td", { class = i == 2 and run.state or right[i] and "n" },
        i == 1 and run.name or i == 6 and picture(run, low, high, last_step) or cell)
    end
    rows[r] = e("tr", {}, cells)
  end
  for i, note in ipairs(remarks(roll)) do notes[i] = e("li", {}, note) end
  return "<!DOCTYPE html>\n" .. html.markup(e("html", { lang = "en" },
    e("head", {}, e("meta", { charset = "utf-8" }),
      not roll:is_over() and e("meta", { ["http-equiv"] = "refresh", content = tostring(every) }),
      e("meta", { name = "viewport", content = "width=device-width" }),
      e("title", {}, roll.title), e("style", {}, html.raw(style))),
    e("body", {}, e("h1", {}, roll.title), e("p", {}, summary(roll)),
      e("table", {}, e("tr", {}, titles), rows), #notes > 0 and e("ul", {}, notes),
      e("p", {}, "As of " .. os.date("!%Y-%m-%d %H:%M:%S UTC"),
        ". Blue: the run's dev rsum; grey: the reference's, at the same seed.")))) .. "\n"
end

-- ---- the command -----------------------------------------------------------------------------

function M.run(given, arguments)
  local dir, every = arguments[1]:gsub("(.)/+$", "%1"), given.every or EVERY
  local roll = roll_of.open(dir)
  local out <close> = progress.new(io.stdout)
  if not given.once then core.catch_interrupts() end
  while true do
    roll:look()
    if given.html then core.write_file(given.html, page(roll, math.max(5, every))) end
    local over = given.once or roll:is_over() or core.interrupted()
    if over or not out.live then
      for _, line in ipairs(lines_of(roll, math.huge)) do out:say(line) end
      if not over then out:say("") end
    else
      out:follow(function() return lines_of(roll, (out:height() or 24) - 1) end)
    end
    if over then return 0 end
    core.sleep(every)
    if core.interrupted() then
      out:finish()
      return 0
    end
  end
end

return M
