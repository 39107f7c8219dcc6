/* check_peers.c -- processes that train one model together, here as threads that hand each other
 * messages: exchanges, agreement, and what becomes of the others when one stops. */
#include "unit.h"

#include "peers/peers.h"
#include "peers/transport.h"
#include "tensor/threads/compute.h"

#include <pthread.h>

enum { MOST = 4, MOST_MESSAGES = 4096 };

/* ---- a transport between threads --------------------------------------------------------------
 */

struct message {
    int from, to, tag;
    size_t bytes;
    char *data; /* NULL: taken */
};

struct waiting {
    int from, tag;
    void *at;
    size_t bytes;
};

static struct {
    pthread_mutex_t lock;
    int processes, sent, received;
    struct message messages[MOST_MESSAGES];
    struct waiting waiting[MOST_MESSAGES]; /* a request is the place of one, from 1 */
} mail = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local int own_rank;
static _Thread_local int own_signal;

static int fake_start(int *rank, int *count)
{
    *rank = own_rank;
    *count = mail.processes;
    return 0;
}

static int fake_send(int to, int tag, const void *at, size_t bytes, struct sw_request *out)
{
    char *copy = malloc(bytes + 1);
    memcpy(copy, at, bytes);
    pthread_mutex_lock(&mail.lock);
    int room = mail.sent < MOST_MESSAGES;
    if (room)
        mail.messages[mail.sent++] = (struct message){own_rank, to, tag, bytes, copy};
    pthread_mutex_unlock(&mail.lock);
    out->handle = 0;
    return room ? 0 : -1;
}

static int fake_receive(int from, int tag, void *at, size_t bytes, struct sw_request *out)
{
    pthread_mutex_lock(&mail.lock);
    int room = mail.received < MOST_MESSAGES;
    if (room)
        mail.waiting[mail.received++] = (struct waiting){from, tag, at, bytes};
    out->handle = (uint64_t)mail.received;
    pthread_mutex_unlock(&mail.lock);
    return room ? 0 : -1;
}

/* The first message to this process of a tag, of one sender or (-1) any; the lock is held. */
static struct message *find(int from, int tag)
{
    for (int i = 0; i < mail.sent; i++) {
        struct message *m = &mail.messages[i];
        if (m->data && m->to == own_rank && m->tag == tag && (from < 0 || m->from == from))
            return m;
    }
    return NULL;
}

static int fake_test(struct sw_request *request)
{
    if (!request->handle)
        return 1;
    const struct waiting *waiting = &mail.waiting[request->handle - 1];
    pthread_mutex_lock(&mail.lock);
    struct message *m = find(waiting->from, waiting->tag);
    int result = m ? 1 : 0;
    if (m && m->bytes != waiting->bytes)
        result = -1;
    else if (m)
        memcpy(waiting->at, m->data, m->bytes);
    if (m) {
        free(m->data);
        m->data = NULL;
    }
    pthread_mutex_unlock(&mail.lock);
    return result;
}

static int fake_probe(int tag, int *from)
{
    pthread_mutex_lock(&mail.lock);
    const struct message *m = find(-1, tag);
    if (m)
        *from = m->from;
    pthread_mutex_unlock(&mail.lock);
    return m != NULL;
}

static void fake_finish(void)
{
}

static const struct sw_transport fake = {
    SW_TRANSPORT_VERSION, fake_start, fake_send, fake_receive, fake_test, fake_probe, fake_finish,
};

static int watch(void)
{
    return own_signal;
}

/* ---- processes --------------------------------------------------------------------------------
 */

struct process {
    int rank;
    int (*body)(struct sw_peers *peers, struct sw_error *error);
    int result; /* what body says */
    struct sw_error error;
    pthread_t thread;
};

