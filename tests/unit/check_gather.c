/* check_gather.c -- batches of a data set, made on demand or ahead. */
#include "runs.h"

#include "data/dataset.h"
#include "train/gather.h"

enum { IMAGES = 12, CAPTIONS = 5 * IMAGES, B = 20 };

static char *folder, *data;
static struct sw_session *session;
static struct sw_vocabulary vocabulary;
static struct sw_dataset train;
static struct sw_gather gather, plain;

static struct sw_gather gather_of(struct sw_compute *compute)
{
    struct sw_gather made;
    struct sw_error error = {0};
    ck_assert_msg(sw_gather_new(&made, &train, compute, B, B, &error) == SW_OK, "%s", error.text);
    return made;
}

static void begin(void)
{
    struct sw_error error = {0};
    folder = unit_folder();
    data = runs_data(folder, 10);
    session = runs_session(2);
    static const char *const splits[] = {"train"};
    ck_assert_msg(sw_vocabulary_from_folder(&vocabulary, data, splits, 1, 1, &error) == SW_OK, "%s",
                  error.text);
    ck_assert_msg(sw_dataset_open(data, "train", &vocabulary, NULL, &train, &error) == SW_OK, "%s",
                  error.text);
    gather = gather_of(session->compute);
    plain = gather_of(session->compute);
}

static void end(void)
{
    sw_gather_free(&gather);
    sw_gather_free(&plain);
    sw_dataset_close(&train);
    sw_vocabulary_free(&vocabulary);
    sw_session_free(session);
    free(data);
    unit_remove_folder(folder);
}

/* Captions of batch `at`, of changing sizes. */
static int some(int at, uint32_t caption[B])
{
    int count = at % 3 == 2 ? 7 : B;
    for (int i = 0; i < count; i++)
        caption[i] = (uint32_t)((at * 31 + i * 17) % CAPTIONS);
    return count;
}

static void gathered(struct sw_gather *g, const uint32_t *caption, int count)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_gather_pairs(g, caption, count, &error) == SW_OK, "%s", error.text);
}

static void asked_ahead(const uint32_t *caption, int count)
{
    struct sw_error error = {0};
    ck_assert_msg(sw_gather_ahead(&gather, caption, count, &error) == SW_OK, "%s", error.text);
}

static void same(const struct sw_gather *a, const struct sw_gather *b)
{
    const struct sw_examples *x = &a->examples, *y = &b->examples;
    ck_assert(x->images == y->images && x->k == y->k && x->captions == y->captions);
    size_t numbers = (size_t)sw_region_rows(x->images, x->k) * train.features;
    ck_assert_mem_eq(x->features, y->features, numbers * sizeof(float));
    ck_assert_mem_eq(x->caption_start, y->caption_start, sizeof(int) * ((size_t)x->captions + 1));
    ck_assert_mem_eq(x->ids, y->ids, sizeof(int32_t) * (size_t)x->caption_start[x->captions]);
    ck_assert_mem_eq(a->image, b->image, sizeof(int32_t) * (size_t)x->captions);
}

/* A batch that was made ahead is the batch: else a run depends on whether its thread was in time.
 */
START_TEST(ahead_is_the_same)
{
    uint32_t caption[B], next[B];
    int count = some(0, caption);
    gathered(&gather, caption, count);
    for (int at = 0; at < 30; at++) {
        count = some(at + 1, next);
        asked_ahead(next, count);
        gathered(&plain, caption, some(at, caption));
        same(&gather, &plain); /* the batch at hand stays while the next is made */
        gathered(&gather, next, count);
        gathered(&plain, next, count);
        same(&gather, &plain);
    }
}
END_TEST

/* A resumed run, or one that skips a step, may want other captions than those that were made. */
START_TEST(another_batch_than_the_one_ahead)
{
    uint32_t caption[B], next[B];
    for (int at = 0; at < 12; at++) {
        int count = some(at, caption), other = some(at + 5, next);
        asked_ahead(next, other);
        gathered(&gather, caption, count);
        gathered(&plain, caption, count);
        same(&gather, &plain);
        asked_ahead(caption, count);
        gathered(&gather, caption, count - 1); /* a part of it is not it */
        gathered(&plain, caption, count - 1);
        same(&gather, &plain);
    }
}
END_TEST

/* Closing a run in the middle of a step. */
START_TEST(freed_while_a_batch_is_made)
{
    uint32_t caption[B];
    int count = some(0, caption);
    for (int i = 0; i < 40; i++) {
        struct sw_gather g = gather_of(session->compute);
        struct sw_error error = {0};
        ck_assert_int_eq(sw_gather_ahead(&g, caption, count, &error), SW_OK);
        if (i % 2)
            gathered(&g, caption, count);
        ck_assert_int_eq(sw_gather_ahead(&g, caption, count - i % 3, &error), SW_OK);
        sw_gather_free(&g);
    }
}
END_TEST

/* Who asks for one thread gets one. */
START_TEST(one_thread)
{
    struct sw_session *one = runs_session(1);
    struct sw_gather g = gather_of(one->compute);
    struct sw_error error = {0};
    uint32_t caption[B];
    int count = some(0, caption);
    ck_assert_int_eq(sw_gather_ahead(&g, caption, count, &error), SW_OK);
    ck_assert_ptr_null(g.ahead);
    gathered(&g, caption, count);
    gathered(&plain, caption, count);
    same(&g, &plain);
    sw_gather_free(&g);
    sw_session_free(one);
}
END_TEST

START_TEST(too_many_captions)
{
    static uint32_t caption[B + 1];
    struct sw_error error = {0};
    ck_assert_int_eq(sw_gather_ahead(&gather, caption, B + 1, &error), SW_FAILED);
    ck_assert_str_eq(error.text, "a batch of 21 captions: expected at most 20");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, ahead_is_the_same);
    tcase_add_test(tests, another_batch_than_the_one_ahead);
    tcase_add_test(tests, freed_while_a_batch_is_made);
    tcase_add_test(tests, one_thread);
    tcase_add_test(tests, too_many_captions);
}

UNIT_MAIN("gather", add_tests)
