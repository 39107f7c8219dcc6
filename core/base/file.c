/* file.c -- see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a path that is not a file is. */
static const char *kind_of(const struct stat *about)
{
    return S_ISDIR(about->st_mode) ? "folder" : "device or pipe";
}

int sw_open_file(const char *path, size_t *size, struct sw_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* without it a pipe is waited for */
    struct stat about;
    if (fd < 0 || fstat(fd, &about) < 0) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        sw_fail(error, SW_FAILED, "cannot open %s: %s", path, strerror(why));
        return -1;
    }
    if (!S_ISREG(about.st_mode)) {
        close(fd);
        sw_fail(error, SW_FAILED, "cannot read %s: expected a file, found a %s", path,
                kind_of(&about));
        return -1;
    }
    *size = (size_t)about.st_size;
    return fd;
}

int sw_map(struct sw_mapping *out, const char *path, struct sw_error *error)
{
    *out = (struct sw_mapping){(const unsigned char *)"", 0};
    size_t size;
    int fd = sw_open_file(path, &size, error);
    if (fd < 0)
        return SW_FAILED;
    if (size == 0) {
        close(fd);
        return SW_OK;
    }
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int why = errno;
    close(fd);
    if (data == MAP_FAILED)
        return sw_fail(error, SW_FAILED, "cannot map %s: %s", path, strerror(why));
    *out = (struct sw_mapping){data, size};
    return SW_OK;
}

/* Without a byte order mark: two ASCII characters, each with its zero byte. */
static int is_utf16(const struct sw_mapping *file)
{
    const unsigned char *d = file->data;
    return file->size >= 4 && (!d[0] == !d[2]) && (!d[1] == !d[3]) && (!d[0] != !d[1]);
}

int sw_map_text(struct sw_mapping *out, size_t *begin, const char *path, struct sw_error *error)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *format, *convert; /* NULL: a byte order mark */
    } starts[] = {
        {"\xef\xbb\xbf", 3, NULL, NULL},
        {"\xff\xfe", 2, "UTF-16", "iconv -f UTF-16 -t UTF-8"},
        {"\xfe\xff", 2, "UTF-16", "iconv -f UTF-16 -t UTF-8"},
        {"\x1f\x8b", 2, "a gzip file", "gunzip -c"},
        {"PK\3\4", 4, "a zip archive", "unzip -p"},
        {"BZh", 3, "a bzip2 file", "bunzip2 -c"},
        {"\xfd"
         "7zXZ",
         5, "an xz file", "unxz -c"},
        {"\x28\xb5\x2f\xfd", 4, "a zstd file", "unzstd -c"},
    };
    *begin = 0;
    int status = sw_map(out, path, error);
    if (!status && is_utf16(out)) {
        sw_unmap(out);
        status = sw_fail(error, SW_FAILED,
                         "%s: expected text in UTF-8, found UTF-16 without a byte order mark; "
                         "convert it with 'iconv -f UTF-16LE -t UTF-8' (or UTF-16BE)",
                         path);
    }
    for (size_t i = 0; !status && i < sizeof starts / sizeof *starts; i++) {
        size_t length = starts[i].length;
        if (out->size < length || memcmp(out->data, starts[i].magic, length) != 0)
            continue;
        if (!starts[i].format) {
            *begin = length;
            break;
        }
        sw_unmap(out);
        status =
            sw_fail(error, SW_FAILED, "%s: expected text in UTF-8, found %s; convert it with '%s'",
                    path, starts[i].format, starts[i].convert);
    }
    return status;
}

void sw_unmap(struct sw_mapping *mapping)
{
    if (mapping->size)
        munmap((void *)(size_t)mapping->data, mapping->size);
    *mapping = (struct sw_mapping){(const unsigned char *)"", 0};
}

void sw_unmap_behind(const struct sw_mapping *mapping, size_t from, size_t to, size_t step)
{
    from -= from % step;
    to -= to % step;
    if (from < to)
        madvise((char *)(size_t)mapping->data + from, to - from, MADV_DONTNEED);
}

int sw_create_unique(char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    enum { RANDOM = 6, TRIES = 100 };
    unsigned char random[RANDOM];
    char *end = path + strlen(path) - RANDOM;
    for (int i = 0; i < TRIES; i++) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return -1;
        for (int c = 0; c < RANDOM; c++)
            end[c] = letters[random[c] % (sizeof letters - 1)];
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static void forget(struct sw_new_file *file)
{
    free(file->path);
    free(file->beside);
    *file = (struct sw_new_file){0};
}

int sw_new_file_begin(struct sw_new_file *file, const char *path, struct sw_error *error)
{
    *file = (struct sw_new_file){0};
    size_t length = strlen(path);
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return sw_fail(error, SW_FAILED, "cannot write %s: expected a file, found a %s", path,
                       kind_of(&about));
    file->path = strdup(path);
    file->beside = malloc(length + 8);
    if (!file->path || !file->beside) {
        forget(file);
        return sw_fail(error, SW_FAILED, "out of memory for the name of %s", path);
    }
    memcpy(file->beside, path, length);
    memcpy(file->beside + length, ".XXXXXX", 8);
    int fd = sw_create_unique(file->beside);
    file->stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file->stream) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
            unlink(file->beside);
        }
        forget(file);
        return sw_fail(error, SW_FAILED, "cannot write %s: %s", path, strerror(why));
    }
    return SW_OK;
}

static int sync_folder_of(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return -1;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = 0;
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return -1;
    int status = fsync(fd);
    close(fd);
    return status;
}

int sw_new_file_commit(struct sw_new_file *file, struct sw_error *error)
{
    int bad = ferror(file->stream) | fflush(file->stream);
    if (!bad)
        bad = fsync(fileno(file->stream));
    int why = errno;
    if (fclose(file->stream) && !bad) {
        bad = 1;
        why = errno;
    }
    file->stream = NULL;
    if (!bad && rename(file->beside, file->path)) {
        bad = 1;
        why = errno;
    }
    if (bad) {
        unlink(file->beside);
        sw_fail(error, SW_FAILED, "cannot write %s: %s", file->path, strerror(why));
    } else {
        sync_folder_of(file->path); /* some file systems refuse it; the data itself is safe */
    }
    forget(file);
    return bad ? SW_FAILED : SW_OK;
}

void sw_new_file_discard(struct sw_new_file *file)
{
    if (file->stream)
        fclose(file->stream);
    if (file->beside)
        unlink(file->beside);
    forget(file);
}

int sw_write_file(const char *path, const void *bytes, size_t size, struct sw_error *error)
{
    struct sw_new_file file;
    int status = sw_new_file_begin(&file, path, error);
    if (status)
        return status;
    if (size && fwrite(bytes, 1, size, file.stream) != size) {
        int why = errno;
        sw_new_file_discard(&file);
        return sw_fail(error, SW_FAILED, "cannot write %s: %s", path, strerror(why));
    }
    return sw_new_file_commit(&file, error);
}
