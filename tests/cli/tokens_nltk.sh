#!/bin/sh
# tokens_nltk.sh -- the tokeniser against NLTK's on every caption of the real data: a vocabulary that
# another program built must mean the same words here.
. "$(dirname "$0")/set_up.sh"
: "${STEPWISE_BUILD:?}"
captions=${STEPWISE_SHARED:-}/data/f8k_precomp
if [ -z "${STEPWISE_SHARED:-}" ] || [ ! -r "$captions/train_caps.txt" ]; then
    echo 'skipped: the real captions are not there (STEPWISE_SHARED)'
    exit 77
fi
for name in ${PYTHON:-} /usr/bin/python3 python3; do
    if "$name" -c 'import nltk' 2>/dev/null; then python=$name; break; fi
done
[ -n "${python:-}" ] || skip 'it needs NLTK (on Debian: python3-nltk)'
command -v lua5.4 >/dev/null || skip 'it needs lua5.4'

cat "$captions"/train_caps.txt "$captions"/dev_caps.txt "$captions"/test_caps.txt >"$folder/captions"
# shellcheck disable=SC2086 # words: what loads a sanitizer before it, see configure.ac
${STEPWISE_LUA_PRELOAD:-} "$(command -v lua5.4)" - "$folder/captions" >"$folder/ours" <<'LUA'
local stepwise = require "stepwise"
for line in io.lines(arg[1]) do
    print(table.concat(stepwise.tokenize(line), " "))
end
LUA
PYTHONPATH=${STEPWISE_SOURCE:?}/tests/golden PYTHONDONTWRITEBYTECODE=1 "$python" - \
    "$folder/captions" >"$folder/theirs" <<'PYTHON'
import sys
from make_tokens import word_tokenizer
tokenize = word_tokenizer()
for line in open(sys.argv[1], encoding="utf-8"):
    print(" ".join(tokenize(line.strip().lower())))
PYTHON
[ "$(wc -l <"$folder/ours")" -ge 40000 ] || fail 'captions are missing'
diff "$folder/theirs" "$folder/ours" >"$folder/difference" ||
    { echo 'FAILED: first differences (NLTK <, ours >):'; head -n 10 "$folder/difference"; exit 1; }
