/* numbers.c -- see numbers.h. */
#include "train/numbers.h"

#include <stddef.h>

#define NUMBER(name)                             \
    {                                            \
#name, offsetof(struct sw_metrics, name) \
    }
static const struct {
    const char *name;
    size_t at;
} numbers[] = {NUMBER(i2t_r1),    NUMBER(i2t_r5),    NUMBER(i2t_r10), NUMBER(i2t_medr),
               NUMBER(i2t_meanr), NUMBER(t2i_r1),    NUMBER(t2i_r5),  NUMBER(t2i_r10),
               NUMBER(t2i_medr),  NUMBER(t2i_meanr), NUMBER(rsum)},
  counts[] = {NUMBER(i2t_ties), NUMBER(t2i_ties), NUMBER(images), NUMBER(captions), NUMBER(folds)};
enum { NUMBERS = sizeof numbers / sizeof *numbers, COUNTS = sizeof counts / sizeof *counts };

json_t *sw_metrics_json(const struct sw_metrics *metrics)
{
    const char *base = (const char *)metrics;
    json_t *object = json_object();
    int bad = !object;
    for (int i = 0; i < NUMBERS && !bad; i++)
        bad = json_object_set_new(object, numbers[i].name,
                                  json_real(*(const double *)(const void *)(base + numbers[i].at)));
    for (int i = 0; i < COUNTS && !bad; i++) {
        size_t count = *(const size_t *)(const void *)(base + counts[i].at);
        bad = json_object_set_new(object, counts[i].name, json_integer((json_int_t)count));
    }
    if (!bad)
        return object;
    json_decref(object);
    return NULL;
}

int sw_metrics_read(const json_t *object, struct sw_metrics *out)
{
    char *base = (char *)out;
    *out = (struct sw_metrics){0};
    for (int i = 0; i < NUMBERS; i++) {
        const json_t *value = json_object_get(object, numbers[i].name);
        if (!json_is_number(value))
            return 0;
        *(double *)(void *)(base + numbers[i].at) = json_number_value(value);
    }
    for (int i = 0; i < COUNTS; i++) {
        const json_t *value = json_object_get(object, counts[i].name);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return 0;
        *(size_t *)(void *)(base + counts[i].at) = (size_t)json_integer_value(value);
    }
    return 1;
}
