-- unit.lua: what the Lua tests share. A test says in its name what would break for a user.
local M = {}

local failed, done = 0, 0

-- Runs `check`; its name is printed when it fails.
function M.test(name, check)
  done = done + 1
  local fine, problem = xpcall(check, function(e)
    return debug.traceback(tostring(e), 2)
  end)
  if not fine then
    failed = failed + 1
    print("FAILED: " .. name .. "\n" .. problem)
  end
end

function M.equal(found, expected, what)
  if found ~= expected then
    error(string.format("%s: expected %s, found %s", what or "values", tostring(expected),
      tostring(found)), 2)
  end
end

function M.near(found, expected, tolerance, what)
  local off = math.abs(found - expected)
  if off ~= off or off > tolerance then
    error(string.format("%s: expected %.12g, found %.12g", what or "values", expected, found), 2)
  end
end

function M.contains(text, part)
  if not tostring(text):find(part, 1, true) then
    error(string.format("expected '%s' in: %s", part, tostring(text)), 2)
  end
end

-- Calls f(...), which has to fail with `status` (nil: any error) and every `part` in its message.
function M.fails(status, parts, f, ...)
  local fine, problem = pcall(f, ...)
  if fine then error("expected an error, found none", 2) end
  if status then
    local found = type(problem) == "table" and problem.status
    if found ~= status then
      error(string.format("expected status %s, found %s: %s", status, tostring(found),
        tostring(problem)), 2)
    end
  end
  for _, part in ipairs(type(parts) == "table" and parts or { parts }) do
    if not tostring(problem):find(part, 1, true) then
      error(string.format("expected '%s' in the error: %s", part, tostring(problem)), 2)
    end
  end
  return tostring(problem)
end

-- A folder of this test's own; removed by finish().
local folder
function M.folder()
  if not folder then
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir '" .. folder .. "'"))
  end
  return folder
end

function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  return path
end

function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

-- Runs the program with a list of words; its exit status, and what it printed: stdout and stderr,
-- or with redirect = "2>&1 >/dev/null" only stderr.
function M.program(words, before, redirect)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
  local program = assert(os.getenv("STEPWISE"), "STEPWISE is not set")
  local command = string.format("%s { '%s' %s; } %s; echo \" $?\"", before or "", program,
    table.concat(quoted, " "), redirect or "2>&1")
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  pipe:close()
  local text, status = output:match("^(.*) (%d+)\n$")
  return tonumber(status), text
end

M.source = os.getenv("STEPWISE_SOURCE") or "."

function M.skip(reason)
  print("skipped: " .. reason)
  os.exit(77)
end

function M.finish()
  if folder then os.execute("rm -rf '" .. folder .. "'") end
  print(string.format("%d tests, %d failed", done, failed))
  os.exit(failed == 0 and done > 0 and 0 or 1, true)
end

return M
