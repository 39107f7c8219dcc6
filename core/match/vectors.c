/* vectors.c -- pair vectors in Gram coordinates, with explicit numbers as the other form.
 *
 * Row r of a pair vector is x_r = own_r f_r + sum_i a_ri v_i + sum_j b_rj t_j, where f_r is
 * fragment r of the side that `own` speaks of. With C = T V^T (n,k), G_V = V V^T and G_T = T T^T,
 * every inner product of such rows needs these three small matrices only: O((k+n)^2) a pair instead
 * of O(k n D). A row may instead be D explicit numbers; the verbs below take both. */
#include "match/internal.h"

#include "base/values.h"

struct sw_vectors {
    int rows;
    int has_own;
    enum sw_side side;         /* of own */
    struct sw_tensor *own;     /* (1,R,L); NULL with has_own: 1 */
    struct sw_tensor *part[2]; /* a (R,k,L) by SW_REGIONS, b (R,n,L) by SW_WORDS; NULL: zero */
    struct sw_tensor *x;       /* explicit (R, L or 1, D); then nothing above */
    struct sw_tensor *onto[2]; /* kept: x_r . v_i (R,k,L), x_r . t_j (R,n,L), of a and b only */
    struct sw_tensor *norm2;   /* kept: (1,R,L) */
    /* what it was made of, in coordinates: the sum of two, or the rows of one times by (1,R,L) */
    struct sw_vectors *terms[2];
    struct sw_tensor *by;
    int depth;      /* of what it was made of; 0: nothing is kept of it */
    int is_pending; /* part is not made yet */
};

/* Sums of scaled rows. What lies deeper is made at once. */
enum { MOST_DEPTH = 2 };

static struct sw_tensor *apply(struct sw_tile *tile, const char *op, struct sw_tensor *x,
                               struct sw_tensor *y, struct sw_args args)
{
    return y ? sw_apply2(tile, op, x, y, args) : NULL;
}

static struct sw_tensor *plain(struct sw_tile *tile, const char *op, struct sw_tensor *x,
                               struct sw_tensor *y)
{
    return apply(tile, op, x, y, (struct sw_args){.i = {0}});
}

/* x + y, where either may be absent */
static struct sw_tensor *sum(struct sw_tile *tile, struct sw_tensor *x, struct sw_tensor *y)
{
    return !x ? y : !y ? x : sw_plus(tile, x, y);
}

static struct sw_tensor *row_of(struct sw_tile *tile, struct sw_tensor *x, int columns)
{
    return sw_graph_reshape(tile->graph, x, 3, (int[]){1, columns, SW_LANES});
}

static int is_explicit(const struct sw_tile *tile)
{
    return ((const struct sw_whole_tile *)tile)->batch->options.explicit_vectors;
}

static int fragments_in(const struct sw_tile *tile, enum sw_side side)
{
    return side == SW_REGIONS ? tile->k : tile->n;
}

/* An input that every batch has. */
static struct sw_tensor *fixed(struct sw_tile *tile, int handle)
{
    return sw_tile_input(tile, (struct sw_input){handle});
}

static struct sw_tensor *gram(struct sw_tile *tile, enum sw_side side)
{
    return fixed(tile, side == SW_REGIONS ? SW_REGION_GRAM : SW_WORD_GRAM);
}

static struct sw_tensor *raw(struct sw_tile *tile, enum sw_side side)
{
    return fixed(tile, side == SW_REGIONS ? SW_REGION_VECTORS : SW_WORD_VECTORS);
}

static struct sw_vectors *make(struct sw_tile *tile, int rows)
{
    struct sw_vectors *vectors = sw_graph_scratch(tile->graph, sizeof *vectors);
    if (vectors)
        vectors->rows = rows;
    return vectors;
}

/* The parts of a sum or of scaled rows, when they are first needed: pooling and functionals are
 * linear and do with those of the terms, which spares tensors of (R,k,L). */
