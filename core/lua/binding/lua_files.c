/* lua_files.c -- what Lua's own io library lacks: folders, atomic writes, kinds of files. */
#include "lua/binding/binding.h"

#include "base/file.h"
#include "base/values.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* nil, "path: reason", true when something of that name already exists */
static int refused(lua_State *L, const char *path, int fault)
{
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, strerror(fault));
    lua_pushboolean(L, fault == EEXIST);
    return 3;
}

/* make_folder(path): true when this call made it, else nil, reason, whether it was there. */
static int make_folder(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    if (mkdir(path, 0777) != 0)
        return refused(L, path, errno);
    lua_pushboolean(L, 1);
    return 1;
}

static int is_folder(const char *path)
{
    struct stat at;
    return stat(path, &at) == 0 && S_ISDIR(at.st_mode);
}

/* make_folders(path): with those above it; a folder that is there is fine. */
static int make_folders(lua_State *L)
{
    size_t length;
    const char *path = luaL_checklstring(L, 1, &length);
    char *part = lua_newuserdatauv(L, length + 1, 0);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char kept = part[i];
        part[i] = 0;
        if (mkdir(part, 0777) != 0 && !is_folder(part))
            return refused(L, part, errno);
        part[i] = kept;
    }
    lua_pushboolean(L, 1);
    return 1;
}

static void release_dir(void *value)
{
    closedir(value);
}

/* list_folder(path): the names in it, sorted, without . and .. */
static int list_folder(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct sw_lua_box *box = sw_lua_box(L, release_dir);
    box->value = opendir(path);
    if (!box->value)
        return refused(L, path, errno);
    lua_newtable(L);
    int table = lua_gettop(L);
    lua_Integer count = 0;
    for (struct dirent *entry; (entry = readdir(box->value));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        lua_pushstring(L, entry->d_name);
        lua_rawseti(L, table, ++count);
    }
    sw_lua_box_empty(box);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0);
    lua_getfield(L, -1, "sort");
    lua_pushvalue(L, table);
    lua_call(L, 1, 0);
    lua_settop(L, table);
    return 1;
}

/* file_kind(path): "file", "folder", "other", or nil when there is none. */
static int file_kind(lua_State *L)
{
    struct stat at;
    if (stat(luaL_checkstring(L, 1), &at) != 0)
        lua_pushnil(L);
    else
        lua_pushstring(L, S_ISREG(at.st_mode) ? "file" : S_ISDIR(at.st_mode) ? "folder" : "other");
    return 1;
}

/* write_file(path, text): whole or not at all. */
static int write_file(lua_State *L)
{
    size_t size;
    struct sw_error error = {0};
    const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &size);
    if (sw_write_file(path, text, size, &error) != SW_OK)
        return sw_lua_raise(L, &error);
    return 0;
}

/* cut_file(path, size): keeps its first bytes. */
static int cut_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    if (truncate(path, (off_t)luaL_checkinteger(L, 2)) != 0)
        return sw_lua_fail(L, SW_FAILED, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

/* sync_file(path): brings what was written to it to the disk. */
static int sync_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC), failed = fd < 0 || fsync(fd) != 0, why = errno;
    if (fd >= 0)
        close(fd);
    return failed ? sw_lua_fail(L, SW_FAILED, "cannot write %s: %s", path, strerror(why)) : 0;
}

static void release_mapping(void *value)
{
    sw_unmap(value);
    free(value);
}

static int read_whole(lua_State *L, int is_text)
{
    struct sw_error error = {0};
    size_t begin = 0;
    const char *path = luaL_checkstring(L, 1);
    struct sw_lua_box *box = sw_lua_box(L, release_mapping);
    struct sw_mapping *mapping = calloc(1, sizeof *mapping);
    if (!mapping)
        return sw_lua_fail(L, SW_FAILED, "out of memory");
    if ((is_text ? sw_map_text(mapping, &begin, path, &error) : sw_map(mapping, path, &error)) !=
        SW_OK) {
        free(mapping);
        return sw_lua_raise(L, &error);
    }
    box->value = mapping;
    lua_pushlstring(L, (const char *)mapping->data + begin, mapping->size - begin);
    sw_lua_box_empty(box);
    return 1;
}

