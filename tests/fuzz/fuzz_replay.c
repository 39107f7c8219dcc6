/* fuzz_replay.c -- a main() for a harness without libFuzzer: each file of its corpus, whole and cut
 * short at up to 64 places.
 *
 * usage: fuzz_NAME [FILE..]; without files, all of tests/fuzz/corpus/NAME below STEPWISE_SOURCE. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUTS = 64, MOST_BYTES = 1 << 20 };

/* A copy of exactly `size` bytes, so that a sanitizer sees a read beyond them. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    fuzz_require(copy != NULL, "out of memory");
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(const char *path)
{
    static uint8_t bytes[MOST_BYTES];
    FILE *file = fopen(path, "rb");
    fuzz_require(file != NULL, path);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout); /* the last name in the log is that of the input that failed */
    run(bytes, size);
    size_t step = size / CUTS + 1;
    for (size_t cut = 0; cut < size; cut += step)
        run(bytes, cut);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (argc > 1)
        return 0;
    const char *source = getenv("STEPWISE_SOURCE"), *name = strrchr(argv[0], '/');
    name = strstr(name ? name : argv[0], "fuzz_");
    fuzz_require(name != NULL, "the program's name is not fuzz_NAME");
    char folder[2048], path[4096];
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", source ? source : ".",
             name + strlen("fuzz_"));
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, alphasort);
    fuzz_require(count > 0, folder);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        replay(path);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