static const struct sw_vectors *made(struct sw_tile *tile, struct sw_vectors *x)
{
    for (int side = 0; side < 2 && x->is_pending; side++) {
        struct sw_tensor *part = made(tile, x->terms[0])->part[side];
        if (!x->by)
            x->part[side] = sum(tile, part, made(tile, x->terms[1])->part[side]);
        else if (part)
            x->part[side] = plain(tile, "lane_scale", part, x->by);
    }
    x->is_pending = 0;
    return x;
}

/* x is made of its terms from now on, when it is not too deep. */
static struct sw_vectors *pend(struct sw_tile *tile, struct sw_vectors *x)
{
    x->is_pending = 1;
    for (int t = 0; t < 2 && x->terms[t]; t++)
        x->depth = sw_max(x->depth, x->terms[t]->depth + 1);
    if (x->depth > MOST_DEPTH) {
        made(tile, x);
        x->depth = 0;
        x->terms[0] = x->terms[1] = NULL;
    }
    return x;
}

struct sw_vectors *sw_vectors_explicit(struct sw_tile *tile, struct sw_tensor *x)
{
    struct sw_vectors *vectors = x ? make(tile, x->dim[0]) : NULL;
    if (vectors && (x->ndim != 3 || x->dim[2] != tile->dim)) {
        sw_fail(sw_graph_error(tile->graph), SW_FAILED,
                "explicit vectors: expected (R,L,%d), found %d dimensions, the last of %d",
                tile->dim, x->ndim, x->dim[x->ndim - 1]);
        return NULL;
    }
    if (vectors)
        vectors->x = x;
    return vectors;
}

struct sw_vectors *sw_vectors_fragments(struct sw_tile *tile, enum sw_side side)
{
    struct sw_whole_tile *whole = (struct sw_whole_tile *)tile;
    if (whole->fragments[side])
        return whole->fragments[side];
    struct sw_vectors *vectors;
    if (is_explicit(tile)) {
        vectors = sw_vectors_explicit(tile, raw(tile, side));
    } else {
        vectors = make(tile, fragments_in(tile, side));
        if (vectors) {
            vectors->has_own = 1;
            vectors->side = side;
        }
    }
    return whole->fragments[side] = vectors;
}

struct sw_vectors *sw_vectors_over(struct sw_tile *tile, enum sw_side side,
                                   struct sw_tensor *weights)
{
    if (!weights)
        return NULL;
    if (weights->ndim != 3 || weights->dim[1] != fragments_in(tile, side)) {
        sw_fail(sw_graph_error(tile->graph), SW_FAILED,
                "weights over %s: expected (R,%d,%d), found %d columns",
                side == SW_REGIONS ? "regions" : "words", fragments_in(tile, side), SW_LANES,
                weights->dim[1]);
        return NULL;
    }
    if (is_explicit(tile))
        return sw_vectors_explicit(tile, plain(tile, "mix", weights, raw(tile, side)));
    struct sw_vectors *vectors = make(tile, weights->dim[0]);
    if (vectors)
        vectors->part[side] = weights;
    return vectors;
}

struct sw_tensor *sw_vectors_numbers(struct sw_tile *tile, struct sw_vectors *x)
{
    if (!x || x->x)
        return x ? x->x : NULL;
    struct sw_tensor *all = NULL;
    made(tile, x);
    if (x->has_own) {
        all = raw(tile, x->side);
        if (x->own)
            all = plain(tile, "vec_scale", all, x->own);
    }
    for (int side = 0; side < 2; side++) {
        if (!x->part[side])
            continue;
        struct sw_tensor *mixed = plain(tile, "mix", x->part[side], raw(tile, (enum sw_side)side));
        all = all ? plain(tile, "vec_add", all, mixed) : mixed;
    }
    return all;
}

struct sw_vectors *sw_vectors_add(struct sw_tile *tile, struct sw_vectors *x, struct sw_vectors *y)
{
    if (!x || !y)
        return NULL;
    if (x->rows != y->rows) {
        sw_fail(sw_graph_error(tile->graph), SW_FAILED,
                "adding pair vectors: expected the same number of rows, found %d and %d", x->rows,
                y->rows);
        return NULL;
    }
    if (x->x || y->x || (x->has_own && y->has_own))
        return sw_vectors_explicit(
            tile, plain(tile, "vec_add", sw_vectors_numbers(tile, x), sw_vectors_numbers(tile, y)));
    struct sw_vectors *out = make(tile, x->rows);
    if (!out)
        return NULL;
    const struct sw_vectors *owner = x->has_own ? x : y;
    out->has_own = owner->has_own;
    out->side = owner->side;
    out->own = owner->own;
    out->terms[0] = x;
    out->terms[1] = y;
    return pend(tile, out);
}

