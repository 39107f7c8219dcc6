#!/bin/sh
# run.sh SECONDS -- builds the harnesses with libFuzzer in build/fuzz, and runs each for SECONDS
# from its seeds and from what earlier runs have found (build/fuzz-found/NAME). Run by make fuzz.
set -u
seconds=$1
tests=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v clang >/dev/null 2>&1; then
    echo 'make fuzz needs clang with libFuzzer; on Debian: clang libclang-rt-14-dev' >&2
    exit 1
fi
compiler=clang
! command -v ccache >/dev/null 2>&1 || compiler='ccache clang'
sh "$tests/variant.sh" fuzz fuzz-programs --enable-sanitizers=fuzzer CC="$compiler" CFLAGS='-O1 -g' || exit 1

top=$(pwd)
build=$top/build/fuzz
folders=
for kind in align embed fusion image loss pool text; do
    folders=$folders${folders:+:}$build/plugins/$kind/.libs
done
export STEPWISE_PLUGIN_PATH="$folders" OPENBLAS_NUM_THREADS=1 LC_ALL=C.UTF-8
export ASAN_OPTIONS="allocator_may_return_null=1:${ASAN_OPTIONS-}"
failed=0
for program in "$build"/tests/fuzz/fuzz_*; do
    [ -x "$program" ] && [ ! -d "$program" ] || continue
    name=${program##*/fuzz_}
    found=$top/build/fuzz-found/$name
    log=$top/build/fuzz-found/$name.log
    mkdir -p "$found"
    if "$program" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 -max_len=16384 \
        -artifact_prefix="$top/build/fuzz-found/$name-" "$found" "$tests/fuzz/corpus/$name" \
        >"$log" 2>&1 </dev/null; then
        sed -n "s/^Done \([0-9]*\) runs in \([0-9]*\) second.*/fuzz: $name: \1 executions in \2 s/p" "$log"
    else
        failed=1
        grep -m 3 -E '^fuzz: |^==.*ERROR|runtime error|libFuzzer: ' "$log" >&2
        echo "fuzz: $name failed: $log; $(grep -o 'Test unit written to .*' "$log")" >&2
    fi
done
exit "$failed"
