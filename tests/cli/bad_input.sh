#!/bin/sh
# bad_input.sh -- whatever comes from outside may be wrong: each wrong thing is one line on stderr that
# names it, exit status 1 (failed) or 2 (misuse), and leaves no result behind.
. "$(dirname "$0")/set_up.sh"
count=0 failed=0

# refused STATUS PATTERN COMMAND.. : exit status, one line on stderr, and what the line must say
refused() {
    status=$1 pattern=$2
    shift 2
    found=0
    "$@" >out.txt 2>error.txt </dev/null || found=$?
    count=$((count + 1))
    if [ "$found" != "$status" ] || [ "$(wc -l <error.txt)" != 1 ] ||
        ! grep -Eq -- "$pattern" error.txt; then
        failed=$((failed + 1))
        echo "FAILED: $*"
        echo "  expected status $status and one line with '$pattern'; found status $found and:"
        head -n 4 error.txt | cut -c 1-300
    fi
}

cat >tiny.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
  name = "tiny",
  model = { dim = 16, embedding = sw.embedding "random" { word_dim = 8 },
    stages = { sw.stage "l2l" {}, sw.stage "g2l" {} } },
  train = { batch = 16, epochs = 1 },
}
LUA
"$STEPWISE" scenes good --train 32 --dev 16 --test 16 >/dev/null
"$STEPWISE" train tiny.lua --data good --out run >/dev/null 2>&1
checkpoint=run/checkpoint.safetensors
eval_bad() { # STATUS PATTERN: `bad` holds a damaged copy of the data
    refused "$1" "$2" "$STEPWISE" eval $checkpoint --data bad --split test
}
fresh() {
    rm -rf bad
    cp -r good bad
}

# Files that are missing or of another kind.
refused 1 'nowhere' "$STEPWISE" eval $checkpoint --data nowhere --split test
refused 1 'nothing\.safetensors' "$STEPWISE" eval nothing.safetensors --data good --split test
refused 1 'none\.lua' "$STEPWISE" train none.lua --data good --out r
fresh; rm bad/test_ims.npy; eval_bad 1 'test_ims\.npy'
fresh; rm bad/test_caps.txt; eval_bad 1 'test_caps\.txt'
fresh; : >bad/test_ims.npy; eval_bad 1 'test_ims\.npy'
fresh; : >bad/test_caps.txt; eval_bad 1 'test_caps\.txt'
fresh; rm bad/test_ims.npy; mkdir bad/test_ims.npy; eval_bad 1 'test_ims\.npy'

# Features: truncated, with bytes to spare, another dtype, another shape, not finite.
size=$(wc -c <good/test_ims.npy)
fresh; head -c $((size - 5)) good/test_ims.npy >bad/test_ims.npy; eval_bad 1 'test_ims\.npy.*expected [0-9]+ bytes.*found [0-9]+'
fresh; head -c 40 good/test_ims.npy >bad/test_ims.npy; eval_bad 1 'test_ims\.npy'
fresh; echo more >>bad/test_ims.npy; eval_bad 1 'test_ims\.npy.*expected [0-9]+ bytes'
fresh; LC_ALL=C sed "1s/<f4/<c8/" good/test_ims.npy >bad/test_ims.npy; eval_bad 1 'test_ims\.npy.*<c8'
fresh; LC_ALL=C sed "1s/False/True /" good/test_ims.npy >bad/test_ims.npy; eval_bad 1 'test_ims\.npy.*[Ff]ortran'
fresh; printf '\000\000\300\177' | dd of=bad/test_ims.npy bs=1 seek=4000 conv=notrunc 2>/dev/null
eval_bad 1 'test_ims\.npy: row 0, region [0-9]+, feature [0-9]+: expected a finite number, found nan'
"$STEPWISE" scenes wide --train 32 --dev 16 --test 16 --features 32 >/dev/null 2>&1 || :
if [ -d wide ]; then
    rm -rf bad; mv wide bad
    eval_bad 1 'features'
fi

# Captions that do not fit the images, or are no text.
fresh; head -n 79 good/test_caps.txt >bad/test_caps.txt; eval_bad 1 '79.*16|16.*79'
fresh; printf 'a \377 b\n' >>bad/test_caps.txt; eval_bad 1 'test_caps\.txt'

