#!/bin/sh
# limits.sh -- limits of memory, of files and of the umask: an error in one line and nothing lost,
# never a hang.
. "$(dirname "$0")/set_up.sh"

cat >tiny.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  name = "tiny",
  model = { dim = 16, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 2 },
}
LUA
"$STEPWISE" scenes data --train 16 --dev 4 --test 4 --features 16 >/dev/null
train() { "$STEPWISE" train tiny.lua --data data "$@"; }

# ulimit -v: OpenBLAS alone would try again for ever. A hang is one after minutes only.
if (ulimit -v 20000000 && "$STEPWISE" --version) >/dev/null 2>&1; then
    for kilobytes in 150000 200000 250000 300000 350000 400000; do # the environment moves the edges
        rm -rf small
        status=0
        (ulimit -v $kilobytes && exec timeout -k 1 120 "$STEPWISE" train tiny.lua --data data \
            --out small --threads 2) >small.out 2>&1 || status=$?
        [ $status = 0 ] || { [ $status = 1 ] && [ "$(grep -c '^stepwise: ' small.out)" = 1 ]; } ||
            fail "ulimit -v $kilobytes: status $status: $(cat small.out)"
        cat small.out >>all.out
    done
    grep -q 'out of memory for matrix products: .*2 threads.*ulimit -v' all.out ||
        fail "ulimit -v: $(cat all.out)"
    (ulimit -v 20000000 && train --out large --threads 2) >large.out 2>&1 ||
        fail "ulimit -v that is large enough: $(cat large.out)"
else
    echo 'skipped: this build does not run under a limit of address space'
fi

# ulimit -f: the last state stays, byte for byte.
train --out files max_steps=3 >/dev/null
cp files/state.safetensors before
status=0
(ulimit -f 4 && exec "$STEPWISE" train files max_steps=0) >files.out 2>&1 || status=$?
[ $status = 1 ] && grep -q '^stepwise: cannot write files/.*: File too large' files.out ||
    fail "ulimit -f: status $status: $(cat files.out)"
cmp before files/state.safetensors
train --out whole >/dev/null
"$STEPWISE" train files max_steps=0 >files.out 2>&1 || fail "after ulimit -f: $(cat files.out)"
cmp whole/checkpoint-last.safetensors files/checkpoint-last.safetensors

# Standard output that is full.
for words in 'train tiny.lua --data data --out full' 'help' 'plugins'; do # the last fills a buffer
    status=0 reason='No space left'
    [ "$words" != plugins ] || reason='some of it'
    # shellcheck disable=SC2086 # one word an argument
    "$STEPWISE" $words >/dev/full 2>full.err || status=$?
    [ $status = 1 ] && grep -q "^stepwise: standard output: $reason" full.err ||
        fail "$words >/dev/full: status $status: $(cat full.err)"
done
[ -s full/result.json ] || fail 'a full standard output ended the run'

# The umask decides who may read and write.
for mode in 077:600 002:664; do
    (umask "${mode%:*}" && train --out "u${mode%:*}" >/dev/null)
    wrong=$(find "u${mode%:*}" -type f ! -perm "${mode#*:}")
    [ -z "$wrong" ] || fail "umask ${mode%:*}: $(ls -l "u${mode%:*}")"
done
