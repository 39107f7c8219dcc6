#!/bin/sh
# bench.sh -- stepwise bench on a tiny shape: all results are there and agree with each other. How
# fast anything is, is not looked at.
. "$(dirname "$0")/set_up.sh"

tiny='--dim 16 --batch 16 --regions 24 --region-count 8 --words 10 --steps 2'

number() { # FILE KEY
    sed -n "s/^ \"$2\": \"*\([^\",]*\)\"*,*\$/\1/p" "$1"
}

# true CONDITION: of numbers, by awk
true_that() {
    LC_ALL=C awk "BEGIN { exit !($1) }" </dev/null
}

positive() { # FILE KEY..
    file=$1
    shift
    for key; do
        value=$(number "$file" "$key")
        case $value in
        '' | *[!0-9.e+-]*) fail "$file: $key is '$value', no number" ;;
        esac
        true_that "$value > 0 && $value < 1e9" || fail "$file: $key is $value"
    done
}

steps='step_s encode_s score_s backward_s update_s floor_s floor_gflop ratio gflops peak_rss_mb
    threads batch dim regions region_count words steps caption_words flickr30k_epoch_h coco_epoch_h'

# shellcheck disable=SC2086 # lists of words
"$STEPWISE" bench $tiny --json >gate.json || fail 'it does not run'
# shellcheck disable=SC2086
positive gate.json $steps
[ "$(number gate.json fusion)" = gate ] || fail 'the fusion is not told'
[ "$(number gate.json batch)/$(number gate.json dim)" = 16/16 ] || fail 'another shape was run'
for key in encode_s score_s backward_s update_s step_s floor_s ratio caption_words threads; do
    eval "$key=\$(number gate.json $key)"
done
# shellcheck disable=SC2154 # set by eval
{
    true_that "$encode_s + $score_s + $backward_s + $update_s <= 1.05 * $step_s" ||
        fail "the phases take longer than the step: $encode_s $score_s $backward_s $update_s of $step_s"
    true_that "$ratio > 0.999 * $step_s / $floor_s && $ratio < 1.001 * $step_s / $floor_s" ||
        fail "the ratio is $ratio, not $step_s / $floor_s"
    true_that "$caption_words >= 6 * 16 && $caption_words <= 32 * 16" ||
        fail "16 captions of 6 to 32 words cannot have $caption_words"
}
part() { # FILE PART: its GFLOP
    sed -n "/\"gflop\"/{N;s/.*\"gflop\": \([^,]*\),.*\"part\": \"$2\".*/\1/p;}" "$1"
}
# 128 regions of 24 features: (128,24) x (24,16) and the gradient of the weight
[ "$(part gate.json 'image layer')" = 0.000196608 ] || fail 'the image layer is counted wrong'

# A script's model is timed in the shape that is asked for.
# shellcheck disable=SC2086
"$STEPWISE" bench "$STEPWISE_SOURCE/experiments/methods/imram_text.lua" $tiny --json >script.json ||
    fail 'it does not take a script'
[ "$(number script.json stages)/$(number script.json dim)" = imram/16 ] || fail 'the script is not what was timed'
! "$STEPWISE" bench none.lua 2>err.txt || fail 'a script that is not there'
grep -q 'none.lua: no such script' err.txt || { cat err.txt; fail 'a script that is not there'; }

# The shape's options reach the model, and all that may be asked for is measured.
# shellcheck disable=SC2086
"$STEPWISE" bench $tiny --json --threads 1 --fusion gate_vector --stages l2l,g2l --direction t2i \
    --warmup --images 20 --captions 40 >more.json || fail 'it does not run with all options'
# shellcheck disable=SC2086
positive more.json $steps warmup_step_s warmup_ratio warmup_peak_rss_mb eval_s eval_encode_s \
    eval_score_s eval_floor_s eval_floor_gflop eval_ratio eval_images eval_captions
[ "$(number more.json fusion)" = gate_vector ] || fail '--fusion is not heard'
[ "$(number more.json direction)" = t2i ] || fail '--direction is not heard'
[ "$(number more.json threads)" = 1 ] || fail '--threads is not heard'
[ "$(number more.json eval_images)/$(number more.json eval_captions)" = 20/40 ] || fail 'another evaluation'
[ -n "$(part more.json 'pair mixes')" ] || fail 'gate_vector needs mixes'
[ -z "$(part gate.json 'pair mixes')" ] || fail 'gate needs no mixes'

# A profile that leaves time out, or counts it twice, points at the wrong part.
# shellcheck disable=SC2086
"$STEPWISE" bench $tiny --json --profile >profile.json || fail 'it does not run with --profile'
for word in bigru 'bigru, back' linear pair_scores 'pair_scores, back' lane_softmax hinge adam norm clear \
    'one thread alone'; do
    grep -q "\"part\": \"$word\"" profile.json || fail "the profile has no part '$word'"
