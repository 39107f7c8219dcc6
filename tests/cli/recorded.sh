#!/bin/sh
# recorded.sh -- every command that the page of recorded results prints still runs as it is printed: on generated data
# at the same paths, sweeps as --dry-run, which checks all rows, and single runs for one step.
. "$(dirname "$0")/set_up.sh"
export XDG_CACHE_HOME="$folder/cache"
ln -s "$STEPWISE_SOURCE/experiments" experiments
"$STEPWISE" scenes data/f8k_precomp --train 64 --dev 8 --test 8 --regions 4 --features 16 --word-dim 100 >log
mkdir -p data/glove runs bin
mv data/f8k_precomp/scenes.glove.txt data/glove/glove.f8k.100d.txt
rm data/f8k_precomp/README.txt # which says that the data are generated, so that scripts go by other settings
ln -s "$STEPWISE" bin/stepwise
PATH=$folder/bin:$PATH
stepwise train experiments/shan_t2i.lua dim=4 word_dim=100 batch=8 max_steps=1 --data data/f8k_precomp \
    --glove data/glove/glove.f8k.100d.txt --out made >log 2>&1 || { cat log; fail 'no vocabulary'; }
cp made/vocab.json data/f8k_vocab.json
sed -n '/^```$/,/^```$/ { /^stepwise /p }' experiments/results/README.md >commands
[ "$(wc -l <commands)" -ge 3 ] || fail 'expected commands in experiments/results/README.md'
while IFS= read -r command; do
    set -f
    # shellcheck disable=SC2086 # words, as a shell would read them: no command has a quote
    set -- $command
    set +f
    case $2 in
        ablate) set -- "$@" --dry-run ;;
        train) set -- "$@" max_steps=1 ;;
        plot | table | report) continue ;; # of the folders that the others fill
        *) fail "what is to be tried of: $command" ;;
    esac
    out=$(echo "$command" | sed -n 's/.* --out \([^ ]*\).*/\1/p')
    "$@" >log 2>&1 </dev/null || { cat log; fail "it does not run any more: $command"; }
    mkdir -p "$out" # for a later one that takes runs over from there
done <commands
echo "$(wc -l <commands) commands run as they are printed"
