/* dataset_side.c -- the files beside a data set that nothing is computed from: names of images and
 * boxes of regions. */
#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The path of the features file with another ending, to be freed; NULL where there is no such file.
 */
static char *path_beside(const struct sw_dataset *data, const char *ending)
{
    static const char features[] = "_ims.npy";
    char *path;
    int stem = (int)(strlen(data->path) - (sizeof features - 1));
    if (asprintf(&path, "%.*s%s", stem, data->path, ending) < 0)
        return NULL;
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static void open_boxes(struct sw_dataset *data)
{
    struct sw_npy *boxes = &data->boxes;
    char *path = path_beside(data, "_ims_bbx.npy");
    size_t rows = data->file.shape[0], images = rows / data->stride;
    if (path && sw_npy_open(boxes, path, &data->boxes_error) == SW_OK) {
        data->has_boxes = boxes->ndim == 3 &&
                          (boxes->shape[0] == rows || boxes->shape[0] == images) &&
                          boxes->shape[1] == data->regions && boxes->shape[2] == 4;
        if (!data->has_boxes)
            sw_fail(&data->boxes_error, SW_FAILED,
                    "%s: expected the shape (%zu,%zu,4), found %d dimensions: %zu, %zu, %zu", path,
                    rows, data->regions, boxes->ndim, boxes->shape[0], boxes->shape[1],
                    boxes->shape[2]);
    }
    free(path);
}

static void open_names(struct sw_dataset *data)
{
    struct sw_lines *names = &data->names;
    char *path = path_beside(data, "_ids.txt");
    size_t length, rows = data->file.shape[0], images = rows / data->stride;
    if (path && sw_lines_open(names, path, &data->names_error) == SW_OK) {
        while (names->count && sw_line(names, names->count - 1, &length) && !length)
            names->count--;
        data->has_names = names->count && (names->count == images || names->count == rows ||
                                           names->count == rows * data->div);
        if (!data->has_names)
            sw_fail(&data->names_error, SW_FAILED,
                    "%s: expected a name for each of %zu images or %zu captions, found %zu", path,
                    images, rows * data->div, names->count);
    }
    free(path);
}

void sw_dataset_open_side_files(struct sw_dataset *data)
{
    open_boxes(data);
    open_names(data);
}

int sw_dataset_boxes(const struct sw_dataset *data, size_t image, float *out,
                     struct sw_error *error)
{
    if (!data->has_boxes)
        return sw_fail(error, SW_MISUSE, "%s: there are no boxes beside it", data->path);
    size_t images = data->file.shape[0] / data->stride;
    if (image >= images ||
        sw_npy_floats(&data->boxes, image * (data->boxes.shape[0] / images), 1, out))
        return sw_fail(error, SW_MISUSE, "%s: boxes: expected an image below %zu, found %zu",
                       data->path, images, image);
    return SW_OK;
}

const char *sw_dataset_name(const struct sw_dataset *data, size_t image, size_t *length)
{
    if (!data->has_names)
        return NULL;
    size_t images = data->file.shape[0] / data->stride;
    return sw_line(&data->names, image * (data->names.count / images), length);
}
