#!/bin/sh
# locale.sh -- the Lua module in a host with a decimal comma: the same description is the same config,
# hash and text, and no number is written with a comma.
. "$(dirname "$0")/set_up.sh"
command -v lua5.4 >/dev/null || skip 'lua5.4 is not there'
command -v localedef >/dev/null || skip 'localedef is not there'
localedef -i de_DE -f UTF-8 "$folder/de_DE.UTF-8" >log 2>&1 || [ -f "$folder/de_DE.UTF-8/LC_NUMERIC" ] ||
    skip 'localedef cannot make de_DE.UTF-8: the package locales is not there'
LOCPATH=$folder
export LOCPATH
unset LC_ALL
cat >host.lua <<'LUA'
local name, when = ...
local function set() assert(os.setlocale(name), "no locale " .. name) end
if when == "before" then set() end
local sw = require "stepwise"
if when == "after" then set() end
local session <close> = sw.session { threads = 1 }
if when == "session" then set() end
local config = session:resolve {
  model = { dim = 8, embedding = { plugin = "random", word_dim = 8 },
    stages = { { plugin = "l2l", mu = 0.25 } } },
}
config:override("lr=2.5e-4")
print(config:hash())
print(config:text(1))
print(sw.json_encode { 0.5, 1e-7, 3 })
print(sw.statistics and 0.5)
LUA
host() { # LOCALE WHEN
    ${STEPWISE_LUA_PRELOAD:-} "$(command -v lua5.4)" host.lua "$1" "$2"
}
host C before >expected.txt
grep -q '"lr": 0.00025' expected.txt || { cat expected.txt; echo 'FAILED: the config'; exit 1; }
for when in before after session; do
    host de_DE.UTF-8 "$when" >found.txt || { cat found.txt; echo "FAILED: setlocale $when"; exit 1; }
    cmp expected.txt found.txt || { diff expected.txt found.txt; echo "FAILED: setlocale $when"; exit 1; }
done
# the locale was one with a comma at all
[ "$(lua5.4 -e 'assert(os.setlocale "de_DE.UTF-8"); print(0.5)')" = '0,5' ] || fail 'no comma'