static void *run_process(void *data)
{
    struct process *p = data;
    struct sw_peers *peers;
    own_rank = p->rank;
    own_signal = 0;
    p->result = sw_peers_join(&peers, &fake, mail.processes, &p->error);
    if (p->result == SW_OK) {
        sw_peers_watch(peers, watch);
        p->result = p->body(peers, &p->error);
        sw_peers_close(peers);
    }
    return NULL;
}

static void run_all(struct process *list, int count,
                    int (*body)(struct sw_peers *peers, struct sw_error *error))
{
    mail.processes = count;
    mail.sent = mail.received = 0;
    for (int r = 0; r < count; r++) {
        list[r] = (struct process){.rank = r, .body = body};
        ck_assert_int_eq(pthread_create(&list[r].thread, NULL, run_process, &list[r]), 0);
    }
    for (int r = 0; r < count; r++)
        pthread_join(list[r].thread, NULL);
    for (int i = 0; i < mail.sent; i++)
        free(mail.messages[i].data);
}

/* ---- exchanges --------------------------------------------------------------------------------
 */

enum { ROWS = 7, COLUMNS = 9, ROUNDS = 20 };

struct table {
    const struct sw_peers *peers;
    int cell[ROWS][COLUMNS];
};

/* Each writes some columns, and one of two processes nothing at all. */
static void list_columns(const void *data, int rank, struct sw_slices *slices)
{
    const struct table *table = data;
    int from, to;
    sw_peers_share(table->peers, COLUMNS, rank, &from, &to);
    if (to > from)
        slices->take(slices, (void *)&table->cell[0][from], ROWS, sizeof(int) * (size_t)(to - from),
                     sizeof table->cell[0]);
}

static int fills_a_table(struct sw_peers *peers, struct sw_error *error)
{
    (void)error;
    int from, to;
    for (int round = 0; round < ROUNDS; round++) {
        struct table table = {.peers = peers};
        sw_peers_share(peers, COLUMNS, sw_peers_rank(peers), &from, &to);
        for (int i = 0; i < ROWS; i++)
            for (int j = from; j < to; j++)
                table.cell[i][j] = 1000 * round + 10 * i + j;
        if (sw_peers_exchange(peers, list_columns, &table) != SW_OK)
            return -100;
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++)
                if (table.cell[i][j] != 1000 * round + 10 * i + j)
                    return -200;
    }
    int word = sw_peers_rank(peers) == 0 ? 42 : 0;
    return sw_peers_broadcast(peers, &word, sizeof word) == SW_OK && word == 42 ? 0 : -300;
}

START_TEST(all_have_what_each_wrote)
{
    struct process list[MOST];
    for (int count = 2; count <= MOST; count++) {
        run_all(list, count, fills_a_table);
        for (int r = 0; r < count; r++)
            ck_assert_int_eq(list[r].result, 0);
    }
}
END_TEST

/* ---- shared work ------------------------------------------------------------------------------
 */

enum { M = 512, N = 96, K = 1024 };
static float A[M * K], B[K * N], whole[M * N];

static int multiplies(struct sw_peers *peers, struct sw_error *error)
{
    static _Thread_local float C[M * N];
    struct sw_compute *compute = sw_compute_new(1, error);
    if (!compute)
        return -1;
    sw_compute_join(compute, peers);
    sw_gemm(compute, 0, 0, M, N, K, 1, A, K, B, N, 0, C, N);
    uint64_t exchanged = sw_peers_bytes(peers);
    sw_compute_free(compute);
    return memcmp(C, whole, sizeof C) != 0 ? -100 : exchanged < sizeof C / 2 ? -200 : 0;
}

START_TEST(products_are_shared_and_keep_their_bits)
{
    struct sw_error error = {0};
    struct process list[MOST];
    for (int i = 0; i < M * K; i++)
        A[i] = (float)(i % 17) * 0.3f - 2;
    for (int i = 0; i < K * N; i++)
        B[i] = (float)(i % 13) * 0.7f - 4;
    struct sw_compute *compute = sw_compute_new(1, &error);
    ck_assert_msg(compute != NULL, "%s", error.text);
    sw_gemm(compute, 0, 0, M, N, K, 1, A, K, B, N, 0, whole, N);
    sw_compute_free(compute);
    for (int count = 2; count <= 3; count++) {
        run_all(list, count, multiplies);
        for (int r = 0; r < count; r++)
            ck_assert_int_eq(list[r].result, 0);
    }
}
END_TEST

