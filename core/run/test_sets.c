/* test_sets.c -- see test_sets.h. */
#include "run/test_sets.h"

#include "match/metrics.h"

#include <stdio.h>
#include <stdlib.h>
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

static const json_t *list_of(const json_t *config)
{
    return json_object_get(json_object_get(config, "data"), "tests");
}

size_t sw_test_sets(const json_t *config)
{
    const json_t *split = json_object_get(json_object_get(config, "data"), "test_split");
    size_t named = json_array_size(list_of(config));
    return named ? named : json_string_length(split) > 0;
}

struct sw_test_set sw_test_set_at(const json_t *config, size_t index)
{
    struct sw_settings s;
    sw_config_settings(config, &s);
    const json_t *given = json_array_get(list_of(config), index), *value;
    struct sw_test_set set = {"", s.test_split, (size_t)s.test_images, (size_t)s.folds, "test"};
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

int sw_test_set_open(const struct sw_test_set *set, const struct sw_settings *settings,
                     const struct sw_vocabulary *vocabulary, struct sw_dataset *out, int *has,
                     struct sw_error *error)
{
    *out = (struct sw_dataset){0};
    *has = 0;
    /* Data sets without a test split are common, and no run asks for the default one by its name. */
    if (!*set->name && strcmp(set->split, "test") == 0 &&
        sw_dataset_is_absent(settings->dir, set->split))
        return SW_OK;
    struct sw_dataset_options options = {.images = set->images,
                                         .all_captions = settings->all_dev_captions,
                                         .precaps = settings->precaps,
                                         .longest = (size_t)settings->longest_caption,
                                         .sequential = true};
    int status = sw_dataset_open(settings->dir, set->split, vocabulary, &options, out, error);
    if (status == SW_OK)
        status = sw_check_folds(out->images, set->folds, out->path, error);
    if (status != SW_OK && *set->name)
        sw_error_within(error, "test set '%s'", set->name);
    *has = status == SW_OK;
    return status;
}
