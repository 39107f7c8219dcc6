#!/bin/sh
# terminal.sh -- on a terminal the line of the moment is drawn over and never wider than it; whatever
# is too long there would wrap, and leave a line behind at each step.
. "$(dirname "$0")/set_up.sh"
command -v script >/dev/null || skip 'script is missing, which gives a terminal; on Debian: bsdutils'
fail() {
    echo "FAILED: $*"
    cat -v "typescript"
    exit 1
}

"$STEPWISE" scenes data --train 8 --dev 5 --test 5 --regions 4 --features 16 --word-dim 6 >/dev/null
cat >tiny.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  model = { dim = 2, embedding = sw.embedding "random" { word_dim = 6 }, stages = { sw.stage "l2l" {} } },
  train = { batch = 8, epochs = 1 },
}
LUA

# The lines of the moment, of a terminal with COLUMNS columns: each ends where it is drawn over.
lines_of() { # COLUMNS
    rm -rf run
    SHELL=/bin/sh script -qec "stty cols $1 && TERM=xterm exec '$STEPWISE' train tiny.lua --data data --out run" typescript \
        >/dev/null </dev/null || fail "a run on a terminal of $1 columns"
    tr '\r' '\n' <typescript | grep '^epoch 1/1  step' | sed 's/\x1b.*//' >lines.txt ||
        fail "no line of the moment at $1 columns"
}

lines_of 30
longest=$(awk '{ if (length > most) most = length } END { print most }' lines.txt)
[ "$longest" = 29 ] || fail "30 columns: the longest line of the moment has $longest"
grep -q 'done in' typescript || fail 'the last line is cut as if it were one of the moment'
# A sweep has a line for all and one per run, each drawn over whole. It would not end: it is stopped
# when both have been drawn.
cat >rows.lua <<'LUA'
local sw = require "stepwise"
return sw.table { title = "T", base = sw.load "tiny.lua", rows = { { name = "a" }, { name = "b", lr = 0.1 } } }
LUA
whole_sweep='^0/2 done, 2 running, about [0-9.]+ [a-z]+( [0-9]+ [a-z]+)? left$'
one_run='^  [ab]-seed0  epoch [0-9]+/1000000  [0-9]+ %  rsum [0-9.]+  [0-9]+ pairs/s  .* left'
{
    for _ in $(seq 600); do
        sleep 0.1
        ! tr '\r' '\n' <typescript | sed 's/\x1b\[[AK]//g' >lines.txt || ! grep -qE "$whole_sweep" lines.txt ||
            ! grep -qE "$one_run" lines.txt || break
    done
    kill -s TERM "$(cat pid)"
} 2>/dev/null &
rm typescript
status=0
SHELL=/bin/sh script -qfec "stty cols 80 && echo \$\$ >pid && TERM=xterm exec '$STEPWISE' ablate rows.lua \
    --data data --out sweep -j 2 epochs=1000000" typescript >/dev/null </dev/null || status=$?
wait
[ "$status" = 143 ] || fail "a sweep on a terminal: status $status"
grep -qE "$whole_sweep" lines.txt || fail 'no line of the whole sweep'
grep -qE "$one_run" lines.txt || fail 'no line of a run'
longest=$(awk '/^\*\*T/ { exit } !/^Script/ && length > most { most = length } END { print most }' lines.txt)
[ "$longest" -le 80 ] || fail "80 columns: a line of a sweep has $longest"
up=$(printf '\033[A')
grep -qF -e "$up" typescript || fail 'the lines of a sweep are not drawn over'
# a terminal that does not know its width is taken for one of 80 columns
lines_of 0
longest=$(awk '{ if (length > most) most = length } END { print most }' lines.txt)
[ "$longest" -gt 40 ] && [ "$longest" -le 79 ] || fail "unknown width: the longest line of the moment has $longest"
