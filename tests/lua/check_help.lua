-- The help pages, the manual page and the completion say everything, and fit a terminal.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"

local WIDTH <const> = 100

local function printed(...)
  local status, text = unit.program { ... }
  unit.equal(status, 0, text)
  return text
end

local commands = {}
for name in printed("help"):gmatch("\n  (%l+)  ") do commands[#commands + 1] = name end

-- {KEY = default} of everything that key=value sets.
local function all_keys(session)
  local keys = {}
  for _, key in ipairs(sw.config_keys()) do
    local preset = key.preset
    keys[key.name] = math.type(preset) == "float" and ("%.9g"):format(preset)
      or type(preset) == "table" and "" or tostring(preset)
  end
  local prefix = { stages = "%s.", embeddings = "embedding.", fusions = "STAGE.fusion.",
    blocks = "SIDE.%s.", pools = "pool.SIDE.", losses = "loss.%s." }
  for _, plugin in ipairs(session:plugins()) do
    for kind, form in pairs(prefix) do
      for _, part in ipairs(plugin[kind]) do
        for _, option in ipairs(part.options) do
          keys[form:format(part.name) .. option.name] = option.preset
        end
        if kind == "stages" then keys[part.name .. ".score"] = "true" end
        if kind == "losses" then keys["loss." .. part.name .. ".weight"] = "1" end
      end
    end
  end
  local model = session:resolve({}):table().model
  keys.dim, keys.direction = tostring(model.dim), model.direction
  keys.embedding, keys.word_dim = model.embedding.plugin, tostring(model.embedding.word_dim)
  return keys
end

local session <close> = sw.session { threads = 1 }
local keys = all_keys(session)

unit.test("help keys has every key of the config and every option of a plugin, with its default",
  function()
    local page, count = printed("help", "keys"), 0
    for key, preset in pairs(keys) do
      unit.contains(page, "\n  " .. key .. "=" .. preset)
      count = count + 1
    end
    unit.equal(count > 30, true, count .. " keys")
    for _, key in ipairs { "stages=l2l,g2l,g2g", "fusion=gate", "image=linear,l2norm",
      "text=bigru,l2norm", "pool=none", "pool.SIDE=", "loss=hinge" } do
      unit.contains(page, "\n  " .. key)
    end
    for _, key in ipairs(sw.config_keys()) do -- each with its meaning, whatever the lines
      unit.contains(page:gsub("%s+", " "), key.doc:match("^%S+ ?%S*"))
    end
  end)

unit.test("the ranges of the model's keys are those that are accepted", function()
  local page = printed("help", "keys")
  for _, key in ipairs { "dim", "word_dim" } do
    local least, most = page:match("\n  " .. key .. "=%d+ +(%d+) to (%d+)")
    local config <close> = session:resolve {}
    config:override(key .. "=" .. least)
    config:override(key .. "=" .. most)
    unit.fails(2, key, config.override, config, key .. "=" .. least - 1)
    unit.fails(2, key, config.override, config, key .. "=" .. most + 1)
  end
  local config <close> = session:resolve {}
  for direction in page:match("\n  direction=both +([%w |]-)  "):gmatch("%w+") do
    config:override("direction=" .. direction)
  end
end)

unit.test("an open lower bound is said", function()
  unit.contains(printed("help", "keys"):gsub("%s+", " "), "lr=0.0002 above 0")
end)

unit.test("plugins --ops has every operation with its shapes", function()
  local page = printed("plugins", "--ops"):gsub("%s+", " ")
  local ops = session:ops()
  unit.equal(#ops > 20, true, #ops .. " operations")
  for _, op in ipairs(ops) do
    unit.contains(" " .. page, " " .. op.name .. ": ")
    unit.contains(page, (op.shapes:gsub("%s+", " ")))
  end
  unit.equal(#sw.json_decode(printed("plugins", "--ops", "--json")), #ops)
end)

unit.test("every page fits a terminal of " .. WIDTH .. " columns", function()
  local pages = { { "help" }, { "help", "keys" }, { "plugins", "--ops" }, { "plugins" } }
  for _, name in ipairs(commands) do pages[#pages + 1] = { name, "--help" } end
  for _, words in ipairs(pages) do
    for line in printed(table.unpack(words)):gmatch("[^\n]+") do
      if not line:find("^  /.*%.so$") and utf8.len(line) > WIDTH then
        error(table.concat(words, " ") .. ": " .. line)
      end
    end
  end
end)

unit.test("help on what is not there gives the near miss, topics included", function()
  local status, text = unit.program({ "help", "kyes" })
  unit.equal(status, 2)
  unit.contains(text, "did you mean 'keys'")
  status, text = unit.program({ "help", "trian" })
  unit.equal(status, 2)
  unit.contains(text, "did you mean 'train'")
end)

-- ---- the manual page ---------------------------------------------------------------------------

unit.test("the manual page has every command, option and key", function()
  local page = printed("help", "man"):gsub("\\%-", "-"):gsub("\\e", "\\")
  unit.equal(#commands >= 13, true, #commands .. " commands")
  for _, name in ipairs(commands) do
    unit.contains(page, ".SS stepwise " .. name)
    for option in printed(name, "--help"):gmatch("\n  (%-%-?[%w-]+)") do
      unit.contains(page, "\\fB" .. option)
    end
  end
  for key, preset in pairs(keys) do unit.contains(page, "\\fB" .. key .. "=" .. preset) end
end)

unit.test("the manual page is good roff", function()
  if not os.execute("command -v groff >/dev/null") then
    print("skipped: groff is not there to read the manual page")
    return
  end
  local path = unit.write(unit.folder() .. "/stepwise.1", printed("help", "man"))
  local pipe = assert(io.popen("groff -ww -man -Tutf8 '" .. path .. "' 2>&1 >/dev/null"))
  unit.equal(pipe:read("a"), "")
  pipe:close()
end)

-- ---- completion --------------------------------------------------------------------------------

-- What bash offers for the words, of which the last one is completed.
local function offered(words)
  local path = unit.folder() .. "/completion"
  unit.write(path, printed("help", "completion"))
  unit.write(path .. ".run", string.format("complete() { :; }; compopt() { :; }; . '%s'\n"
    .. "COMP_WORDS=(%s) COMP_CWORD=%d; _stepwise; printf ' %%s ' \"${COMPREPLY[@]}\"\n", path,
    table.concat(words, " "), #words - 1))
  local pipe = assert(io.popen("bash '" .. path .. ".run' 2>&1"))
  local text = pipe:read("a")
  pipe:close()
  return text
end

unit.test("bash completes commands, options, keys and the names of plugins", function()
  if not os.execute("command -v bash >/dev/null") then
    print("skipped: bash is not there to complete anything")
    return
  end
  local text = offered { "stepwise", "''" }
  for _, name in ipairs(commands) do unit.contains(text, " " .. name .. " ") end
  for _, name in ipairs(commands) do
    text = offered { "stepwise", name, "--" }
    for option in printed(name, "--help"):gmatch("\n  (%-%-[%w-]+)") do
      unit.contains(text, " " .. option .. " ")
    end
  end
  text = offered { "stepwise", "train", "x.lua", "''" }
  for key in pairs(keys) do
    for _, side in ipairs { "image", "text" } do
      local known = key:gsub("SIDE", side)
      if not key:find("STAGE", 1, true) then unit.contains(text, " " .. known .. "= ") end
    end
  end
  unit.equal(offered { "stepwise", "train", "x.lua", "eval_" }, " eval_every= ")
  unit.contains(offered { "stepwise", "train", "x.lua", "fusion", "=" }, " gate_vector ")
  unit.equal(offered { "stepwise", "train", "x.lua", "g2l.fusion", "=", "con" }, " concat ")
  unit.contains(offered { "stepwise", "train", "x.lua", "stages", "=" }, " l2l ")
  unit.contains(offered { "stepwise", "ablate", "x.lua", "embedding", "=" }, " glove_tuned ")
  unit.contains(offered { "stepwise", "train", "x.lua", "text", "=" }, " bigru ")
  unit.contains(offered { "stepwise", "train", "x.lua", "pool.im" }, " pool.image= ")
  unit.equal(offered { "stepwise", "help", "k" }, " keys ")
end)

unit.finish()
