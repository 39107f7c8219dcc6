/* two_hinges -- a loss: what the scores of a batch cost.
 *
 *   L = hardest * hinge over the hardest negatives + (1 - hardest) * hinge over all negatives */
#include <stepwise/plugin.h>

/* What the loss takes in a script, with defaults; checked and listed by the program. An option that
 * has the name and the default of a train key, as margin, follows that key. */
enum { MARGIN, HARDEST };

static const struct sw_option options[] = {
    {"margin", SW_NUMBER, "0.2", NULL, 0, 100, "what a right pair must be ahead by"},
    {"hardest", SW_NUMBER, "0.9", NULL, 0, 1, "weight of the hardest negatives"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* What the loss keeps as long as the model lives. */
struct two_hinges {
    float margin, hardest;
};

/* Once per model: keep the options. A loss declares no parameters; host->parameter_at lists those
 * of the model. */
static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct two_hinges *s = self;
    (void)host, (void)model;
    s->margin = (float)values[MARGIN].number;
    s->hardest = (float)values[HARDEST].number;
    return 0;
}

/* f * hinge; all: over all negatives of the batch, not the hardest */
static struct sw_tensor *hinge(struct sw_loss_batch *b, float margin, int all, float f)
{
    struct sw_args args = {.i = {all}, .f = {margin}, .p = b->pairs}, scale = {.f = {f, 0}};
    struct sw_tensor *x = b->host->apply(b->graph, "hinge", &b->scores, 1, &args);
    return b->host->apply(b->graph, "affine", &x, 1, &scale);
}

/* Scores (B,B), image of pair i with caption of pair j -> (1), summed over the batch */
static struct sw_tensor *loss(struct sw_loss_batch *b, const void *self)
{
    const struct two_hinges *s = self;
    struct sw_tensor *both[2] = {hinge(b, s->margin, 0, s->hardest),
                                 hinge(b, s->margin, 1, 1 - s->hardest)};
    return b->host->apply(b->graph, "add", both, 2, NULL);
}

static const struct sw_loss two_hinges = {
    .name = "two_hinges",
    .doc = "the hinge with the hardest negatives and with all of them",
    .options = options,
    .self_size = sizeof(struct two_hinges),
    .init = init,
    .loss = loss,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "two_hinges",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "a loss to start from",
    .losses = (const struct sw_loss *const[]){&two_hinges, NULL},
};
