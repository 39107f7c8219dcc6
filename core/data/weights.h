/* weights.h -- the tensors of a file that another program wrote, by name: .safetensors, NumPy's
 * .npz, and what torch.save writes, as a zip archive (PyTorch 1.6) or as it was before.
 *
 * What is nested (a dict of dicts, a list of state_dicts) has names with dots: "model.0.fc.weight".
 * Numbers are read when they are asked for. */
#ifndef SW_DATA_WEIGHTS_H
#define SW_DATA_WEIGHTS_H

#include "base/error.h"
#include "data/npy.h"

#include <stdbool.h>
#include <stddef.h>

enum { SW_WEIGHT_DIMS = 4 };

struct sw_weight {
    char *name;
    char dtype[32];     /* as the file calls it */
    enum sw_dtype type; /* 0: one that is not read */
    bool is_bfloat16;   /* with type 0 */
    int ndim;
    size_t shape[SW_WEIGHT_DIMS];
    size_t elements;
    /* where: in `bytes` from `data` or of the archive's member; behind `head` bytes and `offset`
     * elements, with these strides in elements */
    const void *data;
    size_t bytes;
    const struct sw_zip_entry *member;
    size_t head, offset, strides[SW_WEIGHT_DIMS];
};

struct sw_weights {
    size_t count;
    struct sw_weight *list; /* in the file's order */
    char *path;
    struct sw_weights_source *source; /* the file itself */
};

/* Opens and checks `path`, whose contents say what it is. On failure *out may be closed. Errors
 * name the file and what is wrong with it. */
int sw_weights_open(struct sw_weights *out, const char *path, struct sw_error *error);
void sw_weights_close(struct sw_weights *weights);

/* The numbers of one of them as float32 into out (elements), row-major; float16, bfloat16 and
 * float64 are converted. Errors name the file, the tensor, and what is no finite floating point
 * number. */
int sw_weights_floats(const struct sw_weights *weights, const struct sw_weight *weight, float *out,
                      struct sw_error *error);

#endif
