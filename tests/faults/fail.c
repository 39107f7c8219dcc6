/* fail.c -- a library to preload that lets one call of a kind fail, as a full disk, a lack of
 * memory or a limit of processes would; or that kills the process there.
 *
 * STEPWISE_FAIL="KIND N" fails the N-th call of the KIND, and only that one; "KIND N kill" raises
 * SIGKILL at it. STEPWISE_FAIL_COUNT=FILE writes a line "KIND CALLS" per kind to FILE at the end.
 * Only the program called stepwise takes part, not what it starts. Calls from within OpenBLAS and
 * the dynamic loader are left alone: those end the process by themselves; and so are those of
 * exit(), where a build that counts lines writes its counters. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { OPEN, WRITE, SYNC, RENAME, MAP, MEMORY, PROCESS, KINDS };

static const struct {
    const char *name;
    int error;
} kinds[KINDS] = {
    [OPEN] = {"open", EMFILE},       [WRITE] = {"write", ENOSPC}, [SYNC] = {"sync", EIO},
    [RENAME] = {"rename", EACCES},   [MAP] = {"map", ENOMEM},     [MEMORY] = {"memory", ENOMEM},
    [PROCESS] = {"process", EAGAIN},
};

static atomic_long calls[KINDS];
static enum kind failing = KINDS;
static long at;
static int kills;
static int takes_part;
static atomic_int exits; /* whether fail_no_more waits for exit(), and then, that it came */
enum { WATCHED = 1, BEGUN };
static uintptr_t spared[8][2]; /* where the code of other libraries is that cannot go on */
static int spared_count;