/* read_file(path): its bytes; an error names the path. */
static int read_file(lua_State *L)
{
    return read_whole(L, 0);
}

/* read_text(path): its text, without a byte order mark; UTF-16 and compressed files are refused. */
static int read_text(lua_State *L)
{
    return read_whole(L, 1);
}

/* hash_file(path [, sampled]): XXH3 of its bytes as 16 hex digits; sampled: of its size and, where
 * it is large, of pages only, because a file of word vectors may have gigabytes. */
static int hash_file(lua_State *L)
{
    enum { PAGES = 64, PAGE = 4096 };
    struct sw_error error = {0};
    struct sw_mapping file;
    char hex[17];
    if (sw_map(&file, luaL_checkstring(L, 1), &error) != SW_OK)
        return sw_lua_raise(L, &error);
    uint64_t size = file.size, hash = 0;
    size_t step = file.size / PAGES;
    if (!lua_toboolean(L, 2)) {
        hash = XXH3_64bits(file.data, file.size);
    } else if (hash = XXH3_64bits(&size, sizeof size), step <= PAGE) {
        hash = XXH3_64bits_withSeed(file.data, file.size, hash);
    } else {
        for (size_t i = 0; i < PAGES; i++)
            hash = XXH3_64bits_withSeed(file.data + i * step, PAGE, hash);
        hash = XXH3_64bits_withSeed(file.data + file.size - PAGE, PAGE, hash);
    }
    sw_unmap(&file);
    lua_pushstring(L, sw_hex(hex, hash));
    return 1;
}

/* absolute_path(path): without links; nil when there is no such file. */
static int absolute_path(lua_State *L)
{
    struct sw_lua_box *box = sw_lua_box(L, free);
    box->value = realpath(luaL_checkstring(L, 1), NULL);
    if (box->value)
        lua_pushstring(L, box->value);
    else
        lua_pushnil(L);
    sw_lua_box_empty(box);
    return 1;
}

/* ---- a folder for the time being
 * ------------------------------------------------------------------ */

#define TEMPORARY "stepwise.temporary"

struct temporary {
    char path[PATH_MAX]; /* "" once it is gone */
};

static int remove_one(const char *path, const struct stat *at, int kind, struct FTW *where)
{
    (void)at;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

/* temporary_folder(): an object with path(), whose folder goes with it, or when it is closed. */
static int temporary_folder(lua_State *L)
{
    const char *base = getenv("TMPDIR");
    struct temporary *folder = lua_newuserdatauv(L, sizeof *folder, 0);
    int length = snprintf(folder->path, sizeof folder->path, "%s/stepwise.XXXXXX",
                          base && *base ? base : P_tmpdir);
    if (length >= (int)sizeof folder->path || !mkdtemp(folder->path))
        return sw_lua_fail(L, SW_FAILED, "a temporary folder in %s: %s",
                           base && *base ? base : P_tmpdir, strerror(errno));
    luaL_setmetatable(L, TEMPORARY);
    return 1;
}

static int temporary_path(lua_State *L)
{
    struct temporary *folder = luaL_checkudata(L, 1, TEMPORARY);
    if (!*folder->path)
        return sw_lua_fail(L, SW_MISUSE, "the temporary folder is closed");
    lua_pushstring(L, folder->path);
    return 1;
}

static int remove_temporary(lua_State *L)
{
    struct temporary *folder = luaL_checkudata(L, 1, TEMPORARY);
    if (*folder->path)
        nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    *folder->path = 0;
    return 0;
}

void sw_lua_open_files(lua_State *L)
{
    static const luaL_Reg functions[] = {{"make_folder", make_folder},
                                         {"make_folders", make_folders},
                                         {"list_folder", list_folder},
                                         {"file_kind", file_kind},
                                         {"write_file", write_file},
                                         {"cut_file", cut_file},
                                         {"sync_file", sync_file},
                                         {"hash_file", hash_file},
                                         {"read_file", read_file},
                                         {"read_text", read_text},
                                         {"absolute_path", absolute_path},
                                         {"temporary_folder", temporary_folder},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"path", temporary_path}, {"close", remove_temporary}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    sw_lua_class(L, TEMPORARY, methods, remove_temporary);
}
