/* optimiser.c -- Adam (Kingma and Ba, 2015), AdamW (Loshchilov and Hutter, 2019) as PyTorch
 * computes them. */
#include "train/optimiser.h"
#include "tensor/kernels/kernels.h"

#include <math.h>
#include <string.h>

/* Ranges are cut into at most this many chunks, none of them shorter than LEAST numbers. */
enum { MOST_CHUNKS = 256, LEAST = 16384 };

static size_t chunk_length(size_t count)
{
    size_t length = (count + MOST_CHUNKS - 1) / MOST_CHUNKS;
    return length > LEAST ? length : LEAST;
}

static int chunks_of(size_t count)
{
    return (int)((count + chunk_length(count) - 1) / chunk_length(count));
}

/* First number of a chunk, and how many it has. */
static size_t chunk_at(size_t count, int chunk, size_t *length)
{
    size_t whole = chunk_length(count), at = (size_t)chunk * whole;
    *length = count - at < whole ? count - at : whole;
    return at;
}

struct clearing {
    float *x;
    size_t count;
};

static void clear_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct clearing *clearing = data;
    size_t length, at = chunk_at(clearing->count, chunk, &length);
    memset(clearing->x + at, 0, length * sizeof *clearing->x);
}

void sw_clear(struct sw_compute *compute, float *x, size_t count)
{
    struct clearing clearing = {x, count};
    struct sw_place before = sw_part_begin(compute, "clear", 0);
    sw_parallel(compute, chunks_of(count), clear_chunk, &clearing);
    sw_part_end(compute, before);
}

struct squares {
    const struct sw_kernels *kernels;
    const float *x;
    size_t count;
    double sum[MOST_CHUNKS];
};

static void add_squares(void *data, int chunk, int worker)
{
    (void)worker;
    struct squares *squares = data;
    size_t length, at = chunk_at(squares->count, chunk, &length);
    squares->sum[chunk] = squares->kernels->sum_squares(length, squares->x + at);
}

double sw_norm(struct sw_compute *compute, const float *x, size_t count)
{
    struct squares squares = {.kernels = sw_compute_kernels(compute), .x = x, .count = count};
    int chunks = chunks_of(count);
    sw_parallel(compute, chunks, add_squares, &squares);
    double sum = 0;
    for (int chunk = 0; chunk < chunks; chunk++)
        sum += squares.sum[chunk];
    return sqrt(sum);
}

struct sw_adam sw_adam_new(float *m, float *v, size_t count, uint64_t step)
{
    return (struct sw_adam){m, v, count, step, 0.9, 0.999, 1e-8, 0};
}

struct update {
    const struct sw_kernels *kernels;
    const struct sw_adam *adam;
    float *parameters;
    const float *gradients;
    struct sw_adam_step step;
};

static void update_chunk(void *data, int chunk, int worker)
{
    (void)worker;
    const struct update *update = data;
    size_t length, at = chunk_at(update->adam->count, chunk, &length);
    const float left = (float)(1 - update->step.rate * update->adam->decay);
    for (size_t i = at; left != 1 && i < at + length; i++)
        update->parameters[i] *= left;
    update->kernels->adam(length, update->parameters + at, update->gradients + at,
                          update->adam->m + at, update->adam->v + at, &update->step);
}

static int fail_not_finite(const struct sw_adam *adam, const float *gradients, double norm,
                           struct sw_error *error)
{
    size_t at = 0;
    while (at < adam->count && isfinite(gradients[at]))
        at++;
    if (at == adam->count)
        return sw_fail(error, SW_FAILED, "the gradient's norm is %g; expected a finite number",
                       norm);
    return sw_fail(error, SW_FAILED,
                   "the gradient is not finite: number %zu of %zu trained parameters has %g", at,
                   adam->count, (double)gradients[at]);
}

int sw_adam_update(struct sw_compute *compute, struct sw_adam *adam, float *parameters,
                   const float *gradients, double rate, double clip, double *norm,
                   struct sw_error *error)
{
    struct sw_place before = sw_part_begin(compute, "norm", 0);
    double length = sw_norm(compute, gradients, adam->count);
    sw_part_end(compute, before);
    if (norm)
        *norm = length;
    if (!isfinite(length))
        return fail_not_finite(adam, gradients, length, error);
    adam->step++;
    double scale = clip > 0 ? clip / (length + 1e-6) : 1;
    struct update update = {
        .kernels = sw_compute_kernels(compute),
        .adam = adam,
        .parameters = parameters,
        .gradients = gradients,
        .step = {.rate = rate,
                 .beta1 = adam->beta1,
                 .beta2 = adam->beta2,
                 .epsilon = adam->epsilon,
                 .correction1 = 1 - pow(adam->beta1, (double)adam->step),
                 .correction2 = 1 - pow(adam->beta2, (double)adam->step),
                 .gradient_scale = scale < 1 ? scale : 1},
    };
    before = sw_part_begin(compute, "adam", 0);
    sw_parallel(compute, chunks_of(adam->count), update_chunk, &update);
    sw_part_end(compute, before);
    return SW_OK;
}
