/* hinge.c -- the triplet loss (eq. 17): margin + S of a wrong pair - S of the right one, where that
 * is above 0; of an image's captions and a caption's images the hardest negative counts, or all do.
 * Where each sample comes in several views (ESA, Zhu et al., TCSVT 2023), S of the right one is the
 * least among the sample's views, and none of these is a negative. */
#include <stepwise/plugin.h>

enum { MARGIN, NEGATIVES, WARMUP_EPOCHS, SAME_IMAGE, VIEWS };
enum { HARDEST, ALL };

static const struct sw_option options[] = {
    {"margin", SW_NUMBER, "0.2", NULL, 0, 100, "what a right pair must be ahead by"},
    {"negatives", SW_CHOICE, "hardest", "hardest all", 0, 0, "which negatives of the batch count"},
    {"warmup_epochs", SW_INTEGER, "1", NULL, 0, 1000000,
     "first epochs that take all negatives, not the hardest"},
    {"same_image", SW_CHOICE, "negative", "negative exclude", 0, 0,
     "captions of the same image within a batch: negatives, or left out"},
    {"views", SW_INTEGER, "1", NULL, 1, 8,
     "how often each sample is in a batch, one behind the other; the worst of its views counts"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

struct hinge {
    float margin;
    int negatives, warmup_epochs, same_image, views;
};

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct hinge *s = self;
    (void)host, (void)model;
    s->margin = (float)values[MARGIN].number;
    s->negatives = (int)values[NEGATIVES].number;
    s->warmup_epochs = (int)values[WARMUP_EPOCHS].number;
    s->same_image = (int)values[SAME_IMAGE].number;
    s->views = (int)values[VIEWS].number;
    return 0;
}

static struct sw_tensor *loss(struct sw_loss_batch *batch, const void *self)
{
    const struct hinge *s = self;
    int all = s->negatives == ALL || batch->epoch < s->warmup_epochs;
    struct sw_args args = {
        .i = {all, s->same_image, s->views}, .f = {s->margin}, .p = batch->pairs};
    if (batch->pairs->n % s->views != 0) {
        batch->host->fail(batch->graph, SW_PLUGIN_MISUSE,
                          "option 'views': expected a multiple of %d pairs, found %d", s->views,
                          batch->pairs->n);
        return NULL;
    }
    return batch->host->apply(batch->graph, "hinge", &batch->scores, 1, &args);
}

static const struct sw_loss hinge = {
    .name = "hinge",
    .doc = "triplet loss with the hardest negatives of the batch (eq. 17)",
    .options = options,
    .self_size = sizeof(struct hinge),
    .init = init,
    .loss = loss,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,   .name = "hinge",      .version = "1.0.0",
    .license = "MIT", .doc = "SHAN's loss", .losses = (const struct sw_loss *const[]){&hinge, NULL},
};
