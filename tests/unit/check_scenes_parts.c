/* check_scenes_parts.c -- the generated scenes, their regions and their captions. */
#include "unit.h"
#include "data/scenes_parts.h"

#include <ctype.h>
#include <math.h>

/* ---- scenes -------------------------------------------------------------------------------- */

/* The hard negatives: the same objects, told apart only by what the scene's number says. */
START_TEST(groups_differ_as_said)
{
    for (uint32_t g = 0; g < 300; g++) {
        struct sw_scene group[SW_SCENE_GROUP];
        struct sw_random random = sw_random_stream(5, SW_FOR_TESTS, 0, g);
        sw_scene_group(group, &random);
        for (int i = 0; i < SW_SCENE_GROUP; i++) {
            const struct sw_scene *first = &group[0], *scene = &group[i];
            int turned = !!(i & SW_OTHER_RELATION), counts = 0;
            ck_assert_int_eq(scene->relation, first->relation);
            ck_assert_int_eq(scene->place, first->place);
            ck_assert_int_eq(scene->object_count, first->object_count);
            for (int j = 0; j < scene->object_count; j++) {
                int at = j < 2 && turned ? 1 - j : j; /* the same thing in this scene */
                int dyed = j < 2 && (i & SW_OTHER_COLOURS) ? 1 - j : j;
                const struct sw_scene_object *old = &first->objects[j], *here = &scene->objects[at];
                ck_assert_int_eq(here->class, old->class);
                ck_assert_int_eq(here->size, old->size);
                ck_assert_int_eq(here->colour, first->objects[dyed].colour);
                ck_assert(here->count >= 1 && here->count <= SW_SCENE_COUNTS);
                counts += here->count != old->count;
                for (int k = 0; k < j; k++)
                    ck_assert_int_ne(first->objects[k].class, old->class);
            }
            ck_assert_int_eq(counts, !!(i & SW_OTHER_COUNT));
            ck_assert_int_ne(first->objects[0].colour, first->objects[1].colour);
            const struct sw_scene_object *a = &scene->objects[0], *b = &scene->objects[1];
            ck_assert(scene->relation != SW_LEFT_OF || a->x < b->x - .2f);
            ck_assert(scene->relation != SW_RIGHT_OF || a->x > b->x + .2f);
            ck_assert(scene->relation != SW_ABOVE || a->y < b->y - .2f);
            ck_assert(scene->relation != SW_BELOW || a->y > b->y + .2f);
            ck_assert(scene->relation != SW_ON ||
                      fabsf(b->y - a->y - (a->height + b->height) / 2) < 1e-5f);
        }
    }
}
END_TEST

/* How much of a code, 1 for all of it, there is in one region's features. */
static float shows(const float *features, const float *code, size_t count)
{
    float sum = 0;
    for (size_t f = 0; f < count; f++)
        sum += features[f] * code[f];
    return sum / (float)count;
}

/* Region features must show the scene: without noise, each thing has a region of its own class and
 * colour; a left one is seen in the left half only, however many stand there; no box is empty. */
START_TEST(regions_show_the_scene)
{
    enum { F = 4096, K = 12 };
    struct sw_scene_codes codes;
    ck_assert(!sw_scene_codes_new(&codes, 1, F));
    static float features[K * F], boxes[K * 4];
    for (uint32_t n = 0; n < 800; n++) {
        struct sw_scene group[SW_SCENE_GROUP];
        struct sw_random random = sw_random_stream(6, SW_FOR_TESTS, 0, n);
        sw_scene_group(group, &random);
        const struct sw_scene *scene = &group[n % SW_SCENE_GROUP];
        sw_scene_regions(scene, &codes, K, 0, features, boxes, &random);
        int seen[SW_SCENE_OBJECTS] = {0};
        for (int r = 0; r < K; r++) {
            const float *region = features + r * F, *box = boxes + 4 * r;
            ck_assert(box[0] >= 0 && box[1] >= 0 && box[2] <= 640 && box[3] <= 480);
            ck_assert(box[0] < box[2] && box[1] < box[3]);
            float middle = (box[0] + box[2]) / 2;
            for (int j = 0; j < scene->object_count; j++) {
                const struct sw_scene_object *object = &scene->objects[j];
                if (shows(region, codes.class + object->class * F, F) < .85f ||
                    shows(region, codes.colour + object->colour * F, F) < .7f)
                    continue;
                seen[j] = 1;
                int left = j < 2 && scene->relation == (j ? SW_RIGHT_OF : SW_LEFT_OF);
                int right = j < 2 && scene->relation == (j ? SW_LEFT_OF : SW_RIGHT_OF);
                ck_assert(!left || middle < 320);
                ck_assert(!right || middle > 320);
            }
        }
        for (int j = 0; j < scene->object_count; j++)
            ck_assert_msg(seen[j], "scene %u: object %d has no region", n, j);
    }
    sw_scene_codes_free(&codes);
}
END_TEST

/* ---- text ---------------------------------------------------------------------------------- */

/* The word vectors as text; the caller frees it. */
static char *word_vectors(size_t dim)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sw_scene_word_vectors(out, 3, dim);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

/* Captions are plain lower-case words, 5 to 18 of them; all but the few that are left out on
 * purpose have a vector, or most of the text would be one mean vector. */
