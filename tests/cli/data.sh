#!/bin/sh
# data.sh -- stepwise data, on files as others' programs write them: data.py writes each layout, has
# it imported, and looks at what came of it.
. "$(dirname "$0")/set_up.sh"

python=/usr/bin/python3
"$python" -c 'import numpy' 2>/dev/null || skip 'there is no python3-numpy to write the files'
"$python" "$STEPWISE_SOURCE/tests/cli/data.py" || fail 'stepwise data'
