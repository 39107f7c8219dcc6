/* pickle_impl.h -- between the machine of a pickle (pickle.c), its texts and numbers
 * (pickle_scalars.c) and what its names stand for (pickle_objects.c). For these only. */
#ifndef SW_DATA_PICKLE_IMPL_H
#define SW_DATA_PICKLE_IMPL_H

#include "data/pickle.h"

/* What a name that a pickle may use stands for. */
enum sw_pickle_global {
    SW_GLOBAL_ARRAY = 1,   /* numpy.ndarray, only as an argument */
    SW_GLOBAL_RECONSTRUCT, /* an empty array, which a state fills */
    SW_GLOBAL_FROMBUFFER,  /* (bytes, dtype, shape, order) */
    SW_GLOBAL_SCALAR,      /* (dtype, bytes) */
    SW_GLOBAL_DTYPE,       /* (name, align, copy), and a state with the byte order */
    SW_GLOBAL_ENCODE,      /* (text, "latin1") */
    SW_GLOBAL_DICT,        /* with or without pairs: OrderedDict, defaultdict */
    SW_GLOBAL_OBJECT,      /* (): a dict of its attributes: Namespace */
    SW_GLOBAL_LIST,        /* (items): list, set, frozenset, torch.Size */
    SW_GLOBAL_BYTES,       /* (bytes): bytearray */
    SW_GLOBAL_TENSOR,      /* (storage, offset, shape, strides, ..) */
    SW_GLOBAL_PARAMETER,   /* (tensor, ..) */
    SW_GLOBAL_STORAGE,     /* torch.FloatStorage: the kind of a storage */
};

struct sw_pickle_reader {
    const unsigned char *bytes, *at, *end;
    struct sw_pickle_value **stack, **memo;
    size_t depth, stack_room, memo_count;
    struct sw_pickle *out;
    size_t memoized; /* notes that were numbered here */
    struct sw_error *error;
};

struct sw_pickle_value *sw_pickle_new(struct sw_pickle_reader *r, enum sw_pickle_kind kind);

/* Memory that goes with the pickle; NULL after an error. */
void *sw_pickle_room(struct sw_pickle_reader *r, size_t bytes);
int sw_pickle_append(struct sw_pickle_reader *r, struct sw_pickle_value *list,
                     struct sw_pickle_value *item);
int sw_pickle_fail(struct sw_pickle_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Onto the stack; NULL is the value of a failure. */
int sw_pickle_push(struct sw_pickle_reader *r, struct sw_pickle_value *value);

/* The next `count` bytes; NULL after an error. */
const unsigned char *sw_pickle_take(struct sw_pickle_reader *r, uint64_t count);

/* A number of `bytes` bytes, little-endian; false after an error. */
bool sw_pickle_number(struct sw_pickle_reader *r, int bytes, uint64_t *out);

/* The text up to the end of the line, not ended by a NUL; NULL after an error. */
const char *sw_pickle_line(struct sw_pickle_reader *r, size_t *length);

/* Each reads the argument of an opcode, or has it, and pushes the value. */
int sw_pickle_integer(struct sw_pickle_reader *r, enum sw_pickle_kind kind, int64_t integer);
int sw_pickle_counted(struct sw_pickle_reader *r, enum sw_pickle_kind kind, int bytes);
int sw_pickle_long(struct sw_pickle_reader *r, uint64_t length);
int sw_pickle_decimal(struct sw_pickle_reader *r, bool real);
int sw_pickle_quoted(struct sw_pickle_reader *r);
int sw_pickle_escaped(struct sw_pickle_reader *r);
int sw_pickle_double(struct sw_pickle_reader *r);

/* The value for module.name, or an error that refuses it. */
struct sw_pickle_value *sw_pickle_global(struct sw_pickle_reader *r, const char *module,
                                         size_t module_length, const char *name, size_t length);

/* What `what` gives for the tuple `arguments`; NULL after an error. */
struct sw_pickle_value *sw_pickle_reduce(struct sw_pickle_reader *r, struct sw_pickle_value *what,
                                         struct sw_pickle_value *arguments);

/* Gives `value` the state that a pickle brings for it. */
int sw_pickle_build(struct sw_pickle_reader *r, struct sw_pickle_value *value,
                    struct sw_pickle_value *state);

/* The storage that a persistent id names. */
struct sw_pickle_value *sw_pickle_storage(struct sw_pickle_reader *r, struct sw_pickle_value *id);

#endif
