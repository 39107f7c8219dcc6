/* hdf5_file.h -- arrays in an HDF5 file, read a few rows at a time. libhdf5 is loaded when the
 * first file is opened; neither building nor running needs it otherwise. */
#ifndef SW_DATA_HDF5_FILE_H
#define SW_DATA_HDF5_FILE_H

#include "data/npy.h"

struct sw_hdf5 {
    struct sw_hdf5_library *library;
    int64_t file;
    char *path;
    uint64_t bytes; /* of the file */
    char **names;   /* what its root holds itself, in the order of bytes; no links to elsewhere */
    size_t count, room;
};

/* Opens a file read only. libhdf5 trusts its file, so a process of its own reads it first: all of
 * what is in chunks, the ends of what is in one piece. SW_FAILED when there is no libhdf5 (the
 * error names the package), and for a file that is damaged or cut. On failure *out may be closed.
 */
int sw_hdf5_open(struct sw_hdf5 *out, const char *path, struct sw_error *error);
void sw_hdf5_close(struct sw_hdf5 *file);

/* The array of this name: dtype (float32 of any floating-point numbers, int64 of any whole ones),
 * ndim and shape; ndim is -1 where there is none. One of other elements, of more than four
 * dimensions, or whose elements are in other files is an error. */
int sw_hdf5_find(struct sw_hdf5 *file, const char *name, struct sw_npy *out,
                 struct sw_error *error);

/* Rows first .. first + count - 1 of an array as sw_hdf5_find gave it, into out (count, row). */
int sw_hdf5_read(struct sw_hdf5 *file, const char *name, const struct sw_npy *array, size_t first,
                 size_t count, void *out, struct sw_error *error);

#endif
