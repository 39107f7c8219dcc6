#!/bin/sh
# kernels.sh -- what has to be equal is so with every set of kernels that this machine runs: the tests
# around this one meet the set that it would choose, which on other machines is another.
. "$(dirname "$0")/set_up.sh"
: "${STEPWISE_BUILD:?}"

programs='check_dense check_gru check_loss check_pair_ops check_pairs check_vectors check_trainer
    check_checkpoint check_evaluate'
chosen=$("$STEPWISE" doctor | sed -n 's/^CPU .*vector kernels: \([a-z0-9]*\).*/\1/p')
[ -n "$chosen" ] || fail 'doctor names no kernels'
if [ ! -x "$STEPWISE_BUILD/tests/unit/check_pairs" ]; then
    echo 'skipped: it needs the unit tests (on Debian: check)'
    exit 77
fi

sets=0
for set in baseline avx2 avx512 amx; do
    [ "$set" != "$chosen" ] || continue
    if ! STEPWISE_CPU=$set "$STEPWISE" doctor >doctor.txt 2>&1; then
        grep -q "STEPWISE_CPU=$set: this CPU or this build does not have it" doctor.txt ||
            { echo "FAILED: doctor with $set:"; cat doctor.txt; exit 1; }
        echo "not on this machine: $set"
        continue
    fi
    for program in $programs; do
        STEPWISE_CPU=$set "$STEPWISE_BUILD/tests/unit/$program" >log.txt 2>&1 </dev/null ||
            { echo "FAILED: $program with $set kernels:"; cat log.txt; exit 1; }
        grep -q '^100%: Checks: [1-9]' log.txt || { echo "FAILED: $program ran nothing"; exit 1; }
    done
    sets=$((sets + 1))
done
[ "$chosen" = baseline ] || [ "$sets" -gt 0 ] || fail 'no other set was run'
