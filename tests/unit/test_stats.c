#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "samples.h"

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("got %.17g, wanted %.17g", got, want);
}

static void test_quantiles(void **state)
{
    (void)state;
    static const double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, one[] = {7};
    static const double ten[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
    static const struct {
        const double *samples;
        int count;
        double p, want;
    } cases[] = {
        {odd, 3, 0.5, 2},    {even, 4, 0.5, 2.5}, {one, 1, 0.5, 7},
        {one, 1, 1, 7},      {ten, 10, 0, 1},     {ten, 10, 1, 10},
        {ten, 10, 0.1, 1.9}, {ten, 10, 0.9, 9.1}, {even, 4, 0.25, 1.75},
    };
    for (int i = 0; i < LENGTH(cases); i++)
        near(stats_quantile(cases[i].samples, cases[i].count, cases[i].p), cases[i].want);
    near(stats_median(even, 4), 2.5);
    assert_true(isnan(stats_median(even, 0)));
}

static void test_all_fields(void **state)
{
    (void)state;
    double samples[] = {10, 12, 11, 9, 8, 13, 7, 14, 6, 500};
    const double before[] = {10, 12, 11, 9, 8, 13, 7, 14, 6, 500};
    struct stats stats;
    stats_compute(samples, 10, &stats);
    assert_int_equal(stats.count, 10);
    near(stats.median, 10.5);
    near(stats.min, 6);
    near(stats.max, 500);
    near(stats.p10, 6.9);
    near(stats.p90, 62.6);
    near(stats.mad, 2.5);
    near(stats.ci95_low, 7); /* ranks 2 and 9 of 10 */
    near(stats.ci95_high, 14);
    near(stats.rel_ci, 3.5 / 10.5);
    assert_int_equal(stats.outliers, 1);
    assert_memory_equal(samples, before, sizeof samples);
}

static void test_few_samples(void **state)
{
    (void)state;
    const double samples[] = {1, 1, 1, 1, 1, 1};
    struct stats stats;
    stats_compute(samples, 0, &stats);
    assert_int_equal(stats.count, 0);
    assert_true(isnan(stats.median) && isnan(stats.mad) && isnan(stats.rel_ci));
    stats_compute(samples, 5, &stats);
    near(stats.median, 1);
    assert_true(isinf(stats.rel_ci) && stats.ci95_low < 0 && isinf(stats.ci95_low));
    stats_compute(samples, 6, &stats);
    near(stats.rel_ci, 0);
    near(stats.ci95_low, 1);
    assert_int_equal(stats.outliers, 0);
}

/* Ranks from tables of the sign test (Conover 1999, table A3): the k-th smallest of n. */
static void test_ci_ranks(void **state)
{
    (void)state;
    static const struct {
        int n, rank;
    } cases[] = {{6, 1},   {8, 1},   {9, 2},    {10, 2},     {12, 3},     {20, 6},
                 {30, 10}, {50, 18}, {100, 40}, {1000, 469}, {1001, 469}, {4000, 1938}};
    double samples[4000];
    for (int i = 0; i < 4000; i++)
        samples[i] = i + 1;
    for (int i = 0; i < LENGTH(cases); i++) {
        struct stats stats;
        stats_compute(samples, cases[i].n, &stats);
        if (lround(stats.ci95_low) != cases[i].rank)
            fail_msg("n=%d: rank %g, wanted %d", cases[i].n, stats.ci95_low, cases[i].rank);
        near(stats.ci95_high, cases[i].n + 1 - cases[i].rank);
    }
}

/* The chance that at least `rank` of n samples lie on each side of the median: what the interval
 * from order statistics covers. */
static double exact_coverage(int n, int rank)
{
    double term = ldexp(1, -n), tail = 0;
    for (int k = 0; k < rank; ++k) {
        tail += term;
        term *= (double)(n - k) / (k + 1);
    }
    return 1 - 2 * tail;
}

/* Whatever the distribution, the interval covers the true median as often as theory says, which is
 * the least that is 95 % or more: 97.9 % of 10 samples, 95.7 % of 30, 96.5 % of 100. */
static void test_ci_coverage(void **state)
{
    (void)state;
    static const struct {
        int n, rank;
    } sizes[] = {{6, 1}, {10, 2}, {30, 10}, {100, 40}};
    enum { TRIALS = 4000 };
    for (int shape = 0; shape < SHAPES; shape++)
        for (int s = 0; s < LENGTH(sizes); s++) {
            int covered = 0;
            for (uint64_t trial = 0; trial < TRIALS; trial++) {
                double samples[100];
                for (int i = 0; i < sizes[s].n; i++)
                    samples[i] = 100 + draw((enum shape)shape, trial, (uint64_t)i);
                struct stats stats;
                stats_compute(samples, sizes[s].n, &stats);
                covered += stats.ci95_low <= 100 && 100 <= stats.ci95_high;
            }
            const double want = exact_coverage(sizes[s].n, sizes[s].rank);
            const double got = (double)covered / TRIALS;
            assert_true(want >= 0.95);
            if (fabs(got - want) > 4 * sqrt(want * (1 - want) / TRIALS))
                fail_msg("shape %d n=%d: covered %g, wanted %g", shape, sizes[s].n, got, want);
        }
}

static void test_outliers_are_flagged(void **state)
{
    (void)state;
    enum { TRIALS = 500, N = 30 };
    int false_alarms = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double samples[N];
        struct stats stats;
        for (int i = 0; i < N; i++)
            samples[i] = 1 + 0.01 * normal(trial, (uint64_t)i);
        stats_compute(samples, N, &stats);
        false_alarms += stats.outliers > 0;
        samples[3] = samples[17] = samples[29] = 1.2;
        stats_compute(samples, N, &stats);
        if (stats.outliers < 3)
            fail_msg("trial %d: %d of 3 outliers", (int)trial, stats.outliers);
        if (!(stats.median < 1.02 && stats.max > 1.1))
            fail_msg("trial %d: an outlier was dropped or moved the median", (int)trial);
    }
    assert_true(false_alarms <= TRIALS / 20); /* of 30 samples: their MAD is uncertain itself */
}

static void test_drift(void **state)
{
    (void)state;
    enum { TRIALS = 500, N = 30 };
    static const double steps[] = {9, 8, 7, 3, 2, 1, 6, 5, 4};
    struct stats stats;
    stats_compute(steps, 9, &stats);
    near(stats.drift, 5.0 / 8);
    stats_compute(steps, 8, &stats);
    assert_true(isnan(stats.drift));
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double still[N], rising[N]; /* 1 % noise; by 15 % from the first sample to the last */
        for (int i = 0; i < N; i++) {
            still[i] = 1 + 0.01 * normal(trial, (uint64_t)i);
            rising[i] = still[i] * (1 + 0.15 * i / (N - 1));
        }
        stats_compute(still, N, &stats);
        if (!(fabs(stats.drift - 1) < 0.03))
            fail_msg("trial %d: drift %g without any", (int)trial, stats.drift);
        stats_compute(rising, N, &stats);
        if (!(stats.drift > 1.06 && stats.drift < 1.15))
            fail_msg("trial %d: drift %g of a slow rise", (int)trial, stats.drift);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),   cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_few_samples), cmocka_unit_test(test_ci_ranks),
        cmocka_unit_test(test_ci_coverage), cmocka_unit_test(test_outliers_are_flagged),
        cmocka_unit_test(test_drift),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
