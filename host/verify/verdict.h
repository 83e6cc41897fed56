/* The verdict: a variant's output against the reference, with a tolerance derived for its dtype. */
#ifndef ATTNBENCH_VERIFY_VERDICT_H
#define ATTNBENCH_VERIFY_VERDICT_H

#include "problem/problem.h"
#include "problem/suite.h"
#include "verify/reference.h"

#include <stdbool.h>

/* Chooses the query rows to check, ascending and without duplicates; the list lives in the arena.
 * full: all. none: no row. sample: of every head of every batch entry, in this order of priority,
 * the first and the last row, a random one, the rows where the mask starts and stops to bite, both
 * sides of the first and last tile edges (multiples of 16 ... 256), and more random ones, as many
 * as keep the reference within about `max_flops`; but the first three in every head, whatever they
 * cost. auto: full when that is cheap enough, sample otherwise; *mode becomes what was chosen.
 * Pure: depends on its arguments only. */
const row_index *verdict_rows(const struct problem *problem, enum check_mode *mode, uint64_t seed,
                              double max_flops, struct arena *arena, int64_t *count);

struct verdict {
    bool ok;
    int64_t rows_checked;
    double max_abs_err; /* max |got - want|, over the finite elements, as are the next three */
    double max_rel_err; /* max |got - want| / magnitude; 0/0 is 0. Of other operations: over the
                           row's largest value */
    double nmse;        /* sum (got - want)^2 / sum want^2; 0/0 is 0 */
    double tolerance;   /* at the element that comes nearest to (or furthest over) its tolerance */
    double err_over_tolerance; /* there: ok means <= 1; infinity when there are bad values */
    int64_t bad_values;        /* NaN, infinite or unwritten elements in the whole output */
    char reason[512];          /* when not ok: where the worst element is, got, wanted */
};

/* Tolerance of one output element; the derivation stands in verdict.c.
 * magnitude and score_size are those of reference_attention, keys the number of visible keys. Of
 * the other operations magnitude is the error that reference_operation gives. */
double verdict_tolerance(enum dtype dtype, const struct problem *problem, double want,
                         double magnitude, double score_size, int64_t keys);

/* In all of this, rows of the other operations are b * n_q + i, of d_model columns.
 *
 * `output` is the whole output tensor in the problem's layout, decoded to float; want, magnitude
 * and score_size come from reference_attention for the same rows. NaN never passes. All elements
 * are scanned for NaN and infinities (an unwritten element still holds the poison, a NaN), also
 * those of rows that are not compared. */
void verdict_judge(const struct problem *problem, const row_index *rows, int64_t row_count,
                   const double *want, const double *magnitude, const double *score_size,
                   const float *output, struct verdict *verdict);

/* The same for the second output: `want` comes from reference_scores, `got` is the whole tensor
 * [batch, heads_q, n_q, n_kv]. Weights must be 0 where masked; masked scores are not compared,
 * since a kernel may leave them unwritten. Adds to a verdict that is ok until now. */
void verdict_judge_scores(const struct problem *problem, const row_index *rows, int64_t row_count,
                          const double *want, const double *score_size, const float *got,
                          struct verdict *verdict);

#endif
