/* fuzz_checkpoint.c -- checkpoints: config, sizes and parameters of a model. */
#include "fuzz.h"

#include "train/checkpoint.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_matcher *matcher = NULL;
    struct sw_error error = {0};
    const char *path = fuzz_file(data, size);
    char *text = NULL;
    json_t *config = NULL;
    if (fuzz_succeeded(sw_checkpoint_config(path, &text, &error), &error))
        config = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (json_is_object(config)) {
        error = (struct sw_error){0};
        if (fuzz_succeeded(sw_checkpoint_load(&matcher, fuzz_session(), path, config, &error),
                           &error))
            fuzz_require(matcher != NULL, "no model");
        sw_matcher_free(matcher);
    }
    json_decref(config);
    return 0;
}
