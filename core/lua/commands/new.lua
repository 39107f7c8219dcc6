-- new.lua: stepwise new
local core = require "stepwise.core"
local kinds = require "stepwise.kinds"
local text = require "stepwise.util.text"

local MISUSE <const> = 2
local LONGEST_NAME <const> = 40

local M = {
  name = "new",
  summary = "Writes a folder with a working plugin to start from.",
  usage = "stage|fusion|pool|block|loss NAME",
  details = [[
The folder has a source file, a Makefile that needs the one installed header, a test (make check)
and a README. NAME is what experiments will call it: a-z, 0-9 and '_', beginning with a letter.]],
  arguments = { 2, 2 },
  plugins = false,
  options = {
    { "out", "DIR", "the folder, which must not be there; NAME when none is given" },
  },
}

-- Words that C or its headers take.
local taken <const> = {}
for word in ([[auto break case char const continue default do double else enum extern float for goto
  if inline int long register restrict return short signed sizeof static struct switch typedef union
  unsigned void volatile while main init prepare prepared score fuse pool encode loss options
  pooled hinge projected_mean]]):gmatch("%S+") do
  taken[word] = true
end

local function check_name(name)
  if #name > LONGEST_NAME or not name:find("^%l[%l%d_]*$") then
    core.fail(MISUSE, string.format("new: expected a name of at most %d of a-z, 0-9 and '_' that "
      .. "begins with a letter, found '%s'", LONGEST_NAME, text.plain(name)))
  elseif taken[name] or name:find("^sw_") then
    core.fail(MISUSE, string.format("new: '%s' is taken in C; choose another name", name))
  end
end

-- `content` with what stands between '@' replaced, then the template's own name by NAME.
local function filled(content, own, name, values)
  content = content:gsub("@(%u+)@", values)
  return (content:gsub("%f[%w_]" .. own .. "%f[^%w_]", name))
end

-- The folders of a path that are not there, the deepest last.
local function missing(path)
  local found = {}
  while path ~= "" and not core.file_kind(path) do
    table.insert(found, 1, path)
    path = path:match("^(.*[^/])/+[^/]+$") or ""
  end
  return found
end

-- Calls make(); where it fails, removes the files and then the folders.
local function whole_or_nothing(files, folders, make)
  local fine, problem = pcall(make)
  if fine then return end
  for _, list in ipairs { files, folders } do
    for i = #list, 1, -1 do os.remove(list[i]) end
  end
  error(problem, 0)
end

function M.run(given, arguments)
  local kind, name = arguments[1], arguments[2]
  local about = kinds[kind]
  if not about then
    core.fail(MISUSE, string.format("new: no kind '%s'%s", text.plain(kind),
      core.suggest(kind, text.sorted_keys(kinds))))
  end
  check_name(name)
  local folder = (given.out or name):gsub("(.)/+$", "%1")
  if core.file_kind(folder) then core.fail(1, folder .. ": it already exists") end
  local folders, files = missing(folder), {}
  local values = { NAME = name, KIND = kind, USE = about.use, SCRIPT = about.script,
    OPTIONS = about.options }
  whole_or_nothing(files, folders, function()
    local made, reason = core.make_folders(folder)
    if not made then core.fail(1, reason) end
    for to, from in pairs { [name .. ".c"] = kind .. ".c", ["test.sh"] = "test.sh",
      ["README.md"] = "FOLDER.md", Makefile = "Makefile" } do
      local content = filled(core.built_in(from), about.name, name, values)
      if to == "Makefile" then
        content = content:gsub("NAME = [^\n]*", "NAME = " .. name, 1)
          :gsub("SOURCE = [^\n]*", "SOURCE = " .. name .. ".c", 1)
      end
      files[#files + 1] = folder .. "/" .. to
      core.write_file(files[#files], content)
    end
  end)
  text.say("%s: a %s that works as it is; next: cd %s && make check", folder, kind,
    text.command { folder })
  return 0
end

return M
