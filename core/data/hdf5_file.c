/* hdf5_file.c -- see hdf5_file.h. What is declared of libhdf5 here has been the same in all of its
 * versions since 1.10. */
#include "data/hdf5_file.h"

#include "base/trial.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef int64_t hid;
typedef unsigned long long extent;

/* Of libhdf5's headers. */
enum { READ_ONLY = 0, DEFAULT = 0, SELECT_SET = 0, BY_NAME = 0, ANY_ORDER = 2, DEEPEST_FIRST = 0 };
enum { CLASS_INTEGER = 0, CLASS_FLOAT = 1 };
enum { LAYOUT_CHUNKED = 2, LAYOUT_VIRTUAL = 3 };
enum { LINK_HARD = 0 };

struct reason {
    hid class_id, major, minor;
    unsigned line;
    const char *function, *file, *text;
};

struct sw_hdf5_library {
    void *handle;
    char version[32];
    int (*open)(void);
    int (*version_of)(unsigned *, unsigned *, unsigned *);
    int (*report_by)(hid, void *, void *), (*clear)(hid);
    int (*walk)(hid, int, int (*)(unsigned, const struct reason *, void *), void *);
    hid (*file_open)(const char *, unsigned, hid);
    int (*file_close)(hid);
    int (*iterate)(hid, int, int, extent *, int (*)(hid, const char *, const int *, void *),
                   void *);
    hid (*set_open)(hid, const char *, hid), (*set_space)(hid), (*set_type)(hid), (*set_form)(hid);
    int (*set_close)(hid), (*space_close)(hid), (*type_close)(hid), (*form_close)(hid);
    int (*set_read)(hid, hid, hid, hid, hid, void *);
    int (*layout)(hid), (*externals)(hid), (*class)(hid), (*ndim)(hid);
    int (*dims)(hid, extent *, extent *);
    hid (*space_new)(int, const extent *, const extent *);
    int (*select)(hid, int, const extent *, const extent *, const extent *, const extent *);
    const hid *floats, *integers;
};

enum { SECONDS = 24 * 3600, BLOCK = 4 << 20, FIRST_ROOM = 64 };

/* Of the trial: what reading takes beyond what this process has. */
static const size_t MOST_MEMORY = (size_t)2 << 30;

/* The most that a compressed byte stands for: deflate's limit. */
static const uint64_t MOST_PER_BYTE = 1032;

/* ---- the library ----------------------------------------------------------------------------- */

