/* test_sets.c -- see test_sets.h. */
#include "run/test_sets.h"

#include "plugin/values.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SETS = 64, LONGEST_NAME = 60 };

/* ---- the list in a config -------------------------------------------------------------------- */

static void file_name(const char *name, char out[64])
{
    size_t length = 0;
    for (; *name && length < LONGEST_NAME; name++) {
        int upper = *name >= 'A' && *name <= 'Z', digit = *name >= '0' && *name <= '9';
        if (upper || digit || (*name >= 'a' && *name <= 'z'))
            out[length++] = (char)(upper ? *name - 'A' + 'a' : *name);
        else if (length && out[length - 1] != '-')
            out[length++] = '-';
    }
    while (length && out[length - 1] == '-')
        length--;
    out[length] = 0;
}

static int check_name(const json_t *name, const char *where, struct sw_error *error)
{
    char found[128], file[64];
    const char *text = json_string_value(name);
    sw_value_found(found, sizeof found, name);
    if (!text || !*text || strlen(text) > LONGEST_NAME)
        return sw_fail(error, SW_MISUSE, "%s.name: expected a name of 1 to %d bytes, found %s",
                       where, LONGEST_NAME, found);
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            return sw_fail(error, SW_MISUSE, "%s.name: expected a name of one line", where);
    file_name(text, file);
    if (!*file || strcmp(file, "dev") == 0)
        return sw_fail(error, SW_MISUSE,
                       "%s.name: %s cannot name a file; expected one as 'COCO 1K'", where, found);
    return SW_OK;
}

static json_t *check_set(const json_t *set, const char *where, struct sw_error *error)
{
    static const char *const names[] = {"name", "split", "images", "folds"};
    static const struct sw_range ranges[] = {{0, 0, 0}, {0, 0, 0}, {0, 2e9, 0}, {1, 1e6, 0}};
    char found[128], key[128];
    sw_value_found(found, sizeof found, set);
    if (!json_is_object(set)) {
        sw_fail(error, SW_MISUSE, "%s: expected a table with a name, found %s", where, found);
        return NULL;
    }
    if (sw_known_keys(set, names, 4, where, error) != SW_OK ||
        check_name(json_object_get(set, "name"), where, error) != SW_OK)
        return NULL;
    json_t *copy = json_object();
    int ok = copy != NULL;
    for (int i = 0; i < 4 && ok; i++) {
        const json_t *value = json_object_get(set, names[i]);
        if (!value)
            continue;
        snprintf(key, sizeof key, "%s.%s", where, names[i]);
        json_t *checked = i < 2 ? sw_check_text(value, key, error)
                                : sw_check_integer(value, ranges[i], key, error);
        const char *split = i == 1 && checked ? json_string_value(checked) : "-";
        if (!*split || strchr(split, '/')) {
            sw_fail(error, SW_MISUSE,
                    "%s: expected the name of a split, as 'testall', found '%.80s'", key, split);
            json_decref(checked);
            checked = NULL;
        }
        ok = checked && json_object_set_new(copy, names[i], checked) == 0;
    }
    if (ok)
        return copy;
    json_decref(copy);
    return NULL;
}

json_t *sw_check_tests(const json_t *value, const char *where, struct sw_error *error)
{
    size_t count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    json_t *list = json_array();
    if ((!json_is_array(value) && (!json_is_object(value) || count)) || count > MOST_SETS ||
        !list) {
        sw_fail(error, list ? SW_MISUSE : SW_FAILED,
                "%s: expected a list of at most %d test sets, as {{name = 'COCO 1K', split = "
                "'testall', folds = 5}}",
                where, MOST_SETS);
        json_decref(list);
        return NULL;
    }
    char files[MOST_SETS][64], at[96];
    for (size_t i = 0; i < count; i++) {
        snprintf(at, sizeof at, "%s[%zu]", where, i + 1);
        json_t *set = check_set(json_array_get(value, i), at, error);
        if (set)
            file_name(json_string_value(json_object_get(set, "name")), files[i]);
        for (size_t k = 0; set && k < i; k++)
            if (strcmp(files[k], files[i]) == 0) {
                sw_fail(error, SW_MISUSE,
                        "%s.name: two test sets would have the same file ranks-%s.npy", at,
                        files[i]);
                json_decref(set);
                set = NULL;
            }
        if (!set || json_array_append_new(list, set) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* ---- what it stands for ---------------------------------------------------------------------- */

size_t sw_test_sets(const struct sw_settings *settings)
{
    size_t named = json_array_size(settings->tests);
    return named ? named : *settings->test_split != 0;
}

struct sw_test_set sw_test_set_at(const struct sw_settings *settings, size_t index)
{
    const json_t *given = json_array_get(settings->tests, index), *value;
    struct sw_test_set set = {"", settings->test_split, (size_t)settings->test_images,
                              (size_t)settings->folds, "test"};
    if (!given)
        return set;
    set.name = json_string_value(json_object_get(given, "name"));
    file_name(set.name, set.file);
    if ((value = json_object_get(given, "split")))
        set.split = json_string_value(value);
    if ((value = json_object_get(given, "images")))
        set.images = (size_t)json_integer_value(value);
    if ((value = json_object_get(given, "folds")))
        set.folds = (size_t)json_integer_value(value);
    return set;
}
