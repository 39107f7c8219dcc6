#!/bin/sh
# golden.sh -- two small runs on generated scenes give the bytes on record: the scenes, every number
# of metrics.tsv but the times, the rank of every query and the tensors of the checkpoint. A change
# that only moves code must not change them; one that is meant to change bits records them again by
#     STEPWISE=./stepwise STEPWISE_SOURCE=. sh tests/cli/golden.sh record
# Bits also depend on the matrix library, so the record names it.
. "$(dirname "$0")/set_up.sh"
golden=$STEPWISE_SOURCE/tests/golden/runs.tsv
experiments=$STEPWISE_SOURCE/experiments
export STEPWISE_CPU=baseline OPENBLAS_CORETYPE=Prescott

hash_of() { # NAME: what comes on standard input
    printf '%s\t%s\n' "$1" "$(sha256sum | cut -c1-32)"
}

tensors() { # FILE: the header without the metadata and the blanks that fill it up, and the numbers
    size=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    head -c $((size + 8)) "$1" | tail -c "$size" | sed 's/"__metadata__":{\("[a-z]*":"\([^"\\]\|\\.\)*",*\)*},*//; s/ *$//'
    tail -c +$((size + 9)) "$1"
}

"$STEPWISE" scenes scenes --train 60 --dev 20 --test 20 --regions 6 --features 24 --word-dim 12 >log 2>&1 ||
    fail "scenes: $(cat log)"
cat scenes/*.txt scenes/*.npy | hash_of scenes >found
for name in full t2i; do
    "$STEPWISE" train "$experiments/shan_$name.lua" dim=32 word_dim=12 batch=32 epochs=3 warmup_epochs=1 \
        lr=0.002 --data scenes --glove scenes/scenes.glove.txt --seed 3 --out "$name" >log 2>&1 ||
        fail "train shan_$name: $(cat log)"
    cut -f1-14 "$name/metrics.tsv" | hash_of "$name metrics" >>found
    cat "$name/ranks-dev.npy" "$name/ranks-test.npy" | hash_of "$name ranks" >>found
    tensors "$name/checkpoint.safetensors" >tensors
    head -c 200 tensors | grep -q '"F32"' || fail 'the header of the checkpoint was not read'
    if head -c 20000 tensors | grep -q __metadata__; then fail 'metadata is in the hash'; fi
    hash_of "$name checkpoint" <tensors >>found
done
blas=$(sed -n 's/.*"config": "\(OpenBLAS [0-9.]*\).*/\1/p' full/provenance.json)
core=$(sed -n 's/.*"core": "\(.*\)".*/\1/p' full/provenance.json)
printf 'made with\t%s\n' "$blas, $core, $(uname -m)" >>found

if [ "${1:-}" = record ]; then
    cp found "$golden"
    exit 0
fi
if [ "$(tail -n 1 found)" != "$(tail -n 1 "$golden")" ]; then
    echo "skipped: recorded $(tail -n 1 "$golden" | tr '\t' ' '), here $blas, $core, $(uname -m)"
    exit 77
fi
diff "$golden" found || fail 'recorded bytes (<) differ from those of this build (>)'
