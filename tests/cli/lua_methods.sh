#!/bin/sh
# lua_methods.sh -- methods that no plugin brings, written in Lua as a user would: checked as plugins are,
# and their scores against NumPy.
. "$(dirname "$0")/set_up.sh"
python=/usr/bin/python3 # Debian's, which has python3-numpy
"$python" -c 'import numpy' 2>/dev/null || skip 'python3-numpy is not there'
"$STEPWISE" plugins --check "$STEPWISE_SOURCE/tests/cli/lua_methods.lua" >check.txt 2>&1 ||
    { cat check.txt; fail 'plugins --check finds faults'; }
for part in "stage naaf" "stage max_sum" "stage scan_learnt" "stage clip" "stage gsmn_text" "stage x_dim" \
    "stage best_of_pairs" "pool pie" "loss pvse" "block pre_norm"; do
    grep -q "  $part: trains" check.txt || { cat check.txt; fail "$part was not tried"; }
done
"$python" "$STEPWISE_SOURCE/tests/cli/lua_methods.py"
