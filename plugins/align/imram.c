/* imram.c -- IMRAM, iterative matching with recurrent attention memory (Chen et al., CVPR 2020).
 *
 *   x^1 = the fragments that query (t2i: t_j, i2t: v_i)
 *   c^s = what x^s sees of the other side, by SCAN's attention
 *   S^s = mean of cos(x^1, c^s)
 *   x^{s+1} = g x^s + (1 - g) tanh(W_1 [x^s; c^s] + b_1),  g = sigmoid(W_2 [x^s; c^s] + b_2)
 *   S = sum over the steps s; in both directions ("full"), of both
 *
 * c^s is always a weighted sum of the other side's fragments, so that cosines stay in coordinates
 * and W c^s is mixed; x^2 is made of fragments, whose share of W is computed once as well. Only
 * from x^3 on a vector of a pair meets a (D,D) matrix. */
#include "attention.h"
#include "joint_layer.h"

#include <math.h>

enum { LAMBDA, STEPS, NORMALISE };

static const struct sw_option options[] = {
    {"lambda", SW_NUMBER, "9", NULL, 0, 1000, "sharpness of the attention (inverse temperature)"},
    {"steps", SW_INTEGER, "3", NULL, 1, 8, "of matching; the first alone is SCAN's score"},
    {"normalise", SW_SWITCH, "false", NULL, 0, 0, "what remains in memory has length 1"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct imram {
    float lambda;
    int steps, normalise;
    struct joint_layer update[2], gate[2]; /* by the side that queries */
};

struct prepared {
    struct sw_input similarity;
    struct joint_inputs memory[2]; /* both layers in one, (2D,2D) */
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct imram *s = self;
    int D = host->dim(model);
    struct sw_init torch = {.kind = SW_INIT_UNIFORM, .bound = 1 / sqrtf(2 * (float)D)};
    s->lambda = (float)values[LAMBDA].number;
    s->steps = (int)values[STEPS].number;
    s->normalise = (int)values[NORMALISE].number;
    for (int side = SW_REGIONS; side <= SW_WORDS && s->steps > 1; side++) {
        const char *update = side == SW_WORDS ? "text.update" : "image.update";
        const char *gate = side == SW_WORDS ? "text.gate" : "image.gate";
        if (joint_declare(host, model, &s->update[side], update, D, torch, torch, 1) ||
            joint_declare(host, model, &s->gate[side], gate, D, torch, torch, 1))
            return SW_PLUGIN_FAILED;
    }
    return 0;
}

static int asks(enum sw_direction direction, enum sw_side queries)
{
    return direction == SW_BOTH || (direction == SW_T2I) == (queries == SW_WORDS);
}

/* The rows of x (D,..), and under them those of y. */
static struct sw_tensor *stacked(struct sw_batch *batch, struct sw_tensor *x, struct sw_tensor *y,
                                 int D, int columns)
{
    const struct sw_host *host = batch->host;
    struct sw_args none = {.i = {0}};
    struct sw_tensor *in[2] = {host->reshape(batch->graph, x, 3, (int[]){D, 1, columns}),
                               host->reshape(batch->graph, y, 3, (int[]){D, 1, columns})};
    return host->reshape(batch->graph, host->apply(batch->graph, "vec_stack", in, 2, &none),
                         columns > 1 ? 2 : 1, (int[]){2 * D, columns});
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct imram *s = self;
    struct prepared *p = prepared;
    int D = batch->dim;
    p->similarity = batch->host->input_product(batch, batch->regions, batch->words);
    for (enum sw_side side = SW_REGIONS; side <= SW_WORDS; side++) {
        if (s->steps == 1 || !asks(batch->direction, side))
            continue;
        const struct joint_layer both = {
            stacked(batch, s->update[side].weight, s->gate[side].weight, D, 2 * D),
            stacked(batch, s->update[side].bias, s->gate[side].bias, D, 1)};
        joint_prepare(batch, &both, side, &p->memory[side]);
    }
}

/* x^{s+1}, (R,L,D); x NULL: the fragments themselves */
static struct sw_tensor *remember(struct sw_tile *tile, const struct imram *s,
                                  const struct prepared *p, enum sw_side queries,
                                  struct sw_tensor *x, struct sw_vectors *c)
{
    struct sw_args none = {.i = {0}};
    const struct joint_inputs *memory = &p->memory[queries];
    struct sw_tensor *both =
        x ? joint_of_numbers(tile, memory, x, c) : joint_of_fragments(tile, memory, c);
    if (!x)
        x = tile->host->numbers(tile, tile->host->fragments(tile, queries));
    x = sw_apply2(tile, "vec_memory", both, x, none);
    return s->normalise ? sw_apply1(tile, "l2norm", x, none) : x;
}

static struct sw_tensor *one_way(struct sw_tile *tile, const struct imram *s,
                                 const struct prepared *p, enum sw_side queries)
{
    const struct sw_host *host = tile->host;
    struct sw_vectors *own = host->fragments(tile, queries);
    struct similarities similar = product_of(tile, p->similarity);
    struct sw_tensor *x = NULL, *total = NULL;
    for (int step = 1;; step++) {
        struct sw_vectors *c = attend(tile, attention(tile, similar, queries, s->lambda), queries);
        struct sw_tensor *S = sw_mean(tile, sw_cosine(tile, own, c), queries);
        total = total ? sw_plus(tile, total, S) : S;
        if (step == s->steps)
            return total;
        x = remember(tile, s, p, queries, x, c);
        struct sw_tensor *others = host->numbers(tile, host->fragments(tile, other_side(queries)));
        similar = (struct similarities){
            sw_apply2(tile, "vec_dots", x, others, (struct sw_args){.i = {0}}), queries};
    }
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    if (tile->direction == SW_T2I)
        return one_way(tile, self, prepared, SW_WORDS);
    if (tile->direction == SW_I2T)
        return one_way(tile, self, prepared, SW_REGIONS);
    return sw_plus(tile, one_way(tile, self, prepared, SW_WORDS),
                   one_way(tile, self, prepared, SW_REGIONS));
}

static const struct sw_stage imram = {
    .name = "imram",
    .doc = "IMRAM: attention in steps, each with a memory of the last (Chen et al. 2020)",
    .options = options,
    .self_size = sizeof(struct imram),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "imram",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "IMRAM's recurrent attention memory",
    .stages = (const struct sw_stage *const[]){&imram, NULL},
};
