/* pool.c -- threads that share the chunks of one job at a time.
 *
 * A job is open while chunks are left. A worker that wakes joins an open job, takes chunks from its
 * counter until there are none, and leaves; the caller takes chunks too, closes the job and waits
 * for those that joined. A worker that wakes late sees the job closed and sleeps again. */
#include "tensor/threads/pool.h"

#include "base/values.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

int sw_thread_start(pthread_t *thread, void *(*work)(void *data), void *data)
{
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* a blocked fault ends the process without its handler */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(thread, NULL, work, data);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* Looks at a flag this often before sleeping: some tens of microseconds, about what waking costs.
 */
enum { PATIENCE = 1000 };

struct worker {
    struct sw_pool *pool;
    pthread_t thread;
    int index;
};

struct sw_pool {
    int threads;
    void (*begin)(void);
    struct worker *workers; /* (threads - 1) */

    pthread_mutex_t one_job; /* held by the caller for the whole of a job */

    pthread_mutex_t lock; /* guards what follows, but for the atomics */
    pthread_cond_t opened, left;
    int open, stop;
    atomic_uint jobs;  /* opened so far; idle workers watch it */
    atomic_int inside; /* workers that joined and have not left; rises only under the lock */

    atomic_int next;
    int chunks;
    void (*work)(void *data, int chunk, int worker);
    void *data;
};

/* Which pool's chunk this thread is in, and as which worker: what makes a nested call run in place.
 */
static _Thread_local const struct sw_pool *current;
static _Thread_local int current_worker;

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void take_chunks(struct sw_pool *pool, int worker)
{
    const struct sw_pool *outer = current;
    int outer_worker = current_worker;
    current = pool;
    current_worker = worker;
    int chunk;
    while ((chunk = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->chunks)
        pool->work(pool->data, chunk, worker);
    current = outer;
    current_worker = outer_worker;
}

static void *serve(void *data)
{
    struct worker *worker = data;
    struct sw_pool *pool = worker->pool;
    if (pool->begin)
        pool->begin();
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < PATIENCE && atomic_load(&pool->jobs) == seen; i++)
            relax();
        pthread_mutex_lock(&pool->lock);
        while (!pool->stop && atomic_load(&pool->jobs) == seen)
            pthread_cond_wait(&pool->opened, &pool->lock);
        if (pool->stop) {
            pthread_mutex_unlock(&pool->lock);
            return NULL;
        }
        seen = atomic_load(&pool->jobs);
        int joins = pool->open;
        if (joins)
            atomic_fetch_add(&pool->inside, 1);
        pthread_mutex_unlock(&pool->lock);
        if (!joins)
            continue;
        take_chunks(pool, worker->index);
        pthread_mutex_lock(&pool->lock);
        if (atomic_fetch_sub(&pool->inside, 1) == 1)
            pthread_cond_signal(&pool->left);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void join_workers(struct sw_pool *pool, int started)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = 1;
    pthread_cond_broadcast(&pool->opened);
    pthread_mutex_unlock(&pool->lock);
    /* Those who still watch the counter are let go at once. */
    atomic_fetch_add(&pool->jobs, 1);
    for (int i = 0; i < started; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

static void release(struct sw_pool *pool)
{
    pthread_cond_destroy(&pool->left);
    pthread_cond_destroy(&pool->opened);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->one_job);
    free(pool->workers);
    free(pool);
}

static int start_workers(struct sw_pool *pool, int *started)
{
    int status = 0;
    for (*started = 0; *started < pool->threads - 1; ++*started) {
        struct worker *worker = &pool->workers[*started];
        *worker = (struct worker){.pool = pool, .index = *started + 1};
        status = sw_thread_start(&worker->thread, serve, worker);
        if (status)
            break;
    }
    return status;
}

struct sw_pool *sw_pool_new(int threads, void (*begin)(void), struct sw_error *error)
{
    struct sw_pool *pool = calloc(1, sizeof *pool);
    if (pool)
        pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    if (!pool || !pool->workers) {
        free(pool);
        sw_fail(error, SW_FAILED, "out of memory for %d threads", threads);
        return NULL;
    }
    pool->threads = threads;
    pool->begin = begin;
    pthread_mutex_init(&pool->one_job, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->opened, NULL);
    pthread_cond_init(&pool->left, NULL);
    int started, status = start_workers(pool, &started);
    if (status) {
        join_workers(pool, started);
        release(pool);
        sw_fail(error, SW_FAILED, "thread %d of %d did not start: %s", started + 2, threads,
                strerror(status));
        return NULL;
    }
    return pool;
}

void sw_pool_free(struct sw_pool *pool)
{
    if (!pool)
        return;
    join_workers(pool, pool->threads - 1);
    release(pool);
}

static void open_job(struct sw_pool *pool)
{
    int wanted = sw_min(pool->chunks, pool->threads) - 1;
    pthread_mutex_lock(&pool->lock);
    pool->open = 1;
    atomic_fetch_add(&pool->jobs, 1);
    if (wanted == pool->threads - 1)
        pthread_cond_broadcast(&pool->opened);
    else
        for (int i = 0; i < wanted; i++)
            pthread_cond_signal(&pool->opened);
    pthread_mutex_unlock(&pool->lock);
}

static void close_job(struct sw_pool *pool)
{
    for (int i = 0; i < PATIENCE && atomic_load(&pool->inside); i++)
        relax();
    pthread_mutex_lock(&pool->lock);
    pool->open = 0;
    while (atomic_load(&pool->inside))
        pthread_cond_wait(&pool->left, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void sw_pool_run(struct sw_pool *pool, int chunks, void (*work)(void *data, int chunk, int worker),
                 void *data)
{
    if (current == pool) {
        for (int chunk = 0; chunk < chunks; chunk++)
            work(data, chunk, current_worker);
        return;
    }
    pthread_mutex_lock(&pool->one_job);
    pool->chunks = chunks;
    pool->work = work;
    pool->data = data;
    atomic_store(&pool->next, 0);
    int shared = pool->threads > 1 && chunks > 1;
    if (shared)
        open_job(pool);
    take_chunks(pool, 0);
    if (shared)
        close_job(pool);
    pthread_mutex_unlock(&pool->one_job);
}

int sw_pool_inside(const struct sw_pool *pool)
{
    return current == pool;
}

int sw_pool_worker(const struct sw_pool *pool)
{
    return current == pool ? current_worker : 0;
}
