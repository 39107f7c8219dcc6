#!/bin/sh
# test.sh FILE.so -- the plugin passes the program's check, a small model with it learns generated
# scenes, and a misspelt option is refused. STEPWISE: the program, where it is not in PATH.
set -eu
plugin=$1
program=${STEPWISE:-stepwise}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

"$program" plugins --check "$plugin" || fail 'plugins --check'

# The key that puts it into the model, and what its own options begin with.
use='@USE@' options='@OPTIONS@'
echo 'return require("stepwise").experiment {}' >"$folder/model.lua"
train() { # RUN KEY=VALUE..
    run=$1
    shift
    "$program" train "$folder/model.lua" --plugin "$plugin" --data "$folder/data" --out "$folder/$run" \
        embedding=random dim=16 word_dim=8 batch=16 epochs=2 lr=0.003 $use "$@" >"$folder/log" 2>&1
}
"$program" scenes "$folder/data" --train 64 --dev 16 --test 16 >"$folder/log" 2>&1 || fail 'scenes'
train run || { cat "$folder/log"; fail 'training'; }
# metrics.tsv has the loss per sample in its fifth column: it must fall
awk -F '\t' '$3 == "step" { last = $5; if (!first) first = $5 } END { exit !(last < first) }' \
    "$folder/run/metrics.tsv" || fail 'the loss did not fall'
if train other "${options}no_such_option=1"; then fail 'an option that it does not have was taken'; fi
grep -q "no option 'no_such_option'" "$folder/log" || { cat "$folder/log"; fail 'the wrong error'; }
echo "$plugin: fine"
