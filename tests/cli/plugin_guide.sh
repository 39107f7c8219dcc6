#!/bin/sh
# plugin_guide.sh -- the example of plugins/README.md: its code compiles against the header alone,
# passes plugins --check, trains in the script of the page, and, where the numbers that SCAN's own
# code computed are there, gives the same scores.
. "$(dirname "$0")/set_up.sh"
page=$STEPWISE_SOURCE/plugins/README.md

# block LANGUAGE: the page's code of that language
block() {
    awk -v begin="\`\`\`$1" '/^```/ { inside = ($0 == begin); next } inside' "$page"
}

mkdir -p tree/plugins tree/core
cp -r "$STEPWISE_SOURCE/plugins/template" tree/plugins
cp -r "$STEPWISE_SOURCE/core/stepwise" tree/core
block c >tree/plugins/template/stage.c
block lua | sed '/^}/q' >mine.lua # the first of the page's scripts
block sh >commands
[ -s mine.lua ] && [ "$(wc -l <commands)" = 3 ] || fail 'the page has lost its script or its commands'
for command in 'make ' 'stepwise plugins --check ./scan_lse.so ' 'stepwise train mine.lua --plugin ./scan_lse.so'; do
    grep -q "^$command" commands || fail "the page does not say: $command"
done
(unset MAKEFLAGS MAKELEVEL
    PKG_CONFIG=false make -s -C tree/plugins/template NAME=scan_lse CFLAGS='-O2 -Wall -Wextra -Wshadow -Werror') ||
    fail 'the example does not build'
cp tree/plugins/template/scan_lse.so .
"$STEPWISE" plugins --check ./scan_lse.so >check.txt || { cat check.txt; fail 'plugins --check refuses it'; }
for line in 'gradient of lse_of_rows: within' 'stage scan_lse: trains'; do
    grep -q "$line" check.txt || { cat check.txt; fail "plugins --check does not say '$line'"; }
done
"$STEPWISE" train mine.lua --plugin ./scan_lse.so --out run >train.txt 2>&1 || { cat train.txt; fail 'training with it'; }
[ -s run/result.json ] || fail 'training with it left no result'

oracle=${STEPWISE_SHARED:-}/oracle/folder
python=/usr/bin/python3
if [ ! -f "$oracle/sims_scan_t2i_lse.npy" ] || ! $python -c 'import numpy' 2>/dev/null; then
    echo "skipped: the scores of SCAN's own code (STEPWISE_SHARED) or NumPy are not there"
    exit 0
fi
# The encoders' weights under the example's config.
$python - "$oracle/encoder_stepwise.safetensors" scan.safetensors <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + size])
config = json.loads(header["__metadata__"]["stepwise"])
config["model"].update(direction="t2i", stages=[{"plugin": "scan_lse", "lambda": 9, "sharpness": 6}])
header["__metadata__"]["stepwise"] = json.dumps(config)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size:])
PYTHON
"$STEPWISE" eval scan.safetensors --plugin ./scan_lse.so --data "$oracle/data" --split test \
    --vocab "$oracle/data/vocab.json" --sims sims.npy >eval.txt 2>&1 || { cat eval.txt; fail 'eval'; }
$python - sims.npy "$oracle/sims_scan_t2i_lse.npy" <<'PYTHON' || fail "other scores than SCAN's own code"
import sys, numpy
ours, theirs = (numpy.load(path).astype("f8") for path in sys.argv[1:])
off = abs(ours - theirs).max()
print(f"scores of {ours.shape} pairs: within {off:.1e}")
sys.exit(int(off > 1e-5))
PYTHON
