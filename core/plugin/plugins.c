/* plugins.c -- see plugins.h. */
#include "plugin/plugins.h"
#include "base/file.h"
#include "plugin/descriptor.h"
#include "plugin/probe.h"
#include "plugin/search.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct sw_plugins {
    struct sw_ops *ops;
    struct sw_loaded_plugin *list;
    int count, room;
    struct sw_definer definer;
};

/* ---- names ----------------------------------------------------------------------------------- */

const char *const sw_kind_names[SW_KINDS + 1] = {"stage", "fusion", "embedding", "block",
                                                 "pool",  "loss",   NULL};

const struct sw_descriptor *const *sw_plugin_descriptors(const struct sw_plugin *plugin,
                                                         enum sw_kind kind)
{
    static const struct sw_descriptor *const none[] = {NULL};
    const void *const list[SW_KINDS] = {plugin->stages, plugin->fusions, plugin->embeddings,
                                        plugin->blocks, plugin->pools,   plugin->losses};
    return list[kind] ? list[kind] : none;
}

static const void *find(const struct sw_plugins *plugins, enum sw_kind kind, const char *wanted,
                        const struct sw_loaded_plugin **origin)
{
    for (int p = 0; p < plugins->count; p++) {
        const struct sw_plugin *plugin = plugins->list[p].plugin;
        const struct sw_descriptor *const *at = plugin ? sw_plugin_descriptors(plugin, kind) : NULL;
        for (; at && *at; at++)
            if (strcmp((*at)->name, wanted) == 0) {
                if (origin)
                    *origin = &plugins->list[p];
                return *at;
            }
    }
    return NULL;
}

/* Whether the file's name is that of the plugin `wanted`: wanted.so */
static int is_file_of(const char *file, const char *wanted)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    size_t length = strlen(wanted);
    return strncmp(base, wanted, length) == 0 && strcmp(base + length, ".so") == 0;
}

/* The refused file of the plugin `wanted` among those that come before `found` (NULL: all). */
static const struct sw_loaded_plugin *refused_file(const struct sw_plugins *plugins,
                                                   const char *wanted,
                                                   const struct sw_loaded_plugin *found)
{
    for (int p = 0; p < plugins->count && &plugins->list[p] != found; p++) {
        const struct sw_loaded_plugin *entry = &plugins->list[p];
        if (!entry->plugin && !entry->hidden && is_file_of(entry->file, wanted))
            return entry;
    }
    return NULL;
}

/* Behind "no stage 'wanted'": the near miss, and whether files were refused that may hold it. */
static void explain_absence(const struct sw_plugins *plugins, enum sw_kind kind, const char *wanted,
                            char *hint, size_t size)
{
    const char *names[256] = {NULL};
    size_t count = 0;
    int refused = 0;
    for (int p = 0; p < plugins->count; p++) {
        const struct sw_loaded_plugin *entry = &plugins->list[p];
        if (entry->plugin) {
            const struct sw_descriptor *const *at = sw_plugin_descriptors(entry->plugin, kind);
            for (; *at && count < sizeof names / sizeof *names; at++)
                names[count++] = (*at)->name;
        } else {
            refused += !entry->hidden;
        }
    }
    if (count == 0)
        snprintf(hint, size, "; none is loaded (see STEPWISE_PLUGIN_PATH and 'stepwise plugins')");
    else
        sw_suggest(hint, size, wanted, names, count);
    size_t used = strlen(hint);
    if (refused)
        snprintf(hint + used, size - used, "; %d plugin file%s refused (see 'stepwise plugins')",
                 refused, refused == 1 ? " was" : "s were");
}

const void *sw_plugins_find(const struct sw_plugins *plugins, enum sw_kind kind, const char *wanted,
                            struct sw_error *error)
{
    const struct sw_loaded_plugin *origin = NULL;
    const void *found = find(plugins, kind, wanted, &origin);
    const struct sw_loaded_plugin *refused = refused_file(plugins, wanted, origin);
    if (refused) { /* what comes later must not take its place unnoticed */
        sw_fail(error, SW_MISUSE, "no %s '%s'; %s was refused: %s", sw_kind_names[kind], wanted,
                refused->file, refused->reason);
        return NULL;
    }
    if (found)
        return found;
    char hint[768];
    explain_absence(plugins, kind, wanted, hint, sizeof hint);
    sw_fail(error, SW_MISUSE, "no %s '%s'%s", sw_kind_names[kind], wanted, hint);
    return NULL;
}

