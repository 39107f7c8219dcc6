/* check_explain.c -- attention weights of one pair, and what a search ranks. */
#include "runs.h"

#include "data/npy.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/explain.h"
#include "train/search.h"

#include <math.h>
#include <sys/stat.h>

enum { K = 5, D = 8, IMAGES = 10, EACH = 5 };

static char *folder, *data, *run, *best;
static struct sw_session *session;
static json_t *model_config;

static void start(const char *more)
{
    folder = unit_folder();
    data = runs_data(folder, IMAGES);
    run = unit_path(folder, "run");
    best = unit_path(run, "checkpoint.safetensors");
    session = runs_session(2);
    json_t *config = runs_config(data, more);
    runs_whole(session, config, run);
    json_decref(config);
    model_config = configs_of_checkpoint(best, NULL);
}

static void begin(void)
{
    start("warmup_epochs=2 lr=0.05 l2l.lambda=4");
}

static void end(void)
{
    json_decref(model_config);
    sw_session_free(session);
    char *paths[] = {data, run, best};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        free(paths[i]);
    unit_remove_folder(folder);
}

static struct sw_query_source source(void)
{
    return (struct sw_query_source){
        .checkpoint = best, .config = model_config, .dir = data, .split = "test"};
}

static json_t *explained(const char *image, size_t caption, const char *text)
{
    struct sw_error error = {0};
    struct sw_explain_request request = {.source = source(),
                                         .image = image,
                                         .text = text,
                                         .length = text ? strlen(text) : 0,
                                         .caption = caption};
    json_t *found = sw_explain(session, &request, &error);
    ck_assert_msg(found != NULL, "%s", error.text);
    return found;
}

static json_t *searched(const char *text, const char *image, size_t top)
{
    struct sw_error error = {0};
    struct sw_search_request request = {.source = source(),
                                        .text = text,
                                        .length = text ? strlen(text) : 0,
                                        .image = image,
                                        .top = top};
    json_t *found = sw_search(session, &request, &error);
    ck_assert_msg(found != NULL, "%s", error.text);
    return found;
}

