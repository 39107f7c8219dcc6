#!/bin/sh
# latex.sh -- LaTeX takes the page that `stepwise table --format tex` prints, with names in it that
# would be commands, arguments of a row's end, or another encoding.
. "$(dirname "$0")/set_up.sh"
command -v pdflatex >/dev/null && kpsewhich booktabs.sty >/dev/null ||
    skip 'pdflatex with booktabs is not there (Debian: texlive-latex-recommended)'
cp -r "$STEPWISE_SOURCE/experiments/results/flickr8k/table3" "$folder/runs"
chmod -R u+w "$folder"
sed -i 's|"name": "GloVe, fixed"|"name": "[1em] 50% of $x_1^2$ \& {λ ± Δ} \\\\input{/etc/none} #~<\|>\\""|
        s|"name": "random"|"name": "*"|
        s|"name": "L2L"|"name": "`cmd` --- '"''"' ,, ?` !` é ß … – ^~ @ a=b"|
        s|"embedding=random"|"embedding=r_{$\&\\\\end{document}"|
        s|"title": "|"title": "100% \\\\end{document} |' runs/plan.json
grep -q '1em' runs/plan.json
{
    printf '\\documentclass{article}\n\\usepackage[landscape]{geometry}\n\\usepackage{booktabs}\n\\begin{document}\n'
    "$STEPWISE" table runs --format tex
    printf '\\end{document}\n'
} >page.tex
HOME=$folder pdflatex -interaction=batchmode -halt-on-error page.tex >out </dev/null ||
    { echo 'FAILED: LaTeX refuses the page:'; grep -A 4 '^!' page.log | head -n 8; exit 1; }
[ -s page.pdf ] || fail 'no page'

# Two test sets in one table, with names that are commands as well.
"$STEPWISE" scenes data --train 8 --dev 4 --test 8 --regions 4 --features 16 --word-dim 4 >/dev/null
cat >two.lua <<'END'
local sw = require "stepwise"
return sw.table {
  title = "Two", rows = { { name = "base" }, { name = "a_b", lr = 0.01 } },
  base = sw.experiment { model = { dim = 4, embedding = { plugin = "random", word_dim = 4 } },
    train = { batch = 8, epochs = 1 } },
  tests = { ["1K & 100% _$"] = { folds = 2 }, ["5K \\end{document}"] = {} },
}
END
"$STEPWISE" ablate two.lua --data data --seeds 0-1 --out two >log || { cat log; echo 'FAILED: no table'; exit 1; }
{
    printf '\\documentclass{article}\n\\usepackage[landscape]{geometry}\n\\usepackage{booktabs}\n\\begin{document}\n'
    "$STEPWISE" table two --format tex
    printf '\\end{document}\n'
} >two.tex
grep -q 'multicolumn{7}{c}{1K' two.tex || fail 'expected two test sets side by side'
HOME=$folder pdflatex -interaction=batchmode -halt-on-error two.tex >out </dev/null ||
    { echo 'FAILED: LaTeX refuses the page of two test sets:'; grep -A 4 '^!' two.log | head -n 8; exit 1; }
[ -s two.pdf ] || fail 'no page of two test sets'

# In the two columns of a journal every float fits its column or the page, what the parts of a design bring as well.
cat >designed.lua <<'END'
local sw = require "stepwise"
return sw.ablation {
  title = "100% designed", design = "factorial", also = "test_time",
  base = sw.experiment { model = { dim = 4, embedding = { plugin = "random", word_dim = 4 } }, train = { batch = 8, epochs = 1 } },
  parts = { { name = "the part_1 & its $ name", ["g2g.score"] = false }, { name = "λ × 2", ["l2l.lambda"] = 30 } },
}
END
"$STEPWISE" ablate designed.lua --data data --seeds 0-1 --out designed >log || { cat log; echo 'FAILED: no design'; exit 1; }
"$STEPWISE" table designed --format tex | grep -q 'label{tab:100-designed-effects}' || fail 'no float of effects'
{
    printf '\\documentclass[twocolumn]{article}\n\\usepackage[a4paper,textwidth=174mm,columnsep=6mm]{geometry}\n'
    printf '\\usepackage{booktabs,amssymb}\n\\begin{document}\n'
    recorded=$STEPWISE_SOURCE/experiments/results/flickr8k
    "$STEPWISE" table "$recorded/table3" --format tex
    "$STEPWISE" table "$recorded/table3" --format tex --style checks --columns rsum,delta
    "$STEPWISE" table "$recorded/table3" --format tex --columns i2t_r1,t2i_r1,rsum,delta,interval,p,paper,n --precision 2
    "$STEPWISE" table "$recorded/direction" --format tex --columns rsum,n
    "$STEPWISE" table designed --format tex
    "$STEPWISE" table "$recorded/direction" "$recorded/table3" --format tex
    printf '\\end{document}\n'
} >journal.tex
HOME=$folder pdflatex -interaction=batchmode -halt-on-error journal.tex >out </dev/null ||
    { echo 'FAILED: LaTeX refuses the floats:'; grep -A 4 '^!' journal.log | head -n 8; exit 1; }
if grep '^Overfull' journal.log; then fail 'a float is wider than its column'; fi
