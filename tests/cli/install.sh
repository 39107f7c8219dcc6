#!/bin/sh
# install.sh -- an installed tree works wherever it came to lie: staged with DESTDIR under another
# prefix than the configured one, then moved. With arguments it checks an installation where it is:
# install.sh BINDIR PKGCONFIGDIR LUADIR (make installcheck).
set -eu
unset STEPWISE_PLUGIN_PATH LUA_CPATH
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() {
    echo "FAILED: $*"
    exit 1
}

# check_tree BINDIR PKGCONFIGDIR LUADIR, absolute; the plugins have to be in its own folders
check_tree() {
    program=$1/stepwise
    [ -x "$program" ] || fail "no program in $1"
    "$program" plugins >list.txt || { cat list.txt; fail "$program plugins"; }
    for part in 'stage l2l' 'embedding random' 'fusion gate'; do
        grep -q "$part: " list.txt || { cat list.txt; fail "$program does not find the $part"; }
    done
    "$program" doctor >doctor.txt || { cat doctor.txt; fail "$program doctor"; }
    # a script of the installation, found by its name
    rm -rf run two data
    "$program" scenes data --train 12 --dev 6 --test 6 --word-dim 6 >/dev/null
    "$program" train shan_t2i.lua dim=8 word_dim=6 epochs=1 batch=8 threads=1 --data data \
        --glove data/scenes.glove.txt --out run >train.txt 2>&1 || { cat train.txt; fail 'a tiny run'; }
    [ -s run/result.json ] || fail 'the run left no result'
    # the module for MPI beside its plugins
    transport=$(sed -n 's|^  \(/.*\)/[^/]*\.so$|\1|p' list.txt | head -n 1)/transport/mpi.so
    if [ -e "$transport" ] && mpirun --version 2>&1 | grep -q 'Open MPI'; then
        OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
            mpirun -n 2 "$program" train shan_t2i.lua dim=8 word_dim=6 epochs=1 batch=8 threads=1 --data data \
            --glove data/scenes.glove.txt --out two >two.txt 2>&1 </dev/null || { cat two.txt; fail 'two processes'; }
        cmp run/checkpoint.safetensors two/checkpoint.safetensors || fail 'two processes: other bits'
    fi
    if command -v lua5.4 >/dev/null; then
        LUA_CPATH="$3/?.so" ${STEPWISE_LUA_PRELOAD:-} "$(command -v lua5.4)" -e '
            assert(require("stepwise.tensor").zeros) -- first of all, as its readers would
            local session <close> = require("stepwise").session { threads = 1 }
            for _, plugin in ipairs(session:plugins()) do print(plugin.file) end' >module.txt ||
            fail 'the Lua module'
        [ "$(wc -l <module.txt)" = "$(grep -c '^  /.*\.so$' list.txt)" ] ||
            { cat module.txt; fail 'the Lua module finds other plugins than the program'; }
    else
        echo 'skipped: lua5.4 is not there, so the installed module was not loaded'
    fi
    # the template, by a stranger
    rm -rf template
    mkdir template
    cp "$here/../../plugins/template/stage.c" "$here/../../plugins/template/Makefile" template
    (unset MAKEFLAGS MAKELEVEL
        cd template
        PKG_CONFIG_PATH=$2 make -s CFLAGS='-O2 -Wall -Wextra -Werror') || fail 'the template does not build'
    "$program" plugins --check template/mean_cosine.so >check.txt || { cat check.txt; fail 'plugins --check'; }
}

if [ $# -eq 3 ]; then
    check_tree "$1" "$2" "$3"
    exit
fi
: "${STEPWISE_BUILD:?}"
# the program that other tests run at this moment must not be linked again for another git id
make -s -C "$STEPWISE_BUILD" -o core/lua/git_id.c install-exec-am install-data-am \
    DESTDIR="$folder/stage" prefix=/opt/tree >log 2>&1 ||
    { cat log; fail 'make install'; }
check_tree "$folder/stage/opt/tree/bin" "$folder/stage/opt/tree/lib/pkgconfig" \
    "$folder/stage/opt/tree/lib/lua/5.4"
mv stage/opt/tree 'moved tree'
rm -rf stage
check_tree "$folder/moved tree/bin" "$folder/moved tree/lib/pkgconfig" "$folder/moved tree/lib/lua/5.4"
grep -q "$folder/moved tree/lib/stepwise/l2l.so" list.txt || { cat list.txt; fail 'plugins of another tree'; }

# through a link, as /usr/local/bin often has it
ln -s "$folder/moved tree/bin/stepwise" linked
./linked plugins | grep -q "$folder/moved tree/lib/stepwise/l2l.so" || fail 'a link to the program'

for file in man/man1/stepwise.1 bash-completion/completions/stepwise stepwise/experiments/table3.lua; do
    [ -s "moved tree/share/$file" ] || fail "share/$file was not installed"
done
