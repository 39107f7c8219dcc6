#!/bin/sh
# learning.sh FOLDER THREADS STEPS IMAGES [key=value..] -- what a step takes where many hinges are satisfied, which
# those of random data never are. Trains SHAN-full by the paper's settings on IMAGES generated scenes, to the
# end of the warm-up (early) and on to the end of the run (late), then times STEPS steps from either state in
# turn. key=value goes to stepwise train. All of it stays in FOLDER; interrupted, the same command goes on.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}"
folder=$1 threads=$2 steps=$3 images=$4 scenes=$1/scenes
shift 4
mkdir -p "$folder"

# Of all arrays the test features appear last.
[ -e "$scenes/test_ims.npy" ] || "$STEPWISE" scenes "$scenes" --train "$images" --dev 8 --test 8 \
    --regions 36 --features 2048 --word-dim 300

train() { # RUN KEY=VALUE..
    run=$folder/$1 again=
    shift
    [ ! -e "$run/config.json" ] || again=--resume
    # shellcheck disable=SC2086 # no word where there is nothing to resume
    "$STEPWISE" train "$STEPWISE_SOURCE/experiments/shan_full.lua" --data "$scenes" \
        --glove "$scenes/scenes.glove.txt" --threads "$threads" --out "$run" $again dim=1024 \
        word_dim=300 batch=128 epochs=30 lr=2e-4 decay_epoch=15 dev_images=8 test_images=8 "$@"
}

if [ ! -e "$folder/late" ]; then
    train early "$@" epochs=1
    rm -rf "$folder/copy"
    cp -R "$folder/early" "$folder/copy"
    mv "$folder/copy" "$folder/late"
fi
train late "$@"
exec "$STEPWISE" lua "$STEPWISE_SOURCE/tests/bench/learning.lua" "$folder" "$threads" "$steps"
