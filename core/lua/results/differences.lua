-- differences.lua: differences as cells and notes of a page: of rows, of parts of a design, of what
-- is switched off.
local text = require "stepwise.util.text"

local M = {}

function M.p_cell(p)
  if not p then return "" end
  return string.format(p >= 0.01 and "%.2f" or p >= 0.0001 and "%.4f" or "%.0e", p)
end

local MOST_SEEDS <const> = 9999

function M.seeds_cell(seeds)
  if not seeds then return "" end
  return seeds <= MOST_SEEDS and tostring(seeds) or "> " .. text.count(MOST_SEEDS)
end

function M.verdict(rsum)
  if not rsum then return "" end
  if rsum.n == 1 then return "one seed: no verdict" end
  return rsum.separable and "yes" or string.format("not at %d seeds", rsum.n)
end

function M.signed(value, precision) return string.format("%+." .. precision .. "f", value) end

-- "[-1.2, +3.4]"; "" where there is none.
function M.interval(difference, precision)
  return difference and difference.low and string.format("[%s, %s]",
    M.signed(difference.low, precision), M.signed(difference.high, precision)) or ""
end

-- What a row's changes do to the base's checkpoint, and the interval.
function M.switched_off_cells(row, precision)
  local off = row.switched_off
  local rsum = off and off.delta and off.delta.rsum
  if not rsum then return off and off.reason and "not possible" or "", "" end
  return M.signed(rsum.mean, precision), M.interval(rsum, precision)
end

-- The block of a page that tells what parts bring; nil without parts.
function M.effects_block(results, precision)
  local list = results.effects
  if not list or #list == 0 then return nil end
  local block = { head = { results.named and results.name or "", "effect", "Δ rsum",
    "95 % interval", "p", "separable" }, words = { true, true, false, false, false, true },
    rows = {}, title = (results.named and results.name .. ": " or "") .. "What the parts bring:" }
  for i, effect in ipairs(list) do
    local rsum = effect.delta.rsum
    block.rows[i] = { table.concat(effect.parts, " × "), effect.says,
      M.signed(rsum.mean, precision), M.interval(rsum, precision), M.p_cell(rsum.p_holm),
      M.verdict(rsum) }
  end
  return block
end

local function notes_on_switched_off(results, note)
  local separable = {}
  for _, row in ipairs(results.rows) do
    local rsum = row.switched_off and row.switched_off.delta and row.switched_off.delta.rsum
    if rsum and rsum.separable then separable[#separable + 1] = "'" .. row.name .. "'" end
  end
  note("Switched off: the checkpoints of '%s' evaluated with the row's change, minus as they are; "
    .. "Δ rsum is of models trained with the change. Separable from 0, by the same tests: %s.",
    results.switched_off, #separable > 0 and table.concat(separable, ", ") or "none")
  for _, row in ipairs(results.rows) do
    if row.switched_off and row.switched_off.reason then
      note("'%s' cannot be switched off: %s", row.name, row.switched_off.reason)
    end
  end
end

-- How effects of parts came about.
function M.effects_notes(results, note)
  local kinds = {}
  for _, effect in ipairs(results.effects or {}) do kinds[effect.kind] = true end
  if next(kinds) then
    note("Effects: what a part brings, rsum with it minus rsum without; intervals and p as of the "
      .. "rows; p is corrected within main effects, within effects in one setting, and within "
      .. "interactions and gaps.")
  end
  if kinds.gap or kinds.interaction then
    note("Interaction: how much more a part brings with the other than without it%s. Below 0 they "
      .. "do the same work, at 0 they add up.", kinds.gap
      and "; gap: with all others than without any" or "")
  end
  if results.switched_off then notes_on_switched_off(results, note) end
  if results.path then
    local steps = {}
    for i, step in ipairs(results.path.steps) do
      steps[i] = string.format("'%s' %.1f", step.name, step.rsum)
    end
    note("Path, by the mean dev rsum: %s%s. At each step the part is out that is missed least; %s "
      .. "off the path %s not run.", table.concat(steps, ", "), results.path.ended and ""
      or ", not at its end yet", text.plural(results.off_path, "row"),
      results.off_path == 1 and "is" or "are")
  end
  for _, left in ipairs(results.plan.design and results.plan.design.left_out or {}) do
    note("'%s' cannot be composed: %s", left.name, left.reason)
  end
end

return M
