-- report_look.lua: the parts of a report that look through a run's own model: where it looks, and
-- what it finds best and worst.
local attention = require "stepwise.figures.attention"
local core = require "stepwise.core"
local data_of = require "stepwise.report.report_data"
local html = require "stepwise.report.html"
local pictures = require "stepwise.figures.pictures"
local svg = require "stepwise.figures.svg"
local test_sets = require "stepwise.results.test_sets"
local text = require "stepwise.util.text"

local M = {}

local element = html.element

local QUERIES <const> = 3 -- of each kind: best and worst, images and captions
local FOUND <const> = 3
local MOST_PICTURE <const> = 600 * 1000 -- bytes of one picture
local MOST_BYTES <const> = 3500 * 1000 -- of all pictures of a page
local MOST_LIST <const> = 64 * 1000 * 1000

-- ---- what is there -----------------------------------------------------------------------------

local function lines_of(path)
  if core.file_kind(path) ~= "file" then return nil end
  local source = core.read_file(path)
  if #source > MOST_LIST then return nil end
  local lines = {}
  for line in source:gmatch("([^\n]*)\n?") do lines[#lines + 1] = (line:gsub("\r$", "")) end
  while lines[#lines] == "" do lines[#lines] = nil end
  return lines
end

-- {images =, per = captions per image, folds =, [i] = {rank of image i, ranks of its captions..}},
-- or nil and what is missing.
local function ranks_of(run, about)
  local path = string.format("%s/%s", run.path, about.ranks)
  if core.file_kind(path) ~= "file" then
    return nil, path .. " is missing: runs of this version write it when they end"
  end
  local fine, ranks = pcall(core.ranks, path, about.folds)
  if not fine then return nil, tostring(ranks) end
  local rows = ranks:rows()
  rows.images, rows.per, rows.folds = #rows, #rows[1] - 1, about.folds
  if about.images and about.images ~= rows.images then
    return nil, string.format("%s holds %s, the run was evaluated on %s", path,
      text.plural(rows.images, "image"), text.count(about.images))
  end
  return rows
end

-- What the parts below share; `missing` says what is not there.
function M.open(model, options)
  local look = { run = data_of.best(model), pictures = options.pictures, bytes = 0,
    missing = {} }
  local function lacks(...) look.missing[#look.missing + 1] = string.format(...) end
  if not look.run then
    lacks("No run is finished yet.")
    return look
  end
  look.data = options.data or model.data
  look.set = model.sets[1]
  local _, about = data_of.metrics(look.run, look.set)
  look.about = about or test_sets.about({}, look.set, look.run.config)
  look.split = look.about.split
  look.captions = lines_of(string.format("%s/%s_caps.txt", look.data, look.split))
  if not look.captions then
    lacks("The captions are not at %s/%s_caps.txt; --data DIR names the data folder.", look.data,
      look.split)
  end
  local ids = lines_of(string.format("%s/%s_ids.txt", look.data, look.split))
  local reason
  look.ranks, reason = ranks_of(look.run, look.about)
  if reason then lacks("%s.", reason) end
  if look.ranks and look.captions and #look.captions < look.ranks.images * look.ranks.per then
    lacks("%s/%s_caps.txt has %s, the run was evaluated on %s: this is other data.", look.data,
      look.split,
      text.plural(#look.captions, "caption"), text.count(look.ranks.images * look.ranks.per))
    look.captions = nil
  end
  if ids and look.captions and #ids > 0 then
    local per = #ids == #look.captions and look.ranks and look.ranks.per or 1
    look.id = function(image) return ids[image * per + 1] end
  else
    look.id = function() return nil end
  end
  local checkpoint = look.run.path .. "/checkpoint.safetensors"
  if core.file_kind(checkpoint) == "file" then
    look.checkpoint = checkpoint
  else
    lacks("%s is missing, so the model itself cannot be asked.", checkpoint)
  end
  local vocab = look.run.path .. "/vocab.json"
  look.vocab = core.file_kind(vocab) == "file" and vocab or nil
  if not look.pictures then
    lacks("No pictures of the images were given; --pictures DIR shows them.")
  end
  return look
end

-- ---- pictures ----------------------------------------------------------------------------------

local media = { jpg = "image/jpeg", png = "image/png" }

-- The picture of an image as an element that holds it, or nil.
local function picture(look, image)
  local id = look.pictures and look.id(image)
  local found = pictures.find(look.pictures, id)
  local bytes = found and core.read_file(found.path)
  if not bytes or #bytes > MOST_PICTURE or look.bytes + #bytes > MOST_BYTES then return nil end
  look.bytes = look.bytes + #bytes
  return element("img", { alt = "image " .. id, src = "data:" .. media[found.kind] .. ";base64,"
    .. html.base64(bytes) })
end

local function image_name(look, image)
  return look.id(image) or "image " .. text.number(image)
end

-- ---- queries -----------------------------------------------------------------------------------

-- Of the queries {rank =, ..}: some of the best and some of the worst, and how many are first. More
-- are best than are shown, so they are taken at even distances.
local function extremes(queries)
  table.sort(queries, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    return a.order < b.order
  end)
  local ties = 0
  while ties < #queries and queries[ties + 1].rank == queries[1].rank do ties = ties + 1 end
  local best, worst = {}, {}
  local count = math.min(QUERIES, #queries)
  for i = 1, count do
    best[i] = ties > count and queries[(i - 1) * ties // count + 1] or queries[i]
    worst[i] = queries[#queries + 1 - i]
  end
  local first = queries[1] and queries[1].rank == 0 and ties or 0
  return best, worst, first
end

local function queries_of(ranks)
  local images, captions = {}, {}
  for i = 1, ranks.images do
    images[i] = { image = i - 1, rank = ranks[i][1], order = i }
    for j = 1, ranks.per do
      local order = (i - 1) * ranks.per + j
      captions[order] = { image = i - 1, caption = order - 1, rank = ranks[i][j + 1],
        order = order }
    end
  end
  return images, captions
end

-- Puts a request to what the run was evaluated on.
local function as_evaluated(look, request)
  request.checkpoint, request.data, request.split = look.checkpoint, look.data, look.split
  request.vocab, request.images = look.vocab, look.ranks.images
  request.precaps = data_of.at(look.run.config, "data.precaps") == true
  return request
end

-- What the model finds for a query about `image`, in its fold; nil where it cannot be asked.
local function ask(look, image, request)
  if not look.checkpoint or not look.captions then return nil end
  look.session = look.session or core.session {}
  request.top, request.count = FOUND, look.ranks.images // look.ranks.folds
  request.first = image // request.count * request.count
  local fine, found = pcall(look.session.search, look.session, as_evaluated(look, request))
  if not fine or type(found) ~= "table" then
    look.reason = look.reason or tostring(found)
    return nil
  end
  return found
end

-- each: 1 for images, the captions per image for captions
local function place(look, rank, each)
  local folds = look.ranks.folds
  return string.format("place %s of %s%s", text.count(rank + 1),
    text.count(look.ranks.images // folds * each), folds > 1 and " of its fold" or "")
end

local function score(found)
  return type(found.score) == "number" and string.format("%.3f", found.score) or ""
end

local function image_card(look, query)
  local per = look.ranks.per
  local found = ask(look, query.image, { image = query.image })
  local items = {}
  if found then
    for i, one in ipairs(found) do
      local own = one.index // per == query.image
      items[i] = element("li", { class = own and "own" }, one.caption
        or look.captions[one.index + 1] or "",
        element("span", { class = "soft" }, " ", score(one), own and " its own" or ""))
    end
  else
    for j = 1, per do items[j] = element("li", {}, look.captions[query.image * per + j]) end
  end
  return element("div", { class = "card-box" }, picture(look, query.image),
    element("div", {}, element("strong", {}, image_name(look, query.image))),
    element("div", {}, "first own caption: ", place(look, query.rank, per)),
    element("div", { class = "soft" }, found and "found:" or "its captions:"),
      element("ol", {}, items))
end

local function caption_card(look, query)
  local sentence = look.captions[query.caption + 1]
  local found = ask(look, query.image, { text = sentence })
  local cells, seen = {}, false
  local function cell(image, own, says)
    seen = seen or own
    cells[#cells + 1] = element("div", { class = own and "own" }, picture(look, image),
      image_name(look, image), " ", says)
  end
  for _, one in ipairs(found or {}) do
    local own = one.index == query.image
    cell(one.index, own, score(one) .. (own and " its own" or ""))
  end
  if not seen then cell(query.image, true, "its own") end
  return element("div", { class = "card-box" }, element("p", {}, "“", sentence, "”"),
    element("div", {}, "its image: ", place(look, query.rank, 1)),
    element("div", { class = "soft" }, found and "found:" or "its image:"),
      element("div", { class = "row" }, cells))
end

local function cards(look, card, title, queries)
  local list = {}
  for i, query in ipairs(queries) do list[i] = card(look, query) end
  return { element("h3", {}, title), element("div", { class = "cards" }, list) }
end

-- "SHAN-T2I (shan-t2i-seed0)": the run that is looked at.
local function named(look)
  local run = look.run
  return run.row == run.name and run.name or string.format("%s (%s)", run.row, run.name)
end

-- "COCO 1K: split testall, 5,000 images, 25,000 captions, mean of 5 folds"
local function set_name(look)
  return (look.set.named and look.set.name .. ": " or "")
    .. (look.about.told and test_sets.label(look.about) or look.split)
end

local function missing(look)
  if #look.missing == 0 then return nil end
  return element("p", { class = "notes" }, table.concat(look.missing, " "))
end

-- The section of best and worst retrievals.
function M.retrievals(look)
  local parts = { element("h2", { id = "retrievals" }, "Best and worst retrievals") }
  if look.ranks and look.captions then
    local images, captions = queries_of(look.ranks)
    local best_images, worst_images, first_images = extremes(images)
    local best_captions, worst_captions, first_captions = extremes(captions)
    parts[#parts + 1] = element("p", {}, named(look), string.format(" on %s. An own caption comes "
      .. "first for %s of %s, the right image for %s of %s; of those, some at even distances are "
      .. "shown.", set_name(look), text.count(first_images), text.plural(#images, "image"),
      text.count(first_captions), text.plural(#captions, "caption")))
    parts[#parts + 1] = cards(look, image_card, "Captions for an image: best", best_images)
    parts[#parts + 1] = cards(look, image_card, "Captions for an image: worst", worst_images)
    parts[#parts + 1] = cards(look, caption_card, "Images for a caption: best", best_captions)
    parts[#parts + 1] = cards(look, caption_card, "Images for a caption: worst", worst_captions)
    if look.reason then
      parts[#parts + 1] = element("p", { class = "notes" }, "What the model found is not shown: ",
        look.reason)
    end
  end
  parts[#parts + 1] = missing(look)
  return parts
end

-- ---- attention ---------------------------------------------------------------------------------

-- {image =, caption = 0 ..}: images at even distances among those whose own caption comes first,
-- each with its best caption.
local function shown_images(look)
  local images = queries_of(look.ranks)
  local list = {}
  for i, query in ipairs((extremes(images))) do
    local ranks, best = look.ranks[query.image + 1], 1
    for j = 2, look.ranks.per do
      if ranks[j + 1] < ranks[best + 1] then best = j end
    end
    list[i] = { image = query.image, caption = best - 1 }
  end
  return list
end

local function draw(look, at, number)
  local explanation = look.session:explain(
    as_evaluated(look, { image = at.image, caption = at.caption }))
  local folder <close> = core.temporary_folder()
  local output = folder:path() .. "/attention.svg"
  local drawn, reason = attention.draw(explanation,
    { pictures = look.pictures, format = "svg", output = output })
  if not drawn then return nil, reason end
  local sentence = look.captions[at.image * look.ranks.per + at.caption + 1]
  local drawing = core.read_file(output)
  look.bytes = look.bytes + #drawing
  local label = html.escape("where each word looks: " .. sentence)
  return element("figure", { class = "card" }, element("div", { class = "wide" },
    html.raw(svg.inline(drawing, "look" .. number .. "-", label, false))),
    element("figcaption", {}, image_name(look, at.image), ": “", sentence, "”"))
end

-- The section of attention pictures.
function M.attention(look)
  local parts = { element("h2", { id = "attention" }, "Where the words look") }
  local function none(reason)
    parts[#parts + 1] = element("p", { class = "notes" }, "No attention pictures: ", reason)
    return parts
  end
  if not look.checkpoint or not look.captions or not look.ranks then
    return none(table.concat(look.missing, " "))
  end
  look.session = look.session or core.session {}
  local count = 0
  for _, at in ipairs(shown_images(look)) do
    if look.bytes > MOST_BYTES then break end -- a page stays below some 5 MB
    local fine, figure, reason = pcall(draw, look, at, count + 1)
    if not fine then figure, reason = nil, figure end
    if not figure then return none(tostring(reason)) end
    count = count + 1
    parts[#parts + 1] = figure
  end
  table.insert(parts, 2, element("p", {}, "The weights of ", named(look), " for a few images of ",
    look.split, " whose captions it finds, each with its best caption."))
  return parts
end

function M.close(look)
  if look.session then look.session:close() end
end

return M
