/* claim.c -- see claim.h. */
#include "train/claim.h"

#include "base/file.h"
#include "tensor/threads/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* An owner touches its claim, and sees that it lost it, within a beat. Who takes over the claim of
 * an owner elsewhere waits for two, so that one that wakes late, or took it over at the same time,
 * has stopped before. A beat is far shorter than the shortest lease. */
enum { BEAT_SECONDS = 2, SETTLE_SECONDS = 2 * BEAT_SECONDS, CONTENT = 512, TRIES = 10 };

struct sw_claim {
    char *path;
    char text[CONTENT]; /* what the file says as long as the claim is ours */
    int fd;             /* holds the lock; closed in what this process starts */
    pthread_t beating;
    int beats; /* the thread is there */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int stop; /* under the mutex */
    atomic_int lost;
};

/* ---- the file -------------------------------------------------------------------------------- */

/* Where the lock of `at` is seen: on this boot of this machine, through its mounted file system.
 * "?" when the system does not say, which is nowhere. */
static void domain_of(const struct stat *at, char *out, size_t size)
{
    char boot[64];
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file && fgets(boot, sizeof boot, file))
        snprintf(out, size, "%.*s:%llx", (int)strcspn(boot, " \n"), boot,
                 (unsigned long long)at->st_dev);
    else
        snprintf(out, size, "?");
    if (file)
        fclose(file);
}

/* `command`: F_OFD_GETLK or F_OFD_SETLK. 1: locked by another; 0: not, and with F_OFD_SETLK now by
 * `fd`; -1: this file system has no locks. */
static int lock(int fd, int command)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, command, &range) != 0)
        return errno == EAGAIN || errno == EACCES ? 1 : -1;
    return command == F_OFD_GETLK && range.l_type != F_UNLCK;
}

static int inspect(struct sw_claim_state *out, int fd, int command)
{
    struct stat at;
    char text[CONTENT + 1], host[256], theirs[128], here[128];
    long long pid;
    int locked = lock(fd, command);
    ssize_t size = fstat(fd, &at) == 0 ? pread(fd, text, CONTENT, 0) : -1;
    if (size < 0)
        return -1;
    text[size] = 0;
    domain_of(&at, here, sizeof here);
    int known =
        sscanf(text, "process %lld on %255s since %*s locks %127s", &pid, host, theirs) == 3 &&
        pid > 0;
    out->locked = locked > 0;
    out->elsewhere = locked < 0 || !known || *here == '?' || strcmp(here, theirs) != 0;
    out->beat = (uint64_t)at.st_mtim.tv_sec * 1000000000u + (uint64_t)at.st_mtim.tv_nsec;
    if (known)
        snprintf(out->owner, sizeof out->owner, "process %lld on %s", pid, host);
    else
        snprintf(out->owner, sizeof out->owner, "an unknown process");
    return 0;
}

/* One write of one size, so that a reader finds the old text or the new one. The time makes it
 * unlike any other claim's. */
static int write_text(struct sw_claim *claim)
{
    char text[CONTENT + 1], host[256] = "", domain[128];
    struct stat at;
    struct timespec now;
    if (gethostname(host, sizeof host - 1) || !*host)
        strcpy(host, "?");
    for (char *c = host; *c; c++)
        if (*c <= ' ' || *c > '~')
            *c = '?';
    clock_gettime(CLOCK_REALTIME, &now);
    if (fstat(claim->fd, &at) != 0)
        return -1;
    domain_of(&at, domain, sizeof domain);
    int length = snprintf(text, sizeof text, "process %lld on %s since %lld.%09ld locks %s",
                          (long long)getpid(), host, (long long)now.tv_sec, now.tv_nsec, domain);
    memset(text + length, ' ', CONTENT - (size_t)length);
    memcpy(claim->text, text, CONTENT);
    claim->text[CONTENT - 1] = '\n';
    if (pwrite(claim->fd, claim->text, CONTENT, 0) != CONTENT)
        return -1;
    return fsync(claim->fd); /* for the other machines */
}

