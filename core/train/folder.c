/* folder.c -- see folder.h. */
#include "train/folder.h"

#include "base/file.h"
#include "train/claim.h"
#include "train/provenance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct sw_folder {
    char *path;
    int lock; /* the open folder, with a lock that versions with other claims look for */
    int made;
    struct sw_claim *claim; /* NULL: the run is done, and nobody writes */
    FILE *metrics, *log;
};

/* Makes the folders above `path`; path itself is left alone. */
static int make_parents(char *path, struct sw_error *error)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdir(path, 0777) && errno != EEXIST;
        int why = errno;
        if (failed)
            sw_fail(error, SW_FAILED, "cannot make the folder %s: %s", path, strerror(why));
        *slash = '/';
        if (failed)
            return SW_FAILED;
    }
    return SW_OK;
}

static int make_and_lock(struct sw_folder *folder, int resume, struct sw_error *error)
{
    if (make_parents(folder->path, error) != SW_OK)
        return SW_FAILED;
    folder->made = mkdir(folder->path, 0777) == 0;
    if (!folder->made && !(resume && errno == EEXIST)) {
        int why = errno;
        return sw_fail(
            error, SW_FAILED, "cannot make the run folder %s: %s%s", folder->path, strerror(why),
            why == EEXIST ? "; take another one with --out, or go on with --resume" : "");
    }
    folder->lock = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->lock < 0)
        return sw_fail(error, SW_FAILED, "cannot open the run folder %s: %s", folder->path,
                       strerror(errno));
    return sw_folder_has(folder, "result.json") ? SW_OK : sw_folder_claim(folder, error);
}

