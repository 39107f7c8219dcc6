-- rounds.lua: the runs of a plan in rounds of seeds, where there is something to decide between
-- two: whether the next round fits in the time that is left (--budget), and which rows need another
-- seed (--until separable). Without either, all runs are one round.
local core = require "stepwise.core"
local identity = require "stepwise.run.identity"
local plan_of = require "stepwise.sweep.plan"
local price = require "stepwise.sweep.price"
local results_of = require "stepwise.results.results"
local seeds = require "stepwise.sweep.seeds"
local text = require "stepwise.util.text"

local M = {}

-- What is to be done and was not tried by this command; with `by_seed` only the first seed's.
local function next_round(plan, dir, only, tried, by_seed)
  local round, count, seed = {}, 0, nil
  for _, run in ipairs(plan.runs) do -- sorted by seed
    if (not only or only[run.folder]) and not tried[run.folder]
      and plan_of.state(dir, run) ~= "done" and (not by_seed or not seed or run.seed == seed) then
      round[run.folder], count, seed = run, count + 1, run.seed
    end
  end
  return count > 0 and round or nil, seed
end

-- Prices with what finished runs of the rows have taken in place of the estimate.
local function known_prices(plan, dir, prices)
  local sums, result = {}, {}
  for _, run in ipairs(plan.runs) do
    local fine, found = pcall(identity.read_json, dir .. "/" .. run.folder .. "/result.json")
    local seconds = fine and found and found.seconds
    if type(seconds) == "number" and seconds > 0 then
      local sum = sums[run.row] or { seconds = 0, count = 0 }
      sum.seconds, sum.count = sum.seconds + seconds, sum.count + 1
      sums[run.row] = sum
    end
  end
  for slug, found in pairs(prices) do
    local sum = sums[slug]
    result[slug] = { seconds = sum and sum.seconds / sum.count or found.seconds }
  end
  return result
end

-- Whether the round may begin.
local function fits(plan, dir, round, seed, options, out)
  local runs = {}
  for _, run in pairs(round) do runs[#runs + 1] = run end
  local takes = price.sum(runs, known_prices(plan, dir, options.prices), options.jobs)
  local left = options.budget - (core.seconds() - options.began)
  if takes <= left then return true end
  out:say(string.format("--budget: seed %d is not started: its %s take about %s, and %s of %s are "
    .. "left", seed, text.plural(#runs, "run"), text.duration(takes),
    text.duration(math.max(0, left)), text.duration(options.budget)))
  return false
end

-- A look at what is there; true when the plan has more runs than before.
local function add_seeds(plan, dir, out)
  local rows, found = seeds.look(results_of.read(dir))
  local said = {}
  for _, how in ipairs { { "clear", "separable" }, { "hopeless", "cannot become separable" },
    { "failed", "failed" } } do
    local names = found[how[1]]
    if #names > 0 then
      said[#said + 1] = string.format("%s: '%s'", how[2], table.concat(names, "', '"))
    end
  end
  if rows then
    said[#said + 1] = string.format("another seed, %d: '%s'", seeds.next(plan),
      table.concat(found.open, "', '"))
  elseif #found.open > 0 then
    said[#said + 1] = string.format("not separable at %d seeds: '%s'", plan.sequence.most,
      table.concat(found.open, "', '"))
  end
  out:say("--until separable: " .. table.concat(said, "; "))
  if not rows then return false end
  plan_of.add_seed(plan, dir, seeds.next(plan), rows)
  plan_of.freeze(plan, dir)
  return true
end

-- Runs what is not done. start(only): runs those of the set, as sweep.run. options: only = a set of
-- names or nil; budget = seconds, with prices = of the rows, and jobs = at a time. Gives what start
-- gives: how many failed, the signal that interrupted it, what to do then.
function M.run(plan, dir, options, out, start)
  if not options.budget and not plan.sequence then return start(options.only) end
  options.began = core.seconds()
  local failed, tried = 0, {}
  while true do
    local round, seed = next_round(plan, dir, options.only, tried, options.budget)
    if round then
      if options.budget and not fits(plan, dir, round, seed, options, out) then break end
      local now, interrupted, hint = start(round)
      failed = failed + now
      if interrupted then return failed, interrupted, hint end
      for name in pairs(round) do tried[name] = true end
    elseif not plan.sequence or options.only or not add_seeds(plan, dir, out) then
      break
    end
  end
  return failed, nil
end

return M
