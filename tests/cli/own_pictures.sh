#!/bin/sh
# own_pictures.sh -- the path of experiments/README.md from a folder of pictures to a search: each of
# its commands and Python blocks is run, with a stand-in for the detector.
. "$(dirname "$0")/set_up.sh"
page=$STEPWISE_SOURCE/experiments/README.md
python=/usr/bin/python3 # Debian's, which has python3-numpy
"$python" -c 'import numpy' 2>/dev/null || skip 'python3-numpy is not there'

mkdir pictures bin
printf '#!/bin/sh\ncase $1 in train) set -- "$@" dim=8 word_dim=6 epochs=1 batch=8 ;; esac\nexec "%s" "$@"\n' \
    "$STEPWISE" >bin/stepwise
chmod +x bin/stepwise
PATH=$(pwd)/bin:$PATH
cat >extractor.py <<'END'
import zlib
import numpy


def detect(picture):
    """3 to 6 regions of a picture of 100 x 80, from its name."""
    draw = numpy.random.default_rng(zlib.crc32(picture.encode()))
    corner = draw.uniform(0, 40, (draw.integers(3, 7), 2))
    return draw.standard_normal((len(corner), 12)), numpy.hstack([corner, corner + 30]), 100, 80
END
echo image,caption >captions.csv
for i in 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    cp "$STEPWISE_SOURCE/tests/cli/dot.png" "pictures/photo$i.png"
    echo "photo$i.png,a red ball and dog number $i" >>captions.csv
    case $i in 1?) list=train ;; 2[0-4]) list=dev ;; *) list=test ;; esac
    echo "photo$i.png" >>$list.txt
done

awk '/^## Own pictures/ { on = 1; next } /^## / { on = 0 } on' "$page" >section
count=0
awk '/^```/ { open = !open; if (open) { n++; kind = ($0 == "```python") ? "py" : "sh" } next }
    open { print > ("block" n "." kind) }' section
for block in block1.py block2.sh block3.py block4.sh; do
    [ -s $block ] || fail "the page has lost $block"
    case $block in
    *.py) PYTHONPATH=. "$python" $block >out.txt 2>&1 || { cat out.txt; fail "$block"; } ;;
    *)
        while IFS= read -r line; do
            sh -c "$line" >out.txt 2>&1 </dev/null || { cat out.txt; fail "$line"; }
            [ -s out.txt ] || fail "nothing was printed by: $line"
            count=$((count + 1))
        done <$block
        ;;
    esac
done
[ $count = 6 ] || fail "expected 6 commands, found $count"
grep -q '^ *1 .*photo' out.txt || { cat out.txt; fail 'a search without captions names no picture'; }
[ "$(grep -c 'photo[0-9]' out.txt)" = 5 ] || { cat out.txt; fail 'expected the five best pictures'; }

# Without captions, only they can be asked about.
if stepwise search runs/own --data album --split all --image photo11 >out.txt 2>&1; then fail 'captions of none'; fi
grep -q 'all_caps.txt' out.txt || { cat out.txt; fail 'a search for captions where there are none'; }
if stepwise eval runs/own --data album --split all >out.txt 2>&1; then fail 'an evaluation without captions'; fi
grep -q 'all_caps.txt' out.txt || { cat out.txt; fail 'an evaluation without captions'; }
stepwise explain runs/own --data album --split all --image photo11 --text 'a red ball' --out looks >out.txt 2>&1 ||
    { cat out.txt; fail 'explain of a sentence without captions'; }
