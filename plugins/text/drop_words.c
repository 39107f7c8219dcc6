/* drop_words.c -- the augmentation of VSE-infinity (Chen et al., CVPR 2021) and ESA: in a training
 * step some of the words are masked, replaced or left out. The first and the last word of a
 * caption, which begin and end a sentence, stay.
 *
 * VSE-infinity masks half of them, replaces a tenth by any word and leaves the others out. */
#include <stepwise/plugin.h>

enum { RATE, MASKED, REPLACED, MASK };

static const struct sw_option options[] = {
    {"rate", SW_NUMBER, "0.2", NULL, 0, 1, "probability of a word to be changed"},
    {"masked", SW_NUMBER, "0.5", NULL, 0, 1, "share of those that become the word `mask`"},
    {"replaced", SW_NUMBER, "0.1", NULL, 0, 1, "share of those that become any word"},
    {"mask", SW_INTEGER, "3", NULL, 0, 1 << 30,
     "id of the mask; 3 is <unk> as vocabularies have it"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct drop_words {
    float rate, masked, replaced;
    int mask;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self, enum sw_side side,
                int width, int *out, const struct sw_value *values)
{
    struct drop_words *s = self;
    (void)width, (void)out;
    s->rate = (float)values[RATE].number;
    s->masked = (float)values[MASKED].number;
    s->replaced = (float)values[REPLACED].number;
    s->mask = (int)values[MASK].number;
    if (side != SW_WORDS)
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "expected words, found regions; use drop_regions");
    if (s->mask >= host->vocabulary(model))
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "mask: expected the id of a word, below %d, found %d",
                                host->vocabulary(model), s->mask);
    return 0;
}

static void augment(struct sw_encode *e, const void *self, unsigned char *keep)
{
    const struct drop_words *s = self;
    const struct sw_fragments *f = e->fragments;
    int shape[2] = {f->rows, 2};
    struct sw_tensor *drawn = e->host->constant(e->graph, 2, shape, 0);
    struct sw_args args = {.i = {0}};
    e->host->random(e->graph, args.i);
    drawn = e->host->apply(e->graph, "uniform", &drawn, 1, &args);
    for (int c = 0; drawn && c < f->groups; c++)
        for (int row = f->first[c] + 1; row < f->first[c] + f->count[c] - 1; row++) {
            float what = drawn->data[2 * row] / s->rate;
            if (!(what < 1))
                continue;
            if (what < s->masked)
                e->ids[row] = s->mask;
            else if (what < s->masked + s->replaced)
                e->ids[row] = (int32_t)((double)drawn->data[2 * row + 1] * e->vocabulary);
            else
                keep[row] = 0;
        }
}

static const struct sw_block drop_words = {
    .name = "drop_words",
    .doc = "VSE-infinity: masks words, replaces them or leaves them out in training steps",
    .options = options,
    .self_size = sizeof(struct drop_words),
    .init = init,
    .augment = augment,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "drop_words",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "word dropping of VSE-infinity",
    .blocks = (const struct sw_block *const[]){&drop_words, NULL},
};
