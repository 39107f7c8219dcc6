#!/bin/sh
# methods.sh -- each method of experiments/methods from data to a test's rsum: a small model of it trains on
# generated scenes and is evaluated, and its scores are those of the published form in PyTorch with the
# same parameters (tests/bench/methods.py), where PyTorch is.
. "$(dirname "$0")/set_up.sh"

"$STEPWISE" scenes data --train 16 --dev 4 --test 4 --regions 36 --features 24 >/dev/null
small='dim=16 train.epochs=1 batch=20'
tried=0 published=
for script in "$STEPWISE_SOURCE"/experiments/methods/*.lua; do
    name=$(basename "$script" .lua) more=
    case $name in
    field) continue ;;                      # what they share
    saem | sgm) more='second=none' ;;       # these scenes have one set of fragments
    esac
    case $name in
    saem | saem_gru) more="$more image.self_attention.width=32 pool.text.maps=8" ;;
    esac
    grep -q 'glove' "$script" && more="$more embedding=random"
    # shellcheck disable=SC2086
    "$STEPWISE" train "$script" --data data --out "$name" --threads 2 word_dim=12 $small $more \
        >out 2>&1 || fail "$name: $(cat out)"
    grep -q '"rsum"' "$name/result.json" || fail "$name has no result"
    "$STEPWISE" eval "$name/checkpoint.safetensors" --data data --split test --sims "$name/sims.npy" \
        >out 2>&1 || fail "$name: its checkpoint: $(cat out)"
    case $name in saem | sgm) ;; *) published="$published $name" ;; esac # others' files are their input
    tried=$((tried + 1))
done
grep -q '"naaf.threshold"' naaf/checkpoint.safetensors || fail 'a checkpoint lacks the threshold of NAAF'
[ "$tried" -ge 18 ] || fail "only $tried methods were found"
python=/usr/bin/python3 # Debian's, which may have python3-torch
if "$python" -c 'import numpy, torch' 2>/dev/null; then
    # shellcheck disable=SC2086
    "$python" "$STEPWISE_SOURCE/tests/bench/methods.py" $published --threads 1 --check . data >out 2>&1 ||
        fail "other scores than the published form: $(cat out)"
    cat out
else
    echo 'skipped: python3-torch is not there, so the published forms are not compared'
fi
