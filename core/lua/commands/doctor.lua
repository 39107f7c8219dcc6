-- doctor.lua: stepwise doctor
local core = require "stepwise.core"
local gnuplot = require "stepwise.figures.gnuplot"
local text = require "stepwise.util.text"

local M = {
  name = "doctor",
  summary = "Checks libraries, matrix products and plugins, and says what is missing.",
  usage = "",
  details = [[
What the environment may set: STEPWISE_CPU (baseline, avx2, avx512 or amx) the kernels, else the
best that this CPU has; OPENBLAS_CORETYPE the same for OpenBLAS; STEPWISE_PLUGIN_PATH folders of
plugins, with ':' between, that come before the built-in ones. Results of different kernels differ
in their last bits.]],
  arguments = { 0, 0 },
  options = {},
}

-- OpenBLAS's names of its cores by the widest vectors they use; those it picks by itself come last.
local vector_bits = {
  Prescott = 128, Core2 = 128, Penryn = 128, Dunnington = 128, Nehalem = 128, Atom = 128,
  Barcelona = 128, Bobcat = 128, Sandybridge = 256, Bulldozer = 256, Piledriver = 256,
  Steamroller = 256, Excavator = 256, Haswell = 256, Zen = 256, SkylakeX = 512, Cooperlake = 512,
  SapphireRapids = 512,
}

local problems

local function say(name, format, ...)
  text.say("%s%s", text.pad(name, 12), string.format(format, ...))
end

local function wrong(name, format, ...)
  problems = problems + 1
  say(name, "WRONG: " .. format, ...)
end

local function check_blas(session, kernels, libraries, machine)
  say("OpenBLAS", "%s", libraries.blas)
  local forced = os.getenv("OPENBLAS_CORETYPE")
  say("BLAS core", "%s%s", libraries.blas_core,
    forced and " (OPENBLAS_CORETYPE=" .. forced .. ")" or "")
  local bits = vector_bits[libraries.blas_core]
  local could = machine.avx512 and 512 or machine.avx2 and 256 or 128
  if forced and bits and bits < could then
    say("", "OPENBLAS_CORETYPE holds it at %d-bit vectors where this CPU has %d: slower products",
      bits, could)
  end
  local worst, problem = session:check_products()
  if worst then
    say("products", "right to %.1e of a plain sum%s", worst,
      kernels == "amx" and "; large ones on AMX tiles, the others by OpenBLAS" or "")
  else
    wrong("products", "%s; try another core, as OPENBLAS_CORETYPE=Haswell", problem)
  end
  local n = 768
  local seconds = session:time_products(n)
  say("", "%.0f GFLOP/s (%d x %d, %s)", 2 * n ^ 3 / seconds * 1e-9, n, n,
    text.plural(session:threads(), "thread"))
end

local function check_plugins(session)
  local counts = { stages = 0, embeddings = 0, fusions = 0, blocks = 0, pools = 0, losses = 0 }
  local refused, hidden = {}, {}
  local plugins = session:plugins()
  for _, plugin in ipairs(plugins) do
    if plugin.hidden then
      hidden[#hidden + 1] = plugin
    elseif plugin.reason then
      refused[#refused + 1] = plugin
    else
      for kind in pairs(counts) do counts[kind] = counts[kind] + #plugin[kind] end
    end
  end
  local path = os.getenv("STEPWISE_PLUGIN_PATH")
  if #plugins == 0 then
    wrong("plugins", "none in %s", core.plugin_path())
    return
  end
  say("plugins", "%s, %s, %s, %s, %s, %s%s", text.plural(counts.stages, "stage"),
    text.plural(counts.embeddings, "embedding"), text.plural(counts.fusions, "fusion"),
    text.plural(counts.blocks, "block"), text.plural(counts.pools, "pooling"),
    text.plural(counts.losses, "loss function"),
    path and " (STEPWISE_PLUGIN_PATH=" .. path .. ")" or "")
  local folders, seen = {}, {}
  for _, plugin in ipairs(plugins) do
    local folder = plugin.file:match("^(.*)/[^/]*$") or "."
    if not seen[folder] then folders[#folders + 1] = folder end
    seen[folder] = true
  end
  say("", "from %s", table.concat(folders, ", "))
  for _, plugin in ipairs(hidden) do
    say("", "not used: %s: %s", plugin.file, text.plain(plugin.reason))
  end
  for _, plugin in ipairs(refused) do
    wrong("plugin", "%s: refused: %s", plugin.file, plugin.reason)
  end
end

-- A picture with a text that is no plain word.
local probe = { script = "heatmap", wide = 320, high = 240, data = "x\ty\tvalue\n1\t1\t1\n",
  set = { columns = 1, rows = 1, below = 60, each = 1, title = "stepwise doctor", values = 0,
    middle = 1,
    across = { "'s 50 %" } } }

local function check_gnuplot()
  local found, version, missing = core.run_gnuplot(
    "print sprintf('%.1f.%s', GPVAL_VERSION, GPVAL_PATCHLEVEL)\n")
  if missing then
    say("gnuplot", "%s (stepwise plot, and the pictures of explain and report, need it)", version)
    return
  end
  if not found then
    wrong("gnuplot", "%s", version)
    return
  end
  local folder <close> = core.temporary_folder()
  for _, format in ipairs { "svg", "png" } do
    local drawn, said = gnuplot.draw(probe, format, folder:path() .. "/probe." .. format)
    if not drawn then
      wrong("gnuplot", "%s; cannot draw %s: %s", version, format:upper(), said)
      return
    end
  end
  say("gnuplot", "%s, draws SVG and PNG", (version:gsub("%s+$", "")))
end

function M.run()
  problems = 0
  local libraries, machine = core.libraries(), core.machine()
  say("stepwise", "%s%s", core.version, core.git ~= "" and " (" .. core.git .. ")" or "")
  say("Lua", "%s", libraries.lua)
  say("Jansson", "%s", libraries.jansson)
  local session <close> = core.session()
  local threads, kernels = session:threads()
  local asked = os.getenv("STEPWISE_CPU") or ""
  say("CPU", "%s, %.1f GB of memory, vector kernels: %s", text.plural(machine.cpus, "core"),
    machine.memory / 1e9, kernels .. (asked ~= "" and " (STEPWISE_CPU)" or ""))
  say("threads", "%d", threads)
  check_blas(session, kernels, libraries, machine)
  check_plugins(session)
  check_gnuplot()
  if problems > 0 then
    print(text.plural(problems, "problem"))
    return 1
  end
  print("all is well")
  return 0
end

return M
