#!/bin/sh
# explain.sh -- stepwise explain and stepwise search as people type them: on generated scenes, and
# where the real data are there against the reference and with real pictures.
. "$(dirname "$0")/set_up.sh"
fail() {
    echo "FAILED: $*"
    for file in out.txt error.txt; do [ ! -s $file ] || sed "s/^/    /" $file; done
    exit 1
}

# refused STATUS PART WORD..: the program ends with STATUS and says PART in one line.
refused() {
    expected=$1 part=$2 status=0
    shift 2
    "$STEPWISE" "$@" >out.txt 2>error.txt || status=$?
    [ "$status" = "$expected" ] || fail "$*: exit status $status, expected $expected"
    grep -qF -- "$part" error.txt || fail "$*: expected '$part'"
    [ "$(wc -l <error.txt)" = 1 ] || fail "$*: expected one line"
}

done_well() {
    "$STEPWISE" "$@" >out.txt 2>error.txt || fail "$*: exit status $?"
}

drawing=yes
gnuplot --version >/dev/null 2>&1 || { drawing=; echo 'skipped: pictures: gnuplot is missing; on Debian: gnuplot-nox'; }

"$STEPWISE" scenes data --train 32 --dev 8 --test 12 >/dev/null
"$STEPWISE" train "$STEPWISE_SOURCE/experiments/shan_full.lua" dim=16 word_dim=50 batch=16 epochs=1 \
    --data data --glove data/scenes.glove.txt --out run >out.txt 2>error.txt || fail 'training failed'
id=$(sed -n 2p data/test_ids.txt)

# What was not asked for rightly is refused, in one line, and writes nothing.
refused 2 '--data is needed' explain run --image 0
refused 2 '--image is needed' explain run --data data
refused 2 'give either --caption or --text' explain run --data data --image 0 --caption 1 --text 'a dog'
refused 1 'a number below 12' explain run --data data --image 12
refused 1 "did you mean '$id'" explain run --data data --image "${id}x"
refused 1 "0 to 4, found 5" explain run --data data --image 0 --caption 5
refused 2 'expected 1 to 1000 words, found 0' explain run --data data --image 0 --text ' '
refused 1 "did you mean 'test'" explain run --data data --split tset --image 0
refused 1 'no such folder: nowhere' explain run --data data --image 0 --pictures nowhere
refused 1 'checkpoint.safetensors' explain nowhere/checkpoint.safetensors --data data --image 0
refused 2 'expected a sentence' search run --data data
refused 2 'give either a sentence or --image' search run --data data --image 0 'a dog'
refused 2 'expected 1 to 1000 words, found 0' search run --data data ''
refused 2 'ends in .svg or .png' search run --data data --out x.gif 'a dog'
refused 2 'where they are with --pictures' search run --data data --out x.svg 'a dog'
refused 2 'expected 1 to 100000, found 0' search run --data data --top 0 'a dog'
"$STEPWISE" train "$STEPWISE_SOURCE/experiments/shan_full.lua" stages=max_mean dim=8 word_dim=6 embedding=random \
    batch=16 epochs=1 --data data --out plain >out.txt 2>&1 || fail 'a model without attention'
refused 1 'show no attention weights' explain plain --data data --image 0
refused 1 'show no attention weights' explain plain --data data --image 0 --out explain-plain --json
[ ! -e explain-plain ] || fail 'a refused command made a folder'
[ "$(find . -name '*.tsv' -path '*explain*' | wc -l)" = 0 ] || fail 'a refused command wrote a file'

# explain: the table has all weights; a word's sum to one.
if [ -n "$drawing" ]; then
    done_well explain run --data data --image "$id" --caption 1
    for file in attention.tsv attention.svg matrix.svg; do
        [ -s "explain-1-1/$file" ] || fail "no $file"
        grep -q "explain-1-1/$file" out.txt || fail "$file is not named"
    done
    awk -F'\t' 'NR > 1 && $2 == "word" { sum[$3] += $10; n++ }
        END { for (w in sum) if (sum[w] < 0.9999 || sum[w] > 1.0001) exit 1; exit !n }' \
        explain-1-1/attention.tsv || fail "the weights of a word do not sum to one"
    cp -r explain-1-1 first
    done_well explain run --data data --image 1 --caption 1
    diff -r explain-1-1 first >out.txt || fail 'the same question gives other bytes'
    done_well explain run --data data --image 0 --text 'a zebra, $(touch trap) `touch trap`' --png --out 'it'"'"'s "x"'
    grep -q "'zebra' is not in the vocabulary and counts as <unk>" out.txt || fail 'an unknown word is not told'
    [ -s 'it'"'"'s "x"/attention.png' ] || fail 'no PNG'
    [ ! -e trap ] || fail 'a sentence was run'