void sw_plugins_set_definer(struct sw_plugins *plugins, const struct sw_definer *definer)
{
    plugins->definer = *definer;
}

const struct sw_plugin *sw_plugins_define(const struct sw_plugins *plugins,
                                          const json_t *definition, struct sw_error *error)
{
    const struct sw_definer *definer = &plugins->definer;
    if (definer->define)
        return definer->define(definer->data, definition, error);
    sw_fail(error, SW_FAILED, "a model with definitions of its own needs Lua");
    return NULL;
}

const struct sw_loaded_plugin *sw_plugins_origin(const struct sw_plugins *plugins,
                                                 enum sw_kind wanted, const char *name)
{
    const struct sw_loaded_plugin *origin = NULL;
    for (int kind = 0; kind < SW_KINDS && !origin; kind++)
        if (wanted == SW_KINDS || wanted == (enum sw_kind)kind)
            find(plugins, (enum sw_kind)kind, name, &origin);
    return origin;
}

int sw_plugins_count(const struct sw_plugins *plugins)
{
    return plugins->count;
}

const struct sw_loaded_plugin *sw_plugins_at(const struct sw_plugins *plugins, int index)
{
    return &plugins->list[index];
}

/* ---- registering ----------------------------------------------------------------------------- */

static int remember(struct sw_plugins *plugins, const struct sw_plugin *plugin, const char *file,
                    const char *reason, int hidden, uint64_t hash, struct sw_error *error)
{
    if (plugins->count == plugins->room) {
        int room = plugins->room ? 2 * plugins->room : 32;
        struct sw_loaded_plugin *more = realloc(plugins->list, sizeof *more * (size_t)room);
        if (!more)
            return sw_fail(error, SW_FAILED, "out of memory for plugin %s", file);
        plugins->list = more;
        plugins->room = room;
    }
    struct sw_loaded_plugin entry = {.plugin = plugin,
                                     .file = strdup(file),
                                     .reason = reason ? strdup(reason) : NULL,
                                     .hidden = hidden,
                                     .hash = hash};
    if (!entry.file || (reason && !entry.reason)) {
        free((char *)(size_t)entry.file);
        return sw_fail(error, SW_FAILED, "out of memory for plugin %s", file);
    }
    plugins->list[plugins->count++] = entry;
    return SW_OK;
}

static int names_are_free(const struct sw_plugins *plugins, const struct sw_plugin *plugin,
                          struct sw_error *error)
{
    for (int kind = 0; kind < SW_KINDS; kind++) {
        const struct sw_descriptor *const *all = sw_plugin_descriptors(plugin, (enum sw_kind)kind);
        for (const struct sw_descriptor *const *at = all; *at; at++) {
            const struct sw_loaded_plugin *origin;
            if (find(plugins, (enum sw_kind)kind, (*at)->name, &origin))
                return sw_fail(error, SW_FAILED, "the %s '%s' is taken by %s", sw_kind_names[kind],
                               (*at)->name, origin->file);
            for (const struct sw_descriptor *const *before = all; before < at; before++)
                if (strcmp((*before)->name, (*at)->name) == 0)
                    return sw_fail(error, SW_FAILED, "it declares the %s '%s' twice",
                                   sw_kind_names[kind], (*at)->name);
        }
    }
    for (const struct sw_op *const *op = plugin->ops; op && *op; op++) {
        for (const struct sw_op *const *before = plugin->ops; before < op; before++)
            if ((*before)->name && (*op)->name && strcmp((*before)->name, (*op)->name) == 0)
                return sw_fail(error, SW_FAILED, "it declares the operation '%s' twice",
                               (*op)->name);
        if (!sw_ops_would_add(plugins->ops, *op, error))
            return error->status;
    }
    return SW_OK;
}

/* A checked descriptor; *taken: it is refused for a name that an earlier plugin has. */
static int take(struct sw_plugins *plugins, const struct sw_plugin *plugin, const char *file,
                uint64_t hash, int *taken, struct sw_error *error)
{
    *taken = names_are_free(plugins, plugin, error) != SW_OK;
    if (*taken || remember(plugins, plugin, file, NULL, 0, hash, error))
        return error->status;
    for (const struct sw_op *const *op = plugin->ops; op && *op; op++)
        if (sw_ops_add(plugins->ops, *op, error))
            return error->status;
    return SW_OK;
}

