/* claim.c -- see claim.h. */
#include "train/claim.h"

#include "base/file.h"
#include "base/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The owner's signs of life are far more frequent than the shortest time that a watcher waits. */
enum { BEAT_SECONDS = 2, CONTENT = 512 };

struct sw_claim {
    char *path, *file; /* PATH, PATH.N */
    uint64_t generation;
    int fd;
    ino_t inode;
    pthread_t beating;
    int beats; /* the thread is there */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int stop; /* under the mutex */
    atomic_int lost;
};

/* ---- who ------------------------------------------------------------------------------------- */

/* Within one of these, process numbers mean the same. */
struct place {
    char host[256], boot[64], numbers[64];
};

struct owner {
    struct place place;
    long long pid, start;
};

static void first_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    if (!file || !fgets(out, (int)size, file))
        *out = 0;
    out[strcspn(out, " \t\n")] = 0;
    if (file)
        fclose(file);
}

static void this_place(struct place *out)
{
    memset(out, 0, sizeof *out);
    if (gethostname(out->host, sizeof out->host - 1) || !*out->host)
        strcpy(out->host, "?");
    for (char *c = out->host; *c; c++)
        if (*c <= ' ' || *c > '~')
            *c = '?';
    first_line("/proc/sys/kernel/random/boot_id", out->boot, sizeof out->boot);
    if (readlink("/proc/self/ns/pid", out->numbers, sizeof out->numbers - 1) < 0)
        *out->numbers = 0;
}

/* When the process was started, in ticks; -1: there is no such process, or it is a dead one whose
 * parent has not asked; 0: the system does not say. */