static const char *word(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_int_t whole(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static json_t *map_named(const json_t *found, const char *name)
{
    json_t *maps = json_object_get(found, "maps");
    for (size_t i = 0; i < json_array_size(maps); i++)
        if (strcmp(word(json_array_get(maps, i), "name"), name) == 0)
            return json_array_get(maps, i);
    ck_abort_msg("no map %s", name);
    return NULL;
}

static double weight(const json_t *map, size_t row, size_t column)
{
    json_t *rows = json_object_get(map, "weights");
    json_t *number = json_array_get(json_array_get(rows, row), column);
    ck_assert(json_is_number(number));
    return json_number_value(number);
}

/* S of the split as evaluation has it; the caller frees it. */
static float *similarities(void)
{
    char *sims = unit_path(folder, "sims.npy");
    struct sw_evaluate_options options = {.sims = sims};
    struct sw_metrics metrics;
    struct sw_npy file;
    const char *const models[] = {best};
    ck_assert_int_eq(
        configs_evaluate(session, models, 1, data, "test", NULL, &options, &metrics, NULL, NULL),
        SW_OK);
    ck_assert_int_eq(sw_npy_open(&file, sims, NULL), SW_OK);
    float *S = malloc(sizeof *S * IMAGES * IMAGES * EACH);
    ck_assert_int_eq(sw_npy_floats(&file, 0, IMAGES, S), 0);
    sw_npy_close(&file);
    free(sims);
    return S;
}

/* Every row of weights is a distribution, and the score is the one that evaluation ranks by. */
START_TEST(weights_and_score)
{
    float *S = similarities();
    for (size_t image = 0; image < IMAGES; image += 3)
        for (size_t caption = 0; caption < EACH; caption += 2) {
            char name[32];
            snprintf(name, sizeof name, "%zu", image);
            json_t *found = explained(name, caption, NULL);
            json_t *maps = json_object_get(found, "maps");
            int n = (int)json_array_size(json_object_get(found, "words"));
            ck_assert_uint_eq(json_array_size(maps), 4);
            ck_assert_str_eq(word(map_named(found, "l2l.beta"), "kind"), "word");
            ck_assert_str_eq(word(map_named(found, "l2l.alpha"), "kind"), "region");
            ck_assert_str_eq(word(map_named(found, "g2l.regions"), "kind"), "context");
            ck_assert_str_eq(word(map_named(found, "g2l.words"), "kind"), "context_words");
            ck_assert_int_eq(whole(map_named(found, "l2l.beta"), "rows"), n);
            for (size_t m = 0; m < 4; m++) {
                json_t *map = json_array_get(maps, m);
                for (json_int_t r = 0; r < whole(map, "rows"); r++) {
                    double sum = 0;
                    for (json_int_t c = 0; c < whole(map, "columns"); c++)
                        sum += weight(map, (size_t)r, (size_t)c);
                    ck_assert_double_eq_tol(sum, 1, 1e-5);
                }
            }
            ck_assert_double_eq_tol(json_number_value(json_object_get(found, "score")),
                                    (double)S[image * IMAGES * EACH + image * EACH + caption],
                                    1e-5);
            json_decref(found);
        }
    free(S);
}
END_TEST

static const float *parameter(struct sw_model *model, const char *name)
{
    const struct sw_parameter *p = sw_model_find_parameter(model, name);
    ck_assert_ptr_nonnull(p);
    return p->tensor->data;
}

/* W x, W (D,D) */
static void project(const float *W, const float *x, double *out)
{
    for (int i = 0; i < D; i++) {
        out[i] = 0;
        for (int j = 0; j < D; j++)
            out[i] += (double)W[i * D + j] * (double)x[j];
    }
}

/* beta of eq. 5, written out: softmax over the regions of lambda (W~v v_i) . (W~t t_j). */
START_TEST(weights_by_hand)
{
    struct sw_query query;
    struct sw_query_source from = source();
    struct sw_encoded regions = {0}, words = {0};
    struct sw_sentence sentence = {0};
    enum { IMAGE = 7, CAPTION = 2 };
    ck_assert_int_eq(sw_query_open(&query, session, &from, 1, 1, NULL), SW_OK);
    ck_assert_int_eq(sw_query_sentence_of(&query, IMAGE * EACH + CAPTION, &sentence, NULL), SW_OK);
    ck_assert_int_eq(sw_query_encode_images(&query, IMAGE, 1, &regions, NULL), SW_OK);
    ck_assert_int_eq(sw_query_encode_sentence(&query, &sentence, &words, NULL), SW_OK);
    struct sw_model *model = query.matcher->model;
    json_t *found = explained("7", CAPTION, NULL), *beta = map_named(found, "l2l.beta");
    json_t *texts = json_object_get(found, "words");
    int k = regions.count[0];
    ck_assert_uint_eq(json_array_size(texts), sentence.count);
    ck_assert_str_eq(json_string_value(json_array_get(texts, 0)), "<start>");
    for (size_t j = 0; j < sentence.count; j++) {
        double y[D], a[K], sum = 0;
        project(parameter(model, "l2l.text_key.weight"), words.rows + j * D, y);
        for (int i = 0; i < k; i++) {
            double x[D];
            const float *v = regions.rows + (size_t)sw_region_row(regions.k, 0, i) * D;
            project(parameter(model, "l2l.image_key.weight"), v, x);
            a[i] = 0;
            for (int d = 0; d < D; d++)
                a[i] += x[d] * y[d];
            sum += a[i] = exp(4 * a[i]);
        }
        for (int i = 0; i < k; i++)
            ck_assert_double_eq_tol(weight(beta, j, (size_t)i), a[i] / sum, 1e-5);
    }
    json_decref(found);
    sw_sentence_free(&sentence);
    sw_encoded_free(&regions);
    sw_encoded_free(&words);
    sw_query_close(&query);
}
END_TEST

/* As many words as regions: which side is which is still known. */
START_TEST(square)
{
    json_t *found = explained("0", 0, "one red ball");
    ck_assert_int_eq(whole(found, "regions"), K);
    ck_assert_uint_eq(json_array_size(json_object_get(found, "words")), K);
    ck_assert_str_eq(word(map_named(found, "l2l.beta"), "kind"), "word");
    ck_assert_str_eq(word(map_named(found, "l2l.alpha"), "kind"), "region");
    ck_assert_str_eq(word(map_named(found, "g2l.regions"), "kind"), "context");
    ck_assert_str_eq(word(map_named(found, "g2l.words"), "kind"), "context_words");
    ck_assert_int_eq(whole(map_named(found, "l2l.beta"), "columns"), K);
    ck_assert(json_is_null(json_object_get(found, "caption")));
    json_decref(found);
}
END_TEST

/* A model of one direction shows what it has, and no more. */
START_TEST(one_direction)
{
    static const char *const shown[2][2] = {{"l2l.beta", "g2l.regions"},
                                            {"l2l.alpha", "g2l.words"}};
    end();
    start(_i ? "direction=i2t" : "direction=t2i");
    json_t *found = explained("1", 1, NULL), *maps = json_object_get(found, "maps");
    ck_assert_uint_eq(json_array_size(maps), 2);
    for (size_t m = 0; m < 2; m++)
        ck_assert_str_eq(word(json_array_get(maps, m), "name"), shown[_i][m]);
    json_decref(found);
}
END_TEST

/* An image goes by its name, with a picture's ending or without, before it goes by its number. */
START_TEST(names_of_images)
{
    char *ids = unit_path(data, "test_ids.txt");
    static const char names[] = "a.jpg\nb.JPEG\n3\nd'`$(x)\"\n\xff\xfe\na.png\ng\nh\ni\nj.png\n";
    static const struct {
        const char *name;
        json_int_t image;
    } asked[] = {{"a.jpg", 0}, {"a", 0}, {"a.png", 5}, {"b", 1},         {"b.jpg", 1},   {"3", 2},
                 {"4", 4},     {"9", 9}, {"j.png", 9}, {"d'`$(x)\"", 3}, {"\xff\xfe", 4}};
    unit_write(ids, names, sizeof names - 1);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        json_t *found = explained(asked[i].name, 0, NULL);
        ck_assert_msg(whole(found, "image") == asked[i].image, "%s", asked[i].name);
        json_decref(found);
    }
    free(ids);
}
END_TEST

/* Boxes that are none do not become numbers; the others are told as they are. */
START_TEST(boxes)
{
    char *file = unit_path(data, "test_ims_bbx.npy");
    size_t shape[3] = {IMAGES, K, 4};
    float *all = calloc(IMAGES * K * 4, sizeof *all);
    const float odd[K][4] = {
        {1, 2, 3, 4}, {NAN, 0, 1, 1}, {0, 0, INFINITY, 1}, {5, 5, 4, 6}, {-3, 0, 9, 1}};
    memcpy(all, odd, sizeof odd);
    ck_assert_int_eq(sw_npy_write(file, all, 3, shape, NULL), SW_OK);
    json_t *found = explained("0", 0, NULL), *list = json_object_get(found, "boxes");
    ck_assert_uint_eq(json_array_size(list), K);
    for (size_t i = 0; i < K; i++)
        ck_assert_int_eq(json_is_null(json_array_get(list, i)), i > 0 && i < 4);
    ck_assert_double_eq(json_number_value(json_array_get(json_array_get(list, 4), 0)), -3);
    json_decref(found);
    ck_assert_int_eq(unlink(file), 0);
    found = explained("0", 0, NULL);
    ck_assert(json_is_null(json_object_get(found, "boxes")));
    json_decref(found);
    free(all);
    free(file);
}
END_TEST

/* With word ids of the data's own, those are what the model reads, and their words are told. */
START_TEST(word_ids)
{
    char *file = unit_path(data, "test_precaps.txt");
    FILE *out = fopen(file, "wb");
    for (int c = 0; c < IMAGES * EACH; c++)
        fprintf(out, c == 17 ? "5,4,3\n" : "4\n");
    fclose(out);
    struct sw_error error = {0};
    struct sw_explain_request request = {.source = source(), .index = 3, .caption = 2};
    request.source.precaps = 1;
    json_t *found = sw_explain(session, &request, &error);
    ck_assert_msg(found != NULL, "%s", error.text);
    json_t *words = json_object_get(found, "words");
    ck_assert_uint_eq(json_array_size(words), 5);
    ck_assert_str_eq(json_string_value(json_array_get(words, 3)), "<unk>");
    ck_assert_str_eq(json_string_value(json_array_get(words, 4)), "<end>");
    json_decref(found);
    request.source.precaps = 0;
    found = sw_explain(session, &request, &error);
    ck_assert_msg(found != NULL, "%s", error.text);
    ck_assert_str_ne(json_string_value(json_array_get(json_object_get(found, "words"), 3)),
                     "<unk>");
    json_decref(found);
    free(file);
}
END_TEST

static const struct {
    const char *image;
    size_t caption;
    const char *text, *message;
    int status;
} wrong[] = {
    {"10", 0, NULL, "a number below 10, found '10'", SW_FAILED},
    {"99999999999999999999999999", 0, NULL, "a number below 10", SW_FAILED},
    {"-1", 0, NULL, "found '-1'", SW_FAILED},
    {"", 0, NULL, "found ''", SW_FAILED},
    {"scene-test-000000-fisrt", 0, NULL, "did you mean 'scene-test-000000-first'?", SW_FAILED},
    {"0", 5, NULL, "a caption of the image's own, 0 to 4, found 5", SW_FAILED},
    {"0", 0, "", "expected 1 to 1000 words, found 0", SW_MISUSE},
    {"0", 0, "  \t", "expected 1 to 1000 words, found 0", SW_MISUSE},
    {"0", 0, "a \xff", "the sentence: ", SW_FAILED},
};

START_TEST(wrong_requests)
{
    struct sw_error error = {0};
    struct sw_explain_request request = {.source = source(),
                                         .image = wrong[_i].image,
                                         .caption = wrong[_i].caption,
                                         .text = wrong[_i].text,
                                         .length = wrong[_i].text ? strlen(wrong[_i].text) : 0};
    ck_assert_ptr_null(sw_explain(session, &request, &error));
    ck_assert_msg(strstr(error.text, wrong[_i].message) != NULL, "%s", error.text);
    ck_assert_int_eq(error.status, wrong[_i].status);
}
END_TEST

/* ---- search ---------------------------------------------------------------------------------- */

/* Images for a caption of the split: the order is that of S, and its own image is marked. */
START_TEST(images_for_a_caption)
{
    enum { IMAGE = 4, CAPTION = 3 };
    float *S = similarities();
    json_t *asked = explained("4", CAPTION, NULL);
    char *padded;
    ck_assert_int_gt(asprintf(&padded, "  %s ", word(asked, "text")), 0);
    json_t *found = searched(padded, NULL, 1000), *results = json_object_get(found, "results");
    ck_assert_uint_eq(json_array_size(results), IMAGES);
    ck_assert_str_eq(word(found, "ranks"), "images");
    int marked = 0;
    double before = INFINITY;
    for (size_t i = 0; i < IMAGES; i++) {
        json_t *entry = json_array_get(results, i);
        size_t image = (size_t)whole(entry, "image");
        double score = json_number_value(json_object_get(entry, "score"));
        ck_assert_int_eq(whole(entry, "rank"), (json_int_t)i + 1);
        ck_assert_double_le(score, before);
        ck_assert_double_eq_tol(score, (double)S[image * IMAGES * EACH + IMAGE * EACH + CAPTION],
                                1e-5);
        before = score;
        if (json_is_true(json_object_get(entry, "own")))
            marked |= image == IMAGE;
    }
    ck_assert(marked);
    json_decref(found);
    found = searched(padded, NULL, 1);
    ck_assert_uint_eq(json_array_size(json_object_get(found, "results")), 1);
    ck_assert_uint_ge(json_array_size(json_object_get(found, "own")), 1);
    json_decref(found);
    json_decref(asked);
    free(padded);
    free(S);
}
END_TEST

START_TEST(captions_for_an_image)
{
    enum { IMAGE = 6 };
    float *S = similarities();
    json_t *found = searched(NULL, "6", 50), *results = json_object_get(found, "results");
    ck_assert_uint_eq(json_array_size(results), IMAGES * EACH);
    ck_assert_uint_eq(json_array_size(json_object_get(found, "own")), EACH);
    for (size_t i = 0; i < IMAGES * EACH; i++) {
        json_t *entry = json_array_get(results, i);
        size_t index = (size_t)whole(entry, "index");
        double score = json_number_value(json_object_get(entry, "score"));
        ck_assert_double_eq_tol(score, (double)S[IMAGE * IMAGES * EACH + index], 1e-5);
        ck_assert_int_eq(json_is_true(json_object_get(entry, "own")), index / EACH == IMAGE);
        ck_assert_int_eq(whole(entry, "caption"), (json_int_t)(index % EACH));
    }
    json_decref(found);
    free(S);
}
END_TEST

/* Only the images that are asked for are ranked, as in a fold, under the numbers they have in the
 * split; scores are those of the whole. */
START_TEST(a_fold_of_the_split)
{
    enum { FIRST = 4, COUNT = 2 };
    float *S = similarities();
    struct sw_error error = {0};
    for (int images = 0; images < 2; images++) {
        size_t unit = images ? 1 : EACH;
        struct sw_search_request request = {.source = source(),
                                            .text = images ? "a red ball" : NULL,
                                            .length = images ? 10 : 0,
                                            .index = 5,
                                            .top = 100,
                                            .first = FIRST,
                                            .count = COUNT};
        json_t *whole_split = images ? searched("a red ball", NULL, 100) : NULL;
        json_t *found = sw_search(session, &request, &error), *entry, *other;
        ck_assert_msg(found != NULL, "%s", error.text);
        ck_assert_int_eq(whole(found, "among"), (json_int_t)(COUNT * unit));
        size_t i, k;
        json_array_foreach(json_object_get(found, "results"), i, entry)
        {
            size_t index = (size_t)whole(entry, "index");
            double score = json_number_value(json_object_get(entry, "score"));
            ck_assert(index >= FIRST * unit && index < (FIRST + COUNT) * unit);
            if (!images) {
                ck_assert_double_eq_tol(score, (double)S[5 * IMAGES * EACH + index], 1e-5);
                ck_assert_int_eq(json_is_true(json_object_get(entry, "own")), index / EACH == 5);
            }
            json_array_foreach(json_object_get(whole_split, "results"), k, other)
            {
                if ((size_t)whole(other, "index") == index)
                    ck_assert_double_eq_tol(
                        score, json_number_value(json_object_get(other, "score")), 1e-5);
            }
        }
        ck_assert_uint_eq(i, COUNT * unit);
        json_decref(found);
        json_decref(whole_split);
        request.count = IMAGES;
        ck_assert_ptr_null(sw_search(session, &request, &error));
        ck_assert_ptr_nonnull(strstr(error.text, "expected images to rank among"));
        error = (struct sw_error){0};
        request.source.images = 3; /* a limit of the run holds for a search as well */
        request.index = request.first = request.count = 0;
        found = sw_search(session, &request, &error);
        ck_assert_msg(found != NULL, "%s", error.text);
        ck_assert_int_eq(whole(found, "among"), (json_int_t)(3 * unit));
        json_decref(found);
    }
    free(S);
}
END_TEST

/* A word that the vocabulary lacks is told once, as it was written; the search goes on. */
START_TEST(unknown_words)
{
    json_t *found = searched("Frisbees and frisbees and a zzz", NULL, 3);
    json_t *unknown = json_object_get(found, "unknown");
    size_t count = json_array_size(unknown), told = 0;
    for (size_t i = 0; i < count; i++)
        told += strcmp(json_string_value(json_array_get(unknown, i)), "frisbees") == 0;
    ck_assert_uint_eq(told, 1);
    ck_assert_str_eq(json_string_value(json_array_get(unknown, count - 1)), "zzz");
    ck_assert_uint_eq(json_array_size(json_object_get(found, "results")), 3);
    json_decref(found);
}
END_TEST

/* More images than a chunk holds: each keeps its own score and number. */
START_TEST(large_split)
{
    enum { MANY = 530 };
    char *elsewhere = unit_path(folder, "large");
    ck_assert_int_eq(mkdir(elsewhere, 0777), 0);
    char *large = runs_scenes(
        elsewhere, "--train 8 --dev 8 --test 530 --regions 5 --features 16 --word-dim 4");
    free(elsewhere);
    free(data);
    data = large;
    json_t *found = searched("a red ball", NULL, MANY),
           *results = json_object_get(found, "results");
    ck_assert_uint_eq(json_array_size(results), MANY);
    static const size_t some[] = {0, 63, 64, 511, 512, 529};
    for (size_t i = 0; i < MANY; i++) {
        json_t *entry = json_array_get(results, i);
        for (size_t s = 0; s < sizeof some / sizeof *some; s++)
            if ((size_t)whole(entry, "image") == some[s]) {
                char name[32];
                snprintf(name, sizeof name, "%zu", some[s]);
                json_t *alone = explained(name, 0, "a red ball");
                ck_assert_double_eq_tol(json_number_value(json_object_get(entry, "score")),
                                        json_number_value(json_object_get(alone, "score")), 1e-5);
                json_decref(alone);
            }
    }
    json_decref(found);
    found = searched(NULL, "529", 1);
    ck_assert_int_eq(whole(found, "among"), MANY * EACH);
    json_decref(found);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, weights_and_score);
    tcase_add_test(tests, weights_by_hand);
    tcase_add_test(tests, square);
    tcase_add_loop_test(tests, one_direction, 0, 2);
    tcase_add_test(tests, names_of_images);
    tcase_add_test(tests, boxes);
    tcase_add_test(tests, word_ids);
    tcase_add_loop_test(tests, wrong_requests, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tests, images_for_a_caption);
    tcase_add_test(tests, captions_for_an_image);
    tcase_add_test(tests, a_fold_of_the_split);
    tcase_add_test(tests, unknown_words);
    tcase_add_test(tests, large_split);
}

UNIT_MAIN("explain", add_tests)
