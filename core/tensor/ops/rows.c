/* rows.c -- work over the rows of a matrix. */
#include "tensor/ops/rows.h"
#include "tensor/kernels/kernels.h"

#include <string.h>

/* Numbers in a chunk: some microseconds of simple work. */
enum { CHUNK = 32768 };

struct cut {
    void (*work)(const void *data, int from, int to);
    const void *data;
    int rows, step;
};

static void run_cut(void *data, int chunk, int worker)
{
    (void)worker;
    const struct cut *cut = data;
    int from = chunk * cut->step;
    int left = cut->rows - from;
    cut->work(cut->data, from, from + (left < cut->step ? left : cut->step));
}

void sw_over_rows(struct sw_compute *compute, int rows, int columns,
                  void (*work)(const void *data, int from, int to), const void *data)
{
    if (rows <= 0)
        return;
    int step = columns > CHUNK / 2 ? 1 : CHUNK / (columns > 0 ? columns : 1);
    struct cut cut = {work, data, rows, step};
    sw_parallel(compute, (rows - 1) / step + 1, run_cut, &cut);
}

struct fill {
    const float *row;
    float *out;
    size_t step;
    int columns;
};

static void fill_some(const void *data, int from, int to)
{
    const struct fill *f = data;
    for (int i = from; i < to; i++)
        memcpy(f->out + (size_t)i * f->step, f->row, (size_t)f->columns * sizeof(float));
}

void sw_fill_rows(struct sw_compute *compute, int rows, int columns, const float *row, float *out,
                  size_t step)
{
    struct fill fill = {row, out, step, columns};
    sw_over_rows(compute, rows, columns, fill_some, &fill);
}

/* Columns a chunk adds up, and rows it adds before they go to the whole: sums of sums lose fewer
 * bits than one long sum. */
enum { SUM_COLUMNS = 128, SUM_ROWS = 64 };

struct sums {
    const struct sw_kernels *kernels;
    const float *x;
    float *sums;
    size_t step;
    int rows, columns;
};

static void sum_columns(void *data, int chunk, int worker)
{
    (void)worker;
    const struct sums *s = data;
    int from = chunk * SUM_COLUMNS, left = s->columns - from;
    size_t width = (size_t)(left < SUM_COLUMNS ? left : SUM_COLUMNS);
    float whole[SUM_COLUMNS] = {0};
    for (int i = 0; i < s->rows;) {
        float part[SUM_COLUMNS] = {0};
        int last = s->rows - i < SUM_ROWS ? s->rows : i + SUM_ROWS;
        for (; i < last; i++)
            s->kernels->add(width, part, s->x + (size_t)i * s->step + from, part);
        s->kernels->add(width, whole, part, whole);
    }
    s->kernels->add(width, s->sums + from, whole, s->sums + from);
}

void sw_add_column_sums(struct sw_compute *compute, int rows, int columns, const float *x,
                        size_t step, float *sums)
{
    if (rows <= 0 || columns <= 0)
        return;
    struct sums work = {sw_compute_kernels(compute), x, sums, step, rows, columns};
    sw_parallel(compute, (columns - 1) / SUM_COLUMNS + 1, sum_columns, &work);
}
