/* encode.c -- images and captions to regions and words (eq. 1, 2), and S of a training batch. */
#include "match/internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { L = SW_LANES };

int sw_region_rows(int images, int k)
{
    return (images + L - 1) / L * L * k;
}

int sw_region_row(int k, int image, int region)
{
    return image / L * L * k + region * L + image % L;
}

/* Where the regions of `images` images lie; count NULL: each has k. */
static int region_fragments(struct sw_graph *graph, int images, int k, const int *count,
                            struct sw_fragments *out)
{
    int *first = sw_graph_scratch(graph, sizeof(int) * ((size_t)images + 1));
    int *counts = sw_graph_scratch(graph, sizeof(int) * ((size_t)images + 1));
    if (!first || !counts)
        return sw_graph_error(graph)->status;
    for (int i = 0; i < images; i++) {
        first[i] = sw_region_row(k, i, 0);
        counts[i] = count ? count[i] : k;
        if (counts[i] < 1 || counts[i] > k)
            return sw_fail(sw_graph_error(graph), SW_FAILED,
                           "image %d of the batch: expected 1 to %d regions, found %d", i, k,
                           counts[i]);
    }
    *out = (struct sw_fragments){.groups = images,
                                 .rows = sw_region_rows(images, k),
                                 .most = k,
                                 .stride = L,
                                 .first = first,
                                 .count = counts};
    return SW_OK;
}

static int word_fragments(struct sw_graph *graph, int captions, const int *start,
                          struct sw_fragments *out)
{
    int *first = sw_graph_scratch(graph, sizeof(int) * ((size_t)captions + 1));
    int *counts = sw_graph_scratch(graph, sizeof(int) * ((size_t)captions + 1));
    if (!first || !counts)
        return sw_graph_error(graph)->status;
    int most = 0;
    for (int c = 0; c < captions; c++) {
        first[c] = start[c] - start[0];
        counts[c] = start[c + 1] - start[c];
        if (counts[c] < 1)
            return sw_fail(sw_graph_error(graph), SW_FAILED,
                           "caption %d of the batch: expected at least one word, found none", c);
        if (counts[c] > most)
            most = counts[c];
    }
    *out = (struct sw_fragments){.groups = captions,
                                 .rows = start[captions] - start[0],
                                 .most = most,
                                 .stride = 1,
                                 .first = first,
                                 .count = counts};
    return SW_OK;
}

/* v_i = l2norm(W_v o_i + b_v), eq. 1: (rows,F) -> (rows,D) */
static struct sw_tensor *encode_regions(const struct sw_model *model, struct sw_graph *graph,
                                        const float *features, int rows)
{
    int dim[2] = {rows, model->plan->features};
    struct sw_tensor *in[3] = {sw_graph_tensor(graph, 2, dim, (float *)(size_t)features, 0),
                               model->image_weight, model->image_bias};
    struct sw_args none = {.i = {0}};
    struct sw_tensor *v = sw_graph_apply_named(graph, "linear", in, 3, &none);
    return sw_graph_apply_named(graph, "l2norm", &v, 1, &none);
}

/* Columns of joined word vectors that take a gradient: those of the trained tables. */
static void trained_columns(const struct sw_graph *graph, const struct sw_tensor *x, int *from,
                            int *columns)
{
    const void *at = NULL;
    const struct sw_op *op;
    const struct sw_call *call;
    *from = 0;
    *columns = x->dim[1];
    while (sw_graph_before(graph, &at, &op, &call))
        if (call->out == x && strcmp(op->name, "concat") == 0) {
            int first = call->in[0]->dim[1];
            if (!call->in[0]->grad) {
                *from = first;
                *columns -= first;
            } else if (!call->in[1]->grad) {
                *columns = first;
            }
            return;
        }
}

