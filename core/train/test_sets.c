/* test_sets.c -- see test_sets.h. */
#include "train/test_sets.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_NAME = 60 };

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
