#!/bin/sh
# processes.sh -- one model trained by several processes: the bits of one, whatever ends one of them,
# and resumed by any number.
. "$(dirname "$0")/set_up.sh"

command -v mpirun >/dev/null 2>&1 || skip 'mpirun is missing; on Debian: openmpi-bin'
mpirun --version 2>/dev/null | grep -q 'Open MPI' || skip 'the options here are those of Open MPI'
# As root, in a container, and with fewer CPUs than processes.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl=self,vader,tcp
# Open MPI allows a second to save in, and waits as long as it allows; this machine may be busy.
export OMPI_MCA_odls_base_sigkill_timeout=10
# What MPI itself holds until the end is nobody's leak.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

# Wide enough that products are cut into chunks; hardest negatives after an epoch of all.
cat >wide.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  name = "wide",
  model = { dim = 256, embedding = sw.embedding "random" { word_dim = 16 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 32, epochs = 2, warmup_epochs = 1, checkpoint_every = 1 },
}
LUA
# Vectors on the lanes, buffers that a batch's tiles report to, samples in two views.
cat >other.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  name = "other",
  model = { dim = 16, embedding = sw.embedding "random" { word_dim = 8 },
    text = { sw.block "gru" {} },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" { fusion = sw.fusion "gate_vector" {} },
      sw.stage "saf" { regions = 20 }, sw.stage "naaf" {} } },
  train = { batch = 20, views = 2, epochs = 2, warmup_epochs = 1 },
}
LUA
"$STEPWISE" scenes data --train 13 --dev 8 --test 20 --regions 20 --features 512 >/dev/null

# together R WORD..: train WORD.. in R processes.
together() {
    count=$1
    shift
    mpirun -n "$count" "$STEPWISE" train --threads 1 "$@" </dev/null
}
quietly() { together "$@" >out 2>&1 || {
    case $(cat out) in *'this build cannot join'*) skip 'this build has no MPI' ;; esac
    fail "$*: $(cat out)"
}; }
same() {
    for file in checkpoint.safetensors checkpoint-last.safetensors ranks-dev.npy ranks-test.npy; do
        cmp "$1/$file" "$2/$file" || fail "$2 differs from $1"
    done
    [ "$(cut -f 1-15 "$1/metrics.tsv")" = "$(cut -f 1-15 "$2/metrics.tsv")" ] || fail "$2: other rows than $1"
}

for model in wide other; do
    "$STEPWISE" train "$model.lua" --data data --out "$model" --threads 2 >out 2>&1 || fail "$(cat out)"
done
for count in 2 3 4; do
    quietly "$count" wide.lua --data data --out "wide$count"
    same wide "wide$count"
    grep -q "^$count processes train it together" out || fail "$(cat out)"
    grep -q '"event":"started".*"processes":'"$count" "wide$count/log.jsonl" || fail 'no processes in the log'
    exchanged=$(sed -n 's/.*"event":"done".*"exchanged":\([0-9]*\).*/\1/p' "wide$count/log.jsonl")
    [ "${exchanged:-0}" -gt 100000 ] || fail "exchanged: '$exchanged' bytes"
done
quietly 3 other.lua --data data --out other3
same other other3

# The process of a rank among those that this mpirun started.
process_of() {
    for each in $(pgrep -P "$1"); do
        if tr '\0' '\n' <"/proc/$each/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$2"; then echo "$each"; fi
    done
}
until_so() {
    for _ in $(seq 2400); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    fail "waited two minutes for: $*"
}
has_state() { [ -e "$1/state.safetensors" ]; }
# ended NAME RANK SIGNAL: a run of three processes without end, one of which (or mpirun) is ended.
ended() {
    together 3 wide.lua --data data --out "$1" epochs=100000 eval_every=1000000 >"$1.out" 2>&1 &
    process=$!
    until_so has_state "$1"
    if [ "$2" = mpirun ]; then target=$(pgrep -P $process -x mpirun || echo $process); else
        target=$(process_of "$(pgrep -P $process -x mpirun || echo $process)" "$2")
    fi
    kill -s "$3" "$target"
    status=0
    wait $process || status=$?
    [ $status != 0 ] || fail "$1: status 0"
    has_state "$1" || fail "$1: no state: $(cat "$1.out")"
}
# One line, and the state of the last whole step; whoever is told first ends all of them.
for one in 'last 2 TERM' 'all mpirun TERM' 'killed 1 KILL'; do
    set -- $one
    ended "$1" "$2" "$3"
    [ "$(grep -c '^interrupted at step .* and saved' "$1.out")" = 1 ] || fail "$1: $(cat "$1.out")"
done
# Process 0 itself: what it saved last stays.
ended first 0 KILL

# Resumed by another number, to the bits of one that was never ended.
count=4
for name in killed last first; do
    steps=$(($(tail -n 1 "$name/metrics.tsv" | cut -f 1) + 2))
    "$STEPWISE" train wide.lua --data data --out "whole-$name" --threads 2 epochs=100000 \
        eval_every=1000000 max_steps=$steps >out 2>&1 || fail "$(cat out)"
    quietly $count "$name" --resume max_steps=$steps
    same "whole-$name" "$name"
    count=$((count - 1))
    [ $count != 3 ] || count=2
done
# A run that is done has nothing to do for any of them.
quietly 2 wide2 --resume
grep -q '^done in' out || fail "done: $(cat out)"

# refused TEXT WORD..: mpirun WORD.. fails; one line of ours, which holds TEXT.
refused() {
    text=$1
    shift
    ! mpirun "$@" >out 2>err </dev/null || fail "$*: status 0"
    [ "$(grep -c '^stepwise: ' err)" = 1 ] && grep '^stepwise: ' err | grep -qF -- "$text" || fail "$*: $(cat out err)"
}
train="$STEPWISE train wide.lua --data data --threads 1"
refused 'a batch has 2 pairs' -n 3 $train --out a batch=2
refused 'process 1 of 2' -n 1 $train --out b : -n 1 $train --out b dim=128
grep -q 'expected the config of process 0' err || fail "$(cat err)"
cp -r data changed
sed 's/^a /the /' data/train_caps.txt >changed/train_caps.txt
refused 'reads other files than process 0: the train split' -n 1 $train --out c : \
    -n 1 "$STEPWISE" train wide.lua --data changed --threads 1 --out c
refused 'process 1 of 2' -n 1 $train --out d : -n 1 "$STEPWISE" train wide.lua --data nowhere --threads 1 --out d
grep -q 'cannot open the data folder nowhere' err || fail "$(cat err)"
grep -q '"cpu": *"baseline"' wide/provenance.json || refused 'expected the kernels of process 0' -n 1 env STEPWISE_CPU= $train --out e : -n 1 env STEPWISE_CPU=baseline $train --out e
refused "no command 'tarin'" -n 1 "$STEPWISE" tarin
for name in a b c d e; do [ ! -e $name ] || fail "$name: a run folder was made"; done
# Each by itself.
mpirun -n 2 sh -c '"$0" train wide.lua --data data --threads 1 --alone --out apart$OMPI_COMM_WORLD_RANK' \
    "$STEPWISE" >out 2>&1 </dev/null || fail "$(cat out)"
same wide apart0
same wide apart1