/* t_j = l2norm((forward_j + backward_j) / 2), eq. 2 */
static struct sw_tensor *encode_words(const struct sw_model *model, struct sw_graph *graph,
                                      const int32_t *ids, const struct sw_fragments *captions)
{
    struct sw_word_ids words = {.count = captions->rows, .id = ids};
    struct sw_word_ids *kept = sw_graph_scratch(graph, sizeof *kept);
    struct sw_fragments *packing = sw_graph_scratch(graph, sizeof *packing);
    if (!kept || !packing)
        return NULL;
    *kept = words;
    *packing = *captions;
    const struct sw_embedding *embedding = model->plan->embedding;
    struct sw_tensor *in[9] = {embedding->embed(model->host, graph, model->embedding_self, kept)};
    if (in[0] && (in[0]->ndim != 2 || in[0]->dim[0] != words.count ||
                  in[0]->dim[1] != model->plan->word_dim * embedding->tables)) {
        sw_fail(sw_graph_error(graph), SW_FAILED,
                "embedding %s: expected (%d,%d) numbers, found (%d,%d)", embedding->name,
                words.count, model->plan->word_dim * embedding->tables, in[0]->dim[0],
                in[0]->dim[in[0]->ndim - 1]);
        return NULL;
    }
    memcpy(in + 1, model->gru, sizeof model->gru);
    struct sw_args args = {.p = packing}, none = {.i = {0}};
    if (in[0] && in[0]->grad)
        trained_columns(graph, in[0], &args.i[0], &args.i[1]);
    struct sw_tensor *t = sw_graph_apply_named(graph, "bigru", in, 9, &args);
    return sw_graph_apply_named(graph, "l2norm", &t, 1, &none);
}

int sw_model_encode(struct sw_model *model, struct sw_graph *graph,
                    const struct sw_examples *examples, struct sw_encoding *out)
{
    *out = (struct sw_encoding){0};
    if (region_fragments(graph, examples->images, examples->k, examples->region_count,
                         &out->region_rows) ||
        word_fragments(graph, examples->captions, examples->caption_start, &out->word_rows))
        return sw_graph_error(graph)->status;
    out->regions = encode_regions(model, graph, examples->features, out->region_rows.rows);
    out->words =
        encode_words(model, graph, examples->ids + examples->caption_start[0], &out->word_rows);
    return sw_graph_error(graph)->status;
}

struct sw_tensor *sw_model_score(struct sw_model *model, struct sw_graph *graph,
                                 const struct sw_encoding *encoding,
                                 const struct sw_pair_options *options)
{
    return sw_pairs_scores(sw_batch_prepare(model, graph, encoding->regions, encoding->words,
                                            &encoding->region_rows, &encoding->word_rows, options));
}

struct sw_tensor *sw_model_scores(struct sw_model *model, struct sw_graph *graph,
                                  const struct sw_examples *examples,
                                  const struct sw_pair_options *options)
{
    struct sw_encoding encoding;
    if (sw_model_encode(model, graph, examples, &encoding) != SW_OK)
        return NULL;
    return sw_model_score(model, graph, &encoding, options);
}

/* ---- evaluation ------------------------------------------------------------------------------ */

void sw_encoded_free(struct sw_encoded *encoded)
{
    free(encoded->rows);
    free(encoded->count);
    free(encoded->first);
    *encoded = (struct sw_encoded){0};
}

/* Rows lie on large pages where the kernel gives them, see tensor/tape/arena.c. */
int sw_encoded_reserve(struct sw_encoded *encoded, size_t rows, int dim, struct sw_error *error)
{
    enum { PAGE = 2 << 20 };
    size_t bytes, D = (size_t)dim;
    float *room = NULL;
    if (rows <= encoded->room)
        return SW_OK;
    if (!__builtin_mul_overflow(rows, D * sizeof(float), &bytes) && bytes < PTRDIFF_MAX - PAGE) {
        bytes = (bytes + PAGE - 1) / PAGE * PAGE;
        room = aligned_alloc(PAGE, bytes);
    }
    if (!room)
        return sw_fail(error, SW_FAILED, "out of memory for %zu encoded rows of %d numbers", rows,
                       dim);
    madvise(room, bytes, MADV_HUGEPAGE);
    if (encoded->rows)
        memcpy(room, encoded->rows, encoded->room * D * sizeof(float));
    free(encoded->rows);
    encoded->rows = room;
    encoded->room = rows;
    return SW_OK;
}

