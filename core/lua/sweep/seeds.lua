-- seeds.lua: sweeps that add seeds until rows are separable from the reference: which rows get
-- another seed after a look at the results. The rule is the plan's `sequence` = {first =, most =};
-- the levels are results/compare.lua's, the reasons in experiments/STATISTICS.md.
local compare = require "stepwise.results.compare"
local core = require "stepwise.core"
local plan_check = require "stepwise.sweep.plan_check"
local statistics = require "stepwise.results.statistics"

local M = {}

local MISUSE <const> = 2
local FIRST <const> = "0-2"

M.options = {
  { "until", "separable", "add seeds, one round at a time, to the rows that are not separable from "
    .. "the reference, until all are or --max-seeds is reached" },
  { "max-seeds", "N", "with --until: most seeds of a row", kind = "integer", least = 2,
    most = 1000 },
}

-- What the options ask for: {first =, most =}, or nil; sets the first seeds where none are given.
-- read: a function of the words of --seeds.
function M.sequence(given, read)
  if not given["until"] then
    if given["max-seeds"] then core.fail(MISUSE, "ablate: --max-seeds needs --until separable") end
    return nil
  end
  local function refuse(format, ...) core.fail(MISUSE, "ablate: " .. string.format(format, ...)) end
  if given["until"] ~= "separable" then
    refuse("--until: expected separable, found '%s'%s", given["until"],
      core.suggest(given["until"], { "separable" }))
  elseif not given["max-seeds"] then
    refuse("--until separable needs --max-seeds N")
  elseif given.run then
    refuse("--until separable looks at all rows; --run takes some")
  end
  given.seeds = given.seeds or FIRST
  local first, most = #read(given.seeds), given["max-seeds"]
  if first < 2 then refuse("--until separable needs two seeds or more to begin with, found one") end
  if most < first or most - first > plan_check.MOST_LOOKS then
    refuse("--max-seeds: expected %d to %d with %d seeds to begin with, found %d", first,
      first + plan_check.MOST_LOOKS, first, most)
  end
  return { first = first, most = most }
end

-- Whether even the largest difference that the interval of `rsum` (compare.lua) leaves open would
-- not be clear at the most seeds, if they deviate as the present ones do.
function M.is_hopeless(rsum, sequence)
  local n, t = rsum.n, rsum.t
  if n < 3 or not t then return false end -- two seeds say too little about their deviation
  local deviation = (t.high - t.low) / 2 / statistics.t_quantile(n - 1) * math.sqrt(n)
  local most = sequence.most
  local needed = statistics.t_quantile(most - 1, 1 - compare.level_at(sequence, most)) * deviation
    / math.sqrt(most)
  return math.max(math.abs(rsum.low), math.abs(rsum.high)) < needed
end

-- Of a row in one set of results: "clear", "hopeless", "failed" or "open".
local function verdict(row, reference, sequence)
  local rsum = row.delta and row.delta.rsum
  if not rsum then
    return #row.runs == 0 and #row.failed > 0 and #reference.runs > 0 and "failed" or "open"
  end
  if rsum.separable then return "clear" end
  return M.is_hopeless(rsum, sequence) and "hopeless" or "open"
end

local function row_named(set, name)
  for _, row in ipairs(set.rows) do
    if row.name == name then return row end
  end
end

-- Looks at results (results.read): {SLUG = true} of the rows that get another seed, the reference
-- among them, or nil when none does; and {clear = {NAME..}, hopeless = {..}, failed = {..}, open =
-- {..}}. A row is open while it is in any test set.
function M.look(results)
  local plan, rows = results.plan, {}
  local found = { clear = {}, hopeless = {}, failed = {}, open = {} }
  local runs = {}
  for _, run in ipairs(plan.runs) do runs[run.row] = (runs[run.row] or 0) + 1 end
  for _, planned in ipairs(plan.rows) do
    local how
    for _, set in ipairs(results.sets) do
      local row, reference = row_named(set, planned.name), set.reference
      if row == reference then
        rows.reference = planned.slug
      elseif row and runs[planned.slug] then
        local this = verdict(row, reference, plan.sequence)
        if not how or this == "open" or this ~= "clear" and how == "clear" then how = this end
      end
    end
    if how then
      table.insert(found[how], planned.name)
      if how == "open" and runs[planned.slug] < plan.sequence.most then
        rows[#rows + 1] = planned.slug
      end
    end
  end
  if #rows == 0 then return nil, found end
  local more = { [rows.reference] = true }
  for _, slug in ipairs(rows) do more[slug] = true end
  return more, found
end

-- The seed after the last one of the plan.
function M.next(plan)
  local last = -1
  for _, run in ipairs(plan.runs) do last = math.max(last, run.seed) end
  return last + 1
end

-- The seeds of rows of results, as "0, 1, 2", or with rows that have others "0, 1, 2; 'L2L': 0, 1".
function M.words(rows)
  local lists, count, most = {}, {}, nil
  for i, row in ipairs(rows) do
    local list = {}
    for s, run in ipairs(row.runs) do list[s] = tostring(run.seed) end
    lists[i] = table.concat(list, ", ")
    count[lists[i]] = (count[lists[i]] or 0) + 1
    if lists[i] ~= "" and (not most or count[lists[i]] > count[most]) then most = lists[i] end
  end
  local parts = { most }
  for i, row in ipairs(rows) do
    if lists[i] ~= "" and lists[i] ~= most then
      parts[#parts + 1] = string.format("'%s': %s", row.name, lists[i])
    end
  end
  return table.concat(parts, "; ")
end

return M
