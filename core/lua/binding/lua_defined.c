/* lua_defined.c -- descriptors of what a script defines. Whoever wrote the definition into a config
 * may be a stranger: what config/define.lua checks with good messages is held to its types here. */
#include "lua/binding/defined.h"
#include "lua/binding/lua_session.h"

#include "match/model.h"
#include "plugin/descriptor.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name, const char *missing)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : missing;
}

/* ---- functions of the descriptors ------------------------------------------------------------ */

/* A size of a parameter: a number, or "D" or "2D", multiples of the model's width, or "W" or "2W",
 * of that of a block's or pooling's x (0: it is neither). 0: no size. */
static int size_of(const json_t *given, int D, int W)
{
    const char *text = json_string_value(given);
    char *end = (char *)(size_t)text;
    long long factor = json_is_integer(given) ? json_integer_value(given) : 0;
    if (text) {
        factor = *text == 'D' || *text == 'W' ? 1 : strtoll(text, &end, 10);
        if (factor < 1 || factor > 1 << 16 || (strcmp(end, "D") != 0 && strcmp(end, "W") != 0))
            return 0;
        factor *= *end == 'D' ? D : W;
    }
    return factor >= 1 && factor <= INT_MAX ? (int)factor : 0;
}

static int declare(const struct sw_host *host, struct sw_model *model, const json_t *parameter,
                   int W, struct sw_tensor **out)
{
    static const struct {
        const char *name;
        enum sw_init_kind kind;
    } kinds[] = {{"xavier", SW_INIT_XAVIER},
                 {"zero", SW_INIT_ZERO},
                 {"uniform", SW_INIT_UNIFORM},
                 {"constant", SW_INIT_CONSTANT}};
    const json_t *shape = json_object_get(parameter, "shape");
    const char *init = text_of(parameter, "init", "xavier"), *name = text_of(parameter, "name", "");
    int dim[SW_MAX_DIM] = {0}, ndim = (int)json_array_size(shape);
    struct sw_init how = {.bound = (float)json_number_value(json_object_get(parameter, "bound")),
                          .frozen = json_is_true(json_object_get(parameter, "frozen"))};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, init) == 0)
            how.kind = kinds[i].kind;
    if (!how.kind || ndim < 1 || ndim > SW_MAX_DIM)
        return host->fail_model(model, SW_PLUGIN_MISUSE, "parameter '%s': no such shape or init",
                                name);
    for (int d = 0; d < ndim; d++)
        dim[d] = size_of(json_array_get(shape, (size_t)d), host->dim(model), W);
    *out = host->parameter(model, name, ndim, dim, how);
    return *out ? 0 : SW_PLUGIN_FAILED;
}

static uint64_t next_serial(struct sw_definition *of)
{
    return atomic_fetch_add(&of->serials, 1) + 1;
}

/* W: width of a block's or pooling's x, else 0 */
static int init(const struct sw_host *host, struct sw_model *model, void *self,
                struct sw_definition *of, int W, const struct sw_value *values)
{
    struct sw_defined_use *use = self;
    const json_t *parameters = json_object_get(of->json, "parameters");
    size_t count = json_array_size(parameters);
    use->of = of;
    use->values = values;
    use->serial = next_serial(of);
    if (count > SW_MOST_PARAMETERS)
        return host->fail_model(model, SW_PLUGIN_MISUSE,
                                "expected at most %d parameters, found %zu", SW_MOST_PARAMETERS,
                                count);
    for (size_t p = 0; p < count; p++)
        if (declare(host, model, json_array_get(parameters, p), W, &use->parameters[p]))
            return SW_PLUGIN_FAILED;
    return 0;
}

#define DEFINITION_OF(descriptor, member)                                                         \
    ((struct sw_definition *)(void *)((char *)(size_t)(descriptor)-offsetof(struct sw_definition, \
                                                                            member)))

static int init_stage(const struct sw_host *host, struct sw_model *model, void *self,
                      const struct sw_value *values)
{
    return init(host, model, self, DEFINITION_OF(sw_model_building(model), stage), 0, values);
}

static int init_fusion(const struct sw_host *host, struct sw_model *model, void *self,
                       const struct sw_value *values)
{
    return init(host, model, self, DEFINITION_OF(sw_model_building(model), fusion), 0, values);
}

static int init_block(const struct sw_host *host, struct sw_model *model, void *self,
                      enum sw_side side, int width, int *out, const struct sw_value *values)
{
    struct sw_definition *of = DEFINITION_OF(sw_model_building(model), block);
    const json_t *given = json_object_get(of->json, "width");
    struct sw_defined_use *use = self;
    (void)side;
    *out = use->width = given ? size_of(given, host->dim(model), width) : width;
    if (use->width < 1)
        return host->fail_model(model, SW_PLUGIN_MISUSE, "width: no such size");
    return init(host, model, self, of, width, values);
}