fi
done_well explain run --data data --image 0 --json
grep -q '"kind": "word"' out.txt || fail 'no weights in JSON'
[ ! -e explain-0-0 ] || fail '--json alone wrote files'

# Names that are hostile, a split without names, boxes and pictures that are not there.
mkdir pictures
cp -r data odd
{
    printf '%s\n' '`touch trap`' '$(touch trap)' "it's.jpg" '../pictures/x' '<script>' '" "'
    printf '\377\376\n'
    sed -n 8,12p data/test_ids.txt
} >odd/test_ids.txt
if [ -n "$drawing" ]; then
    for image in 0 1 "it's" 3 4 5 6; do
        "$STEPWISE" explain run --data odd --image "$image" --pictures pictures --out odd-out >out.txt 2>error.txt ||
            fail "explain of image $image"
        grep -q 'no picture of' error.txt || fail "image $image: a missing picture is not told"
        [ -s odd-out/attention.svg ] || fail "image $image: nothing is drawn without a picture"
        rm -r odd-out
    done
    done_well search run --data odd 'a red ball' --top 12 --pictures pictures --out sheet.svg
    [ "$(grep -c 'no picture of' error.txt)" = 12 ] || fail 'missing pictures of a sheet are not told'
    [ ! -e trap ] || fail 'a name was run'
    # A picture that is none: the reason, exit status 1, and the table all the same.
    printf '\377\330\377\300\0\21\10\0\60\0\60\3 and no more\377\331' >pictures/it\'s.jpg
    status=0
    "$STEPWISE" explain run --data odd --image "it's" --pictures pictures --out odd-out >out.txt 2>error.txt || status=$?
    [ "$status" = 1 ] || fail "a broken picture: exit status $status"
    grep -q 'gnuplot failed' error.txt || fail 'a broken picture: no reason'
    [ -s odd-out/attention.tsv ] && [ ! -e odd-out/attention.svg ] || fail 'a broken picture: no table'
fi
rm odd/test_ids.txt odd/test_ims_bbx.npy
[ -z "$drawing" ] || done_well explain run --data odd --image 4 --out no-boxes
done_well explain run --data odd --image 4 --json
refused 1 'a number below 12' explain run --data odd --image "$id"

# search: the sentence of a caption finds its image somewhere, and says where.
caption=$(sed -n 6p data/test_caps.txt)
done_well search run --data data "$caption" --top 12
grep -q "^ *[0-9]* .*$id *its own" out.txt || fail "the caption's own image is not marked"
done_well search run --data data "$caption" --top 1
grep -q 'its own' out.txt || fail "the caption's own image is not told"
done_well search run --data data --image 1 --top 60 --json
[ "$(grep -c '"own": true' out.txt)" = 10 ] || fail 'an image has five captions of its own'
done_well search run --data data 'a red frisbee'
grep -q "'frisbee' is not in the vocabulary" out.txt || fail 'an unknown word is not told'

if [ -z "${STEPWISE_SHARED:-}" ] || [ ! -r "$STEPWISE_SHARED/data/f8k_precomp/test_ims.npy" ]; then
    echo 'skipped: real data: they are not there (STEPWISE_SHARED)'
    exit 0
fi
real=$STEPWISE_SHARED/data
python=
for candidate in ${PYTHON:-} /usr/bin/python3 python3; do
    if "$candidate" -c 'import torch, numpy, nltk' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ] || [ ! -r "$STEPWISE_SHARED/reference/shan.py" ]; then
    echo 'skipped: weights against the reference: it needs PyTorch, NumPy and NLTK'
else
    "$python" "$STEPWISE_SOURCE/tests/cli/explain.py" "$STEPWISE" "$STEPWISE_SHARED" "$folder"
fi
if [ -n "$drawing" ] && [ -d "$real/f8k_images" ]; then
    "$STEPWISE" train "$STEPWISE_SOURCE/experiments/shan_t2i.lua" dim=32 word_dim=100 batch=16 epochs=1 \
        train_images=16 dev_images=16 test_images=16 embedding=random --data "$real/f8k_precomp" \
        --vocab "$real/f8k_vocab.json" --out real >out.txt 2>error.txt || fail 'training on real data failed'
    done_well explain real --data "$real/f8k_precomp" --image 3 --pictures "$real/f8k_images" --out real-out
    [ ! -s error.txt ] || fail 'a complaint about a picture that is there'
    [ "$(grep -c '<image ' real-out/attention.svg)" -ge 5 ] || fail 'no picture in the drawing'
    done_well search real --data "$real/f8k_precomp" 'a dog runs on the beach' --pictures "$real/f8k_images"
    [ "$(grep -c '<image ' search.svg)" = 5 ] || fail 'no pictures in the sheet'
fi
