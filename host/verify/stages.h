/* Stages that references of operations are made of, in plain double precision on matrices of rows.
 *
 * Each takes a struct noise: NULL computes exactly; otherwise every result is moved by a random
 * error of the size that a right kernel makes there, so that the spread of the outcomes says what
 * rounding does to the whole operation (Monte Carlo arithmetic: Parker 1997). The sizes of the
 * errors are those of error_model.h's derivation, u = 2^-24: */
#ifndef ATTNBENCH_VERIFY_STAGES_H
#define ATTNBENCH_VERIFY_STAGES_H

#include "problem/operation.h"
#include "verify/reference.h"

struct noise {
    uint64_t seed;
    double storage; /* half the spacing of what is stored between stages, relative: u, or 2^-11 */
    uint64_t stage; /* counts calls, so that each draws other errors */
    const float *w; /* whose root mean square `rms` is: a recurrence asks for it in every step */
    double rms;
};

/* Random, uniform, mean 0, variance 1; 0 without noise. */
double noise_draw(const struct noise *noise, uint64_t index);

/* y = x w (+ bias), x [rows, k], w [k, n]. A sum of k products errs by some u sqrt(k / 2) times the
 * root of the sum of their squares: its partial sums grow as a random walk. That sum is
 * taken for |x|^2 times the mean square of w. Then y is stored. */
void stage_linear(struct noise *noise, const double *x, int64_t rows, int64_t k, const float *w,
                  const float *bias, int64_t n, double *y);

/* Attention of a part problem for some query rows, b * n_q + i each. q holds these rows alone, k
 * and v all of batch * n_kv; a row is [heads, d], as is a row of o. distances: [heads_q, 2 clip +
 * 1], added to the scores by clipped distance, or NULL. A score errs by u (sqrt(d_k) / 2 + 4) S
 * with S the sum of its products' sizes, a weight by 8 u, and by the storage's spacing, since a
 * kernel may store it so; the sum of values by sqrt(keys) u. */
void stage_attention(struct noise *noise, const struct problem *part, const double *q,
                     const double *k, const double *v, const float *distances, int64_t clip,
                     const row_index *rows, int64_t row_count, double *o);

/* y = gain (x - mean) / sqrt(variance + 1e-5) + shift for each row; may be in place. Sums of n
 * terms and a root: 8 u of what is scaled, and u times the mean that is taken off. */
void stage_layer_norm(struct noise *noise, const double *x, int64_t rows, int64_t n,
                      const float *gain, const float *shift, double *y);

/* y += x, stored. */
void stage_add(struct noise *noise, const double *x, int64_t count, double *y);

/* max(x, 0), or x Phi(x), the exact GELU, stored; erf errs by 8 u. In place. */
void stage_activate(struct noise *noise, enum activation activation, int64_t count, double *x);

/* x + position for all rows [batch, n, d]; table: of learned positions, or NULL for
 * sin and cos of i / 10000^(2 c / d) in turn. An angle errs by 4 u of itself. */
void stage_positions(struct noise *noise, int64_t batch, int64_t n, int64_t d, const float *table,
                     double *x);

/* Rotates the first `pairs` pairs (c, c + pairs) of each head by i base^(-c / pairs). x: rows of
 * [heads, d], row r at position rows[r] % n (r % n when rows is NULL). Angles err as above. */
void stage_rope(struct noise *noise, int64_t heads, int64_t d, int64_t pairs, double base,
                const row_index *rows, int64_t row_count, int64_t n, double *x);

#endif
