#!/bin/sh
# plugins.sh -- plugin files that crash, end the process, loop, wait, eat all memory or are no files
# take no command down: each is refused by name with the reason, and everything else works.
. "$(dirname "$0")/set_up.sh"
: "${STEPWISE_BUILD:?}"
bad=$STEPWISE_BUILD/tests/bad/.libs

# refused TEXT COMMAND...: fails with one line that holds TEXT
refused() {
    text=$1
    shift
    if timeout 300 "$@" >out.txt 2>err.txt; then cat out.txt; fail "taken: $*"; fi
    [ "$(wc -l <err.txt)" = 1 ] || { cat err.txt; fail "not one line: $*"; }
    grep -qF "$text" err.txt || { cat err.txt; fail "expected '$text': $*"; }
}

mkdir plugins
for name in exits leaves crashes loops sleeps eats; do
    cp "$bad/odd_load.so" "plugins/$name.so"
done
cp "$bad/no_symbol.so" plugins
echo 'no library' >plugins/text.so
mkfifo plugins/pipe.so
mkdir plugins/folder.so
STEPWISE_PLUGIN_PATH=$folder/plugins
export STEPWISE_PLUGIN_PATH

# one look at all of them
status=0
timeout 300 "$STEPWISE" plugins >list.txt 2>&1 || status=$?
[ "$status" = 1 ] || { cat list.txt; fail "status $status of a list with refused plugins"; }
grep -q 'stage l2l: ' list.txt || fail 'the built-in plugins are gone'
says() {
    grep -qF "$folder/plugins/$1.so: refused: $2" list.txt || { cat list.txt; fail "expected of $1: $2"; }
}
says exits 'it ended the process when it was loaded'
says leaves 'it ended the process when it was loaded'
says crashes 'it crashed when it was loaded ('
says loops 'it did not return within '
says sleeps 'it did not return within '
says eats 'it crashed when it was loaded ('
says no_symbol "it has no symbol 'sw_plugin'"
says text 'it cannot be loaded: '
says pipe 'it is not a regular file'
says folder 'it is not a regular file'

# those that are quick to refuse, in a command that needs none of them, and where one is asked for
rm plugins/loops.so plugins/sleeps.so plugins/eats.so
cat >tiny.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment { name = "tiny", model = { dim = 8,
    embedding = sw.embedding "random" { word_dim = 6 }, stages = { sw.stage "l2l" {} } } }
LUA
"$STEPWISE" inspect tiny.lua >out.txt 2>&1 || { cat out.txt; fail 'inspect beside bad plugins'; }
refused "no stage 'exits'; $folder/plugins/exits.so was refused: it ended the process" \
    "$STEPWISE" inspect tiny.lua stages=exits
refused "no stage 'other'; " "$STEPWISE" inspect tiny.lua stages=other
grep -q 'plugin files were refused' err.txt || { cat err.txt; fail 'that files were refused is not said'; }
status=0
"$STEPWISE" doctor >out.txt || status=$?
[ "$status" = 1 ] || fail 'doctor does not mind refused plugins'
grep -qF "$folder/plugins/pipe.so: refused: it is not a regular file" out.txt || { cat out.txt; fail 'doctor'; }
unset STEPWISE_PLUGIN_PATH

# by name on the command line a refused file is an error
refused 'plugins/crashes.so: it crashed when it was loaded' "$STEPWISE" inspect tiny.lua --plugin plugins/crashes.so
refused 'none.so: no such file' "$STEPWISE" inspect tiny.lua --plugin none.so
refused 'ends with .so' "$STEPWISE" inspect tiny.lua --plugin tiny.lua
refused 'pipe.so: it is not a regular file' "$STEPWISE" inspect tiny.lua --plugin plugins/pipe.so
refused "no option '--plugin'" "$STEPWISE" table x --plugin "$bad/crashes.so"
"$STEPWISE" inspect tiny.lua stages=l2l,crashes --plugin "$bad/crashes.so" >out.txt || fail '--plugin'

# --check: a pooling that serves one side alone, and a stage that compares pooled vectors, are tried
# in models that have the other side, and a pooling
for part in 'pool/.libs/last.so pool last: trains' 'align/.libs/dot.so stage dot: trains'; do
    "$STEPWISE" plugins --check "$STEPWISE_BUILD/plugins/${part%% *}" >out.txt 2>&1 &&
        grep -qF "${part#* }" out.txt || { cat out.txt; fail "expected '${part#* }'"; }
done

# --check: a plugin that ends its process with status 0 has not passed
refused 'exits.so: it ended the process' "$STEPWISE" plugins --check plugins/exits.so
refused 'quits.so: it ended the process while it was checked' "$STEPWISE" plugins --check "$bad/quits.so"
refused 'crashes.so: crashed while it was checked' "$STEPWISE" plugins --check "$bad/crashes.so"

# a program that was copied without its plugins says where it looked
mkdir alone none
cp "$STEPWISE" alone/stepwise
if [ -z "$(alone/stepwise plugins 2>/dev/null)" ]; then
    STEPWISE_PLUGIN_PATH=$folder/none
    export STEPWISE_PLUGIN_PATH
    refused "no plugins in $folder/none:/" alone/stepwise plugins
    if alone/stepwise doctor >out.txt || ! grep -qF "WRONG: none in $folder/none:/" out.txt; then
        cat out.txt
        fail 'doctor without plugins'
    fi
    unset STEPWISE_PLUGIN_PATH
else
    echo 'skipped: a program without plugins: some are installed'
fi

# A file of the path with the name of a built-in one is used in its place, and both are listed.
mkdir mine
cp "$STEPWISE_BUILD/plugins/align/.libs/l2l.so" mine
printf x >>mine/l2l.so
STEPWISE_PLUGIN_PATH=$folder/mine
export STEPWISE_PLUGIN_PATH
"$STEPWISE" plugins >list.txt || { cat list.txt; fail 'plugins with one in the place of a built-in one'; }
[ "$(grep -c 'stage l2l: ' list.txt)" = 1 ] || { cat list.txt; fail 'two stages l2l'; }
grep -qF "l2l.so: hidden: the stage 'l2l' is taken by $folder/mine/l2l.so" list.txt || { cat list.txt; fail 'hidden'; }
"$STEPWISE" doctor >out.txt || { cat out.txt; fail 'doctor with one in the place of a built-in one'; }
"$STEPWISE" plugins --check mine/l2l.so >out.txt || { cat out.txt; fail '--check of one with the name of a built-in one'; }
# one that is refused is not replaced by the built-in one unnoticed
cp "$bad/odd_load.so" mine/l2l.so
refused "no stage 'l2l'; $folder/mine/l2l.so was refused: it ended the process" "$STEPWISE" inspect tiny.lua
# an exact copy is the same plugin
cp "$STEPWISE_BUILD/plugins/align/.libs/l2l.so" mine/l2l.so
"$STEPWISE" plugins >list.txt || { cat list.txt; fail 'plugins with a copy'; }
if grep -qF ': hidden: ' list.txt; then cat list.txt; fail 'a copy hides itself'; fi
exit 0
