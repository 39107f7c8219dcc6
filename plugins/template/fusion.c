/* mixed -- a fusion (eq. 8): what a fragment and what it attends to become.
 *
 *   x = own * fragment + (1 - own) * attended */
#include <stepwise/plugin.h>

/* What the fusion takes in a script, with defaults; checked and listed by the program. */
enum { OWN };

static const struct sw_option options[] = {
    {"own", SW_NUMBER, "0.5", NULL, 0, 1, "weight of the fragment itself"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* What the fusion keeps as long as the model lives. */
struct mixed {
    float own;
};

/* Once per model: keep the options. Parameters would be declared here, for both sides as
 * "image.NAME" and "text.NAME". */
static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct mixed *s = self;
    (void)host, (void)model;
    s->own = (float)values[OWN].number;
    return 0;
}

/* For each tile: `own` and `attended` have a row for each fragment of the side. */
static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    const struct mixed *s = self;
    const struct sw_host *host = tile->host;
    (void)prepared, (void)side;
    return host->add(tile, host->scale(tile, own, s->own), host->scale(tile, attended, 1 - s->own));
}

static const struct sw_fusion mixed = {
    .name = "mixed",
    .doc = "a weighted mean of a fragment and what it attends to",
    .options = options,
    .self_size = sizeof(struct mixed),
    .init = init,
    .fuse = fuse,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "mixed",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "a fusion to start from",
    .fusions = (const struct sw_fusion *const[]){&mixed, NULL},
};
