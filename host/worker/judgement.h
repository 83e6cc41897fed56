/* The judgement of outputs: against the reference, or against what a case of the user's expects.
 * The reference is computed once for a problem and serves all its variants. */
#ifndef ATTNBENCH_WORKER_JUDGEMENT_H
#define ATTNBENCH_WORKER_JUDGEMENT_H

#include "store/test_case.h"
#include "verify/verdict.h"

/* Zero-initialised: no reference yet. */
struct judgement {
    enum check_mode mode; /* full or sample, as it was chosen */
    const row_index *rows;
    int64_t row_count;
    double *want, *magnitude, *score_size, *want_scores;
    struct arena arena;
};

struct judged {
    const struct problem *problem;
    const struct attention_inputs *inputs;
    const struct test_case *test_case; /* NULL: the inputs were generated */
    const float *output;               /* the whole output, decoded */
    const float *scores;               /* the second output, or NULL */
    uint64_t seed;                     /* of the choice of rows */
};

/* -1: out of memory for the reference. */
int judgement_make(struct judgement *judgement, const struct judged *judged, enum check_mode mode,
                   struct verdict *verdict);

/* Forgets the reference: the problem changes. */
void judgement_drop(struct judgement *judgement);

#endif
