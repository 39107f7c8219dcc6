/* peers.c -- see peers.h.
 *
 * An exchange sends one message to each other process, or several of at most PIECE bytes, and gets
 * one of each. What is sent and received lies in buffers of its own: a message that was left behind
 * by a stop may still be written to or read from until the process ends. */
#include "peers/peers.h"

#include "base/clock.h"
#include "base/places.h"
#include "peers/transport.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG_DATA = 1, TAG_STOP = 2, PIECE = 1 << 28, MOST_AGREED = 64 };

struct stop {
    int status, signal, rank; /* whose */
    char reason[1024];
};

struct buffer {
    char *at;
    size_t room;
};

struct sw_peers {
    const struct sw_transport *transport;
    int rank, count;
    int (*interrupted)(void);
    uint64_t bytes;
    struct buffer out;
    struct buffer *in; /* (count) */
    struct sw_request *requests;
    size_t requests_room;
    struct stop stop;           /* the first; status SW_OK: none */
    int has_told;               /* the others of it */
    struct sw_request *telling; /* (count) */
    char *is_stopped;           /* (count) who has said so */
};

/* ---- opening --------------------------------------------------------------------------------- */

static int count_of(const char *name)
{
    const char *text = getenv(name);
    return text ? atoi(text) : 0;
}

int sw_peers_expected(void)
{
    /* mpirun of Open MPI, of MPICH; srun, which also says how the processes find each other */
    int count = count_of("OMPI_COMM_WORLD_SIZE");
    count = count > 0 ? count : count_of("PMI_SIZE");
    if (count <= 0 && (getenv("PMIX_RANK") || getenv("PMI_RANK")))
        count = count_of("SLURM_STEP_NUM_TASKS");
    return count > 0 ? count : 0;
}

static int load(const struct sw_transport **transport, struct sw_error *error)
{
    char *path = sw_transport_place();
    /* MPI's library looks for plugins of its own by its symbols: RTLD_GLOBAL. */
    void *library = path ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    const char *problem = library ? NULL : path ? dlerror() : "out of memory";
    *transport = library ? dlsym(library, SW_TRANSPORT_SYMBOL) : NULL;
    int status = SW_OK;
    if (!library)
        status = sw_fail(error, SW_FAILED,
                         "started as one of several processes, which this build cannot join "
                         "(configure --with-mpi builds it; --alone trains without the others): %s",
                         problem);
    else if (!*transport || (*transport)->version != SW_TRANSPORT_VERSION)
        status = sw_fail(error, SW_FAILED, "%s: expected a transport of version %d", path,
                         SW_TRANSPORT_VERSION);
    free(path);
    return status;
}

static int make_room(struct sw_peers *peers)
{
    size_t count = (size_t)peers->count;
    peers->in = calloc(count, sizeof *peers->in);
    peers->telling = calloc(count, sizeof *peers->telling);
    peers->is_stopped = calloc(count, 1);
    return peers->in && peers->telling && peers->is_stopped ? SW_OK : SW_FAILED;
}

static void release(struct sw_peers *peers)
{
    for (int r = 0; peers->in && r < peers->count; r++)
        free(peers->in[r].at);
    free(peers->in);
    free(peers->out.at);
    free(peers->requests);
    free(peers->telling);
    free(peers->is_stopped);
    free(peers);
}

int sw_peers_join(struct sw_peers **out, const struct sw_transport *transport, int expected,
                  struct sw_error *error)
{
    int status = SW_OK;
    *out = NULL;
    struct sw_peers *peers = calloc(1, sizeof *peers);
    if (!peers)
        return sw_fail(error, SW_FAILED, "out of memory");
    peers->transport = transport;
    if (transport->start(&peers->rank, &peers->count) != 0)
        status = sw_fail(error, SW_FAILED, "MPI: the other processes cannot be reached");
    else if (peers->count != expected)
        status = sw_fail(error, SW_FAILED,
                         "started as one of %d processes, but MPI finds %d; expected the mpirun of "
                         "the MPI that this was built with (--alone trains without the others)",
                         expected, peers->count);
    else if (make_room(peers) != SW_OK)
        status = sw_fail(error, SW_FAILED, "out of memory for %d processes", peers->count);
    if (status == SW_OK) {
        *out = peers;
        return SW_OK;
    }
    if (peers->count)
        transport->finish();
    release(peers);
    return status;
}

int sw_peers_open(struct sw_peers **out, int expected, struct sw_error *error)
{
    const struct sw_transport *transport;
    *out = NULL;
    int status = load(&transport, error);
    return status == SW_OK ? sw_peers_join(out, transport, expected, error) : status;
}

int sw_peers_rank(const struct sw_peers *peers)
{
    return peers->rank;
}

int sw_peers_count(const struct sw_peers *peers)
{
    return peers->count;
}

uint64_t sw_peers_bytes(const struct sw_peers *peers)
{
    return peers->bytes;
}