int sw_plugins_register(struct sw_plugins *plugins, const struct sw_plugin *plugin,
                        const char *file, struct sw_error *error)
{
    int taken, status = sw_descriptor_check(plugin, error);
    if (status == SW_OK)
        status = take(plugins, plugin, file, 0, &taken, error);
    if (status != SW_OK)
        sw_error_within(error, "plugin %s", file);
    return status;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Loading runs the file's code, so a file that anybody may write, or a stranger owns, is refused.
 */
static int is_trusted(const char *file, struct sw_error *error)
{
    struct stat about;
    if (stat(file, &about) < 0)
        return !sw_fail(error, SW_FAILED, "the file cannot be read");
    if (!S_ISREG(about.st_mode))
        return !sw_fail(error, SW_FAILED, "it is not a regular file");
    if (about.st_uid != 0 && about.st_uid != geteuid())
        return !sw_fail(error, SW_FAILED, "it belongs to another user (%u)", about.st_uid);
    if (about.st_mode & S_IWOTH)
        return !sw_fail(error, SW_FAILED, "it is writable by everyone (mode %o)",
                        about.st_mode & 07777);
    return 1;
}

static uint64_t hash_of(const char *file)
{
    struct sw_mapping bytes;
    if (sw_map(&bytes, file, NULL) != SW_OK)
        return 0;
    uint64_t hash = XXH3_64bits(bytes.data, bytes.size);
    sw_unmap(&bytes);
    return hash;
}

/* hash: of the file, which is_trusted; *taken as for take. */
static int load(struct sw_plugins *plugins, const char *file, uint64_t hash, int *taken,
                struct sw_error *error)
{
    void *library;
    const struct sw_plugin *plugin = sw_plugin_open(file, &library, error);
    if (plugin && take(plugins, plugin, file, hash, taken, error) != SW_OK)
        dlclose(library);
    return error->status;
}

int sw_plugins_add(struct sw_plugins *plugins, const char *file, struct sw_error *error)
{
    int taken = 0;
    struct sw_error own = {.status = SW_OK};
    if (is_trusted(file, &own) && sw_plugin_probe(file, &own) == SW_OK &&
        load(plugins, file, hash_of(file), &taken, &own) == SW_OK)
        return SW_OK;
    return sw_fail(error, own.status, "plugin %s: %s", file, own.text);
}

static int is_loaded(const struct sw_plugins *plugins, uint64_t hash)
{
    for (int p = 0; p < plugins->count; p++)
        if (plugins->list[p].plugin && plugins->list[p].hash == hash)
            return 1;
    return 0;
}

struct walk {
    struct sw_plugins *plugins;
    struct sw_error *error;
};

/* A copy of a file that is loaded already is passed over. What came with the program is not tried
 * in a child first, which would cost each start a process for each of them. */
static int load_found(void *data, const char *file, enum sw_plugin_source source)
{
    struct walk *walk = data;
    struct sw_error why = {.status = SW_OK};
    int taken = 0;
    if (is_trusted(file, &why)) {
        uint64_t hash = hash_of(file);
        if (is_loaded(walk->plugins, hash))
            return SW_OK;
        if (source == SW_PLUGIN_BUILT_IN || sw_plugin_probe(file, &why) == SW_OK)
            load(walk->plugins, file, hash, &taken, &why);
    }
    if (why.status == SW_OK)
        return SW_OK;
    int no_memory = strncmp(why.text, "out of memory", 13) == 0; /* no fault of the file */
    if (source == SW_PLUGIN_NAMED || no_memory)
        return sw_fail(walk->error, why.status, "plugin %s: %s", file, why.text);
    return remember(walk->plugins, NULL, file, why.text, taken, 0, walk->error);
}

int sw_plugins_load(struct sw_plugins **out, const char *first, struct sw_ops *ops,
                    struct sw_error *error)
{
    *out = NULL;
    struct sw_plugins *plugins = calloc(1, sizeof *plugins);
    if (!plugins)
        return sw_fail(error, SW_FAILED, "out of memory for plugins");
    plugins->ops = ops;
    struct walk walk = {plugins, error};
    int status = sw_plugin_files(first, load_found, &walk, error);
    if (status != SW_OK) {
        sw_plugins_free(plugins);
        return status;
    }
    *out = plugins;
    return SW_OK;
}

void sw_plugins_free(struct sw_plugins *plugins)
{
    if (!plugins)
        return;
    for (int p = 0; p < plugins->count; p++) {
        free((char *)(size_t)plugins->list[p].file);
        free((char *)(size_t)plugins->list[p].reason);
    }
    if (plugins->definer.release)
        plugins->definer.release(plugins->definer.data);
    free(plugins->list);
    free(plugins);
}
