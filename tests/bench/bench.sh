#!/bin/sh
# bench.sh THREADS STEPS RUNS -- training steps of a few shapes and an evaluation, in seconds; see
# stepwise bench --help. The paper's shape is run RUNS times, to see how far its ratio spreads.
set -eu
: "${STEPWISE:?}"
threads=${1:-0} steps=${2:-5} runs=${3:-5}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

number() { # KEY: a member of the last result
    sed -n "s/^ \"$1\": \"*\([^\",]*\)\"*,*\$/\1/p" "$folder/result.json"
}

row() { # NAME OPTION..
    name=$1
    shift
    "$STEPWISE" bench "$@" --threads "$threads" --steps "$steps" --json >"$folder/result.json"
    LC_ALL=C awk -v name="$name" -v encode="$(number encode_s)" -v score="$(number score_s)" \
        -v backward="$(number backward_s)" -v update="$(number update_s)" -v step="$(number step_s)" \
        -v floor="$(number floor_s)" -v ratio="$(number ratio)" -v peak="$(number peak_rss_mb)" \
        -v hours="$(number flickr30k_epoch_h)" 'BEGIN {
            printf "%-38s %8.3f %8.3f %8.3f %8.3f %8.3f %8.3f %6.2f %8.0f %8.2f\n",
                name, encode, score, backward, update, step, floor, ratio, peak, hours }'
}

# reference FUSION STEPS: the plain PyTorch reading of the model, batch 64: a step takes it about a
# minute. Its first step is not counted.
reference() {
    script=${STEPWISE_SHARED:-}/reference/shan.py
    step=$(number step_s) threads=$(number threads)
    [ -r "$script" ] || { echo '  (no reference to compare with: STEPWISE_SHARED)'; return; }
    for python in ${PYTHON:-} /usr/bin/python3 python3; do
        if "$python" -c 'import torch, numpy' 2>/dev/null; then
            OPENBLAS_NUM_THREADS=$threads OMP_NUM_THREADS=$threads "$python" "$script" bench \
                --batch 64 --dim 1024 --regions 2048 --fusion "$1" --threads "$threads" \
                --steps "$2" >"$folder/reference.txt"
            LC_ALL=C awk -v step="$step" '
                { for (i = 1; i < NF; i++) value[$i] = $(i + 1) }
                END { printf "%-38s %8.3f %8.3f %8.3f %8.3f %8.3f   %.1f times our step\n",
                    "  the reference in PyTorch", value["encode"], value["score"],
                    value["backward"], value["step"], value["total"], value["total"] / step }' \
                "$folder/reference.txt"
            reference_s=$(sed -n 's/.* total \([0-9.]*\) s.*/\1/p' "$folder/reference.txt" | tail -n 1)
            return
        fi
    done
    echo '  (the reference needs PyTorch and NumPy; on Debian: python3-torch python3-numpy)'
}

# without_tiles OPTION..: the same shape with OpenBLAS's products, where ours go to the tile unit
without_tiles() {
    [ "$(number cpu)" = amx ] || return 0
    STEPWISE_CPU=avx512
    export STEPWISE_CPU
    row '  with AVX-512 and OpenBLAS alone' "$@"
    [ -z "$reference_s" ] || LC_ALL=C awk -v step="$(number step_s)" -v reference="$reference_s" \
        'BEGIN { printf "%-74s %8.3f   %.1f times that step\n", "  the same reference", reference,
            reference / step }'
}

# spread OPTION..: the ratio of several runs, each of which is a median of its own
spread() {
    run=0
    while [ "$run" -lt "$runs" ]; do
        "$STEPWISE" bench "$@" --threads "$threads" --steps "$steps" --json >"$folder/result.json"
        number ratio
        run=$((run + 1))
    done | sort -n | LC_ALL=C awk '{ x[NR] = $1 } END {
        if (NR) printf "  ratio over %d runs: %.2f to %.2f, median %.2f\n", NR, x[1], x[NR],
            (x[int((NR + 1) / 2)] + x[int((NR + 2) / 2)]) / 2 }'
}

printf '%-38s %8s %8s %8s %8s %8s %8s %6s %8s %8s\n' 'seconds (medians)' encode score backward \
    update step floor ratio 'peak MB' 'F30K h'
row 'batch 128, D 128, F 768, W 100' --batch 128 --dim 128 --regions 768 --words 100
row 'batch 128, D 256, F 768, W 100' --batch 128 --dim 256 --regions 768 --words 100
row 'batch 64, D 1024, F 2048, W 300' --batch 64
reference_s=
reference gate 2
(without_tiles --batch 64)
row 'batch 64, D 1024, gate_vector' --batch 64 --fusion gate_vector
reference gate_vector 1
row 'batch 128, D 1024, F 2048, W 300' --batch 128 --warmup
LC_ALL=C awk -v step="$(number warmup_step_s)" -v ratio="$(number warmup_ratio)" \
    -v peak="$(number warmup_peak_rss_mb)" 'BEGIN {
        printf "%-74s %8.3f %24.0f MB, %.2f times a step\n", "  with all negatives (warm-up)", step,
            peak, ratio }'
spread --batch 128
reference_s=
(
    without_tiles --batch 128
    if [ "$(number cpu)" = avx512 ]; then spread --batch 128; fi
)
"$STEPWISE" bench --images 1000 --captions 5000 --steps 0 --threads "$threads" --json \
    >"$folder/result.json"
LC_ALL=C awk -v encode="$(number eval_encode_s)" -v score="$(number eval_score_s)" \
    -v all="$(number eval_s)" -v floor="$(number eval_floor_s)" -v ratio="$(number eval_ratio)" \
    -v peak="$(number peak_rss_mb)" 'BEGIN {
        printf "%-38s %8.3f %8.3f %8s %8s %8.3f %8.3f %6.2f %8.0f\n",
            "evaluation, 1000 x 5000, D 1024", encode, score, "", "", all, floor, ratio, peak }'
echo "$(number threads) threads, kernels $(number cpu), BLAS core $(number blas_core)"
