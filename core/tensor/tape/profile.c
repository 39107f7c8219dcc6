/* profile.c -- see profile.h. */
#include "tensor/tape/profile.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 128 };

/* One worker's; apart from its neighbour's cache lines. */
struct clock {
    double since, busy;
    struct sw_place at;
    int last; /* index of the part at hand */
    int count;
    struct sw_profile_part part[MOST_PARTS];
    char apart[64];
};

struct sw_profile {
    int threads;
    struct clock clocks[];
};

struct sw_profile *sw_profile_new(int threads, struct sw_error *error)
{
    struct sw_profile *profile =
        calloc(1, sizeof *profile + (size_t)threads * sizeof profile->clocks[0]);
    if (!profile) {
        sw_fail(error, SW_FAILED, "out of memory for a profile of %d threads", threads);
        return NULL;
    }
    profile->threads = threads;
    return profile;
}

void sw_profile_free(struct sw_profile *profile)
{
    free(profile);
}

static int is(const struct sw_profile_part *part, struct sw_place place)
{
    return part->name == place.name && part->backward == place.backward;
}

static int find(struct clock *clock, struct sw_place place)
{
    if (clock->count && is(&clock->part[clock->last], place))
        return clock->last;
    for (int p = 0; p < clock->count; p++)
        if (is(&clock->part[p], place))
            return p;
    if (clock->count == MOST_PARTS)
        return MOST_PARTS - 1;
    clock->part[clock->count] =
        (struct sw_profile_part){.name = place.name, .backward = place.backward};
    return clock->count++;
}

struct sw_place sw_profile_switch(struct sw_profile *profile, int worker, struct sw_place to)
{
    struct clock *clock = &profile->clocks[worker];
    struct sw_place from = clock->at;
    double now = sw_seconds();
    if (from.name) {
        struct sw_profile_part *part = &clock->part[clock->last = find(clock, from)];
        *(from.product ? &part->products : &part->rest) += now - clock->since;
        clock->busy += now - clock->since;
    }
    clock->at = to;
    clock->since = now;
    return from;
}

struct sw_place sw_profile_place(const struct sw_profile *profile, int worker)
{
    return profile->clocks[worker].at;
}

static double busy(const struct sw_profile *profile)
{
    double sum = 0;
    for (int w = 0; w < profile->threads; w++)
        sum += profile->clocks[w].busy;
    return sum;
}

struct sw_profile_job sw_profile_job_begin(const struct sw_profile *profile)
{
    return (struct sw_profile_job){.began = sw_seconds(), .busy = busy(profile)};
}

void sw_profile_job_end(struct sw_profile *profile, struct sw_profile_job job,
                        struct sw_place place)
{
    struct clock *clock = &profile->clocks[0];
    if (place.name)
        clock->part[find(clock, place)].waiting +=
            (sw_seconds() - job.began) * profile->threads - (busy(profile) - job.busy);
}

static int longest_first(const void *a, const void *b)
{
    const struct sw_profile_part *x = a, *y = b;
    double left = x->products + x->rest, right = y->products + y->rest;
    return (left < right) - (left > right);
}

int sw_profile_parts(const struct sw_profile *profile, struct sw_profile_part **out)
{
    int count = 0;
    *out = calloc((size_t)profile->threads * MOST_PARTS, sizeof **out);
    for (int w = 0; *out && w < profile->threads; w++)
        for (int p = 0; p < profile->clocks[w].count; p++) {
            const struct sw_profile_part *part = &profile->clocks[w].part[p];
            int at = 0;
            while (at < count && !(strcmp((*out)[at].name, part->name) == 0 &&
                                   (*out)[at].backward == part->backward))
                at++;
            if (at == count)
                (*out)[count++] =
                    (struct sw_profile_part){.name = part->name, .backward = part->backward};
            (*out)[at].products += part->products;
            (*out)[at].rest += part->rest;
            (*out)[at].waiting += part->waiting;
        }
    if (!*out)
        return -1;
    qsort(*out, (size_t)count, sizeof **out, longest_first);
    return count;
}
