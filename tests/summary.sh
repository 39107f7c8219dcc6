#!/bin/sh
# summary.sh FILE.log... -- the skipped tests with their reasons, the failed tests, and a last line
# "N passed, N failed, N skipped". A test that left no result counts as failed. Exit status 1 when
# anything failed, or nothing passed.
set -eu
passed=0 failed=0 skipped=0

count() { # RESULT FILE
    grep -c "^:test-result: $1" "$2" || :
}

for log; do
    name=${log%.log}
    trs=$name.trs
    if [ ! -f "$trs" ]; then
        echo "failed: $name (it was not run)"
        failed=$((failed + 1))
        continue
    fi
    bad=$(($(count FAIL "$trs") + $(count ERROR "$trs") + $(count XPASS "$trs")))
    passed=$((passed + $(count PASS "$trs") + $(count XFAIL "$trs")))
    failed=$((failed + bad))
    skips=$(count SKIP "$trs")
    skipped=$((skipped + skips))
    [ "$bad" = 0 ] || echo "failed: $name, see $log"
    [ "$skips" = 0 ] || sed -n "s|^skipped: |skipped: $name: |p" "$log" | uniq
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
