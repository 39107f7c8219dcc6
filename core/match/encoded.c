/* encoded.c -- evaluation: images and captions encoded once and kept, then scored in blocks. */
#include "match/internal.h"
#include "match/second.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { L = SW_LANES };

void sw_encoded_free(struct sw_encoded *encoded)
{
    free(encoded->rows);
    free(encoded->count);
    free(encoded->first);
    free(encoded->own);
    free(encoded->pooled);
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

/* Appends what a pass has encoded: x (N,D) where tiles need it, pooled (G,P) where the model pools.
 */
static int append(struct sw_encoded *out, const struct sw_side_pass *pass,
                  const struct sw_tensor *x, const struct sw_tensor *pooled, struct sw_error *error)
{
    const struct sw_fragments *fragments = &pass->fragments;
    int words = pass->shown.side == SW_WORDS, more = fragments->groups;
    size_t groups = (size_t)out->groups + (size_t)more, D = (size_t)pass->model->plan->dim;
    size_t have = words ? (out->groups ? (size_t)out->first[out->groups] : 0)
                        : (size_t)out->groups * (size_t)fragments->most;
    size_t rows = have + (size_t)fragments->rows, twice = out->room * 2;
    if (pass->model->has_tiles && rows > out->room &&
        sw_encoded_reserve(out, out->room && rows < twice ? twice : rows, (int)D, error) != SW_OK)
        return SW_FAILED;
    int *count = realloc(out->count, sizeof(int) * (groups + 1));
    out->count = count ? count : out->count;
    int *first = realloc(out->first, sizeof(int) * (groups + 1));
    out->first = first ? first : out->first;
    if (pass->own) {
        int *own = realloc(out->own, sizeof(int) * (groups + 1));
        out->own = own ? own : out->own;
        if (own)
            memcpy(own + out->groups, pass->own, sizeof(int) * (size_t)more);
        else
            count = NULL;
    }
    if (pooled) {
        size_t width = (size_t)pooled->dim[1], to = (size_t)out->groups + (size_t)pooled->dim[0];
        float *all = realloc(out->pooled, sizeof(float) * width * to);
        out->pooled = all ? all : out->pooled;
        out->width = (int)width;
        if (!all)
            count = NULL;
        else
            memcpy(all + (size_t)out->groups * width, pooled->data,
                   sizeof(float) * width * (size_t)pooled->dim[0]);
    }
    if (!count || !first)
        return sw_fail(error, SW_FAILED, "out of memory for %zu encoded images or captions",
                       groups);
    if (pass->model->has_tiles)
        memcpy(out->rows + have * D, x->data, sizeof(float) * (size_t)fragments->rows * D);
    memcpy(count + out->groups, fragments->count, sizeof(int) * (size_t)more);
    first[0] = 0;
    for (int g = 0; words && g < more; g++)
        first[out->groups + g + 1] = first[out->groups + g] + fragments->count[g];
    out->k = words ? 0 : fragments->most;
    out->groups += more;
    return SW_OK;
}

/* Encodes one side of examples behind what *out holds. */
static int encode_side(struct sw_model *model, const struct sw_examples *examples,
                       enum sw_side side, struct sw_encoded *out, struct sw_error *error)
{
    struct sw_graph *graph = model->encoder;
    struct sw_examples half = *examples;
    struct sw_side_pass *passes[2];
    struct sw_tensor *x = NULL, *pooled = NULL;
    static const int no_caption[1];
    half.training = 0;
    if (side == SW_REGIONS) {
        half.captions = 0;
        half.caption_start = no_caption;
    } else {
        half.images = 0;
    }
    sw_graph_reset(graph, 0);
    if (sw_begin_sides(model, graph, &half, passes) == SW_OK) {
        x = (side == SW_REGIONS ? sw_encode_regions : sw_encode_words)(&passes[side], &half);
        pooled = sw_run_pool(passes[side], x);
    }
    if (!x || sw_graph_error(graph)->status != SW_OK)
        return sw_graph_failure(graph, error);
    return append(out, passes[side], x, pooled, error);
}

int sw_encode_images(struct sw_model *model, const struct sw_examples *examples,
                     struct sw_encoded *out, struct sw_error *error)
{
    int k = sw_most_regions(model, examples);
    if (out->groups % L != 0 || (out->groups && out->k != k))
        return sw_fail(error, SW_FAILED,
                       "images to append: expected %d regions each behind a multiple of %d images, "
                       "found %d behind %d",
                       out->k, L, k, out->groups);
    return encode_side(model, examples, SW_REGIONS, out, error);
}

int sw_encode_captions(struct sw_model *model, const struct sw_examples *examples,
                       struct sw_encoded *out, struct sw_error *error)
{
    return encode_side(model, examples, SW_WORDS, out, error);
}

/* (rows,width) of what is kept, from row `first`; NULL where nothing is. */
static struct sw_tensor *kept_rows(struct sw_graph *graph, float *rows, size_t first, int count,
                                   int width)
{
    return rows ? sw_graph_tensor(graph, 2, (int[]){count, width}, rows + first * (size_t)width, 0)
                : NULL;
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
    struct sw_encoding e = {.training = 0};
    if (sw_region_fragments(graph, image_count, images->k, images->count + image, &e.region_rows) ||
        sw_word_fragments(graph, caption_count, captions->first + caption, &e.word_rows))
        return NULL;
    e.own[SW_REGIONS] = images->own ? images->own + image : NULL;
    e.own[SW_WORDS] = captions->own ? captions->own + caption : NULL;
    int D = model->plan->dim;
    e.regions =
        kept_rows(graph, images->rows, (size_t)image * (size_t)images->k, e.region_rows.rows, D);
    e.words =
        kept_rows(graph, captions->rows, (size_t)captions->first[caption], e.word_rows.rows, D);
    e.image = kept_rows(graph, images->pooled, (size_t)image, sw_group_rows(&e.region_rows),
                        images->width);
    e.text = kept_rows(graph, captions->pooled, (size_t)caption, caption_count, captions->width);
    return sw_batch_prepare(model, graph, &e, options);
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
                return sw_graph_failure(model->encoder, error);
            int status = sw_pairs_score(batch, out + (size_t)i * stride + c, stride, 1, error);
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
                 struct sw_attention *out, struct sw_error *error)
{
    if (image < 0 || image >= images->groups || caption < 0 || caption >= captions->groups)
        return sw_fail(error, SW_FAILED,
                       "pair (%d, %d): expected an image below %d and a caption below %d", image,
                       caption, images->groups, captions->groups);
    int first = image / L * L, most = images->groups - first < L ? images->groups - first : L;
    struct sw_whole_batch *batch =
        encoded_batch(model, images, first, most, captions, caption, 1, NULL);
    if (batch && !model->has_tiles)
        return SW_OK;
    if (!batch)
        return sw_graph_failure(model->encoder, error);
    struct sw_whole_tile tile;
    int in_block = image - first, zero = 0;
    sw_tile_of_pairs(&tile, batch, &model->workers[0], &in_block, &zero, 1);
    out->count = 0;
    tile.attention = out;
    sw_tile_score(&tile);
    struct sw_graph *graph = model->workers[0].graph;
    return sw_graph_error(graph)->status == SW_OK ? SW_OK : sw_graph_failure(graph, error);
}
