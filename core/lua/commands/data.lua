-- data.lua: stepwise data
local core = require "stepwise.core"
local progress = require "stepwise.util.progress"
local text = require "stepwise.util.text"

local MISUSE <const> = 2

local M = {
  name = "data",
  summary = "Looks at features and captions in others' files, and makes data folders of them.",
  usage = "inspect PATH | import PATH.. | check DIR | boxes DIR",
  plugins = false,
  details = [[
inspect says what a path holds and what is missing for training. import writes the data folder
--out: PATH is a precomputed folder (SCAN, vse_infty) or its .zip (also ZIP/FOLDER), a folder of
.npz or .npy files per image, a TSV of bottom-up attention, LXMERT or VinVL, an LMDB of UNITER or
ViLBERT, or HDF5 of bottom-up attention (BAN); several are taken together, a folder of boxes among
them. Images are joined by name, never by position. What an import was made of, and what it left out
and why, is in import.json; one that was interrupted goes on when it is started again. check looks
for what is wrong in a data folder. boxes finds boxes for a folder that has none in a source of the
same features (--from).]],
  arguments = { 2, math.maxinteger },
  options = {
    { "captions", "FILE",
      "dataset_*.json (Karpathy), captions_*.json (COCO), .token or .csv (Flickr), or a "
        .. "precomputed folder; none: those of PATH" },
    { "out", "DIR", "the folder that import writes, which is not there yet" },
    { "splits", "SPEC",
      "for captions without splits: NAME, or NAME=FILE,.. with an image's name per line" },
    { "only", "SPLITS", "import only these splits, with commas between" },
    { "regions", "K", "regions per image; fewer are padded, of more the surest are taken "
      .. "(the most there are)", kind = "integer", least = 1, most = 1000 },
    { "dtype", "TYPE", "f32, f16 or u8 (value / 255) (as it is in PATH)" },
    { "captions-per-image", "N", "captions that are taken of each image (5, or all)",
      kind = "integer", least = 1, most = 1000 },
    { "allow-missing", nil, "leave out images that have captions and no features" },
    { "from", "PATH", "features with boxes, for boxes" },
    { "parent", "PID", "end when this process ends (stepwise data gives it)", kind = "integer",
      least = 1 },
  },
}

local function pages(rows)
  for _, line in ipairs(text.columns(rows)) do print(line) end
end

-- ---- inspect -----------------------------------------------------------------------------------

