#!/bin/sh
# squeue_hiccup.sh -- one answer of squeue that fails is asked for again: the jobs go on, and the table
# is written. Three small scripts stand in for Slurm's commands.
. "$(dirname "$0")/set_up.sh"

mkdir bin queue
cat >bin/scontrol <<'SH'
#!/bin/sh
echo 'MaxArraySize = 1001'
SH
# The first answer (before the jobs are submitted) and the third fail.
cat >bin/squeue <<'SH'
#!/bin/sh
echo call >>"$QUEUE/calls"
case $(wc -l <"$QUEUE/calls") in
1 | 3)
    echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2
    exit 1 ;;
esac
cat "$QUEUE"/*.task 2>/dev/null
exit 0
SH
# Runs the tasks one after another in the background.
cat >bin/sbatch <<'SH'
#!/bin/sh
echo call >>"$QUEUE/submitted"
for word in "$@"; do
    case $word in
    --array=0-*) last=${word#--array=0-} last=${last%%\%*} ;;
    --job-name=*) name=${word#*=} ;;
    esac
    script=$word
done
for task in $(seq 0 "$last"); do echo "$name $task RUNNING" >"$QUEUE/$task.task"; done
{
    for task in $(seq 0 "$last"); do
        SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task sh "$script" >"$QUEUE/$task.out" 2>&1
        rm -f "$QUEUE/$task.task"
    done
} </dev/null >/dev/null 2>&1 &
echo 7
SH
chmod +x bin/*
PATH=$folder/bin:$PATH QUEUE=$folder/queue
export PATH QUEUE

cat >rows.lua <<'LUA'
local sw = require "stepwise"
local base = sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 1 },
}
return sw.table { title = "T", base = base, rows = { { name = "a" }, { name = "b", lr = 1e-3 } } }
LUA
"$STEPWISE" scenes data --train 16 --dev 4 --test 4 --features 16 >/dev/null
"$STEPWISE" ablate rows.lua --data data --out sweep --slurm >out 2>&1 || fail "$(cat out)"
[ "$(grep -c 'warning: squeue: slurm_load_jobs error' out)" -ge 1 ] || fail "no word of it: $(cat out)"
[ "$(wc -l <queue/submitted)" = 1 ] || fail 'submitted more than once'
grep -q '^| b ' sweep/table.md || fail "$(cat sweep/table.md)"
