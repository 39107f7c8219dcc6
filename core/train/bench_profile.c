/* bench_profile.c -- which parts a step's time goes to (tensor/tape/profile.h). */
#include "train/bench_parts.h"

#include "tensor/tape/profile.h"

#include <stdio.h>
#include <stdlib.h>

int sw_bench_profile_begin(struct sw_bench *bench, struct sw_profile **out, struct sw_error *error)
{
    struct sw_compute *compute = bench->session->compute;
    *out = sw_profile_new(sw_compute_threads(compute), error);
    sw_compute_measure(compute, *out);
    return *out ? SW_OK : SW_FAILED;
}

static json_t *part_of(const char *name, double products, double rest, double waiting, double whole)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:f}", "part", name, "products_s", products, "rest_s",
                     rest, "waiting_s", waiting, "share",
                     whole > 0 ? (products + rest + waiting) / whole : 0);
}

/* The last part is what is in none: threads that had nothing to do while one worked alone. */
static json_t *parts_of(const struct sw_profile_part *part, int count, double each, double step)
{
    json_t *list = json_array();
    double known = 0;
    int bad = !list;
    for (int p = 0; p < count && !bad; p++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", part[p].name, part[p].backward ? ", back" : "");
        known += (part[p].products + part[p].rest + part[p].waiting) * each;
        bad =
            json_array_append_new(list, part_of(name, part[p].products * each, part[p].rest * each,
                                                part[p].waiting * each, step));
    }
    if (bad || json_array_append_new(list, part_of("one thread alone", 0, 0, step - known, step))) {
        json_decref(list);
        return NULL;
    }
    return list;
}

int sw_bench_profile_end(struct sw_bench *bench, struct sw_profile *profile, int steps,
                         double seconds, struct sw_error *error)
{
    struct sw_compute *compute = bench->session->compute;
    struct sw_profile_part *part = NULL;
    sw_compute_measure(compute, NULL);
    int status = SW_OK;
    if (profile && steps > 0) {
        int count = sw_profile_parts(profile, &part);
        double each = 1.0 / sw_compute_threads(compute) / steps;
        json_t *list = count < 0 ? NULL : parts_of(part, count, each, seconds / steps);
        if (!list || json_object_set_new(bench->out, "profile", list))
            status = sw_fail(error, SW_FAILED, "out of memory for a profile");
        else
            status = sw_bench_tell(bench, "profile_", "step_s", seconds / steps, error);
    }
    free(part);
    sw_profile_free(profile);
    return status;
}