/* Makes room for more groups and rows behind those that are there. */
static int grow(struct sw_encoded *out, size_t have_rows, size_t more_rows, int more_groups,
                int dim, struct sw_error *error)
{
    size_t groups = (size_t)out->groups + (size_t)more_groups;
    size_t rows = have_rows + more_rows, twice = out->room * 2;
    if (rows > out->room &&
        sw_encoded_reserve(out, out->room && rows < twice ? twice : rows, dim, error) != SW_OK)
        return SW_FAILED;
    int *count = realloc(out->count, sizeof(int) * (groups + 1));
    out->count = count ? count : out->count;
    int *first = realloc(out->first, sizeof(int) * (groups + 1));
    out->first = first ? first : out->first;
    if (!count || !first)
        return sw_fail(error, SW_FAILED, "out of memory for %zu encoded images or captions",
                       groups);
    return SW_OK;
}

int sw_encode_images(struct sw_model *model, const struct sw_examples *examples,
                     struct sw_encoded *out, struct sw_error *error)
{
    if (sw_compute_interrupted(model->compute))
        return sw_fail(error, SW_INTERRUPTED, "interrupted");
    if (out->groups % L != 0 || (out->groups && out->k != examples->k))
        return sw_fail(error, SW_FAILED,
                       "images to append: expected %d regions each behind a multiple of %d images, "
                       "found %d behind %d",
                       out->k, L, examples->k, out->groups);
    struct sw_graph *graph = model->encoder;
    sw_graph_reset(graph, 0);
    struct sw_fragments regions;
    struct sw_tensor *v = NULL;
    if (region_fragments(graph, examples->images, examples->k, examples->region_count, &regions) ==
        SW_OK)
        v = encode_regions(model, graph, examples->features, regions.rows);
    if (!v)
        return sw_fail(error, SW_FAILED, "%s", sw_graph_error(graph)->text);
    size_t have = (size_t)out->groups * (size_t)examples->k, D = (size_t)model->plan->dim;
    int status = grow(out, have, (size_t)regions.rows, examples->images, (int)D, error);
    if (status != SW_OK)
        return status;
    memcpy(out->rows + have * D, v->data, sizeof(float) * (size_t)regions.rows * D);
    memcpy(out->count + out->groups, regions.count, sizeof(int) * (size_t)examples->images);
    out->k = examples->k;
    out->groups += examples->images;
    return SW_OK;
}

int sw_encode_captions(struct sw_model *model, const struct sw_examples *examples,
                       struct sw_encoded *out, struct sw_error *error)
{
    if (sw_compute_interrupted(model->compute))
        return sw_fail(error, SW_INTERRUPTED, "interrupted");
    struct sw_graph *graph = model->encoder;
    sw_graph_reset(graph, 0);
    struct sw_fragments words;
    struct sw_tensor *t = NULL;
    if (word_fragments(graph, examples->captions, examples->caption_start, &words) == SW_OK)
        t = encode_words(model, graph, examples->ids + examples->caption_start[0], &words);
    if (!t)
        return sw_fail(error, SW_FAILED, "%s", sw_graph_error(graph)->text);
    size_t have = out->groups ? (size_t)out->first[out->groups] : 0, D = (size_t)model->plan->dim;
    int status = grow(out, have, (size_t)words.rows, examples->captions, (int)D, error);
    if (status != SW_OK)
        return status;
    memcpy(out->rows + have * D, t->data, sizeof(float) * (size_t)words.rows * D);
    out->first[0] = 0;
    for (int c = 0; c < examples->captions; c++) {
        out->count[out->groups + c] = words.count[c];
        out->first[out->groups + c + 1] = out->first[out->groups + c] + words.count[c];
    }
    out->groups += examples->captions;
    return SW_OK;
}

