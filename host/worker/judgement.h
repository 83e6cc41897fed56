/* The judgement of outputs: against the reference, or against what a case of the user's expects.
 * The reference is computed once for some inputs and serves all variants. */
#ifndef ATTNBENCH_WORKER_JUDGEMENT_H
#define ATTNBENCH_WORKER_JUDGEMENT_H

#include "store/test_case.h"
#include "verify/verdict.h"

/* Zero-initialised: no reference yet. */
struct judgement {
    enum check_mode mode; /* full or sample, as it was chosen */
    const row_index *rows;
    struct expected expected;
    double *want_scores;
    unsigned char *covered;     /* [n_kv]: keys that some row would miss; of attention alone */
    int64_t first_key, end_key; /* that any row sees */
    struct arena arena;
};

struct judged {
    const struct problem *problem;
    const struct attention_inputs *inputs;
    const struct test_case *test_case; /* NULL: the inputs were generated */
    const float *output;               /* the whole output, decoded */
    const float *scores;               /* the second output, or NULL */
    enum precision precision;          /* that the variant declares */
    bool other;                        /* the other inputs: fewer rows will do */
    uint64_t seed;                     /* of the choice of rows */
};

/* How many rows are compared where the reference may cost so much. */
int64_t judgement_rows(const struct problem *problem, uint64_t seed, double flops);

/* -1: out of memory for the reference. */
int judgement_make(struct judgement *judgement, const struct judged *judged, enum check_mode mode,
                   struct verdict *verdict);

/* Forgets the reference: the problem changes. */
void judgement_drop(struct judgement *judgement);

#endif
