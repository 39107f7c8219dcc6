-- The report: whatever a name, a caption or a file says stays text; what is missing is said; what
-- is
-- there is what the runs say.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local html = require "stepwise.report.html"
local report = require "stepwise.commands.report"

local folder = unit.folder()
local data, dir = folder .. "/it's data", folder .. "/runs & <b>"
sw.scenes(data, { train = 16, dev = 8, test = 8, regions = 4, features = 16, word_dim = 6 })

local script = '<script>alert("x")</script>'
local names = { base = "base $(touch x) `touch y`", odd = script .. "_^{}'&amp;",
  lost = "lost <!-- -->" }
unit.write(folder .. "/t.lua", string.format([[
local sw = require "stepwise"
return sw.table {
  title = %q, note = %q, reference = %q,
  base = sw.experiment {
    model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 } },
    train = { batch = 16, epochs = 2, lr = 1e-3 },
  },
  rows = { { name = %q, stages = { "l2l" }, paper = { text = { 50, 60 }, image = { 40, 50 },
    rsum = 300 } },
    { name = %q }, { name = %q, fusion = "average" } },
}]], "T </title>" .. script, "Is " .. script .. " a question?", names.base, names.odd, names.base,
  names.lost))
local status, said = unit.program { "ablate", folder .. "/t.lua", "--data", data,
    "--glove", data .. "/scenes.glove.txt", "--seeds", "0-1",
  "--out", dir,
  "train_images=16" }
assert(status == 0, said)

-- One run lost, one failed, and captions that are no captions.
local runs = sw.json_decode(unit.read(dir .. "/plan.json")).runs
for _, run in ipairs(runs) do
  if run.config.name == names.lost then
    os.remove(dir .. "/" .. run.folder .. "/result.json")
    if run.seed == 1 then unit.write(dir .. "/logs/" .. run.folder .. ".error", "no memory for "
      .. script .. "\n") end
  end
end
local captions = {}
for i = 1, 40 do captions[i] = string.format("caption %d %s \xff\27", i, script) end
local whole_captions = unit.read(data .. "/test_caps.txt")

local function write(options, of)
  local out = folder .. "/page.html"
  options = options or {}
  options.out = out
  report.write(of or dir, options)
  return unit.read(out)
end

local page = write()

-- ---- the page as markup ------------------------------------------------------------------------

local void = { meta = true, img = true, br = true }

