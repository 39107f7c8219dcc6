/* search.c -- see search.h. */
#include "plugin/search.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SW_PLUGIN_DIR
#define SW_PLUGIN_DIR "/usr/local/lib/stepwise"
#endif

/* The folder that holds this code: the program's, or that of the Lua module. */
static int own_folder(char out[PATH_MAX])
{
    Dl_info about;
    if (!dladdr((void *)(size_t)own_folder, &about) || !about.dli_fname)
        return 0;
    char path[PATH_MAX];
    ssize_t length = -1;
    if (!strchr(about.dli_fname, '/')) {
        length = readlink("/proc/self/exe", path, sizeof path - 1);
        if (length < 0)
            return 0;
        path[length] = 0;
    }
    if (!realpath(length < 0 ? about.dli_fname : path, out))
        return 0;
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = 0;
    return slash != NULL;
}

/* In a build tree the program lies beside plugins/, the Lua module one folder deeper (.libs). */
static char *build_tree_path(void)
{
    static const char *const kinds[] = {"align", "embed", "fusion"};
    char own[PATH_MAX];
    if (!own_folder(own))
        return NULL;
    for (int up = 0; up < 2; up++) {
        char sign[PATH_MAX + 32];
        snprintf(sign, sizeof sign, "%s/plugins/align/.libs", own);
        if (access(sign, X_OK) == 0) {
            char *path = malloc(3 * (strlen(own) + 32));
            if (!path)
                return NULL;
            size_t used = 0;
            for (int i = 0; i < 3; i++)
                used +=
                    (size_t)sprintf(path + used, "%s%s/plugins/%s", i ? ":" : "", own, kinds[i]);
            return path;
        }
        char *slash = strrchr(own, '/');
        if (!slash)
            return NULL;
        *slash = 0;
    }
    return NULL;
}

char *sw_plugin_path(const char *given)
{
    const char *named = given ? given : getenv("STEPWISE_PLUGIN_PATH");
    if (named && (*named || given))
        return strdup(named);
    char *built = build_tree_path();
    return built ? built : strdup(SW_PLUGIN_DIR);
}

static int is_plugin_name(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk_folder(const char *folder, int (*found)(void *data, const char *file), void *data)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_plugin_name, by_bytes), status = 0;
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX];
        int length = snprintf(file, sizeof file, "%s/%s", folder, names[i]->d_name);
        if (status == 0 && length > 0 && (size_t)length < sizeof file)
            status = found(data, file);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return status;
}

int sw_plugin_files(const char *path, int (*found)(void *data, const char *file), void *data,
                    struct sw_error *error)
{
    char *copy = strdup(path), *rest = copy, *folder;
    if (!copy)
        return sw_fail(error, SW_FAILED, "out of memory for the plugin path");
    int status = SW_OK;
    while (status == SW_OK && (folder = strsep(&rest, ":"))) {
        char inner[PATH_MAX];
        if (!*folder)
            continue;
        if (*folder != '/')
            status =
                sw_fail(error, SW_MISUSE,
                        "plugin path: expected folders that begin with '/', found '%s'", folder);
        if (status == SW_OK)
            status = walk_folder(folder, found, data);
        snprintf(inner, sizeof inner, "%s/.libs", folder);
        if (status == SW_OK)
            status = walk_folder(inner, found, data);
    }
    free(copy);
    return status;
}
