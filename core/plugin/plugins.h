/* plugins.h -- loads plugins and finds what they bring by kind and name.
 *
 * Loading a plugin runs its code: only folders of the plugin path are read, never the current one,
 * and files that others may write are refused. Accepted libraries stay loaded; refused ones are
 * closed. */
#ifndef SW_PLUGIN_PLUGINS_H
#define SW_PLUGIN_PLUGINS_H

#include "base/error.h"
#include "stepwise/plugin.h"
#include "tensor/tape/graph.h"

#include <jansson.h>

struct sw_plugins;

enum sw_kind {
    SW_KIND_STAGE,
    SW_KIND_FUSION,
    SW_KIND_EMBEDDING,
    SW_KIND_BLOCK,
    SW_KIND_POOL,
    SW_KIND_LOSS,
    SW_KINDS
};
/* "stage", "fusion", .. */
extern const char *const sw_kind_names[SW_KINDS + 1];

/* What all of them begin with. */
struct sw_descriptor {
    SW_DESCRIPTOR_HEAD;
};

/* Loads what is on the plugin path (plugin/search.h): the files and folders of `first`, those of
 * $STEPWISE_PLUGIN_PATH, and the built-in plugins. first: NULL for none, "" for no plugin at all.
 * Of plugins that bring the same name the first is used and the others are hidden. A file is first
 * tried in a child process (plugin/probe.h), unless it came with the program. One that is refused
 * does not stop the others, it is listed with its reason; one that `first` names is an error. Ops
 * are added to `ops`. */
int sw_plugins_load(struct sw_plugins **out, const char *first, struct sw_ops *ops,
                    struct sw_error *error);
void sw_plugins_free(struct sw_plugins *plugins);

/* Loads one file after a trial in a child; all of it is registered, or nothing and *error says why.
 */
int sw_plugins_add(struct sw_plugins *plugins, const char *file, struct sw_error *error);

/* The same checks on a descriptor already in memory (what sw_plugins_add does after dlopen). */
int sw_plugins_register(struct sw_plugins *plugins, const struct sw_plugin *plugin,
                        const char *file, struct sw_error *error);

struct sw_loaded_plugin {
    const struct sw_plugin *plugin; /* NULL when refused or hidden */
    const char *file;
    const char *reason; /* why it was refused */
    int hidden;         /* only because an earlier plugin has one of its names */
    uint64_t hash;      /* XXH3 of the file */
};
int sw_plugins_count(const struct sw_plugins *plugins); /* with those refused and hidden */
const struct sw_loaded_plugin *sw_plugins_at(const struct sw_plugins *plugins, int index);

/* By name; NULL with an error that gives the near miss, or names the file NAME.so that was refused,
 * even where a later plugin has that name. The result is a struct sw_stage, sw_fusion, .. */
const void *sw_plugins_find(const struct sw_plugins *, enum sw_kind kind, const char *name,
                            struct sw_error *error);
/* What makes a plugin of a definition: of something that a model brings along itself, in the list
 * "defined" of its object. NULL with *error; the result lives as long as `data`, which is released
 * with the plugins. */
struct sw_definer {
    const struct sw_plugin *(*define)(void *data, const json_t *definition, struct sw_error *error);
    void (*release)(void *data);
    void *data;
};
/* Once, before models are made; without one, definitions are refused. */
void sw_plugins_set_definer(struct sw_plugins *plugins, const struct sw_definer *definer);
/* NULL with *error. */
const struct sw_plugin *sw_plugins_define(const struct sw_plugins *plugins,
                                          const json_t *definition, struct sw_error *error);

/* The descriptors of a kind in one plugin, ended by NULL. */
const struct sw_descriptor *const *sw_plugin_descriptors(const struct sw_plugin *plugin,
                                                         enum sw_kind kind);
/* The plugin file that the descriptor of that kind came from (for provenance), or NULL. SW_KINDS:
 * of the first kind that has one of that name. */
const struct sw_loaded_plugin *sw_plugins_origin(const struct sw_plugins *, enum sw_kind,
                                                 const char *name);

/* The one host table. */
const struct sw_host *sw_host_table(void);

#endif
