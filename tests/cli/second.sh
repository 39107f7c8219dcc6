#!/bin/sh
# second.sh -- second sets of fragments from files of the data folder: scores against NumPy, and what
# is said of files that are not as they should be.
. "$(dirname "$0")/set_up.sh"
python=/usr/bin/python3 # Debian's, which has python3-numpy
"$python" -c 'import numpy' 2>/dev/null || skip 'python3-numpy is not there'
"$python" "$STEPWISE_SOURCE/tests/cli/second.py"
