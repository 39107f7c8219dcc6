#!/bin/sh
# template.sh -- a stranger builds the template plugin against the installed header through pkg-config,
# checks it, and trains with it beside the model's own stages.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}" "${STEPWISE_BUILD:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

# The header and the .pc file as `make install` lays them.
make -s -C "$STEPWISE_BUILD" -o core/lua/git_id.c install-data-am prefix="$folder/usr" \
    >"$folder/log" 2>&1 || { cat "$folder/log"; fail 'the header could not be installed'; }
pc=$(find "$folder/usr" -name stepwise.pc)
[ -n "$pc" ] || fail 'no stepwise.pc was installed'
[ "$(find "$folder/usr" -name '*.h' | wc -l)" = 1 ] || fail 'expected one installed header'

cp "$STEPWISE_SOURCE/plugins/template/stage.c" "$STEPWISE_SOURCE/plugins/template/Makefile" "$folder"
cd "$folder"
PKG_CONFIG_PATH=$(dirname "$pc") make -s CFLAGS='-O2 -Wall -Wextra -Werror' || fail 'the template does not build'
[ "$(nm -D --defined-only mean_cosine.so | awk '$2 != "w"' | wc -l)" -ge 1 ] || fail 'nothing exported'

"$STEPWISE" plugins --check "$folder/mean_cosine.so" >check.txt || fail 'plugins --check refuses it'
grep -q mean_cosine check.txt || fail 'plugins --check does not name it'

mkdir plugins
cp mean_cosine.so plugins
STEPWISE_PLUGIN_PATH=$folder/plugins "$STEPWISE" plugins >list.txt || { cat list.txt; fail 'plugins'; }
grep -q 'stage mean_cosine' list.txt || fail 'it is not found in the plugin path'
grep -q 'stage l2l' list.txt || fail 'the plugin path takes the place of the built-in plugins'
cat >mine.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
    name = "mine",
    model = {
        dim = 16, direction = "both",
        embedding = sw.embedding "random" { word_dim = 8 },
        stages = { sw.stage "l2l" {}, sw.stage "mean_cosine" { scale = 0.5 } },
    },
    train = { batch = 16, epochs = 2 },
}
LUA
"$STEPWISE" scenes data --train 32 --dev 16 --test 16 >/dev/null
"$STEPWISE" train mine.lua --data data --out run --plugin ./mean_cosine.so >train.txt 2>&1 || { cat train.txt; fail 'training with it failed'; }
[ -s run/result.json ] || fail 'training with it left no result'
[ "$(grep -c 'mean_cosine' run/provenance.json)" -ge 1 ] || fail 'the run does not record the plugin'

# A wrong value for its option is refused in the words of its descriptor.
if "$STEPWISE" train mine.lua --plugin mean_cosine.so mean_cosine.sacle=1 --data data --out run2 2>error.txt; then
    fail 'a misspelt option was taken'
fi
grep -q "did you mean 'scale'" error.txt || { cat error.txt; fail 'no near miss'; }

# A sweep passes the file on to its runs, keeps it in its plan, and prints commands that name it.
cat >table.lua <<'LUA'
local sw = require "stepwise"
return sw.table {
    title = "Mine", base = sw.load "mine.lua",
    rows = { { name = "mine" }, { name = "without", stages = { "l2l" } } },
}
LUA
"$STEPWISE" ablate table.lua --data data --out sweep --plugin mean_cosine.so --dry-run >dry.txt ||
    { cat dry.txt; fail 'ablate --dry-run with it'; }
[ "$(grep -v '^#' dry.txt | grep -c -- '--plugin')" = 2 ] || { cat dry.txt; fail 'commands without --plugin'; }
"$STEPWISE" ablate table.lua --data data --out sweep --plugin mean_cosine.so --run without-seed0 >sweep.txt ||
    { cat sweep.txt; fail 'ablate with it'; }
grep -q "$folder/mean_cosine.so" sweep/plan.json || fail 'the plan does not record the file'
if "$STEPWISE" ablate sweep 2>error.txt; then fail 'a folder made its plugin load'; fi
grep -qF "stepwise ablate sweep --plugin $folder/mean_cosine.so" error.txt || { cat error.txt; fail 'no way to go on'; }
"$STEPWISE" ablate sweep --plugin mean_cosine.so >sweep.txt || { cat sweep.txt; fail 'going on'; }
grep -q mean_cosine sweep/mine-seed0/provenance.json || fail 'the run of a sweep does not record it'

# `stepwise new` writes a folder of each kind that builds against the installed header and passes its
# own test, whatever it is called.
for kind in stage fusion pool block loss; do
    "$STEPWISE" new $kind my_$kind --out "new $kind" >new.txt || { cat new.txt; fail "new $kind"; }
    (cd "new $kind" && unset MAKEFLAGS MAKELEVEL &&
        PKG_CONFIG_PATH=$(dirname "$pc") make -s check CFLAGS='-O2 -Wall -Wextra -Wshadow -Werror') >new.txt 2>&1 ||
        { cat new.txt; fail "the test of a new $kind"; }
    grep -q "^./my_$kind.so: fine" new.txt || { cat new.txt; fail "the test of a new $kind says nothing"; }
    ! grep -rn '@[A-Z]*@\|mean_cosine\|mean_max\|two_hinges' "new $kind" --include='*.[cm]*' --include=test.sh ||
        fail "the folder of a new $kind has names of the template"
done
refuse() { # PATTERN WORDS..: `stepwise new` does not take them
    pattern=$1
    shift
    if "$STEPWISE" new "$@" 2>error.txt; then fail "new $* was taken"; fi
    grep -q "$pattern" error.txt || { cat error.txt; fail "new $*: the wrong error"; }
}
refuse "did you mean 'stage'" stgae mine
refuse 'that begins with a letter' stage ../mine
refuse 'that begins with a letter' stage Mine
refuse 'is taken in C' loss double
refuse 'it already exists' stage mine --out 'new stage'

# The template also builds where it lies in the source tree, without an installed header.
mkdir -p tree/plugins tree/core
cp -r "$STEPWISE_SOURCE/plugins/template" tree/plugins
cp -r "$STEPWISE_SOURCE/core/stepwise" tree/core
PKG_CONFIG=false make -s -C tree/plugins/template CFLAGS='-O2 -Wall -Wextra -Werror' || fail 'it does not build in the tree'
