#!/bin/sh
# results.sh -- the recorded tables are what the recorded runs say: drawn again from the run folders,
# byte for byte, and the pictures' data is there to be drawn.
. "$(dirname "$0")/set_up.sh"
cp -r "$STEPWISE_SOURCE/experiments" "$folder"
chmod -R u+w "$folder"
count=0
for plan in experiments/results/*/*/plan.json; do
    dir=$(dirname "$plan")
    for format in md csv tex json; do
        "$STEPWISE" table "$dir" --format $format >again
        cmp -s again "$dir/table.$format" ||
            { echo "FAILED: $dir/table.$format is not what its runs say:"; diff "$dir/table.$format" again | head -n 6; exit 1; }
        count=$((count + 1))
    done
    # The page that people read holds the table as it is.
    awk 'NR == FNR { want[FNR] = $0; n = FNR; next } at < n && $0 == want[at + 1] { at++ } END { exit at == n ? 0 : 1 }' \
        "$dir/table.md" experiments/results/README.md || { echo "FAILED: README.md has another table than $dir"; exit 1; }
done
[ "$count" -gt 0 ] || fail 'no recorded table'
# So does the front page, of the stage that it defines: its block of numbers, up to the second empty line.
awk '/^$/ { empty++; next } empty < 2' experiments/results/flickr8k/own_stage/table.md >block
while IFS= read -r line; do
    grep -Fxq -e "$line" "$STEPWISE_SOURCE/README.md" || { echo "FAILED: the README's table has not the line: $line"; exit 1; }
done <block
# An ensemble's provenance is that of the runs whose similarities it averages.
for result in experiments/results/*/*/*/result.json experiments/results/*/*/result.json; do
    [ -e "$result" ] || continue
    run=$(dirname "$result") members=$(sed -n 's/^ *"folder": "\(.*\)",*$/\1/p' "$result")
    for from in ${members:-.}; do
        [ -n "$members" ] && from=$run/../$from || from=$run
        [ -s "$from/provenance.json" ] || { echo "FAILED: $result has no provenance"; exit 1; }
    done
done
if grep -rlE '"(/|~)[a-z]' experiments/results --include='*.json' | head -n 3 | grep .; then
    echo 'FAILED: a path of one machine in the recorded results'
    exit 1
fi
echo "$count tables stand"
