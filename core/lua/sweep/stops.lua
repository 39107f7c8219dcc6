-- stops.lua: runs that are ended before their time, each for a reason that the table prints in the
-- place of numbers: one that has collapsed, or one that is far behind the reference.
local core = require "stepwise.core"
local plan_of = require "stepwise.sweep.plan"
local text = require "stepwise.util.text"

local M = {}

-- How close to two margins per sample the loss stays of a model that scores all pairs alike, and
-- how many times chance its recall may be.
local WITHIN <const>, TIMES_CHANCE <const> = 0.05, 2
-- Evaluations in a row: more than those after which slow starts of this field were seen to learn.
M.COLLAPSE = 15
-- What p has to be below for --race, at each evaluation.
local LEVEL <const> = 0.001

M.options = {
  { "collapse", "N", string.format("a run fails when N dev evaluations in a row find it collapsed: "
    .. "recall at chance and loss at twice the margin; %d, 0: never", M.COLLAPSE), kind = "integer",
    most = 1000000 },
  { "race", "D", "a run fails when at a dev evaluation it is more than D rsum behind the reference "
    .. "at the same step and seed, with p < 0.001 over images; off when not given",
    kind = "integer", least = 1, most = 600 },
}

-- options: collapse = evaluations, nil or 0: never; race = rsum, nil: never.
function M.new(plan, dir, options)
  local self = { dir = dir, collapse = options.collapse, race = options.race }
  if options.race then
    local reference = plan_of.reference(plan, "--race")
    self.reference, self.name = {}, reference.name
    for _, run in ipairs(plan.runs) do
      if run.row == reference.slug then self.reference[run.seed] = run end
    end
  end
  return self
end

-- With --race, puts each seed's run of the reference before the others, which are compared with it.
function M.sort(runs, self)
  if not self.race then return end
  local place = {}
  for i, run in ipairs(runs) do place[run] = i end
  table.sort(runs, function(a, b)
    if a.seed ~= b.seed then return a.seed < b.seed end
    local first, second = self.reference[a.seed] == a, self.reference[b.seed] == b
    if first ~= second then return first end
    return place[a] < place[b]
  end)
end

-- The epoch since which the run has been collapsed, from 1; nil when it is not, or for fewer than
-- `many` evaluations.
function M.collapsed_since(standing, many)
  local images, margin = standing.images, standing.margin
  if not images or not margin then return nil end
  local chance = 1000 / images * TIMES_CHANCE -- percent of queries whose rank is below ten
  if chance >= 50 then return nil end -- so few images that chance says nothing
  local evaluations, first = standing.evaluations, nil
  for i = #evaluations, math.max(1, #evaluations - many + 1), -1 do
    local e = evaluations[i]
    local is_collapsed = e.loss and e.i2t_r10 and e.t2i_r10 and e.i2t_r10 <= chance
      and e.t2i_r10 <= chance and math.abs(e.loss - 2 * margin) <= WITHIN * 2 * margin
    if not is_collapsed then return nil end
    first = e
  end
  return #evaluations >= many and first.epoch + 1 or nil
end

local function ranks_file(dir, run, step)
  return string.format("%s/%s/ranks-dev-%d.npy", dir, run.folder, step)
end

-- How far the run is behind the reference at its last evaluation, in words; nil when it is not, or
-- the reference has not been there.
local function behind(standing, self, run)
  local reference = self.reference[run.seed]
  local last = standing.evaluations[#standing.evaluations]
  if not reference or reference == run or not last or last.step == standing.raced then
    return nil
  end
  local ours = ranks_file(self.dir, run, last.step)
  local theirs = ranks_file(self.dir, reference, last.step)
  if core.file_kind(ours) ~= "file" or core.file_kind(theirs) ~= "file" then return nil end
  standing.raced = last.step
  local fine, found = pcall(function()
    local a, b = core.ranks(ours, 1), core.ranks(theirs, 1)
    local delta = a:metrics().rsum - b:metrics().rsum
    return { delta = delta, p = core.bootstrap({ a }, { b }, { draws = 10000 }).rsum.p }
  end)
  if not fine or found.p >= LEVEL or found.delta > -self.race then return nil end
  return string.format("stopped at epoch %d: %.1f rsum behind '%s' at the same step and seed "
    .. "(p < %g over images)", last.epoch + 1, -found.delta, self.name, LEVEL)
end

-- Why the run should be ended, or nil. standing: run/standing.lua's of it.
function M.reason(standing, self, run)
  if self.collapse and self.collapse > 0 then
    local epoch = M.collapsed_since(standing, self.collapse)
    if epoch then
      return string.format("collapsed at epoch %d: dev recall at chance and loss at twice the "
        .. "margin in %s", epoch, text.plural(self.collapse, "evaluation"))
    end
  end
  return self.race and behind(standing, self, run) or nil
end

return M
