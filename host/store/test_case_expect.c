/* What a case expects, and how close an output is to it. */
#include "store/test_case_files.h"

#include <math.h>

/* ---- rows that see no key -------------------------------------------------------------------- */

/* Here they are 0. Where the expectation has another value by its convention, 0 takes the place of
 * it, and of what differs from it the difference: what is right compares as right. */
static double shifted(const struct test_case *c, double expected, double convention)
{
    const double err = expected - convention;
    return fabs(err) <= c->atol + c->rtol * fabs(convention) ? 0 : err;
}

static double mean_value(const struct test_case *c, int64_t batch, int64_t head, int64_t column)
{
    const struct problem *p = &c->problem;
    const int64_t keys = p->kv_lengths ? p->kv_lengths[batch] : p->n_kv;
    const int64_t kv_head = head / (p->heads_q / p->heads_kv);
    double sum = 0;
    for (int64_t j = 0; j < keys; ++j) {
        const int64_t row = p->layout == LAYOUT_BHND
                                ? (batch * p->heads_kv + kv_head) * p->n_kv + j
                                : (batch * p->n_kv + j) * p->heads_kv + kv_head;
        sum += (double)c->inputs.v[row * p->d_v + column];
    }
    return keys ? sum / (double)keys : 0;
}

static void take_means(struct test_case *c, double *expect, double *weights)
{
    const struct problem *p = &c->problem;
    for (int64_t r = 0; r < p->batch * p->heads_q * p->n_q; ++r) {
        const int64_t i = r % p->n_q, bh = r / p->n_q, b = bh / p->heads_q, h = bh % p->heads_q;
        const int64_t keys = p->kv_lengths ? p->kv_lengths[b] : p->n_kv;
        if (test_case_sees_any(c, b, h, i))
            continue;
        for (int64_t d = 0; expect && d < p->d_v; ++d) {
            double *o = expect + row_offset(p, r, p->d_v) + d;
            *o = shifted(c, *o, mean_value(c, b, h, d));
        }
        for (int64_t j = 0; weights && j < keys; ++j)
            weights[r * p->n_kv + j] = shifted(c, weights[r * p->n_kv + j], 1 / (double)keys);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* [batch, heads_q, n_q, columns] in a file of the rank that q.npy has, or of 4. */
static int read_rows(struct test_case *c, const char *file, int64_t columns, bool bnhd,
                     const char *meaning, double **out, struct err *err)
{
    const struct problem *p = &c->problem;
    const int64_t four[4] = {p->batch, bnhd ? p->n_q : p->heads_q, bnhd ? p->heads_q : p->n_q,
                             columns};
    const int64_t three[3] = {bnhd ? p->n_q : p->batch * p->heads_q, bnhd ? p->heads_q : p->n_q,
                              columns};
    struct npy npy;
    if (!test_case_has(c, file))
        return 0;
    if (test_case_read_floats(c, file, &npy, err))
        return -1;
    const bool merged = c->rank == 3 && npy.rank == 3;
    if (test_case_need_shape(c, file, &npy, merged ? 3 : 4, merged ? three : four, meaning, err))
        return -1;
    *out = npy.values;
    return 0;
}

/* Weights of keys behind the lengths are not looked at: they are 0. */
static void drop_padding(const struct problem *p, double *weights)
{
    for (int64_t i = 0; i < problem_scores(p); ++i)
        if (i % p->n_kv >= p->kv_lengths[i / (p->heads_q * p->n_q * p->n_kv)])
            weights[i] = 0;
}

int test_case_expectations(struct test_case *c, struct err *err)
{
    const struct problem *p = &c->problem;
    double *expect = NULL, *weights = NULL;
    struct npy npy;
    if (p->op != OP_ATTENTION) {
        const int64_t shape[] = {p->batch, p->n_q, p->d_model};
        if (!test_case_has(c, "expect.npy"))
            return 0;
        if (test_case_read_floats(c, "expect.npy", &npy, err) ||
            test_case_need_shape(c, "expect.npy", &npy, 3, shape, "as the output", err))
            return -1;
        c->expect = npy.values;
        return 0;
    }
    if (read_rows(c, "expect.npy", p->d_v, p->layout == LAYOUT_BNHD, "as the output", &expect,
                  err) ||
        read_rows(c, "expect_weights.npy", p->n_kv, false, "(batch, heads_q, n_q, n_kv)", &weights,
                  err))
        return -1;
    if (c->empty_mean)
        take_means(c, expect, weights);
    if (weights && p->kv_lengths)
        drop_padding(p, weights);
    c->expect = expect;
    c->expect_weights = weights;
    return 0;
}

struct closeness test_case_compare(const struct test_case *test_case, const float *got,
                                   const double *want, int64_t count)
{
    struct closeness result = {.close = true};
    double furthest = -1;
    for (int64_t i = 0; i < count; ++i) {
        const double err = fabs((double)got[i] - want[i]);
        const double limit = test_case->atol + test_case->rtol * fabs(want[i]);
        const bool close =
            err <= limit && isfinite(limit); /* NaN is not, nor anything to infinity */
        const double over = close ? err - limit : isnan(err) ? INFINITY : err;
        result.far += !close;
        result.max_abs_err = isnan(err) ? INFINITY : fmax(result.max_abs_err, err);
        if (want[i] != 0 && !isnan(err))
            result.max_rel_err = fmax(result.max_rel_err, err / fabs(want[i]));
        if (over > furthest) {
            furthest = over;
            result.worst = i;
        }
    }
    result.close = result.far == 0;
    return result;
}