START_TEST(captions_and_their_words)
{
    enum { MOST = 1000 };
    char *vectors = word_vectors(4), *rest = vectors, *known[MOST];
    size_t count = 0, lengths[19] = {0}, unknown = 0, all = 0;
    for (char *line; (line = strsep(&rest, "\n")) && *line; count++) {
        ck_assert_uint_lt(count, MOST);
        known[count] = strsep(&line, " ");
        for (size_t i = 0; i < count; i++)
            ck_assert_str_ne(known[i], known[count]);
    }
    for (uint32_t n = 0; n < 8000; n++) {
        struct sw_scene group[SW_SCENE_GROUP];
        struct sw_random random = sw_random_stream(8, SW_FOR_TESTS, 0, n);
        sw_scene_group(group, &random);
        char text[SW_SCENE_LONGEST_CAPTION], *at = text;
        sw_scene_caption(text, &group[n % SW_SCENE_GROUP], &random);
        size_t words = 0;
        for (char *word; (word = strsep(&at, " ")); words++) {
            ck_assert_msg(*word, "two spaces");
            for (const char *c = word; *c; c++)
                ck_assert_msg(islower((unsigned char)*c), "'%s'", word);
            size_t i = 0;
            while (i < count && strcmp(known[i], word))
                i++;
            ck_assert_msg(i < count || !strncmp(word, "automobile", 10) || !strcmp(word, "crimson"),
                          "no vector for '%s'", word);
            unknown += i == count;
            all++;
        }
        ck_assert_msg(words >= 5 && words <= 18, "%zu words", words);
        lengths[words]++;
    }
    for (int n = 5; n <= 18; n++)
        ck_assert_msg(lengths[n] > 0, "no caption of %d words", n);
    ck_assert_uint_gt(unknown, 0);
    ck_assert_uint_lt(unknown * 50, all);
    free(vectors);
}
END_TEST

static const char *either(const char *text, const char *word, const char *synonym)
{
    const char *found = strstr(text, word);
    return found ? found : strstr(text, synonym);
}

/* A caption must say what is so, and often enough what sets its scene apart, or the hard negatives
 * would be wrong, or impossible. A red cube, left of two blue balls: */
START_TEST(captions_tell_the_difference)
{
    struct sw_scene scene = {.object_count = 2, .relation = SW_LEFT_OF};
    scene.objects[0] = (struct sw_scene_object){.class = 5, .colour = 0, .size = 1, .count = 1};
    scene.objects[1] = (struct sw_scene_object){.class = 4, .colour = 1, .size = 1, .count = 2};
    struct sw_random random = sw_random_stream(7, SW_FOR_TESTS, 0, 0);
    int left = 0, right = 0, two = 0, colour = 0;
    for (int i = 0; i < 1000; i++) {
        char text[SW_SCENE_LONGEST_CAPTION];
        sw_scene_caption(text, &scene, &random);
        const char *cube = either(text, "cube", "block"), *ball = either(text, "ball", "sphere");
        const char *is_left = strstr(text, "left of"), *is_right = strstr(text, "right of");
        ck_assert_msg(!is_left || (cube < is_left && is_left < ball), "%s", text);
        ck_assert_msg(!is_right || (ball < is_right && is_right < cube), "%s", text);
        left += is_left != NULL;
        right += is_right != NULL;
        two += strstr(text, "two ") || strstr(text, "pair of");
        colour +=
            either(text, "red cube", "red block") || either(text, "crimson cube", "crimson block");
        static const char *const wrong[] = {"above",       "below",   "cubes",    "blocks",
                                            "small",       "large",   "one blue", "blue cube",
                                            "azure block", "red ball"};
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++)
            ck_assert_msg(!strstr(text, wrong[w]), "%s", text);
        ck_assert_msg(!ball || either(text, "balls", "spheres") == ball, "%s", text);
    }
    ck_assert_int_gt(left, 200);
    ck_assert_int_gt(right, 200);
    ck_assert_int_gt(two, 800);
    ck_assert_int_gt(colour, 600);
}
END_TEST

static double cosine(const double *a, const double *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* Fixed vectors can only help when synonyms lie near each other and other words do not. */
START_TEST(synonyms_are_near)
{
    enum { W = 50 };
    static const char *const wanted[] = {"dog", "puppies", "ball", "red", "blue", "azure"};
    static double vectors[6][W];
    char *text = word_vectors(W), *rest = text, *line;
    int found = 0;
    while ((line = strsep(&rest, "\n")) && *line) {
        char *word = strsep(&line, " ");
        int numbers = 0;
        double values[W];
        for (char *number; (number = strsep(&line, " ")); numbers++) {
            char *end;
            ck_assert_int_lt(numbers, W);
            values[numbers] = strtod(number, &end);
            ck_assert(end != number && !*end);
        }
        ck_assert_int_eq(numbers, W);
        for (int i = 0; i < 6; i++)
            if (!strcmp(wanted[i], word)) {
                memcpy(vectors[i], values, sizeof values);
                found++;
            }
    }
    ck_assert_int_eq(found, 6);
    ck_assert(cosine(vectors[0], vectors[1], W) > .8); /* a dog and puppies */
    ck_assert(cosine(vectors[4], vectors[5], W) > .8); /* blue and azure */
    ck_assert(cosine(vectors[0], vectors[2], W) < .7); /* a dog and a ball */
    ck_assert(cosine(vectors[3], vectors[4], W) < .7); /* red and blue */
    ck_assert(fabs(cosine(vectors[0], vectors[3], W)) < .4);
    free(text);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, groups_differ_as_said);
    tcase_add_test(tests, regions_show_the_scene);
    tcase_add_test(tests, captions_and_their_words);
    tcase_add_test(tests, captions_tell_the_difference);
    tcase_add_test(tests, synonyms_are_near);
}

UNIT_MAIN("scenes_parts", add_tests)
