/* The reference: attention in plain double precision, straight from the definition.
 *
 * Independent of every kernel: no tiling, no online softmax, no shared code with kernels/. Parallel
 * over rows with OpenMP when the build has it; the result does not depend on the thread count. */
#ifndef ATTNBENCH_VERIFY_REFERENCE_H
#define ATTNBENCH_VERIFY_REFERENCE_H

#include "problem/operation.h"

#include <float.h>

/* Inputs in the problem's layout, already rounded to its dtype. */
struct attention_inputs {
    const float *q;    /* [batch, heads_q, n_q, d_k], or [batch, n_q, heads_q, d_k] for bnhd */
    const float *k;    /* [batch, heads_kv, n_kv, d_k] */
    const float *v;    /* [batch, heads_kv, n_kv, d_v] */
    const float *bias; /* problem_bias_dims().count values; for bias float */
    const unsigned char *mask; /* the same for bias bool: nonzero lets a query see a key */
    const float *sinks;        /* [heads_q], for sink */
    const float *tensors[OP_TENSORS_MAX]; /* of other operations, by operation_tensor's index */
};

/* A bias at or below this, so -FLT_MAX and -infinity, masks its key: frameworks write "masked" as
 * either. Nothing else does, however low a score is. */
#define BIAS_MASKED (-(double)FLT_MAX)

/* A query row by its flat index (b * heads_q + h) * n_q + i, whatever the layout. */
typedef int64_t row_index;

/* For each of `row_count` rows, d_v values to output, and what the tolerance is derived from:
 *   magnitude[r * d_v + c] = sum_j p_j |v_jc|, smaller p_j of keys that are seen counting as
 *                            WEIGHT_RESOLVED; or, where score_size exceeds SCORE_SIZE_BLIND, the
 *                            largest |v_jc - output| of the keys that are seen: any weights are
 *                            possible, but where a single key is seen its weight is 1,
 *   score_size[r] = max of |scale| * sum_c |q_c k_jc| + 2 |bias| over the keys that have any
 * weight, p_j > 1e-20 of the row's largest (0 for an empty row). magnitude and score_size may be
 * NULL. A row that sees no key gives zeros. */
void reference_attention(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output,
                         double *magnitude, double *score_size);

/* Smaller weights, such as those under a strong sink, are not known to 2^-24 of themselves in f32:
 * a device may flush what is below 2^-126. */
#define WEIGHT_RESOLVED 0x1p-102

/* Scores made of numbers this large (2^15, such as a bias of -1e9 on every key of a row) have
 * errors of some percent and more in f32: weights can no longer be told. */
#define SCORE_SIZE_BLIND 32768.0

/* The second output: for each of the rows n_kv weights (RETURNS_WEIGHTS; 0 where masked) or scaled
 * scores as softmax takes them, after softcap and bias (RETURNS_SCORES; -infinity where masked). */
void reference_scores(const struct problem *problem, const struct attention_inputs *inputs,
                      const row_index *rows, int64_t row_count, double *values);

/* Offset of row (b, h, i) in an output (or query) tensor with `d` elements a row. */
int64_t row_offset(const struct problem *problem, row_index row, int64_t d);

#endif
