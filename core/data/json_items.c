/* json_items.c -- see json_items.h. */
#include "data/json_items.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BEHIND = 1 << 23 };

static int failed(const struct sw_json_items *items, struct sw_error *error, const char *why)
{
    return sw_fail(error, SW_FAILED, "%s: byte %zu: %s", items->path, items->at, why);
}

static void spaces(struct sw_json_items *items)
{
    const unsigned char *data = items->mapping.data;
    while (items->at < items->mapping.size && strchr(" \t\r\n", data[items->at]) && data[items->at])
        items->at++;
}

/* The character behind spaces; 0 at the end. */
static unsigned char peek(struct sw_json_items *items)
{
    spaces(items);
    return items->at < items->mapping.size ? items->mapping.data[items->at] : 0;
}

/* Goes behind the string that begins here. */
static bool skip_string(struct sw_json_items *items)
{
    const unsigned char *data = items->mapping.data;
    for (size_t i = items->at + 1; i < items->mapping.size; i++) {
        if (data[i] == '\\') {
            i++;
        } else if (data[i] == '"') {
            items->at = i + 1;
            return true;
        }
    }
    return false;
}

/* Goes behind the value that begins here. */
static bool skip_value(struct sw_json_items *items)
{
    const unsigned char *data = items->mapping.data;
    size_t depth = 0, begin = items->at;
    while (items->at < items->mapping.size) {
        unsigned char c = data[items->at];
        if (c == '"') {
            if (!skip_string(items))
                return false;
        } else if (depth == 0 && items->at > begin && strchr(",]} \t\r\n", c) && c) {
            return true;
        } else {
            bool closes = c == '}' || c == ']';
            if (closes && depth == 0)
                return false;
            depth += c == '{' || c == '[';
            depth -= closes;
            items->at++;
        }
        if (depth == 0 && (data[begin] == '"' || data[begin] == '{' || data[begin] == '['))
            return true;
    }
    return depth == 0 && items->at > begin;
}

static int find(struct sw_json_items *items, const char *key, struct sw_error *error)
{
    size_t length = strlen(key);
    if (peek(items) != '{')
        return failed(items, error, "expected an object of JSON");
    items->at++;
    while (peek(items) == '"') {
        size_t begin = items->at + 1;
        if (!skip_string(items))
            break;
        bool same = items->at - 1 - begin == length &&
                    memcmp(items->mapping.data + begin, key, length) == 0;
        if (peek(items) != ':')
            break;
        items->at++;
        unsigned char first = peek(items);
        if (same && first == '[') {
            items->at++;
            return SW_OK;
        }
        if (same || !first || !skip_value(items))
            break;
        if (peek(items) == ',')
            items->at++;
    }
    return sw_fail(error, SW_FAILED, "%s: byte %zu: expected a list '%s', found none before here",
                   items->path, items->at, key);
}

int sw_json_items_open(struct sw_json_items *out, const char *path, const char *key,
                       struct sw_error *error)
{
    *out = (struct sw_json_items){.path = strdup(path)};
    int status = out->path ? sw_map_text(&out->mapping, &out->at, path, error)
                           : sw_fail(error, SW_FAILED, "out of memory for the name of %s", path);
    if (!status)
        status = find(out, key, error);
    if (status)
        sw_json_items_close(out);
    return status;
}

void sw_json_items_close(struct sw_json_items *items)
{
    free(items->path);
    if (items->mapping.size)
        sw_unmap(&items->mapping);
    *items = (struct sw_json_items){0};
}

int sw_json_items_next(struct sw_json_items *items, const char **text, size_t *length,
                       struct sw_error *error)
{
    *text = NULL;
    if (!items->path)
        return sw_fail(error, SW_MISUSE, "the list is closed");
    size_t before = items->at;
    if (items->done && peek(items) == ',')
        items->at++;
    else if (items->done && peek(items) != ']')
        return failed(items, error, "expected ',' or ']' in a list");
    if (peek(items) == ']')
        return SW_OK;
    size_t begin = items->at;
    if (!peek(items) || !skip_value(items))
        return failed(items, error, "the list is cut or not balanced");
    *text = (const char *)items->mapping.data + begin;
    *length = items->at - begin;
    items->done++;
    sw_unmap_behind(&items->mapping, before, begin, BEHIND);
    return SW_OK;
}
