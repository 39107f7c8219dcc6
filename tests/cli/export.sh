#!/bin/sh
# export.sh -- what `stepwise export` writes is what the runs have written, as readers of another make
# see it; and it overwrites nothing.
. "$(dirname "$0")/set_up.sh"

cat >rows.lua <<'LUA'
local sw = require "stepwise"
local base = sw.experiment {
  model = { dim = 4, embedding = sw.embedding "random" { word_dim = 4 }, stages = { sw.stage "l2l" {} } },
  train = { batch = 16, epochs = 2 },
}
return sw.table { title = "T: \"a\" | b", base = base, rows = { { name = "a" }, { name = "b | x", lr = 0.1 } } }
LUA
"$STEPWISE" scenes data --train 16 --dev 8 --test 8 --features 16 >/dev/null
"$STEPWISE" ablate rows.lua --data data --out out >out.txt 2>&1 || { cat out.txt; fail 'the sweep'; }
for format in tensorboard csv mlflow; do
    "$STEPWISE" export out --to $format >out.txt || fail "export to $format"
    grep -qx "out-$format: 2 runs" out.txt || fail "what export to $format says"
done
status=0
"$STEPWISE" export out --to csv 2>err.txt || status=$?
[ $status = 1 ] && grep -q 'is not empty; --out takes another folder' err.txt || fail 'a folder that holds something'
status=0
"$STEPWISE" export out --to tensorbord 2>err.txt || status=$?
[ $status = 2 ] && grep -q "did you mean 'tensorboard'" err.txt || fail 'a format that is not known'
# one run alone, and one that was cut short
"$STEPWISE" export out/a-seed0 --to csv --out alone >/dev/null || fail 'one run'
cmp alone/a-seed0.csv out-csv/a-seed0.csv || fail 'one run alone has other numbers'
cp -r out/a-seed0 cut
printf '9\t9\tstep\t1' >>cut/metrics.tsv
"$STEPWISE" export cut --to csv --out short >/dev/null || fail 'a run that was cut short'
cmp short/cut.csv out-csv/a-seed0.csv || fail 'half a line is taken for a whole one'

python=/usr/bin/python3
[ -x $python ] || skip 'there is no python3 to read the files'
$python "$STEPWISE_SOURCE/tests/cli/export.py" out || fail 'what was written is read otherwise'
echo 'event files, CSV and the MLflow store hold what the runs wrote'
