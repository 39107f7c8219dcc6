/* check_plugins.c -- a plugin that does not fit is refused with a sentence that says why, and
 * leaves nothing behind. */
#include "unit.h"

#include "plugin/plugins.h"

#include <math.h>
#include <sys/stat.h>

static struct sw_ops *ops;
static struct sw_plugins *plugins;
static struct sw_error error;

static void set_up(void)
{
    error = (struct sw_error){.status = SW_OK};
    ops = sw_ops_new(&error);
    ck_assert_ptr_nonnull(ops);
    ck_assert_msg(sw_plugins_load(&plugins, NULL, ops, &error) == SW_OK, "%s", error.text);
}

static void tear_down(void)
{
    sw_plugins_free(plugins);
    sw_ops_free(ops);
}

/* Where the bad plugins are built: $STEPWISE_BUILD/tests/bad/.libs/NAME.so */
static char *bad(const char *name)
{
    const char *build = getenv("STEPWISE_BUILD");
    ck_assert_msg(build != NULL, "STEPWISE_BUILD is not set");
    char *path = malloc(strlen(build) + strlen(name) + 32);
    sprintf(path, "%s/tests/bad/.libs/%s.so", build, name);
    return path;
}

static void refused(const char *file, const char *because)
{
    int ops_before = sw_ops_count(ops), before = sw_plugins_count(plugins);
    ck_assert_int_ne(sw_plugins_add(plugins, file, &error), SW_OK);
    ck_assert_msg(strstr(error.text, because) && strstr(error.text, file),
                  "expected '%s' and the file, found: %s", because, error.text);
    ck_assert_int_eq(sw_plugins_count(plugins), before);
    ck_assert_int_eq(sw_ops_count(ops), ops_before);
}

/* The paper's own parts must all be there under their names. */
START_TEST(the_models_parts_are_found)
{
    static const char *const stages[] = {"l2l", "g2l", "g2g"};
    static const char *const fusions[] = {"gate", "gate_vector", "average", "sum", "concat"};
    static const char *const embeddings[] = {"glove", "glove_tuned", "random", "glove_random"};
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(sw_plugins_find(plugins, SW_KIND_STAGE, stages[i], &error));
    for (int i = 0; i < 5; i++)
        ck_assert_ptr_nonnull(sw_plugins_find(plugins, SW_KIND_FUSION, fusions[i], &error));
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(sw_plugins_find(plugins, SW_KIND_EMBEDDING, embeddings[i], &error));
    for (int i = 0; i < sw_plugins_count(plugins); i++)
        ck_assert_msg(sw_plugins_at(plugins, i)->plugin != NULL, "%s was refused: %s",
                      sw_plugins_at(plugins, i)->file, sw_plugins_at(plugins, i)->reason);
}
END_TEST

