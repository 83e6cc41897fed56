/* Needles: inputs in which every key is a share of some row's answer that would be missed.
 *
 * With random inputs the softmax spreads over all keys, and what one key adds drowns in the
 * rounding of 16-bit outputs when there are many. Here key j belongs to set j % sets; the keys of a
 * set are one random vector of signs, but for a little noise, and a query is the vector of the set
 * that it aims at, scaled so that these keys outscore all others by some 24 nats. A row is then
 * about the mean of the values of the keys of its set that it sees: n / sets of them, whose signal
 * is sets times that of a key among all. Values have a mean that is not 0 and differs from head to
 * head and column to column.
 *
 * Rows aim at keys all over what they see, so that every set is some row's; where there are few
 * rows (decoding), several rounds of queries follow one another on the same keys and values. How
 * many keys are covered is not assumed but counted, by the reference (reference_expected). Vectors
 * of few elements tell few sets apart: with d_k below 16 the sets are two or one. */
#ifndef ATTNBENCH_VERIFY_NEEDLES_H
#define ATTNBENCH_VERIFY_NEEDLES_H

#include "problem/problem.h"

struct needles {
    int64_t sets;
    int rounds;
    float size; /* of the elements of q and k */
};

enum { NEEDLE_ROUNDS_MAX = 16 };

/* For this problem, of which `judged_rows` rows are compared in each round. */
struct needles needles_plan(const struct problem *problem, int64_t judged_rows);

/* In the problem's layout, rounded to its dtype, as inputs_fill. */
void needles_fill_q(const struct problem *problem, const struct needles *needles, uint64_t seed,
                    int round, float *q);
void needles_fill_k(const struct problem *problem, const struct needles *needles, uint64_t seed,
                    float *k);
void needles_fill_v(const struct problem *problem, const struct needles *needles, uint64_t seed,
                    float *v);
/* [heads_q]: about as heavy as all keys of a set together, within a factor of e: among many keys a
 * sink near 0, as the main inputs have it, has a share that no output shows. */
void needles_fill_sinks(const struct problem *problem, const struct needles *needles, uint64_t seed,
                        float *sinks);

#endif
