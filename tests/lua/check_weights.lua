-- Weights go out and come back: as they are, under the names of other programs, and never half.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local npy = require "stepwise.util.npy"

local folder = unit.folder()
local session = sw.session { threads = 1 }
local data, run = folder .. "/data", folder .. "/run"
sw.scenes(data, { train = 12, dev = 8, test = 8, regions = 4, features = 16, word_dim = 4 })

local function trained(name, model)
  local config = session:resolve { model = model, data = { dir = data },
    train = { batch = 8, epochs = 1, max_steps = 1 } }
  local trainer <close> = session:train(config, name)
  repeat until trainer:next().kind == "done"
  return name .. "/checkpoint.safetensors"
end

local words <const> = { plugin = "random", word_dim = 4 }
local best = trained(run, { dim = 8, embedding = words })

local function succeeds(...)
  local status, said = unit.program { ... }
  unit.equal(status, 0, said)
  return said
end

local function refuses(status, parts, ...)
  local found, said = unit.program { ... }
  unit.equal(found, status, said)
  for _, part in ipairs(parts) do unit.contains(said, part) end
  unit.equal(select(2, said:gsub("\n", "")), 1, "one line: " .. said)
end

local outs = 0
local function fresh(ending)
  outs = outs + 1
  local path = string.format("%s/out%d", folder, outs)
  assert(core.make_folders(path))
  return path .. "/w." .. ending
end

-- The tensors of a file, {[name] = {shape = "8 x 16", bytes =}}, and their number.
local function tensors(path)
  local file <close> = core.weights(path)
  local list, result = file:list(), {}
  for i, tensor in ipairs(list) do
    result[tensor.name] = { shape = table.concat(tensor.shape, " x "), bytes = file:floats(i) }
  end
  return result, #list
end

unit.test("each format brings every number back, and a run goes on from it", function()
  for _, ending in ipairs { "safetensors", "npz", "pt" } do
    local file, back = fresh(ending), fresh "safetensors"
    unit.contains(succeeds("export-weights", run, "--to", file), "19 tensors")
    succeeds("import-weights", file, "--config", run, "--out", back)
    unit.equal(unit.read(back), unit.read(best), ending)
    unit.equal(unit.read(back:match("^.*/") .. "vocab.json"), unit.read(run .. "/vocab.json"))
    if ending == "npz" then
      local config = session:resolve(core.json_decode(unit.read(run .. "/config.json")))
      config:override("data.init=" .. back)
      local trainer <close> = session:train(config, folder .. "/on")
      repeat until trainer:next().kind == "done"
    end
  end
end)

unit.test("an archive has NumPy's members, with headers of 64 bytes and PyTorch's own", function()
  local npz, pt = fresh "npz", fresh "pt"
  succeeds("export-weights", best, "--to", npz)
  succeeds("export-weights", best, "--to", pt)
  local bytes, torch = unit.read(npz), unit.read(pt)
  unit.contains(bytes, "image.fc.weight.npy\147NUMPY\1\0v\0{'descr': '<f4', "
    .. "'fortran_order': False, 'shape': (8, 16), }")
  unit.contains(bytes, "'shape': (8,), }")
  unit.contains(torch, "archive/data.pkl\x80\2ccollections\nOrderedDict\n)R(X")
  unit.contains(torch, "archive/version3\n")
  unit.equal(core.crc32 "123456789", 0xcbf43926, "CRC-32 of its standard's check value")
end)

local published <const> = {
  ["image.fc.weight"] = "img_enc.fc.weight", ["embedding.random.weight"] = "txt_enc.embed.weight",
  ["text.gru.bias_ih_l0_reverse"] = "txt_enc.rnn.bias_ih_l0_reverse",
}

