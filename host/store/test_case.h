/* A case: tensors of the user's, to check the variants against (attnbench verify).
 *
 * A folder with case.json (problem keys as in a suite, and rtol, atol) and q.npy, k.npy, v.npy;
 * optionally bias.npy (float), mask.npy (bool, true lets a query see a key), sinks.npy [heads_q],
 * kv_lengths.npy [batch], expect.npy and expect_weights.npy. Tensors are [batch, heads, n, d], or
 * [batch, n, heads, d] with "layout": "bnhd"; bias and mask broadcast to [batch, heads, n_q, n_kv]
 * by NumPy's rule. Of other operations: x.npy [batch, n, d_model], y.npy where there is a second
 * sequence, and each weight by the name that operation.c gives it. What the shapes say need not
 * stand in case.json; what stands there must agree.
 */
#ifndef ATTNBENCH_STORE_TEST_CASE_H
#define ATTNBENCH_STORE_TEST_CASE_H

#include "problem/problem.h"
#include "verify/reference.h"

struct test_case {
    const char *folder;
    struct problem problem;
    struct attention_inputs inputs; /* rounded to the dtype */
    const double *expect;           /* as the output's layout; NULL: not given */
    const double *expect_weights;   /* [batch, heads_q, n_q, n_kv]; NULL: not given */
    double rtol, atol;
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
