-- made_tables.lua: folders of finished runs with made-up ranks, for tests of tables.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"

local M = {}

local IMAGES <const>, PER_IMAGE <const> = 60, 2
M.recalls = { "i2t_r1", "i2t_r5", "i2t_r10", "t2i_r1", "t2i_r5", "t2i_r10" }

function M.npy(path, rows)
  local width = #rows[1]
  local header = string.format("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }",
    #rows, width)
  header = header .. string.rep(" ", -(11 + #header) % 64) .. "\n"
  local parts = { "\x93NUMPY\1\0", string.pack("<I2", #header), header }
  for _, row in ipairs(rows) do
    for _, rank in ipairs(row) do parts[#parts + 1] = string.pack("<f", rank) end
  end
  unit.write(path, table.concat(parts))
end

-- Ranks of a run; a smaller scale is better, and `lcg` makes them differ from seed to seed.
function M.ranks(scale, seed)
  local state = seed * 7919 + 17
  local function uniform()
    state = (state * 1103515245 + 12345) % 2147483648
    return (state // 65536) / 32768
  end
  local rows = {}
  for i = 1, IMAGES do
    local hard = (i % 15) + 1
    rows[i] = {}
    for c = 0, PER_IMAGE do rows[i][c + 1] = math.floor(hard * scale * (0.5 + uniform())) end
  end
  return rows
end

function M.metrics(rows)
  local m = { rsum = 0 }
  for at, name in ipairs(M.recalls) do
    local limit, from, to = ({ 1, 5, 10 })[(at - 1) % 3 + 1], 1, 1
    if at > 3 then from, to = 2, 1 + PER_IMAGE end
    local hits, count = 0, 0
    for _, row in ipairs(rows) do
      for c = from, to do
        hits, count = hits + (row[c] < limit and 1 or 0), count + 1
      end
    end
    m[name] = 100 * hits / count
    m.rsum = m.rsum + m[name]
  end
  return m
end

local function plan_row(name, changes, paper)
  return { name = name, slug = name, changes = sw.json_array(changes), paper = paper }
end

-- Fills the folder `dir` with runs: `rows` as {name, {changes}, scale, paper}; every seed is
-- finished, with ranks.
function M.table(dir, rows, seeds, more)
  assert(os.execute("mkdir -p '" .. dir .. "/logs'"))
  local plan = { title = "T", data = "d", rows = sw.json_array {}, runs = sw.json_array {} }
  for key, value in pairs(more or {}) do plan[key] = value end
  for i, row in ipairs(rows) do
    plan.rows[i] = plan_row(row[1], row[2], row[4])
    for _, seed in ipairs(seeds) do
      local folder = string.format("%s-seed%d", row[1], seed)
      plan.runs[#plan.runs + 1] = { row = row[1], seed = seed, folder = folder }
      assert(os.execute(string.format("mkdir -p '%s/%s'", dir, folder)))
      local ranks = M.ranks(row[3], seed + 10 * i)
      M.npy(dir .. "/" .. folder .. "/ranks-test.npy", ranks)
      unit.write(dir .. "/" .. folder .. "/result.json",
        sw.json_encode { test = M.metrics(ranks), dev = sw.json_null })
    end
  end
  unit.write(dir .. "/plan.json", sw.json_encode(plan))
  return dir
end

return M
