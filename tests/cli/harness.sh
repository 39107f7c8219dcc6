#!/bin/sh
# The counts that end "./bootstrap check": a failure or a skip that they hide is one nobody sees.
set -eu
source=${STEPWISE_SOURCE:?}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# driven NAME SCRIPT: runs SCRIPT under the driver; prints the results in NAME.trs in one line.
driven() {
    printf '%s\n' "$2" >"$1.sh"
    sh "$source/tests/driver.sh" --test-name "$1" --log-file "$1.log" --trs-file "$1.trs" -- \
        sh "$1.sh" >"$1.out"
    sed -n 's/^:test-result: //p' "$1.trs" | tr '\n' ' '
}

expect() { # NAME EXPECTED SCRIPT
    found=$(driven "$1" "$3")
    [ "$found" = "$2" ] || { echo "$1: expected '$2', found '$found'"; exit 1; }
}

expect passes 'PASS ' 'exit 0'
expect fails 'FAIL ' 'exit 3'
expect killed 'FAIL ' 'kill -9 $$'
expect skips 'SKIP ' 'echo "skipped: no such data"; exit 77'
expect program 'PASS PASS PASS ' 'echo "100%: Checks: 3, Failures: 0, Errors: 0"'
expect partly 'PASS PASS SKIP ' 'echo "skipped: no data"; echo "100%: Checks: 3, Failures: 0, Errors: 0"'
expect broken 'PASS FAIL FAIL ' 'echo "33%: Checks: 3, Failures: 1, Errors: 1"; exit 1'
expect lies 'PASS FAIL ' 'echo "50%: Checks: 2, Failures: 1, Errors: 0"'
expect aborts 'PASS PASS FAIL ' 'echo "100%: Checks: 3, Failures: 0, Errors: 0"; exit 134'
expect empty 'FAIL ' 'echo "100%: Checks: 0, Failures: 0, Errors: 0"'
grep -q 'skipped: no data' partly.out || { echo 'the reason of a skip is not shown'; exit 1; }
grep -q '^:global-test-result: FAIL' broken.trs || { echo 'a broken program is not a failure'; exit 1; }

# summed EXPECTED-STATUS EXPECTED-LINE FILE.log...
summed() {
    status=0
    # shellcheck disable=SC2086 # one word a file
    sh "$source/tests/summary.sh" $3 >summary.out || status=$?
    line=$(tail -n 1 summary.out)
    [ "$line" = "$2" ] || { echo "summary: expected '$2', found '$line'"; exit 1; }
    [ "$status" = "$1" ] || { echo "summary of $3: exit status $status, expected $1"; exit 1; }
}

summed 0 '6 passed, 0 failed, 2 skipped' 'passes.log program.log partly.log skips.log'
summed 1 '2 passed, 3 failed, 0 skipped' 'passes.log broken.log fails.log'
summed 1 '1 passed, 1 failed, 0 skipped' 'passes.log never_run.log'
summed 1 '0 passed, 0 failed, 1 skipped' 'skips.log'
grep -q 'skipped: skips: no such data' summary.out || { echo 'the summary hides a reason'; exit 1; }
