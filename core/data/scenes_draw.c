/* scenes_draw.c -- draws scenes in groups of near twins, and their regions. */
#include "data/scenes_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURE_WIDTH = 640, PICTURE_HEIGHT = 480, MOST_REGIONS = 36 };

static int below(struct sw_random *random, int bound)
{
    return (int)sw_random_below(random, (uint32_t)bound);
}

static float between(struct sw_random *random, float low, float high)
{
    return low + (high - low) * sw_random_uniform(random);
}

/* ---- scenes -------------------------------------------------------------------------------- */

static void draw_objects(struct sw_scene *scene, struct sw_random *random)
{
    scene->object_count = 2 + (below(random, 5) < 2);
    for (int i = 0; i < scene->object_count; i++) {
        struct sw_scene_object *object = &scene->objects[i];
        int taken;
        do { /* classes differ, so that a class names its object */
            object->class = below(random, SW_SCENE_CLASSES);
            taken = 0;
            for (int j = 0; j < i; j++)
                taken |= scene->objects[j].class == object->class;
        } while (taken);
        do /* the first two colours differ, so that exchanging them shows */
            object->colour = below(random, SW_SCENE_COLOURS);
        while (i == 1 && object->colour == scene->objects[0].colour);
        object->size = below(random, SW_SCENE_SIZES);
        int luck = below(random, 10); /* one: 5 of 10, two: 3, three and four: 1 each */
        object->count = 1 + (luck >= 5) + (luck >= 8) + (luck == 9);
    }
}

static float distance(const struct sw_scene_object *a, const struct sw_scene_object *b)
{
    return hypotf(a->x - b->x, a->y - b->y);
}

/* Puts the objects where their relation says; a third goes where there is room. */
static void place_objects(struct sw_scene *scene, struct sw_random *random)
{
    static const float lengths[SW_SCENE_SIZES] = {.09f, .15f, .23f};
    for (int i = 0; i < scene->object_count; i++) {
        struct sw_scene_object *object = &scene->objects[i];
        object->width = lengths[object->size] * between(random, .85f, 1.15f);
        object->height = lengths[object->size] * between(random, .85f, 1.15f);
    }
    struct sw_scene_object *a = &scene->objects[0], *b = &scene->objects[1], *c = b + 1;
    float near = between(random, .15f, .35f), far = between(random, .65f, .85f);
    float common = between(random, .3f, .7f);
    a->x = b->x = a->y = b->y = common;
    switch (scene->relation) {
    case SW_LEFT_OF:
        a->x = near;
        b->x = far;
        break;
    case SW_RIGHT_OF:
        a->x = far;
        b->x = near;
        break;
    case SW_ABOVE:
        a->y = near;
        b->y = far;
        break;
    case SW_BELOW:
        a->y = far;
        b->y = near;
        break;
    default: /* on: the boxes touch */
        b->y = far;
        a->y = far - (a->height + b->height) / 2;
    }
    if (scene->object_count < SW_SCENE_OBJECTS)
        return;
    int tries = 0;
    do {
        c->x = between(random, .12f, .88f);
        c->y = between(random, .12f, .88f);
    } while ((distance(c, a) < .3f || distance(c, b) < .3f) && ++tries < 50);
}

static void exchange_colours(struct sw_scene *scene)
{
    struct sw_scene_object *a = &scene->objects[0], *b = &scene->objects[1];
    int colour = a->colour;
    a->colour = b->colour;
    b->colour = colour;
}

static void exchange_places(struct sw_scene *scene)
{
    struct sw_scene_object kept = scene->objects[0];
    scene->objects[0] = scene->objects[1];
    scene->objects[1] = kept;
}

void sw_scene_group(struct sw_scene group[SW_SCENE_GROUP], struct sw_random *random)
{
    struct sw_scene first = {0};
    draw_objects(&first, random);
    first.relation = below(random, SW_SCENE_RELATIONS);
    first.place = below(random, SW_SCENE_PLACES);
    int counted = below(random, 2), old = first.objects[counted].count;
    int count = 1 + (old + below(random, SW_SCENE_COUNTS - 1)) % SW_SCENE_COUNTS;
    for (int i = 0; i < SW_SCENE_GROUP; i++) {
        struct sw_scene *scene = &group[i];
        *scene = first;
        if (i & SW_OTHER_COUNT)
            scene->objects[counted].count = count;
        if (i & SW_OTHER_COLOURS)
            exchange_colours(scene);
        if (i & SW_OTHER_RELATION)
            exchange_places(scene);
        place_objects(scene, random);
    }
}

/* ---- regions ------------------------------------------------------------------------------- */

int sw_scene_codes_new(struct sw_scene_codes *out, uint64_t seed, size_t features)
{
    size_t rows = SW_SCENE_CLASSES + SW_SCENE_COLOURS + SW_SCENE_SIZES + SW_SCENE_COUNTS +
                  SW_SCENE_PLACES + 2;
    *out = (struct sw_scene_codes){.features = features};
    float *row = out->class = calloc(rows * features, sizeof *row);
    if (!row)
        return -1;
    for (size_t r = 0; r < rows; r++) {
        struct sw_random random =
            sw_random_stream(seed, SW_FOR_SCENES, SW_SCENE_CODES, (uint32_t)r);
        for (size_t f = 0; f < features; f++)
            row[r * features + f] = sw_random_normal(&random);
    }
    out->colour = out->class + SW_SCENE_CLASSES * features;
    out->size = out->colour + SW_SCENE_COLOURS * features;
    out->count = out->size + SW_SCENE_SIZES * features;
    out->place = out->count + SW_SCENE_COUNTS * features;
    out->across = out->place + SW_SCENE_PLACES * features;
    out->down = out->across + features;
    return 0;
}

