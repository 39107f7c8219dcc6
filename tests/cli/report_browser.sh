#!/bin/sh
# report_browser.sh -- a real browser shows the report: light, dark and on paper, without a script, an
# error or a request, and names that are markup are only names.
. "$(dirname "$0")/set_up.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    skip 'Chromium is missing; on Debian: apt-get install chromium'
command -v python3 >/dev/null || skip 'python3 is missing, which reads what Chromium says'

"$STEPWISE" scenes data --train 16 --dev 8 --test 8 --regions 4 --features 16 --word-dim 6 >log
cat >table.lua <<'LUA'
local sw = require "stepwise"
return sw.table {
    title = "T</title><script>alert(1)</script>", note = "</p><img src=x onerror=alert(1)> $(touch trap)?",
    reference = "base `touch trap`",
    base = sw.experiment {
        model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 } },
        train = { batch = 16, epochs = 2, lr = 1e-3 },
    },
    rows = {
        { name = "<script>alert(2)</script>", stages = { "l2l" } },
        { name = "base `touch trap`" },
        { name = "a_b^{2} '\"&amp;]]>", fusion = "average" },
    },
}
LUA
"$STEPWISE" ablate table.lua train_images=16 --data data --seeds 0-1 --out runs >log 2>&1 || { cat log; exit 1; }
# captions that would run as well, and pictures that are pictures
sed 's/.*/<script>alert(3)<\/script> & <b onclick="alert(4)">/' data/test_caps.txt >hostile && mv hostile data/test_caps.txt
mkdir pictures
while read -r id; do cp "$STEPWISE_SOURCE/tests/cli/dot.png" "pictures/$id.png"; done <data/test_ids.txt
"$STEPWISE" report runs --pictures pictures >log
[ ! -e trap ] || fail 'a name was run'
exec python3 "$STEPWISE_SOURCE/tests/cli/report_browser.py" "$browser" "$folder" "$folder/runs/report.html"
