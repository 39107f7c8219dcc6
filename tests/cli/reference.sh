#!/bin/sh
# reference.sh -- scores and gradients against the plain PyTorch reading of the paper, on real data.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}"
if [ -z "${STEPWISE_SHARED:-}" ] || [ ! -r "$STEPWISE_SHARED/reference/shan.py" ]; then
    echo 'skipped: the reference model and its data are not there (STEPWISE_SHARED)'
    exit 77
fi
for python in ${PYTHON:-} /usr/bin/python3 python3; do
    if "$python" -c 'import torch, numpy, nltk' 2>/dev/null; then
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        PYTHONDONTWRITEBYTECODE=1 "$python" "$STEPWISE_SOURCE/tests/cli/reference.py" "$STEPWISE" "$STEPWISE_SHARED" "$folder"
        exit
    fi
done
echo 'skipped: it needs PyTorch, NumPy and NLTK (on Debian: python3-torch python3-numpy python3-nltk)'
exit 77
