-- What stepwise bench makes of the times it measured: here, of times that are made up.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local timings = require "stepwise.results.timings"

local THREADS <const> = 4

-- All members of two tables, and of tables in them.
local function same(found, expected, where)
  where = where or "result"
  if type(found) ~= "table" or type(expected) ~= "table" then
    return unit.equal(found, expected, where)
  end
  for key, value in pairs(expected) do same(found[key], value, where .. "." .. key) end
  for key in pairs(found) do assert(expected[key] ~= nil, where .. "." .. key) end
end

-- A session whose steps take 9, 1 and 2 seconds to encode and three more in all, over and over.
local function session(threads)
  local bench, drawn, turns = { calls = {} }, 0, 0
  local encode = { 1000, 1000, 9, 1000, 1, 1000, 2 } -- those in between are not to count
  function bench.step(_, all_negatives)
    if all_negatives then return 20, 1, 1, 1 end
    drawn = drawn + 1
    return encode[drawn] or 7, 1, 1.5, 0.5
  end
  function bench.products(_, images, captions)
    bench.small = { images, captions }
    return { { part = "layer", per = "region", flop = 1e9 },
      { part = "gru", per = "word", flop = 2e9 }, { part = "gru", per = "word", flop = 3e9 },
      { part = "pairs", per = "pair", flop = 4e9 } }
  end
  -- OpenBLAS's threads are faster at the first part only.
  function bench.run(_, first, last, blas)
    turns = turns + 1
    bench.calls[#bench.calls + 1] = string.format("%d-%d%s", first, last, blas and "b" or "")
    if blas then return first == 1 and 0.25 or 3 end
    return ({ [1] = 0.5, [2] = 1, [4] = 2 })[first]
  end
  function bench.words(_, captions) return 10 * captions end
  function bench.evaluate() return 3, 4 end
  function bench.profile(_, begins)
    if begins then return end
    return { { part = "scores", products_s = 24, rest_s = 6, waiting_s = 2 },
      { part = "adam", products_s = 0, rest_s = 4, waiting_s = 0 } }
  end
  setmetatable(bench, { __close = function(this) this.closed = true end })
  return {
    threads = function() return threads end,
    bench_model = function(_, _, shape)
      bench.shape = shape
      return bench
    end,
  }, bench
end

local config = { table = function() return { train = { batch = 58, views = 2 } } end }

unit.test("steps: medians of those that follow another one, beside the faster floor", function()
  local made, bench = session(THREADS)
  local r = timings.of(made, config, { steps = 3 })
  same({ r.encode_s, r.score_s, r.backward_s, r.update_s, r.step_s }, { 2, 1, 1.5, 0.5, 5 })
  same(r.floor, { { part = "layer", gflop = 1, s = 0.25, way = "blas" },
    { part = "gru", gflop = 5, s = 1, way = "chunks" },
    { part = "pairs", gflop = 4, s = 2, way = "chunks" } })
  same({ r.floor_s, r.floor_gflop, r.gflops }, { 3.25, 10, 2 })
  unit.equal(r.ratio, 5 / 3.25)
  same({ r.batch, r.caption_words }, { 58, 1160 })
  unit.equal(r.flickr30k_epoch_h, 2500 * 5 / 3600)
  unit.equal(#bench.calls, 3 * 2 * 3)
  unit.equal(table.concat(bench.calls, " ", 1, 6), "1-1 2-3 4-4 1-1b 2-3b 4-4b")
  same({ r.warmup_step_s, r.profile, r.eval_s }, {})
  unit.equal(bench.closed, true)
  assert(r.peak_rss_mb > 1 and r.peak_rss_mb < 1e5, "the memory of this process")
end)

unit.test("one thread has no other way", function()
  local made, bench = session(1)
  local r = timings.of(made, config, { steps = 1 })
  same(r.floor[1], { part = "layer", gflop = 1, s = 0.5, way = "chunks" })
  same(bench.calls, { "1-1", "2-3", "4-4" })
end)

unit.test("of an even number of steps the median is the mean of the middle two", function()
  unit.equal(timings.of(session(1), config, { steps = 2 }).encode_s, 5)
end)

unit.test("warm-up steps are told beside the others", function()
  local r = timings.of(session(1), config, { steps = 3, warmup = true })
  same({ r.warmup_step_s, r.warmup_ratio }, { 23, 4.6 })
  assert(r.warmup_peak_rss_mb >= r.peak_rss_mb)
end)

unit.test("the parts of a profile add up to its step", function()
  local r = timings.of(session(THREADS), config, { steps = 3, profile = true })
  unit.equal(r.profile_step_s, 10) -- 7 + 1 + 1.5 + 0.5
  same(r.profile[1], { part = "scores", products_s = 2, rest_s = 0.5, waiting_s = 2 / 12,
    share = 8 / 30 })
  local sum, last = 0, r.profile[#r.profile]
  for _, part in ipairs(r.profile) do sum = sum + part.share end
  assert(math.abs(sum - 1) < 1e-12, sum)
  unit.equal(last.part, "one thread alone")
  assert(math.abs(last.waiting_s - (10 - 3)) < 1e-12, last.waiting_s)
end)

unit.test("an evaluation's floor is that of a small one, scaled by what each part grows with",
  function()
    local made, bench = session(1)
    local r = timings.of(made, config, { steps = 0, images = 128, captions = 1024 })
    same(bench.small, { 64, 256 })
    same({ r.eval_encode_s, r.eval_score_s, r.eval_s }, { 3, 4, 7 })
    same({ r.eval_floor[1].s, r.eval_floor[2].s, r.eval_floor[3].s }, { 0.5 * 2, 4, 2 * 8 })
    same({ r.eval_floor_s, r.eval_floor_gflop }, { 21, 2 + 20 + 32 })
    same({ r.eval_images, r.eval_captions, r.eval_ratio }, { 128, 1024, 7 / 21 })
    same({ r.step_s, r.ratio, r.batch }, {})
    assert(r.peak_rss_mb > 1)
  end)

unit.test("the first evaluation meets new memory: it counts only where it is long", function()
  for first, expected in pairs { [9] = 7, [21] = 22 } do
    local made, bench = session(1)
    local asked = 0
    function bench.evaluate()
      asked = asked + 1
      if asked == 1 then return first, 1 end
      return 3, 4
    end
    local r = timings.of(made, config, { steps = 0, images = 128, captions = 1024 })
    unit.equal(r.eval_s, expected)
  end
end)

unit.test("a number of steps that is none is refused, and the bench closed", function()
  for _, steps in ipairs { -1, 2.5, "many", 10001 } do
    local made, bench = session(1)
    unit.fails(2, { "steps: expected 0 to 10000, found " .. steps }, timings.of, made, config,
      { steps = steps })
    unit.equal(bench.closed, true)
  end
end)

unit.test("the model that is timed is asked for no more than it has", function()
  local real <close> = sw.session { threads = 2 }
  local small <close> = real:resolve {
    model = { dim = 16, embedding = { plugin = "random", word_dim = 8 } }, train = { batch = 16 },
  }
  local shape = { features = 24, regions = 3, images = 20, captions = 40, caption_words = 5 }
  local bench <close> = real:bench_model(small, shape)
  unit.fails(1, { "expected a recorded step" }, bench.products, bench)
  bench:step()
  local list = bench:products()
  assert(bench:run(1, #list) > 0 and bench:run(#list, #list, true) > 0)
  for _, asked in ipairs { { 65, 40 }, { 20, 41 }, { 20, 0 }, { -1, 40 } } do
    unit.fails(2, { "products: expected 1 to 64 images and 1 to 40 captions" }, bench.products,
      bench, asked[1], asked[2])
    assert(not pcall(bench.run, bench, 1, 1), "the products from before are gone")
  end
  assert(#bench:products(64, 40) < #list, "scoring goes forward only")
  assert(not pcall(bench.run, bench, 0, 1) and not pcall(bench.run, bench, 1, #list))
  unit.equal(bench:words(41), bench:words(40))
  unit.equal(bench:words(-1), 0)
  bench:profile(true)
  bench:step()
  assert(#bench:profile(false) > 10)
  unit.equal(#bench:profile(false), 0)
  unit.fails(2, { "the session is in use" }, real.close, real)
  bench:close()
  unit.fails(2, { "the bench is closed" }, bench.step, bench)
end)

unit.finish()
