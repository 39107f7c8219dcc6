#!/bin/sh
# growth.sh THREADS STEPS -- how a step's time and memory, and an evaluation's time, grow with each
# size: the medians of stepwise bench, and the exponent between neighbours (time ~ size^exponent).
set -eu
: "${STEPWISE:?}"
threads=${1:-0} steps=${2:-3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

number() {
    sed -n "s/^ \"$1\": \"*\([^\",]*\)\"*,*\$/\1/p" "$folder/result.json"
}

# series NAME OPTION TIME MEMORY SIZES OTHER-OPTIONS..
series() {
    name=$1 option=$2 time=$3 memory=$4 sizes=$5
    shift 5
    printf '\n%-22s %10s %9s %9s %9s\n' "$name" "$time" exponent ratio 'peak MB'
    before=0 time_before=0
    for size in $sizes; do
        "$STEPWISE" bench "$@" "--$option" "$size" --json >"$folder/result.json"
        now=$(number "$time") ratio=$(number ratio) peak=$(number "$memory")
        [ -n "$ratio" ] || ratio=$(number eval_ratio)
        LC_ALL=C awk -v size="$size" -v before="$before" -v now="$now" -v was="$time_before" \
            -v ratio="${ratio:--}" -v peak="${peak:--}" 'BEGIN {
                exponent = was > 0 ? sprintf("%.2f", log(now / was) / log(size / before)) : "-"
                printf "%-22s %10.4f %9s %9s %9s\n", size, now, exponent,
                    ratio == "-" ? "-" : sprintf("%.2f", ratio), peak == "-" ? "-" : int(peak) }'
        before=$size time_before=$now
    done
}

small="--regions 768 --words 100 --threads $threads --steps $steps"
# shellcheck disable=SC2086 # words, not one
{
    series 'batch (D 256)' batch step_s peak_rss_mb '32 64 128 256 512' $small --dim 256
    series 'D (batch 64)' dim step_s peak_rss_mb '64 128 256 512 1024' $small --batch 64
    series 'k (D 256, batch 64)' region-count step_s peak_rss_mb '9 18 36 72' $small --dim 256 --batch 64
    series 'n (D 256, batch 64)' caption-words step_s peak_rss_mb '7 14 28 56' $small --dim 256 --batch 64
    series 'captions, 500 images' captions eval_s peak_rss_mb '500 1000 2000 4000' --dim 256 --regions 768 \
        --words 100 --threads "$threads" --steps 0 --images 500
    series 'threads (D 256)' threads step_s peak_rss_mb '1 2' --dim 256 --regions 768 --words 100 \
        --batch 128 --steps "$steps"
}
