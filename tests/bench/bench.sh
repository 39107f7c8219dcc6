#!/bin/sh
# bench.sh THREADS STEPS -- training steps of a few shapes, in seconds; see stepwise bench --help.
set -eu
: "${STEPWISE:?}"
threads=${1:-0} steps=${2:-5}
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

# The plain PyTorch reading of the model: a step of batch 64 takes it about a minute. Its first step
# is not counted.
reference() {
    script=${STEPWISE_SHARED:-}/reference/shan.py
    step=$(number step_s) threads=$(number threads)
    [ -r "$script" ] || { echo '  (no reference to compare with: STEPWISE_SHARED)'; return; }
    for python in ${PYTHON:-} /usr/bin/python3 python3; do
        if "$python" -c 'import torch, numpy' 2>/dev/null; then
            OPENBLAS_NUM_THREADS=$threads OMP_NUM_THREADS=$threads "$python" "$script" bench \
                --batch 64 --dim 1024 --regions 2048 --fusion gate --threads "$threads" --steps 2 \
                >"$folder/reference.txt"
            LC_ALL=C awk -v step="$step" '
                { for (i = 1; i < NF; i++) value[$i] = $(i + 1) }
                END { printf "%-38s %8.3f %8.3f %8.3f %8.3f %8.3f   %.1f times our step\n",
                    "  the reference in PyTorch", value["encode"], value["score"],
                    value["backward"], value["step"], value["total"], value["total"] / step }' \
                "$folder/reference.txt"
            return
        fi
    done
    echo '  (the reference needs PyTorch and NumPy; on Debian: python3-torch python3-numpy)'
}

printf '%-38s %8s %8s %8s %8s %8s %8s %6s %8s %8s\n' 'seconds (medians)' encode score backward \
    update step floor ratio 'peak MB' 'F30K h'
row 'batch 128, D 128, F 768, W 100' --batch 128 --dim 128 --regions 768 --words 100
row 'batch 128, D 256, F 768, W 100' --batch 128 --dim 256 --regions 768 --words 100
row 'batch 64, D 1024, F 2048, W 300' --batch 64
reference
row 'batch 128, D 1024, F 2048, W 300' --batch 128
row 'batch 64, D 1024, gate_vector' --batch 64 --fusion gate_vector
echo "$(number threads) threads, kernels $(number cpu), BLAS core $(number blas_core)"
