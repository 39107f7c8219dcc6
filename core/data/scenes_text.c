/* scenes_text.c -- the grammar of the generated captions, and vectors for its words. */
#include "data/scenes_parts.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 18, LONGEST_OBJECT = 6, CHOICES = 4 };

static const struct {
    const char *one[CHOICES], *many[CHOICES];
} nouns[SW_SCENE_CLASSES] = {
    {{"dog", "puppy", "hound"}, {"dogs", "puppies", "hounds"}},
    {{"cat", "kitten", "kitty"}, {"cats", "kittens", "kitties"}},
    {{"horse", "pony"}, {"horses", "ponies"}},
    {{"bird"}, {"birds"}},
    {{"ball", "sphere"}, {"balls", "spheres"}},
    {{"cube", "block"}, {"cubes", "blocks"}},
    {{"box", "crate"}, {"boxes", "crates"}},
    {{"cup", "mug"}, {"cups", "mugs"}},
    {{"car", "automobile"}, {"cars", "automobiles"}},
    {{"boat", "ship", "vessel"}, {"boats", "ships", "vessels"}},
    {{"hat", "cap"}, {"hats", "caps"}},
    {{"flower", "blossom"}, {"flowers", "blossoms"}},
};

static const char *const colours[SW_SCENE_COLOURS][CHOICES] = {
    {"red", "crimson"}, {"blue", "azure"}, {"green", "emerald"}, {"yellow", "golden"},
    {"white", "pale"},  {"black", "dark"}, {"orange"},           {"purple", "violet"},
};

static const char *const sizes[SW_SCENE_SIZES][CHOICES] = {
    {"small", "little", "tiny"},
    {NULL},
    {"large", "big", "huge"},
};

static const char *const numbers[SW_SCENE_COUNTS] = {"one", "two", "three", "four"};

static const char *const relations[SW_SCENE_RELATIONS][CHOICES] = {
    {"left of", "to the left of", "on the left of"},
    {"right of", "to the right of", "on the right of"},
    {"above", "over"},
    {"below", "under", "beneath"},
    {"on", "on top of"},
};

/* B, seen from A, when A stands in this relation to B. */
static const int inverse[SW_SCENE_RELATIONS] = {SW_RIGHT_OF, SW_LEFT_OF, SW_BELOW, SW_ABOVE,
                                                SW_BELOW};

static const char *const vague[CHOICES] = {"and", "with", "beside", "next to"};

static const char *const places[SW_SCENE_PLACES][CHOICES] = {
    {"on the grass", "on the lawn"},  {"in the snow", "on the ice"},
    {"on the beach", "on the sand"},  {"in the street", "on the road"},
    {"in the kitchen", "on a table"}, {"in the forest", "in the woods"},
};

static const char *const openings[CHOICES] = {"a picture of", "a photo of", "we see", "look at"};

/* ---- captions ------------------------------------------------------------------------------ */

/* A caption that grows; phrases are joined by single spaces. */
struct line {
    char *text;
    int words;
};

static int words_in(const char *phrase)
{
    int words = 1;
    for (; *phrase; phrase++)
        words += *phrase == ' ';
    return words;
}

static void say(struct line *line, const char *phrase)
{
    size_t used = strlen(line->text);
    snprintf(line->text + used, SW_SCENE_LONGEST_CAPTION - used, "%s%s", used ? " " : "", phrase);
    line->words += words_in(phrase);
}

/* One of the phrases; a list shorter than CHOICES ends with NULL. */
static const char *any(const char *const *phrases, struct sw_random *random)
{
    uint32_t count = 0;
    while (count < CHOICES && phrases[count])
        count++;
    return phrases[sw_random_below(random, count)];
}

static int chance(struct sw_random *random, uint32_t percent)
{
    return sw_random_below(random, 100) < percent;
}

/* "three tiny red cubes", "an orange dog" */
static void say_object(struct line *line, const struct sw_scene_object *object,
                       struct sw_random *random)
{
    const char *size =
        sizes[object->size][0] && chance(random, 50) ? any(sizes[object->size], random) : NULL;
    const char *colour = chance(random, 85) ? any(colours[object->colour], random) : NULL;
    const char *const *forms =
        object->count > 1 ? nouns[object->class].many : nouns[object->class].one;
    const char *noun = any(forms, random);
    const char *first = size ? size : colour ? colour : noun;
    if (object->count == 1)
        say(line, chance(random, 15) ? "one" : strchr("aeiou", first[0]) ? "an" : "a");
    else if (object->count == 2 && chance(random, 15))
        say(line, "a pair of");
    else if (object->count > 2 && chance(random, 15))
        say(line, "several");
    else
        say(line, numbers[object->count - 1]);
    if (size)
        say(line, size);
    if (colour)
        say(line, colour);
    say(line, noun);
}

/* The objects a caption is about, and how the first two are joined. */
struct plan {
    int objects[SW_SCENE_OBJECTS], count;
    const char *join;
};

static struct plan make_plan(const struct sw_scene *scene, struct sw_random *random)
{
    int other = scene->object_count - 1; /* the third object, or the second */
    uint32_t luck = sw_random_below(random, 100);
    struct plan plan = {{0, 1, 2}, 2, NULL};
    if (luck < 10) { /* one object */
        plan.count = 1;
        plan.objects[0] = (int)sw_random_below(random, (uint32_t)scene->object_count);
    } else if (luck < 25) { /* two objects, and not how they stand */
        plan.objects[0] = (int)sw_random_below(random, (uint32_t)other);
        plan.objects[1] = other;
        plan.join = any(vague, random);
    } else { /* the relation, from either side; sometimes with the third object */
        int turned = chance(random, 50);
        plan.objects[0] = turned;
        plan.objects[1] = !turned;
        plan.join = any(relations[turned ? inverse[scene->relation] : scene->relation], random);
        if (scene->object_count == 3 && chance(random, 35))
            plan.count = 3;
    }
    return plan;
}

