/* fuzz_plan.c -- plan.json of a sweep's folder. */
#include "fuzz_lua.h"

#include <string.h>

static const char *const names[] = {"plan.json"};

static const char reader[] = "local plan = require 'stepwise.sweep.plan'\n"
                             "return function(folder) plan.read(folder) end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *folder = fuzz_folder(data, size, names, 1);
    fuzz_lua(reader, folder, strlen(folder));
    return 0;
}