static int spare(struct dl_phdr_info *library, size_t size, void *data)
{
    (void)size, (void)data;
    const char *name = strrchr(library->dlpi_name, '/');
    if (!name || (strncmp(name, "/libopenblas", 12) != 0 &&
                  strncmp(name, "/libgfortran", 12) != 0 && strncmp(name, "/ld-linux", 9) != 0))
        return 0;
    for (int i = 0; i < library->dlpi_phnum && spared_count < 8; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        spared[spared_count][0] = library->dlpi_addr + part->p_vaddr;
        spared[spared_count++][1] = library->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    char program[256], kind[16], what[8] = "";
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    const char *name = strrchr(program, '/'), *ask = getenv("STEPWISE_FAIL");
    if (!name || strcmp(name, "/stepwise") != 0)
        return;
    if (ask && sscanf(ask, "%15s %ld %7s", kind, &at, what) >= 2) {
        for (failing = 0; failing < KINDS && strcmp(kinds[failing].name, kind) != 0; failing++)
            continue;
        if (failing == KINDS)
            abort();
        kills = strcmp(what, "kill") == 0;
    }
    dl_iterate_phdr(spare, NULL);
    takes_part = 1;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("STEPWISE_FAIL_COUNT");
    FILE *file = takes_part && path ? fopen(path, "w") : NULL;
    takes_part = 0;
    for (int i = 0; file && i < KINDS; i++)
        fprintf(file, "%s %ld\n", kinds[i].name, atomic_load(&calls[i]));
    if (file)
        fclose(file);
}

/* tests/coverage_exit.h calls it, too. */
__attribute__((visibility("default"))) void fail_no_more(void);
void fail_no_more(void)
{
    atomic_store(&exits, BEGUN);
}

static int fails(enum kind kind, const void *caller)
{
    int none = 0;
    if (!takes_part || atomic_load(&exits) == BEGUN)
        return 0;
    for (int i = 0; i < spared_count; i++)
        if ((uintptr_t)caller >= spared[i][0] && (uintptr_t)caller < spared[i][1])
            return 0;
    /* main() has begun, so that this is called before the program's destructors. */
    if (kind != MEMORY && atomic_compare_exchange_strong(&exits, &none, WATCHED))
        atexit(fail_no_more);
    if (atomic_fetch_add(&calls[kind], 1) + 1 != at || kind != failing)
        return 0;
    if (kills)
        raise(SIGKILL);
    errno = kinds[kind].error;
    return 1;
}

#define FAILS(kind) fails(kind, __builtin_return_address(0))

/* NAME(PARAMETERS) of type RESULT, which gives FAILURE when a call of KIND fails. */
#define WRAP(kind, result, name, parameters, arguments, failure)  \
    result name parameters                                        \
    {                                                             \
        static result(*next) parameters;                          \
        if (!next)                                                \
            next = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
        return FAILS(kind) ? (failure) : next arguments;          \
    }

#pragma GCC visibility push(default) /* from here on, names of the C library */

/* The C library's own names, since dlsym itself asks for memory. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    return FAILS(MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return FAILS(MEMORY) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return size && FAILS(MEMORY) ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return FAILS(MEMORY) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (FAILS(MEMORY) || !(*out = __libc_memalign(alignment, size)))
        return ENOMEM;
    return 0;
}

#define WRAP_OPEN(name, at_parameters, at_arguments)                            \
    int name at_parameters                                                      \
    {                                                                           \
        static int(*next) at_parameters;                                        \
        va_list more;                                                           \
        va_start(more, flags);                                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                           \
        if (!next)                                                              \
            next = (int(*) at_parameters)dlsym(RTLD_NEXT, #name);               \
        return FAILS(OPEN) ? -1 : next at_arguments;                            \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
WRAP_OPEN(openat64, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
WRAP(OPEN, FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL)
WRAP(OPEN, FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL)
WRAP(OPEN, FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL)
WRAP(OPEN, int, mkostemp, (char *path, int flags), (path, flags), -1)
WRAP(OPEN, int, mkostemp64, (char *path, int flags), (path, flags), -1)
WRAP(OPEN, FILE *, tmpfile, (void), (), NULL)
WRAP(OPEN, DIR *, opendir, (const char *path), (path), NULL)
WRAP(OPEN, int, mkdir, (const char *path, mode_t mode), (path, mode), -1)

WRAP(WRITE, ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), -1)
WRAP(WRITE, ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t offset),
     (fd, bytes, size, offset), -1)
WRAP(WRITE, ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t offset),
     (fd, bytes, size, offset), -1)
WRAP(WRITE, size_t, fwrite, (const void *bytes, size_t size, size_t count, FILE *stream),
     (bytes, size, count, stream), 0)
WRAP(WRITE, int, fputs, (const char *text, FILE *stream), (text, stream), EOF)
WRAP(WRITE, int, fflush, (FILE * stream), (stream), EOF)
WRAP(WRITE, int, ftruncate, (int fd, off_t size), (fd, size), -1)

/* The stream is closed all the same, as when the last of its bytes do not reach the disk. */
int fclose(FILE *stream)
{
    static int (*next)(FILE *);
    if (!next)
        next = (int (*)(FILE *))dlsym(RTLD_NEXT, "fclose");
    int bad = FAILS(WRITE), status = next(stream);
    if (bad)
        errno = kinds[WRITE].error;
    return bad ? EOF : status;
}

WRAP(SYNC, int, fsync, (int fd), (fd), -1)
WRAP(SYNC, int, fdatasync, (int fd), (fd), -1)
WRAP(RENAME, int, rename, (const char *from, const char *to), (from, to), -1)
WRAP(RENAME, int, link, (const char *from, const char *to), (from, to), -1)
WRAP(RENAME, int, unlink, (const char *path), (path), -1)
WRAP(MAP, void *, mmap, (void *where, size_t size, int access, int flags, int fd, off_t offset),
     (where, size, access, flags, fd, offset), MAP_FAILED)
WRAP(MAP, void *, mmap64, (void *where, size_t size, int access, int flags, int fd, off64_t offset),
     (where, size, access, flags, fd, offset), MAP_FAILED)
WRAP(PROCESS, pid_t, fork, (void), (), -1)
WRAP(PROCESS, int, pipe, (int ends[2]), (ends), -1)
WRAP(PROCESS, int, pipe2, (int ends[2], int flags), (ends, flags), -1)
WRAP(PROCESS, int, posix_spawnp,
     (pid_t * process, const char *file, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const *argv, char *const *environment),
     (process, file, actions, attributes, argv, environment), EAGAIN)
WRAP(PROCESS, int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data),
     (thread, attributes, run, data), EAGAIN)
