/* similar_rows.c -- see similar_rows.h. */
#include "data/similar_rows.h"

#include <cblas.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

void sw_unit_rows(float *x, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns) {
        float length = cblas_snrm2((int)columns, x, 1);
        for (size_t c = 0; c < columns && length > 0; c++)
            x[c] /= length;
    }
}

/* Column c goes to one of the sums, with a sign: both from a fixed mixture of c's bits. */
static uint32_t mixed(size_t c)
{
    uint64_t z = (c + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)((z ^ (z >> 27)) >> 16);
}

void sw_sketch_rows(const float *x, size_t rows, size_t columns, size_t width, float *out)
{
    memset(out, 0, rows * width * sizeof *out);
    for (size_t c = 0; c < columns; c++) {
        uint32_t bits = mixed(c);
        size_t to = (bits >> 1) % width;
        for (size_t r = 0; r < rows; r++) {
            float value = x[r * columns + c];
            out[r * width + to] += bits & 1 ? value : -value;
        }
    }
    sw_unit_rows(out, rows, width);
}

void sw_cosines(const float *x, size_t m, const float *y, size_t n, size_t k, float *out)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1, x, (int)k, y,
                (int)k, 0, out, (int)n);
}
