-- writer.lua: the second pass of an import: features and boxes row by row, in the order of their
-- source, and the text files. All is written to OUT.partial, which becomes OUT at the end; an
-- import that was ended early goes on where it was.
local core = require "stepwise.core"
local import = require "stepwise.import.import"
local text = require "stepwise.util.text"

local M = {}

local FORMAT <const> = 1
local SAVE_EVERY <const> = 5     -- seconds
local NAMED <const> = 1000       -- dropped records that import.json lists

-- ---- which import it is ------------------------------------------------------------------------

-- Path, size and a hash (of large files sampled) of what a source or the captions are made of.
local function stamp(path, layout, files, names)
  local entry = { path = path, layout = layout, files = #files, bytes = 0, hashes = {} }
  for i, file in ipairs(files) do
    local open <close> = io.open(file, "rb")
    if not open then core.fail(1, file .. ": cannot be opened") end
    entry.bytes = entry.bytes + open:seek("end")
    entry.hashes[i] = core.hash_file(file, true)
  end
  if names then -- a file per image: their names and sizes
    entry.files = #names
    local sizes = {}
    for i, name in ipairs(names) do
      local open <close> = io.open(path .. "/" .. name, "rb")
      local size = open and open:seek("end") or 0
      entry.bytes = entry.bytes + size
      sizes[i] = name .. " " .. size
    end
    entry.hashes[1] = core.hash128(table.concat(sizes, "\n"))
  end
  return entry
end

-- How many were dropped for each reason; numbers in it are N.
local function reasons_of(plan)
  local counts = {}
  for _, entry in ipairs(plan.dropped) do
    local reason = entry.reason:gsub("%d+", "N")
    counts[reason] = (counts[reason] or 0) + 1
  end
  return counts
end

-- What import.json says.
local function describe(plan)
  local sources, splits, dropped = {}, {}, {}
  for i, source in ipairs(plan.sources) do
    sources[i] = stamp(source.path, source.layout, source.files, source.names)
    sources[i].images = #source.records
    sources[i].joined_by = plan.joined[i] and plan.joined[i].by
  end
  for _, name in ipairs(plan.order) do
    splits[name] = { images = #plan.splits[name],
      captions = #plan.splits[name] * plan.per_image }
  end
  for i = 1, math.min(#plan.dropped, NAMED) do dropped[i] = plan.dropped[i] end
  for _, entry in ipairs(dropped) do
    for key, value in pairs(entry) do entry[key] = text.readable(value) end
  end
  return {
    format = FORMAT, version = core.version, sources = sources,
    captions = stamp(plan.captions.files[1] or plan.sources[1].path, plan.captions.format,
      plan.captions.files),
    splits = splits, captions_per_image = plan.per_image, regions = plan.regions,
    regions_found = { plan.fewest, plan.most }, features = plan.features, dtype = plan.dtype,
    boxes = plan.boxes or core.json_null, no_boxes = plan.no_boxes,
    dropped = core.json_array(dropped), dropped_count = #plan.dropped,
    dropped_reasons = reasons_of(plan),
    without_captions = plan.without_captions, without_split = plan.without_split,
  }
end

-- ---- features and boxes ------------------------------------------------------------------------

-- {{record, source, targets = {{split, row}..}, image}..} in the order of the sources' records.
local function work_of(plan)
  local by_record, list = {}, {}
  for _, split in ipairs(plan.order) do
    for row, image in ipairs(plan.splits[split]) do
      local item = by_record[image.record]
      if not item then
        item = { record = image.record, image = image, targets = {} }
        by_record[image.record] = item
      end
      table.insert(item.targets, { split, row })
    end
  end
  for _, source in ipairs(plan.sources) do
    for _, record in ipairs(source.records) do
      local item = by_record[record]
      if item and item.image.source == source then
        item.source = source
        list[#list + 1] = item
      end
    end
  end
  return list
end

-- Which regions go, where there are too many and the detector says how sure it was.
local function surest(found, count, most)
  if not found.confidence or count <= most then return nil end
  local order, sure = {}, {}
  for i = 1, count do order[i], sure[i] = i, found.confidence:get(i) end
  table.sort(order, function(a, b) return sure[a] > sure[b] or (sure[a] == sure[b] and a < b) end)
  return table.move(order, 1, most, 1, {})
end

-- What is taken of a record's regions: nil is all of them.
local function order_of(plan, found, count)
  local order = surest(found, count, plan.regions)
  if not order and count < found.features:shape()[1] then -- the rest is padding
    order = {}
    for i = 1, math.min(count, plan.regions) do order[i] = i end
  end
  return order
end

local function boxes_for(plan, item, found, readers)
  local boxes, record = found.boxes, item.record
  if not boxes then
    record = item.image.box_record
    local source = item.image.box_source
    readers[source] = readers[source] or source:reader()
    local other, reason = readers[source]:read(record)
    if not other then core.fail(1, record.where .. ": " .. reason) end
    boxes = other.boxes
  end
  if plan.boxes == "pixels" and record.parts then
    local width, height = import.size_of(item.image)
    boxes = boxes:columns(1, 4, { width, height, width, height })
  end
  return boxes
end

local function put(plan, files, item, found, readers)
  local order = order_of(plan, found, item.record.regions)
  local boxes = plan.boxes and boxes_for(plan, item, found, readers)
  for _, target in ipairs(item.targets) do
    local rows = files[target[1]]
    local fine, region, feature = rows.features:put(target[2], found.features, order)
    if not fine then
      core.fail(1, string.format("%s: region %d, feature %d is not finite or too large for %s",
        item.record.where, region - 1, feature - 1, plan.dtype))
    end
    if boxes and not rows.boxes:put(target[2], boxes, order) then
      core.fail(1, item.record.where .. ": a box is not finite")
    end
  end
end

local function open_rows(plan, dir)
  local files = {}
  for _, split in ipairs(plan.order) do
    local path, images = dir .. "/" .. split, #plan.splits[split]
    files[split] = {
      features = core.row_file(path .. "_ims.npy", plan.dtype,
        { images, plan.regions, plan.features }),
      boxes = plan.boxes and core.row_file(path .. "_ims_bbx.npy", "float32",
        { images, plan.regions, 4 }),
    }
  end
  return files
end

local function each_file(files, what)
  for _, rows in pairs(files) do
    rows.features[what](rows.features)
    if rows.boxes then rows.boxes[what](rows.boxes) end
  end
end

-- ---- state -------------------------------------------------------------------------------------

-- The folder that `out` is made in, and its state file. One that is none of an import is refused.
local function open_partial(out)
  local partial = out .. ".partial"
  local state = partial .. "/import-state.json"
  local made, reason = core.make_folders(partial)
  if not made then core.fail(1, reason) end
  for _, name in ipairs(core.file_kind(state) and {} or core.list_folder(partial)) do
    if not name:find("import-state.json", 1, true) then -- what a kill left of the first one
      core.fail(1, partial
        .. ": is there, and is none of an import; remove it or give another --out")
    end
  end
  return partial, state
end

-- Refuses an `out` that cannot be written, before hours of reading.
function M.check(out)
  os.remove((open_partial(out))) -- only where it is empty
end

-- How many rows an earlier call of this import wrote. What another import left is removed.
local function read_state(dir, path, identity)
  local names = core.list_folder(dir)
  if #names == 0 then return 0 end
  local fine, state = pcall(function() return core.json_decode(core.read_file(path)) end)
  if fine and type(state) == "table" and state.import == identity then
    return math.tointeger(state.done) or 0
  end
  for _, name in ipairs(names) do os.remove(dir .. "/" .. name) end
  return 0
end

local function write_state(path, identity, done)
  core.write_file(path, core.json_encode { import = identity, done = done } .. "\n")
end

-- ---- text files --------------------------------------------------------------------------------

local function write_lines(path, lines)
  for i, line in ipairs(lines) do lines[i] = line:gsub("[\r\n]", " ") end
  core.write_file(path, table.concat(lines, "\n") .. "\n")
end

local function write_split(plan, dir, split)
  local images, path = plan.splits[split], dir .. "/" .. split
  local captions, cap_ids, ids, counts, sizes = {}, {}, {}, {}, {}
  for i, image in ipairs(images) do
    ids[i] = text.readable(image.name)
    counts[i] = math.min(image.record.regions, plan.regions)
    sizes[2 * i - 1], sizes[2 * i] = import.size_of(image)
    for c = 1, plan.per_image do
      captions[#captions + 1] = text.readable(image.captions[c])
      if image.cap_ids then cap_ids[#cap_ids + 1] = text.readable(image.cap_ids[c]) end
    end
  end
  write_lines(path .. "_caps.txt", captions)
  write_lines(path .. "_ids.txt", ids)
  if #cap_ids == #captions then write_lines(path .. "_cap_ids.txt", cap_ids) end
  if plan.counts then core.write_integers(path .. "_ims_counts.npy", { #images }, counts) end
  if plan.sizes then core.write_integers(path .. "_ims_size.npy", { #images, 2 }, sizes) end
end

-- ---- the pass ----------------------------------------------------------------------------------

-- Writes rows done + 1 .. of the work; gives how many are done: fewer than all when interrupted.
local function write_rows(plan, work, files, done, follow, save)
  local readers, saved_at = {}, core.seconds()
  local current
  while done < #work and not core.interrupted() do
    local item = work[done + 1]
    if current ~= item.source then
      if current then readers[current]:close() end
      current = item.source
      readers[current] = current:reader()
    end
    local found, reason = readers[current]:read(item.record)
    if not found then core.fail(1, item.record.where .. ": " .. reason) end
    put(plan, files, item, found, readers)
    done = done + 1
    follow(function() return string.format("writing: %d of %d images", done, #work) end)
    if core.seconds() - saved_at > SAVE_EVERY then
      save(done)
      saved_at = core.seconds()
    end
  end
  for _, reader in pairs(readers) do reader:close() end
  return done
end

-- What is made of generated data says that it is generated, before any of it is there.
local function keep_label(plan, partial)
  for _, source in ipairs(plan.sources) do
    if core.file_kind(source.path) == "folder" and core.is_generated(source.path) then
      core.write_file(partial .. "/README.txt", core.read_text(source.path .. "/README.txt"))
    end
  end
end

-- Writes what import.plan gave to the folder `out`; follow: of the progress line. True, or false
-- when a signal came first: then the same call goes on.
function M.write(plan, out, follow)
  local partial, state = open_partial(out)
  local work = work_of(plan)
  local summary = describe(plan)
  local summary_text = core.json_encode(summary, 1) .. "\n"
  local identity = core.hash128(summary_text)
  local from = read_state(partial, state, identity)
  write_state(state, identity, from)
  keep_label(plan, partial)
  local files = open_rows(plan, partial)
  local function save(count)
    each_file(files, "sync")
    write_state(state, identity, count)
  end
  local done = write_rows(plan, work, files, math.min(from, #work), follow, save)
  save(done)
  each_file(files, "close")
  if done < #work then return false, done, #work end
  for _, split in ipairs(plan.order) do write_split(plan, partial, split) end
  core.write_file(partial .. "/import.json", summary_text)
  os.remove(state)
  local fine, why = os.rename(partial, out)
  if not fine then core.fail(1, string.format("cannot rename %s to %s: %s", partial, out, why)) end
  return true, summary, from
end

return M
