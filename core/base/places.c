/* places.c -- see places.h. */
#include "base/places.h"
#include "base/configured_places.h" /* SW_BIN_DIR, SW_LUA_DIR, SW_PLUGIN_DIR, SW_DATA_DIR */

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

static int is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Removes the last component of an absolute path; 0 when there is none. */
static int go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return 0;
    slash[slash == path] = 0;
    return 1;
}

/* The folder of the program, or of the Lua module when this code is part of that. The name under
 * which the loader knows a program is what its caller said, so that of the kernel is taken. */
static int own_folder(char out[PATH_MAX])
{
    Dl_info about;
    if (!dladdr((void *)(size_t)own_folder, &about) || !about.dli_fname)
        return 0;
    uintptr_t headers = getauxval(AT_PHDR), base = (uintptr_t)about.dli_fbase;
    int is_program = headers >= base && headers - base < 4096;
    return realpath(is_program ? "/proc/self/exe" : about.dli_fname, out) && go_up(out);
}

char *sw_moved_path(const char *from, const char *to, const char *here)
{
    size_t i = 0, shared = 0; /* both begin with to[0..shared), which ends between components */
    for (;; i++) {
        int ends = (!from[i] || from[i] == '/') && (!to[i] || to[i] == '/');
        if (ends)
            shared = i;
        if (!from[i] || from[i] != to[i])
            break;
    }
    char *path = malloc(strlen(here) + strlen(to + shared) + 2);
    if (!path)
        return NULL;
    strcpy(path, here);
    for (const char *rest = from + shared; *rest; rest++)
        if (*rest == '/' && rest[1] && rest[1] != '/' && !go_up(path)) {
            free(path);
            return NULL;
        }
    if (strcmp(path, "/") == 0)
        *path = 0;
    return strcat(path, to + shared);
}

/* The root of the build tree that holds this code, and there the folders of its plugins. The
 * program lies at the root, the Lua module one folder deeper and the programs of the tests two. */
static int in_build_tree(char root[PATH_MAX], glob_t *folders)
{
    char pattern[PATH_MAX + 32];
    if (!own_folder(root))
        return 0;
    for (int up = 0; up <= 2; up++) {
        snprintf(pattern, sizeof pattern, "%s/plugins/*/.libs", root);
        if (glob(pattern, 0, NULL, folders) == 0)
            return 1;
        if (!go_up(root))
            return 0;
    }
    return 0;
}

/* What was configured as `to`, in the tree that this code lies in. */
static char *installed(const char *to)
{
    static const char *const own_places[] = {SW_BIN_DIR, SW_LUA_DIR};
    char own[PATH_MAX];
    if (own_folder(own)) {
        for (size_t i = 0; i < sizeof own_places / sizeof *own_places; i++) {
            char *path = sw_moved_path(own_places[i], to, own);
            if (path && is_folder(path))
                return path;
            free(path);
        }
    }
    return strdup(to);
}

/* The list with ':' between; NULL when out of memory. */
static char *joined(const glob_t *folders)
{
    size_t size = 1;
    for (size_t i = 0; i < folders->gl_pathc; i++)
        size += strlen(folders->gl_pathv[i]) + 1;
    char *list = malloc(size), *end = list;
    for (size_t i = 0; list && i < folders->gl_pathc; i++)
        end += sprintf(end, "%s%s", i ? ":" : "", folders->gl_pathv[i]);
    return list;
}

char *sw_plugins_place(void)
{
    char root[PATH_MAX];
    glob_t folders;
    if (!in_build_tree(root, &folders))
        return installed(SW_PLUGIN_DIR);
    char *list = joined(&folders);
    globfree(&folders);
    return list;
}

char *sw_transport_place(void)
{
    char root[PATH_MAX], *folder, *path = NULL;
    glob_t folders;
    if (in_build_tree(root, &folders)) {
        globfree(&folders);
        return asprintf(&path, "%s/core/peers/.libs/mpi.so", root) < 0 ? NULL : path;
    }
    folder = installed(SW_PLUGIN_DIR);
    if (folder && asprintf(&path, "%s/transport/mpi.so", folder) < 0)
        path = NULL;
    free(folder);
    return path;
}

char *sw_data_place(void)
{
    char root[PATH_MAX];
    glob_t folders;
    if (!in_build_tree(root, &folders))
        return installed(SW_DATA_DIR);
    globfree(&folders);
    return strdup(root);
}
