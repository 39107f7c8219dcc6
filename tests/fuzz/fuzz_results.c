/* fuzz_results.c -- what a sweep's folder holds: the plan, and of its run folder "row-seed0" the
 * result, the provenance, the ranks and the error; read and written up in every format. */
#include "fuzz_lua.h"

#include <string.h>

static const char *const names[] = {"plan.json", "row-seed0/result.json",
                                    "row-seed0/provenance.json", "row-seed0/ranks-test.npy",
                                    "logs/row-seed0.error"};

static const char reader[] =
    "local results = require 'stepwise.results.results'\n"
    "return function(folder)\n"
    "  local found = results.read(folder)\n"
    "  for _, format in ipairs(results.formats) do results.render(found, format) end\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *folder = fuzz_folder(data, size, names, sizeof names / sizeof *names);
    fuzz_lua(reader, folder, strlen(folder));
    return 0;
}
