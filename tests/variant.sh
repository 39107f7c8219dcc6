#!/bin/sh
# variant.sh NAME TARGETS CONFIGURE-ARGUMENT... -- builds the source once more in build/NAME of this
# build folder, with other flags; a second call builds what has changed only. Run by make.
set -eu
name=$1 targets=$2
shift 2
top=$(pwd)
folder=build/$name

say() {
    echo "$name: $*"
}

# phase WHAT COMMAND...: what the command printed is shown only when it fails.
phase() {
    say "$1"
    shift
    "$@" >"$top/$folder.log" 2>&1 </dev/null || {
        tail -n 30 "$top/$folder.log" >&2
        say "failed; all of the output is in $folder.log" >&2
        exit 1
    }
}

mkdir -p build
phase 'copying the source' make distdir distdir="build/$name.source"
# A file that is gone from the source, or moved in it, must not stay behind: then all is built anew.
(cd "build/$name.source" && find . -type f | sort) >"$folder.files"
cmp -s "$folder.files" "$folder/.files" || rm -rf "$folder"
mkdir -p "$folder"
mv "$folder.files" "$folder/.files"
cp -pRu "build/$name.source/." "$folder"
chmod -R u+w "build/$name.source" # as make distdir leaves it
rm -rf "build/$name.source"
cd "$folder"
if [ ! -f Makefile ] || [ "$*" != "$(cat .configured 2>/dev/null)" ]; then
    phase 'configuring' ./configure "$@"
    echo "$*" >.configured
fi
# shellcheck disable=SC2086 # words
phase 'building' make -j"$(getconf _NPROCESSORS_ONLN)" $targets
