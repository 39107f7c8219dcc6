#!/bin/sh
# signals.sh -- whatever asks a run to end, it saves first, also in the middle of an evaluation; what
# ends it at once says why.
set -eu
: "${STEPWISE:?}"
folder=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*"; exit 1; }

cat >tiny.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 100000, eval_every = 1000000, checkpoint_seconds = 0 },
}
LUA
"$STEPWISE" scenes data --train 16 --dev 400 --test 4 --regions 12 --features 16 >/dev/null

# until CONDITION..: waits for it; a run that never gets there is a failure.
until_so() {
    for _ in $(seq 1200); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    fail "waited a minute for: $*"
}
has_steps() { [ -e "$1/metrics.tsv" ] && [ "$(wc -l <"$1/metrics.tsv")" -gt 3 ]; }
# status of the run that was started last
status_of() { wait "$process" && status=0 || status=$?; }

# A test that runs under nohup has SIGHUP ignored, and so would the run.
for signal in INT TERM HUP USR1 XCPU; do
    env --default-signal="$signal" "$STEPWISE" train tiny.lua --data data --out "$signal" dev_images=4 >"$signal.out" 2>&1 &
    process=$!
    until_so has_steps "$signal"
    kill -s "$signal" $process
    status_of
    [ "$(kill -l "$status")" = "$signal" ] || fail "$signal: status $status"
    grep -q 'interrupted at step .* and saved' "$signal.out" || fail "$signal: $(cat "$signal.out")"
    [ -s "$signal/state.safetensors" ] || fail "$signal: no state"
done

# A pipe that nobody reads any longer.
{ env --default-signal=PIPE "$STEPWISE" train tiny.lua --data data --out pipe dev_images=4 2>/dev/null ||
    echo $? >pipe.status; } | head -n 3 >/dev/null
[ "$(cat pipe.status)" = 141 ] && [ -s pipe/state.safetensors ] ||
    fail "a closed pipe: status $(cat pipe.status)"

# What is to be ignored (nohup) stays ignored.
(trap '' HUP; exec "$STEPWISE" train tiny.lua --data data --out nohup dev_images=4) >nohup.out 2>&1 &
process=$!
until_so has_steps nohup
kill -s HUP $process
kill -s TERM $process
status_of
[ "$status" = 143 ] || fail "nohup: status $status, $(cat nohup.out)"

# In an evaluation: the state is there before it begins, and it ends between two of its blocks.
"$STEPWISE" train tiny.lua --data data --out whole max_steps=2 eval_every=0 --threads 1 >/dev/null
for _ in 1 2 3 4 5; do # where the evaluation was over before the signal came: once more
    rm -rf part
    "$STEPWISE" train tiny.lua --data data --out part max_steps=2 eval_every=0 --threads 1 \
        >part.out 2>&1 &
    process=$!
    until_so test -s part/state.safetensors
    kill -s TERM $process
    status_of
    cut -f 3 part/metrics.tsv | grep -q dev || break
done
[ "$status" = 143 ] || fail "in an evaluation: status $status, $(cat part.out)"
grep -q 'interrupted at step 2 and saved' part.out || fail "in an evaluation: $(cat part.out)"
! cut -f 3 part/metrics.tsv | grep -q dev || fail 'the evaluation was not interrupted'
"$STEPWISE" train part --resume >part.out 2>&1 || fail "resumed: $(cat part.out)"
cmp whole/checkpoint.safetensors part/checkpoint.safetensors
[ "$(sed 's/\t[^\t]*$//' whole/metrics.tsv)" = "$(sed 's/\t[^\t]*$//' part/metrics.tsv)" ] ||
    fail 'the rows of a run that was interrupted in an evaluation differ'

# In a step, which here takes most of the time: it counts as not done, and is done again to the same
# bits.
"$STEPWISE" scenes wide --train 80 --dev 4 --test 4 --regions 12 --features 16 >/dev/null
"$STEPWISE" train tiny.lua --data wide --out wide-whole batch=400 dim=64 max_steps=4 >/dev/null
"$STEPWISE" train tiny.lua --data wide --out wide-part batch=400 dim=64 max_steps=1000 \
    >part.out 2>&1 &
process=$!
until_so has_steps wide-part
kill -s TERM $process
status_of
[ "$status" = 143 ] || fail "in a step: status $status, $(cat part.out)"
step=$(sed -n 's/^interrupted at step \([0-9]*\) and saved.*/\1/p' part.out)
[ "$(tail -n 1 wide-part/metrics.tsv | cut -f 1)" = "$step" ] ||
    fail "in a step: saved at step $step: $(cat wide-part/metrics.tsv)"
"$STEPWISE" train wide-part --resume max_steps=4 >part.out 2>&1 || fail "resumed: $(cat part.out)"
cmp wide-whole/checkpoint-last.safetensors wide-part/checkpoint-last.safetensors

# Arrays that are not whole are removed; after a kill they may stay, and do no harm.
is_begun() { [ -n "$(find . -name "$1.npy.*")" ]; }
"$STEPWISE" scenes endless --train 1000000 --regions 4 --features 16 >sims.out 2>&1 &
process=$!
until_so is_begun train_ims
kill -s TERM $process
status_of
[ "$status" = 143 ] && ! is_begun train_ims || fail "scenes: status $status, $(cat sims.out; ls endless)"
"$STEPWISE" scenes many --train 4 --dev 1500 --test 4 --regions 12 --features 16 >/dev/null
for signal in TERM INT HUP KILL; do
    env --default-signal=INT,HUP "$STEPWISE" eval whole --data many --split dev \
        --all-dev-captions --threads 1 --sims sims.npy >sims.out 2>&1 &
    process=$!
    until_so is_begun sims
    kill -s "$signal" $process
    status_of
    [ "$(kill -l "$status")" = "$signal" ] || fail "similarities, $signal: status $status"
    [ ! -e sims.npy ] || fail "similarities, $signal: the evaluation was not interrupted"
    [ "$signal" = KILL ] || ! is_begun sims || fail "similarities, $signal: $(ls)"
    [ "$signal" = KILL ] || [ "$(cat sims.out)" = 'stepwise: interrupted' ] ||
        fail "similarities, $signal: $(cat sims.out)"
done
"$STEPWISE" eval whole --data many --split dev --images 4 --sims sims.npy >sims.out 2>&1 ||
    fail "similarities after a kill: $(cat sims.out)"
[ "$(wc -c <sims.npy)" = $((128 + 4 * 20 * 4)) ] || fail "similarities after a kill: $(wc -c <sims.npy)"

# Features that are cut short under the mapping.
cp -r data cut
"$STEPWISE" train tiny.lua --data cut --out bus dev_images=4 >bus.out 2>&1 &
process=$!
until_so has_steps bus
truncate -s 100 cut/train_ims.npy
status_of
[ "$status" = 1 ] || fail "features cut short: status $status, $(cat bus.out)"
grep -q '^stepwise: .*/cut/train_ims.npy: the file was cut short' bus.out ||
    fail "features cut short: $(cat bus.out)"
