#!/bin/sh
# sweep_crash.sh -- a plugin that crashes, ends the process or never returns costs its own row, with
# the reason in the table, and nothing of the rest.
. "$(dirname "$0")/set_up.sh"
: "${STEPWISE_BUILD:?}"
fail() {
    echo "FAILED: $*"
    cat sweep.out
    exit 1
}
mkdir plugins
cp "$STEPWISE_BUILD/tests/bad/.libs/crashes.so" plugins
STEPWISE_PLUGIN_PATH=$folder/plugins
export STEPWISE_PLUGIN_PATH

cat >rows.lua <<'LUA'
local sw = require "stepwise"
local base = sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 }, stages = { sw.stage "l2l" {} } },
  train = { batch = 16, epochs = 1 },
}
return sw.table { title = "T", base = base, rows = {
  { name = "loops", stages = { "l2l", "crashes" }, ["crashes.how"] = "loop" },
  { name = "segfaults", stages = { "l2l", "crashes" } },
  { name = "exits", stages = { "l2l", "crashes" }, ["crashes.how"] = "exit" },
  { name = "fine" }, { name = "i2t", direction = "i2t" } } }
LUA
"$STEPWISE" scenes data --train 32 --dev 8 --test 8 --features 16 >/dev/null
status=0
"$STEPWISE" ablate rows.lua --data data -j 2 --stall 15 --out out >sweep.out 2>&1 || status=$?
[ $status = 1 ] || fail "exit status $status, expected 1"
for run in fine i2t; do
    [ -e out/$run-seed0/result.json ] || fail "$run was not done"
done
grep -q "^- 'segfaults', seed 0 failed: ended by a signal: Segmentation fault" out/table.md || fail 'segfaults'
grep -q "^- 'exits', seed 0 failed: ended before the run was done, with exit status 0" out/table.md || fail 'exits'
grep -q "^- 'loops', seed 0 failed: no step in 15 s" out/table.md || fail 'loops'
grep -Eq '^\| fine .* 1 \|$' out/table.md || fail 'the table has not the rows that are fine'

# The same command tries what failed again, and nothing else.
sed -i 's/, "crashes" }, \["crashes.how"\] = "[a-z]*"/ }/; s/, "crashes" }/ }/' rows.lua
! "$STEPWISE" ablate rows.lua --data data --out out >sweep.out 2>&1 || fail 'another table went into the same folder'
grep -q "row 'loops' was planned otherwise" sweep.out || fail 'no word of the changed row'
before=$(cat out/fine-seed0/provenance.json)
! "$STEPWISE" ablate out --run segfaults-seed0,fine-seed0 >sweep.out 2>&1 || fail 'a failed run is not tried again'
grep -q 'segfaults-seed0: failed' sweep.out || fail 'segfaults-seed0 was not tried'
grep -q '1 run done already' sweep.out || fail 'fine-seed0 was not skipped'
[ "$before" = "$(cat out/fine-seed0/provenance.json)" ] || fail 'a finished run was touched'
echo 'three bad rows, two good ones'
