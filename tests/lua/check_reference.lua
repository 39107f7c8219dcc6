-- experiments/README.md has every key and every function of the Lua module, as the program and the
-- comments above the functions say them. `make reference` (--write) writes that part of it.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local core = require "stepwise.core"
local keys = require "stepwise.commands.keys"

local page <const> = unit.source .. "/experiments/README.md"
local annotated <const> = unit.source .. "/core/lua/stepwise.d.lua"
local BEGIN <const> = "<!-- written by make reference, from here -->\n"
local END <const> = "<!-- to here -->\n"

local function files(name)
  local list = {}
  local found <close> = assert(io.popen(string.format("find '%s/core' -name '%s'", unit.source,
    name)))
  for path in found:lines() do list[#list + 1] = path end
  table.sort(list)
  return list
end

-- ---- comments ----------------------------------------------------------------------------------

local documented = {} -- [name] = {signature, text}; of a method: "class:name"

-- text: "NAME(..): what it does", of which NAME may stand for another one
local function keep(name, text)
  text = text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  local called = text:match("^[%w_:]+")
  local at = #called + 1
  while true do -- words, then what is in brackets and quotes
    local from, to = text:find("^ ?%b()", at)
    if not from then from, to = text:find("^ ?%b{}", at) end
    if not from then from, to = text:find('^ ?%b""', at) end
    if not from then break end
    at = to + 1
  end
  local says = text:sub(at):gsub("^[:;]? *", ""):gsub(" %(sessions%.lua adds .*%)$", "")
  documented[name] = { text:sub(1, at - 1), (says:gsub("^%u%f[%l ]", string.lower)) }
end

local function read_c(path)
  for comment, name in core.read_file(path):gmatch("\n/%* (([%l_:%d]+)[({].-) ?%*/") do
    keep(name, (comment:gsub("\n %* ?", " ")))
  end
end

-- The functions of a Lua module, as PREFIX and name: M.NAME, methods of the class Config, or those
-- in a table of methods.
local function read_lua(path, prefix)
  local comment = {}
  for line in io.lines(path) do
    local text, name = line:match("^ *%-%- (.*)"), line:match("^M%.([%w_]+) = part")
    local arguments
    if not name then name, arguments = line:match("^function %u[%l]*[.:]([%w_]+)(%b())") end
    if not name then name, arguments = line:match("^  ([%w_]+) = function(%(.*)") end
    if arguments then
      arguments = arguments:match("%b()"):gsub("^%(session,? ?", "(")
    end
    if text then
      comment[#comment + 1] = text
    else
      if name and #comment > 0 then
        local all = table.concat(comment, " ")
        local begins = all:match('^[%w_]+%f[ (]') and all:find('^[%l_]+ ?[("{]')
        local class = prefix:match("^%l+:$") or ""
        keep(prefix .. name, class .. (begins and all or name .. arguments .. ": " .. all))
      end
      comment = {}
    end
  end
end

for _, path in ipairs(files("lua_*.c")) do read_c(path) end
read_lua(files("config.lua")[1], "config:")
documented["session:resolve"] = { "session:resolve(given)", documented["config:resolve"][2] }
read_lua(files("sessions.lua")[1], "session:")
read_lua(files("trainer.lua")[1], "trainer:")
read_lua(files("describe.lua")[1], "describe.")
read_lua(files("define.lua")[1], "define.")
read_lua(files("design.lua")[1], "design.")
read_lua(files("scenes_folder.lua")[1], "scenes.")
read_lua(files("statistics.lua")[1], "statistics.")
read_lua(files("tensor.lua")[1], "T.")
read_lua(files("tensor_ops.lua")[1], "T.")
read_lua(files("tensor_methods.lua")[1], "tensor:")
read_lua(files("model.lua")[1], "model:")

-- ---- the reference ----------------------------------------------------------------------------

local function sorted(names)
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function key_tables(say)
  for _, section in ipairs(keys.sections()) do
    say(string.format("\n### %s\n", section.title .. (section.doc and ": " .. section.doc or "")))
    say("| key | default | takes | meaning |\n| --- | --- | --- | --- |")
    local function cell(words) return (words:gsub("|", "\\|")) end
    for _, row in ipairs(section.rows) do
      local takes = row.range ~= "" and row.range or (row.choices or ""):gsub(" ", " | ")
      say(string.format("| `%s` | %s | %s | %s |", row.key, cell(row.preset), cell(takes),
        cell(row.doc)))
    end
  end
end

local listed = {} -- {signature, text} of what the reference has

-- missing: gets the names without a comment
local function lua_reference(say, missing)
  local function entry(name, prefix, shown)
    local found = documented[name]
    if not found then
      missing[#missing + 1] = name
      return
    end
    local signature = prefix .. found[1]
    say(string.format("- `%s`%s", signature, found[2] ~= "" and ": " .. found[2] or ""))
    listed[#listed + 1] = { signature, found[2] }
    shown[name] = true
  end
  local shown = {}
  for line in io.lines(files("init.lua")[1]) do
    local heading = line:match("^  %-%- (.*)")
    local name, value = line:match("^  ([%w_]+) = (.-),")
    local text = line:match(", %-%- (.*)$")
    if heading then say("\n### " .. heading:gsub("^%l", string.upper) .. "\n") end
    if name == "version" then say("") end
    if name and text then
      say(string.format("- `%s%s`: %s", name, type(sw[name]) == "function" and "()" or "", text))
    elseif name then
      local module, func = value:match("([%l_]+)%.([%w_]+)%)?$")
      entry(module == "core" and func or module .. "." .. func, "", shown)
    end
    if name then shown["stepwise." .. name] = true end
  end
  for name in pairs(sw) do
    if not shown["stepwise." .. name] then missing[#missing + 1] = "stepwise." .. name end
  end
  say("\n### statistics\n")
  for _, name in ipairs(sorted(sw.statistics)) do
    entry("statistics." .. name, "statistics.", shown)
  end
  say("\n### Tensors\n\nWhat `require \"stepwise.tensor\"` gives; operations are functions of it,"
    .. " too.\n")
  local T = require "stepwise.tensor"
  for _, name in ipairs(sorted(T)) do entry("T." .. name, "T.", shown) end
  local session <close> = sw.session { threads = 1 }
  local methods = {
    { "session", getmetatable(session).__index },
    { "config", getmetatable(session:resolve()).__index },
    { "trainer", require "stepwise.run.trainer".Trainer },
    { "tensor", (core.class "tensor") },
    { "model", (core.class "model") },
  }
  for _, one in ipairs(methods) do
    local class, names = one[1], {}
    for name, value in pairs(one[2]) do names[name] = not name:find("^__") and value or nil end
    say(string.format("\n### Methods of a %s\n", class))
    for _, name in ipairs(sorted(names)) do
      entry(class .. ":" .. name, "", shown)
    end
  end
end

-- ---- annotations --------------------------------------------------------------------------------

-- What a function gives, where an editor should know it.
local gives <const> = {
  session = "stepwise.session", ["session:resolve"] = "stepwise.config",
  ["session:train"] = "stepwise.trainer", ["session:model"] = "stepwise.model",
  ["model:loss"] = "stepwise.tensor", ["model:scores"] = "stepwise.tensor",
  ["model:similarities"] = "stepwise.tensor", ["model:encode"] = "stepwise.tensor",
  ["model:parameters"] = "stepwise.tensor[]", ["tensor:reshape"] = "stepwise.tensor",
  ["tensor:rows"] = "stepwise.tensor", ["T.adam"] = "{step: function, zero: function}",
  ["T.sgd"] = "{step: function, zero: function}",
}
for name in ("apply of zeros full randn npy parameter xavier matmul sum mean hinge"):gmatch "%S+" do
  gives["T." .. name] = "stepwise.tensor"
end

-- Names of arguments, those in [..] and those behind one with a "?"; "..." where they are no names.
local function arguments_of(signature)
  local inside = signature:match("%((.*)%)$")
  if not inside or inside:find("[{}|\"=<>]") or inside:find("%.%.")
    or not load("local function _(" .. inside:gsub("[%[%]]", "") .. ") end") then
    return { "..." }
  end
  local names, optional = {}, false
  for mark, word in inside:gmatch("(%[?)[%s,]*(%[?%s*,?%s*[%a_][%w_ ]*)") do
    optional = optional or mark ~= "" or word:find("%[") ~= nil
    names[#names + 1] = word:gsub("[%[%s,]+", "_"):gsub("^_+", ""):gsub("_+$", "")
      .. (optional and "?" or "")
  end
  return names
end

-- The file for language servers: each function of the reference, without a body.
local function annotations()
  local lines = { "---@meta stepwise", "-- Written by make reference.", "-- luacheck: ignore", "" }
  local function say(...) lines[#lines + 1] = string.format(...) end
  for _, class in ipairs { "stepwise", "stepwise.tensors", "session", "config", "trainer", "tensor",
    "model" } do
    say("---@class %s", class:find("^stepwise") and class or "stepwise." .. class)
    for operator in (class == "tensor" and "add sub mul div unm pow" or ""):gmatch "%S+" do
      say("---@operator %s(any): stepwise.tensor", operator)
    end
    say("local %s = {}\n", class:find("tensors") and "T" or class)
  end
  local seen = {}
  for _, one in ipairs(listed) do
    local owner, name = one[1]:match("^(%w+)([:.][%w_]+)")
    local whole = owner and owner .. name or "stepwise." .. (one[1]:match("^[%w_]+"))
    if not seen[whole] then
      seen[whole] = true
      say("--- `%s`%s", one[1], one[2] ~= "" and ": " .. one[2] or "")
      local names = arguments_of(one[1])
      for i, argument in ipairs(names) do
        say("---@param %s any", argument)
        names[i] = argument:gsub("%?$", "")
      end
      local result = gives[whole] or gives[(whole:gsub("^stepwise%.", ""))]
      if result then say("---@return %s", result) end
      say("function %s(%s) end\n", owner == "statistics" and "stepwise." .. whole or whole,
        table.concat(names, ", "))
    end
  end
  say("return stepwise")
  return (table.concat(lines, "\n"):gsub("local stepwise = {}\n",
    "local stepwise = { statistics = {} }\n", 1)) .. "\n"
end

local function reference()
  local lines, missing = {}, {}
  local function say(line) lines[#lines + 1] = line end
  say("## Keys\n\nSTAGE is the name of a stage, SIDE `image` or `text`. `stepwise help keys` "
    .. "prints the same.")
  key_tables(say)
  say("\n## The Lua module\n\nWhat `require \"stepwise\"` gives. A failure raises an error with a "
    .. "`status` and a `text`. Sessions, configs and\ntrainers can be declared `<close>`.")
  lua_reference(say, missing)
  return table.concat(lines, "\n") .. "\n", missing
end

local function parts()
  local text = core.read_file(page)
  local _, from = text:find(BEGIN, 1, true)
  local to = text:find(END, 1, true)
  assert(from and to and from < to, page .. ": the marks of the reference are gone")
  return text:sub(1, from), text:sub(from + 1, to - 1), text:sub(to)
end

if arg[1] == "--write" then
  local before, _, after = parts()
  local text, missing = reference()
  assert(#missing == 0, "no comment above: " .. table.concat(missing, ", "))
  core.write_file(page, before .. text .. after)
  core.write_file(annotated, annotations())
  os.exit(0)
end

unit.test("every function of the module and every method has a comment that says what it does",
  function()
    local _, missing = reference()
    unit.equal(table.concat(missing, ", "), "", "without a comment")
  end)

unit.test("experiments/README.md is what make reference would write", function()
  local _, written = parts()
  local made = reference()
  local lines = {}
  for line in (written .. "\n"):gmatch("(.-)\n") do lines[line] = true end
  for line in made:gmatch("(.-)\n") do
    if not lines[line] then error("make reference would write: " .. line) end
  end
  unit.equal(#written, #made, "bytes of the reference; make reference writes it anew")
end)

unit.test("the annotations for editors have every function of the reference", function()
  listed = {}
  reference()
  local made, written = annotations(), unit.read(annotated)
  unit.equal(#listed > 100, true, #listed .. " functions")
  unit.equal(written == made, true, "core/lua/stepwise.d.lua is what make reference would write")
  assert(load(made, "=annotations", "t", {}))()
end)

unit.test("the rockspec is of this version, and names what a build leaves", function()
  local spec = {}
  local path = unit.source .. "/stepwise-" .. core.version .. "-1.rockspec"
  assert(loadfile(path, "t", spec))()
  unit.equal(spec.package, "stepwise")
  unit.equal(spec.version, core.version .. "-1")
  for name, file in pairs(spec.build.install.lib) do
    unit.equal(name, "stepwise")
    unit.equal(core.file_kind(os.getenv("STEPWISE_BUILD") .. "/" .. file), "file")
  end
end)

unit.finish()
