/* The verdict: a variant's output against the reference, judged at several scales by what rounding
 * may do there (error_model.h). */
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

/* The problem as its output is seen: that of another operation has the rows of one head, b * n_q +
 * i, as wide as the model. */
struct problem verdict_view(const struct problem *problem);

/* What is judged together. Errors that are within bounds one by one may still go one way: a wrong
 * factor shows in a row, a lost key in a column or a head. */
enum scale {
    SCALE_ELEMENT,
    SCALE_ROW,    /* of a head: d_v elements */
    SCALE_HEAD,   /* of a batch entry */
    SCALE_COLUMN, /* of d_v, over all rows of all heads */
    SCALE_BATCH,
    SCALE_WHOLE,
    SCALES
};
const char *scale_name(enum scale scale); /* "element" */

/* What is known of the errors of a group of elements. */
struct tally {
    double err2, want2;
    double size;   /* of the rows: what want2 would be if nothing cancelled out */
    double floor2; /* what flushing subnormal numbers may cost */
    double along;  /* sum (got - want) want: how far the slope is from 1, times want2 */
    double along_variance;
    double along_bias; /* what outputs below the normal numbers lose, who may all be rounded to 0 */
    struct scatter scatter;
};

struct verdict {
    bool ok;
    int64_t rows_checked;
    int64_t rows_unjudged; /* of those: f32 does not know their weights. Their values are only asked
                              to lie among those that they are made of */
    double max_abs_err;    /* max |got - want|, over the finite elements, as are the next two */
    double max_rel_err;    /* the same over the row's largest |want| */
    double nmse;      /* sum (got - want)^2 / sum want^2 over the rows that are judged; 0/0 is 0 */
    double tolerance; /* of the element that comes nearest to (or furthest over) its own */
    /* How much of its limit each scale used, as a size of errors (not their square): ok means <= 1.
     * NaN: nothing to judge at it; infinity when there are bad values. */
    double part[SCALES];
    enum scale nearest;        /* the scale that used most: where it failed, if it did */
    double err_over_tolerance; /* what it used */
    int64_t bad_values;        /* NaN, infinite or unwritten elements in the whole output */
    /* How outputs of 16 bits were rounded: "nearest", "toward_zero", "away_from_zero", "down",
     * "up"; NULL where other errors hide it. */
    const char *rounding;
    struct tally whole; /* of the rows that are judged */
    char reason[512];   /* when not ok: what is wrong, where, by how much */
};

/* `output` is the whole output tensor in the problem's layout, decoded to float; `expected` is of
 * these rows, in any order. precision: what the variant declares, PRECISION_F32 for none. NaN never
 * passes. All elements are scanned for NaN and infinities (an unwritten element still holds the
 * poison, a NaN), also those of rows that are not compared. */
void verdict_judge(const struct problem *problem, enum precision precision, const row_index *rows,
                   const struct expected *expected, const float *output, struct verdict *verdict);

/* Judges the outputs for several inputs together, as one whole: chance averages out over more rows,
 * which tells most where an output has one or two. Adds the verdict's rows to the pool, which
 * begins as {0}, and what the pool used to the verdict. */
void verdict_pool(const struct problem *problem, struct tally *pool, struct verdict *verdict);

/* The same for the second output: `want` comes from reference_scores, `got` is the whole tensor
 * [batch, heads_q, n_q, n_kv]. Weights must be 0 where masked; masked scores are not compared,
 * since a kernel may leave them unwritten. Adds to a verdict that is ok until now. */
void verdict_judge_scores(const struct problem *problem, const row_index *rows,
                          const struct expected *expected, const double *want, const float *got,
                          struct verdict *verdict);

#endif
