/* Compiled for this machine with -ffast-math, so that the compiler may vectorise expf and the sums;
 * no infinity or NaN occurs here: hidden scores are left out, not masked by -infinity. */
#include "attention_openblas.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

/* Weights of the first `seen` scores of a row of `length`; the others become 0. Not yet divided by
 * their sum, which is returned. */
static float softmax_row(float *scores, int seen, int length)
{
    float top = scores[0], sum = 0;
    for (int j = 1; j < seen; ++j)
        top = scores[j] > top ? scores[j] : top;
    for (int j = 0; j < seen; ++j) {
        scores[j] = expf(scores[j] - top);
        sum += scores[j];
    }
    for (int j = seen; j < length; ++j)
        scores[j] = 0;
    return sum;
}

/* Rows first ... first + rows of one head, whose tensors q, k, v and o are [n, d]. */
static void attend_block(const struct attention_size *size, int first, int rows, const float *q,
                         const float *k, const float *v, float *o, float *scores)
{
    const int d = size->d, keys = size->causal ? first + rows : size->n;
    float *out = o + (size_t)first * (size_t)d;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, keys, d, size->scale,
                q + (size_t)first * (size_t)d, d, k, d, 0, scores, keys);
    for (int i = 0; i < rows; ++i) {
        float *row = scores + (size_t)i * (size_t)keys;
        const float sum = softmax_row(row, size->causal ? first + i + 1 : keys, keys);
        for (int j = 0; j < keys; ++j)
            row[j] /= sum;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, d, keys, 1, scores, keys, v, d, 0,
                out, d);
}

int attention_openblas(const struct attention_size *size, int block, const float *q, const float *k,
                       const float *v, float *o)
{
    const int blocks = (size->n + block - 1) / block;
    const size_t head = (size_t)size->n * (size_t)size->d;
    int failed = 0;
    openblas_set_num_threads(1);
#pragma omp parallel reduction(| : failed)
    {
        float *scores = malloc((size_t)block * (size_t)size->n * sizeof *scores);
        failed = !scores;
        /* The longest causal blocks are a head's last ones: they go first. */
#pragma omp for schedule(dynamic) collapse(2)
        for (int b = blocks - 1; b >= 0; --b) {
            for (int h = 0; h < size->heads; ++h) {
                const int first = b * block;
                const int rows = size->n - first < block ? size->n - first : block;
                const size_t at = (size_t)h * head;
                if (scores)
                    attend_block(size, first, rows, q + at, k + at, v + at, o + at, scores);
            }
        }
        free(scores);
    }
    return failed ? -1 : 0;
}
