-- eval --gt: recalls, R-Precision and mAP@R over files of ECCV Caption and CxC, against the
-- definitions applied to whole sorted lists.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local npy = require "stepwise.util.npy"

local IMAGES <const>, EACH <const> = 8, 5
local folder = unit.folder()
local session = sw.session { threads = 1 }
local data, run = folder .. "/data", folder .. "/run"
sw.scenes(data, { train = 12, dev = 8, test = IMAGES, regions = 4, features = 16, word_dim = 4 })
do
  local trainer <close> = session:train(session:resolve { data = { dir = data },
    model = { dim = 8, embedding = { plugin = "random", word_dim = 4 } },
    train = { batch = 8, epochs = 1, max_steps = 1 } }, run)
  repeat until trainer:next().kind == "done"
end

local function image_id(i) return 391895 + 7 * i end
local function caption_id(c) return 770337 + 3 * c end
do
  local images, captions = {}, {}
  for i = 0, IMAGES - 1 do images[i + 1] = string.format("COCO_val2014_%012d.jpg", image_id(i)) end
  for c = 0, IMAGES * EACH - 1 do captions[c + 1] = tostring(caption_id(c)) end
  unit.write(data .. "/test_ids.txt", table.concat(images, "\n") .. "\n")
  unit.write(data .. "/test_cap_ids.txt", table.concat(captions, "\n") .. "\n")
end

-- {[image] = {captions}}: its own first two, and some of others; images 6 and 7 ask nothing.
local right = {}
for i = 0, IMAGES - 3 do
  right[i] = { EACH * i, EACH * i + 1, (11 * i + 17) % 40, (3 * i + 38) % 40 }
end

local function of_captions()
  local result = {}
  for image, list in pairs(right) do
    for _, caption in ipairs(list) do
      result[caption] = result[caption] or {}
      table.insert(result[caption], image)
    end
  end
  return result
end

local function write_json(path, of, from_id, to_id)
  local value = {}
  for from, list in pairs(of) do
    local ids = core.json_array {}
    for i, to in ipairs(list) do ids[i] = to_id(to) end
    value[tostring(from_id(from))] = ids
  end
  return unit.write(path, core.json_encode(value))
end

local gt = folder .. "/gt"
assert(core.make_folders(gt))
write_json(gt .. "/eccv_image_to_caption.json", right, image_id, caption_id)
write_json(gt .. "/eccv_caption_to_image.json", of_captions(), caption_id, image_id)

-- The metrics of lists that are sorted whole: what comes first has the largest score, of equal ones
-- the highest place.
local function by_definition(S, of, among, score)
  local sum = { r1 = 0, r5 = 0, r10 = 0, rprecision = 0, map_at_r = 0, queries = 0 }
  for query, list in pairs(of) do
    local is_right, order, count = {}, {}, 0
    for _, one in ipairs(list) do
      if not is_right[one] then is_right[one], count = true, count + 1 end
    end
    for k = 0, among - 1 do order[k + 1] = k end
    table.sort(order, function(a, b)
      local x, y = score(S, query, a), score(S, query, b)
      if x ~= y then return x > y end
      return a > b
    end)
    local hits, precision = 0, 0
    for at, one in ipairs(order) do
      if is_right[one] then
        hits = hits + 1
        for _, k in ipairs { 1, 5, 10 } do
          if hits == 1 and at <= k then sum["r" .. k] = sum["r" .. k] + 1 end
        end
        if at <= count then precision = precision + hits / at end
      end
      if at == count then sum.rprecision = sum.rprecision + hits / count end
    end
    sum.map_at_r, sum.queries = sum.map_at_r + precision / count, sum.queries + 1
  end
  for key, value in pairs(sum) do
    if key ~= "queries" then sum[key] = 100 * value / sum.queries end
  end
  return sum
end

local function evaluate(...)
  local status, said = unit.program { "eval", run, "--data", data, "--split", "test", "--json",
    ... }
  unit.equal(status, 0, said)
  return core.json_decode(said)
end

local function check(found, S, what)
  local expected = {
    i2t = by_definition(S, right, IMAGES * EACH, function(s, i, c) return s[i + 1][c + 1] end),
    t2i = by_definition(S, of_captions(), IMAGES, function(s, c, i) return s[i + 1][c + 1] end),
  }
  for direction, metrics in pairs(expected) do
    for key, value in pairs(metrics) do
      unit.near(found[direction][key], value, 1e-9, what .. " " .. direction .. " " .. key)
    end
  end
end

