-- Equal captions and equal images get equal scores, to the last bit, with every set of kernels, so
-- that duplicates tie and are not ranked by rounding.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"

local folder = unit.folder()
local data, run = folder .. "/data", folder .. "/run"
sw.scenes(data, { train = 16, dev = 8, test = 40, regions = 7, features = 24, word_dim = 6 })

-- Seven different captions in a mixed order, and image 3 in the place of three others.
local captions, lines = {}, {}
for line in unit.read(data .. "/test_caps.txt"):gmatch("[^\n]+") do lines[#lines + 1] = line end
for c = 1, #lines do captions[c] = c * c * 5 % 7 * 3 + 1 end
local mixed = {}
for c, kind in ipairs(captions) do mixed[c] = lines[kind] end
unit.write(data .. "/test_caps.txt", table.concat(mixed, "\n") .. "\n")
local images = unit.read(data .. "/test_ims.npy")
local head = 10 + string.unpack("<I2", images, 9)
local size = (#images - head) // 40
local copies = { [3] = true, [9] = true, [18] = true, [39] = true }
local parts = { images:sub(1, head) }
for i = 0, 39 do
  local from = head + (copies[i] and 3 or i) * size
  parts[#parts + 1] = images:sub(from + 1, from + size)
end
unit.write(data .. "/test_ims.npy", table.concat(parts))

unit.write(folder .. "/x.lua", [[
local sw = require "stepwise"
return sw.experiment { name = "x", model = { dim = 32,
  embedding = sw.embedding "random" { word_dim = 6 } }, train = { batch = 16, max_steps = 3 } }]])
local status, said = unit.program { "train", folder .. "/x.lua", "--data", data, "--out", run }
unit.equal(status, 0, said)

for _, set in ipairs { "baseline", "avx2", "avx512", "amx" } do
  local before = "export STEPWISE_CPU=" .. set .. ";"
  local function program(words)
    local found, text = unit.program(words, before, "2>/dev/null")
    return found == 0 and text or nil
  end
  unit.test("scores of duplicates are equal in evaluation and search with " .. set, function()
    local sims = folder .. "/" .. set .. ".npy"
    if not program { "eval", run, "--data", data, "--split", "test", "--sims", sims } then
      unit.equal(set ~= "baseline", true, "the baseline is there")
      print("skipped: this CPU or this build has no " .. set .. " kernels")
      return
    end
    local bytes = unit.read(sims)
    local at = #bytes - 40 * #captions * 4
    local function score(image, caption)
      local from = at + (image * #captions + caption - 1) * 4
      return (string.unpack("<f", bytes, from + 1))
    end
    local first, different = {}, {}
    for i = 0, 39 do
      for c, kind in ipairs(captions) do
        local key = (copies[i] and 3 or i) * 1000 + kind
        first[key] = first[key] or score(i, c)
        unit.equal(score(i, c), first[key], string.format("image %d, caption %d", i, c))
        different[first[key]] = true
      end
    end
    unit.equal(next(different, next(different)) ~= nil, true, "scores that differ")
    local of_kind = {}
    for _, hit in ipairs(sw.json_decode(program { "search", run, "--data", data, "--split", "test",
      "--image", "5", "--top", tostring(#captions), "--json" }).results) do
      of_kind[hit.text] = of_kind[hit.text] or hit.score
      unit.equal(hit.score, of_kind[hit.text], "caption " .. hit.index)
    end
    local of_copies
    for _, hit in ipairs(sw.json_decode(program { "search", run, "--data", data, "--split", "test",
      "a red dog", "--top", "40", "--json" }).results) do
      if copies[hit.image] then
        of_copies = of_copies or hit.score
        unit.equal(hit.score, of_copies, "image " .. hit.image)
      end
    end
  end)
end

unit.finish()
