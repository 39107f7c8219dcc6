-- keys.lua: every key that key=value may set: of the config, the model and the plugins.
local config_keys = require "stepwise.config.config_keys"
local core = require "stepwise.core"
local text = require "stepwise.util.text"

local M = {}

local WIDTH <const> = 100
local FAR <const> = 2e9 -- a bound that far says nothing

-- "0 to 1", "0 or more", "a | b"; "" where anything goes. option: a key of a config, or a plugin's.
function M.range(option)
  local words = M.choices(option)
  if words then return (words:gsub(" ", " | ")) end
  local least, most = option.least, option.most
  if not least or least <= -FAR and most >= FAR then return "" end
  local from = (option.above_least and "above " or "") .. text.number(least)
  if most >= FAR then return option.above_least and from or from .. " or more" end
  return string.format("%s to %s", from, text.number(most))
end

-- The words that an option takes, with blanks between; nil where it takes others as well.
function M.choices(option)
  local words = option.choices
  if type(words) == "table" then words = table.concat(words, " ") end
  return words or option.kind == "switch" and "true false" or nil
end

local WIDEST_RANGE <const> = 40

-- A range and a meaning for two columns; a range that is too wide for one begins the meaning.
function M.columns(range, doc)
  if text.width(range) <= WIDEST_RANGE then return range, doc end
  return "", range .. "; " .. doc
end

-- A default as one would type it.
local function typed(preset)
  if type(preset) == "number" then return text.number(preset) end
  return type(preset) == "table" and "" or tostring(preset)
end

local function row_of(key, option, preset, words)
  preset = preset or option.preset ~= nil and typed(option.preset) or ""
  return { key = key, preset = preset, doc = option.doc or "",
    choices = words or M.choices(option), range = M.range(option) }
end

-- "linear,l2norm" of a list of plugins.
local function joined(list)
  local names = {}
  for i, entry in ipairs(list) do names[i] = entry.plugin end
  return table.concat(names, ",")
end

-- The model's own, with the defaults of an empty config. names: of plugins by kind.
local function model_rows(session, names)
  local config <close> = session:resolve {}
  local model = config:whole().model
  local fusion
  for _, stage in ipairs(model.stages) do
    fusion = fusion or stage.fusion and stage.fusion.plugin
  end
  local function sized(doc) return { doc = doc, least = 1, most = 16384 } end
  return {
    row_of("dim", sized "D, the width in which images and texts are compared",
      text.number(model.dim)),
    row_of("direction", { choices = "both t2i i2t",
      doc = "which side queries: both, the words only, the regions only" }, model.direction),
    row_of("embedding", { doc = "the plugin of the word vectors" }, model.embedding.plugin,
      names.embeddings),
    row_of("word_dim", sized "W, the width of one table of word vectors",
      text.number(model.embedding.word_dim)),
    row_of("image", { doc = "the blocks of the image encoder, with ',' between" },
      joined(model.image), names.blocks),
    row_of("text", { doc = "the blocks of the text encoder, behind the word vectors" },
      joined(model.text), names.blocks),
    row_of("second", { doc = "second sets of fragments, which a script gives a model; none: "
      .. "without them" }, "none", "none"),
    row_of("second.SIDE.file", { doc = "NAME of the data folder's SPLIT_NAME.npy" }, ""),
    row_of("second.SIDE.width", sized "numbers per fragment of that file", ""),
    row_of("second.text.alone", { kind = "switch",
      doc = "in the place of the words, not behind them" }, "false"),
    row_of("pool", { doc = "the pooling of both sides; none: stages see fragments only" },
      "none", "none" .. (names.pools ~= "" and " " or "") .. names.pools),
    row_of("pool.SIDE", { doc = "the pooling of one side" }, "", names.pools),
    row_of("stages", { doc = "the plugins of the stages, with ',' between" },
      joined(model.stages), names.stages),
    row_of("fusion", { doc = "the plugin of every stage that fuses" }, fusion, names.fusions),
    row_of("loss", { doc = "the losses, with ',' between; they are summed by their weights" },
      joined(model.loss), names.losses),
  }
end

local function config_sections(sections)
  local by_name = {}
  for _, key in ipairs(config_keys) do
    local title = key.section == "" and "run" or key.section
    if not by_name[title] then
      by_name[title] = { title = title, rows = {} }
      sections[#sections + 1] = by_name[title]
    end
    table.insert(by_name[title].rows, row_of(key.name, key))
  end
end

-- A plugin's part as a section; nothing where it has no options.
local function add_part(sections, kind, prefix, part, names)
  local rows = {}
  if kind == "stage" then
    rows[1] = row_of(prefix .. "score",
      { kind = "switch", preset = "true", doc = "whether the stage adds to the score" })
  elseif kind == "loss" then
    rows[1] = row_of(prefix .. "weight", { preset = "1", doc = "its factor in the sum of losses",
      least = 0, most = 1e6, above_least = true })
  end
  for _, option in ipairs(part.options) do
    rows[#rows + 1] = row_of(prefix .. option.name, option, nil,
      option.kind == "fusion" and names.fusions or nil)
  end
  if #rows > 0 then
    sections[#sections + 1] = { title = kind .. " " .. part.name, doc = part.doc, rows = rows }
  end
end

-- {{title =, doc = or nil, rows = {{key =, preset =, range =, choices = or nil, doc =}..}}..}
function M.sections()
  local session <close> = core.session { threads = 1 }
  local names, plugins = {}, session:plugins()
  for _, kind in ipairs { "stages", "embeddings", "fusions", "blocks", "pools", "losses" } do
    local list = {}
    for _, plugin in ipairs(plugins) do
      for _, part in ipairs(plugin[kind] or {}) do list[#list + 1] = part.name end
    end
    names[kind] = table.concat(list, " ")
  end
  local sections = { { title = "model", rows = model_rows(session, names) } }
  config_sections(sections)
  for _, kind in ipairs { { "block", "blocks", "SIDE.%s." }, { "pool", "pools", "pool.SIDE." },
    { "stage", "stages", "%s." }, { "embedding", "embeddings", "embedding." },
    { "fusion", "fusions", "STAGE.fusion." }, { "loss", "losses", "loss.%s." } } do
    for _, plugin in ipairs(plugins) do
      for _, part in ipairs(plugin[kind[2]] or {}) do
        add_part(sections, kind[1], (kind[3]:gsub("%%s", part.name)), part, names)
      end
    end
  end
  return sections
end

-- The page of `stepwise help keys`.
function M.page()
  local lines = {
    "Keys that key=value sets, each with its default, what it takes and what it means. Its section",
    "may stand before it, as in train.lr=0.001. STAGE: the name of a stage, with _2 the second of",
    "its name. SIDE: image or text.",
  }
  for _, section in ipairs(M.sections()) do
    lines[#lines + 1] = ""
    local title = section.title .. (section.doc and ": " .. section.doc or "")
    for _, line in ipairs(text.wrap(title, WIDTH)) do lines[#lines + 1] = line end
    local rows = {}
    for i, row in ipairs(section.rows) do
      rows[i] = { "  " .. row.key .. "=" .. row.preset, M.columns(row.range, row.doc) }
    end
    for _, line in ipairs(text.wrapped_columns(rows, WIDTH)) do lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
