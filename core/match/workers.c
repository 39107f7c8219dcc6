/* workers.c -- what failed on one of the threads, told as if there were one. */
#include "match/internal.h"

void sw_worker_keep_error(struct sw_worker *worker, int chunk)
{
    const struct sw_error *error = sw_graph_error(worker->graph);
    if (error->status == SW_OK || (worker->error.status != SW_OK && worker->failed_chunk < chunk))
        return;
    worker->error = *error;
    worker->failed_chunk = chunk;
}

int sw_workers_failure(struct sw_model *model, struct sw_error *error)
{
    const struct sw_worker *first = NULL;
    for (int w = 0; w < model->worker_count; w++) {
        const struct sw_worker *worker = &model->workers[w];
        if (worker->error.status != SW_OK && (!first || worker->failed_chunk < first->failed_chunk))
            first = worker;
    }
    int status = first ? sw_fail(error, first->error.status, "%s", first->error.text) : SW_OK;
    for (int w = 0; w < model->worker_count; w++)
        model->workers[w].error = (struct sw_error){.status = SW_OK};
    return status;
}
