/* live_rows.c -- see live_rows.h. */
#include "tensor/ops/live_rows.h"

#include "base/values.h"
#include "tensor/ops/rows.h"
#include "tensor/tape/ops.h"

#include <stdint.h>
#include <string.h>

/* Fewer rows are not worth the search. */
enum { LEAST_ROWS = 64 };

int sw_is_live(const float *x, size_t count)
{
    enum { STEP = 64 };
    for (size_t i = 0; i < count; i += STEP) {
        uint32_t any = 0, bits;
        for (size_t j = i; j < i + STEP && j < count; j++) {
            memcpy(&bits, x + j, sizeof bits);
            any |= bits << 1; /* without the sign: -0 is zero */
        }
        if (any)
            return 1;
    }
    return 0;
}

static int width_of(const struct sw_tensor *x)
{
    return x->dim[x->ndim - 1];
}

static int rows_of(const struct sw_tensor *x)
{
    int rows = 1;
    for (int d = 0; d < x->ndim - 1; d++)
        rows *= x->dim[d];
    return rows;
}

/* What `saved` holds: the numbers of the live rows, and a panel's rows. */
struct panel {
    const struct sw_call *call;
    int *row;         /* (N) */
    float *x, *dout;  /* (panel, F), (panel, D) */
    float *dx;        /* (panel, F), or NULL */
    int first, count; /* the live rows at hand */
};

size_t sw_live_size(const struct sw_call *call)
{
    const struct sw_tensor *x = call->in[0];
    size_t rows = (size_t)rows_of(x), panel = sw_min_size(SW_LIVE_PANEL, rows);
    size_t F = (size_t)width_of(x), D = (size_t)width_of(call->out);
    if (!call->out->grad || rows < LEAST_ROWS)
        return 0;
    return sizeof(float) * (panel * (F + D + (x->grad ? F : 0)) + rows);
}

static struct panel lay_out(const struct sw_call *call, int rows)
{
    size_t panel = (size_t)sw_min(SW_LIVE_PANEL, rows), F = (size_t)width_of(call->in[0]);
    struct panel p = {.call = call, .x = call->saved};
    float *end = p.x + panel * F;
    p.dout = end;
    end += panel * (size_t)width_of(call->out);
    if (call->in[0]->grad) {
        p.dx = end;
        end += panel * F;
    }
    p.row = (int *)(void *)end;
    return p;
}

static void mark_some(const void *data, int from, int to)
{
    const struct panel *p = data;
    size_t D = (size_t)width_of(p->call->out);
    for (int i = from; i < to; i++)
        p->row[i] = sw_is_live(p->call->out->grad + (size_t)i * D, D);
}

/* Lists the live rows; returns how many those are. */
static int find_live(const struct panel *p, int rows)
{
    int count = 0;
    sw_over_rows(p->call->compute, rows, width_of(p->call->out), mark_some, p);
    for (int i = 0; i < rows; i++)
        if (p->row[i])
            p->row[count++] = i;
    return count;
}

static void pack_row(const struct panel *p, int i, const float *from, float *to, size_t width)
{
    memcpy(to + (size_t)i * width, from + (size_t)p->row[p->first + i] * width,
           width * sizeof(float));
}

static void pack_some(const void *data, int from, int to)
{
    const struct panel *p = data;
    const struct sw_tensor *x = p->call->in[0], *out = p->call->out;
    for (int i = from; i < to; i++) {
        pack_row(p, i, x->data, p->x, (size_t)width_of(x));
        pack_row(p, i, out->grad, p->dout, (size_t)width_of(out));
        if (p->dx)
            pack_row(p, i, x->grad, p->dx, (size_t)width_of(x));
    }
}

static void unpack_some(const void *data, int from, int to)
{
    const struct panel *p = data;
    const struct sw_tensor *x = p->call->in[0];
    size_t F = (size_t)width_of(x);
    for (int i = from; i < to; i++)
        memcpy(x->grad + (size_t)p->row[p->first + i] * F, p->dx + (size_t)i * F,
               F * sizeof(float));
}

void sw_live_backward(const struct sw_call *call,
                      void (*backward)(const struct sw_call *call, struct sw_live_rows rows))
{
    struct sw_compute *compute = call->compute;
    const struct sw_tensor *x = call->in[0];
    int rows = rows_of(x), apart = x->grad != call->in[1]->grad, width = 2 * width_of(x);
    struct panel p = {.call = call};
    int live = rows, searched = rows >= LEAST_ROWS && apart;
    if (searched) {
        p = lay_out(call, rows);
        live = find_live(&p, rows);
    }
    if (!searched || live > rows - rows / 4) {
        backward(call, (struct sw_live_rows){x->data, call->out->grad, x->grad, rows});
        return;
    }
    for (; p.first < live; p.first += p.count) {
        p.count = sw_min(live - p.first, SW_LIVE_PANEL);
        sw_over_rows(compute, p.count, width, pack_some, &p);
        backward(call, (struct sw_live_rows){p.x, p.dout, p.dx, p.count});
        if (p.dx)
            sw_over_rows(compute, p.count, width, unpack_some, &p);
    }
}