void sw_scene_codes_free(struct sw_scene_codes *codes)
{
    free(codes->class);
    *codes = (struct sw_scene_codes){0};
}

/* What one region shows: a thing, a part of one, or (object < 0) the background. */
struct view {
    int object;
    float x, y, width, height;
    float share; /* of the thing in the box; the rest is background */
};

static float inside(float at)
{
    return fminf(fmaxf(at, .03f), .97f);
}

static struct view view_of(const struct sw_scene *scene, int which, int instance,
                           struct sw_random *random)
{
    const struct sw_scene_object *object = &scene->objects[which];
    struct view view = {.object = which, .share = 1};
    /* side by side, closer where many would not fit into the picture */
    float step = fminf(.8f * object->width, .25f / (float)object->count);
    float across = ((float)instance - (float)(object->count - 1) / 2) * step;
    view.x = inside(object->x + across + between(random, -.02f, .02f));
    view.y = inside(object->y + between(random, -.02f, .02f));
    view.width = object->width * between(random, .9f, 1.1f);
    view.height = object->height * between(random, .9f, 1.1f);
    return view;
}

static struct view part_of(struct view view, struct sw_random *random)
{
    float side = between(random, -.3f, .3f), level = between(random, -.3f, .3f);
    view.x = inside(view.x + side * view.width);
    view.y = inside(view.y + level * view.height);
    view.width *= between(random, .5f, .9f);
    view.height *= between(random, .5f, .9f);
    view.share = between(random, .4f, .8f);
    return view;
}

static struct view background(struct sw_random *random)
{
    struct view view = {.object = -1, .share = 0};
    view.x = between(random, .1f, .9f);
    view.y = between(random, .1f, .9f);
    view.width = between(random, .2f, .6f);
    view.height = between(random, .2f, .6f);
    return view;
}

/* One region a thing as far as there is room, the objects in turn, then parts and background in
 * equal shares; all of it shuffled. At least one region in four stays for the background. */
static void choose_views(struct view *views, int regions, const struct sw_scene *scene,
                         struct sw_random *random)
{
    int used = 0, room = regions - regions / 4;
    for (int instance = 0; instance < SW_SCENE_COUNTS; instance++)
        for (int i = 0; i < scene->object_count && used < room; i++)
            if (instance < scene->objects[i].count)
                views[used++] = view_of(scene, i, instance, random);
    for (int things = used; used < regions; used++)
        views[used] = used < room && used % 2 ? part_of(views[below(random, things)], random)
                                              : background(random);
    for (int i = regions - 1; i > 0; i--) {
        int j = below(random, i + 1);
        struct view kept = views[i];
        views[i] = views[j];
        views[j] = kept;
    }
}

static void add(float *features, size_t count, float scale, const float *code)
{
    for (size_t f = 0; f < count; f++)
        features[f] += scale * code[f];
}

static void show(const struct view *view, const struct sw_scene *scene,
                 const struct sw_scene_codes *codes, float noise, float *features,
                 struct sw_random *random)
{
    size_t F = codes->features;
    memset(features, 0, F * sizeof *features);
    if (view->object >= 0) {
        const struct sw_scene_object *object = &scene->objects[view->object];
        add(features, F, view->share, codes->class + (size_t)object->class * F);
        add(features, F, .9f * view->share, codes->colour + (size_t)object->colour * F);
        add(features, F, .5f * view->share, codes->size + (size_t)object->size * F);
        add(features, F, .3f * view->share, codes->count + (size_t)(object->count - 1) * F);
    }
    if (scene->relation == SW_ON && (view->object == 0 || view->object == 1)) {
        const struct sw_scene_object *other = &scene->objects[1 - view->object]; /* it touches */
        add(features, F, .3f, codes->class + (size_t)other->class * F);
    }
    add(features, F, .3f + .3f * (1 - view->share), codes->place + (size_t)scene->place * F);
    add(features, F, 2.2f * (view->x - .5f), codes->across);
    add(features, F, 2.2f * (view->y - .5f), codes->down);
    for (size_t f = 0; f < F; f++)
        features[f] += noise * sw_random_normal(random);
}

static float pixel(float at, int length)
{
    return roundf(fminf(fmaxf(at, 0), 1) * (float)length);
}

void sw_scene_regions(const struct sw_scene *scene, const struct sw_scene_codes *codes,
                      size_t regions, float noise, float *features, float *boxes,
                      struct sw_random *random)
{
    struct view views[MOST_REGIONS];
    choose_views(views, (int)regions, scene, random);
    for (size_t r = 0; r < regions; r++) {
        const struct view *view = &views[r];
        show(view, scene, codes, noise, features + r * codes->features, random);
        boxes[4 * r] = pixel(view->x - view->width / 2, PICTURE_WIDTH);
        boxes[4 * r + 1] = pixel(view->y - view->height / 2, PICTURE_HEIGHT);
        boxes[4 * r + 2] = pixel(view->x + view->width / 2, PICTURE_WIDTH);
        boxes[4 * r + 3] = pixel(view->y + view->height / 2, PICTURE_HEIGHT);
    }
}
