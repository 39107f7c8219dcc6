/* both_sides.h -- the linear layer that gates and concat have in common: W [x; x*] + b, with
 * parameters of their own for the image and the text side. */
#ifndef STEPWISE_FUSION_BOTH_SIDES_H
#define STEPWISE_FUSION_BOTH_SIDES_H

#include <stepwise/plugin.h>

#include <stdio.h>

struct both_sides {
    struct sw_tensor *weight[2], *bias[2]; /* (rows,2D), (rows) */
};

/* Handles of a batch: what to apply to x, what to x*, and b. */
struct both_prepared {
    struct sw_map own[2], attended[2];
    struct sw_input bias[2];
};

/* Declares "image.weight", "image.bias" and the text side's; 0 or SW_PLUGIN_FAILED. */
static inline int both_declare(const struct sw_host *host, struct sw_model *model,
                               struct both_sides *s, int rows)
{
    static const char *const side_name[2] = {"image", "text"};
    int weight[2] = {rows, 2 * host->dim(model)};
    for (int side = 0; side < 2; side++) {
        char name[32];
        snprintf(name, sizeof name, "%s.weight", side_name[side]);
        s->weight[side] =
            host->parameter(model, name, 2, weight, (struct sw_init){.kind = SW_INIT_XAVIER});
        snprintf(name, sizeof name, "%s.bias", side_name[side]);
        s->bias[side] =
            host->parameter(model, name, 1, &rows, (struct sw_init){.kind = SW_INIT_ZERO});
        if (!s->weight[side] || !s->bias[side])
            return SW_PLUGIN_FAILED;
    }
    return 0;
}

/* W = [W_1 W_2] with many rows: W_1 for a side's own fragments, W_2 for those of the other side
 * that they attend to. A side that this direction leaves out is skipped. */
static inline void both_prepare_maps(struct sw_batch *batch, const struct both_sides *s,
                                     struct both_prepared *p)
{
    int D = batch->dim;
    for (int side = 0; side < 2; side++) {
        enum sw_side other = side == SW_REGIONS ? SW_WORDS : SW_REGIONS;
        if (batch->direction == (side == SW_REGIONS ? SW_T2I : SW_I2T))
            continue;
        p->own[side] = batch->host->input_map(batch, (enum sw_side)side,
                                              sw_columns(batch, s->weight[side], 0, D));
        p->attended[side] =
            batch->host->input_map(batch, other, sw_columns(batch, s->weight[side], D, D));
        p->bias[side] = batch->host->input_shared(batch, s->bias[side]);
    }
}

#endif
