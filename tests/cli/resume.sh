#!/bin/sh
# resume.sh -- what may begin in a run folder: resumed, started over, to more epochs, from a
# checkpoint; and nothing lost by a slip.
. "$(dirname "$0")/set_up.sh"

cat >tiny.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  name = "tiny",
  model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 2 },
}
LUA
"$STEPWISE" scenes data --train 16 --dev 8 --test 4 --features 16 >/dev/null
quietly() { "$STEPWISE" train "$@" >out 2>&1 || fail "train $*: $(cat out)"; }
# refused TEXT WORD..: train WORD.. ends with 1 or 2 and one line that holds TEXT.
refused() {
    text=$1 status=0
    shift
    "$STEPWISE" train "$@" >out 2>err || status=$?
    [ $status = 1 ] || [ $status = 2 ] || fail "train $*: status $status"
    [ "$(wc -l <err)" = 1 ] && grep -qF -- "$text" err || fail "train $*: $(cat err)"
}
rows() { sed 's/\t[^\t]*$//' "$1/metrics.tsv"; }
# The numbers of a .safetensors file, behind its header.
numbers() { tail -c +$((9 + $(od -An -t u8 -N 8 "$1"))) "$1"; }

# To more epochs, in two parts, from a run that is done: the bits of a run planned so.
quietly tiny.lua --data data --out whole epochs=4
quietly tiny.lua --data data --out parts
quietly parts epochs=3
grep -q 'epochs was 2 and is now 3' out || fail "to more epochs: $(cat out)"
quietly tiny.lua --data data --out parts --resume epochs=4
[ "$(rows whole)" = "$(rows parts)" ] || fail 'rows differ with more epochs'
cmp whole/checkpoint-last.safetensors parts/checkpoint-last.safetensors
numbers whole/checkpoint.safetensors >a
numbers parts/checkpoint.safetensors >b
cmp a b
for key in id key; do
    [ "$(grep "\"$key\"" whole/result.json)" = "$(grep "\"$key\"" parts/result.json)" ] ||
        fail "another $key with more epochs"
done
refused 'cannot end at step' parts epochs=1
refused 'train.lr is 0.0002 there and 0.5 here' parts lr=0.5
rm parts/state.safetensors
refused '--init parts/checkpoint-last.safetensors' parts epochs=5
[ -s parts/result.json ] || fail 'a refused run lost its result'

# Slips.
refused "no such run folder to resume; did you mean 'parts'?" tiny.lua --data data --out prats --resume
[ ! -e prats ] || fail 'a mistyped folder was made'
refused 'already exists; --resume' tiny.lua --data data --out whole
refused 'not a run folder' tiny.lua --data data --out data
refused 'not a run folder' tiny.lua --data data --out data --restart
[ -s data/train_ims.npy ] || fail 'data were removed'
refused 'give either --resume or --restart' tiny.lua --data data --out whole --resume --restart
refused "found the option '--resume'" tiny.lua --data data --out --resume
refused 'nowhere' tiny.lua --data nowhere --out whole --restart
[ -s whole/result.json ] || fail '--restart with data that are not there cost the run'
quietly tiny.lua --data data --out whole --restart epochs=3
[ "$(cut -f 2 whole/metrics.tsv | tail -n 1)" = 2 ] || fail '--restart did not start over'

# A state that is gone.
"$STEPWISE" train tiny.lua --data data --out lost epochs=1000000 >lost.out 2>&1 &
process=$!
for _ in $(seq 1200); do
    ! cut -f 2 lost/metrics.tsv 2>/dev/null | grep -q '^[1-9]' || break # the second epoch
    sleep 0.05
done
kill $process
wait $process || :
rm lost/state.safetensors
cp lost/metrics.tsv before
refused 'training state (state.safetensors) is gone' lost
refused 'training state (state.safetensors) is gone' tiny.lua --data data --out lost --resume epochs=1000000
cmp before lost/metrics.tsv
rm -f lost/checkpoint.safetensors lost/log.jsonl # an epoch ended, which saves a state, too
refused 'training state (state.safetensors) is gone' lost
quietly lost --restart epochs=2

# A folder in which no step was made is nobody's; one with steps and no state yet starts again.
mkdir empty half
quietly tiny.lua --data data --out empty
cp whole/config.json whole/vocab.json half
head -n 1 whole/metrics.tsv >half/metrics.tsv
: >half/state.safetensors.abc123
quietly tiny.lua --data data --out half
[ ! -e half/state.safetensors.abc123 ] || fail 'a half-written file stays'
mkdir early
head -n 3 whole/metrics.tsv >early/metrics.tsv
cp half/config.json early
refused 'already exists' tiny.lua --data data --out early
quietly early --resume
grep -q 'no state was saved yet' out || fail "steps without a state: $(cat out)"

# A claim that is left behind by a process killed past its result.
echo "process 1 on here since 5.5 locks $(cat /proc/sys/kernel/random/boot_id):$(printf %x "$(stat -c %d half)")" >half/claim
: >half/claim.7 # of an earlier version
quietly half
[ "$(ls half | grep claim)" = '' ] || fail 'a claim of a run that is done stays'

# From a checkpoint: its numbers, a run of its own, and nothing taken for something else.
quietly tiny.lua --data data --out tuned --init whole seed=7 max_steps=1 lr=1e-30
numbers whole/checkpoint.safetensors >a
numbers tuned/checkpoint-last.safetensors >b
cmp a b
grep -q '"init": "[0-9a-f]\{16\}"' tuned/provenance.json || fail 'no hash of the checkpoint'
quietly tiny.lua --data data --out plain seed=7 max_steps=1 lr=1e-30
[ "$(grep '"id"' plain/result.json)" != "$(grep '"id"' tuned/result.json)" ] ||
    fail 'the same id with and without a checkpoint to start from'
quietly tuned max_steps=2
refused "model lacks g2l.pool.image.weight, g2l.pool.text.weight" tiny.lua --data data --out no --init whole stages=l2l
refused 'expected shape' tiny.lua --data data --out no --init whole dim=16
mkdir other
cp whole/checkpoint.safetensors other
sed 's/"look"/"kool"/g' whole/vocab.json >other/vocab.json
cmp -s whole/vocab.json other/vocab.json && fail 'the words of the generated captions have changed'
refused 'its word ids differ from those of the vocabulary' tiny.lua --data data --out no --init other/checkpoint.safetensors
refused 'none.safetensors' tiny.lua --data data --out no --init none.safetensors
[ ! -e no ] || fail 'a refused run left a folder'
