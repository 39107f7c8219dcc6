/* gather_ahead.c -- the next batch, made by a thread of its own while others compute.
 *
 * The thread has a gather of its own, whose buffers change places with the caller's once its batch
 * is asked for. Between the two a lock guards `state`; whoever `state` names owns the rest. */
#include "train/gather_ahead.h"

#include "tensor/threads/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum state { IDLE, WANTED, READY, STOP };

struct sw_gather_ahead {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum state state;       /* IDLE, READY: the caller's turn; WANTED: the thread's */
    struct sw_gather batch; /* without threads */
    uint32_t *caption;      /* (count), of at most batch.captions */
    int count;
    int status;
    struct sw_error error;
};

static void change(struct sw_gather_ahead *a, enum state to)
{
    pthread_mutex_lock(&a->lock);
    if (a->state != STOP)
        a->state = to;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* The state, once it is not `passing`. */
static enum state wait_while(struct sw_gather_ahead *a, enum state passing, enum state or_passing)
{
    pthread_mutex_lock(&a->lock);
    while (a->state == passing || a->state == or_passing)
        pthread_cond_wait(&a->changed, &a->lock);
    enum state state = a->state;
    pthread_mutex_unlock(&a->lock);
    return state;
}

static void *serve(void *data)
{
    struct sw_gather_ahead *a = data;
    while (wait_while(a, IDLE, READY) == WANTED) {
        a->error = (struct sw_error){.status = SW_OK};
        a->status = sw_gather_pairs(&a->batch, a->caption, a->count, &a->error);
        change(a, READY);
    }
    return NULL;
}

static void release(struct sw_gather_ahead *a)
{
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    sw_gather_free(&a->batch);
    free(a->caption);
    free(a);
}

static int set_up(struct sw_gather *gather, struct sw_error *error)
{
    struct sw_gather_ahead *a = calloc(1, sizeof *a);
    if (!a)
        return sw_fail(error, SW_FAILED, "out of memory for a batch ahead");
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    a->caption = malloc(((size_t)gather->captions + 1) * sizeof *a->caption);
    int status = a->caption ? sw_gather_new(&a->batch, gather->data, NULL, gather->images,
                                            gather->captions, error)
                            : sw_fail(error, SW_FAILED, "out of memory for a batch ahead");
    int failed = status == SW_OK ? sw_thread_start(&a->thread, serve, a) : 0;
    if (failed)
        status = sw_fail(error, SW_FAILED, "the thread that prepares batches did not start: %s",
                         strerror(failed));
    if (status != SW_OK) {
        release(a);
        return status;
    }
    gather->ahead = a;
    return SW_OK;
}

int sw_gather_ahead(struct sw_gather *gather, const uint32_t *caption, int count,
                    struct sw_error *error)
{
    if (count < 0 || count > gather->captions || count > gather->images)
        return sw_fail(error, SW_FAILED, "a batch of %d captions: expected at most %d", count,
                       gather->captions);
    if (!gather->compute || sw_compute_threads(gather->compute) == 1) {
        for (int i = 0; i < count; i++)
            sw_dataset_prefetch(gather->data, sw_dataset_caption_row(gather->data, caption[i]));
        return SW_OK;
    }
    int status = gather->ahead ? SW_OK : set_up(gather, error);
    if (status != SW_OK)
        return status;
    struct sw_gather_ahead *a = gather->ahead;
    wait_while(a, WANTED, WANTED);
    memcpy(a->caption, caption, (size_t)count * sizeof *caption);
    a->count = count;
    change(a, WANTED);
    return SW_OK;
}

/* The batches change places; what belongs to the threads stays. */
static void swap(struct sw_gather *gather, struct sw_gather *batch)
{
    struct sw_gather ours = *gather;
    *gather = *batch;
    gather->compute = ours.compute;
    gather->ahead = ours.ahead;
    gather->rows = ours.rows;
    ours.compute = NULL;
    ours.ahead = NULL;
    ours.rows = batch->rows;
    *batch = ours;
}

int sw_gather_ahead_take(struct sw_gather *gather, const uint32_t *caption, int count, int *status,
                         struct sw_error *error)
{
    struct sw_gather_ahead *a = gather->ahead;
    if (wait_while(a, WANTED, WANTED) != READY)
        return 0;
    change(a, IDLE);
    if (a->count != count || memcmp(a->caption, caption, (size_t)count * sizeof *caption) != 0)
        return 0;
    *status = a->status;
    if (a->status == SW_OK)
        swap(gather, &a->batch);
    else
        sw_fail(error, a->error.status, "%s", a->error.text);
    return 1;
}

void sw_gather_ahead_free(struct sw_gather_ahead *a)
{
    if (!a)
        return;
    change(a, STOP);
    pthread_join(a->thread, NULL);
    release(a);
}
