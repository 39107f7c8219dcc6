-- The words of the command line.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
require "stepwise"
local options = require "stepwise.util.options"

local command = {
  name = "cook", summary = "Cooks.", usage = "MEAL [key=value..]", arguments = { 1, 2 },
  options = {
    { "data", "DIR", "what to cook" },
    { "seed", "N", "of the salt", kind = "integer", most = 10 },
    { "resume", nil, "go on" },
    { "j", "N", "cooks", kind = "integer", least = 1 },
    { "spice", "NAME", "goes in (repeatable)", many = true },
  },
}

local function parse(...)
  return options.parse(command, { ... })
end

unit.test("options and arguments in any order", function()
  local given, words = parse("soup", "--data", "x", "salt=2", "--seed=3", "--resume", "-j4")
  unit.equal(given.data, "x")
  unit.equal(given.seed, 3)
  unit.equal(given.resume, true)
  unit.equal(given.j, 4)
  unit.equal(table.concat(words, " "), "soup salt=2")
  unit.equal(parse("soup", "-j", "2").j, 2)
  unit.equal(parse("soup", "--data=a=b").data, "a=b")
end)

unit.test("a repeatable option gives a list in its order; any other is refused twice", function()
  local given = parse("soup", "--spice", "salt", "--spice=dill")
  unit.equal(table.concat(given.spice, " "), "salt dill")
  unit.equal(parse("soup").spice, nil)
  unit.fails(2, "--data is given twice", parse, "soup", "--data", "a", "--data", "b")
end)

unit.test("commands that load plugins take --plugin, the others do not", function()
  unit.equal(table.concat(parse("soup", "--plugin", "a.so", "--plugin", "b.so").plugin, " "),
    "a.so b.so")
  local without = { name = "sweep", summary = "", usage = "", arguments = { 0, 0 }, options = {},
    plugins = false }
  unit.fails(2, "no option '--plugin'", options.parse, without, { "--plugin", "a.so" })
  unit.equal(options.help(without):find("--plugin", 1, true), nil)
end)

unit.test("after -- everything is an argument", function()
  local _, words = parse("--", "--data")
  unit.equal(words[1], "--data")
end)

unit.test("an unknown option is misuse and gives the near miss", function()
  unit.fails(2, { "cook", "no option '--sed'", "did you mean '--seed'" }, parse, "soup", "--sed")
  unit.fails(2, "no option '-x'", parse, "soup", "-x")
end)

unit.test("values are needed, typed, in range and given once", function()
  unit.fails(2, "--data needs DIR", parse, "soup", "--data")
  unit.fails(2, "--seed: expected a whole number, found 'two'", parse, "soup", "--seed", "two")
  unit.fails(2, "--seed: expected a whole number, found '1e1'", parse, "soup", "--seed", "1e1")
  unit.fails(2, "--seed: expected 0 to 10, found 11", parse, "soup", "--seed", "11")
  unit.fails(2, "-j: expected 1 or more, found 0", parse, "soup", "-j", "0")
  unit.fails(2, "--data: expected DIR, found the option '--resume'", parse, "soup", "--data",
    "--resume")
  unit.fails(2, "./-x names a file", parse, "soup", "--data=-x")
  unit.equal(parse("soup", "--data", "-").data, "-")
  unit.fails(2, "--resume takes no value", parse, "soup", "--resume=yes")
  unit.fails(2, "--data is given twice", parse, "soup", "--data", "a", "--data", "b")
end)

unit.test("too few and too many arguments", function()
  unit.fails(2, "expected MEAL", parse)
  unit.fails(2, "unexpected argument 'c'", parse, "a", "b", "c")
end)

unit.test("help is always there and shows every option", function()
  unit.equal(parse("--help").help, true)
  unit.equal(parse("soup", "-h").help, true)
  local page = options.help(command)
  for _, part in ipairs { "usage: stepwise cook MEAL", "--data DIR", "--seed N", "--resume", "-j N",
    "of the salt" } do
    unit.contains(page, part)
  end
end)

unit.finish()
