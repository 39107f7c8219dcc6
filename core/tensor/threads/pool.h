/* pool.h -- how the runtime starts a thread, and threads that share the chunks of one job. */
#ifndef SW_TENSOR_POOL_H
#define SW_TENSOR_POOL_H

#include "base/error.h"

#include <pthread.h>

/* Starts work(data) in a thread that takes none of the signals sent to the process: they are for
 * the threads of the program. A fault of its own (SIGBUS) still reaches the program's handler.
 * Returns what pthread_create returns. */
int sw_thread_start(pthread_t *thread, void *(*work)(void *data), void *data);

struct sw_pool;

/* The caller is worker 0 of `threads` workers. `begin`, where not NULL, runs once on each of the
 * others before its first chunk. */
struct sw_pool *sw_pool_new(int threads, void (*begin)(void), struct sw_error *error);
void sw_pool_free(struct sw_pool *pool);

/* As sw_parallel. Calls from several threads wait for each other. */
void sw_pool_run(struct sw_pool *pool, int chunks, void (*work)(void *data, int chunk, int worker),
                 void *data);

/* Whether the calling thread is in a chunk of this pool, and as which worker; 0 outside. */
int sw_pool_inside(const struct sw_pool *pool);
int sw_pool_worker(const struct sw_pool *pool);

#endif
