-- draw.lua: a composed model as a readable page, from what session:describe says of it.
local text = require "stepwise.util.text"

local M = {}

local function starts(s, front)
  return s:sub(1, #front) == front
end

-- {plugin = "l2l", lambda = 15, fusion = {plugin = "gate"}} -> "lambda=15 fusion=gate"
local function options_of(part)
  local words = {}
  for _, key in ipairs(text.sorted_keys(part)) do
    local value = part[key]
    if key == "plugin" or key == "prefix" or (key == "score" and value == true)
      or (key == "weight" and value == 1) then
      goto continue
    end
    if type(value) == "table" then
      local inner = options_of(value)
      words[#words + 1] = key .. "=" .. tostring(value.plugin)
        .. (inner ~= "" and " (" .. inner .. ")" or "")
    else
      words[#words + 1] = key .. "=" .. text.value(value)
    end
    ::continue::
  end
  return table.concat(words, " ")
end

-- Parameters of names that begin with HEAD and with none of `without`: how many numbers, and how
-- many are trained.
local function weigh(parameters, head, without)
  local all, trained = 0, 0
  for _, parameter in ipairs(parameters) do
    local belongs = starts(parameter.name, head)
    for _, other in ipairs(without or {}) do
      belongs = belongs and not starts(parameter.name, other)
    end
    if belongs then
      all = all + parameter.count
      if parameter.trained then trained = trained + parameter.count end
    end
  end
  return all, trained
end

local function shape_of(parameter)
  return "(" .. text.value(parameter.shape):gsub(",", ", ") .. ")"
end

-- The lines of the page. assumed: {features =, vocabulary =}, whether those are not known.
function M.model(model, name, assumed)
  local lines = {
    string.format("%s: direction %s, D = %d, F = %d%s, V = %d%s", name, model.direction, model.dim,
      model.features, assumed.features and " (assumed)" or "", model.vocabulary,
      assumed.vocabulary and " (assumed)" or ""),
    "",
  }
  local rows = { { "part", "plugin", "options", "parameters", "trained" } }
  local function add(part, plugin, options, head, without)
    local all, trained = weigh(model.parameters, head, without)
    rows[#rows + 1] = { part, plugin, options, text.count(all), text.count(trained) }
  end
  -- A side's blocks share the front of their parameters' names, so their numbers are the side's.
  local function add_blocks(part, blocks, options, head, without)
    local names = {}
    for i, block in ipairs(blocks) do
      names[i] = block.plugin
      local words = options_of(block)
      if words ~= "" then options[#options + 1] = block.plugin .. " (" .. words .. ")" end
    end
    add(part, table.concat(names, ", "), table.concat(options, " "), head, without)
  end
  local function add_encoder(side)
    local pool, set = side .. ".pool.", side .. ".second."
    add_blocks(side .. " encoder", model[side], {}, side, { pool, set })
    local second = model.second and model.second[side]
    if second then
      local options = { "file=" .. second.file, "width=" .. second.width }
      if second.alone then options[3] = "alone=true" end
      add_blocks("second " .. side .. " set", second.blocks, options, set)
    end
    if model.pool then
      local pooling = model.pool[side]
      add(side .. " pooling", pooling.plugin, options_of(pooling), pool)
    end
  end
  add_encoder "image"
  add("words", model.embedding.plugin, options_of(model.embedding), "embedding.")
  add_encoder "text"
  for i, stage in ipairs(model.stages) do
    add("stage " .. i, stage.plugin, options_of(stage), stage.prefix .. ".")
  end
  for _, loss in ipairs(model.loss) do
    rows[#rows + 1] = { "loss", loss.plugin, options_of(loss), "", "" }
  end
  rows[#rows + 1] = { "", "", "", text.count(model.total), text.count(model.trained) }
  local right = { false, false, false, true, true }
  table.move(text.columns(rows, right), 1, #rows, #lines + 1, lines)

  lines[#lines + 1] = ""
  rows = { { "parameter", "shape", "numbers", "" } }
  for _, parameter in ipairs(model.parameters) do
    rows[#rows + 1] = {
      parameter.name, shape_of(parameter), text.count(parameter.count),
      parameter.trained and "" or "fixed",
    }
  end
  table.move(text.columns(rows, { false, true, true }), 1, #rows, #lines + 1, lines)
  if assumed.features or assumed.vocabulary then
    lines[#lines + 1] = ""
    lines[#lines + 1] = "F and V depend on the data; what is assumed is Flickr30K's. "
      .. "With --data DIR they are read."
  end
  return lines
end

return M
