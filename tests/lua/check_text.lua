-- Captions, near misses, and what tables and names look like on paper.
local unit = dofile((os.getenv("STEPWISE_SOURCE") or ".") .. "/tests/lua/unit.lua")
local sw = require "stepwise"
local text = require "stepwise.util.text"
local core = require "stepwise.core"
local latex = require "stepwise.results.latex"
local layout = require "stepwise.results.layout"
local progress = require "stepwise.util.progress"

unit.test("captions are cut as the field's tokenizer cuts them", function()
  unit.equal(table.concat(sw.tokenize("Two men don't run."), "|"), "two|men|do|n't|run|.")
  unit.equal(#sw.tokenize("   "), 0)
  unit.fails(1, "UTF-8", sw.tokenize, "\xff")
  unit.fails(nil, "string expected", sw.tokenize, nil)
end)

unit.test("a slip is found, a stranger is not", function()
  unit.equal(sw.near_miss("lamda", { "mu", "lambda" }), "lambda")
  unit.equal(sw.near_miss("zzzzzz", { "mu", "lambda" }), nil)
  unit.fails(2, "expected a string", sw.near_miss, "a", { 1 })
end)

unit.test("numbers are written as the core reads them", function()
  unit.equal(text.number(2e-4), "0.0002")
  unit.equal(text.number(15), "15")
  unit.equal(text.number(15.0), "15")
  unit.equal(text.number(0.1), "0.1")
  unit.equal(text.value { "l2l", "g2l" }, "l2l,g2l")
  unit.equal(text.value(false), "false")
  unit.equal(text.count(1234567), "1,234,567")
  unit.equal(text.count(12), "12")
  unit.equal(text.count(123), "123")
end)

unit.test("a command can be pasted into a shell", function()
  unit.equal(text.command { "stepwise", "train", "a b", "it's", "x=1" },
    "stepwise train 'a b' 'it'\\''s' x=1")
  unit.equal(text.quote(""), "''")
  unit.equal(text.quote("$(touch x)"), "'$(touch x)'")
end)

unit.test("a name is one line of UTF-8, and nothing that a terminal would act on", function()
  unit.equal(text.plain("a\0\27[31m\r\n\tb\127"), "a  [31m   b ")
  unit.equal(text.plain("\x80\xbfa\xe6\x97"), "\u{fffd}\u{fffd}a\u{fffd}\u{fffd}")
  unit.equal(text.plain("a\u{9b}b\u{2028}c\u{202e}d\u{2066}e\u{ffff}f\u{85}g"), "a b c d e f g")
  unit.equal(text.plain("Grüße ± – … 日本 👍 λ\u{301}"), "Grüße ± – … 日本 👍 λ\u{301}")
  unit.equal(text.columns({ { "a\27b", "c" } })[1], "a b  c")
  local file <close> = io.tmpfile()
  progress.new(file):say("warning: \27[2J\xff")
  file:seek("set")
  unit.equal(file:read("a"), "warning:  [2J\u{fffd}\n")
end)

unit.test("columns stand under each other in any script", function()
  unit.equal(text.width("日本"), 4)
  unit.equal(text.width("e\u{301}"), 1)
  unit.equal(text.width("\xff\xfe"), 2)
  unit.equal(text.cut("日本語", 5), "日本")
  unit.equal(text.cut("abc", 5), "abc")
  unit.equal(text.pad("日", 4), "日  ")
end)

local grid = {
  title = "T_1 <b>", notes = { "100 % | sure" },
  blocks = { {
    head = { "", "rsum" },
    rows = { { "a|b_c*", "1.0 ± 0.1" }, { "Δ & \\x{}$", "" }, { "[5pt] <", span = "failed: a|b" } },
  } },
}

unit.test("names cannot break a Markdown table", function()
  local page = layout.markdown(grid)
  unit.contains(page, "a\\|b\\_c\\*")
  unit.contains(page, "T\\_1 \\<b\\>")
  -- every line of the table has the same number of unescaped bars
  for line in page:gmatch("[^\n]+") do
    if line:sub(1, 1) == "|" then
      local _, bars = line:gsub("\\|", ""):gsub("|", "")
      unit.equal(bars, 3, line)
    end
  end
end)

unit.test("Markdown reads nothing in a name or a note as markup", function()
  local page = layout.markdown { title = " * & ~~x~~ ", notes = { "- a", "1. b", "1.5 c", "= $d$" },
    blocks = { { head = { "", "x" }, rows = { { "&lt;", "1" } } } } }
  unit.contains(page, "**\\* \\& \\~\\~x\\~\\~**")
  unit.contains(page, "\n- \\- a\n- 1\\. b\n- 1.5 c\n- \\= \\$d\\$\n")
  unit.contains(page, "\\&lt;")
end)

unit.test("a spreadsheet runs no cell, and numbers stay numbers", function()
  unit.equal(layout.csv { { "=1+1", "+x", "-y", "@z", "-1.5", "+2", "-1e-05", "-0x1f" } },
    "'=1+1,'+x,'-y,'@z,-1.5,+2,-1e-05,'-0x1f\n")
  unit.equal(layout.csv { { "a;=b", "say \"x\"", "" } }, '"a;=b","say ""x""",\n')
end)

unit.test("names cannot break a LaTeX table", function()
  unit.equal(latex.cell "a|b_c*", "a\\textbar{}b\\_c{*}")
  -- behind the end of a row, a bracket would be its argument
  unit.equal(latex.cell "[5pt] <", "{[}5pt{]} \\textless{}")
  unit.equal(latex.cell "Δ & \\x{}$", "$\\Delta$ \\& \\textbackslash{}x\\{\\}\\$")
  unit.equal(latex.cell "`a` --- '' ,, é 日",
    "\\textasciigrave{}a\\textasciigrave{} -{}-{}- '{}' ,{}, é 日")
end)

unit.test("a list of names in a message ends before it fills the screen", function()
  local names = {}
  for i = 1, 30 do names[i] = "operation_" .. i end
  local said = core.suggest("qqq", names)
  unit.contains(said, "operation_24 and 6 others")
  unit.equal(said:find("operation_25", 1, true), nil)
  unit.equal(core.suggest("qqq", { "alpha", "beta" }), "; there are alpha, beta")
end)

unit.test("CSV cells with commas and quotes stay one cell", function()
  unit.equal(layout.csv { { 'a,b', 'say "x"', "two\nlines" } }, '"a,b","say ""x""",two lines\n')
end)

unit.finish()
