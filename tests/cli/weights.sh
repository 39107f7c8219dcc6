#!/bin/sh
# weights.sh -- a model goes to PyTorch and comes back: PyTorch has the same scores and the same loss
# with the exported weights, takes one step, and what it saved is evaluated and trained on here.
. "$(dirname "$0")/set_up.sh"
python=/usr/bin/python3 # Debian's, which has python3-torch
"$python" -c 'import torch, numpy' 2>/dev/null || skip 'python3-torch and python3-numpy are not there'
exec "$python" "$STEPWISE_SOURCE/tests/cli/weights.py" "$STEPWISE" "$STEPWISE_SOURCE" "$folder"
