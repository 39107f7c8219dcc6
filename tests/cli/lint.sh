#!/bin/sh
# lint.sh -- luacheck finds nothing in the Lua files of the tree: no unused, undefined or
# hidden name. How long lines are is for make lint alone.
set -eu
: "${STEPWISE_SOURCE:?}"
command -v luacheck >/dev/null || { echo 'skipped: luacheck is missing; on Debian: lua-check'; exit 77; }
cd "$STEPWISE_SOURCE"
find core experiments tests -name '*.lua' -exec luacheck --no-color --no-max-line-length -q {} + || exit 1
