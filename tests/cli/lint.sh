#!/bin/sh
# lint.sh -- luacheck finds nothing in the Lua files of the tree: no unused or undefined name, no line over 100.
set -eu
: "${STEPWISE_SOURCE:?}"
command -v luacheck >/dev/null || { echo 'skipped: luacheck is missing; on Debian: lua-check'; exit 77; }
cd "$STEPWISE_SOURCE"
find core experiments tests -name '*.lua' -exec luacheck --no-color -q {} + || exit 1
