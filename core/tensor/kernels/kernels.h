/* kernels.h -- the inner loops, compiled once for each instruction set and chosen at run time.
 *
 * Lane tensors are (rows, columns, L) with L = SW_LANES, so an element is a 64-byte vector; steps
 * between rows or columns are counted in such vectors, and a transposed tensor is read by swapping
 * the two. Lane tensors are 64-byte aligned; plain arrays need no alignment. Outputs do not overlap
 * inputs unless a comment allows it. Every sum has one fixed order, so a kernel set gives the same
 * bits on every call; two sets may differ in the last bits (FMA, vector length). Masks hold 1 for
 * what is there and 0 for padding. */
#ifndef SW_TENSOR_KERNELS_H
#define SW_TENSOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Numbers of one Adam step (Kingma and Ba 2015, as PyTorch computes it). */
struct sw_adam_step {
    double rate; /* learning rate */
    double beta1, beta2, epsilon;
    double correction1, correction2; /* 1 - beta1^t and 1 - beta2^t, t = 1, 2, .. */
    double gradient_scale;           /* multiplies g first, for clipping by the global norm */
};

/* One of the products of an A that multiplies several B: C (M,N) += A B, or = where it is fresh. */
struct sw_prepared_product {
    const void *prepared; /* B (K,N), as the kernels' prepare left it */
    int N;
    float *C;
    int fresh;
};

struct sw_kernels {
    const char *name; /* "baseline", "avx2", "avx512" or "amx" */

    /* ---- arrays of `count` numbers ---- */

    /* Relative error below 2e-7. 0 from -87.3 down, the value at 88.7 above it; NaN stays. x == out
     * is allowed in these three. */
    void (*exp)(size_t count, const float *x, float *out);
    /* Relative error below 4e-7, sigmoid's for x above -87, tanh's also near 0. */
    void (*sigmoid)(size_t count, const float *x, float *out);
    void (*tanh)(size_t count, const float *x, float *out);

    /* out may be x or y in these four. */
    void (*add)(size_t count, const float *x, const float *y, float *out);      /* x + y */
    void (*sub)(size_t count, const float *x, const float *y, float *out);      /* x - y */
    void (*mul)(size_t count, const float *x, const float *y, float *out);      /* x y */
    void (*affine)(size_t count, float a, float c, const float *x, float *out); /* a x + c */
    void (*axpy)(size_t count, float a, const float *x, float *out);            /* out += a x */
    /* out += a x y */
    void (*mul_add)(size_t count, float a, const float *x, const float *y, float *out);
    float (*dot)(size_t count, const float *x, const float *y);
    /* Sum of x^2 in double; the same bits from every kernel set. */
    double (*sum_squares)(size_t count, const float *x);
    void (*from_u8)(size_t count, float scale, const uint8_t *x, float *out); /* scale x */

    /* x, or slope x below 0 */
    void (*leaky_relu)(size_t count, float slope, const float *x, float *out);
    void (*leaky_relu_backward)(size_t count, float slope, const float *x, const float *dy,
                                float *dx);
    /* x Phi(x), absolute error below 1.5e-7 |x| + 1e-7; and dx += dy (Phi(x) + x Phi'(x)) */
    void (*gelu)(size_t count, const float *x, float *out);
    void (*gelu_backward)(size_t count, const float *x, const float *dy, float *dx);
    /* Place of row f of x (count, columns) in each column's falling order, below count; of equal
     * numbers the first goes first. Rows lie `step` apart. */
    void (*column_ranks)(int count, int f, size_t columns, const float *x, size_t step,
                         int32_t *rank);
    /* dx += dy y (1-y), and dx += dy (1-y^2) */
    void (*sigmoid_backward)(size_t count, const float *y, const float *dy, float *dx);
    void (*tanh_backward)(size_t count, const float *y, const float *dy, float *dx);

    /* m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2;
     * p -= rate / correction1 * m / (sqrt(v) / sqrt(correction2) + epsilon),
     * where g = gradient_scale * grad */
    void (*adam)(size_t count, float *p, const float *grad, float *m, float *v,
                 const struct sw_adam_step *step);

    /* One step of PyTorch's GRU cell for one sample. gates: four slots of D numbers, `step` apart:
     * n = W_in x + b_in, r = W_ir x + b_ir + W_hr h + b_hr, z likewise, a = W_hn h + b_hn. They
     * become n = tanh(n + r a), r = sigmoid(r), z = sigmoid(z) and stay a;
     * h (D) = (1-z) n + z h_prev, and may be h_prev. */
    void (*gru_forward)(int D, float *gates, size_t step, const float *h_prev, float *h);
    /* From gates as forward left them and dh + share dout =: d, the gradient of h: writes the
     * gradient of what the slots were into dgates, in the same order; dh = d z (the part through
     * W_hh is the caller's). */
    void (*gru_backward)(int D, const float *gates, float *dgates, size_t step, const float *h_prev,
                         float share, const float *dout, float *dh);

