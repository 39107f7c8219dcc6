/* positives.c -- see positives.h. */
#include "match/positives.h"

void sw_rank_captions(struct sw_positive *list, size_t count, const float *S, size_t captions)
{
    for (size_t k = 0; k < count; k++) {
        const float *row = S + list[k].image * captions;
        float own = row[list[k].caption];
        size_t rank = 0, after = (size_t)list[k].caption + 1;
        for (size_t c = 0; c < captions; c++)
            rank += row[c] > own;
        for (size_t c = after; c < captions; c++)
            rank += row[c] == own;
        list[k].score = own;
        list[k].rank = (uint32_t)rank;
    }
}

void sw_rank_images(struct sw_positive *list, size_t count, const float *S, size_t images,
                    size_t captions)
{
    for (size_t k = 0; k < count; k++) {
        list[k].score = S[list[k].image * captions + list[k].caption];
        list[k].rank = 0;
    }
    for (size_t i = 0; i < images; i++) {
        const float *row = S + i * captions;
        for (size_t k = 0; k < count; k++) {
            float x = row[list[k].caption], own = list[k].score;
            list[k].rank += x > own || (x == own && i > list[k].image);
        }
    }
}
