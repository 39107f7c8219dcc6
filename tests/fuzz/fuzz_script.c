/* fuzz_script.c -- experiment scripts: run, and what they return described. The hook that ends a
 * script which runs too long comes 1000 times as often here, so that a loop costs no seconds. */
#include "fuzz_lua.h"

#include <string.h>

static const char reader[] =
    "print = function() end\n"
    "local sethook = debug.sethook\n"
    "debug.sethook = function(hook, mask, count)\n"
    "  sethook(hook, mask, count and count // 1000)\n"
    "end\n"
    "local describe = require 'stepwise.config.describe'\n"
    "local script = require 'stepwise.config.script'\n"
    "return function(path)\n"
    "  local fine, value = pcall(script.run, path)\n"
    "  if not fine and type(value) ~= 'string' and not getmetatable(value) then\n"
    "    return -- what the script itself raised: error(nil), error {}\n"
    "  end\n"
    "  if not fine then error(value, 0) end\n"
    "  if describe.is_experiment(value) then describe.config_of(value) end\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    fuzz_lua(reader, path, strlen(path));
    return 0;
}