    /* ---- lane tensors ---- */

    /* y (R,K) = softmax over columns of lambda x; mask (K) or NULL. Masked columns give
     * 0, whatever x holds there; a lane without any column gives 0. */
    void (*lane_softmax)(int R, int K, float lambda, const float *x, ptrdiff_t x_row,
                         ptrdiff_t x_column, const float *mask, float *y);
    /* dx += lambda y (dy - sum_k dy y) */
    void (*lane_softmax_backward)(int R, int K, float lambda, const float *y, const float *dy,
                                  float *dx, ptrdiff_t dx_row, ptrdiff_t dx_column);
    /* out (R,K) = sum over M of x[r,m] y[m,k], or += when accumulate is not 0 */
    void (*lane_matmul)(int R, int K, int M, const float *x, ptrdiff_t x_row, ptrdiff_t x_mid,
                        const float *y, ptrdiff_t y_mid, ptrdiff_t y_column, float *out,
                        int accumulate);
    /* out (R) = sum over k of x[r,k] y[r,k], or += */
    void (*lane_rowdot)(int R, int K, const float *x, ptrdiff_t x_row, ptrdiff_t x_column,
                        const float *y, ptrdiff_t y_row, ptrdiff_t y_column, float *out,
                        int accumulate);
    /* out[r,k] = s[r] x[r,k], or += */
    void (*lane_scale)(int R, int K, const float *s, const float *x, ptrdiff_t x_row,
                       ptrdiff_t x_column, float *out, ptrdiff_t out_row, ptrdiff_t out_column,
                       int accumulate);
    /* out (R) = x_r^T G x_r for any square G (K,K), symmetric or not */
    void (*lane_quadratic)(int R, int K, const float *x, const float *g, float *out);
    /* dx_r += d_r (G + G^T) x_r;  dg += sum_r d_r x_r x_r^T. dx or dg may be NULL. */
    void (*lane_quadratic_backward)(int R, int K, const float *x, const float *g, const float *d,
                                    float *dx, float *dg);
    /* out (R) = dot / max(sqrt(max(xx,0) max(yy,0)), 1e-8); the step of xx and yy is 0 to
     * broadcast, or 1 */
    void (*lane_cosine)(int R, const float *dot, const float *xx, ptrdiff_t xx_step,
                        const float *yy, ptrdiff_t yy_step, float *out);
    /* Adds to ddot, dxx, dyy where not NULL; no gradient through a clamped denominator. */
    void (*lane_cosine_backward)(int R, const float *dot, const float *xx, ptrdiff_t xx_step,
                                 const float *yy, ptrdiff_t yy_step, const float *dout, float *ddot,
                                 float *dxx, float *dyy);
    /* For each of `groups`: y = x / (|x| + 1e-8) over `entries` numbers; mask (entries) or NULL.
     * The steps serve x, y and their gradients alike. */
    void (*lane_l2norm)(int groups, int entries, const float *x, ptrdiff_t group_step,
                        ptrdiff_t entry_step, const float *mask, float *y);
    void (*lane_l2norm_backward)(int groups, int entries, const float *x, const float *dy,
                                 ptrdiff_t group_step, ptrdiff_t entry_step, const float *mask,
                                 float *dx);

    /* ---- matrix products ---- */

    /* For an operand of many products, which BLAS would lay out anew each time: prepare writes
     * op(B) (K,N) to `out`, prepared_size(K, N) bytes, 64-byte aligned. product_prepared takes a
     * room as product does; where both are there they give the same bits. */
    size_t (*prepared_size)(int K, int N);
    void (*prepare)(int transpose_b, int K, int N, const float *B, int ldb, void *out);
    void (*product_prepared)(int M, int K, const float *A, int lda,
                             const struct sw_prepared_product *list, int count, int ldc,
                             void *room);

    /* C (M,N) = op(A) op(B), or +=, row-major, M, N and K above 0; room: product_room bytes,
     * 64-byte aligned, whose contents mean nothing afterwards. NULL in sets that have none of
     * their own. */
    void (*product)(int transpose_a, int transpose_b, int M, int N, int K, const float *A, int lda,
                    const float *B, int ldb, int accumulate, float *C, int ldc, void *room);
    size_t product_room; /* above 0 */
    /* Whether a block of pairs is faster by product_prepared than by OpenBLAS; 0 where that was not
     * measured. */
    int prepares_pairs;
};

/* The set named `want`, or with NULL the best that this build has and this CPU runs. NULL when
 * there is no such set, or it is not in this build, or the CPU cannot run it. */
const struct sw_kernels *sw_kernels_select(const char *want);

/* The copies of kernels.c. Only sw_kernels_select may name one: the CPU must be asked first. */
extern const struct sw_kernels sw_kernels_baseline, sw_kernels_avx2, sw_kernels_avx512,
    sw_kernels_amx;

#endif