-- Walks the tags; fails where one is not closed by its own. Calls each(name, attributes).
local function walk(markup, each)
  local open, body = {}, markup:gsub("^<!DOCTYPE html>\n", ""):gsub("<style>.-</style>", "")
  for closing, name, attributes, empty in body:gmatch("<(/?)([%a][%w]*)([^<>]-)(/?)>") do
    if closing == "/" then
      unit.equal(name, table.remove(open), "a closing tag")
    else
      each(name, attributes)
      if not void[name] and empty == "" then open[#open + 1] = name end
    end
  end
  unit.equal(#open, 0, "tags left open")
end

local function harmless(markup)
  unit.equal(utf8.len(markup) ~= nil, true, "the page is UTF-8")
  unit.equal(markup:find("[%z\1-\8\11-\31]"), nil, "control characters")
  local ids = {}
  walk(markup, function(name, attributes)
    unit.equal(name == "script" or name == "iframe" or name == "link" or name == "object", false,
      name)
    for key, value in attributes:gmatch("([%w:-]+)%s*=%s*[\"']([^\"']*)[\"']") do
      unit.equal(key:lower():find("^on"), nil, key)
      if key == "src" then unit.contains(value:sub(1, 11), "data:image/") end
      if key:find("href$") then
        unit.equal(value:find("^#") ~= nil or value:find("^data:image/") ~= nil, true, value)
      end
      if key == "id" then
        unit.equal(ids[value], nil, "an id twice: " .. value)
        ids[value] = true
      end
    end
  end)
  unit.equal(markup:find("url%(['\"]?[^#'\")]"), nil, "something to fetch")
  unit.equal(markup:find("@import", 1, true), nil)
end

unit.test("names that are markup stay text, every tag is closed, nothing is fetched", function()
  harmless(page)
  unit.contains(page, html.escape(names.odd))
  unit.contains(page, html.escape(names.base))
  unit.contains(page, "&lt;/title&gt;&lt;script&gt;alert(")
  unit.contains(page, "Content-Security-Policy")
end)

unit.test("escaping leaves nothing that a browser could take for markup", function()
  unit.equal(html.escape([[<a b="c" d='e'>&amp;]]),
    "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;")
  unit.equal(html.escape("a\0b\27c\xffd\nä"), "a b c\u{fffd}d\nä")
  unit.equal(html.markup(html.element("p", { class = "a\"b", id = false }, "<",
    { 1, html.raw("<br>") }, nil, "x")),
    '<p class="a&quot;b">&lt;1<br>x</p>')
end)

unit.test("base64, with its padding", function()
  for plain, coded in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v",
    ["\0\255\128"] = "AP+A" } do
    unit.equal(html.base64(plain), coded)
  end
end)

-- ---- what it says ------------------------------------------------------------------------------

-- The page's text without markup.
local function plain(markup)
  return (markup:gsub("<style>.-</style>", ""):gsub("<svg.-</svg>", ""):gsub("</?[%a][^<>]*>",
    " "):gsub("%s+", " "))
end

unit.test("the question, the changes, the runs that failed or are lost", function()
  local text = plain(page)
  unit.contains(text, html.escape("Is " .. script .. " a question?"))
  unit.contains(text, "stages=l2l")
  unit.contains(text, "fusion=average")
  unit.contains(text, html.escape("no memory for " .. script))
  unit.contains(text, "1 run of 6 is not done")
  unit.contains(text, "generated scenes")
end)

unit.test("the table holds the means of the runs", function()
  local sum = 0
  for _, run in ipairs(runs) do
    if run.config.name == names.base then
      sum = sum + sw.json_decode(unit.read(dir .. "/" .. run.folder .. "/result.json")).test.rsum
    end
  end
  unit.contains(plain(page), string.format("%.1f", sum / 2))
  unit.contains(plain(page), "300.0")
end)

unit.test("what was run: plugins with their hashes, the data's fingerprint, a row a run", function()
  local run = dir .. "/" .. runs[1].folder
  local provenance = sw.json_decode(unit.read(run .. "/provenance.json"))
  local text = plain(page)
  for _, plugin in ipairs(provenance.plugins) do unit.contains(text, plugin.hash) end
  unit.contains(text, provenance.data.train)
  unit.contains(text, provenance.blas.core)
  for _, one in ipairs(runs) do unit.contains(text, one.folder) end
end)

unit.test("a shell reads the command back as it was given", function()
  local command = page:match("<pre>(stepwise ablate.-)</pre>")
  command = command:gsub("&#39;", "'"):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;",
    '"'):gsub("&amp;", "&")
  local pipe = io.popen("stepwise() { for word; do printf '%s\\n' \"$word\"; done; }; " .. command)
  local words = pipe:read("a")
  pipe:close()
  unit.equal(words, table.concat({ "ablate", folder .. "/t.lua", "train_images=16", "--data", data,
    "--glove", data .. "/scenes.glove.txt", "--seeds", "0-1", "--out", dir }, "\n") .. "\n")
end)

unit.test("the same runs give the same bytes", function()
  unit.equal(write() == page, true)
end)

-- ---- retrievals --------------------------------------------------------------------------------

local png = unit.read(unit.source .. "/tests/cli/dot.png")

