/* fuzz_json.c -- JSON into Lua and back; and as a config, which resolves or says why not. */
#include "fuzz_lua.h"

static const char reader[] =
    "local core = require 'stepwise.core'\n"
    "local session = require('stepwise').session { threads = 1 }\n"
    "return function(text)\n"
    "  local value = core.json_decode(text)\n"
    "  local again = core.json_encode(value)\n"
    "  assert(core.json_encode(core.json_decode(again)) == again, 'stepwise/ JSON changes')\n"
    "  if type(value) == 'table' then session:resolve(value) end\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lua(reader, (const char *)data, size);
    return 0;
}