unit.test("a map gives the names of another program; without one they are found out", function()
  local scan = trained(folder .. "/scan", { dim = 8, embedding = words, direction = "t2i",
    stages = { { plugin = "scan" } } })
  local file, back = fresh "npz", fresh "safetensors"
  succeeds("export-weights", scan, "--to", file, "--map", "scan")
  local theirs, ours = tensors(file), tensors(scan)
  for name, called in pairs(published) do
    unit.equal(theirs[called].shape, ours[name].shape, name)
    unit.equal(theirs[called].bytes, ours[name].bytes, name)
  end
  unit.contains(succeeds("import-weights", file, "--config", folder .. "/scan", "--out", back),
    "11 tensors, named as in scan")
  unit.equal(unit.read(back), unit.read(scan))
end)

unit.test("what a training program wraps a model in is taken off; what no number depends on, left",
  function()
  local saf = trained(folder .. "/saf", { dim = 8, embedding = words, direction = "t2i",
    stages = { { plugin = "saf", width = 4 } } })
  local file, back = fresh "npz", fresh "safetensors"
  succeeds("export-weights", saf, "--to", file, "--map", "sgraf")
  local of = core.weights(file)
  local list = { { name = "epoch", shape = { 1 }, bytes = string.pack("<f", 3) } }
  local index <const> = { img_enc = 0, txt_enc = 1, sim_enc = 2 }
  for i, tensor in ipairs(of:list()) do
    local encoder, rest = tensor.name:match("^(%w+_enc)(.*)$")
    list[#list + 1] = { name = "model." .. index[encoder] .. ".module" .. rest,
      shape = tensor.shape, bytes = of:floats(i) }
  end
  list[#list + 1] = { name = "model.2.module.SAF_module.bn.num_batches_tracked", shape = { 1 },
    bytes = string.pack("<f", 3) }
  local wrapped = fresh "safetensors"
  core.write_safetensors(wrapped, list, "{}")
  unit.contains(succeeds("import-weights", wrapped, "--config", saf, "--out", back),
    "named as in sgraf")
  unit.equal(unit.read(back), unit.read(saf))
  local zeros = tensors(file)["sim_enc.t_global_w.embedding_common.0.bias"]
  unit.equal(zeros.bytes, "\0\0\0\0", "what SGRAF has and no number depends on")
end)

