/* mean_cosine -- a stage: what one image and one caption score.
 *
 * What it computes: one vector per side, the mean of its fragments after a learned projection, and
 * their cosine. (With `score = false` on every other stage this is the VSE kind of baseline.)
 *
 *   v = mean_i W_v v_i,  t = mean_j W_t t_j,  S = scale * cos(v, t)                            */
#include <stepwise/plugin.h>

/* What the stage takes in a script, with defaults; checked and listed by the program. */
enum { SCALE };

static const struct sw_option options[] = {
    {"scale", SW_NUMBER, "1", NULL, 0, 100, "what the cosine is multiplied with"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};

/* What the stage keeps as long as the model lives. */
struct mean_cosine {
    float scale;
    struct sw_tensor *projection[2]; /* (D,D) each: regions', words' */
};

/* What `prepare` hands to `score`: where the tiles find the projected fragments. */
struct prepared {
    struct sw_map projected[2];
};

/* Once per model: keep the options, declare the parameters. */
static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    struct mean_cosine *s = self;
    int square[2] = {host->dim(model), host->dim(model)};
    struct sw_init xavier = {.kind = SW_INIT_XAVIER};
    s->scale = (float)values[SCALE].number;
    s->projection[SW_REGIONS] = host->parameter(model, "image.weight", 2, square, xavier);
    s->projection[SW_WORDS] = host->parameter(model, "text.weight", 2, square, xavier);
    return s->projection[SW_REGIONS] && s->projection[SW_WORDS] ? 0 : SW_PLUGIN_FAILED;
}

/* Once per batch: what is computed per fragment, not per pair. */
static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct mean_cosine *s = self;
    struct prepared *p = prepared;
    for (int side = SW_REGIONS; side <= SW_WORDS; side++)
        p->projected[side] = batch->host->input_map(batch, (enum sw_side)side, s->projection[side]);
}

/* W of the mean of a side's fragments */
static struct sw_vectors *projected_mean(struct sw_tile *tile, const struct prepared *p,
                                         enum sw_side side)
{
    const struct sw_host *host = tile->host;
    struct sw_tensor *rows = host->mapped(tile, host->fragments(tile, side), p->projected[side]);
    return sw_pool(tile, host->explicit_vectors(tile, rows), host->mean_weights(tile, side));
}

/* For each tile of SW_LANES pairs: their scores, (1,1,L). */
static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    const struct mean_cosine *s = self;
    struct sw_vectors *v = projected_mean(tile, prepared, SW_REGIONS);
    struct sw_vectors *t = projected_mean(tile, prepared, SW_WORDS);
    return sw_affine(tile, sw_cosine(tile, v, t), s->scale, 0);
}

static const struct sw_stage mean_cosine = {
    .name = "mean_cosine",
    .doc = "the cosine of both sides' projected means",
    .options = options,
    .self_size = sizeof(struct mean_cosine),
    .prepared_size = sizeof(struct prepared),
    .init = init,
    .prepare = prepare,
    .score = score,
};

SW_EXPORT const struct sw_plugin sw_plugin = {
    SW_PLUGIN_HEAD,
    .name = "mean_cosine",
    .version = "1.0.0",
    .license = "MIT",
    .doc = "a stage to start from",
    .stages = (const struct sw_stage *const[]){&mean_cosine, NULL},
};