static int open_claim(const char *path, int mode)
{
    return open(path, mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static int is_gone(int why)
{
    return why == ENOENT || why == ENOTDIR || why == ESTALE;
}

int sw_claim_look(struct sw_claim_state *out, const char *path, struct sw_error *error)
{
    memset(out, 0, sizeof *out);
    int fd = open_claim(path, O_RDONLY);
    int status = fd >= 0 ? inspect(out, fd, F_OFD_GETLK) : -1;
    if (status != 0 && !is_gone(errno))
        sw_fail(error, SW_FAILED, "cannot read the claim %s: %s", path, strerror(errno));
    else
        status = SW_OK;
    if (fd >= 0)
        close(fd);
    return status == SW_OK ? SW_OK : SW_FAILED;
}

/* ---- signs of life --------------------------------------------------------------------------- */

/* Opened anew each time, which is when NFS looks for what others wrote. */
static int is_taken(const struct sw_claim *claim)
{
    char text[CONTENT];
    int fd = open_claim(claim->path, O_RDONLY);
    if (fd < 0)
        return is_gone(errno);
    ssize_t size = pread(fd, text, CONTENT, 0);
    close(fd);
    return size >= 0 && (size != CONTENT || memcmp(text, claim->text, CONTENT) != 0);
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
        if (is_taken(claim))
            atomic_store(&claim->lost, 1);
        else
            futimens(claim->fd, NULL);
        pthread_mutex_lock(&claim->mutex);
    }
    pthread_mutex_unlock(&claim->mutex);
    return NULL;
}

/* ---- taking and letting go ------------------------------------------------------------------- */

static struct sw_claim *new_claim(const char *path)
{
    struct sw_claim *claim = calloc(1, sizeof *claim);
    pthread_condattr_t clock;
    if (!claim)
        return NULL;
    claim->fd = -1;
    claim->path = strdup(path);
    pthread_mutex_init(&claim->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&claim->wake, &clock);
    pthread_condattr_destroy(&clock);
    return claim;
}

static void close_file(struct sw_claim *claim)
{
    if (claim->fd >= 0)
        close(claim->fd);
    claim->fd = -1;
}

static void free_claim(struct sw_claim *claim)
{
    close_file(claim);
    pthread_cond_destroy(&claim->wake);
    pthread_mutex_destroy(&claim->mutex);
    free(claim->path);
    free(claim);
}

/* Makes the file, locked and with its text. 1: made; 0: another was faster; -1: errno. */
static int make(struct sw_claim *claim)
{
    struct stat at;
    char *beside;
    if (asprintf(&beside, "%s.XXXXXX", claim->path) < 0)
        return -1;
    claim->fd = sw_create_unique(beside);
    int made = -1, why = errno;
    if (claim->fd >= 0) {
        lock(claim->fd, F_OFD_SETLK);
        int linked = write_text(claim) == 0 && link(beside, claim->path) == 0;
        why = errno;
        /* NFS may answer a repeated request with "exists": the count of names tells. */
        linked = linked || (why == EEXIST && fstat(claim->fd, &at) == 0 && at.st_nlink == 2);
        made = linked ? 1 : why == EEXIST || is_gone(why) ? 0 : -1;
        unlink(beside);
    }
    free(beside);
    errno = why;
    return made;
}

/* Opens the file that is there and takes it if it may be taken. As make(); 1: *seen is whose it
 * was; 0 with *seen: whose it is, or an owner of "" when it went meanwhile. */
static int take_over(struct sw_claim *claim, uint64_t expired, struct sw_claim_state *seen)
{
    struct stat at, now;
    memset(seen, 0, sizeof *seen);
    claim->fd = open_claim(claim->path, O_RDWR);
    if (claim->fd < 0)
        return is_gone(errno) ? 0 : -1;
    if (inspect(seen, claim->fd, F_OFD_SETLK) != 0 || fstat(claim->fd, &at) != 0)
        return -1;
    if (seen->locked || (seen->elsewhere && !(expired && seen->beat == expired)))
        return 0;
    if (stat(claim->path, &now) != 0 || now.st_ino != at.st_ino) {
        *seen->owner = 0; /* released before the lock was ours, which is that of no claim then */
        return 0;
    }
    return write_text(claim) == 0 ? 1 : -1;
}

static void settle(void)
{
    struct timespec left = {.tv_sec = SETTLE_SECONDS};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

int sw_claim_take(struct sw_claim **out, const char *path, uint64_t expired,
                  struct sw_claim_state *seen, struct sw_error *error)
{
    int taken = 0, status = SW_OK;
    struct sw_claim *claim = new_claim(path);
    *out = NULL;
    if (!claim || !claim->path) {
        if (claim)
            free_claim(claim);
        return sw_fail(error, SW_FAILED, "out of memory for the claim %s", path);
    }
    for (int tries = 0; tries < TRIES; tries++) {
        if ((taken = take_over(claim, expired, seen)) != 0 || *seen->owner)
            break;
        close_file(claim);
        if ((taken = make(claim)) != 0)
            break;
        close_file(claim);
    }
    if (taken == 0 && !*seen->owner) { /* made elsewhere, and not seen here yet */
        seen->elsewhere = 1;
        strcpy(seen->owner, "another process");
    }
    if (taken < 0)
        status = sw_fail(error, SW_FAILED, "cannot take the claim %s: %s", path, strerror(errno));
    if (taken > 0) {
        claim->beats = sw_thread_start(&claim->beating, beat, claim) == 0;
        if (!claim->beats)
            status = sw_fail(error, SW_FAILED, "cannot start a thread for the claim %s", path);
        else if (seen->elsewhere)
            settle();
    }
    if (taken > 0 && status == SW_OK && !(seen->elsewhere && is_taken(claim)))
        *out = claim;
    else if (taken > 0)
        sw_claim_release(claim);
    else
        free_claim(claim);
    return status;
}

int sw_claim_lost(const struct sw_claim *claim)
{
    return atomic_load(&((struct sw_claim *)(size_t)claim)->lost);
}

void sw_claim_release(struct sw_claim *claim)
{
    if (!claim)
        return;
    if (claim->beats) {
        pthread_mutex_lock(&claim->mutex);
        claim->stop = 1;
        pthread_cond_signal(&claim->wake);
        pthread_mutex_unlock(&claim->mutex);
        pthread_join(claim->beating, NULL);
    }
    if (!is_taken(claim))
        unlink(claim->path);
    free_claim(claim);
}
