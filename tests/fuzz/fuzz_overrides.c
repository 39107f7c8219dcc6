/* fuzz_overrides.c -- "key=value" by lines on one config; a refused one leaves it as it was. */
#include "fuzz.h"

#include "run/config.h"
#include "run/session.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_error error = {0};
    const struct sw_plugins *plugins = fuzz_session()->plugins;
    json_t *config = sw_config_resolve(plugins, NULL, &error);
    char *text = strndup((const char *)data, data ? size : 0), *save = NULL;
    fuzz_require(config && text, "out of memory");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct sw_error one = {0};
        json_t *before = json_deep_copy(config);
        if (!fuzz_succeeded(sw_config_override(plugins, config, line, &one), &one))
            fuzz_require(json_equal(before, config), "a refused override changed the config");
        json_decref(before);
    }
    json_t *again = sw_config_resolve(plugins, config, &error);
    fuzz_require(again && json_equal(again, config), "a resolved config resolves to another one");
    json_decref(again);
    json_decref(config);
    free(text);
    return 0;
}
