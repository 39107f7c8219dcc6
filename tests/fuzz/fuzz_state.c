/* fuzz_state.c -- training states: what a resumed run starts from, its numbers and how far it is.
 *
 * The model is fixed: D = 2, features of 2 numbers, 5 words of 2, a stage l2l; the key is "key". A
 * file whose checksum alone is wrong is given the right one, so that what lies behind it is
 * reached. */
#include "fuzz_lua.h"

#include "train/session.h"
#include "train/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sw_matcher *matcher;
static float *first, *second;
static size_t trained;

static void free_model(void)
{
    sw_matcher_free(matcher);
    free(first);
    free(second);
}

static void make_model(void)
{
    static const char text[] = "{\"model\": {\"dim\": 2, \"direction\": \"both\","
                               " \"embedding\": {\"plugin\": \"random\", \"word_dim\": 2},"
                               " \"image\": [\"linear\", \"l2norm\"],"
                               " \"text\": [\"bigru\", \"l2norm\"],"
                               " \"stages\": [{\"plugin\": \"l2l\", \"score\": true}]}}";
    struct sw_matcher_inputs inputs = {.features = 2, .vocabulary = 5, .seed = 1};
    struct sw_error error = {0};
    float *values, *gradients;
    json_t *config = json_loads(text, 0, NULL);
    struct sw_session *session = fuzz_session(); /* its exit handler comes after this one's */
    fuzz_require(sw_matcher_new(&matcher, session, config, &inputs, &error) == SW_OK, error.text);
    json_decref(config);
    sw_model_trained(matcher->model, &values, &gradients, &trained);
    first = calloc(trained, sizeof *first);
    second = calloc(trained, sizeof *second);
    fuzz_require(first && second, "out of memory");
    atexit(free_model);
}

/* Whether the file was read; *progress is then to be freed. */
static int load(const char *path, char **progress, struct sw_error *error)
{
    *error = (struct sw_error){0};
    return fuzz_succeeded(sw_state_load(path, matcher->model, first, second, progress,
                                        (const char *[]){"key", NULL}, error),
                          error);
}

/* Whether *error is about the checksum; then the one that was found is put in its place. */
static int mend_checksum(uint8_t *bytes, size_t size, const struct sw_error *error)
{
    enum { DIGITS = 32 };
    static const char name[] = "\"checksum\":\"";
    const char *found =
        strstr(error->text, "it is damaged: ") ? strstr(error->text, ", found ") : 0;
    uint8_t *at = memmem(bytes, size, name, sizeof name - 1);
    if (!found || !at || (size_t)(bytes + size - at) < sizeof name - 1 + DIGITS)
        return 0;
    memcpy(at + sizeof name - 1, found + strlen(", found "), DIGITS);
    return 1;
}

/* A state that was read is one that can be written, and comes back as it was. */
static void write_again(const char *progress)
{
    static const char *const names[] = {"state.safetensors"};
    struct sw_error error = {0};
    char path[4200], *again;
    float *values, *gradients, *kept = malloc(trained * sizeof *kept);
    fuzz_require(kept != NULL, "out of memory");
    sw_model_trained(matcher->model, &values, &gradients, &trained);
    memcpy(kept, values, trained * sizeof *kept);
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(NULL, 0, names, 1), *names);
    fuzz_require(sw_state_save(path, matcher->model, first, second, progress, "key", &error) ==
                     SW_OK,
                 error.text);
    fuzz_require(load(path, &again, &error), error.text);
    fuzz_require(memcmp(kept, values, trained * sizeof *kept) == 0, "a parameter changed");
    fuzz_require(strcmp(again, progress) == 0, "the progress changed");
    free(again);
    free(kept);
}

/* How far the run is: what is read of it can be written. */
static const char reader[] =
    "local progress = require 'stepwise.run.progress'\n"
    "return function(text)\n"
    "  local found = progress.read(text, 'state.safetensors', 3)\n"
    "  assert(progress.read(progress.text(found, 3), 'again', 3).step == found.step)\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *progress;
    struct sw_error error;
    if (!matcher)
        make_model();
    int is_read = load(fuzz_file(data, size), &progress, &error);
    if (!is_read) {
        uint8_t *mended = malloc(size + 1);
        fuzz_require(mended != NULL, "out of memory");
        if (size)
            memcpy(mended, data, size);
        if (mend_checksum(mended, size, &error))
            is_read = load(fuzz_file(mended, size), &progress, &error);
        free(mended);
    }
    if (is_read) {
        write_again(progress);
        fuzz_lua(reader, progress, strlen(progress));
        free(progress);
    }
    return 0;
}