static void *load(void)
{
    static const char *const names[] = {
        "libhdf5_serial.so.103", "libhdf5_serial.so.310", "libhdf5.so.103", "libhdf5.so.200",
        "libhdf5.so.310",        "libhdf5_serial.so",     "libhdf5.so",
    };
    void *handle = NULL;
    /* it registers functions for the end of the process, so it stays */
    for (size_t i = 0; i < sizeof names / sizeof *names && !handle; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    return handle;
}

/* False when a function is missing. */
static bool find_all(struct sw_hdf5_library *h)
{
    const struct {
        const char *symbol, *other; /* one of the two */
        void *at;
    } wanted[] = {
        {"H5open", NULL, &h->open},
        {"H5get_libversion", NULL, &h->version_of},
        {"H5Eset_auto2", NULL, &h->report_by},
        {"H5Eclear2", NULL, &h->clear},
        {"H5Ewalk2", NULL, &h->walk},
        {"H5Fopen", NULL, &h->file_open},
        {"H5Fclose", NULL, &h->file_close},
        {"H5Literate2", "H5Literate", &h->iterate},
        {"H5Dopen2", NULL, &h->set_open},
        {"H5Dget_space", NULL, &h->set_space},
        {"H5Dget_type", NULL, &h->set_type},
        {"H5Dget_create_plist", NULL, &h->set_form},
        {"H5Dclose", NULL, &h->set_close},
        {"H5Sclose", NULL, &h->space_close},
        {"H5Tclose", NULL, &h->type_close},
        {"H5Pclose", NULL, &h->form_close},
        {"H5Dread", NULL, &h->set_read},
        {"H5Pget_layout", NULL, &h->layout},
        {"H5Pget_external_count", NULL, &h->externals},
        {"H5Tget_class", NULL, &h->class},
        {"H5Sget_simple_extent_ndims", NULL, &h->ndim},
        {"H5Sget_simple_extent_dims", NULL, &h->dims},
        {"H5Screate_simple", NULL, &h->space_new},
        {"H5Sselect_hyperslab", NULL, &h->select},
        {"H5T_NATIVE_FLOAT_g", NULL, &h->floats},
        {"H5T_NATIVE_INT64_g", NULL, &h->integers},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *symbol = dlsym(h->handle, wanted[i].symbol);
        if (!symbol && wanted[i].other)
            symbol = dlsym(h->handle, wanted[i].other);
        memcpy(wanted[i].at, &symbol, sizeof symbol);
        if (!symbol)
            return false;
    }
    return true;
}

static int use_library(struct sw_hdf5 *file, struct sw_error *error)
{
    struct sw_hdf5_library *h = file->library = calloc(1, sizeof *h);
    unsigned major = 0, minor = 0, release = 0;
    if (!h)
        return sw_fail(error, SW_FAILED, "%s: out of memory", file->path);
    if (!(h->handle = load()))
        return sw_fail(error, SW_FAILED,
                       "%s: HDF5 is read by libhdf5, which is not installed; on Debian install "
                       "libhdf5-103-1 (12) or libhdf5-310 (13)",
                       file->path);
    if (!find_all(h) || h->open() < 0 || h->version_of(&major, &minor, &release) < 0 ||
        major * 100 + minor < 110)
        return sw_fail(error, SW_FAILED, "%s: expected libhdf5 1.10 or later, found another one",
                       file->path);
    h->report_by(DEFAULT, NULL, NULL); /* nothing to standard error */
    return SW_OK;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static int first_reason(unsigned depth, const struct reason *reason, void *data)
{
    if (depth == 0)
        *(const char **)data = reason->text;
    return 0;
}

/* Of a call that failed just now; name: of an array, or NULL. */
static int failed(const struct sw_hdf5 *file, struct sw_error *error, const char *name)
{
    const char *why = NULL;
    file->library->walk(DEFAULT, DEEPEST_FIRST, first_reason, &why);
    sw_fail(error, SW_FAILED, "%s%s%s: libhdf5 cannot read it: %s", file->path, name ? ": " : "",
            name ? name : "", why ? why : "it does not say why");
    file->library->clear(DEFAULT);
    return SW_FAILED;
}

/* ---- what it holds --------------------------------------------------------------------------- */

static int add_name(hid group, const char *name, const int *type, void *data)
{
    struct sw_hdf5 *file = data;
    (void)group;
    if (*type != LINK_HARD)
        return 0;
    if (file->count == file->room) {
        size_t room = file->room ? 2 * file->room : FIRST_ROOM;
        char **names = realloc(file->names, room * sizeof *names);
        if (!names)
            return -1;
        file->names = names;
        file->room = room;
    }
    if (!(file->names[file->count] = strdup(name)))
        return -1;
    file->count++;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int begin(struct sw_hdf5 *file, struct sw_error *error)
{
    const struct sw_hdf5_library *h = file->library;
    file->file = h->file_open(file->path, READ_ONLY, DEFAULT);
    if (file->file < 0)
        return failed(file, error, NULL);
    if (h->iterate(file->file, BY_NAME, ANY_ORDER, NULL, add_name, file) < 0)
        return failed(file, error, NULL);
    if (file->count)
        qsort(file->names, file->count, sizeof *file->names, by_bytes);
    return SW_OK;
}

static void end(struct sw_hdf5 *file)
{
    if (file->file >= 0)
        file->library->file_close(file->file);
    for (size_t i = 0; i < file->count; i++)
        free(file->names[i]);
    free(file->names);
    file->names = NULL;
    file->file = -1;
    file->count = file->room = 0;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static int check_size(const struct sw_hdf5 *file, const char *name, const struct sw_npy *array,
                      struct sw_error *error)
{
    size_t bytes;
    if (!sw_npy_bytes(array, &bytes) || bytes / MOST_PER_BYTE > file->bytes)
        return sw_fail(error, SW_FAILED,
                       "%s: %s: expected numbers for its shape, which a file of %llu bytes cannot "
                       "hold",
                       file->path, name, (unsigned long long)file->bytes);
    return SW_OK;
}

/* Dtype and shape of an open array; *layout is how it is laid out. */
static int describe(const struct sw_hdf5 *file, hid set, const char *name, struct sw_npy *out,
                    int *layout, struct sw_error *error)
{
    const struct sw_hdf5_library *h = file->library;
    hid space = h->set_space(set), type = h->set_type(set), form = h->set_form(set);
    extent dims[SW_NPY_DIMS];
    int status = SW_OK, class = -1, externals = 0;
    *out = (struct sw_npy){.ndim = -1, .shape = {1, 1, 1, 1}};
    *layout = -1;
    if (space < 0 || type < 0 || form < 0 || (class = h->class(type)) < 0 ||
        (out->ndim = h->ndim(space)) < 0 || (*layout = h->layout(form)) < 0 ||
        (externals = h->externals(form)) < 0)
        status = failed(file, error, name);
    else if (*layout == LAYOUT_VIRTUAL || externals)
        status = sw_fail(error, SW_FAILED,
                         "%s: %s: its numbers are in another file; expected them in this one",
                         file->path, name);
    else if (class != CLASS_FLOAT && class != CLASS_INTEGER)
        status = sw_fail(error, SW_FAILED, "%s: %s: expected numbers, found other elements",
                         file->path, name);
    else if (out->ndim > SW_NPY_DIMS)
        status = sw_fail(error, SW_FAILED, "%s: %s: expected at most %d dimensions, found %d",
                         file->path, name, SW_NPY_DIMS, out->ndim);
    else if (h->dims(space, dims, NULL) < 0)
        status = failed(file, error, name);
    out->dtype = class == CLASS_FLOAT ? SW_FLOAT32 : SW_INT64;
    for (int d = 0; !status && d < out->ndim; d++)
        out->shape[d] = (size_t)dims[d];
    if (space >= 0)
        h->space_close(space);
    if (type >= 0)
        h->type_close(type);
    if (form >= 0)
        h->form_close(form);
    return status ? status : check_size(file, name, out, error);
}

static int read_rows(const struct sw_hdf5 *file, hid set, const char *name,
                     const struct sw_npy *array, size_t first, size_t count, void *out,
                     struct sw_error *error)
{
    const struct sw_hdf5_library *h = file->library;
    extent from[SW_NPY_DIMS] = {first}, size[SW_NPY_DIMS];
    hid space = h->set_space(set), memory = -1;
    if (array->ndim < 1 || first > array->shape[0] || count > array->shape[0] - first)
        return sw_fail(error, SW_MISUSE, "%s: %s: no rows %zu to %zu", file->path, name, first,
                       first + count);
    for (int d = 0; d < array->ndim; d++)
        size[d] = d ? array->shape[d] : count;
    int status = SW_OK;
    if (space < 0 || (memory = h->space_new(array->ndim, size, NULL)) < 0 ||
        h->select(space, SELECT_SET, from, NULL, size, NULL) < 0 ||
        h->set_read(set, array->dtype == SW_FLOAT32 ? *h->floats : *h->integers, memory, space,
                    DEFAULT, out) < 0)
        status = failed(file, error, name);
    if (memory >= 0)
        h->space_close(memory);
    if (space >= 0)
        h->space_close(space);
    return status;
}

/* ---- before it is trusted -------------------------------------------------------------------- */

/* Reads all rows of an array in chunks, whose index may be damaged anywhere; of another one, where
 * one place in the file follows from the other, the first and the last. */
static int try_array(const struct sw_hdf5 *file, hid set, const char *name, struct sw_error *error)
{
    struct sw_npy array;
    int layout, status = describe(file, set, name, &array, &layout, error);
    if (status || array.ndim < 1 || array.shape[0] == 0)
        return SW_OK; /* what is none that is read is found out when it is asked for */
    size_t row = sw_npy_row(&array) * sw_dtype_size(array.dtype);
    size_t block = row < BLOCK ? BLOCK / (row ? row : 1) : 1;
    if (layout != LAYOUT_CHUNKED)
        block = 1;
    void *out = malloc(block * row + 1);
    if (!out)
        return sw_fail(error, SW_FAILED, "%s: %s: out of memory for a row of %zu bytes", file->path,
                       name, row);
    size_t step = layout == LAYOUT_CHUNKED ? block : array.shape[0] > 1 ? array.shape[0] - 1 : 1;
    for (size_t i = 0; !status && i < array.shape[0]; i += step) {
        size_t count = array.shape[0] - i < block ? array.shape[0] - i : block;
        status = read_rows(file, set, name, &array, i, count, out, error);
    }
    free(out);
    return status;
}

static void try_all(void *data, volatile int *step, struct sw_error *error)
{
    struct sw_hdf5 *file = data;
    const struct sw_hdf5_library *h = file->library;
    int status = begin(file, error);
    for (size_t i = 0; !status && i < file->count; i++, ++*step) {
        hid set = h->set_open(file->file, file->names[i], DEFAULT);
        if (set < 0)
            continue; /* a group, or what sw_hdf5_find reports */
        status = try_array(file, set, file->names[i], error);
        h->set_close(set);
    }
    end(file);
}

/* ---- the interface --------------------------------------------------------------------------- */

int sw_hdf5_open(struct sw_hdf5 *out, const char *path, struct sw_error *error)
{
    struct stat about;
    *out = (struct sw_hdf5){.path = strdup(path), .file = -1};
    if (!out->path)
        return sw_fail(error, SW_FAILED, "out of memory for the name of %s", path);
    if (stat(path, &about) != 0)
        return sw_fail(error, SW_FAILED, "cannot open %s: %s", path, strerror(errno));
    out->bytes = (uint64_t)about.st_size;
    int status = use_library(out, error);
    if (status)
        return status;
    struct sw_trial trial = {
        .work = try_all, .data = out, .seconds = SECONDS, .bytes = MOST_MEMORY};
    struct sw_error found = {0};
    enum sw_trial_end how = sw_trial(&trial, &found);
    if (how == SW_TRIAL_DONE && found.status)
        return sw_fail(error, found.status, "%s", found.text);
    if (how != SW_TRIAL_DONE && how != SW_TRIAL_NONE)
        return sw_fail(error, SW_FAILED, "%s: damaged: libhdf5 fails after %d of its arrays", path,
                       trial.step);
    return begin(out, error);
}

void sw_hdf5_close(struct sw_hdf5 *file)
{
    end(file);
    free(file->library);
    free(file->path);
    *file = (struct sw_hdf5){.file = -1};
}

int sw_hdf5_find(struct sw_hdf5 *file, const char *name, struct sw_npy *out, struct sw_error *error)
{
    const struct sw_hdf5_library *h = file->library;
    int layout;
    *out = (struct sw_npy){.ndim = -1};
    if (!file->count || !bsearch(&name, file->names, file->count, sizeof *file->names, by_bytes))
        return SW_OK;
    hid set = h->set_open(file->file, name, DEFAULT);
    if (set < 0)
        return failed(file, error, name);
    int status = describe(file, set, name, out, &layout, error);
    h->set_close(set);
    return status;
}

int sw_hdf5_read(struct sw_hdf5 *file, const char *name, const struct sw_npy *array, size_t first,
                 size_t count, void *out, struct sw_error *error)
{
    hid set = file->library->set_open(file->file, name, DEFAULT);
    if (set < 0)
        return failed(file, error, name);
    int status = read_rows(file, set, name, array, first, count, out, error);
    file->library->set_close(set);
    return status;
}