static int init_pool(const struct sw_host *host, struct sw_model *model, void *self,
                     enum sw_side side, int width, int *out, const struct sw_value *values)
{
    (void)side, (void)out; /* as wide as what the function returns */
    return init(host, model, self, DEFINITION_OF(sw_model_building(model), pool), width, values);
}

static int init_loss(const struct sw_host *host, struct sw_model *model, void *self,
                     const struct sw_value *values)
{
    return init(host, model, self, DEFINITION_OF(sw_model_building(model), loss), 0, values);
}

static void prepare(struct sw_batch *batch, const void *self, void *prepared)
{
    const struct sw_defined_use *use = self;
    struct sw_defined_prepared *p = prepared;
    struct sw_lua_call call = {.function = SW_LUA_PREPARE,
                               .host = batch->host,
                               .graph = batch->graph,
                               .batch = batch,
                               .use = use,
                               .prepared = p};
    p->serial = next_serial(use->of);
    sw_lua_call_defined(&call);
}

static struct sw_lua_call of_tile(enum sw_lua_function function, struct sw_tile *tile,
                                  const void *self, const void *prepared)
{
    return (struct sw_lua_call){.function = function,
                                .host = tile->host,
                                .graph = tile->graph,
                                .tile = tile,
                                .use = self,
                                .prepared = (struct sw_defined_prepared *)(size_t)prepared};
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    struct sw_lua_call call = of_tile(SW_LUA_SCORE, tile, self, prepared);
    sw_lua_call_defined(&call);
    return call.out;
}

static struct sw_vectors *fuse(struct sw_tile *tile, const void *self, const void *prepared,
                               enum sw_side side, struct sw_vectors *own,
                               struct sw_vectors *attended)
{
    struct sw_lua_call call = of_tile(SW_LUA_FUSE, tile, self, prepared);
    call.side = side;
    call.own = own;
    call.attended = attended;
    sw_lua_call_defined(&call);
    return call.out;
}

static struct sw_tensor *of_fragments(enum sw_lua_function function, struct sw_encode *encode,
                                      const void *self, struct sw_tensor *x)
{
    struct sw_lua_call call = {.function = function,
                               .host = encode->host,
                               .graph = encode->graph,
                               .encode = encode,
                               .use = self,
                               .x = x};
    sw_lua_call_defined(&call);
    return call.out;
}

static struct sw_tensor *block(struct sw_encode *encode, const void *self, struct sw_tensor *x)
{
    return of_fragments(SW_LUA_BLOCK, encode, self, x);
}

static struct sw_tensor *pool(struct sw_encode *encode, const void *self, struct sw_tensor *x)
{
    return of_fragments(SW_LUA_POOL, encode, self, x);
}