int sw_folder_claim(struct sw_folder *folder, struct sw_error *error)
{
    struct sw_claim_state seen;
    char *path = sw_folder_file(folder, "claim");
    int status =
        path ? sw_claim_take(&folder->claim, path, 0, &seen, error)
             : sw_fail(error, SW_FAILED, "out of memory for the run folder %s", folder->path);
    free(path);
    if (status == SW_OK && !folder->claim)
        return sw_fail(error, SW_FAILED, "the run folder %s is locked by %s", folder->path,
                       seen.owner);
    if (status == SW_OK && flock(folder->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return sw_fail(error, SW_FAILED, "the run folder %s is locked by another process",
                       folder->path);
    return status;
}

int sw_folder_open(struct sw_folder **out, const char *path, int resume, struct sw_error *error)
{
    *out = NULL;
    struct sw_folder *folder = calloc(1, sizeof *folder);
    if (!folder)
        return sw_fail(error, SW_FAILED, "out of memory for the run folder %s", path);
    folder->lock = -1;
    folder->path = strdup(path);
    size_t length = strlen(path);
    while (folder->path && length > 1 && folder->path[length - 1] == '/')
        folder->path[--length] = 0;
    int status = SW_OK;
    if (!folder->path)
        status = sw_fail(error, SW_FAILED, "out of memory for the run folder %s", path);
    else if (!length)
        status = sw_fail(error, SW_MISUSE, "expected the path of a run folder, found none");
    if (status == SW_OK)
        status = make_and_lock(folder, resume, error);
    if (status != SW_OK)
        sw_folder_close(folder);
    else
        *out = folder;
    return status;
}

void sw_folder_close(struct sw_folder *folder)
{
    if (!folder)
        return;
    if (folder->metrics)
        fclose(folder->metrics);
    if (folder->log)
        fclose(folder->log);
    sw_claim_release(folder->claim);
    if (folder->lock >= 0)
        close(folder->lock);
    free(folder->path);
    free(folder);
}

void sw_folder_abandon(struct sw_folder *folder)
{
    if (folder && folder->made) {
        sw_claim_release(folder->claim);
        folder->claim = NULL;
        rmdir(folder->path); /* refuses a folder that holds something */
    }
    sw_folder_close(folder);
}

const char *sw_folder_path(const struct sw_folder *folder)
{
    return folder->path;
}

char *sw_folder_file(const struct sw_folder *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder->path, name) < 0 ? NULL : path;
}

int sw_folder_lost(const struct sw_folder *folder)
{
    return folder->claim && sw_claim_lost(folder->claim);
}

int sw_folder_has(const struct sw_folder *folder, const char *name)
{
    return faccessat(folder->lock, name, F_OK, 0) == 0;
}

int sw_folder_write_json(const struct sw_folder *folder, const char *name, const json_t *value,
                         struct sw_error *error)
{
    char *path = sw_folder_file(folder, name);
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    char *line = NULL;
    int length = path && text ? asprintf(&line, "%s\n", text) : -1;
    int status = length < 0 ? sw_fail(error, SW_FAILED, "out of memory for %s", name)
                            : sw_write_file(path, line, (size_t)length, error);
    if (length >= 0)
        free(line);
    free(text);
    free(path);
    return status;
}

json_t *sw_folder_read_json(const struct sw_folder *folder, const char *name,
                            struct sw_error *error)
{
    struct sw_mapping file;
    size_t begin;
    char *path = sw_folder_file(folder, name);
    json_t *value = NULL;
    if (!path) {
        sw_fail(error, SW_FAILED, "out of memory for %s", name);
    } else if (sw_map_text(&file, &begin, path, error) == SW_OK) {
        json_error_t wrong;
        value = json_loadb((const char *)file.data + begin, file.size - begin,
                           JSON_REJECT_DUPLICATES, &wrong);
        if (!value)
            sw_fail(error, SW_FAILED, "%s: line %d: expected JSON: %s", path, wrong.line,
                    wrong.text);
        sw_unmap(&file);
    }
    free(path);
    return value;
}

/* ---- the two files that grow -------------------------------------------------------------------
 */

/* The step of a line, or -1, also for what comes after the last state: the test split, the end.
 * *evaluation: whether it tells of one. */
typedef long long line_reader(const char *line, size_t length, int *evaluation);

static long long read_row(const char *line, size_t length, int *evaluation)
{
    const char *tab = memchr(line, '\t', length);
    const char *next = tab ? memchr(tab + 1, '\t', length - (size_t)(tab + 1 - line)) : NULL;
    char *end = NULL;
    long long step = next ? strtoll(line, &end, 10) : -1;
    const char *kind = next ? next + 1 : "";
    *evaluation = strncmp(kind, "step\t", 5) != 0;
    return next && end == tab && strncmp(kind, "test\t", 5) != 0 ? step : -1;
}

static long long read_entry(const char *line, size_t length, int *evaluation)
{
    json_t *entry = json_loadb(line, length, 0, NULL);
    const json_t *step = json_object_get(entry, "step");
    const char *event = json_string_value(json_object_get(entry, "event"));
    long long found = json_is_integer(step) ? (long long)json_integer_value(step) : -1;
    const char *split = json_string_value(json_object_get(entry, "split"));
    *evaluation = event && strcmp(event, "evaluated") == 0;
    if (event && (strcmp(event, "done") == 0 || (*evaluation && split && !strcmp(split, "test"))))
        found = -1;
    json_decref(entry);
    return found;
}

/* How many bytes stay: whole lines up to the first that tells of more than was known at the step
 * `last`. */
static size_t kept(const char *bytes, size_t size, size_t at, int64_t last, int64_t evaluated,
                   line_reader *reader)
{
    while (at < size) {
        const char *end = memchr(bytes + at, '\n', size - at);
        if (!end)
            break;
        size_t next = (size_t)(end - bytes) + 1;
        int evaluation;
        long long step = reader(bytes + at, next - at - 1, &evaluation);
        if (step < 0 || step > last || (evaluation && step == last && evaluated < last))
            break;
        at = next;
    }
    return at;
}

static FILE *cut_and_open(const struct sw_folder *folder, const char *name, const char *header,
                          int64_t last, int64_t evaluated, struct sw_error *error)
{
    char *path = sw_folder_file(folder, name);
    struct sw_mapping old = {(const unsigned char *)"", 0};
    size_t header_size = strlen(header);
    FILE *file = NULL;
    int fd = -1;
    if (!path)
        sw_fail(error, SW_FAILED, "out of memory for %s", name);
    else if (!sw_folder_has(folder, name) || sw_map(&old, path, error) == SW_OK)
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (path && fd < 0)
        sw_fail(error, SW_FAILED, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) {
        const char *bytes = (const char *)old.data;
        size_t keep = 0;
        if (last > 0 && old.size >= header_size && memcmp(bytes, header, header_size) == 0)
            keep = kept(bytes, old.size, header_size, last, evaluated,
                        *header ? read_row : read_entry);
        int bad = ftruncate(fd, (off_t)keep) || lseek(fd, 0, SEEK_END) < 0;
        file = bad ? NULL : fdopen(fd, "a");
        if (!file || (keep == 0 && header_size && fwrite(header, header_size, 1, file) != 1) ||
            fflush(file)) {
            sw_fail(error, SW_FAILED, "cannot write %s: %s", path, strerror(errno));
            if (file)
                fclose(file);
            else
                close(fd);
            file = NULL;
        }
    }
    sw_unmap(&old);
    free(path);
    return file;
}

/* A process that was killed while it wrote a file leaves NAME.XXXXXX beside it; one of an earlier
 * version leaves claim.N. */
static void remove_leftovers(const struct sw_folder *folder)
{
    static const char *const kinds[] = {".json.", ".safetensors.", ".npy."};
    DIR *dir = opendir(folder->path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (strncmp(entry->d_name, "claim.", 6) == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
        if (!dot || strlen(dot) != 7)
            continue;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            size_t length = strlen(kinds[i]);
            if ((size_t)(dot + 1 - entry->d_name) > length &&
                memcmp(dot + 1 - length, kinds[i], length) == 0)
                unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}

int sw_folder_begin(struct sw_folder *folder, int64_t step, int64_t evaluated,
                    struct sw_error *error)
{
    remove_leftovers(folder);
    folder->metrics =
        cut_and_open(folder, "metrics.tsv", SW_METRICS_COLUMNS "\n", step, evaluated, error);
    if (folder->metrics)
        folder->log = cut_and_open(folder, "log.jsonl", "", step, evaluated, error);
    return folder->log ? SW_OK : SW_FAILED;
}

static int cannot_write(const struct sw_folder *folder, const char *name, struct sw_error *error)
{
    return sw_fail(error, SW_FAILED, "cannot write %s/%s: %s", folder->path, name, strerror(errno));
}

int sw_folder_row(struct sw_folder *folder, const struct sw_row *r, struct sw_error *error)
{
    const double numbers[] = {r->loss,   r->loss_per_sample, r->grad_norm, r->lr,
                              r->i2t_r1, r->i2t_r5,          r->i2t_r10,   r->t2i_r1,
                              r->t2i_r5, r->t2i_r10,         r->rsum,      r->seconds};
    FILE *file = folder->metrics;
    int bad = fprintf(file, "%lld\t%d\t%s", (long long)r->step, r->epoch, r->kind) < 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !bad; i++)
        bad = (numbers[i] != numbers[i] ? fputs("\tNaN", file)
                                        : fprintf(file, "\t%.9g", numbers[i])) < 0;
    bad = bad || fputc('\n', file) == EOF || fflush(file);
    return bad ? cannot_write(folder, "metrics.tsv", error) : SW_OK;
}

int sw_folder_log(struct sw_folder *folder, int64_t step, const char *event, json_t *entry,
                  struct sw_error *error)
{
    char when[32];
    sw_time_text(when);
    json_t *line =
        json_pack("{s:I, s:s, s:s}", "step", (json_int_t)step, "event", event, "time", when);
    char *text = NULL;
    if (line && (!entry || json_object_update(line, entry) == 0))
        text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(15));
    int status = SW_OK;
    if (!text)
        status = sw_fail(error, SW_FAILED, "out of memory for log.jsonl");
    else if (fprintf(folder->log, "%s\n", text) < 0 || fflush(folder->log))
        status = cannot_write(folder, "log.jsonl", error);
    free(text);
    json_decref(line);
    json_decref(entry);
    return status;
}

int sw_folder_sync(struct sw_folder *folder, struct sw_error *error)
{
    if (fsync(fileno(folder->metrics)))
        return cannot_write(folder, "metrics.tsv", error);
    if (fsync(fileno(folder->log)))
        return cannot_write(folder, "log.jsonl", error);
    return SW_OK;
}
