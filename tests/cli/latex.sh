#!/bin/sh
# latex.sh -- LaTeX takes the page that `stepwise table --format tex` prints, with names in it that
# would be commands, arguments of a row's end, or another encoding.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}"
command -v pdflatex >/dev/null && kpsewhich booktabs.sty >/dev/null ||
    { echo 'skipped: pdflatex with booktabs is not there (Debian: texlive-latex-recommended)'; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$STEPWISE_SOURCE/experiments/results/flickr8k/table3" "$folder/runs"
chmod -R u+w "$folder"
cd "$folder"
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
[ -s page.pdf ] || { echo 'FAILED: no page'; exit 1; }
