#!/bin/sh
# methods.sh THREADS STEPS [METHOD..] -- a step of each method of experiments/methods at batch 64, beside the
# floor of its products, beside the L2L step of SHAN, and beside the loop of its published form in
# PyTorch where that is there. In turn, in one run, at D = 256 and 1024, or those of BENCH_DIMS; it
# asserts nothing.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}"
threads=$1 steps=$2
shift 2
[ $# -gt 0 ] || set -- scan_t2i scan_i2t bfan chan naaf max_mean vsepp gpo esa imram_text imram_image imram_full saf sgr \
    camp caan_like saem_gru
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
python=
for candidate in ${PYTHON:-} /usr/bin/python3 python3; do
    if "$candidate" -c 'import torch' 2>/dev/null; then python=$candidate && break; fi
done
[ -n "$python" ] || echo '(no loops in PyTorch to compare with; on Debian: python3-torch)'

measure() { # FILE BENCH-ARGUMENT..
    file=$1
    shift
    "$STEPWISE" bench "$@" --batch 64 --threads "$threads" --steps "$steps" --json >"$folder/$file"
}
number() { # FILE KEY
    sed -n "s/^ \"$2\": \"*\([^\",]*\)\"*,*\$/\1/p" "$folder/$1"
}

printf '%-12s %6s %9s %9s %7s %9s %11s %7s\n' 'batch 64' D 'step s' 'floor s' ratio 'of L2L' 'PyTorch s' times
for dim in ${BENCH_DIMS:-256 1024}; do
    for method; do
        way=$(sed -n 's/^ *direction = "\(.*\)".*/\1/p' "$STEPWISE_SOURCE/experiments/methods/$method.lua")
        measure l2l --stages l2l --direction "${way:-both}" --dim "$dim"
        measure own "$STEPWISE_SOURCE/experiments/methods/$method.lua" --dim "$dim"
        loop=
        [ -z "$python" ] || loop=$("$python" "$STEPWISE_SOURCE/tests/bench/methods.py" "$method" \
            --dim "$dim" --threads "$(number own threads)" --steps 1 2>/dev/null) || loop=
        LC_ALL=C awk -v name="$method" -v dim="$dim" -v step="$(number own step_s)" \
            -v floor="$(number own floor_s)" -v ratio="$(number own ratio)" \
            -v l2l="$(number l2l step_s)" -v loop="$loop" 'BEGIN {
                printf "%-12s %6d %9.4f %9.4f %7.2f %9.2f", name, dim, step, floor, ratio, step / l2l
                if (loop != "") printf " %11.3f %7.0f", loop, loop / step
                print "" }'
    done
done
echo "$(number own threads) threads, kernels $(number own cpu), BLAS core $(number own blas_core)"
