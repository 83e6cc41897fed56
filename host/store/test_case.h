/* A case: tensors of the user's, to check the variants against (attnbench verify).
 *
 * A folder with case.json (problem keys as in a suite, rtol, atol, empty_rows, comment) and q.npy,
 * k.npy, v.npy: [batch, heads, n, d], or [batch, n, heads, d] with "layout": "bnhd"; with 3
 * dimensions there is no batch, or batch and heads are one, when case.json says how many heads.
 * bf16 is V2 (ml_dtypes) or u2. Optionally:
 *
 *   bias.npy            floats, added to the scores
 *   mask.npy            floats likewise; of booleans, u1, i1 and other integers of 0 and 1, what is
 *                       not 0 lets a query see a key
 *                       both broadcast to [batch, heads_q, n_q, n_kv] by NumPy's rule, or are
 *                       [batch, n_kv], [batch, n_q, n_kv] or [batch x heads_q, n_q, n_kv]
 *   kv_lengths.npy      integers [batch], or booleans [batch, n_kv], true for keys that count
 *   sinks.npy           floats [heads_q]; -infinity takes nothing
 *   expect.npy, expect_weights.npy   in it, "empty_rows" says what rows without a key hold: "zero"
 *                       (as here), or "mean", that of the values of all keys
 *
 * -infinity and the lowest value of its type in a bias or mask hide a key; what is not looked at
 * (padding, keys that no query sees) may hold anything. Of other operations: x.npy [batch, n,
 * d_model], y.npy where there is a second sequence, and each weight by the name that operation.c
 * gives it. What the shapes say need not stand in case.json; what stands there must agree, and so
 * must its keys with each other. A file that is not understood is refused.
 */
#ifndef ATTNBENCH_STORE_TEST_CASE_H
#define ATTNBENCH_STORE_TEST_CASE_H

#include "problem/problem.h"
#include "verify/reference.h"

struct test_case {
    const char *folder;
    struct problem problem;
    struct attention_inputs inputs; /* rounded to the dtype */
    int rank;                       /* dimensions that q, k and v were given with: 4 or 3 */
    float *bias;                    /* what inputs.bias points to */
    bool empty_mean;      /* expectations of rows without a key hold the mean of the values */
    const double *expect; /* as the output's layout; NULL: not given */
    const double *expect_weights; /* [batch, heads_q, n_q, n_kv]; NULL: not given */
    double rtol, atol;
    bool tolerance_given; /* by case.json: they decide; otherwise the verdict's scales do */
    struct arena arena;
};

int test_case_load(struct test_case *test_case, const char *folder, struct err *err);
void test_case_free(struct test_case *test_case);
/* Is a file of this name in a case's folder one of its inputs, or like one? */
bool test_case_reads(const char *name);

/* |got - want| <= atol + rtol |want| for all `count` values (np.isclose); nothing is close to NaN
 * or infinity, which attention cannot give. */
struct closeness {
    bool close;
    int64_t far;                     /* how many are not */
    int64_t worst;                   /* index of the one that is furthest over */
    double max_abs_err, max_rel_err; /* |got - want|, and that over |want| where it is not 0 */
};
struct closeness test_case_compare(const struct test_case *test_case, const float *got,
                                   const double *want, int64_t count);

#endif
