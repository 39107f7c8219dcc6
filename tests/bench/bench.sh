#!/bin/sh
# bench.sh THREADS STEPS RUNS -- training steps of a few shapes and an evaluation, in seconds; see
# stepwise bench --help. The paper's shape is run RUNS times, to see how far its ratio spreads.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}"
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

python=
for candidate in ${PYTHON:-} /usr/bin/python3 python3; do
    if "$candidate" -c 'import torch, numpy' 2>/dev/null; then python=$candidate && break; fi
done
[ -n "$python" ] || echo '(nothing in PyTorch to compare with; on Debian: python3-torch python3-numpy)'

# others NAME SCRIPT ARGUMENT..: the same step in PyTorch; what it takes goes to others_s. The first
# step is not counted.
others() {
    name=$1 others_s=
    shift
    [ -n "$python" ] || return 0
    threads_now=$(number threads)
    OPENBLAS_NUM_THREADS=$threads_now OMP_NUM_THREADS=$threads_now "$python" "$@" \
        --threads "$threads_now" >"$folder/others.txt"
    LC_ALL=C awk -v name="$name" -v step="$(number step_s)" '
        { for (i = 1; i < NF; i++) value[$i] = $(i + 1); note = /\(/ ? " " substr($0, index($0, "(")) : "" }
        END { printf "%-38s %8.3f %8.3f %8.3f %8.3f %8.3f   %.1f times our step%s\n", name,
            value["encode"], value["score"], value["backward"], value["step"], value["total"],
            value["total"] / step, note }' "$folder/others.txt"
    others_s=$(sed -n 's/.* total \([0-9.]*\) s.*/\1/p' "$folder/others.txt" | tail -n 1)
}

# reference FUSION STEPS: the plain PyTorch reading of the model, batch 64: a step takes it about a
# minute.
reference() {
    script=${STEPWISE_SHARED:-}/reference/shan.py
    [ -r "$script" ] || { echo '  (no reference to compare with: STEPWISE_SHARED)'; return; }
    others '  the reference in PyTorch' "$script" bench --batch 64 --dim 1024 --regions 2048 \
        --fusion "$1" --steps "$2"
    reference_s=$others_s
}

# peer BATCH: the algorithm of our step, written in PyTorch
peer() {
    others '  our algorithm in PyTorch' "$STEPWISE_SOURCE/tests/bench/peer.py" --batch "$1"
    peer_s=$others_s
}

# without_tiles OPTION..: the same shape with OpenBLAS's products, where ours go to the tile unit
without_tiles() {
    [ "$(number cpu)" = amx ] || return 0
    STEPWISE_CPU=avx512
    export STEPWISE_CPU
    row '  with AVX-512 and OpenBLAS alone' "$@"
    LC_ALL=C awk -v step="$(number step_s)" -v reference="$reference_s" -v peer="$peer_s" '
        function beside(name, s) {
            if (s != "") printf "%-74s %8.3f   %.1f times that step\n", name, s, s / step
        }
        BEGIN {
            beside("  the same reference", reference)
            beside("  the same algorithm in PyTorch", peer)
        }'
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
reference_s='' peer_s=''
reference gate 2
peer 64
(without_tiles --batch 64)
row 'batch 64, D 1024, gate_vector' --batch 64 --fusion gate_vector
reference gate_vector 1
row 'batch 128, D 1024, F 2048, W 300' --batch 128 --warmup
LC_ALL=C awk -v step="$(number warmup_step_s)" -v ratio="$(number warmup_ratio)" \
    -v peak="$(number warmup_peak_rss_mb)" 'BEGIN {
        printf "%-74s %8.3f %24.0f MB, %.2f times a step\n", "  with all negatives (warm-up)", step,
            peak, ratio }'
reference_s=''
peer 128
spread --batch 128
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
