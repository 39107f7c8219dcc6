#!/bin/sh
# chan.sh -- CHAN's encoder, its scores and k-max pooling against NumPy.
. "$(dirname "$0")/set_up.sh"
python=/usr/bin/python3 # Debian's, which has python3-numpy
"$python" -c 'import numpy' 2>/dev/null || skip 'python3-numpy is not there'
"$python" "$STEPWISE_SOURCE/tests/cli/chan.py"
