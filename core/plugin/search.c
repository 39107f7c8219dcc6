/* search.c -- see search.h. */
#include "plugin/search.h"
#include "base/places.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What $STEPWISE_PLUGIN_PATH says, or "". */
static const char *named_path(void)
{
    const char *path = getenv("STEPWISE_PLUGIN_PATH");
    return path ? path : "";
}

char *sw_plugin_path(const char *first)
{
    if (first && !*first)
        return strdup("");
    char *built_in = sw_plugins_place(), *path = NULL;
    const char *named = named_path();
    if (built_in && asprintf(&path, "%s%s%s%s%s", first ? first : "", first ? ":" : "", named,
                             *named ? ":" : "", built_in) < 0)
        path = NULL;
    free(built_in);
    return path;
}

/* ---- walking --------------------------------------------------------------------------------- */

struct walk {
    int (*found)(void *data, const char *file, enum sw_plugin_source source);
    void *data;
    enum sw_plugin_source source;
    const char *built_in; /* the folders that are left for the end */
    struct sw_error *error;
};

static int is_plugin_file(const char *name)
{
    size_t length = strlen(name);
    return length > 3 && name[0] != '.' && strcmp(name + length - 3, ".so") == 0;
}

static int is_plugin_entry(const struct dirent *entry)
{
    return is_plugin_file(entry->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Whether `folder` is one of a ':' list of paths, by name or behind links. */
static int is_among(const char *folder, const char *list)
{
    char real[PATH_MAX], entry[PATH_MAX];
    if (!realpath(folder, real))
        return 0;
    while (*list) {
        size_t length = strcspn(list, ":");
        char other[PATH_MAX];
        if (length < sizeof entry) {
            memcpy(entry, list, length);
            entry[length] = 0;
            if (realpath(entry, other) && strcmp(real, other) == 0)
                return 1;
        }
        list += length + (list[length] == ':');
    }
    return 0;
}

static int walk_folder(const struct walk *walk, const char *folder)
{
    struct dirent **names;
    if (is_among(folder, walk->built_in))
        return SW_OK;
    int count = scandir(folder, &names, is_plugin_entry, by_bytes), status = SW_OK;
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX];
        int length = snprintf(file, sizeof file, "%s/%s", folder, names[i]->d_name);
        if (status == SW_OK && length > 0 && (size_t)length < sizeof file)
            status = walk->found(walk->data, file, walk->source);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return status;
}

static int walk_entry(struct walk *walk, const char *entry)
{
    char inner[PATH_MAX];
    struct stat about;
    if (*entry != '/')
        return sw_fail(walk->error, SW_MISUSE,
                       "plugin path: expected paths that begin with '/', found '%s'", entry);
    int is_folder = stat(entry, &about) == 0 && S_ISDIR(about.st_mode);
    if (walk->source == SW_PLUGIN_NAMED && !is_folder)
        return walk->found(walk->data, entry, SW_PLUGIN_NAMED);
    struct walk inside = *walk;
    if (inside.source == SW_PLUGIN_NAMED)
        inside.source = SW_PLUGIN_FOUND;
    int status = walk_folder(&inside, entry);
    snprintf(inner, sizeof inner, "%s/.libs", entry);
    return status == SW_OK ? walk_folder(&inside, inner) : status;
}

static int walk_path(struct walk *walk, const char *path, enum sw_plugin_source source)
{
    char *copy = strdup(path), *rest = copy, *entry;
    if (!copy)
        return sw_fail(walk->error, SW_FAILED, "out of memory for the plugin path");
    walk->source = source;
    int status = SW_OK;
    while (status == SW_OK && (entry = strsep(&rest, ":")))
        if (*entry)
            status = walk_entry(walk, entry);
    free(copy);
    return status;
}

int sw_plugin_files(const char *first,
                    int (*found)(void *data, const char *file, enum sw_plugin_source source),
                    void *data, struct sw_error *error)
{
    if (first && !*first)
        return SW_OK;
    char *built_in = sw_plugins_place();
    if (!built_in)
        return sw_fail(error, SW_FAILED, "out of memory for the plugin path");
    struct walk walk = {found, data, SW_PLUGIN_NAMED, built_in, error};
    int status = first ? walk_path(&walk, first, SW_PLUGIN_NAMED) : SW_OK;
    if (status == SW_OK)
        status = walk_path(&walk, named_path(), SW_PLUGIN_FOUND);
    walk.built_in = "";
    if (status == SW_OK)
        status = walk_path(&walk, built_in, SW_PLUGIN_BUILT_IN);
    free(built_in);
    return status;
}