-- A file of the checkpoint's tensors, each changed by `change`, which may leave it out.
local function changed(change)
  local path, list = fresh "safetensors", {}
  local of = core.weights(best)
  for i, tensor in ipairs(of:list()) do
    tensor.bytes = of:floats(i)
    list[#list + 1] = change(tensor)
  end
  core.write_safetensors(path, list, "{}")
  return path
end

unit.test("a mismatch names the tensor, what was expected and what is there; nothing is written",
  function()
  local out = fresh "safetensors"
  local function import(file, parts, ...)
    refuses(1, parts, "import-weights", file, "--config", run, "--out", out, ...)
    unit.equal(core.file_kind(out), nil)
    unit.equal(core.file_kind(out:match("^.*/") .. "vocab.json"), nil)
  end
  import(changed(function(tensor)
    if tensor.name == "text.gru.bias_hh_l0" then tensor.name = "text.gru.bias_hh_10" end
    return tensor
  end), { "no tensor for text.gru.bias_hh_l0 (24)", "did you mean 'text.gru.bias_hh_10'?" })
  import(changed(function(tensor)
    if tensor.name == "l2l.image_key.weight" then
      tensor.shape, tensor.bytes = { 4, 8 }, tensor.bytes:sub(1, 128)
    end
    return tensor
  end), { "tensor 'l2l.image_key.weight': expected 8 x 8 for l2l.image_key.weight, found 4 x 8" })
  import(changed(function(tensor)
    if tensor.name == "image.fc.bias" then
      tensor.bytes = string.pack("<f", 0 / 0) .. tensor.bytes:sub(5)
    end
    return tensor
  end), { "tensor 'image.fc.bias': number 0 of 8 is a NaN" })
  local more = fresh "safetensors"
  core.write_safetensors(more, { { name = "head.weight", shape = { 2 }, bytes = "01234567" } },
    "{}")
  refuses(1, { "tensor 'head.weight' (2) is none of the model's", "--ignore head.weight" },
    "import-weights", best, more, "--config", run, "--out", out)
  refuses(1, { "tensor 'image.fc.weight' is in", ", too" }, "import-weights", best, best,
    "--config", run, "--out", out)
  refuses(1, { "expected 5 x 16 for image.fc.weight, found 8 x 16" }, "import-weights", best,
    "--config", run, "dim=5", "--out", out)
  local vocab = unit.write(folder .. "/other.json",
    '{"word2idx":{"<pad>":0,"<start>":1,"<end>":2,"<unk>":3},"idx2word":{"0":"<pad>","1":"<start>",'
    .. '"2":"<end>","3":"<unk>"},"idx":4}')
  import(best, { "other.json: expected", "words as", "found 4" }, "--vocab", vocab)
  unit.contains(succeeds("import-weights", best, more, "--config", run, "--ignore", "head.",
    "--out", out), "19 tensors")
  refuses(1, { "is there already" }, "import-weights", best, "--config", run, "--out", out)
end)

unit.test("files that are none, and names that are wrong, are refused", function()
  local out, npz = fresh "safetensors", fresh "npz"
  succeeds("export-weights", best, "--to", npz)
  for bytes, part in pairs {
    [unit.read(npz):gsub("%.npy", ".txt")] = "zip archive without data.pkl",
    [unit.read(npz):gsub("\147NUMPY", "\147NUMPI")] = "",
    [unit.read(npz):sub(1, -2)] = "",
    ["\x80\2\x8a\x0a" .. string.rep("x", 40)] = "",
    ["not tensors at all"] = "not a safetensors file",
    [""] = "the file is empty; expected .safetensors, .npz or what torch.save wrote",
  } do
    refuses(1, { "bad.pt", part }, "import-weights", unit.write(folder .. "/bad.pt", bytes),
      "--config", run, "--out", out)
  end
  refuses(2, { "no map 'scam'; did you mean 'scan'?" }, "import-weights", best, "--config", run,
    "--map", "scam", "--out", out)
  refuses(2, { "ends in .safetensors, .npz or .pt, found 'w.bin'" }, "export-weights", run, "--to",
    "w.bin")
  refuses(1, { "odd.lua: expected {\"ours\", \"theirs\", ..} as entry 2" }, "export-weights", run,
    "--to", fresh "npz", "--map", unit.write(folder .. "/odd.lua", 'return {{"a","b"},{"c"}}'))
  refuses(1, { "calls both", "'x.weight'" }, "export-weights", run, "--to", fresh "npz", "--map",
    unit.write(folder .. "/same.lua", 'return {{"image.fc","x"},{"embedding.random","x"}}'))
end)

unit.test("published weights score as their own code does", function()
  local shared = os.getenv("STEPWISE_SHARED")
  local from = shared and shared .. "/oracle/folder"
  if not from or not core.file_kind(from .. "/encoder_published.safetensors") then
    print("skipped: the weights and scores of published code are not there")
    return
  end
  local sgraf = shared .. "/oracle/sgraf/weights_"
  for scores, how in pairs {
    scan_t2i = { "scan_t2i" },
    imram_full = { "imram_full", from .. "/imram_gates.safetensors" },
    sgraf_saf = { "saf", sgraf .. "SAF.safetensors", "saf.width=32" },
    sgraf_sgr = { "sgr", sgraf .. "SGR.safetensors", "sgr.width=32" },
  } do
    local out = fresh "safetensors"
    succeeds("import-weights", from .. "/encoder_published.safetensors", "--config",
      unit.source .. "/experiments/methods/" .. how[1] .. ".lua", "dim=64", "word_dim=20",
      "--vocab", from .. "/data/vocab.json", "--out", out, table.unpack(how, 2))
    session:evaluate { checkpoints = { out }, data = from .. "/data", split = "test",
      sims = folder .. "/sims.npy" }
    local ours = npy.matrix(folder .. "/sims.npy")
    local theirs = npy.matrix(from .. "/sims_" .. scores .. ".npy")
    for i, row in ipairs(theirs) do
      for j, value in ipairs(row) do unit.near(ours[i][j], value, 1e-5, scores) end
    end
  end
end)

unit.finish()
