# set_up.sh -- what the scripts beside it begin with: . "$(dirname "$0")/set_up.sh"
# A folder of the test's own, which is where it runs and which goes with it; fail and skip.
set -eu
: "${STEPWISE:?}" "${STEPWISE_SOURCE:?}"
case $STEPWISE in /*) ;; *) STEPWISE=$(pwd)/$STEPWISE ;; esac
STEPWISE_SOURCE=$(cd "$STEPWISE_SOURCE" && pwd)
export PYTHONDONTWRITEBYTECODE=1 # which would go to the source
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "FAILED: $*"
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}
