/* descriptor.c -- see descriptor.h. */
#include "plugin/descriptor.h"
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

static int check_options(const char *kind, const char *owner, const struct sw_option *options,
                         struct sw_error *error)
{
    for (const struct sw_option *o = options; o && o->name; o++) {
        if (o - options == SW_MOST_OPTIONS)
            return sw_fail(error, SW_FAILED,
                           "%s %s: it has more than %d options, or a NULL name does not end them",
                           kind, owner, SW_MOST_OPTIONS);
        if (!good_name(o->name) || strcmp(o->name, "plugin") == 0 || strcmp(o->name, "score") == 0)
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
            return sw_fail(error, SW_FAILED, "%s: option '%s': %g to %g is no range", owner,
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

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

int sw_descriptor_check(const struct sw_plugin *p, struct sw_error *error)
{
    if (check_head(p, error) != SW_OK)
        return error->status;
    if (check_length("stage", (const void *const *)p->stages, error) ||
        check_length("fusion", (const void *const *)p->fusions, error) ||
        check_length("embedding", (const void *const *)p->embeddings, error) ||
        check_length("operation", (const void *const *)p->ops, error))
        return error->status;
    int parts = 0;
    for (const struct sw_stage *const *s = p->stages; s && *s; s++, parts++)
        if (check_part("stage", (*s)->name, (*s)->doc, (*s)->options, (*s)->init && (*s)->score,
                       larger((*s)->self_size, (*s)->prepared_size), error))
            return error->status;
    for (const struct sw_fusion *const *f = p->fusions; f && *f; f++, parts++)
        if (check_part("fusion", (*f)->name, (*f)->doc, (*f)->options, (*f)->init && (*f)->fuse,
                       larger((*f)->self_size, (*f)->prepared_size), error))
            return error->status;
    for (const struct sw_embedding *const *e = p->embeddings; e && *e; e++, parts++) {
        if (check_part("embedding", (*e)->name, (*e)->doc, (*e)->options, (*e)->init && (*e)->embed,
                       (*e)->self_size, error))
            return error->status;
        if ((*e)->tables < 1 || (*e)->tables > SW_MOST_TABLES)
            return sw_fail(error, SW_FAILED, "embedding %s: expected 1 to %d tables, found %d",
                           (*e)->name, SW_MOST_TABLES, (*e)->tables);
    }
    for (const struct sw_op *const *o = p->ops; o && *o; o++, parts++)
        if (sw_op_check(*o, error))
            return error->status;
    if (parts == 0)
        return sw_fail(error, SW_FAILED,
                       "plugin %s brings no stage, fusion, embedding or operation", p->name);
    return SW_OK;
}
