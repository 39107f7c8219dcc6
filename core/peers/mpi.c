/* mpi.c -- the transport over MPI, a module that is built where MPI is there (--with-mpi). */
#include "peers/transport.h"

#include <limits.h>
#include <mpi.h>
#include <string.h>

_Static_assert(sizeof(MPI_Request) <= sizeof(struct sw_request), "a request holds MPI's handle");

static int start(int *rank, int *count)
{
    int given;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS)
        return -1;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    return MPI_Comm_rank(MPI_COMM_WORLD, rank) == MPI_SUCCESS &&
                   MPI_Comm_size(MPI_COMM_WORLD, count) == MPI_SUCCESS
               ? 0
               : -1;
}

static int keep(int status, MPI_Request request, struct sw_request *out)
{
    memcpy(out, &request, sizeof request);
    return status == MPI_SUCCESS ? 0 : -1;
}

static int send(int to, int tag, const void *at, size_t bytes, struct sw_request *out)
{
    MPI_Request request = MPI_REQUEST_NULL;
    if (bytes > INT_MAX)
        return -1;
    int status = MPI_Isend(at, (int)bytes, MPI_BYTE, to, tag, MPI_COMM_WORLD, &request);
    return keep(status, request, out);
}

static int receive(int from, int tag, void *at, size_t bytes, struct sw_request *out)
{
    MPI_Request request = MPI_REQUEST_NULL;
    if (bytes > INT_MAX)
        return -1;
    int status = MPI_Irecv(at, (int)bytes, MPI_BYTE, from, tag, MPI_COMM_WORLD, &request);
    return keep(status, request, out);
}

static int test(struct sw_request *request)
{
    MPI_Request own;
    int done = 0;
    memcpy(&own, request, sizeof own);
    int status = MPI_Test(&own, &done, MPI_STATUS_IGNORE);
    memcpy(request, &own, sizeof own);
    return status == MPI_SUCCESS ? done : -1;
}

static int probe(int tag, int *from)
{
    MPI_Status status;
    int there = 0;
    if (MPI_Iprobe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &there, &status) != MPI_SUCCESS || !there)
        return 0;
    *from = status.MPI_SOURCE;
    return 1;
}

static void finish(void)
{
    MPI_Finalize();
}

extern const struct sw_transport sw_transport;
__attribute__((visibility("default"))) const struct sw_transport sw_transport = {
    .version = SW_TRANSPORT_VERSION,
    .start = start,
    .send = send,
    .receive = receive,
    .test = test,
    .probe = probe,
    .finish = finish,
};
