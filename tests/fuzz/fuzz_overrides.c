/* fuzz_overrides.c -- "key=value" by lines on one config; a refused one leaves it as it was. */
#include "fuzz_lua.h"

static const char reader[] =
    "local session = require('stepwise').session { threads = 1 }\n"
    "local core = require 'stepwise.core'\n"
    "return function(text)\n"
    "  local config = session:resolve()\n"
    "  for line in text:gmatch('[^\\n]+') do\n"
    "    local before = config:text()\n"
    "    local fine = pcall(config.override, config, line)\n"
    "    assert(fine or config:text() == before, 'stepwise/ a refused override changed it')\n"
    "  end\n"
    "  local again = session:resolve(core.json_decode(config:text()))\n"
    "  assert(again:text() == config:text(), 'stepwise/ resolves to another one')\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_lua(reader, (const char *)data, size);
    return 0;
}