START_TEST(an_unknown_name_is_met_with_the_near_miss)
{
    ck_assert_ptr_null(sw_plugins_find(plugins, SW_KIND_STAGE, "l2k", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no stage 'l2k'; did you mean 'l2l'?"));
    ck_assert_int_eq(error.status, SW_MISUSE);
}
END_TEST

START_TEST(another_interface_version_is_refused)
{
    char *file = bad("other_abi");
    refused(file, "it was built for plugin interface 3, this program has 2");
    free(file);
}
END_TEST

START_TEST(a_library_without_the_symbol_is_refused)
{
    char *file = bad("no_symbol");
    refused(file, "it has no symbol 'sw_plugin'");
    free(file);
}
END_TEST

/* All of a plugin is registered, or nothing: its first stage has a free name. */
START_TEST(a_taken_name_is_refused_with_all_that_came_along)
{
    char *file = bad("taken");
    refused(file, "the stage 'l2l' is taken by");
    error.status = SW_OK;
    ck_assert_ptr_null(sw_plugins_find(plugins, SW_KIND_STAGE, "first_of_taken", &error));
    free(file);
}
END_TEST

START_TEST(what_is_no_library_is_refused)
{
    char *folder = unit_folder(), *file = unit_path(folder, "text.so");
    unit_write(file, "hello", 5);
    refused(file, "it cannot be loaded");
    error.status = SW_OK;
    refused("/nowhere/at/all.so", "cannot be read");
    free(file);
    unit_remove_folder(folder);
}
END_TEST

/* Loading runs code: a file that anybody may write is not loaded. */
START_TEST(a_file_that_anybody_may_write_is_refused)
{
    char *folder = unit_folder(), *file = unit_path(folder, "open.so");
    unit_write(file, "hello", 5);
    ck_assert_int_eq(chmod(file, 0666), 0);
    refused(file, "it is writable by everyone");
    free(file);
    unit_remove_folder(folder);
}
END_TEST

/* ---- descriptors in memory
 * ------------------------------------------------------------------------ */

static int init(const struct sw_host *host, struct sw_model *model, void *self,
                const struct sw_value *values)
{
    (void)host, (void)model, (void)self, (void)values;
    return 0;
}

static struct sw_tensor *score(struct sw_tile *tile, const void *self, const void *prepared)
{
    (void)tile, (void)self, (void)prepared;
    return NULL;
}

static struct sw_option options[] = {
    {"sharp", SW_NUMBER, "2", NULL, 0, 10, "an option"},
    {NULL, SW_NUMBER, NULL, NULL, 0, 0, NULL},
};
static struct sw_stage stage;
static const struct sw_stage *stages[] = {&stage, NULL};

static struct sw_plugin good(void)
{
    options[0] = (struct sw_option){"sharp", SW_NUMBER, "2", NULL, 0, 10, "an option"};
    stage = (struct sw_stage){
        .name = "mine", .doc = "a stage", .options = options, .init = init, .score = score};
    return (struct sw_plugin){SW_PLUGIN_HEAD,   .name = "mine",    .version = "1",
                              .license = "MIT", .doc = "a plugin", .stages = stages};
}

static void not_registered(const struct sw_plugin *plugin, const char *because)
{
    error.status = SW_OK;
    ck_assert_int_ne(sw_plugins_register(plugins, plugin, "memory", &error), SW_OK);
    ck_assert_msg(strstr(error.text, because) != NULL, "expected '%s', found: %s", because,
                  error.text);
}

START_TEST(numbers_of_another_size_are_refused)
{
    struct sw_plugin plugin = good();
    plugin.real_size = sizeof(double);
    not_registered(&plugin, "its numbers have 8 bytes, this program's have 4");
    plugin = good();
    plugin.lanes = 8;
    not_registered(&plugin, "its tiles have 8 lanes");
}
END_TEST

START_TEST(a_descriptor_with_holes_is_refused)
{
    struct sw_plugin plugin = good();
    stage.score = NULL;
    not_registered(&plugin, "stage mine lacks a function");
    plugin = good();
    stage.name = "No Name";
    not_registered(&plugin, "lacks a good name");
    plugin = good();
    plugin.stages = NULL;
    not_registered(&plugin, "brings no stage");
    plugin = good();
    options[0].preset = "11";
    not_registered(&plugin, "its default '11' does not fit");
    plugin = good();
    options[0].name = "score";
    not_registered(&plugin, "'score' cannot be an option's name");
    plugin = good();
    error.status = SW_OK;
    ck_assert_msg(sw_plugins_register(plugins, &plugin, "memory", &error) == SW_OK, "%s",
                  error.text);
    ck_assert_ptr_eq(sw_plugins_find(plugins, SW_KIND_STAGE, "mine", &error), &stage);
}
END_TEST

/* What the host allocates or copies for a plugin has a limit, and a list without its end is not
 * walked into whatever follows. */
START_TEST(a_descriptor_without_bounds_is_refused)
{
    static struct sw_option many[SW_MOST_OPTIONS + 2];
    static char names[SW_MOST_OPTIONS + 1][8];
    for (int i = 0; i <= SW_MOST_OPTIONS; i++) {
        sprintf(names[i], "o%d", i);
        many[i] = (struct sw_option){names[i], SW_NUMBER, "2", NULL, 0, 10, "an option"};
    }
    struct sw_plugin plugin = good();
    stage.options = many;
    not_registered(&plugin, "stage mine: it has more than 62 options");
    static const struct sw_stage *endless[SW_MOST_PARTS + 2];
    for (int i = 0; i <= SW_MOST_PARTS; i++)
        endless[i] = &stage;
    plugin = good();
    plugin.stages = endless;
    not_registered(&plugin, "more than 256 stages");
    plugin = good();
    stage.self_size = (size_t)1 << 40;
    not_registered(&plugin, "self_size or prepared_size is above 1048576 bytes: 1099511627776");
    plugin = good();
    stage.prepared_size = SW_MOST_SELF + 1;
    not_registered(&plugin, "self_size or prepared_size is above");
    plugin = good();
    options[0].most = INFINITY;
    not_registered(&plugin, "is not a range");
    plugin = good();
    options[0] = (struct sw_option){"sharp", SW_CHOICE, "a", "a $(b)", 0, 0, "an option"};
    not_registered(&plugin, "does not fit");
    many[SW_MOST_OPTIONS].name = NULL;
    plugin = good();
    stage.options = many;
    error.status = SW_OK;
    ck_assert_msg(sw_plugins_register(plugins, &plugin, "memory", &error) == SW_OK, "%s",
                  error.text);
}
END_TEST

/* The built-in plugins are loaded without a trial; a file from elsewhere is tried first. */
START_TEST(a_file_that_ends_the_process_is_refused)
{
    char *file = bad("odd_load");
    refused(file, "it ended the process when it was loaded");
    free(file);
}
END_TEST

START_TEST(a_relative_plugin_path_is_refused)
{
    struct sw_plugins *other;
    ck_assert_int_eq(sw_plugins_load(&other, "plugins/here", ops, &error), SW_MISUSE);
    ck_assert_ptr_nonnull(strstr(error.text, "expected paths that begin with '/'"));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_models_parts_are_found);
    tcase_add_test(tests, an_unknown_name_is_met_with_the_near_miss);
    tcase_add_test(tests, another_interface_version_is_refused);
    tcase_add_test(tests, a_library_without_the_symbol_is_refused);
    tcase_add_test(tests, a_taken_name_is_refused_with_all_that_came_along);
    tcase_add_test(tests, what_is_no_library_is_refused);
    tcase_add_test(tests, a_file_that_anybody_may_write_is_refused);
    tcase_add_test(tests, numbers_of_another_size_are_refused);
    tcase_add_test(tests, a_descriptor_with_holes_is_refused);
    tcase_add_test(tests, a_descriptor_without_bounds_is_refused);
    tcase_add_test(tests, a_file_that_ends_the_process_is_refused);
    tcase_add_test(tests, a_relative_plugin_path_is_refused);
}

UNIT_MAIN("plugins", add_tests)
