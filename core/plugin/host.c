/* host.c -- the table of host functions: what a plugin can reach of the runtime. */
#include "match/internal.h"
#include "plugin/plugins.h"
#include "tensor/kernels/kernels.h"

#include <stdarg.h>
#include <stdio.h>

static int fail_model(struct sw_model *model, int status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return sw_fail(&model->error, status < 0 ? status : SW_FAILED, "%s", text);
}

static int fail_graph(struct sw_graph *graph, int status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return sw_fail(sw_graph_error(graph), status < 0 ? status : SW_FAILED, "%s", text);
}

static int dim(const struct sw_model *model)
{
    return model->plan->dim;
}

static int vocabulary(const struct sw_model *model)
{
    return model->plan->vocabulary;
}

static struct sw_tensor *constant(struct sw_graph *graph, int ndim, const int *dim, float value)
{
    struct sw_tensor *x = sw_graph_tensor(graph, ndim, dim, NULL, 0);
    for (size_t i = 0; x && i < sw_tensor_count(x); i++)
        x->data[i] = value;
    return x;
}

static void gemm(struct sw_compute *compute, int transpose_a, int transpose_b, int M, int N, int K,
                 float alpha, const float *A, int lda, const float *B, int ldb, float beta,
                 float *C, int ldc)
{
    sw_gemm_one(compute, transpose_a, transpose_b, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
}

static void sigmoid(struct sw_compute *compute, size_t count, const float *x, float *out)
{
    sw_compute_kernels(compute)->sigmoid(count, x, out);
}

const struct sw_host *sw_host_table(void)
{
    static const struct sw_host table = {
        .abi = SW_ABI,
        .size = sizeof table,
        .fail_model = fail_model,
        .fail = fail_graph,
        .dim = dim,
        .vocabulary = vocabulary,
        .parameter = sw_model_declare,
        .buffer = sw_model_buffer,
        .parameter_at = sw_model_parameter_at,
        .apply = sw_graph_apply_named,
        .scratch = sw_graph_scratch,
        .constant = constant,
        .reshape = sw_graph_reshape,
        .random = sw_graph_random,
        .update = sw_graph_update,
        .input_product = sw_batch_product,
        .input_within = sw_batch_within,
        .input_rows = sw_batch_rows,
        .input_vectors = sw_batch_vectors,
        .input_group = sw_batch_group,
        .input_shared = sw_batch_shared,
        .input_functional = sw_batch_functional,
        .input_map = sw_batch_map,
        .observed = sw_batch_observe,
        .input = sw_tile_input,
        .fragments = sw_vectors_fragments,
        .over = sw_vectors_over,
        .explicit_vectors = sw_vectors_explicit,
        .add = sw_vectors_add,
        .scale_rows = sw_vectors_scale_rows,
        .scale = sw_vectors_scale,
        .pool = sw_vectors_pool,
        .dot = sw_vectors_dot,
        .cosine = sw_vectors_cosine,
        .cosine_to = sw_vectors_cosine_to,
        .functional = sw_vectors_functional,
        .mapped = sw_vectors_mapped,
        .numbers = sw_vectors_numbers,
        .put = sw_tile_put,
        .get = sw_tile_get,
        .show = sw_tile_show,
        .mean_weights = sw_tile_mean_weights,
        .fuse = sw_tile_fuse,
        .gemm = gemm,
        .sigmoid = sigmoid,
        .trained_columns = sw_trained_columns,
        .observe = sw_tile_observe,
        .takes_rows = sw_model_takes_rows,
        .row_index = sw_row_index,
    };
    return &table;
}
