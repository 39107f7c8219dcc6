/* thread.c -- see thread.h. */
#include "base/thread.h"

#include <signal.h>

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
