/* fuzz.c -- see fuzz.h. */
#include "fuzz.h"

#include "train/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[4096];
static struct sw_session *session;

void fuzz_require(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz: %s\n", what);
    abort();
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static char path[64];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_require(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
                 "cannot write to memory");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

static void remove_folder(void)
{
    char command[sizeof folder + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "fuzz: %s stays behind\n", folder);
}

static void make_folder(void)
{
    /* in memory where that is possible: files come and go with every input */
    const char *base = getenv("TMPDIR"), *memory = "/dev/shm";
    if (!base)
        base = access(memory, W_OK | X_OK) == 0 ? memory : "/tmp";
    snprintf(folder, sizeof folder, "%s/stepwise-fuzz.XXXXXX", base);
    fuzz_require(mkdtemp(folder) != NULL, "cannot make a temporary folder");
    atexit(remove_folder);
}

static void write_part(const char *name, const uint8_t *data, size_t size)
{
    char path[sizeof folder + 256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    unlink(path);
    FILE *file = data ? fopen(path, "wb") : NULL;
    fuzz_require(!data || (file && fwrite(data, 1, size, file) == size && fclose(file) == 0),
                 "cannot write to the temporary folder");
}

const char *fuzz_folder(const uint8_t *data, size_t size, const char *const *names, size_t count)
{
    static const char separator[] = "\n====\n";
    const uint8_t *at = data ? data : (const uint8_t *)"", *end = at + size;
    if (!*folder)
        make_folder();
    for (size_t i = 0; i < count; i++) {
        const uint8_t *cut =
            at ? memmem(at, (size_t)(end - at), separator, sizeof separator - 1) : NULL;
        write_part(names[i], at, at ? (size_t)((cut ? cut : end) - at) : 0);
        at = cut ? cut + sizeof separator - 1 : NULL;
    }
    return folder;
}

int fuzz_succeeded(int status, const struct sw_error *error)
{
    if (status == SW_OK) {
        fuzz_require(error->status == SW_OK, "an error is set, yet the status is SW_OK");
        return 1;
    }
    fuzz_require(error->status == status, "the status is not that of the error");
    fuzz_require(*error->text && !strchr(error->text, '\n'), "the message is not one line");
    return 0;
}

void fuzz_touch(const void *bytes, size_t size)
{
    volatile unsigned char sum = 0;
    for (size_t i = 0; i < size; i++)
        sum ^= ((const unsigned char *)bytes)[i];
    (void)sum;
}

static void free_session(void)
{
    sw_session_free(session);
}

struct sw_session *fuzz_session(void)
{
    struct sw_error error = {0};
    if (!session) {
        fuzz_require(sw_session_new(&session, 1, NULL, &error) == SW_OK, error.text);
        atexit(free_session);
    }
    return session;
}
