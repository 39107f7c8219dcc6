#!/bin/sh
# documents.sh -- what the pages beside the README say is so: the scripts of experiments/README.md
# run, core/FORMATS.md names every file, column, event and key of a run and of a sweep, the numbers
# of experiments/STATISTICS.md are those on record, and each path that a page names is there.
. "$(dirname "$0")/set_up.sh"

# block N PAGE: its N-th block of Lua
block() {
    awk -v n="$1" '/^```/ { inside = ($0 == "```lua"); count += inside; next } inside && count == n' \
        "$STEPWISE_SOURCE/$2"
}

# ---- experiments/README.md ----
cp -r "$STEPWISE_SOURCE/experiments" .
"$STEPWISE" scenes data --train 24 --dev 10 --test 20 --word-dim 6 >/dev/null
for file in data/test_*; do cp "$file" "data/testall_${file#data/test_}"; done
block 1 experiments/README.md >experiments/page.lua
block 3 experiments/README.md >experiments/model.lua
"$STEPWISE" inspect experiments/model.lua >model.txt 2>&1 || { cat model.txt; fail 'the model of experiments/README.md'; }
grep -q '^text pooling *last' model.txt || { cat model.txt; fail 'the model of experiments/README.md has lost its pooling'; }
block 2 experiments/README.md >experiments/parts.lua
"$STEPWISE" ablate experiments/parts.lua word_dim=6 --data data --glove data/scenes.glove.txt --dry-run >parts.txt 2>&1 &&
    grep -q "^# without-g2g-seed0 .*stages=-g2g" parts.txt && grep -q '^# only-gate-seed0 ' parts.txt ||
    { cat parts.txt; fail 'the parts of experiments/README.md'; }
block 4 experiments/README.md >page.lua
[ -s experiments/page.lua ] && [ -s page.lua ] || fail 'experiments/README.md has lost its scripts'
"$STEPWISE" ablate experiments/page.lua dim=8 word_dim=6 epochs=1 batch=8 --data data \
    --glove data/scenes.glove.txt --out sweep >sweep.txt 2>&1 || { cat sweep.txt; fail 'the table of experiments/README.md'; }
grep -q 'COCO 1K' sweep/table.md || fail 'the table of experiments/README.md has lost its test set'
if command -v lua5.4 >/dev/null; then
    mkdir runs
    ${STEPWISE_LUA_PRELOAD:-} "$(command -v lua5.4)" page.lua >page.txt 2>&1 || { cat page.txt; fail 'the session of experiments/README.md'; }
    [ -s runs/mine/result.json ] || fail 'the session of experiments/README.md left no result'
else
    echo 'skipped: lua5.4 is not there for the session of experiments/README.md'
fi

# ---- core/FORMATS.md ----
formats=$STEPWISE_SOURCE/core/FORMATS.md
says() { # says WORD WHERE: the page has it as code
    grep -qF -e "\`$1\`" "$formats" || fail "core/FORMATS.md does not say \`$1\` of $2"
}
"$STEPWISE" train shan_t2i.lua dim=8 word_dim=6 epochs=1 batch=8 checkpoint_every=1 threads=1 --data data \
    --glove data/scenes.glove.txt --out run >train.txt 2>&1 || { cat train.txt; fail 'a run'; }
"$STEPWISE" train run epochs=2 --resume >train.txt 2>&1 || { cat train.txt; fail 'a run that goes on'; }
for file in run/*; do
    says "${file#run/}" 'a run folder'
done
for column in $(head -n 1 run/metrics.tsv); do
    says "$column" metrics.tsv
done
for event in $(sed -n 's/.*"event":"\([a-z_]*\)".*/\1/p' run/log.jsonl | sort -u); do
    says "$event" log.jsonl
done
# The keys of the outermost objects, as they are indented by two blanks, by one in a plan.
for name in result provenance config; do
    for key in $(sed -n 's/^  "\([a-z_0-9]*\)".*/\1/p' run/$name.json); do says "$key" $name.json; done
done
for key in $(sed -n 's/^ "\([a-z_0-9]*\)".*/\1/p' sweep/plan.json); do says "$key" plan.json; done
for file in sweep/*; do
    case ${file#sweep/} in *-seed0) continue ;; esac
    says "${file#sweep/}" "a sweep's folder"
done

# ---- experiments/STATISTICS.md ----
compare=$(find "$STEPWISE_SOURCE/core/lua" -name compare.lua)
numbers=$(grep -E '^\| [23] \|' "$STEPWISE_SOURCE/experiments/STATISTICS.md" | grep -o '[0-9]*\.[0-9]')
[ "$(echo "$numbers" | wc -l)" = 8 ] || fail 'experiments/STATISTICS.md has lost its numbers'
for number in $numbers; do
    grep -qF -e "$number" "$compare" || fail "experiments/STATISTICS.md says $number, and compare.lua does not"
done

# rows of seeds until separable: "| 3 to 10 | 0 | 4.4 % | .."
grep -E '^\| [0-9]+ to [0-9]+ \|' "$STEPWISE_SOURCE/experiments/STATISTICS.md" | tr -d '|%' |
    awk '{ print $1, $3, $4, $5, $6, $7, $8 }' >seeds.txt
[ "$(wc -l <seeds.txt)" = 6 ] || fail 'experiments/STATISTICS.md has lost its table of seeds'
tr '\t' ' ' <"$STEPWISE_SOURCE/tests/golden/seeds.tsv" >seeds.tsv
while read -r row; do
    grep -qxF -e "$row" seeds.tsv || fail "experiments/STATISTICS.md says '$row', and tests/golden/seeds.tsv does not"
done <seeds.txt

# ---- paths ----
# A path is in code or a link, has a slash and no blank, and begins with a folder of the tree.
count=0
for page in README.md .github/CONTRIBUTING.md core/README.md core/FORMATS.md core/data/README.md plugins/README.md \
    plugins/template/README.md experiments/README.md experiments/STATISTICS.md experiments/TENSORS.md tests/README.md; do
    [ -f "$STEPWISE_SOURCE/$page" ] || fail "$page is not there"
    for path in $(grep -o '`[a-z.][^` ]*/[^` ]*`' "$STEPWISE_SOURCE/$page" | tr -d '`' |
        grep -E '^(core|plugins|experiments|tests|plots|\.github)/' | grep -v 'NAME\|RUN\|FOLDER\|[*{<]\|\.\.\|\.la$\|\.so$\|\.s*libs'); do
        count=$((count + 1))
        [ -e "$STEPWISE_SOURCE/$path" ] || fail "$page names $path, which is not there"
    done
    for link in $(grep -o '](\([A-Za-z.][^)#]*\)' "$STEPWISE_SOURCE/$page" | sed 's/^](//' | grep -v '^https*:'); do
        count=$((count + 1))
        [ -e "$STEPWISE_SOURCE/$(dirname "$page")/$link" ] || fail "$page links to $link, which is not there"
    done
done
[ "$count" -ge 60 ] || fail "$count paths: the pages have lost theirs"
echo "$count paths of the pages are there"
