/* Numbers at the edge of f32: where a right kernel may overflow nothing can be judged, so such a
 * case is refused by name. The limits and their reasons: kernels/README.md. */
#include "store/test_case_files.h"

#include <inttypes.h>
#include <math.h>

/* Of the products that a score sums up, scaled or not. FLT_MAX / log2(e) is 2.4e38. */
static const double score_limit = BIAS_MOST;
/* Of scores beside biases that are limited: they change nothing between those and the others. */
static const double beside_limit = BIAS_MOST / 10;
static const double beside_bias = -0.7 * BIAS_MOST;
/* Of values times keys: a sum that is divided only at its end, and 2^8 too large (fused_vector). */
static const double sum_limit = 1e36;

/* Where row (batch, head, i) of a tensor begins. */
static const float *row_of(const struct problem *p, const float *tensor, int64_t heads, int64_t n,
                           int64_t d, int64_t batch, int64_t head, int64_t i)
{
    return tensor + (p->layout == LAYOUT_BHND ? (batch * heads + head) * n + i
                                              : (batch * n + i) * heads + head) *
                        d;
}

static double largest(const float *values, int64_t count)
{
    double result = 0;
    for (int64_t i = 0; i < count; ++i)
        result = fmax(result, fabs((double)values[i]));
    return result;
}

/* What a kernel multiplies a product or a query with at most, log2(e) aside. */
static double factor(const struct problem *p)
{
    return fmax(1, fabs(problem_scale(p)));
}

static double product_size(const struct test_case *c, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const struct problem *p = &c->problem;
    const float *q = row_of(p, c->inputs.q, p->heads_q, p->n_q, p->d_k, b, h, i);
    const float *k =
        row_of(p, c->inputs.k, p->heads_kv, p->n_kv, p->d_k, b, h / (p->heads_q / p->heads_kv), j);
    double size = 0;
    for (int64_t d = 0; d < p->d_k; ++d)
        size += fabs((double)q[d] * (double)k[d]);
    return size * factor(p);
}

/* Biases below -BIAS_MOST have no weight beside any other, and are not told apart. */
static int check_row_bias(struct test_case *c, int64_t b, int64_t h, int64_t i, struct err *err)
{
    const struct bias_dims dims = problem_bias_dims(&c->problem);
    double most = -INFINITY, least = INFINITY;
    for (int64_t j = 0; j < c->problem.n_kv; ++j)
        if (test_case_sees(c, b, h, i, j)) {
            const double bias = (double)c->bias[bias_index(&dims, b, h, i, j)];
            most = fmax(most, bias);
            least = fmin(least, bias);
        }
    return least < -BIAS_MOST && most < beside_bias && least < most
               ? err_set(err,
                         "%s: the biases of batch %" PRId64 ", head %" PRId64 ", query %" PRId64
                         " go from %g to %g and are all below %g: kernels in f32 cannot tell "
                         "them apart, and nothing can be judged",
                         test_case_path(c, test_case_has(c, "bias.npy") ? "bias.npy" : "mask.npy"),
                         b, h, i, least, most, beside_bias)
               : 0;
}

/* Is any bias to be limited? */
static bool has_low_bias(const struct test_case *c)
{
    const int64_t count = c->bias ? problem_bias_dims(&c->problem).count : 0;
    for (int64_t i = 0; i < count; ++i)
        if ((double)c->bias[i] < -BIAS_MOST && c->bias[i] > -INFINITY)
            return true;
    return false;
}

static void limit_bias(struct test_case *c)
{
    const int64_t count = problem_bias_dims(&c->problem).count;
    for (int64_t i = 0; i < count; ++i)
        if ((double)c->bias[i] < -BIAS_MOST && c->bias[i] > -INFINITY)
            c->bias[i] = (float)-BIAS_MOST;
}

static int check_row(struct test_case *c, int64_t b, int64_t h, int64_t i, bool low_bias,
                     struct err *err)
{
    const double limit = low_bias ? beside_limit : score_limit;
    int64_t first, end;
    problem_visible_keys(&c->problem, b, i, &first, &end);
    for (int64_t j = first; j < end; ++j) {
        const double size = test_case_sees(c, b, h, i, j) ? product_size(c, b, h, i, j) : 0;
        if (!(size <= limit))
            return err_set(err,
                           "%s: batch %" PRId64 ", head %" PRId64 ", query %" PRId64
                           ": its products with key %" PRId64 " of k.npy add up to %.3g; beyond "
                           "%g%s kernels in f32 may overflow, and nothing can be judged",
                           test_case_path(c, "q.npy"), b, h, i, j, size, limit,
                           low_bias ? ", beside a bias below -1e38," : "");
    }
    return low_bias ? check_row_bias(c, b, h, i, err) : 0;
}

static int check_values(struct test_case *c, struct err *err)
{
    const struct problem *p = &c->problem;
    const struct problem_sizes sizes = problem_sizes(p);
    const double v = largest(c->inputs.v, sizes.v), q = largest(c->inputs.q, sizes.q);
    if (v * (double)p->n_kv > sum_limit)
        return err_set(err,
                       "%s: values up to %g; sums over %" PRId64 " keys overflow f32 in "
                       "kernels beyond %g, and nothing can be judged",
                       test_case_path(c, "v.npy"), v, p->n_kv, sum_limit / (double)p->n_kv);
    if (q * factor(p) > score_limit)
        return err_set(err,
                       "%s: values up to %g; beyond %g kernels overflow f32, and nothing can "
                       "be judged",
                       test_case_path(c, "q.npy"), q, score_limit / factor(p));
    return 0;
}

int test_case_edges(struct test_case *c, struct err *err)
{
    const struct problem *p = &c->problem;
    const struct problem_sizes sizes = problem_sizes(p);
    const bool low_bias = has_low_bias(c);
    if (check_values(c, err))
        return -1;
    /* Seldom does one have to look closely. */
    const double bound =
        largest(c->inputs.q, sizes.q) * largest(c->inputs.k, sizes.k) * (double)p->d_k * factor(p);
    if (bound <= score_limit && !low_bias)
        return 0;
    for (int64_t b = 0; b < p->batch; ++b)
        for (int64_t h = 0; h < p->heads_q; ++h)
            for (int64_t i = 0; i < p->n_q; ++i)
                if (check_row(c, b, h, i, low_bias, err))
                    return -1;
    if (low_bias)
        limit_bias(c);
    return 0;
}
