/* fuzz_checkpoint.c -- checkpoints: config, sizes and parameters of a model. */
#include "fuzz.h"

#include "run/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_matcher *matcher = NULL;
    json_t *config = NULL;
    struct sw_error error = {0};
    const char *path = fuzz_file(data, size);
    if (fuzz_succeeded(sw_checkpoint_load(&matcher, &config, fuzz_session(), path, &error), &error))
        fuzz_require(matcher && json_is_object(config), "no model or no config");
    json_decref(config);
    sw_matcher_free(matcher);
    return 0;
}
