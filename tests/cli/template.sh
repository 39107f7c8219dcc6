#!/bin/sh
# template.sh -- a stranger builds the template plugin against the installed header through pkg-config,
# checks it, and trains with it beside the model's own stages.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}" "${STEPWISE_BUILD:?}" "${STEPWISE_PLUGIN_PATH:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

# The header and the .pc file as `make install` lays them.
make -s -C "$STEPWISE_BUILD" install-data prefix="$folder/usr" \
    >"$folder/log" 2>&1 || { cat "$folder/log"; fail 'the header could not be installed'; }
pc=$(find "$folder/usr" -name stepwise.pc)
[ -n "$pc" ] || fail 'no stepwise.pc was installed'
[ "$(find "$folder/usr" -name '*.h' | wc -l)" = 1 ] || fail 'expected one installed header'

cp "$STEPWISE_SOURCE/plugins/template/stage.c" "$STEPWISE_SOURCE/plugins/template/Makefile" "$folder"
cd "$folder"
PKG_CONFIG_PATH=$(dirname "$pc") make -s CFLAGS='-O2 -Wall -Wextra -Werror' \
    PKG_CONFIG="pkg-config --define-variable=prefix=$folder/usr" || fail 'the template does not build'
[ "$(nm -D --defined-only mean_cosine.so | awk '$2 != "w"' | wc -l)" -ge 1 ] || fail 'nothing exported'

"$STEPWISE" plugins --check "$folder/mean_cosine.so" >check.txt || fail 'plugins --check refuses it'
grep -q mean_cosine check.txt || fail 'plugins --check does not name it'

mkdir plugins
cp mean_cosine.so plugins
STEPWISE_PLUGIN_PATH=$STEPWISE_PLUGIN_PATH:$folder/plugins
export STEPWISE_PLUGIN_PATH
"$STEPWISE" plugins | grep -q 'stage mean_cosine' || fail 'it is not found in the plugin path'
cat >mine.lua <<'LUA'
local sw = require "stepwise"
return sw.experiment {
    name = "mine",
    model = {
        dim = 16, direction = "both",
        embedding = sw.embedding "random" { word_dim = 8 },
        stages = { sw.stage "l2l" {}, sw.stage "mean_cosine" { weight = 0.5 } },
    },
    train = { batch = 16, epochs = 2 },
}
LUA
"$STEPWISE" scenes data --train 32 --dev 16 --test 16 >/dev/null
"$STEPWISE" train mine.lua --data data --out run >train.txt 2>&1 || { cat train.txt; fail 'training with it failed'; }
[ -s run/result.json ] || fail 'training with it left no result'
[ "$(grep -c 'mean_cosine' run/provenance.json)" -ge 1 ] || fail 'the run does not record the plugin'

# A wrong value for its option is refused in the words of its descriptor.
if "$STEPWISE" train mine.lua mean_cosine.weigth=1 --data data --out run2 2>error.txt; then
    fail 'a misspelt option was taken'
fi
grep -q "did you mean 'weight'" error.txt || { cat error.txt; fail 'no near miss'; }