struct sw_vectors *sw_vectors_scale_rows(struct sw_tile *tile, struct sw_vectors *x,
                                         struct sw_tensor *s)
{
    if (!x || !s)
        return NULL;
    if (x->x)
        return sw_vectors_explicit(tile, plain(tile, "vec_scale", x->x, s));
    struct sw_vectors *out = make(tile, x->rows);
    if (!out)
        return NULL;
    out->has_own = x->has_own;
    out->side = x->side;
    if (x->has_own)
        out->own = x->own ? plain(tile, "mul", x->own, s) : s;
    out->terms[0] = x;
    out->by = s;
    return pend(tile, out);
}

static struct sw_tensor *constant(struct sw_tile *tile, int columns, float value)
{
    struct sw_tensor *c = sw_graph_tensor(tile->graph, 3, (int[]){1, columns, SW_LANES}, NULL, 0);
    for (int i = 0; c && i < columns * SW_LANES; i++)
        c->data[i] = value;
    return c;
}

struct sw_vectors *sw_vectors_scale(struct sw_tile *tile, struct sw_vectors *x, float factor)
{
    if (!x)
        return NULL;
    if (x->x)
        return sw_vectors_explicit(tile, sw_affine(tile, x->x, factor, 0));
    struct sw_vectors *out = make(tile, x->rows);
    if (!out)
        return NULL;
    made(tile, x);
    out->has_own = x->has_own;
    out->side = x->side;
    if (x->has_own)
        out->own = x->own ? sw_affine(tile, x->own, factor, 0) : constant(tile, x->rows, factor);
    for (int side = 0; side < 2; side++)
        if (x->part[side])
            out->part[side] = sw_affine(tile, x->part[side], factor, 0);
    return out;
}

struct sw_vectors *sw_vectors_pool(struct sw_tile *tile, struct sw_vectors *x, struct sw_tensor *w)
{
    if (!x || !w)
        return NULL;
    if (x->x)
        return sw_vectors_explicit(tile, plain(tile, "vec_pool", x->x, w));
    if (x->is_pending && x->by)
        return sw_vectors_pool(tile, x->terms[0], plain(tile, "mul", w, x->by));
    if (x->is_pending)
        return sw_vectors_add(tile, sw_vectors_pool(tile, x->terms[0], w),
                              sw_vectors_pool(tile, x->terms[1], w));
    struct sw_vectors *out = make(tile, 1);
    if (!out)
        return NULL;
    for (int side = 0; side < 2; side++)
        if (x->part[side])
            out->part[side] = plain(tile, "lane_matmul", w, x->part[side]);
    if (x->has_own) {
        struct sw_tensor *owned = x->own ? plain(tile, "mul", w, x->own) : w;
        out->part[x->side] = sum(tile, owned, out->part[x->side]);
    }
    return out;
}

/* a G_V + b C, or a C^T + b G_T: rows' inner products with each fragment of a side (own left out).
 * Those of a sum are the sum of its terms' where one is there already, which spares a Gram matrix.
 */
static struct sw_tensor *onto(struct sw_tile *tile, struct sw_vectors *x, enum sw_side side)
{
    if (x->onto[side])
        return x->onto[side];
    if (x->terms[1] && (x->terms[0]->onto[side] || x->terms[1]->onto[side]))
        return x->onto[side] =
                   sum(tile, onto(tile, x->terms[0], side), onto(tile, x->terms[1], side));
    made(tile, x);
    enum sw_side other = side == SW_REGIONS ? SW_WORDS : SW_REGIONS;
    struct sw_tensor *all = NULL;
    if (x->part[side])
        all = plain(tile, "lane_matmul", x->part[side], gram(tile, side));
    if (x->part[other]) {
        struct sw_args transposed = {.i = {0, side == SW_WORDS}};
        all = sum(tile, all,
                  apply(tile, "lane_matmul", x->part[other], fixed(tile, SW_DOTS), transposed));
    }
    return x->onto[side] = all;
}

