#!/bin/sh
# recipes.sh -- what experiments/README.md says of reading results with pandas, NumPy and PyTorch runs
# as it stands there, and gives the numbers of result.json.
. "$(dirname "$0")/set_up.sh"
python=/usr/bin/python3
[ -x $python ] || skip 'there is no python3'
"$STEPWISE" scenes data --train 24 --dev 10 --test 10 --features 16 >/dev/null
"$STEPWISE" ablate "$STEPWISE_SOURCE/experiments/table3.lua" dim=8 epochs=1 batch=8 --data data \
    --glove data/scenes.glove.txt --out runs/table3 >out.txt 2>&1 || { cat out.txt; fail 'the table'; }
cat >check.py <<'PY'
import contextlib, io, json, re, sys

page = open(sys.argv[1], encoding="utf-8").read()
blocks = [block for block in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "runs/table3" in block]
assert len(blocks) == 3, "experiments/README.md has lost its recipes"
result = json.load(open("runs/table3/l2l-seed0/result.json"))
expected = [
    (("pandas",), [result["dev"]["rsum"]]),
    (("numpy",), [result["test"]["i2t_r1"], result["test"]["t2i_r1"]]),
    (("numpy", "torch"), [8, 8, 16]),
]
for block, (modules, values) in zip(blocks, expected):
    try:
        for name in modules:
            __import__(name)
    except ImportError as missing:
        print(f"skipped: the recipe with {' and '.join(modules)}: {missing}; on Debian: python3-" + " python3-".join(modules))
        continue
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(block, {})
    found = [float(word) for word in re.findall(r"(?<![@\w.])\d+\.?\d*", out.getvalue().replace("R@1", ""))]
    assert all(abs(a - b) < 1e-6 for a, b in zip(found, values)) and len(found) >= len(values), (out.getvalue(), values)
PY
$python check.py "$STEPWISE_SOURCE/experiments/README.md" || fail 'a recipe of experiments/README.md'
echo 'the recipes give the numbers of result.json'
