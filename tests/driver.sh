#!/bin/sh
# driver.sh -- runs one test for automake's harness and writes its .log and .trs.
#
# A Check program counts as many tests as it holds; a script counts one. Each line "skipped: REASON"
# in the output counts one skipped, and is shown; so does a test that exits with 77. A test that
# does not end as it should counts at least one failure, whatever it printed.
set -u

name='' log='' trs='' lacks=''
expect_failure=no
while [ $# -gt 0 ]; do
    case $1 in
    --test-name) name=$2 ;;
    --log-file) log=$2 ;;
    --trs-file) trs=$2 ;;
    --expect-failure) expect_failure=$2 ;;
    --lacks) lacks=$2 ;;
    --color-tests | --collect-skipped-logs | --enable-hard-errors) ;;
    --) shift; break ;;
    *) echo "driver.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done

if [ -n "$lacks" ]; then
    echo "skipped: it needs $lacks" >"$log"
    status=77
else
    "$@" >"$log" 2>&1 </dev/null
    status=$?
fi

# "100%: Checks: 12, Failures: 0, Errors: 0" is the closing line of a Check program.
checks=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), .*/\1/p' "$log" | tail -n 1)
failed=$(sed -n 's/^[0-9]*%: .*, Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 + \2/p' "$log" | tail -n 1)
checks=${checks:-1}
failed=$((${failed:-0}))
skipped=$(grep -c '^skipped: ' "$log")

if [ "$status" = 77 ]; then
    [ "$skipped" -gt 0 ] || { echo 'skipped: no reason was printed' >>"$log"; }
    skipped=1 checks=1 failed=0
elif [ "$status" != 0 ] && [ "$failed" = 0 ]; then
    failed=1
elif [ "$status" = 0 ] && [ "$failed" != 0 ]; then
    echo 'driver.sh: failures were counted, yet the exit status was 0' >>"$log"
elif [ "$checks" = 0 ]; then
    echo 'driver.sh: no test was run' >>"$log"
    failed=1
fi
[ "$failed" -le "$checks" ] || checks=$failed
[ "$((failed + skipped))" -le "$checks" ] || skipped=$((checks - failed))
passed=$((checks - failed - skipped))
if [ "$expect_failure" = yes ]; then
    echo 'driver.sh: failures are not expected of any test here' >>"$log"
    failed=$((failed + 1))
fi

results() { # COUNT RESULT
    i=0
    while [ "$i" -lt "$1" ]; do
        echo ":test-result: $2"
        i=$((i + 1))
    done
}

if [ "$failed" -gt 0 ]; then
    outcome=FAIL
elif [ "$passed" -gt 0 ]; then
    outcome=PASS
else
    outcome=SKIP
fi
{
    results "$passed" PASS
    results "$failed" FAIL
    results "$skipped" SKIP
    echo ":global-test-result: $outcome"
    [ "$failed" = 0 ] && echo ':recheck: no' || echo ':recheck: yes'
    [ "$failed" = 0 ] && echo ':copy-in-global-log: no' || echo ':copy-in-global-log: yes'
} >"$trs"

line="$outcome: $name"
[ "$checks" = 1 ] || line="$line ($checks tests)"
[ "$failed" = 0 ] || line="$line, $failed failed: see $log"
if [ "$skipped" -gt 0 ]; then
    line="$line
$(grep '^skipped: ' "$log" | sed 's/^/  /' | uniq)"
fi
echo "$line" # in one piece: other tests write at the same time