/* own_r f_r . (a_r V + b_r T) for x's own and y's coordinates; NULL: zero */
static struct sw_tensor *own_dot(struct sw_tile *tile, const struct sw_vectors *x,
                                 const struct sw_vectors *y)
{
    struct sw_tensor *all = NULL;
    enum sw_side other = x->side == SW_REGIONS ? SW_WORDS : SW_REGIONS;
    if (y->part[x->side])
        all = plain(tile, "lane_rowdot", gram(tile, x->side), y->part[x->side]);
    if (y->part[other]) {
        struct sw_args transposed = {.i = {x->side == SW_REGIONS}}; /* C is (n,k) */
        all = sum(tile, all,
                  apply(tile, "lane_rowdot", fixed(tile, SW_DOTS), y->part[other], transposed));
    }
    return all && x->own ? plain(tile, "mul", x->own, all) : all;
}

static struct sw_tensor *own_norm2(struct sw_tile *tile, const struct sw_vectors *x,
                                   const struct sw_vectors *y)
{
    struct sw_tensor *all =
        sw_apply1(tile, "lane_diag", gram(tile, x->side), (struct sw_args){.i = {0}});
    if (x->own)
        all = plain(tile, "mul", x->own, all);
    if (y->own)
        all = plain(tile, "mul", y->own, all);
    return all;
}

struct sw_tensor *sw_vectors_dot(struct sw_tile *tile, struct sw_vectors *x, struct sw_vectors *y)
{
    if (!x || !y)
        return NULL;
    if (x->x || y->x) {
        struct sw_tensor *first = sw_vectors_numbers(tile, x);
        struct sw_tensor *second = x == y ? first : sw_vectors_numbers(tile, y);
        return plain(tile, "vec_rowdot", first, second);
    }
    if (x->rows != y->rows || (x->has_own && y->has_own && x->side != y->side)) {
        sw_fail(sw_graph_error(tile->graph), SW_FAILED,
                "dot of pair vectors: expected the same rows, found %d and %d", x->rows, y->rows);
        return NULL;
    }
    struct sw_tensor *all = NULL;
    made(tile, x);
    made(tile, y);
    if (x->has_own && y->has_own)
        all = own_norm2(tile, x, y);
    if (x->has_own)
        all = sum(tile, all, own_dot(tile, x, y));
    if (y->has_own)
        all = sum(tile, all, own_dot(tile, y, x));
    for (int side = 0; side < 2; side++)
        if (y->part[side] && (x->part[0] || x->part[1]))
            all = sum(tile, all,
                      plain(tile, "lane_rowdot", onto(tile, x, (enum sw_side)side), y->part[side]));
    return all ? all : constant(tile, x->rows, 0);
}

/* |x_r|^2, (1,R,L). Many rows: as quadratic forms, which store no (R,k,L) in between. */
static struct sw_tensor *norm2(struct sw_tile *tile, struct sw_vectors *x)
{
    if (!x || x->norm2)
        return x ? x->norm2 : NULL;
    if (x->x || x->has_own || x->rows == 1)
        return x->norm2 = sw_vectors_dot(tile, x, x);
    struct sw_tensor *all = NULL;
    made(tile, x);
    for (int side = 0; side < 2; side++)
        if (x->part[side])
            all = sum(tile, all,
                      plain(tile, "lane_quadratic", x->part[side], gram(tile, (enum sw_side)side)));
    if (x->part[SW_REGIONS] && x->part[SW_WORDS]) {
        struct sw_tensor *words_onto =
            plain(tile, "lane_matmul", x->part[SW_WORDS], fixed(tile, SW_DOTS));
        struct sw_tensor *cross = plain(tile, "lane_rowdot", words_onto, x->part[SW_REGIONS]);
        all = sum(tile, all, sw_affine(tile, cross, 2, 0));
    }
    return x->norm2 = all;
}