# Names and options that do not exist: the near miss is named, and nothing is begun.
refused 2 "did you mean 'lambda'" "$STEPWISE" train tiny.lua l2l.lamda=9 --data good --out r
refused 2 "did you mean 'dim'" "$STEPWISE" train tiny.lua dmi=9 --data good --out r
refused 2 "dim" "$STEPWISE" train tiny.lua dim=wide --data good --out r
refused 2 "dim" "$STEPWISE" train tiny.lua dim=-3 --data good --out r
refused 2 "did you mean 'gate'" "$STEPWISE" train tiny.lua g2l.fusion=gaet --data good --out r
refused 2 "did you mean 'random'" "$STEPWISE" train tiny.lua embedding=randm --data good --out r
refused 2 "direction" "$STEPWISE" train tiny.lua direction=up --data good --out r
refused 2 "did you mean '--data'" "$STEPWISE" train tiny.lua --dta good --out r
refused 2 "did you mean 'train'" "$STEPWISE" trian tiny.lua
sed 's/"l2l"/"l2k"/' tiny.lua >misspelt.lua
refused 2 "did you mean 'l2l'" "$STEPWISE" train misspelt.lua --data good --out r
fresh; rm bad/*glove* bad/README* # no generated set any more: a folder of the user
refused 2 'glove.*--glove FILE' "$STEPWISE" train tiny.lua embedding=glove --data bad --out r
refused 1 'glove\.txt.*expected a word and 8 numbers, found 50' \
    "$STEPWISE" train tiny.lua embedding=glove --data good --out r

# Scripts: the error names the script and the line.
printf 'local sw = require "stepwise"\nreturn sw.experiment {\n  name = = 1\n}\n' >broken.lua
refused 2 'broken\.lua:3:' "$STEPWISE" train broken.lua --data good --out r
printf 'local sw = require "stepwise"\n\nerror "on purpose"\n' >raises.lua
refused 2 'raises\.lua:3: on purpose' "$STEPWISE" train raises.lua --data good --out r
printf '\033Lua' >bytes.lua
refused 1 'bytes\.lua' "$STEPWISE" train bytes.lua --data good --out r

# Checkpoints: not one, truncated, a tensor less, a tensor of another shape, not finite.
echo hello >text.safetensors
cp run/vocab.json vocab.json
refused 1 'text\.safetensors' "$STEPWISE" eval text.safetensors --vocab vocab.json --data good --split test
head -c 5000 $checkpoint >short.safetensors
refused 1 'short\.safetensors' "$STEPWISE" eval short.safetensors --vocab vocab.json --data good --split test
LC_ALL=C sed 's/"l2l\.text_key\.weight"/"l2l.text_kex.weight"/' $checkpoint >less.safetensors
refused 1 "l2l\.text_ke[xy]\.weight" "$STEPWISE" eval less.safetensors --vocab vocab.json --data good --split test
LC_ALL=C sed 's/"shape":\[16,16\]/"shape":[8, 32]/' $checkpoint >shape.safetensors
refused 1 '16.*8|8.*16' "$STEPWISE" eval shape.safetensors --vocab vocab.json --data good --split test
cp $checkpoint nan.safetensors
printf '\000\000\300\177' | dd of=nan.safetensors bs=1 seek=$(($(wc -c <$checkpoint) - 8)) conv=notrunc 2>/dev/null
refused 1 'NaN|nan|finite' "$STEPWISE" eval nan.safetensors --vocab vocab.json --data good --split test

# Results where no file can be: told before the work is done, and what was there stays what it is.
mkfifo pipe
mkdir sims.npy
refused 1 'cannot write pipe: expected a file, found a device or pipe' \
    "$STEPWISE" eval $checkpoint --data good --split test --sims pipe
refused 1 'cannot write sims\.npy: expected a file, found a folder' \
    "$STEPWISE" eval $checkpoint --data good --split test --sims sims.npy
[ -p pipe ] || { echo 'FAILED: a pipe was replaced by a file'; failed=$((failed + 1)); }

# A run folder that already exists is not written over.
refused 1 'run: already exists' "$STEPWISE" train tiny.lua --data good --out run

[ ! -e r ] || [ ! -e r/result.json ] || { echo 'FAILED: a refused run left a result'; failed=$((failed + 1)); }
echo "$count wrong things tried, $failed not refused as they should be"
[ "$failed" = 0 ]
