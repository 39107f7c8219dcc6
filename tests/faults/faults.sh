#!/bin/sh
# faults.sh -- a run that is saved, an evaluation, a figure and a new plugin, each with one failing call after
# another (fail.c): a full disk, no memory, no process. Whatever fails, the program ends by itself
# with status 0 or 1 and at most one line of complaint, and what was saved before still goes on to the
# same bits. All of the first CALLS calls of a kind are tried, and samples of those after them.
set -eu
: "${STEPWISE:?}" "${STEPWISE_BUILD:?}"
library=$STEPWISE_BUILD/tests/faults/.libs/fail.so
calls=${STEPWISE_FAULT_CALLS:-24} samples=${STEPWISE_FAULT_SAMPLES:-10}
if [ -n "${STEPWISE_SANITIZERS:-}" ]; then
    echo 'skipped: a sanitizer brings its own malloc'
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

failures=0 tried=0 refused=0
fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
    [ "$failures" -lt 20 ] || exit 1
}

# with FAULT COMMAND...: the program with that call failing; its status goes to $status.
with() {
    fault=$1
    shift
    status=0
    LD_PRELOAD=$library STEPWISE_FAIL=$fault timeout -s ABRT 100 "$STEPWISE" "$@" >out.txt 2>error.txt </dev/null ||
        status=$?
}

cat >tiny.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  name = "tiny",
  model = {
    dim = 2, embedding = sw.embedding "random" { word_dim = 2 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" { fusion = "gate" }, sw.stage "g2g" {} },
  },
  train = { batch = 16, epochs = 2, eval_every = 2, checkpoint_every = 1 },
}
LUA
"$STEPWISE" scenes data --train 8 --dev 5 --test 5 --regions 5 --features 16 >/dev/null
"$STEPWISE" train tiny.lua --data data --threads 1 --out whole >/dev/null

# A run that was killed after an evaluation: there are a best checkpoint and a state to lose.
for n in 9 10 11 12 13 14 15 16; do
    rm -rf half
    with "rename $n kill" train tiny.lua --data data --threads 1 --out half
    [ "$status" = 137 ] || { echo "FAILED: expected a killed run, found status $status"; exit 1; }
    [ ! -f half/checkpoint.safetensors ] || [ ! -f half/state.safetensors ] || break
done
for name in checkpoint.safetensors state.safetensors; do
    [ -f "half/$name" ] || { echo "FAILED: the killed run has no $name"; exit 1; }
done

# What a run leaves behind, whatever failed in it: resumed, it ends with the bits of the whole one.
still_resumes() { # FAULT
    [ "$status" = 0 ] ||
        "$STEPWISE" train tiny.lua --data data --threads 1 --out run --resume >out.txt 2>error.txt ||
        { fail "train with '$1': cannot be resumed: $(cat error.txt)"; return 0; }
    for file in checkpoint.safetensors checkpoint-last.safetensors vocab.json ranks-test.npy; do
        cmp -s "run/$file" "whole/$file" || fail "train with '$1': resumed, $file is another one"
    done
}

scenario() { # NAME FAULT
    case $1 in
    train)
        rm -rf run && cp -r half run
        with "$2" train tiny.lua --data data --threads 1 --out run --resume
        ;;
    eval) with "$2" eval whole/checkpoint.safetensors --data data --split test --sims sims.npy --threads 1 ;;
    plot) rm -f whole/*.svg && with "$2" plot whole ;;
    new) rm -rf deep && with "$2" new stage mine --out deep/mine ;;
    esac
}

check() { # NAME FAULT
    tried=$((tried + 1))
    lines=$(wc -l <error.txt)
    [ "$status" = 0 ] || refused=$((refused + 1))
    case $status in
    0) [ "$lines" -le 1 ] || fail "$1 with '$2': $lines lines: $(cat error.txt)" ;;
    1) [ "$lines" = 1 ] || fail "$1 with '$2': expected one line, found $lines: $(cat error.txt)" ;;
    *) fail "$1 with '$2': exit status $status: $(head -n 3 error.txt)" ;;
    esac
    [ "$1" != train ] || still_resumes "$2"
    [ "$1-$status" != new-1 ] || [ ! -e deep ] || [ "$(ls deep/mine 2>/dev/null | wc -l)" = 4 ] ||
        fail "new with '$2': a part of the folder stays: $(ls -R deep)"
}

for name in train eval plot new; do
    export STEPWISE_FAIL_COUNT="$folder/counts"
    scenario "$name" 'open 0'
    unset STEPWISE_FAIL_COUNT
    [ "$status" = 0 ] || { echo "FAILED: $name without a fault: $(cat error.txt)"; exit 1; }
    while read -r kind count; do
        n=1
        before=$tried refused=0
        stride=$(((count - calls) / samples + 1))
        while [ "$n" -le "$count" ]; do
            scenario "$name" "$kind $n"
            check "$name" "$kind $n"
            if [ "$n" -lt "$calls" ]; then n=$((n + 1)); else n=$((n + stride)); fi
        done
        echo "$name: $kind: $((tried - before)) of $count calls, $refused ended the command"
        case $name-$kind in
        train-process | eval-process | *-map) ;; # there is another way
        *) [ "$refused" -gt 0 ] || [ "$count" = 0 ] || fail "$name: $kind: no call that failed was noticed" ;;
        esac
    done <counts
done

# A new run that cannot write its first files leaves no empty folder behind.
for kind in open write; do
    for n in $(seq 1 "$calls"); do
        rm -rf begun
        with "$kind $n" train tiny.lua --data data --threads 1 --out begun epochs=1
        [ ! -d begun ] || [ -n "$(ls -A begun)" ] || fail "train with '$kind $n': an empty run folder stays"
        tried=$((tried + 1))
    done
done
echo "$tried calls failed, one per run"
[ "$failures" = 0 ]
