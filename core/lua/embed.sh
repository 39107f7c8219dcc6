#!/bin/sh
# embed.sh SOURCE-FOLDER FILE.lua... -- prints the C source of sw_lua_modules (lua/binding/modules.h).
set -eu
LC_ALL=C
export LC_ALL
top=$1
shift
files=$(for file; do echo "$file"; done | sort)

echo '/* Generated from the Lua files of core/lua; do not edit. */'
echo '#include "lua/binding/modules.h"'
n=0
for file in $files; do
    printf '\n/* %s */\nstatic const unsigned char text_%d[] = {\n' "$file" "$n"
    od -An -v -tx1 "$top/$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '0x00};'
    n=$((n + 1))
done

printf '\nconst struct sw_lua_module sw_lua_modules[] = {\n'
n=0
for file in $files; do
    name=$(basename "$file" .lua)
    case $file in core/lua/*.lua) name=$(echo "${file%.lua}" | sed 's,^core/lua/,,; s,/,.,g') ;; esac
    printf '    {"%s", text_%d, sizeof text_%d - 1},\n' "$name" "$n" "$n"
    n=$((n + 1))
done
printf '    {NULL, NULL, 0},\n};\n'
