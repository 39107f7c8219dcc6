#!/bin/sh
# learning.sh -- make bench-learning on a tiny shape: it trains to both states, keeps them, and times steps
# from each. How fast anything is, is not looked at.
. "$(dirname "$0")/set_up.sh"

learn() { # OUTPUT
    sh "$STEPWISE_SOURCE/tests/bench/learning.sh" here 1 2 32 dim=8 batch=32 epochs=3 lr=1e-3 \
        decay_epoch=2 >"$1" 2>&1 || fail "$1: $(cat "$1")"
}

steps_of() { # RUN: of its rows
    awk -F '\t' '$3 == "step" { n++ } END { print n + 0 }' "$1/metrics.tsv"
}

learn first
# 160 captions are five steps an epoch; one more is not timed.
for row in 'all negatives, to step 3 ' 'early, to step 8 ' 'late, to step 18 '; do
    grep -q "^$row" first || fail "no row '$row': $(cat first)"
done
grep -q '^medians of 2 steps, in turn ' first || fail "another number of steps: $(cat first)"
awk '/^all negatives|^early|^late/ { if (!($5 > 0 && $6 > 0 && $7 > 0)) exit 1 }' first ||
    fail "times that are none: $(cat first)"
[ "$(sed -n 's/^touched by epoch: //p' first | wc -w)" -eq 3 ] || fail "not three epochs: $(cat first)"
grep -q '^Flickr30K, 30 epochs of 4532 steps: ' first || fail "other steps an epoch: $(cat first)"
[ ! -e here/first ] || fail 'the run that begins anew stays'

# Both states are kept: the second time nothing is trained.
cp here/early/state.safetensors early && cp here/late/state.safetensors late
learn second
grep -q '^late, to step 18 ' second || fail "the second time: $(cat second)"
cmp here/early/state.safetensors early || fail 'another early state'
cmp here/late/state.safetensors late || fail 'another late state'
! grep -q 'step [0-9]*/5 ' second || fail "trained again: $(cat second)"