/* ---- agreement and stops ----------------------------------------------------------------------
 */

static int disagrees(struct sw_peers *peers, struct sw_error *error)
{
    double number = 1;
    int status = sw_peers_agree(peers, &number, sizeof number, error);
    if (status != SW_OK)
        return -100;
    number = sw_peers_rank(peers) == 2 ? 1 + 1e-15 : 1;
    return sw_peers_agree(peers, &number, sizeof number, error);
}

START_TEST(other_numbers_are_seen)
{
    struct process list[MOST];
    run_all(list, 3, disagrees);
    for (int r = 0; r < 3; r++) {
        ck_assert_int_eq(list[r].result, SW_FAILED);
        ck_assert_msg(strstr(list[r].error.text, "process 2 of 3") != NULL, "%s",
                      list[r].error.text);
    }
}
END_TEST

static int fails_in_one(struct sw_peers *peers, struct sw_error *error)
{
    int word = 0;
    if (sw_peers_rank(peers) == 1)
        sw_peers_stop(peers, SW_FAILED, 0, "no room on the disk");
    if (sw_peers_broadcast(peers, &word, sizeof word) == SW_OK && sw_peers_rank(peers) != 0)
        return -100; /* one that only sends may be through before it hears */
    if (sw_peers_agree(peers, &word, sizeof word, error) != SW_INTERRUPTED)
        return -200;
    return sw_peers_status(peers, error);
}

START_TEST(a_failure_is_told_to_all)
{
    struct process list[MOST];
    run_all(list, 4, fails_in_one);
    for (int r = 0; r < 4; r++) {
        ck_assert_int_eq(list[r].result, SW_FAILED);
        ck_assert_str_eq(list[r].error.text,
                         r == 1 ? "no room on the disk" : "process 1 of 4: no room on the disk");
    }
}
END_TEST

static int is_interrupted(struct sw_peers *peers, struct sw_error *error)
{
    double number = 0;
    if (sw_peers_rank(peers) == 2)
        own_signal = 15;
    int status = sw_peers_agree(peers, &number, sizeof number, error);
    return status == SW_INTERRUPTED ? sw_peers_signal(peers) : -100;
}

START_TEST(a_signal_to_one_ends_all)
{
    struct process list[MOST];
    run_all(list, 3, is_interrupted);
    for (int r = 0; r < 3; r++)
        ck_assert_int_eq(list[r].result, 15);
}
END_TEST

static int is_unexpected(struct sw_peers *peers, struct sw_error *error)
{
    (void)peers, (void)error;
    return 0;
}

START_TEST(another_number_of_processes_is_refused)
{
    struct sw_peers *peers;
    struct sw_error error = {0};
    mail.processes = 1;
    ck_assert_int_eq(sw_peers_join(&peers, &fake, 4, &error), SW_FAILED);
    ck_assert_msg(strstr(error.text, "one of 4 processes, but MPI finds 1") != NULL, "%s",
                  error.text);
    struct process list[MOST];
    run_all(list, 2, is_unexpected);
    ck_assert_int_eq(list[0].result, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, all_have_what_each_wrote);
    tcase_add_test(tests, products_are_shared_and_keep_their_bits);
    tcase_add_test(tests, other_numbers_are_seen);
    tcase_add_test(tests, a_failure_is_told_to_all);
    tcase_add_test(tests, a_signal_to_one_ends_all);
    tcase_add_test(tests, another_number_of_processes_is_refused);
}

UNIT_MAIN("peers", add_tests)
