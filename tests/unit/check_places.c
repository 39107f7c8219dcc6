/* check_places.c -- the files that came with the program are found from where it lies. */
#include "unit.h"

#include "base/places.h"

/* configured: program in `from`, files in `to`; the program is met in `here` */
static void lies(const char *from, const char *to, const char *here, const char *expected)
{
    char *found = sw_moved_path(from, to, here);
    ck_assert_pstr_eq(found, expected);
    free(found);
}

START_TEST(a_moved_tree_keeps_its_shape)
{
    lies("/usr/local/bin", "/usr/local/lib/stepwise", "/home/a/bin", "/home/a/lib/stepwise");
    lies("/usr/local/bin", "/usr/local/lib/stepwise", "/stage/usr/local/bin",
         "/stage/usr/local/lib/stepwise");
    lies("/usr/bin", "/usr/lib/x86_64-linux-gnu/stepwise", "/a b/bin",
         "/a b/lib/x86_64-linux-gnu/stepwise");
    lies("/usr/lib/lua/5.4", "/usr/lib/stepwise", "/x/lib/lua/5.4", "/x/lib/stepwise");
    lies("/opt/sw", "/opt/sw/plugins", "/x", "/x/plugins");
    lies("/opt/library", "/opt/lib", "/x/library", "/x/lib");
    lies("/bin", "/lib/stepwise", "/bin", "/lib/stepwise");
    lies("/opt/sw/bin/", "/opt/sw/lib", "/x/bin", "/x/lib");
    lies("/opt/sw/bin", "/opt/sw/bin", "/x/bin", "/x/bin");
}
END_TEST

START_TEST(a_place_above_the_root_is_none)
{
    lies("/a/b/c/bin", "/lib", "/bin", NULL);
}
END_TEST

/* This program lies in the build tree. */
START_TEST(the_build_tree_is_found)
{
    const char *build = getenv("STEPWISE_BUILD");
    ck_assert_ptr_nonnull(build);
    char *expected = malloc(strlen(build) + 64), *plugins = sw_plugins_place();
    sprintf(expected, "%s/plugins/align/.libs", build);
    ck_assert_msg(strstr(plugins, expected) != NULL, "expected %s, found %s", expected, plugins);
    free(expected);
    free(plugins);
    char *data = sw_data_place();
    ck_assert_str_eq(data, build);
    free(data);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_moved_tree_keeps_its_shape);
    tcase_add_test(tests, a_place_above_the_root_is_none);
    tcase_add_test(tests, the_build_tree_is_found);
}

UNIT_MAIN("places", add_tests)