unit.test("best and worst are those of ranks-test.npy, with captions and pictures as they are",
  function()
  unit.write(data .. "/test_caps.txt", table.concat(captions, "\n") .. "\n")
  local best
  for _, run in ipairs(runs) do
    local result = dir .. "/" .. run.folder .. "/result.json"
    if run.config.name == names.base then
      local rsum = sw.json_decode(unit.read(result)).dev.rsum
      if not best or rsum > best.rsum then best = { rsum = rsum, path = dir .. "/"
        .. run.folder } end
    end
  end
  local file = best.path .. "/ranks-test.npy"
  local whole = unit.read(file)
  local numbers = {}
  for image = 0, 7 do
    numbers[#numbers + 1] = image == 5 and 38 or 1
    for caption = 1, 5 do numbers[#numbers + 1] = image == 2 and caption == 4 and 7 or 1 end
  end
  for i, number in ipairs(numbers) do numbers[i] = string.pack("<f", number) end
  unit.write(file, whole:sub(1, -(#numbers * 4 + 1)) .. table.concat(numbers))
  local pictures = folder .. "/pictures"
  assert(core.make_folders(pictures))
  local ids = {}
  for id in io.lines(data .. "/test_ids.txt") do ids[#ids + 1] = id end
  unit.write(pictures .. "/" .. ids[6] .. ".png", png)
  unit.write(pictures .. "/" .. ids[1] .. ".png", "no picture " .. script)
  local found = write { pictures = pictures }
  harmless(found)
  unit.contains(plain(found), "first own caption: place 39 of 40")
  unit.contains(plain(found),
    "An own caption comes first for 0 of 8 images, the right image for 0 of 40 captions")
  unit.contains(plain(found), html.escape("caption 14 " .. script))
  unit.contains(plain(found), "its image: place 8 of 8")
  unit.contains(found, "data:image/png;base64," .. html.base64(png))
  unit.equal(found:find(html.base64("no picture"):sub(1, 12), 1, true), nil)
  -- ranks that are cut off, or captions of other data: said, and the rest is there
  unit.write(file, whole:sub(1, 100))
  unit.contains(plain(write()), "expected")
  unit.write(file, whole)
  unit.write(data .. "/test_caps.txt", "one\n")
  unit.contains(plain(write()), "this is other data")
  unit.write(data .. "/test_caps.txt", whole_captions)
end)

unit.test("without the data, what is missing is said with what brings it", function()
  assert(os.rename(data, data .. " moved"))
  local text = plain(write())
  assert(os.rename(data .. " moved", data))
  unit.contains(text, "test_caps.txt; --data DIR names the data folder")
end)

unit.test("attention pictures are in the page, one id each", function()
  if not core.run_gnuplot("print 1\n") then return end
  unit.contains(page, "look1-")
  unit.contains(page, "look3-")
end)

-- ---- other folders -----------------------------------------------------------------------------

unit.test("a single run has a page too, with the command of its provenance", function()
  local run = dir .. "/" .. runs[1].folder
  local found = write({}, run .. "/")
  harmless(found)
  local command = sw.json_decode(unit.read(run .. "/provenance.json")).parts[1].command
  unit.contains(found, "<pre>" .. html.escape(command) .. "</pre>")
  unit.contains(plain(found), "dev, best")
end)

unit.test("files of the wrong kind do not end the report", function()
  local run = folder .. "/odd"
  assert(core.make_folders(run))
  unit.write(run .. "/metrics.tsv", unit.read(dir .. "/" .. runs[1].folder .. "/metrics.tsv"))
  for _, text in ipairs { "[1, 2]",
    '{"test": 3, "parts": "x", "plugins": {"a": 1}, "data": [], "blas": 7, "dev": {"rsum": "x"}}',
    "{", '{"seed": {"a": null}, "model": "x", "name": ["<b>"]}' } do
    for _, name in ipairs { "result", "provenance", "config" } do unit.write(run .. "/" .. name
      .. ".json", text) end
    harmless(write({}, run))
  end
end)

unit.test("the command: one line about a folder that is none, and a page without gnuplot",
  function()
  local code, text = unit.program { "report", folder }
  unit.equal(code, 1)
  unit.contains(text, "not a run folder: it has neither plan.json nor metrics.tsv")
  code, text = unit.program { "report", dir, "--pictures", folder .. "/nowhere" }
  unit.equal(code, 1)
  unit.contains(text, "nowhere: no such folder")
  code, text = unit.program({ "report", dir, "--out", folder .. "/bare.html" },
    "PATH=/nowhere; export PATH;")
  unit.equal(code, 0, text)
  unit.contains(plain(unit.read(folder .. "/bare.html")), "gnuplot is missing")
  code, text = unit.program { "report", dir }
  unit.equal(code, 0, text)
  unit.contains(text, "report.html")
  harmless(unit.read(dir .. "/report.html"))
end)

unit.finish()
