-- compare.lua: the rows of a table against its reference row, as far as chance lets one say.
--
-- Two tests stand behind each difference, because neither is enough at a few seeds:
--   bootstrap  images and seeds drawn again (match/bootstrap.h): another test set, other seeds.
--              From three seeds it draws no tail, so alone it calls too much real.
--   t          Student's paired t over the seeds: it knows how little n seeds say, but takes the
--              test set as it is.
-- A difference counts when both call it real: p is the larger of the two, the interval covers both.
-- That needs no correction of its own: whichever of the two null hypotheses is true, its own test
-- has to err. One seed has no t, so there is no verdict and no p: what seeds do is not in it.
--
-- Tried on 1000 made-up tables whose rows do not differ (tests/golden/simulate_differences.py,
-- spread 0.15): at three seeds the bootstrap called 13.8 % of them different at p < 0.05, without
-- its stretch 18.9 %, t 4.9 %, both together 4.8 %; at two seeds 19.7, 28.2, 5.1 and 3.8 %.
local core = require "stepwise.core"
local layout = require "stepwise.results.layout"
local statistics = require "stepwise.results.statistics"

local M = {}

M.draws = 10000
M.level = 0.05
-- The level of each look but the last of a sweep that adds seeds until rows are separable.
M.look_level = 0.001

-- The level of a difference over n seeds. sequence: {first =, most =}, of a sweep that looks at
-- first, first + 1, .., most seeds; nil: it looks once. The looks before the last spend look_level
-- each, the last what they leave, so that all together call a true null hypothesis separable in at
-- most 5 % of sweeps, whatever depends on what (Bonferroni over looks).
function M.level_at(sequence, n)
  if not sequence then return M.level end
  if n ~= sequence.most then return M.look_level end
  return M.level - M.look_level * (sequence.most - sequence.first)
end

-- The runs of two rows that have the same seed, in the order of the row's.
local function pairs_of(row, reference)
  local of_seed, list = {}, {}
  for _, run in ipairs(reference.runs) do of_seed[run.seed] = run end
  for _, run in ipairs(row.runs) do
    local other = of_seed[run.seed]
    if other then list[#list + 1] = { run, other } end
  end
  return list
end

-- The bootstrap of all metrics; nil and perhaps a reason where there are no ranks for it.
local function bootstrap(list, ranks)
  local a, b = {}, {}
  for i, pair in ipairs(list) do
    a[i], b[i] = ranks[pair[1]], ranks[pair[2]]
    if not a[i] or not b[i] then return nil end
  end
  local fine, found = pcall(core.bootstrap, a, b, { draws = M.draws })
  if fine then return found end
  return nil, type(found) == "table" and found.text or tostring(found)
end

-- share: what one part of runs that are sums counts in their mean.
local function difference(list, metric, drawn, share)
  local x, y = {}, {}
  for i, pair in ipairs(list) do x[i], y[i] = pair[1].metrics[metric], pair[2].metrics[metric] end
  local t = statistics.paired(x, y)
  local result = { mean = t.mean, n = t.n, separable = false }
  if drawn then
    result.bootstrap = { low = share * drawn[metric].low, high = share * drawn[metric].high,
      p = drawn[metric].p }
  end
  if t.half then result.t = { low = t.mean - t.half, high = t.mean + t.half, p = t.p } end
  for _, test in ipairs { result.bootstrap or false, result.t or false } do
    if test then
      result.low = math.min(result.low or test.low, test.low)
      result.high = math.max(result.high or test.high, test.high)
      result.p = math.max(result.p or test.p, test.p)
    end
  end
  if metric == "rsum" then result.seeds_needed = statistics.seeds_needed(x, y) end
  if result.n < 2 then result.p = nil end
  result.over = result.bootstrap and (result.t and "queries and seeds" or "queries")
    or result.t and "seeds" or nil
  return result
end

-- Holm's correction within a family of differences.
function M.correct(family, sequence)
  local p = {}
  for i, one in ipairs(family) do p[i] = one.p end
  local corrected = statistics.holm(p)
  for i, one in ipairs(family) do
    one.p_holm = corrected[i]
    one.separable = one.n > 1 and one.p_holm ~= nil and one.p_holm < M.level_at(sequence, one.n)
  end
end

-- What `delta` below is, of two rows; nil where they share no seed; then why nothing was drawn.
-- share: 1 / n where the ranks of the rows are those of n runs added up, and metrics their mean.
function M.pair(row, reference, ranks, share)
  local list = pairs_of(row, reference)
  if #list == 0 then return nil end
  local drawn, problem = bootstrap(list, ranks)
  local delta = {}
  for _, metric in ipairs(layout.metrics) do
    delta[metric[1]] = difference(list, metric[1], drawn, share or 1)
  end
  return delta, problem and string.format("'%s' against '%s': %s", row.name, reference.name,
    problem)
end

-- Gives each row but the reference `delta`, {i2t_r1 = {mean =, low =, high =, p =, p_holm =,
-- separable =, n =, over =, bootstrap =, t =}, .., rsum = {..}}, where it shares a seed with the
-- reference. over: what the interval speaks of, "queries and seeds", "queries" or "seeds"; nil with
-- low and high at one seed without ranks; one seed has no p. rsum has seeds_needed = of each row,
-- to separate as much (statistics.lua). sequence: see level_at. ranks: a run's ranks by run. rsum
-- is one family of tests, over the rows; the six recalls are another, over rows and recalls.
-- Returns lines about what could not be drawn.
function M.rows(rows, reference, ranks, sequence)
  local rsums, recalls, problems = {}, {}, {}
  for _, row in ipairs(rows) do
    local problem
    if row ~= reference then row.delta, problem = M.pair(row, reference, ranks) end
    problems[#problems + 1] = problem
    for name, one in pairs(row.delta or {}) do
      local family = name == "rsum" and rsums or recalls
      family[#family + 1] = one
    end
  end
  M.correct(rsums, sequence)
  M.correct(recalls, sequence)
  return problems
end

return M
