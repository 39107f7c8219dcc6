#!/bin/sh
# coverage.sh -- builds with gcov's counters in build/coverage, runs every test there, and prints
# how many lines of core/ they execute: per file, the files under 85 %, and the whole, which has to
# reach 94 %. Run by make coverage; the figures on record are in tests/README.md. Kernels that this CPU
# cannot run are left out.
set -u
file_least=85 whole_least=94
tests=$(cd "$(dirname "$0")" && pwd)
if ! command -v gcovr >/dev/null 2>&1; then
    echo 'make coverage needs gcovr; on Debian: gcovr' >&2
    exit 1
fi
compiler=gcc
! command -v ccache >/dev/null 2>&1 || compiler='ccache gcc'
sh "$tests/variant.sh" coverage 'check TESTS=' \
    CC="$compiler" CFLAGS="-O1 -g --coverage -include $tests/coverage_exit.h" LDFLAGS=--coverage || exit 1

cd build/coverage || exit 1
find . -name '*.gcda' -exec rm -f {} +
echo 'coverage: testing'
[ -z "${STEPWISE_SHARED-}" ] || export STEPWISE_SHARED
# The lines that see a call fail are met within its first calls.
export STEPWISE_FAULT_CALLS=12 STEPWISE_FAULT_SAMPLES=6
# A counter file that was damaged, as by a kill while it was written, is told below and not by each
# process on its standard error.
export GCOV_ERROR_FILE="$PWD/gcov.log"
rm -f "$GCOV_ERROR_FILE"
status=0
make -s -k -j"$(getconf _NPROCESSORS_ONLN)" check >check.log 2>&1 || status=1
make -s test-summary || status=1
damaged=$(grep -hoE '[^:]*[.]gcda:(Not a gcov data file|Merge mismatch)' "$GCOV_ERROR_FILE" 2>/dev/null | sort -u | wc -l)
[ "$damaged" = 0 ] || echo "coverage: $damaged counter files were damaged, and lines are missing: $GCOV_ERROR_FILE"

# All kernels but the tiles' share kernels_vector.h, which is complete only with AVX-512.
lacking='kernels_none'
./stepwise doctor | grep -q 'vector kernels: amx' || lacking=kernels_amx
./stepwise doctor | grep -qE 'vector kernels: (amx|avx512)' || lacking='kernels_(amx|vector)'
# Branches that threads count at the same time may come out negative; lines do not.
gcovr --root . --filter 'core/' --exclude core/lua/modules.c --exclude "core/.*$lacking" --gcov-ignore-parse-errors \
    --csv lines.csv . >gcovr.log 2>&1 || { tail -n 20 gcovr.log >&2; exit 1; }
awk -F, -v least="$file_least" -v whole="$whole_least" '
    NR == 1 { next }
    {
        folder = $1
        sub(/\/[^\/]*$/, "", folder)
        lines[folder] += $2
        run[folder] += $3
        all += $2
        all_run += $3
        printf "%6.1f %%  %5d of %5d  %s\n", 100 * $3 / $2, $3, $2, $1
        if (100 * $3 < least * $2) low[++count] = sprintf("%s %.1f %%", $1, 100 * $3 / $2)
    }
    END {
        for (folder in lines)
            printf "%6.1f %%  %5d of %5d  %s/\n", 100 * run[folder] / lines[folder], run[folder],
                lines[folder], folder | "sort -k 6"
        close("sort -k 6")
        for (i = 1; i <= count; i++)
            print "under " least " %: " low[i]
        printf "coverage: %.1f %% of the lines of core/ (%d of %d); %d %s under %d %%\n",
            100 * all_run / all, all_run, all, count, count == 1 ? "file" : "files", least
        exit 100 * all_run < whole * all
    }' lines.csv || { echo "coverage: expected at least $whole_least %" >&2; status=1; }
exit "$status"
