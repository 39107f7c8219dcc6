#!/bin/sh
# sweep_slurm.sh -- `stepwise ablate --slurm` against a real controller and two nodes, all on this
# machine: arrays no larger than MaxArraySize, a row that fails, a task that is requeued in the middle,
# and the same table as a local sweep.
set -eu
: "${STEPWISE:?}" "${STEPWISE_BUILD:?}"
skip() {
    echo "skipped: $*"
    exit 77
}
PATH=$PATH:/usr/sbin:/sbin
for program in slurmctld slurmd sbatch squeue scontrol munged; do
    command -v $program >/dev/null || skip "$program is not there; on Debian: slurmctld slurmd slurm-client munge"
done
[ "$(id -u)" = 0 ] || skip 'Slurm is started by root only'
[ -e /etc/munge/munge.key ] || skip 'there is no /etc/munge/munge.key'
id munge >/dev/null 2>&1 || skip 'there is no user munge'

folder=$(mktemp -d)
chmod 755 "$folder"
started= # the processes to end
finish() {
    SLURM_CONF=$folder/slurm.conf scancel --me 2>/dev/null || :
    for file in "$folder"/*.pid; do
        [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
    done
    for pid in $started; do kill "$pid" 2>/dev/null || :; done
    sleep 1
    for file in "$folder"/*.pid; do
        [ ! -e "$file" ] || kill -9 "$(cat "$file")" 2>/dev/null || :
    done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM
cd "$folder"
fail() {
    echo "FAILED: $*"
    tail -n 30 sweep.out 2>/dev/null || :
    tail -n 5 slurmctld.log slurmd.*.log 2>/dev/null || :
    exit 1
}

# ---- Slurm: a socket and files of its own, so that one that is installed here is not touched --------

install -d -o munge -g munge -m 755 munge
setpriv --reuid munge --regid munge --clear-groups munged --foreground --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
    --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" --key-file=/etc/munge/munge.key \
    >munged.out 2>&1 &
started=$!
# Three ports that nobody listens on, below those that the system hands out.
port=$((20000 + $$ % 4000 * 3))
is_taken() { cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "$(printf ':%04X ' "$1")"; }
while is_taken $port || is_taken $((port + 1)) || is_taken $((port + 2)); do port=$((port + 3)); done
host=$(hostname -s)
cat >slurm.conf <<CONF
ClusterName=stepwise
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
StateSaveLocation=$folder/state
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdSpoolDir=$folder/spool.%n
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmdLogFile=$folder/slurmd.%n.log
MaxArraySize=3
SchedulerParameters=sched_interval=1,bf_interval=1,defer
KillWait=5
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=1
PartitionName=p Nodes=ALL Default=YES State=UP
CONF
mkdir state
SLURM_CONF=$folder/slurm.conf
export SLURM_CONF
tries=0
until [ -S munge/socket ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "munged does not start: $(cat munged.out)"
    sleep 0.1
done
slurmctld -c >ctld.out 2>&1 || fail "slurmctld does not start: $(cat ctld.out)"
slurmd -c -N n1 >d1.out 2>&1 || fail "slurmd does not start: $(cat d1.out)"
slurmd -c -N n2 >d2.out 2>&1 || fail "slurmd does not start: $(cat d2.out)"
tries=0
until [ "$(sinfo -h -N -t idle 2>/dev/null | wc -l)" = 2 ]; do
    tries=$((tries + 1))
    [ $tries -lt 240 ] || fail "the nodes are not idle: $(sinfo -N 2>&1)"
    sleep 0.5
done

# ---- the sweep ----------------------------------------------------------------------------------

mkdir plugins
cp "$STEPWISE_BUILD/tests/bad/.libs/crashes.so" plugins
STEPWISE_PLUGIN_PATH=$folder/plugins
export STEPWISE_PLUGIN_PATH
cat >rows.lua <<'LUA'
local sw = require "stepwise"
local base = sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 }, stages = { sw.stage "l2l" {} } },
  train = { batch = 16, epochs = 3, checkpoint_every = 5 },
}
return sw.table { title = "T", base = base, reference = "all", rows = {
  { name = "all" }, { name = "bad", stages = { "l2l", "crashes" } }, { name = "i2t", direction = "i2t" } } }
LUA
"$STEPWISE" scenes data --train 32 --dev 8 --test 8 --features 16 >/dev/null
ablate() {
    "$STEPWISE" ablate rows.lua "$@" --data data --seeds 0-1 >sweep.out 2>&1
}
status=0
ablate --out local || status=$?
[ $status = 1 ] || fail 'the local sweep'

# Six runs, three an array, one node after the other: -j 2 holds for both arrays together.
status=0
ablate --out remote --slurm --partition p -j 2 --sbatch '--time=10' || status=$?
[ $status = 1 ] || fail "exit status $status, expected 1 for the row that fails"
cmp local/table.md remote/table.md || fail 'another table than that of the local sweep'
[ "$(ls remote/slurm/*.sh | wc -l)" = 2 ] || fail 'expected two arrays'
[ "$(grep -c ' started ' remote/logs/sweep.log)" = 6 ] || fail 'a run was started twice'
grep -q -- '--array=0-2%2' sweep.out || grep -q 'submitted 3 runs as job' sweep.out || fail 'no word of what was submitted'

# What is done is not submitted again, what has failed is.
ablate --out remote --slurm || :
grep -q '4 runs done already' sweep.out || fail 'finished runs were not skipped'
[ "$(ls remote/slurm/*.sh | wc -l)" = 3 ] || fail 'expected one array more'
cmp local/table.md remote/table.md || fail 'another table after the second command'

# --detach submits and ends; the jobs need nobody.
ablate --out gone --slurm --detach || fail '--detach'
grep -q 'submitted' sweep.out || fail '--detach submitted nothing'
[ ! -e gone/table.md ] || fail '--detach waited for its jobs'
ablate --out gone --slurm || :
cmp local/table.md gone/table.md || fail 'another table after --detach'

# A task that is told of its time limit saves, waits in the queue again, and goes on; meanwhile Ctrl-C
# ends the waiting only, and the same command collects.
long='epochs=1000 --run all-seed0,i2t-seed0'
# shellcheck disable=SC2086 # words
ablate $long --out calm || fail 'the calm run'
# shellcheck disable=SC2086
"$STEPWISE" ablate rows.lua $long --data data --seeds 0-1 --out torn --slurm --sbatch --exclusive >sweep.out 2>&1 &
sweep=$!
tries=0
until [ -s torn/all-seed0/state.safetensors ]; do
    tries=$((tries + 1))
    [ $tries -lt 1800 ] || fail 'the task does not start'
    sleep 0.1
done
job=$(squeue --me -h -r -o '%F_%K' | sort | head -n 1)
scancel --batch --signal=USR1 "$job" || fail "no signal for $job"
kill -TERM $sweep
wait $sweep || :
grep -q 'the jobs go on; the same command waits for them' sweep.out || fail 'no word of the jobs that go on'
tries=0
until grep -q 'interrupted at step' torn/logs/all-seed0.log; do
    tries=$((tries + 1))
    [ $tries -lt 1800 ] || fail 'the task was not told to save'
    sleep 0.1
done
tries=0
until scontrol show job "$job" | grep -q 'Restarts=1'; do
    tries=$((tries + 1))
    [ $tries -lt 1800 ] || fail 'the task was not requeued'
    sleep 0.1
done
# A requeued task waits for two minutes; but never start it within the second in which it was ended.
scontrol update JobId="$job" StartTime=now+5 || fail 'the requeued task cannot be hurried'
# shellcheck disable=SC2086
ablate $long --out torn --slurm || fail 'the requeued run'
[ "$(ls torn/slurm/*.sh | wc -l)" = 1 ] || fail 'what was in the queue was submitted again'
for run in all-seed0 i2t-seed0; do
    cmp calm/$run/checkpoint-last.safetensors torn/$run/checkpoint-last.safetensors || fail "$run has other bits"
done
grep -q '"resumed"' torn/all-seed0/log.jsonl || fail 'the requeued run did not go on where it was'
echo 'arrays, a failed row, a requeued task: the same tables'
