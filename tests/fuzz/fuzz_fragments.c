/* fuzz_fragments.c -- a second set of fragments: its numbers, and how many of a row are real. */
#include "fuzz.h"

#include "data/fragment_file.h"

#include <stdlib.h>

static const char *const names[] = {"dev_set.npy", "dev_set_counts.npy"};

enum { IMAGES = 2, ROWS = 6 };

static void read_all(const struct sw_fragment_file *file)
{
    struct sw_error error = {0};
    size_t rows = file->file.shape[0];
    float *out = malloc((file->most * file->width + 1) * sizeof *out);
    fuzz_require(out != NULL, "out of memory");
    int is_sound = 1;
    for (size_t row = 0; row < rows; row++) {
        struct sw_error of_row = {0};
        fuzz_require(sw_fragment_file_count(file, row) <= file->most,
                     "more fragments than there are");
        is_sound &= fuzz_succeeded(sw_fragment_file_read(file, row, out, &of_row), &of_row);
        fuzz_touch(out, file->most * file->width * sizeof *out);
    }
    fuzz_require(fuzz_succeeded(sw_fragment_file_check(file, rows, &error), &error) == is_sound,
                 "the check does not find what reading finds");
    sw_fragment_file_fingerprint(file, 0);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_fragment_file file;
    struct sw_error error = {0};
    const char *folder = fuzz_folder(data, size, names, sizeof names / sizeof *names);
    if (fuzz_succeeded(
            sw_fragment_file_open(&file, folder, "dev", "set", ROWS, IMAGES, "image", &error),
            &error))
        read_all(&file);
    sw_fragment_file_close(&file);
    return 0;
}
