/* The reference: attention in plain double precision, straight from the definition.
 *
 * Independent of every kernel: all scores of a row, then their softmax, then the values; no online
 * softmax, no shared code with kernels/. Some rows that read the same keys are computed together,
 * so that inputs are converted once for all of them; that changes no sum. Parallel over such groups
 * with OpenMP when the build has it; the result does not depend on the thread count. */
#ifndef ATTNBENCH_VERIFY_REFERENCE_H
#define ATTNBENCH_VERIFY_REFERENCE_H

#include "problem/operation.h"
#include "verify/error_model.h"

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

/* A bias at or below this, the lowest number of f32, hides its key as -infinity does: frameworks
 * write either. Every other score counts, whatever its size. */
#define BIAS_MASKED_BELOW (-FLT_MAX)

/* A query row by its flat index (b * heads_q + h) * n_q + i, whatever the layout. */
typedef int64_t row_index;

/* For each of `row_count` rows, ascending, d_v values to output [row_count, d_v]. A row that sees
 * no key gives zeros. */
void reference_attention(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output);

/* The same to expected->want, and what a right kernel may be off by (error_model.h). In a row that
 * cannot be judged, whose weights f32 does not know, `variance` holds instead of a variance the
 * largest distance of a value that the row sees from what is wanted, or 0 where it sees one key
 * alone.
 *
 * covered (or NULL): [n_kv] flags; those of the keys are set of which some row would be called
 * wrong (over its limit by a factor of 2 in energy) if it had overlooked that key alone. */
void reference_expected(const struct problem *problem, const struct attention_inputs *inputs,
                        const row_index *rows, int64_t row_count, struct expected *expected,
                        unsigned char *covered);

/* The second output: for each of the rows n_kv weights (RETURNS_WEIGHTS; 0 where masked) or scaled
 * scores as softmax takes them, after softcap and bias (RETURNS_SCORES; -infinity where masked). */
void reference_scores(const struct problem *problem, const struct attention_inputs *inputs,
                      const row_index *rows, int64_t row_count, double *out);

/* Offset of row (b, h, i) in an output (or query) tensor with `d` elements a row. */
int64_t row_offset(const struct problem *problem, row_index row, int64_t d);

#endif