local function range(values, format)
  table.sort(values)
  local least, middle, most = values[1], values[(#values + 1) // 2], values[#values]
  if least == most then return string.format(format, least) end
  return string.format(format .. " to " .. format .. ", median " .. format, least, most, middle)
end

local function splits_text(images)
  local counts, parts = {}, {}
  for _, image in ipairs(images) do
    local split = image.split or "no split"
    counts[split] = (counts[split] or 0) + 1
  end
  for _, split in ipairs(text.sorted_keys(counts)) do
    parts[#parts + 1] = string.format("%s %s", split, text.count(counts[split]))
  end
  return table.concat(parts, ", "), counts
end

local function folds_text(counts)
  local all = counts.testall or 0
  if all > 0 and all % 1000 == 0 then
    return string.format("test_split=testall folds=%d", all // 1000)
  end
  return "none: no split testall of thousands of images"
end

local function inspect_captions(rows, found)
  local each = {}
  for i, image in ipairs(found.images) do each[i] = #image.captions end
  local splits, counts = splits_text(found.images)
  rows[#rows + 1] = { "  captions", string.format("%s, %s; %s per image", found.format,
    text.plural(#found.images, "image"), range(each, "%d")) }
  rows[#rows + 1] = { "  splits", splits }
  return counts
end

local function inspect_source(source)
  local regions, features, dtypes, sizes, boxes, parts = {}, {}, {}, 0, 0, 0
  for i, record in ipairs(source.records) do
    regions[i] = record.regions
    if record.features then features[record.features] = true end
    if record.dtype then dtypes[record.dtype] = true end
    if record.width and record.height then sizes = sizes + 1 end
    if record.boxes then boxes = boxes + 1 end
    if record.parts then parts = parts + 1 end
  end
  local count = #source.records
  print(text.plain(source.path .. ": " .. source.layout))
  local rows = { { "  images", text.count(count) } }
  if count > 0 then
    rows[#rows + 1] = { "  regions", range(regions, "%d") .. " per image" }
    rows[#rows + 1] = { "  features", table.concat(text.sorted_keys(features), ", ") .. " "
      .. table.concat(text.sorted_keys(dtypes), ", ") }
    rows[#rows + 1] = { "  boxes", boxes == 0 and "none" or string.format("%s%s",
      boxes == count and "all" or text.count(boxes),
      parts > 0 and ", in parts of the picture" or ", in pixels") }
    rows[#rows + 1] = { "  sizes", sizes == 0 and "none" or sizes == count and "all"
      or text.count(sizes) }
  end
  if #source.dropped > 0 then
    local first = source.dropped[1]
    rows[#rows + 1] = { "  damaged", string.format("%d, the first: %s: %s", #source.dropped,
      first.where, first.fault) }
  end
  local counts = {}
  local own, reason
  if source.captions then
    local fine
    fine, own = pcall(source.captions, source)
    if fine then counts = inspect_captions(rows, own) else own, reason = nil, tostring(own) end
  end
  rows[#rows + 1] = { "  to train", source.only_boxes and "features are missing"
    or own and not counts.train and "no split is called train; train_split=NAME chooses another"
    or own and "complete" or reason or "captions are missing: import --captions FILE" }
  rows[#rows + 1] = { "  figure 3", boxes == count and count > 0 and "complete"
    or "boxes are missing: stepwise data boxes finds them in a source of the same features" }
  rows[#rows + 1] = { "  folds", folds_text(counts) }
  pages(rows)
end

local function inspect(_, paths, follow)
  local captions_of = require "stepwise.import.captions"
  local import = require "stepwise.import.import"
  for _, path in ipairs(paths) do
    local fine, sources = pcall(import.sources, { path }, follow.line)
    follow.finish()
    if fine then
      for _, source in ipairs(sources) do inspect_source(source) end
    else
      local other, found = pcall(captions_of.read, path)
      if not other or core.interrupted() then error(sources, 0) end
      print(text.plain(path .. ": captions"))
      local rows = {}
      inspect_captions(rows, found)
      pages(rows)
    end
  end
  return 0
end

-- ---- import ------------------------------------------------------------------------------------

local function import_into(given, paths, follow)
  local out = given.out and given.out:gsub("(.)/+$", "%1")
  if not out then core.fail(MISUSE, "data import: expected --out DIR") end
  if given.dtype and not ({ f32 = 1, f16 = 1, u8 = 1 })[given.dtype] then
    core.fail(MISUSE, string.format("data import: --dtype: expected f32, f16 or u8, found '%s'%s",
      given.dtype, core.suggest(given.dtype, { "f32", "f16", "u8" })))
  end
  if core.file_kind(out) and not (core.file_kind(out) == "folder" and #core.list_folder(out) == 0)
  then
    core.fail(1, out .. ": is there already; --out takes a folder that is not")
  end
  local import = require "stepwise.import.import"
  local writer = require "stepwise.import.writer"
  writer.check(out)
  local plan = import.plan(paths, { captions = given.captions, splits = given.splits,
    only = given.only, regions = given.regions, dtype = given.dtype,
    captions_per_image = given["captions-per-image"], allow_missing = given["allow-missing"] },
    follow.line)
  local done, found, from = writer.write(plan, out, follow.line)
  follow.finish()
  if not done then
    text.say("%s.partial: interrupted after %d of %d images; the same command goes on", out, found,
      from)
    return 128 + core.interrupted()
  end
  if from > 0 then text.say("went on after %s", text.plural(from, "image")) end
  local rows = {}
  for _, split in ipairs(plan.order) do
    rows[#rows + 1] = { "  " .. split, text.plural(#plan.splits[split], "image"),
      text.plural(#plan.splits[split] * plan.per_image, "caption") }
  end
  text.say("%s: %s of %s, %s, %s", out, text.plural(plan.regions, "region"),
    text.plural(plan.features, "feature"), plan.dtype,
    plan.boxes and "boxes in " .. plan.boxes or "no boxes" .. (plan.no_boxes and ": "
      .. plan.no_boxes or ""))
  pages(rows)
  for _, source in ipairs(plan.sources) do
    if source.others and #source.others > 0 then
      text.say("  not imported: %s", text.cut(table.concat(source.others, ", "), 200))
    end
  end
  for _, reason in ipairs(text.sorted_keys(found.dropped_reasons)) do
    text.say("  left out: %d: %s", found.dropped_reasons[reason], reason)
  end
  local first = found.dropped[1]
  if first then text.say("  first of them: %s: %s", first.where, first.reason) end
  return 0
end

-- ---- check, boxes ------------------------------------------------------------------------------

local function check(_, paths, follow)
  local failed = 0
  for _, dir in ipairs(paths) do
    local found = require("stepwise.import.check_folder").check(dir, follow.line)
    follow.finish()
    local rows = { { "split", "images", "captions", "regions", "features", "dtype", "boxes",
      "words in train", "fingerprint" } }
    for _, split in ipairs(found.splits) do
      rows[#rows + 1] = { split.name, text.count(split.images), text.count(split.captions),
        tostring(split.regions), tostring(split.features), split.dtype,
        split.has_boxes and "yes" or "no",
        split.coverage and string.format("%.1f %%", split.coverage) or "-", split.fingerprint }
    end
    print(text.plain(dir))
    pages(rows)
    for _, problem in ipairs(found.problems) do
      text.say("problem: %s", problem)
      failed = 1
    end
    if #found.problems == 0 then print("no problems") end
  end
  return failed
end

local function boxes(given, paths, follow)
  if not given.from then core.fail(MISUSE, "data boxes: expected --from PATH") end
  local failed = 0
  for _, dir in ipairs(paths) do
    local sets, least = require("stepwise.import.box_match").run(dir, given.from, follow.line)
    follow.finish()
    for _, set in ipairs(sets) do
      text.say("%s: %s: %.1f %% of %s found%s%s%s", dir, set.split, set.share,
        text.plural(set.regions, "region"),
        set.near > 0 and string.format(" (%s by cosine)", text.count(set.near)) or "",
        set.ambiguous > 0
          and string.format("; %s with more than one box", text.count(set.ambiguous)) or "",
        set.written and ""
          or string.format("; expected %d %% or more, no boxes are written", least))
      if not set.written then failed = 1 end
    end
  end
  return failed
end

local verbs <const> = { inspect = inspect, import = import_into, check = check, boxes = boxes }

-- ---- in a process of its own -------------------------------------------------------------------

-- libhdf5 trusts its files: a damaged one may end the process that reads it, though it was read
-- once before (core/data/hdf5_file.c). So another process does the work, and this one outlives it.
local function run_apart(argv, path)
  local patience <const> = 0.5 -- for a process that has met the same signal
  local command = { core.program_path(), argv[1], "--parent", tostring(core.process_number()),
    table.unpack(argv, 2) }
  io.stdout:flush()
  core.catch_interrupts()
  local process, reason = core.spawn(command)
  if not process then core.fail(1, reason) end
  local how, what, asked
  repeat
    how, what = core.wait(process, true)
    asked = asked or core.interrupted() and core.seconds() + patience
    if asked and core.seconds() > asked then
      core.stop(process)
      asked = math.huge
    end
    if not how then core.sleep(0.005) end
  until how
  core.release_interrupts()
  if how == "exit" then return what end
  core.fail(1, string.format("%s: damaged: libhdf5 ended on it: %s", path, what))
end

local function hdf5_among(given, paths)
  local detect = require "stepwise.import.detect"
  for i = 1, #paths + 1 do
    local path = paths[i] or given.from
    local found = path and detect.hdf5_at(path)
    if found then return found end
  end
end

function M.run(given, arguments, argv)
  local verb = arguments[1]
  if not verbs[verb] then
    core.fail(MISUSE, string.format("data: expected inspect, import, check or boxes, found '%s'%s",
      verb, core.suggest(verb, text.sorted_keys(verbs))))
  end
  local hdf5 = not given.parent and hdf5_among(given, { table.unpack(arguments, 2) })
  if hdf5 then return run_apart(argv, hdf5) end
  if given.parent and not core.end_with(given.parent) then return 1 end
  local line <close> = progress.new(io.stderr)
  line.shown_at = core.seconds() -- what is done at once needs none
  core.catch_interrupts()
  local fine, result = pcall(verbs[verb], given, { table.unpack(arguments, 2) },
    { line = function(make) line:follow(make) end, finish = function() line:finish() end })
  local signal = core.interrupted()
  core.release_interrupts()
  if fine then return result end
  if signal then
    line:finish()
    print("interrupted; nothing was changed")
    return 128 + signal
  end
  error(result, 0)
end

return M
