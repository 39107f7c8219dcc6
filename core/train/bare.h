/* bare.h -- a list of matrix products by themselves, as calls of cblas_sgemm: what the floor under
 * a step is measured with. */
#ifndef SW_TRAIN_BARE_H
#define SW_TRAIN_BARE_H

#include "match/products.h"

struct sw_bare;

/* Room for any product of the list, which outlives it. */
int sw_bare_new(struct sw_bare **out, struct sw_compute *compute, const struct sw_products *list,
                struct sw_error *error);
void sw_bare_free(struct sw_bare *bare); /* NULL is fine */

/* Seconds of the products [first, last) of the list. blas: one call after the other on OpenBLAS's
 * own threads, which look for more work for some tens of milliseconds after it; else cut over the
 * threads of the sw_compute, those of one turn side by side. Leaves OpenBLAS at one thread. */
double sw_bare_run(struct sw_bare *bare, int first, int last, int blas);

#endif
