/* rows.h -- work over the rows of a matrix, cut into chunks whose bounds depend on its shape only.
 */
#ifndef SW_TENSOR_ROWS_H
#define SW_TENSOR_ROWS_H

#include "tensor/threads/compute.h"

#include <stddef.h>

/* Calls work(data, from, to) until [0, rows) is covered, on all threads. `columns` is how many
 * numbers a row costs; a call takes as many rows as are worth a chunk. */
void sw_over_rows(struct sw_compute *compute, int rows, int columns,
                  void (*work)(const void *data, int from, int to), const void *data);

/* Each row of out (rows, columns), whose rows lie `step` apart, becomes a copy of `row` (columns).
 */
void sw_fill_rows(struct sw_compute *compute, int rows, int columns, const float *row, float *out,
                  size_t step);

/* sums (columns) += the rows of x (rows, columns), which lie `step` apart, added in their order. */
void sw_add_column_sums(struct sw_compute *compute, int rows, int columns, const float *x,
                        size_t step, float *sums);

#endif
