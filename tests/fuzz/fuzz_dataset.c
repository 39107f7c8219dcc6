/* fuzz_dataset.c -- a split: features, captions, names, boxes, region counts and word ids, in this
 * order, as files of one folder. */
#include "fuzz.h"

#include "data/dataset.h"

#include <stdlib.h>

static const char *const names[] = {"dev_ims.npy",     "dev_caps.txt",       "dev_ids.txt",
                                    "dev_ims_bbx.npy", "dev_ims_counts.npy", "dev_precaps.txt"};

static void read_all(const struct sw_dataset *data)
{
    size_t length, most = data->regions * (data->features > 4 ? data->features : 4);
    float *out = malloc(most * sizeof *out);
    fuzz_require(out != NULL, "out of memory");
    for (size_t i = 0; i < data->images; i++) {
        struct sw_error error = {0};
        size_t row = sw_dataset_image_row(data, i);
        const char *name = sw_dataset_name(data, i, &length);
        fuzz_touch(name, name ? length : 0);
        fuzz_succeeded(sw_dataset_regions(data, row, out, &error), &error);
        if (data->has_boxes)
            fuzz_succeeded(sw_dataset_boxes(data, row, out, &error), &error);
    }
    for (size_t j = 0; j < data->captions; j++) {
        const char *text = sw_dataset_caption(data, j, &length);
        fuzz_touch(text, text ? length : 0);
        fuzz_require(sw_dataset_image(data, j) < data->images, "a caption of no image");
    }
    sw_dataset_fingerprint(data);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_dataset_options options = {.precaps = true};
    struct sw_dataset dataset = {0};
    struct sw_error error = {0};
    const char *folder = fuzz_folder(data, size, names, sizeof names / sizeof *names);
    if (fuzz_succeeded(sw_dataset_open(folder, "dev", NULL, &options, &dataset, &error), &error))
        read_all(&dataset);
    sw_dataset_close(&dataset);
    return 0;
}
