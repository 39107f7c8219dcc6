#!/bin/sh
# rendered.sh -- every kind of figure is drawn alike by librsvg, which is strict, and by Chromium.
. "$(dirname "$0")/set_up.sh"
command -v rsvg-convert >/dev/null || skip 'rsvg-convert is missing; on Debian: apt-get install librsvg2-bin'
command -v python3 >/dev/null || skip 'python3 is missing, which reads the pictures'
gnuplot --version >/dev/null 2>&1 || skip 'gnuplot is missing; on Debian: apt-get install gnuplot-nox'
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { browser=; echo 'skipped: the comparison: Chromium is missing; on Debian: apt-get install chromium'; }

"$STEPWISE" scenes data --train 32 --dev 8 --test 12 --regions 9 --features 16 --word-dim 6 >log
mkdir pictures
while read -r id; do cp "$STEPWISE_SOURCE/tests/cli/dot.png" "pictures/$id.png"; done <data/test_ids.txt
cat >table.lua <<'LUA'
local sw = require "stepwise"
return sw.table {
    title = "T", reference = "'s 50 %",
    base = sw.experiment {
        model = { dim = 8, embedding = sw.embedding "random" { word_dim = 6 } },
        train = { batch = 16, epochs = 3, lr = 1e-3 },
    },
    rows = { { name = "'s 50 %" }, { name = "]]> & <b>", stages = { "l2l" } }, { name = "a_b^{2}", fusion = "average" } },
}
LUA
"$STEPWISE" ablate table.lua --data data --seeds 0-1 --out runs >log 2>&1 || { cat log; exit 1; }
run=runs/s-50-seed0
mkdir figures
"$STEPWISE" plot runs --out figures >log
"$STEPWISE" explain $run --data data --image 0 --text "a man's 50 % of the red cube" --pictures pictures --out explained >log
"$STEPWISE" explain $run --data data --image 0 --caption 1 --out bare >log
"$STEPWISE" search $run --data data 'a red cube' --pictures pictures --out found.svg >log
"$STEPWISE" eval $run/checkpoint.safetensors --data data --split test --sims sims.npy >log
printf "region\t's\t50 %%\ta_b\n0\t0.1\t0.2\t0.3\n1\t0.9\t0.5\t0.4\n" >weights.tsv
"$STEPWISE" plot sims.npy weights.tsv --out figures >log
for name in attention matrix; do mv explained/$name.svg figures/; mv bare/$name.svg figures/bare-$name.svg; done
mv found.svg figures/gallery.svg
# a row alone, and the recorded figure of the front page
"$STEPWISE" plot $run --out alone >log
for file in alone/*.svg; do mv "$file" "figures/alone-$(basename "$file")"; done
cp "$STEPWISE_SOURCE/experiments/results/flickr8k/table3/ablation.svg" figures/recorded.svg
# in print: PDFs, with their fonts, in the width that was asked for
if command -v pdftoppm >/dev/null && command -v pdffonts >/dev/null; then
    "$STEPWISE" plot runs sims.npy weights.tsv --pdf --width 84mm --out print >log
    "$STEPWISE" explain $run --data data --image 0 --pictures pictures --pdf --width 174mm --out print >log
    for file in print/*.pdf; do
        pdffonts "$file" | awk 'NR > 2 && $(NF - 4) != "yes" { bad = 1 } END { exit bad || NR < 3 }' || fail "$file lacks a font"
        pdftoppm -r 60 -png -singlefile "$file" "${file%.pdf}" 2>complaints || fail "$file is refused by pdftoppm"
        [ ! -s complaints ] || { cat complaints; fail "$file is not a sound PDF"; }
        pdftoppm -r 60 -gray -singlefile "$file" grey
        [ "$(tail -c +16 grey.pgm | tr -d '\377' | wc -c)" -gt 500 ] || fail "$file is blank"
    done
    [ "$(pdfinfo print/recall.pdf | sed -n 's/^Page size: *\([0-9]*\).*/\1/p')" = 238 ] || fail 'a column is 84 mm, 238 points'
else
    echo 'skipped: the PDFs: pdftoppm is missing; on Debian: apt-get install poppler-utils'
fi
exec python3 "$STEPWISE_SOURCE/tests/cli/rendered.py" "$folder" $browser
