/* Attention composed of a library's matrix products: what a program does that has OpenBLAS and no
 * fused kernel.
 *
 * A task is a block of query rows of one head: S = scale Q K^T by sgemm, softmax row by row, O = P
 * V by sgemm. Tasks go to OpenMP's threads, each with an OpenBLAS of one thread, and a block's
 * scores stay in its core's cache; products with all threads on a whole head were slower. A causal
 * block stops at its last row's key. f32, q, k, v and o are [heads, n, d]. */
#ifndef ATTENTION_OPENBLAS_H
#define ATTENTION_OPENBLAS_H

#include <stdbool.h>

struct attention_size {
    int heads, n, d;
    bool causal;
    float scale;
};

/* `block` is the number of query rows in a task. Returns -1 when memory is short. */
int attention_openblas(const struct attention_size *size, int block, const float *q, const float *k,
                       const float *v, float *o);

#endif
