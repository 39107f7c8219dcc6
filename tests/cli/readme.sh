#!/bin/sh
# readme.sh -- every command and code block of the README is run. A folder is laid out as the README
# speaks of it; ./stepwise there is the real program, told to keep training short.
. "$(dirname "$0")/set_up.sh"
: "${STEPWISE_BUILD:?}"

cp -r "$STEPWISE_SOURCE/experiments" .
ln -s "$STEPWISE_BUILD/.libs" .libs
unset LUA_CPATH
mkdir data
cat >stepwise <<END
#!/bin/sh
case \$1 in
train | ablate) set -- "\$@" dim=16 epochs=1 batch=16 train_images=32 dev_images=16 test_images=16 ;;
esac
exec "$STEPWISE" "\$@"
END
# bootstrap's own job, word for word; setting up is what came before this test.
{
    printf '#!/bin/sh\nset -eu\nphase() { shift; "$@"; }\n'
    sed -n '/^table3() {/,/^}/p' "$STEPWISE_SOURCE/bootstrap"
    printf 'case $1 in table3) table3 ;; check) grep -q "make .*check" "%s" ;; *) exit 2 ;; esac\n' \
        "$STEPWISE_SOURCE/bootstrap"
} >bootstrap
chmod +x stepwise bootstrap
# A stock Lua has to load the sanitizer before a module that was built with it.
if [ -n "${STEPWISE_LUA_PRELOAD:-}" ] && command -v lua5.4 >/dev/null; then
    mkdir preloaded
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$STEPWISE_LUA_PRELOAD" "$(command -v lua5.4)" \
        >preloaded/lua5.4
    chmod +x preloaded/lua5.4
    PATH=$(pwd)/preloaded:$PATH
fi
"$STEPWISE" scenes data/f30k_precomp --train 40 --dev 16 --test 16 >/dev/null
cp data/f30k_precomp/scenes.glove.txt data/glove.txt
mkdir data/images
cp "$STEPWISE_SOURCE/tests/cli/dot.png" "data/images/$(sed -n 1p data/f30k_precomp/test_ids.txt).png"

awk '/^```/ { inside = !inside; lua = ($0 == "```lua"); next } inside && !lua' \
    "$STEPWISE_SOURCE/README.md" >commands
awk '/^```/ { inside = !inside; lua = ($0 == "```lua"); next } inside && lua' \
    "$STEPWISE_SOURCE/README.md" >block.lua
[ "$(wc -l <commands)" -ge 10 ] || fail 'the README has lost its commands'
[ -s block.lua ] || fail 'the README has lost its script'

count=0
while IFS= read -r line; do
    [ -n "$line" ] || continue
    case $line in
    *lua5.4\ *) command -v lua5.4 >/dev/null || { echo "skipped: lua5.4 is not there for: $line"; continue; } ;;
    esac
    sh -c "$line" >out.txt 2>&1 </dev/null || { cat out.txt; fail "$line"; }
    [ -s out.txt ] || case $line in
    ./bootstrap\ check*) ;;
    *) fail "nothing was printed by: $line" ;;
    esac
    count=$((count + 1))
done <commands
cmp block.lua experiments/own_stage.lua || fail "the README's script is not experiments/own_stage.lua"
./stepwise ablate experiments/own_stage.lua --data data/f30k_precomp --glove data/glove.txt --seeds 0-2 --out runs/own >out.txt 2>&1 ||
    { cat out.txt; fail 'the script block'; }
grep -q '^| best region .*|   3 |$' out.txt || { cat out.txt; fail 'no row of three seeds for the stage of the README'; }

# What the README names must be there, its picture included.
for name in $(grep -o '](\([a-z][^)]*\))' "$STEPWISE_SOURCE/README.md" | tr -d '])('); do
    [ -e "$STEPWISE_SOURCE/$name" ] || fail "the README names $name, which is not there"
done
for command in $(./stepwise help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    ./stepwise "$command" --help >/dev/null || fail "$command --help"
done
echo "$count commands of the README ran"