unit.test("ECCV Caption: recalls, R-Precision and mAP@R are those of the sorted lists", function()
  local found = evaluate("--gt", gt, "--sims", folder .. "/sims.npy")
  local S = npy.matrix(folder .. "/sims.npy")
  unit.equal(#found.ground_truth, 1)
  unit.equal(found.ground_truth[1].name, "eccv")
  check(found.ground_truth[1], S, "eccv")
  unit.equal(found.ground_truth[1].i2t.lost, 0)
  local scratch = evaluate("--gt", gt .. "/eccv_image_to_caption.json")
  check(scratch.ground_truth[1], S, "a file, without --sims")
  local two = unit.program { "eval", run .. "/checkpoint.safetensors," .. run .. "/checkpoint-last"
    .. ".safetensors", "--data", data, "--split", "test", "--gt", gt }
  unit.equal(two, 0, "several models")
end)

unit.test("ids from ECCV Caption's own files, where the split has none", function()
  local ids = {}
  for c = 0, IMAGES * EACH - 1 do ids[c + 1] = string.pack("<i8", caption_id(c)) end
  local head = "{'descr': '<i8', 'fortran_order': False, 'shape': (40,), }"
  head = head .. string.rep(" ", 117 - #head) .. "\n"
  local path = unit.write(folder .. "/coco_test_ids.npy", "\147NUMPY\1\0"
    .. string.pack("<s2", head) .. table.concat(ids))
  local original = {}
  for c = 0, IMAGES * EACH - 1 do original[c] = { c // EACH } end
  write_json(gt .. "/original_caption_to_image.json", original, caption_id, image_id)
  os.rename(data .. "/test_ids.txt", data .. "/kept.txt")
  os.rename(data .. "/test_cap_ids.txt", data .. "/kept_cap.txt")
  local _, said = unit.program { "eval", run, "--data", data, "--split", "test", "--gt", gt }
  local found = evaluate("--gt", gt, "--caption-ids", path).ground_truth
  os.rename(data .. "/kept.txt", data .. "/test_ids.txt")
  os.rename(data .. "/kept_cap.txt", data .. "/test_cap_ids.txt")
  os.remove(gt .. "/original_caption_to_image.json")
  unit.contains(said, "test_cap_ids.txt: no such file; it has COCO's id of each caption")
  unit.equal(#found, 2, "eccv and original")
  check(found[1], npy.matrix(folder .. "/sims.npy"), "eccv")
  unit.equal(found[2].i2t, nil, "original has one direction here")
end)

unit.test("CxC: pairs rated 3 or more, each once; what the split lacks is told", function()
  local lines = { "caption,image,agg_score,sampling_method" }
  local function line(caption, image, score, kind)
    lines[#lines + 1] = string.format("COCO_val2014:sentid:%d,COCO_val2014_%012d.jpg,%s,%s",
      caption, image, score, kind)
  end
  for image, list in pairs(right) do
    for _, caption in ipairs(list) do
      line(caption_id(caption), image_id(image), "3.0", "c2i_intrasim")
      line(caption_id(caption), image_id(image), "4.6", "c2i_original")
    end
    line(caption_id((7 * image + 2) % 40), image_id(image), "2.9", "c2i_intrasim")
  end
  line(5, 6, "5", "c2i_original")
  local path = unit.write(folder .. "/sits_test.csv", table.concat(lines, "\r\n") .. "\r\n")
  local found = evaluate("--gt", path).ground_truth[1]
  check(found, npy.matrix(folder .. "/sims.npy"), "cxc")
  unit.equal(found.i2t.lost, 1)
  local _, said = unit.program { "eval", run, "--data", data, "--split", "test", "--gt", path }
  unit.contains(said, "cxc, text retrieval: queries that the split lacks: 1")
  unit.contains(said, "R-Precision  mAP@R")
end)

unit.test("what is no ground truth of this split is refused", function()
  local function refuses(status, part, ...)
    local found, said = unit.program { "eval", run, "--data", data, ... }
    unit.equal(found, status, said)
    unit.contains(said, part)
  end
  local bad = folder .. "/x_image_to_caption.json"
  refuses(2, "leave out --folds", "--split", "test", "--gt", gt, "--folds", "2")
  refuses(1, "none.json: no such file", "--split", "test", "--gt", folder .. "/none.json")
  refuses(1, "x_image_to_caption.json: 'a'", "--split", "test", "--gt",
    unit.write(bad, '{"a": [1]}'))
  refuses(1, "entry 2 is no id", "--split", "test", "--gt", unit.write(bad, '{"1": [1, "x"]}'))
  refuses(1, "none of the 1 queries of x is in", "--split", "test", "--gt",
    unit.write(bad, '{"1": [770337]}'))
  local image, caption = image_id(0), caption_id(0)
  refuses(1, string.format("none of the 1 queries of x has what is right in %s/test_cap_ids.txt, "
    .. "which has ids as %d; found ids as 1", data, caption), "--split", "test", "--gt",
    unit.write(bad, string.format('{"%d": [1]}', image)))
  refuses(1, "expected pairs of images and captions for x, found none", "--split", "test", "--gt",
    unit.write(bad, "{}"))
  refuses(1, "expected pairs of images and captions for cxc, found none", "--split", "test",
    "--gt", unit.write(folder .. "/c.csv", "caption,image,agg_score,sampling_method\n"))
  refuses(1, "c.csv:2: expected caption, image, score and kind", "--split", "test", "--gt",
    unit.write(folder .. "/c.csv", "a,b,c,d\n1,2,x,y\n"))
  refuses(1, "expected the ids of 40 captions, found 2", "--split", "test", "--gt", gt,
    "--caption-ids", unit.write(folder .. "/two.txt", "1\n2\n"))
  refuses(1, "id 4 stands at 0 and at 1", "--split", "test", "--gt", gt, "--caption-ids",
    unit.write(folder .. "/same.txt", string.rep("4\n", 40)))
end)

unit.finish()
