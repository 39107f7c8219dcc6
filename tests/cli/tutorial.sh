#!/bin/sh
# tutorial.sh -- every block of experiments/TENSORS.md runs, and what it asserts is so.
. "$(dirname "$0")/set_up.sh"

page=$STEPWISE_SOURCE/experiments/TENSORS.md
awk '/^```lua$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside { print > ("block" n ".lua") }' "$page"
[ -s block5.lua ] || fail 'experiments/TENSORS.md has lost its blocks'
for block in block*.lua; do
    if grep -q '^return sw.experiment' "$block"; then
        "$STEPWISE" train "$block" epochs=1 --data scenes --out run >out.txt 2>&1 || { cat out.txt; fail "$block: a run"; }
        [ -s run/result.json ] || fail "$block left no result"
        described=1
        continue
    fi
    "$STEPWISE" lua "$block" >out.txt 2>&1 || { cat out.txt; fail "$block"; }
    [ -s out.txt ] || fail "$block printed nothing"
done
[ -n "${described:-}" ] || fail 'experiments/TENSORS.md has lost its experiment'
