#include "measure/stats.h"
#include "verify/inputs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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

static double uniform(uint64_t seed, uint64_t counter)
{
    return ((double)(inputs_hash(seed, counter) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t seed, uint64_t counter)
{
    const double pi = 3.14159265358979323846;
    return sqrt(-2 * log(uniform(seed, 2 * counter))) *
           cos(2 * pi * uniform(seed, 2 * counter + 1));
}

static void test_ci_coverage(void **state)
{
    (void)state;
    static const int sizes[] = {6, 10, 30, 100};
    enum { TRIALS = 2000 };
    for (int exponential = 0; exponential < 2; exponential++) {
        const double median = exponential ? log(2) : 0;
        for (int s = 0; s < LENGTH(sizes); s++) {
            int covered = 0;
            for (uint64_t trial = 0; trial < TRIALS; trial++) {
                double samples[100];
                for (int i = 0; i < sizes[s]; i++)
                    samples[i] = exponential ? -log(uniform(trial, (uint64_t)i))
                                             : normal(trial, (uint64_t)i);
                struct stats stats;
                stats_compute(samples, sizes[s], &stats);
                covered += stats.ci95_low <= median && median <= stats.ci95_high;
            }
            /* At least 94 %, and not the trivial 100 %. */
            if (covered < TRIALS * 94 / 100 || covered > TRIALS * 99 / 100)
                fail_msg("exponential=%d n=%d: %d of %d", exponential, sizes[s], covered, TRIALS);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),   cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_few_samples), cmocka_unit_test(test_ci_ranks),
        cmocka_unit_test(test_ci_coverage),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
