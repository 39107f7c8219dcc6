#!/bin/sh
# sweep_kill.sh -- whatever is killed while a sweep runs, and whenever: the same command goes on, and
# ends with the same table and the same checkpoints, byte for byte, as a sweep that nobody touched.
set -eu
: "${STEPWISE:?}"
folder=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) # many small saves: not on a disk
trap 'rm -rf "$folder"' EXIT
cd "$folder"
KILLS=20

cat >rows.lua <<'LUA'
local sw = require "stepwise"
local base = sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 12, checkpoint_every = 4 },
}
return sw.table { title = "T", base = base, reference = "all",
  rows = { { name = "all" }, { name = "L2L", stages = { "l2l" } }, { name = "i2t", direction = "i2t" } } }
LUA
"$STEPWISE" scenes data --train 32 --dev 8 --test 8 --features 16 >/dev/null
ablate() { # DIR
    "$STEPWISE" ablate rows.lua --data data --seeds 0-1 -j 2 --out "$1"
}
began=$(date +%s%3N)
ablate clean >clean.out 2>&1 || { echo 'FAILED: the undisturbed sweep'; cat clean.out; exit 1; }
whole=$(($(date +%s%3N) - began))

# The numbers of metrics.tsv without the last column, which is a time.
numbers() { sed 's/\t[^\t]*$//' "$1/metrics.tsv"; }

same_as_clean() { # DIR
    cmp clean/table.md "$1/table.md" || exit 1
    for run in all l2l i2t; do
        for seed in 0 1; do
            a=clean/$run-seed$seed b=$1/$run-seed$seed
            cmp $a/checkpoint.safetensors $b/checkpoint.safetensors
            cmp $a/checkpoint-last.safetensors $b/checkpoint-last.safetensors
            cmp $a/ranks-test.npy $b/ranks-test.npy
            [ "$(numbers $a)" = "$(numbers $b)" ] || { echo "FAILED: $b/metrics.tsv differs:"
                diff $a/metrics.tsv $b/metrics.tsv | tail -n 4; exit 1; }
            [ "$(ls $a)" = "$(ls $b)" ] || { echo "FAILED: $b holds:"; ls $b; exit 1; }
        done
    done
    twice=$(sed -n 's/.* done //p' "$1/logs/sweep.log" | sort | uniq -d)
    [ -z "$twice" ] || { echo "FAILED: done twice: $twice"; exit 1; }
}

# The processes that PID has started.
children() {
    grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | cut -d / -f 3
}

# Moments within the first two thirds of what a sweep takes, and what is killed: the same draws each
# time. A kill that met nothing is tried again, later.
moments=$(awk -v most=$((10 * KILLS)) -v whole="$whole" 'BEGIN { srand(7)
    for (i = 0; i < most; i++) printf "%.3f:%d\n", whole * rand() / 1500, int(3 * rand()) }')
round=1 hit=0
for moment in $moments; do
    [ $hit -lt $KILLS ] || break
    dir=torn$round
    "$STEPWISE" ablate rows.lua --data data --seeds 0-1 -j 2 --out $dir >>$dir.out 2>&1 &
    sweep=$!
    sleep "${moment%:*}"
    case ${moment#*:} in
    0) victims=$sweep ;;
    1) victims=$(children $sweep) ;;
    *) victims="$sweep $(children $sweep)" ;;
    esac
    met=0
    for pid in $victims; do ! kill -9 "$pid" 2>/dev/null || met=1; done
    hit=$((hit + met))
    wait $sweep || :
    if ! [ -e $dir/table.md ] || [ "$(ls $dir/*/result.json 2>/dev/null | wc -l)" -lt 6 ]; then continue; fi
    ablate $dir >>$dir.out 2>&1 || { echo "FAILED: round $round"; tail -n 20 $dir.out; exit 1; }
    same_as_clean $dir
    round=$((round + 1))
done
dir=torn$round
ablate $dir >>$dir.out 2>&1 || { echo "FAILED: the last round"; tail -n 20 $dir.out; exit 1; }
same_as_clean $dir
[ $hit -ge $KILLS ] || { echo "FAILED: only $hit kills met a process"; exit 1; }
echo "killed at $hit moments; $round tables, all the same"