void sw_peers_watch(struct sw_peers *peers, int (*interrupted)(void))
{
    peers->interrupted = interrupted;
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void tell(struct sw_peers *peers)
{
    if (peers->has_told)
        return;
    peers->has_told = 1;
    for (int r = 0; r < peers->count; r++)
        if (r != peers->rank)
            peers->transport->send(r, TAG_STOP, &peers->stop, sizeof peers->stop,
                                   &peers->telling[r]);
}

void sw_peers_stop(struct sw_peers *peers, int status, int signal, const char *reason)
{
    if (peers->stop.status == SW_OK) {
        peers->stop = (struct stop){.status = status, .signal = signal, .rank = peers->rank};
        snprintf(peers->stop.reason, sizeof peers->stop.reason, "%s", reason ? reason : "");
    }
    peers->is_stopped[peers->rank] = 1;
    tell(peers);
}

void sw_peers_interrupt(struct sw_peers *peers)
{
    sw_peers_stop(peers, SW_INTERRUPTED, peers->interrupted ? peers->interrupted() : 0, NULL);
}

/* Those that have stopped since the last look. */
static void hear(struct sw_peers *peers)
{
    int from;
    while (peers->transport->probe(TAG_STOP, &from)) {
        struct stop heard = {.status = SW_INTERRUPTED};
        struct sw_request request;
        int done = peers->transport->receive(from, TAG_STOP, &heard, sizeof heard, &request);
        while (done == 0)
            done = peers->transport->test(&request); /* it is there */
        heard.reason[sizeof heard.reason - 1] = 0;
        peers->is_stopped[from] = 1;
        if (peers->stop.status == SW_OK)
            peers->stop = heard;
    }
}

int sw_peers_stopped(const struct sw_peers *peers)
{
    return peers->stop.status != SW_OK;
}

int sw_peers_signal(const struct sw_peers *peers)
{
    return peers->stop.signal;
}

int sw_peers_status(const struct sw_peers *peers, struct sw_error *error)
{
    const struct stop *stop = &peers->stop;
    if (stop->status == SW_OK || stop->status == SW_INTERRUPTED)
        return stop->status;
    if (stop->rank == peers->rank)
        return sw_fail(error, stop->status, "%s", stop->reason);
    return sw_fail(error, stop->status, "process %d of %d: %s", stop->rank, peers->count,
                   stop->reason);
}

/* Gives the processor away: at once a few thousand times, then for longer and longer, up to a
 * millisecond. */
static void rest(int *turns)
{
    enum { QUICK = 4000, LONGEST = 1000 * 1000 };
    ++*turns;
    if (*turns < QUICK) {
        sched_yield();
        return;
    }
    long pause = 20000L * (1 + (*turns - QUICK) / 100);
    struct timespec time = {.tv_nsec = pause < LONGEST ? pause : LONGEST};
    nanosleep(&time, NULL);
}

static int goes_on(struct sw_peers *peers)
{
    int signal = peers->interrupted ? peers->interrupted() : 0;
    hear(peers);
    if (signal || peers->stop.status != SW_OK)
        sw_peers_stop(peers, SW_INTERRUPTED, signal, NULL);
    return peers->stop.status == SW_OK;
}

void sw_peers_close(struct sw_peers *peers)
{
    if (!peers)
        return;
    int left = 0, turns = 0;
    if (peers->stop.status != SW_OK) {
        const double patience = 5;
        tell(peers);
        for (double until = sw_seconds() + patience; sw_seconds() < until; rest(&turns)) {
            hear(peers);
            left = 0;
            for (int r = 0; r < peers->count; r++)
                left += r != peers->rank && !peers->is_stopped[r];
            if (!left)
                break;
        }
    }
    /* Where one is gone, the others would wait for it. What MPI still holds is left behind. */
    if (left)
        return;
    peers->transport->finish();
    release(peers);
}

/* ---- exchanging ------------------------------------------------------------------------------ */

struct counter {
    struct sw_slices slices;
    size_t bytes;
};

static void count(struct sw_slices *slices, void *at, size_t rows, size_t bytes, size_t step)
{
    (void)at, (void)step;
    ((struct counter *)(void *)slices)->bytes += rows * bytes;
}

struct copier {
    struct sw_slices slices;
    char *at;
    int unpacks;
};

static void copy(struct sw_slices *slices, void *at, size_t rows, size_t bytes, size_t step)
{
    struct copier *copier = (struct copier *)(void *)slices;
    size_t each = step == bytes ? rows * bytes : bytes;
    for (size_t done = 0; each && done < rows * bytes; done += each) {
        char *place = (char *)at + done / bytes * step;
        memcpy(copier->unpacks ? place : copier->at, copier->unpacks ? copier->at : place, each);
        copier->at += each;
    }
}

static int reserve(struct buffer *buffer, size_t bytes)
{
    if (bytes <= buffer->room)
        return SW_OK;
    free(buffer->at);
    buffer->at = malloc(bytes);
    buffer->room = buffer->at ? bytes : 0;
    return buffer->at ? SW_OK : SW_FAILED;
}

static int fail(struct sw_peers *peers, const char *reason)
{
    sw_peers_stop(peers, SW_FAILED, 0, reason);
    return SW_INTERRUPTED;
}

/* Begins all pieces of a message; *used counts its requests. */
static int begin(struct sw_peers *peers, int other, char *at, size_t bytes, int sends, size_t *used)
{
    for (size_t done = 0; done < bytes; done += PIECE) {
        size_t piece = bytes - done < PIECE ? bytes - done : PIECE;
        if (*used == peers->requests_room) {
            size_t room = *used ? 2 * *used : 64;
            struct sw_request *more = realloc(peers->requests, room * sizeof *more);
            if (!more)
                return fail(peers, "out of memory for messages");
            peers->requests = more;
            peers->requests_room = room;
        }
        struct sw_request *request = &peers->requests[*used];
        int status = sends ? peers->transport->send(other, TAG_DATA, at + done, piece, request)
                           : peers->transport->receive(other, TAG_DATA, at + done, piece, request);
        if (status != 0)
            return fail(peers, "MPI: a message could not be begun");
        ++*used;
        peers->bytes += piece;
    }
    return SW_OK;
}

static int wait(struct sw_peers *peers, size_t pending)
{
    int turns = 0;
    while (pending) {
        for (size_t i = 0; i < pending;) {
            int done = peers->transport->test(&peers->requests[i]);
            if (done < 0)
                return fail(peers, "MPI: a message was lost; the processes are out of step");
            if (done)
                peers->requests[i] = peers->requests[--pending];
            else
                i++;
        }
        if (!pending)
            break;
        if (!goes_on(peers))
            return SW_INTERRUPTED;
        rest(&turns);
    }
    return SW_OK;
}

int sw_peers_exchange(struct sw_peers *peers,
                      void (*list)(const void *data, int rank, struct sw_slices *slices),
                      const void *data)
{
    size_t used = 0;
    if (!goes_on(peers))
        return SW_INTERRUPTED;
    for (int r = 0; r < peers->count; r++) {
        struct counter counter = {.slices = {count}};
        list(data, r, &counter.slices);
        struct buffer *buffer = r == peers->rank ? &peers->out : &peers->in[r];
        if (reserve(buffer, counter.bytes) != SW_OK)
            return fail(peers, "out of memory for what the processes exchange");
        if (r != peers->rank) {
            if (begin(peers, r, buffer->at, counter.bytes, 0, &used) != SW_OK)
                return SW_INTERRUPTED;
            continue;
        }
        struct copier copier = {.slices = {copy}, .at = buffer->at};
        list(data, r, &copier.slices);
        for (int other = 1; other < peers->count; other++)
            if (begin(peers, (r + other) % peers->count, buffer->at, counter.bytes, 1, &used) !=
                SW_OK)
                return SW_INTERRUPTED;
    }
    if (wait(peers, used) != SW_OK)
        return SW_INTERRUPTED;
    for (int r = 0; r < peers->count; r++) {
        struct copier copier = {.slices = {copy}, .at = peers->in[r].at, .unpacks = 1};
        if (r != peers->rank)
            list(data, r, &copier.slices);
    }
    return SW_OK;
}

struct range {
    char *at;
    size_t bytes;
};

static void of_first(const void *data, int rank, struct sw_slices *slices)
{
    const struct range *range = data;
    if (rank == 0)
        sw_slice(slices, range->at, range->bytes);
}

int sw_peers_broadcast(struct sw_peers *peers, void *at, size_t bytes)
{
    struct range range = {at, bytes};
    return sw_peers_exchange(peers, of_first, &range);
}

void sw_peers_share(const struct sw_peers *peers, int chunks, int rank, int *from, int *to)
{
    *from = (int)((int64_t)chunks * rank / peers->count);
    *to = (int)((int64_t)chunks * (rank + 1) / peers->count);
}

static void of_each(const void *data, int rank, struct sw_slices *slices)
{
    const struct range *range = data;
    sw_slice(slices, range->at + (size_t)rank * range->bytes, range->bytes);
}

int sw_peers_agree(struct sw_peers *peers, const void *at, size_t bytes, struct sw_error *error)
{
    char *all = calloc((size_t)peers->count, MOST_AGREED);
    if (!all || bytes > MOST_AGREED) {
        free(all);
        return sw_fail(error, SW_FAILED, "out of memory");
    }
    struct range range = {all, bytes};
    memcpy(all + (size_t)peers->rank * bytes, at, bytes);
    int status = sw_peers_exchange(peers, of_each, &range);
    for (int r = 1; r < peers->count && status == SW_OK; r++)
        if (memcmp(all, all + (size_t)r * bytes, bytes) != 0)
            status = sw_fail(error, SW_FAILED,
                             "process %d of %d computed other numbers than process 0; expected the "
                             "same CPU kernels, OpenBLAS and data everywhere",
                             r, peers->count);
    free(all);
    return status;
}
