/* similar_rows.h -- which rows of two arrays point the same way: regions of others' features among
 * those of a data set. Rows are compared by their cosine; all arrays are float32, row by row. */
#ifndef SW_DATA_SIMILAR_ROWS_H
#define SW_DATA_SIMILAR_ROWS_H

#include <stddef.h>

/* Scales each row of x (rows, columns) to length 1; a row of zeros stays. */
void sw_unit_rows(float *x, size_t rows, size_t columns);

/* Sums the columns of x (rows, columns) with signs into `width` sums, out (rows, width), each row
 * of length 1. The cosine of two sketches is that of their rows, give or take 1 / sqrt(width), and
 * for equal rows exactly. */
void sw_sketch_rows(const float *x, size_t rows, size_t columns, size_t width, float *out);

/* Of unit rows x (m, k) and y (n, k): out (m, n) the cosines. */
void sw_cosines(const float *x, size_t m, const float *y, size_t n, size_t k, float *out);

#endif
