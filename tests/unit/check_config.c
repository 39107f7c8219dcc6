/* check_config.c -- a resolved config as plain members. */
#include "configs.h"

/* The plain members are what training reads: each must come from its own key. */
START_TEST(settings)
{
    json_t *config = configs_default();
    static const char *const set[] = {
        "seed=3",        "batch=5",     "epochs=6",        "lr=0.5",        "decay_epoch=7",
        "decay=0.25",    "clip=1.5",    "dir=d",           "glove=g",       "vocab=v",
        "train_split=a", "dev_split=b", "train_images=10", "dev_images=11", "precaps=true",
        "max_steps=13",  "word_dim=16"};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        configs_set(config, set[i]);
    struct sw_settings s;
    sw_config_settings(config, &s);
    ck_assert(s.seed == 3 && s.batch == 5 && s.epochs == 6);
    ck_assert(s.lr == 0.5 && s.decay_epoch == 7 && s.decay == 0.25);
    ck_assert(s.clip == 1.5);
    ck_assert(!strcmp(s.dir, "d") && !strcmp(s.glove, "g") && !strcmp(s.vocab, "v"));
    ck_assert(!strcmp(s.train_split, "a") && !strcmp(s.dev_split, "b"));
    ck_assert(s.train_images == 10 && s.dev_images == 11);
    ck_assert(s.precaps && !s.all_dev_captions && s.max_steps == 13);
    ck_assert(s.word_dim == 16 && !strcmp(s.embedding, "glove_random"));
    json_decref(config);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, settings);
}

UNIT_MAIN("config", add_tests)
