/* descriptor.c -- see descriptor.h. */
#include "plugin/descriptor.h"
#include "plugin/plugins.h"
#include "tensor/tape/graph.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Names appear in configs, file names and command lines: letters, digits and '_', a letter first.
 */
static int good_name(const char *name)
{
    if (!name || !islower((unsigned char)name[0]) || strlen(name) > 48)
        return 0;
    for (const char *c = name; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
            return 0;
    return 1;
}

static int check_head(const struct sw_plugin *p, struct sw_error *error)
{
    if (p->abi != SW_ABI)
        return sw_fail(error, SW_FAILED,
                       "it was built for plugin interface %u, this program has %u: build it again",
                       p->abi, SW_ABI);
    if (p->real_size != sizeof(float))
        return sw_fail(error, SW_FAILED, "its numbers have %u bytes, this program's have %zu",
                       p->real_size, sizeof(float));
    if (p->lanes != SW_LANES || p->max_dim != SW_MAX_DIM)
        return sw_fail(error, SW_FAILED,
                       "its tiles have %u lanes and %u dimensions, this program's have %d and %d",
                       p->lanes, p->max_dim, SW_LANES, SW_MAX_DIM);
    const uint32_t given[] = {p->plugin_size, p->stage_size, p->fusion_size, p->embedding_size,
                              p->block_size,  p->pool_size,  p->loss_size};
    const uint32_t own[] = {sizeof(struct sw_plugin), sizeof(struct sw_stage),
                            sizeof(struct sw_fusion), sizeof(struct sw_embedding),
                            sizeof(struct sw_block),  sizeof(struct sw_pool),
                            sizeof(struct sw_loss)};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (given[i] != own[i])
            return sw_fail(error, SW_FAILED,
                           "its descriptors have other sizes (%u bytes, this program's have %u): "
                           "build it again",
                           given[i], own[i]);
    if (!good_name(p->name))
        return sw_fail(error, SW_FAILED,
                       "its name '%s' is not one: expected lower-case letters, digits and '_'",
                       p->name ? p->name : "");
    if (!p->version || !p->license || !p->doc)
        return sw_fail(error, SW_FAILED, "plugin %s lacks its version, license or doc", p->name);
    return SW_OK;
}

static int number_fits(const struct sw_option *o)
{
    char *end;
    double value = strtod(o->preset, &end);
    int whole = o->kind != SW_INTEGER || value == (double)(long long)value;
    int bounded = o->least != 0 || o->most != 0;
    return end != o->preset && !*end && whole &&
           (!bounded || (value >= o->least && value <= o->most));
}

/* Choices are typed in commands and stand in the completion of a shell. */
static int choice_fits(const struct sw_option *o)
{
    size_t length = strlen(o->preset);
    for (const char *c = o->choices; c && *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-+. ", *c))
            return 0;
    for (const char *at = o->choices; at && *at; at++) {
        if (strncmp(at, o->preset, length) == 0 && (at[length] == ' ' || !at[length]) && length)
            return 1;
        at = strchr(at, ' ');
        if (!at)
            break;
    }
    return 0;
}

/* Keys that stand beside a plugin's options in a config. */
static int is_reserved(const char *kind, const char *name)
{
    return strcmp(name, "plugin") == 0 || strcmp(name, "prefix") == 0 ||
           strcmp(name, "score") == 0 || (strcmp(name, "weight") == 0 && strcmp(kind, "loss") == 0);
}

static int check_options(const char *kind, const char *owner, const struct sw_option *options,
                         struct sw_error *error)
{
    for (const struct sw_option *o = options; o && o->name; o++) {
        if (o - options == SW_MOST_OPTIONS)
            return sw_fail(error, SW_FAILED,
                           "%s %s: it has more than %d options, or a NULL name does not end them",
                           kind, owner, SW_MOST_OPTIONS);
        if (!good_name(o->name) || is_reserved(kind, o->name))
            return sw_fail(error, SW_FAILED, "%s: '%s' cannot be an option's name", owner, o->name);
        for (const struct sw_option *before = options; before < o; before++)
            if (strcmp(before->name, o->name) == 0)
                return sw_fail(error, SW_FAILED, "%s: option '%s' is declared twice", owner,
                               o->name);
        if (!o->preset || !o->doc)
            return sw_fail(error, SW_FAILED, "%s: option '%s' lacks its default or doc", owner,
                           o->name);
        int fits = 0;
        if (!isfinite(o->least) || !isfinite(o->most) || o->least > o->most)
            return sw_fail(error, SW_FAILED, "%s: option '%s': %g to %g is not a range", owner,
                           o->name, o->least, o->most);
        switch (o->kind) {
        case SW_NUMBER:
        case SW_INTEGER:
            fits = number_fits(o);
            break;
        case SW_SWITCH:
            fits = strcmp(o->preset, "true") == 0 || strcmp(o->preset, "false") == 0;
            break;
        case SW_CHOICE:
            fits = choice_fits(o);
            break;
        case SW_FUSION:
            fits = good_name(o->preset);
            break;
        }
        if (!fits)
            return sw_fail(error, SW_FAILED,
                           "%s: option '%s': its default '%s' does not fit its own type", owner,
                           o->name, o->preset);
    }
    return SW_OK;
}

/* Lists of descriptors end with NULL; one that does not would be walked into whatever follows. */
static int check_length(const char *kind, const void *const *list, struct sw_error *error)
{
    int count = 0;
    while (list && list[count])
        if (++count > SW_MOST_PARTS)
            return sw_fail(error, SW_FAILED,
                           "it has more than %d %ss, or a NULL does not end the list",
                           SW_MOST_PARTS, kind);
    return SW_OK;
}

/* size: bytes of what the host allocates for one use */
static int check_part(const char *kind, const char *name, const char *doc,
                      const struct sw_option *options, int complete, size_t size,
                      struct sw_error *error)
{
    if (!good_name(name) || !doc)
        return sw_fail(error, SW_FAILED, "%s '%s' lacks a good name or its doc", kind,
                       name ? name : "");
    if (!complete)
        return sw_fail(error, SW_FAILED, "%s %s lacks a function that it must have", kind, name);
    if (size > SW_MOST_SELF)
        return sw_fail(error, SW_FAILED, "%s %s: self_size or prepared_size is above %d bytes: %zu",
                       kind, name, SW_MOST_SELF, size);
    return check_options(kind, name, options, error);
}

/* What each kind must have besides name and doc, and what the host allocates for one use. */
static int is_complete(enum sw_kind kind, const void *part, size_t *size, struct sw_error *error)
{
    const struct sw_stage *stage = part;
    const struct sw_fusion *fusion = part;
    const struct sw_embedding *embedding = part;
    const struct sw_block *block = part;
    const struct sw_pool *pool = part;
    const struct sw_loss *loss = part;
    size_t prepared = 0;
    int complete = 0;
    switch (kind) {
    case SW_KIND_STAGE:
        complete = !stage->score != !stage->score_all;
        prepared = stage->prepared_size;
        break;
    case SW_KIND_FUSION:
        complete = fusion->fuse != NULL;
        prepared = fusion->prepared_size;
        break;
    case SW_KIND_EMBEDDING:
        complete = embedding->init && embedding->embed;
        if (embedding->tables < 1 || embedding->tables > SW_MOST_TABLES)
            sw_fail(error, SW_FAILED, "embedding %s: expected 1 to %d tables, found %d",
                    embedding->name, SW_MOST_TABLES, embedding->tables);
        break;
    case SW_KIND_BLOCK:
        complete = block->encode || block->augment;
        break;
    case SW_KIND_POOL:
        complete = pool->pool != NULL;
        break;
    case SW_KIND_LOSS:
        complete = loss->loss != NULL;
        break;
    case SW_KINDS:
        break;
    }
    *size = stage->self_size > prepared ? stage->self_size : prepared;
    return complete;
}

static int check_kind(const struct sw_plugin *p, enum sw_kind kind, struct sw_error *error)
{
    const char *name = sw_kind_names[kind];
    const struct sw_descriptor *const *all = sw_plugin_descriptors(p, kind);
    if (check_length(name, (const void *const *)all, error))
        return -1;
    int count = 0;
    for (; all[count]; count++) {
        const struct sw_descriptor *d = all[count];
        size_t size;
        int complete = is_complete(kind, d, &size, error);
        if (check_part(name, d->name, d->doc, d->options, complete, size, error) != SW_OK)
            return -1;
    }
    return error->status == SW_OK ? count : -1;
}

int sw_descriptor_check(const struct sw_plugin *p, struct sw_error *error)
{
    if (check_head(p, error) != SW_OK)
        return error->status;
    int parts = 0;
    for (int kind = 0; kind < SW_KINDS; kind++) {
        int count = check_kind(p, (enum sw_kind)kind, error);
        if (count < 0)
            return error->status;
        parts += count;
    }
    if (check_length("operation", (const void *const *)p->ops, error))
        return error->status;
    for (const struct sw_op *const *o = p->ops; o && *o; o++, parts++)
        if (sw_op_check(*o, error))
            return error->status;
    if (parts == 0)
        return sw_fail(
            error, SW_FAILED,
            "plugin %s brings no stage, fusion, embedding, block, pool, loss or operation",
            p->name);
    return SW_OK;
}
