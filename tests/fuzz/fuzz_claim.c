/* fuzz_claim.c -- a claim whose file holds anything: it can be looked at, and taken when free. */
#include "fuzz.h"

#include "train/claim.h"

#include <stdio.h>

static const char *const names[] = {"claim.1", "claim.2", "claim.3"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_error error = {0};
    struct sw_claim_state state;
    struct sw_claim *claim = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s/claim", fuzz_folder(data, size, names, 3));
    if (!fuzz_succeeded(sw_claim_look(&state, path, &error), &error))
        return 0;
    fuzz_require(state.generation >= 1 && state.generation <= 3, "a generation that is not there");
    if (fuzz_succeeded(sw_claim_take(&claim, path, NULL, NULL, &error), &error))
        fuzz_require((claim != NULL) == (state.kind != SW_CLAIM_HELD),
                     "taken while held, or left while free");
    sw_claim_release(claim, 1);
    return 0;
}