static struct sw_tensor *loss(struct sw_loss_batch *batch, const void *self)
{
    struct sw_lua_call call = {.function = SW_LUA_LOSS,
                               .host = batch->host,
                               .graph = batch->graph,
                               .loss_batch = batch,
                               .use = self};
    sw_lua_call_defined(&call);
    return call.out;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void set_options(struct sw_definition *d)
{
    static const char *const kinds[] = {"number", "integer", "switch", "choice", "fusion", NULL};
    const json_t *options = json_object_get(d->json, "options");
    for (size_t i = 0; i < json_array_size(options) && i < SW_MOST_OPTIONS; i++) {
        const json_t *given = json_array_get(options, i);
        struct sw_option *o = &d->options[i];
        const char *kind = text_of(given, "kind", "");
        for (int k = 0; kinds[k]; k++)
            if (strcmp(kind, kinds[k]) == 0)
                o->kind = (enum sw_option_kind)(k + 1);
        o->name = o->kind ? text_of(given, "name", "") : ""; /* no name: refused as such */
        o->preset = text_of(given, "preset", NULL);
        o->choices = text_of(given, "choices", NULL);
        o->doc = text_of(given, "doc", "");
        o->least = json_number_value(json_object_get(given, "least"));
        o->most = json_number_value(json_object_get(given, "most"));
    }
}

static int describe(struct sw_definition *d, struct sw_error *error)
{
    const char *kind = text_of(d->json, "kind", ""), *doc = text_of(d->json, "doc", "");
    d->name = text_of(d->json, "name", "");
    d->file = text_of(d->json, "file", "?");
    d->plugin = (struct sw_plugin){SW_PLUGIN_HEAD, .name = d->name, .version = "0", .license = "",
                                   .doc = doc};
    set_options(d);
    if (strcmp(kind, "stage") == 0) {
        d->stage = (struct sw_stage){
            .name = d->name,
            .doc = doc,
            .options = d->options,
            .self_size = sizeof(struct sw_defined_use),
            .prepared_size = sizeof(struct sw_defined_prepared),
            .init = init_stage,
            .prepare = prepare,
            .score = score,
            .flags = json_is_true(json_object_get(d->json, "pooled")) ? SW_NEEDS_POOLED : 0};
        d->stages[0] = &d->stage;
        d->plugin.stages = d->stages;
    } else if (strcmp(kind, "fusion") == 0) {
        d->fusion = (struct sw_fusion){.name = d->name,
                                       .doc = doc,
                                       .options = d->options,
                                       .self_size = sizeof(struct sw_defined_use),
                                       .prepared_size = sizeof(struct sw_defined_prepared),
                                       .init = init_fusion,
                                       .prepare = prepare,
                                       .fuse = fuse};
        d->fusions[0] = &d->fusion;
        d->plugin.fusions = d->fusions;
    } else if (strcmp(kind, "block") == 0) {
        d->block = (struct sw_block){.name = d->name,
                                     .doc = doc,
                                     .options = d->options,
                                     .self_size = sizeof(struct sw_defined_use),
                                     .init = init_block,
                                     .encode = block};
        d->blocks[0] = &d->block;
        d->plugin.blocks = d->blocks;
    } else if (strcmp(kind, "pool") == 0) {
        d->pool = (struct sw_pool){.name = d->name,
                                   .doc = doc,
                                   .options = d->options,
                                   .self_size = sizeof(struct sw_defined_use),
                                   .init = init_pool,
                                   .pool = pool};
        d->pools[0] = &d->pool;
        d->plugin.pools = d->pools;
    } else if (strcmp(kind, "loss") == 0) {
        d->loss = (struct sw_loss){.name = d->name,
                                   .doc = doc,
                                   .options = d->options,
                                   .self_size = sizeof(struct sw_defined_use),
                                   .init = init_loss,
                                   .loss = loss};
        d->losses[0] = &d->loss;
        d->plugin.losses = d->losses;
    }
    return sw_descriptor_check(&d->plugin, error);
}

/* ---- those of a session ---------------------------------------------------------------------- */

struct definitions {
    const struct sw_ops *ops;
    struct sw_definition *first;
};

static void free_definition(struct sw_definition *d)
{
    for (int i = 0; i < SW_MOST_LUA_WORKERS; i++)
        sw_lua_free_worker(atomic_load(&d->idle[i]));
    json_decref(d->json);
    free(d->key);
    free(d);
}

static void release(void *data)
{
    struct definitions *all = data;
    while (all->first) {
        struct sw_definition *next = all->first->next;
        free_definition(all->first);
        all->first = next;
    }
    free(all);
}

static const struct sw_plugin *define(void *data, const json_t *json, struct sw_error *error)
{
    struct definitions *all = data;
    char *key = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    for (struct sw_definition *d = key ? all->first : NULL; d; d = d->next)
        if (strcmp(d->key, key) == 0) {
            free(key);
            return &d->plugin;
        }
    struct sw_definition *d = key ? calloc(1, sizeof *d) : NULL;
    struct sw_error own = {0};
    if (!d) {
        free(key);
        sw_fail(error, SW_FAILED, "out of memory for a definition");
        return NULL;
    }
    d->key = key;
    d->ops = all->ops;
    d->json = json_deep_copy(json);
    if (!d->json || describe(d, &own) != SW_OK || sw_lua_try_definition(d, &own) != SW_OK) {
        sw_fail(error, own.status ? own.status : SW_FAILED, "%s",
                own.status ? own.text : "out of memory for a definition");
        sw_error_within(error, "%s, defined in %s", d->name ? d->name : "", d->file ? d->file : "");
        free_definition(d);
        return NULL;
    }
    d->next = all->first;
    all->first = d;
    return &d->plugin;
}

int sw_lua_accept_definitions(struct sw_session *session, struct sw_error *error)
{
    struct definitions *all = calloc(1, sizeof *all);
    if (!all)
        return sw_fail(error, SW_FAILED, "out of memory for a session");
    struct sw_definer definer = {.define = define, .release = release, .data = all};
    all->ops = session->ops;
    sw_plugins_set_definer(session->plugins, &definer);
    return SW_OK;
}