/* The batch of images [image, image+images) with captions [caption, caption+captions). */
static struct sw_whole_batch *encoded_batch(struct sw_model *model, const struct sw_encoded *images,
                                            int image, int image_count,
                                            const struct sw_encoded *captions, int caption,
                                            int caption_count,
                                            const struct sw_pair_options *options)
{
    struct sw_graph *graph = model->encoder;
    sw_graph_reset(graph, 0);
    struct sw_fragments regions, words;
    if (region_fragments(graph, image_count, images->k, images->count + image, &regions) ||
        word_fragments(graph, caption_count, captions->first + caption, &words))
        return NULL;
    int D = model->plan->dim;
    struct sw_tensor *v = sw_graph_tensor(graph, 2, (int[]){regions.rows, D},
                                          images->rows + (size_t)image * images->k * D, 0);
    struct sw_tensor *t = sw_graph_tensor(graph, 2, (int[]){words.rows, D},
                                          captions->rows + (size_t)captions->first[caption] * D, 0);
    return sw_batch_prepare(model, graph, v, t, &regions, &words, options);
}

/* Preparing costs a product per fragment; at these sizes that is a few percent of the pairs' own,
 * and what is prepared stays below some hundred MB. */
enum { BLOCK_IMAGES = 512, BLOCK_CAPTIONS = 2560 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

int sw_score_rectangle(struct sw_model *model, const struct sw_encoded *images,
                       const struct sw_encoded *captions, int first_image, int image_count,
                       int first_caption, int caption_count, float *out, size_t stride,
                       const struct sw_pair_options *options, struct sw_error *error)
{
    if (first_image % L != 0 || first_image < 0 || image_count < 0 ||
        first_image + image_count > images->groups)
        return sw_fail(error, SW_FAILED,
                       "images %d to %d: expected a start that is a multiple of %d below %d",
                       first_image, first_image + image_count, L, images->groups);
    if (first_caption < 0 || caption_count < 0 || first_caption + caption_count > captions->groups)
        return sw_fail(error, SW_FAILED, "captions %d to %d: expected a range below %d",
                       first_caption, first_caption + caption_count, captions->groups);
    for (int i = 0; i < image_count; i += BLOCK_IMAGES)
        for (int c = 0; c < caption_count; c += BLOCK_CAPTIONS) {
            int some_images = least(image_count - i, BLOCK_IMAGES);
            int some_captions = least(caption_count - c, BLOCK_CAPTIONS);
            struct sw_whole_batch *batch =
                encoded_batch(model, images, first_image + i, some_images, captions,
                              first_caption + c, some_captions, options);
            if (!batch)
                return sw_fail(error, sw_graph_error(model->encoder)->status, "%s",
                               sw_graph_error(model->encoder)->text);
            int status = sw_pairs_score(batch, out + (size_t)i * stride + c, stride, error);
            if (status != SW_OK)
                return status;
        }
    return SW_OK;
}

int sw_score_block(struct sw_model *model, const struct sw_encoded *images,
                   const struct sw_encoded *captions, int first_image, int count, float *out,
                   const struct sw_pair_options *options, struct sw_error *error)
{
    return sw_score_rectangle(model, images, captions, first_image, count, 0, captions->groups, out,
                              (size_t)captions->groups, options, error);
}

int sw_show_pair(struct sw_model *model, const struct sw_encoded *images,
                 const struct sw_encoded *captions, int image, int caption,
                 void (*seen)(void *data, const char *name, int rows, int columns,
                              const float *weights),
                 void *data, struct sw_error *error)
{
    if (image < 0 || image >= images->groups || caption < 0 || caption >= captions->groups)
        return sw_fail(error, SW_FAILED,
                       "pair (%d, %d): expected an image below %d and a caption below %d", image,
                       caption, images->groups, captions->groups);
    int first = image / L * L, most = images->groups - first < L ? images->groups - first : L;
    struct sw_whole_batch *batch =
        encoded_batch(model, images, first, most, captions, caption, 1, NULL);
    if (!batch)
        return sw_fail(error, sw_graph_error(model->encoder)->status, "%s",
                       sw_graph_error(model->encoder)->text);
    struct sw_whole_tile tile;
    int in_block = image - first, zero = 0;
    sw_tile_of_pairs(&tile, batch, &model->workers[0], &in_block, &zero, 1);
    tile.seen = seen;
    tile.seen_data = data;
    sw_tile_score(&tile);
    const struct sw_error *failed = sw_graph_error(model->workers[0].graph);
    return failed->status ? sw_fail(error, failed->status, "%s", failed->text) : SW_OK;
}