static long long start_of(long long pid)
{
    char path[64], text[1024];
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return -1;
    snprintf(path, sizeof path, "/proc/%lld/stat", pid);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = 0;
    const char *rest = strrchr(text, ')'); /* the name before it may hold anything */
    if (!rest || rest[1] != ' ')
        return 0;
    if (rest[2] == 'Z' || rest[2] == 'X')
        return -1;
    for (int field = 2; rest && field < 22; field++)
        rest = strchr(rest + 1, ' ');
    return rest ? strtoll(rest, NULL, 10) : 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The folder of `path` in a new string; *name: what follows. */
static char *folder_of(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

/* N of "NAME.N", or 0. */
static uint64_t generation_of(const char *entry, const char *name)
{
    size_t length = strlen(name);
    char *end;
    if (strncmp(entry, name, length) != 0 || entry[length] != '.' || entry[length + 1] < '1' ||
        entry[length + 1] > '9')
        return 0;
    uint64_t n = strtoull(entry + length + 1, &end, 10);
    return *end || n == UINT64_MAX ? 0 : n;
}

/* The highest generation there is. With `below`, the files of those under it go, and with `all`
 * whatever else of the claim a process that was killed has left. */
static int scan(const char *path, uint64_t below, int all, uint64_t *highest,
                struct sw_error *error)
{
    const char *name;
    char *folder = folder_of(path, &name);
    DIR *dir = folder ? opendir(folder) : NULL;
    *highest = 0;
    if (!dir) {
        int status = sw_fail(error, SW_FAILED, "cannot look for claims in %s: %s",
                             folder ? folder : path, strerror(folder ? errno : ENOMEM));
        free(folder);
        return status;
    }
    size_t length = strlen(name);
    for (struct dirent *entry; (entry = readdir(dir));) {
        uint64_t n = generation_of(entry->d_name, name);
        int left = !n && all && strncmp(entry->d_name, name, length) == 0 &&
                   strncmp(entry->d_name + length, ".new-", 5) == 0;
        if ((n && n < below) || left)
            unlinkat(dirfd(dir), entry->d_name, 0);
        if (n > *highest)
            *highest = n;
    }
    closedir(dir);
    free(folder);
    return SW_OK;
}

/* One write of one size, so that a reader finds the old text or the new one. */
static int write_owner(int fd, const struct owner *owner)
{
    char text[CONTENT + 1];
    memset(text, ' ', CONTENT);
    int length = owner ? snprintf(text, sizeof text, "process %lld %lld on %s %s %s", owner->pid,
                                  owner->start, owner->place.host,
                                  *owner->place.boot ? owner->place.boot : "-",
                                  *owner->place.numbers ? owner->place.numbers : "-")
                       : snprintf(text, sizeof text, "free");
    if (length < 0 || length >= CONTENT)
        return 0;
    text[length] = ' ';
    text[CONTENT - 1] = '\n';
    return pwrite(fd, text, CONTENT, 0) == CONTENT;
}

/* What the file says: 1 an owner, 0 free, -1 nothing that can be read. */
static int read_owner(int fd, struct owner *out)
{
    char text[CONTENT + 1];
    ssize_t size = pread(fd, text, CONTENT, 0);
    text[size > 0 ? size : 0] = 0;
    memset(out, 0, sizeof *out);
    if (strncmp(text, "free ", 5) == 0)
        return 0;
    return sscanf(text, "process %lld %lld on %255s %63s %63s", &out->pid, &out->start,
                  out->place.host, out->place.boot, out->place.numbers) == 5 &&
                   out->pid > 0
               ? 1
               : -1;
}

static int is_elsewhere(const struct owner *owner)
{
    struct place here;
    this_place(&here);
    return !*here.boot || !*here.numbers || strcmp(here.host, owner->place.host) != 0 ||
           strcmp(here.boot, owner->place.boot) != 0 ||
           strcmp(here.numbers, owner->place.numbers) != 0;
}

static int is_dead(const struct owner *owner)
{
    if (is_elsewhere(owner))
        return 0;
    long long start = start_of(owner->pid);
    return start < 0 || (start > 0 && owner->start > 0 && start != owner->start);
}

static char *file_of(const char *path, uint64_t generation)
{
    char *file;
    return asprintf(&file, "%s.%" PRIu64, path, generation) < 0 ? NULL : file;
}

int sw_claim_look(struct sw_claim_state *out, const char *path, struct sw_error *error)
{
    for (;;) {
        memset(out, 0, sizeof *out);
        if (scan(path, 0, 0, &out->generation, error) != SW_OK)
            return error ? error->status : SW_FAILED;
        if (!out->generation)
            return SW_OK;
        char *file = file_of(path, out->generation);
        int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1, why = file ? errno : ENOMEM;
        free(file);
        if (fd < 0 && (why == ENOENT || why == ESTALE))
            continue; /* it went between the two looks */
        struct owner owner;
        struct stat at;
        if (fd < 0 || fstat(fd, &at) != 0) {
            why = fd < 0 ? why : errno;
            if (fd >= 0)
                close(fd);
            return sw_fail(error, SW_FAILED, "cannot read the claim %s: %s", path, strerror(why));
        }
        int found = read_owner(fd, &owner);
        close(fd);
        out->beat = (uint64_t)at.st_mtim.tv_sec * 1000000000u + (uint64_t)at.st_mtim.tv_nsec;
        out->kind = found == 0                     ? SW_CLAIM_FREE
                    : found > 0 && is_dead(&owner) ? SW_CLAIM_DEAD
                                                   : SW_CLAIM_HELD;
        out->elsewhere = out->kind == SW_CLAIM_HELD && (found < 0 || is_elsewhere(&owner));
        if (found > 0)
            snprintf(out->owner, sizeof out->owner, "process %lld on %s", owner.pid,
                     owner.place.host);
        else if (found < 0)
            snprintf(out->owner, sizeof out->owner, "an unknown process");
        return SW_OK;
    }
}

/* ---- signs of life --------------------------------------------------------------------------- */

/* Taken over: a later generation is there, or this one is gone. */
static int is_taken(const struct sw_claim *claim)
{
    struct stat at;
    char *later = file_of(claim->path, claim->generation + 1);
    int gone = stat(claim->file, &at) == 0 ? at.st_ino != claim->inode
                                           : errno == ENOENT || errno == ESTALE;
    int taken = gone || (later && access(later, F_OK) == 0);
    free(later);
    return taken;
}

static void *beat(void *data)
{
    struct sw_claim *claim = data;
    pthread_mutex_lock(&claim->mutex);
    while (!claim->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += BEAT_SECONDS;
        if (pthread_cond_timedwait(&claim->wake, &claim->mutex, &until) != ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&claim->mutex);
        futimens(claim->fd, NULL);
        if (is_taken(claim))
            atomic_store(&claim->lost, 1);
        pthread_mutex_lock(&claim->mutex);
    }
    pthread_mutex_unlock(&claim->mutex);
    return NULL;
}

static int start_beating(struct sw_claim *claim)
{
    claim->beats = sw_thread_start(&claim->beating, beat, claim) == 0;
    return claim->beats;
}

/* ---- taking and letting go ------------------------------------------------------------------- */

static struct sw_claim *new_claim(const char *path, uint64_t generation)
{
    struct sw_claim *claim = calloc(1, sizeof *claim);
    pthread_condattr_t clock;
    if (!claim)
        return NULL;
    claim->fd = -1;
    claim->generation = generation;
    claim->path = strdup(path);
    claim->file = file_of(path, generation);
    pthread_mutex_init(&claim->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&claim->wake, &clock);
    pthread_condattr_destroy(&clock);
    return claim;
}

static void free_claim(struct sw_claim *claim)
{
    if (claim->fd >= 0)
        close(claim->fd);
    pthread_cond_destroy(&claim->wake);
    pthread_mutex_destroy(&claim->mutex);
    free(claim->file);
    free(claim->path);
    free(claim);
}

/* Makes PATH.N with this process as its owner. 1: made; 0: another was faster; -1: errno. */
static int link_claim(struct sw_claim *claim)
{
    struct owner owner = {.pid = getpid(), .start = start_of(getpid())};
    struct stat at;
    char *beside;
    this_place(&owner.place);
    if (asprintf(&beside, "%s.new-XXXXXX", claim->path) < 0)
        return -1;
    claim->fd = sw_create_unique(beside);
    int made = -1, why = errno;
    if (claim->fd >= 0) {
        if (write_owner(claim->fd, &owner)) {
            int linked = link(beside, claim->file) == 0;
            why = errno;
            /* NFS may answer a repeated request with "exists": the count of names tells. */
            linked = linked || (fstat(claim->fd, &at) == 0 && at.st_nlink == 2);
            made = linked ? 1 : why == EEXIST ? 0 : -1;
        } else {
            why = errno;
        }
        unlink(beside);
        if (fstat(claim->fd, &at) == 0)
            claim->inode = at.st_ino;
    }
    free(beside);
    errno = why;
    return made;
}

int sw_claim_take(struct sw_claim **out, const char *path, const struct sw_claim_state *expired,
                  struct sw_claim_state *seen, struct sw_error *error)
{
    struct sw_claim_state state;
    uint64_t highest;
    *out = NULL;
    int status = sw_claim_look(&state, path, error);
    if (seen)
        *seen = state;
    if (status != SW_OK)
        return status;
    int over = expired && expired->generation == state.generation && expired->beat == state.beat;
    if (state.kind == SW_CLAIM_HELD && !over)
        return SW_OK;
    struct sw_claim *claim = new_claim(path, state.generation + 1);
    if (!claim || !claim->path || !claim->file) {
        if (claim)
            free_claim(claim);
        return sw_fail(error, SW_FAILED, "out of memory for the claim %s", path);
    }
    int made = link_claim(claim);
    if (made < 0)
        status = sw_fail(error, SW_FAILED, "cannot make the claim %s: %s", path, strerror(errno));
    /* A slow process may link a number that others have left behind: the highest one counts. */
    if (made > 0)
        status = scan(path, claim->generation, 0, &highest, error);
    if (made > 0 && (status != SW_OK || highest > claim->generation)) {
        unlink(claim->file);
        made = 0;
    }
    if (made > 0 && !start_beating(claim)) {
        unlink(claim->file);
        status = sw_fail(error, SW_FAILED, "cannot start a thread for the claim %s", path);
        made = 0;
    }
    if (made <= 0)
        free_claim(claim);
    else
        *out = claim;
    return status;
}

int sw_claim_lost(const struct sw_claim *claim)
{
    return atomic_load(&((struct sw_claim *)(size_t)claim)->lost);
}

void sw_claim_release(struct sw_claim *claim, int forget)
{
    uint64_t highest;
    if (!claim)
        return;
    if (claim->beats) {
        pthread_mutex_lock(&claim->mutex);
        claim->stop = 1;
        pthread_cond_signal(&claim->wake);
        pthread_mutex_unlock(&claim->mutex);
        pthread_join(claim->beating, NULL);
    }
    if (!is_taken(claim)) {
        if (forget)
            scan(claim->path, claim->generation + 1, 1, &highest, NULL);
        else
            write_owner(claim->fd, NULL);
    }
    free_claim(claim);
}
