/* unit.h -- what every unit test program shares. */
#ifndef SW_TESTS_UNIT_H
#define SW_TESTS_UNIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Defines main() for a program whose tests are added by `void add_tests(TCase *tests)`. */
#define UNIT_MAIN(name, add_tests)                   \
    int main(void)                                   \
    {                                                \
        Suite *suite = suite_create(name);           \
        TCase *tests = tcase_create(name);           \
        tcase_set_timeout(tests, 300);               \
        add_tests(tests);                            \
        suite_add_tcase(suite, tests);               \
        SRunner *runner = srunner_create(suite);     \
        srunner_run_all(runner, CK_ENV);             \
        int failed = srunner_ntests_failed(runner);  \
        srunner_free(runner);                        \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS; \
    }

/* A folder of this test's own below TMPDIR; remove it with unit_remove_folder. */
static inline char *unit_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(strlen(base ? base : "/tmp") + 32);
    sprintf(path, "%s/stepwise-unit.XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
    return path;
}

static inline void unit_remove_folder(char *path)
{
    char command[1024];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
    free(path);
}

/* folder/name; the caller frees it. */
static inline char *unit_path(const char *folder, const char *name)
{
    char *path = malloc(strlen(folder) + strlen(name) + 2);
    sprintf(path, "%s/%s", folder, name);
    return path;
}

/* Writes a file of the test's own. */
static inline void unit_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* $STEPWISE_SHARED/name when that file is there, else NULL after a line that says why the test is
 * skipped; the caller frees it. */
static inline char *unit_shared(const char *name)
{
    const char *base = getenv("STEPWISE_SHARED");
    if (!base || !*base) {
        printf("skipped: STEPWISE_SHARED is not set, so %s is not there\n", name);
        return NULL;
    }
    char *path = unit_path(base, name);
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: %s is not there\n", path);
    free(path);
    return NULL;
}

#endif
