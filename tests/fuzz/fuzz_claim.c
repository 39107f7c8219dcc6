/* fuzz_claim.c -- a claim whose file holds anything: it can be looked at, and taken when free. */
#include "fuzz.h"

#include "train/claim.h"

#include <stdio.h>

static const char *const names[] = {"claim"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_error error = {0};
    struct sw_claim_state state;
    struct sw_claim *claim = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s/claim", fuzz_folder(data, size, names, 1));
    if (!fuzz_succeeded(sw_claim_look(&state, path, &error), &error))
        return 0;
    if (fuzz_succeeded(sw_claim_take(&claim, path, 0, &state, &error), &error))
        fuzz_require((claim != NULL) == !(state.locked || state.elsewhere),
                     "taken while held, or left while free");
    sw_claim_release(claim);
    return 0;
}
