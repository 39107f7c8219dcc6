/* joint_layer.h -- a linear layer of a fragment and what it attends to: W [x; c] + b, W (M,2D).
 *
 * W = [W_x W_c], and c = sum_i a_i f_i is a weighted sum of the other side's fragments: W_c f_i is
 * computed once per fragment and mixed, and so is W_x x + b where x is a fragment. */
#ifndef PLUGINS_ALIGN_JOINT_LAYER_H
#define PLUGINS_ALIGN_JOINT_LAYER_H

#include <stepwise/plugin.h>

#include <stdio.h>

struct joint_layer {
    struct sw_tensor *weight, *bias; /* (M,2D); (M), or NULL */
};

/* Inputs of a batch. */
struct joint_inputs {
    struct sw_input own;          /* W_x f + b of each fragment that queries, as vectors */
    struct sw_input weight, bias; /* W_x and b, where x is no fragment; bias.at < 0: none */
    struct sw_map attended;       /* W_c of the other side's */
};

/* Declares "<name>.weight" (M,2D) and, where has_bias, "<name>.bias"; 0 or SW_PLUGIN_FAILED. */
static inline int joint_declare(const struct sw_host *host, struct sw_model *model,
                                struct joint_layer *layer, const char *name, int M,
                                struct sw_init weights, struct sw_init biases, int has_bias)
{
    char whole[96];
    int dim[2] = {M, 2 * host->dim(model)};
    snprintf(whole, sizeof whole, "%s.weight", name);
    layer->weight = host->parameter(model, whole, 2, dim, weights);
    snprintf(whole, sizeof whole, "%s.bias", name);
    layer->bias = has_bias ? host->parameter(model, whole, 1, &M, biases) : NULL;
    return layer->weight && (layer->bias || !has_bias) ? 0 : SW_PLUGIN_FAILED;
}

static inline void joint_prepare(struct sw_batch *batch, const struct joint_layer *layer,
                                 enum sw_side queries, struct joint_inputs *inputs)
{
    const struct sw_host *host = batch->host;
    int D = batch->dim;
    enum sw_side other = queries == SW_REGIONS ? SW_WORDS : SW_REGIONS;
    struct sw_tensor *x = queries == SW_REGIONS ? batch->regions : batch->words;
    struct sw_tensor *own = sw_columns(batch, layer->weight, 0, D);
    inputs->own = host->input_vectors(batch, queries, sw_linear(batch, x, own, layer->bias));
    inputs->weight = host->input_shared(batch, own);
    inputs->bias = layer->bias ? host->input_shared(batch, layer->bias) : (struct sw_input){-1};
    inputs->attended = host->input_map(batch, other, sw_columns(batch, layer->weight, D, D));
}

/* (R,L,M) of the fragments that query, one row each */
static inline struct sw_tensor *joint_of_fragments(struct sw_tile *tile,
                                                   const struct joint_inputs *inputs,
                                                   struct sw_vectors *attended)
{
    return sw_apply2(tile, "vec_add", sw_read(tile, inputs->own),
                     tile->host->mapped(tile, attended, inputs->attended),
                     (struct sw_args){.i = {0}});
}

/* (R,L,M) of explicit x (R,L,D) */
static inline struct sw_tensor *joint_of_numbers(struct sw_tile *tile,
                                                 const struct joint_inputs *inputs,
                                                 struct sw_tensor *x, struct sw_vectors *attended)
{
    struct sw_args none = {.i = {0}};
    struct sw_tensor *in[3] = {x, sw_read(tile, inputs->weight),
                               inputs->bias.at < 0 ? NULL : sw_read(tile, inputs->bias)};
    struct sw_tensor *own = tile->host->apply(tile->graph, "linear", in, in[2] ? 3 : 2, &none);
    return sw_apply2(tile, "vec_add", own, tile->host->mapped(tile, attended, inputs->attended),
                     none);
}

#endif
