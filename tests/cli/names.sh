#!/bin/sh
# names.sh -- names that are something to a spreadsheet, Markdown, LaTeX, HTML, XML or a terminal stay
# names in every output, and a reason that is no UTF-8 leaves a table.
. "$(dirname "$0")/set_up.sh"
command -v python3 >/dev/null || skip 'python3 is missing, which reads CSV, JSON, HTML and XML back'
drawing=drawing
gnuplot --version >/dev/null 2>&1 || { drawing=; echo 'skipped: pictures: gnuplot is missing; on Debian: gnuplot-nox'; }
python3 "$STEPWISE_SOURCE/tests/cli/names.py" "$STEPWISE" "$STEPWISE_SOURCE/experiments/results/flickr8k/table3" "$folder" $drawing

# A table's script says which name it is that no output could hold.
printf 'local sw = require "stepwise"\nreturn sw.table { title = "T", base = sw.experiment {}, rows = { { name = "a" }, { name = "b\\xff" } } }\n' >"$folder/t.lua"
status=0
"$STEPWISE" ablate "$folder/t.lua" --dry-run >"$folder/out" 2>&1 || status=$?
[ "$status" = 2 ] && grep -qF 'rows[2]: name: expected text in UTF-8' "$folder/out" ||
    { echo "FAILED: a name that is no UTF-8: exit status $status"; cat "$folder/out"; exit 1; }

# What a script says of itself reaches the terminal as a line of text.
printf 'return require "stepwise".experiment { name = "x\\27[2Jy" }\n' >"$folder/e.lua"
"$STEPWISE" inspect "$folder/e.lua" >"$folder/out" 2>&1 || { echo 'FAILED: inspect:'; cat "$folder/out"; exit 1; }
grep -qF 'x [2Jy' "$folder/out" || { echo 'FAILED: a name with an escape is printed as it is:'; head -n 1 "$folder/out"; exit 1; }