void sw_scene_caption(char out[SW_SCENE_LONGEST_CAPTION], const struct sw_scene *scene,
                      struct sw_random *random)
{
    char core[SW_SCENE_LONGEST_CAPTION] = "";
    struct line middle = {core, 0}, line = {out, 0};
    struct plan plan = make_plan(scene, random);
    for (int i = 0; i < plan.count; i++) {
        if (i == 2 && middle.words + 1 + LONGEST_OBJECT > LONGEST)
            break;
        if (i)
            say(&middle, i == 1 ? plan.join : "and");
        say_object(&middle, &scene->objects[plan.objects[i]], random);
    }
    const char *opening = any(openings, random);
    if (chance(random, 40))
        opening = scene->objects[plan.objects[0]].count > 1 ? "there are" : "there is";
    const char *place = any(places[scene->place], random);
    int with_opening = chance(random, 30), with_place = chance(random, 45);
    int place_first = chance(random, 25);
    int room = LONGEST - middle.words;

    /* A single object is told with its place: "a dog" alone would say too little. */
    with_place |= plan.count == 1;
    with_place &= words_in(place) <= room;
    room -= with_place ? words_in(place) : 0;
    with_opening &= words_in(opening) <= room;

    out[0] = 0;
    if (with_place && place_first)
        say(&line, place);
    if (with_opening)
        say(&line, opening);
    say(&line, core);
    if (with_place && !place_first)
        say(&line, place);
}

/* ---- word vectors -------------------------------------------------------------------------- */

/* Words of one kind share a part of their vectors, words of one sense a larger part. */
struct vectors {
    FILE *out;
    uint64_t seed;
    size_t dim;
    uint32_t kind, sense, word; /* counters, which name the random streams */
};

/* Words that the vectors do not know, as real ones lack some. */
static const char *const unknown[] = {"automobile", "automobiles", "crimson"};

enum { DIGITS = 100000 };

static void put_number(FILE *out, float value)
{
    long whole = lroundf(value * DIGITS);
    long size = whole < 0 ? -whole : whole;
    fprintf(out, " %s%ld.%05ld", whole < 0 ? "-" : "", size / DIGITS, size % DIGITS);
}

static void put_word(struct vectors *v, const char *word)
{
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (!strcmp(word, unknown[i]))
            return;
    enum { KIND, SENSE, WORD, LEVELS };
    static const float share[LEVELS] = {.25f, .35f, .12f};
    const uint32_t names[LEVELS] = {v->kind, v->sense, v->word++};
    struct sw_random random[LEVELS];
    for (uint32_t level = 0; level < LEVELS; level++)
        random[level] =
            sw_random_stream(v->seed, SW_FOR_SCENES, SW_SCENE_WORDS, names[level] * LEVELS + level);
    fputs(word, v->out);
    for (size_t d = 0; d < v->dim; d++) {
        float sum = 0;
        for (int level = 0; level < LEVELS; level++)
            sum += share[level] * sw_random_normal(&random[level]);
        put_number(v->out, sum);
    }
    fputc('\n', v->out);
}

/* Synonyms: words of one sense. */
static void put_synonyms(struct vectors *v, const char *const *words)
{
    for (int i = 0; i < CHOICES && words[i]; i++)
        put_word(v, words[i]);
    v->sense++;
}

/* A kind: rows of synonyms. */
static void put_kind(struct vectors *v, const char *const (*rows)[CHOICES], size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_synonyms(v, rows[i]);
    v->kind++;
}

void sw_scene_word_vectors(FILE *out, uint64_t seed, size_t dim)
{
    static const char *const place_words[SW_SCENE_PLACES][CHOICES] = {
        {"grass", "lawn"},  {"snow", "ice"},      {"beach", "sand"},
        {"street", "road"}, {"kitchen", "table"}, {"forest", "woods"},
    };
    static const char *const where[][CHOICES] = {
        {"left"}, {"right"},          {"above", "over"}, {"below", "under", "beneath"},
        {"top"},  {"beside", "next"},
    };
    static const char *const how_many[][CHOICES] = {
        {"one"}, {"two", "pair"}, {"three"}, {"four"}, {"several"}};
    static const char *const others[][CHOICES] = {
        {"a", "an"},
        {"the"},
        {"of"},
        {"on"},
        {"in"},
        {"to"},
        {"at"},
        {"and", "with"},
        {"is", "are"},
        {"there"},
        {"we"},
        {"see", "look"},
        {"picture", "photo"},
    };
    struct vectors v = {.out = out, .seed = seed, .dim = dim};
    for (int i = 0; i < SW_SCENE_CLASSES; i++) {
        for (int s = 0; s < CHOICES && nouns[i].one[s]; s++) {
            put_word(&v, nouns[i].one[s]);
            put_word(&v, nouns[i].many[s]);
        }
        v.sense++;
    }
    v.kind++;
    put_kind(&v, colours, SW_SCENE_COLOURS);
    put_kind(&v, sizes, SW_SCENE_SIZES);
    put_kind(&v, how_many, sizeof how_many / sizeof *how_many);
    put_kind(&v, where, sizeof where / sizeof *where);
    put_kind(&v, place_words, SW_SCENE_PLACES);
    put_kind(&v, others, sizeof others / sizeof *others);
}
