/* thread.h -- how the runtime starts a thread. */
#ifndef SW_BASE_THREAD_H
#define SW_BASE_THREAD_H

#include <pthread.h>

/* Starts work(data) in a thread that takes none of the signals sent to the process: they are for
 * the threads of the program. A fault of its own (SIGBUS) still reaches the program's handler.
 * Returns what pthread_create returns. */
int sw_thread_start(pthread_t *thread, void *(*work)(void *data), void *data);

#endif