done
sed -n 's/^ *"share": \([^,]*\),*$/\1/p' profile.json |
    awk '{ sum += $1; below += $1 < 0 } END { exit !(NR > 20 && !below && sum > 0.999 && sum < 1.001) }' ||
    fail 'the shares of the parts are not one step'
grep -q profile gate.json && fail 'a profile that nobody asked for'
# shellcheck disable=SC2086
"$STEPWISE" bench $tiny --profile >people.txt || fail 'it does not run with --profile'
grep -q 'waiting' people.txt || fail 'no profile for people'

# shellcheck disable=SC2086
"$STEPWISE" bench $tiny --warmup --images 16 >people.txt || fail 'it does not run without --json'
for word in encode score backward update step floor ratio memory evaluation; do
    grep -q "$word" people.txt || { cat people.txt; fail "no $word for people"; }
done

refused() { # WORDS OPTION..: exit status 2 and one line that says it
    words=$1
    shift
    status=0
    "$STEPWISE" bench "$@" >out.txt 2>error.txt || status=$?
    [ "$status" = 2 ] || { cat error.txt; fail "bench $*: exit status $status, expected 2"; }
    [ "$(wc -l <error.txt)" = 1 ] || { cat error.txt; fail "bench $*: not one line of error"; }
    [ ! -s out.txt ] || fail "bench $*: refused, yet something was printed"
    grep -q -- "$words" error.txt || { cat error.txt; fail "bench $*: expected '$words'"; }
}

refused "did you mean '--batch'" --bacth 16
refused "did you mean 'gate_vector'" --fusion gate_vectr
refused "did you mean 'g2g'" --stages l2l,g2l,ggg
refused "t2i" --direction t2j
refused 'expected a whole number' --dim wide
refused 'dim' --dim 0
refused 'batch' --batch 1
refused 'steps' --steps 0
refused 'threads' --threads 257
refused 'goes with --images' --captions 5
refused 'expected key=value' margin=0.1 fast
refused "did you mean 'lambda'" l2l.lamda=3

# make bench and make bench-growth print all their rows whatever the CPU is; here of made-up results.
cat >canned <<'END'
#!/bin/sh
cat <<JSON
{
 "batch": 1,
$(for key in encode_s score_s backward_s update_s step_s floor_s ratio peak_rss_mb flickr30k_epoch_h \
    warmup_step_s warmup_ratio warmup_peak_rss_mb eval_encode_s eval_score_s eval_s eval_floor_s \
    eval_ratio; do echo " \"$key\": 2.5,"; done)
 "blas_core": "none",
 "cpu": "${STEPWISE_CPU:-$CANNED_CPU}",
 "threads": 7
}
JSON
END
cat >python <<'END'
#!/bin/sh
[ "$1" = -c ] || echo "encode 1 score 1 backward 1 step 2 total 5.0 s (canned for $*)"
END
chmod +x canned python
unset STEPWISE_CPU
for CANNED_CPU in baseline avx2 avx512 amx; do
    export CANNED_CPU
    PYTHON=./python STEPWISE=./canned STEPWISE_SHARED='' \
        sh "$STEPWISE_SOURCE/tests/bench/bench.sh" 7 1 2 >rows.txt ||
        { cat rows.txt; fail "make bench ends early with kernels $CANNED_CPU"; }
    grep -q "^evaluation, 1000 x 5000.* 2.50 " rows.txt || fail "$CANNED_CPU: no row of an evaluation"
    grep -q "^7 threads, kernels $CANNED_CPU, BLAS core none" rows.txt || fail "$CANNED_CPU: not told"
    grep -q 'ratio over 2 runs: 2.50 to 2.50, median 2.50' rows.txt || fail "$CANNED_CPU: no spread"
    for batch in 64 128; do
        grep -q "^  our algorithm in PyTorch .* 2.0 times our step (canned for .*peer.py --batch $batch " \
            rows.txt || { cat rows.txt; fail "$CANNED_CPU: no peer at batch $batch"; }
    done
done
STEPWISE=./canned sh "$STEPWISE_SOURCE/tests/bench/growth.sh" 7 1 >rows.txt || fail 'make bench-growth ends early'
[ "$(grep -c ' 2.5000 ' rows.txt)" = 24 ] || { cat rows.txt; fail 'expected a row of each size'; }

# BENCH_CLOCK=processor: no time passes while a program sleeps.
clock=${STEPWISE_BUILD:-}/tests/bench/.libs/processor_clock.so
if [ -e "$clock" ] && [ -z "${STEPWISE_SANITIZERS:-}" ]; then
    LD_PRELOAD=$clock "$STEPWISE" lua -e 'local core = require "stepwise.core"
        local began = core.seconds()
        core.sleep(1)
        print(core.seconds() - began < 0.9)' >clock.txt || fail 'it does not run with the processor clock'
    [ "$(cat clock.txt)" = true ] || fail 'a second of sleep counts as one of processor time'
fi