static struct sw_tensor *cosine_of(struct sw_tile *tile, struct sw_tensor *dot,
                                   struct sw_tensor *xx, struct sw_tensor *yy)
{
    struct sw_tensor *in[3] = {dot, xx, yy};
    struct sw_args none = {.i = {0}};
    return tile->host->apply(tile->graph, "lane_cosine", in, 3, &none);
}

struct sw_tensor *sw_vectors_cosine(struct sw_tile *tile, struct sw_vectors *x,
                                    struct sw_vectors *y)
{
    return cosine_of(tile, sw_vectors_dot(tile, x, y), norm2(tile, x), norm2(tile, y));
}

struct sw_tensor *sw_vectors_cosine_to(struct sw_tile *tile, struct sw_vectors *x,
                                       enum sw_side side)
{
    if (!x)
        return NULL;
    if (x->rows != 1) {
        sw_fail(sw_graph_error(tile->graph), SW_FAILED,
                "cosine to every fragment: expected one row, found %d", x->rows);
        return NULL;
    }
    struct sw_tensor *dots =
        x->x ? plain(tile, "vec_dots", x->x, raw(tile, side)) : onto(tile, x, side);
    return cosine_of(tile, dots, norm2(tile, x), norm2(tile, sw_vectors_fragments(tile, side)));
}

struct sw_tensor *sw_vectors_functional(struct sw_tile *tile, struct sw_vectors *x,
                                        struct sw_functional declared)
{
    const struct sw_whole_batch *batch = ((struct sw_whole_tile *)tile)->batch;
    if (!x || declared.at < 0 || declared.at >= batch->functional_count)
        return NULL;
    const struct sw_functional_def *f = &batch->functionals[declared.at];
    if (x->x)
        return plain(tile, "vec_functional", x->x, sw_tile_input(tile, f->weight));
    if (x->is_pending && x->by)
        return plain(tile, "mul", x->by, sw_vectors_functional(tile, x->terms[0], declared));
    if (x->is_pending)
        return sum(tile, sw_vectors_functional(tile, x->terms[0], declared),
                   sw_vectors_functional(tile, x->terms[1], declared));
    struct sw_tensor *all = NULL;
    for (int side = 0; side < 2; side++) {
        struct sw_tensor *values = NULL;
        if (x->part[side] || (x->has_own && (int)x->side == side))
            values = row_of(tile, sw_tile_input(tile, f->rows[side]),
                            fragments_in(tile, (enum sw_side)side));
        if (x->has_own && (int)x->side == side)
            all = sum(tile, all, x->own ? plain(tile, "mul", x->own, values) : values);
        if (x->part[side])
            all = sum(tile, all,
                      row_of(tile,
                             apply(tile, "lane_matmul", x->part[side], values,
                                   (struct sw_args){.i = {0, 1}}),
                             x->rows));
    }
    return all;
}

/* W x_r: mixed from the mapped fragments by linearity, W (sum_j b_j t_j) = sum_j b_j (W t_j); a
 * vector that is explicit already, or spans both sides, is multiplied as it is. */
struct sw_tensor *sw_vectors_mapped(struct sw_tile *tile, struct sw_vectors *x,
                                    struct sw_map declared)
{
    const struct sw_whole_batch *batch = ((struct sw_whole_tile *)tile)->batch;
    if (!x || declared.at < 0 || declared.at >= batch->map_count)
        return NULL;
    const struct sw_map_def *map = &batch->maps[declared.at];
    int other = map->side == SW_REGIONS ? SW_WORDS : SW_REGIONS;
    made(tile, x);
    if (!x->x && x->has_own && x->side == map->side && !x->own && !x->part[0] && !x->part[1])
        return sw_tile_input(tile, map->rows);
    if (!x->x && !x->has_own && !x->part[other])
        return plain(tile, "mix", x->part[map->side], sw_tile_input(tile, map->rows));
    return plain(tile, "linear", sw_vectors_numbers(tile, x), sw_tile_input(tile, map->weight));
}
