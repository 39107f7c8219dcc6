#!/bin/sh
# lua.sh -- stepwise lua: a file, -e, and the prompt, which is also stepwise alone on a terminal.
. "$(dirname "$0")/set_up.sh"
HOME=$folder
export HOME

# expect STATUS PATTERN WORD..: the program's exit status, and a line that it prints
expect() {
    expected=$1 pattern=$2
    shift 2
    status=0
    "$STEPWISE" "$@" >out.txt 2>&1 </dev/null || status=$?
    [ "$status" -eq "$expected" ] || { cat out.txt; fail "exit status $status of: $*"; }
    grep -qe "$pattern" out.txt || { cat out.txt; fail "no '$pattern' from: $*"; }
}

expect 0 '^42$' lua -e '6 * 7'
expect 0 '^{ a = 1, b = { true, "x" } }$' lua -e '{ b = { true, "x" }, a = 1 }'
expect 0 '^tensor (2,2)$' lua -e 'T.of { { 1, 2 }, { 3, 4 } }'
expect 0 '^l2l.lambda = ' lua -e 'help "l2l"'
expect 0 '^operation sigmoid ' lua -e 'help "sigmoid"'
expect 0 '^usage: stepwise train' lua -e 'help "train"'
expect 2 "did you mean 'sigmoid'" lua -e 'help "simgoid"'
expect 2 'unexpected symbol' lua -e 'x = = 1'
expect 1 'oh' lua -e 'error "oh"'
expect 1 'linear: shapes do not match' lua -e 'T.linear(T.zeros(2, 3), T.zeros(4, 5))'
expect 2 'not both' lua -e 1 some.lua
expect 1 'none.lua' lua none.lua
expect 2 'usage: stepwise' # no terminal: the help page
cat >script.lua <<'END'
local first = ...
assert(first == arg[1] and arg[0] == "script.lua")
print(first, #T.zeros(3))
END
expect 0 '^hello	3$' lua script.lua hello
echo 'error "oh"' >script.lua
expect 1 'script.lua:1: oh' lua script.lua

# The prompt. It is given what waits for it line by line, and Ctrl-C once the loop runs. A shell
# between script and the program would meet Ctrl-C too, and end with its own status.
command -v script >/dev/null || skip 'script is missing, which gives a terminal; on Debian: bsdutils'
wait_for() { # PATTERN
    for _ in $(seq 600); do
        grep -q "$1" typed.txt 2>/dev/null && return
        sleep 0.1
    done
    cat typed.txt >&2
    echo "no $1" >timeout.txt
}
{
    wait_for 'Ctrl-D ends'
    printf 'total = 40\ntotal + 2\nfor i = 1, 1 do\nprint("in" .. "side") end\nT.sigm\t\n'
    printf 'error "oh"\nprint("run" .. "ning") while true do end\n'
    wait_for running
    printf '\003'
    wait_for 'stepwise: interrupted'
    printf '"af" .. "ter"\n'
    wait_for after
    printf '\004'
} | TERM=xterm SHELL=/bin/sh timeout 120 script -qfec "exec '$STEPWISE'" typed.txt >/dev/null || { cat typed.txt; fail 'the prompt'; }
[ ! -e timeout.txt ] || fail "the prompt: $(cat timeout.txt)"
tr -d '\r' <typed.txt >lines.txt
for pattern in '42$' '^.*inside' 'stepwise: line:1: oh' 'stepwise: interrupted' 'after$'; do
    grep -q "$pattern" lines.txt || { cat lines.txt; fail "no '$pattern' at the prompt"; }
done
if [ -e .stepwise_history ]; then
    grep -q 'T.sigmoid' .stepwise_history || fail 'Tab did not complete T.sigm'
    grep -q 'total.*40' .stepwise_history || fail 'a line is missing in the history'
else
    echo 'skipped: neither Readline nor libedit is there for history and completion'
fi

# Without a library for editing, as with one that lacks a function, the prompt reads plain lines.
mkdir plain
echo 'int nothing;' >nothing.c
cc -shared -fPIC -o plain/libreadline.so.8 nothing.c || fail 'a library without functions'
cp plain/libreadline.so.8 plain/libedit.so.2
rm -f typed.txt timeout.txt .stepwise_history
{
    wait_for 'Ctrl-D ends'
    printf 'total = 40\ntotal + 2\n'
    wait_for 42
    printf '\004'
} | SHELL=/bin/sh timeout 120 script -qfec "exec env LD_LIBRARY_PATH=$folder/plain '$STEPWISE'" typed.txt >/dev/null ||
    { cat typed.txt; fail 'the prompt without a library for editing'; }
[ ! -e timeout.txt ] || fail "the plain prompt: $(cat timeout.txt)"
[ ! -e .stepwise_history ] || fail 'a history without a library for it'
