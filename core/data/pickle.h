/* pickle.h -- Python's pickles, as far as they hold data: plain containers, NumPy's arrays, and
 * where PyTorch's tensors lie.
 *
 * Nothing is ever called and nothing is imported. A pickle names functions and classes; the few
 * that are known stand for a value that is made here, and any other is refused by its name.
 * Protocols 0 to 5 are read. Memory is bounded by a multiple of the bytes that are read, and what
 * is given back can be walked: it is at most SW_PICKLE_DEPTH deep, and holds itself nowhere. */
#ifndef SW_DATA_PICKLE_H
#define SW_DATA_PICKLE_H

#include "base/error.h"
#include "data/npy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SW_PICKLE_DEPTH = 64, SW_PICKLE_DIMS = 8 };

enum sw_pickle_kind {
    SW_PICKLE_NONE,
    SW_PICKLE_BOOL,   /* integer: 0 or 1 */
    SW_PICKLE_INT,    /* integer; one that does not fit is a float */
    SW_PICKLE_FLOAT,  /* real */
    SW_PICKLE_TEXT,   /* bytes, length: UTF-8 from Python 3, any bytes from Python 2 */
    SW_PICKLE_BYTES,  /* bytes, length */
    SW_PICKLE_LIST,   /* items: of a list or set */
    SW_PICKLE_TUPLE,  /* items */
    SW_PICKLE_DICT,   /* items: a key and its value, and so on; a key may come again */
    SW_PICKLE_ARRAY,  /* of NumPy */
    SW_PICKLE_TENSOR, /* of PyTorch */
    /* never given back */
    SW_PICKLE_GLOBAL,
    SW_PICKLE_DTYPE,
    SW_PICKLE_STORAGE,
    SW_PICKLE_MARK,
};

/* Numbers of NumPy or PyTorch. */
struct sw_pickle_array {
    enum sw_dtype dtype; /* 0: one that sw_dtype has not, named by descr */
    char descr[32];      /* "<f4", "|O", "<U12", "BFloat16Storage" */
    int ndim;
    size_t shape[SW_PICKLE_DIMS];
    const void *data; /* ARRAY: its elements in C order, perhaps not aligned; NULL: objects, which
                         are the value's items */
    size_t bytes;     /* of data */
    /* TENSOR: in elements, all of them within the storage */
    size_t strides[SW_PICKLE_DIMS], offset, elements;
    const struct sw_pickle_value *storage; /* TEXT: its key; "0" is the member data/0 */
};

struct sw_pickle_value {
    enum sw_pickle_kind kind;
    uint8_t visit, depth; /* of the check for circles */
    bool is_object;       /* a dict that stands for an object with these attributes */
    union {
        int64_t integer;
        double real;
        struct {
            const char *bytes; /* not ended by a NUL */
            size_t length;
        };
        struct {
            struct sw_pickle_value **items;
            size_t count, room;
        };
    };
    struct sw_pickle_array *array;
};

struct sw_pickle {
    struct sw_pickle_value *value;
    size_t used; /* bytes that the pickle has; others may follow */
    void *blocks;
};

/* Reads the pickle at the begin of bytes[0..size), which must stay until it is closed. On failure
 * *out may be closed. Errors name the byte: what is refused, an opcode that is damaged, the end
 * before its end. `name` goes into messages. */
int sw_pickle_read(struct sw_pickle *out, const void *bytes, size_t size, const char *name,
                   struct sw_error *error);
void sw_pickle_close(struct sw_pickle *pickle);

/* The value of a key that is text, the last one when it comes again; NULL when there is none or the
 * value is no dict. */
const struct sw_pickle_value *sw_pickle_find(const struct sw_pickle_value *dict, const char *key);

#endif
