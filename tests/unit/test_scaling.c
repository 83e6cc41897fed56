#include "measure/scaling.h"
#include "verify/inputs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.12g, wanted %.12g", got, want);
}

static void test_student(void **state)
{
    (void)state;
    static const struct {
        int degrees;
        double want;
    } table[] = {{1, 12.706},   {2, 4.303},    {3, 3.182},      {4, 2.776},  {5, 2.571},
                 {9, 2.262},    {10, 2.228},   {30, 2.042},     {60, 2.000}, {120, 1.980},
                 {1000, 1.962}, {1001, 1.962}, {1000000, 1.960}};
    for (int i = 0; i < LENGTH(table); i++)
        near(student_t975(table[i].degrees), table[i].want, 1e-3);
    for (int degrees = 2; degrees < 1100; degrees++)
        assert_true(student_t975(degrees) < student_t975(degrees - 1));
}

static void test_exact_laws(void **state)
{
    (void)state;
    static const double exponents[] = {-1, 0, 1, 1.5, 2, 3};
    static const double n[] = {4096, 128, 256, 1024, 512};
    for (int e = 0; e < LENGTH(exponents); e++) {
        double y[5];
        for (int i = 0; i < 5; i++)
            y[i] = 3e-9 * pow(n[i], exponents[e]);
        struct power_fit fit;
        assert_int_equal(power_fit(n, y, 5, &fit), 0);
        assert_int_equal(fit.points, 5);
        near(fit.exponent, exponents[e], 1e-12);
        near(fit.exponent_ci95, 0, 1e-10);
        near(fit.coefficient / 3e-9, 1, 1e-10);
        near(fit.r2, 1, 1e-12);
    }
}

/* Worked by hand: ln y = 0, 2, 1 at ln n = 0, 1, 2 has slope 1/2, residuals -1/2, 1, -1/2. */
static void test_hand_computed(void **state)
{
    (void)state;
    const double n[] = {1, exp(1), exp(2)}, y[] = {1, exp(2), exp(1)};
    struct power_fit fit;
    assert_int_equal(power_fit(n, y, 3, &fit), 0);
    near(fit.exponent, 0.5, 1e-12);
    near(fit.coefficient, exp(0.5), 1e-12);
    near(fit.r2, 0.25, 1e-12);
    near(fit.exponent_ci95, 12.7062 * sqrt(1.5 / 2), 1e-3);
    assert_int_equal(power_fit(n, y, 2, &fit), 0);
    near(fit.exponent, 2, 1e-12);
    assert_true(isnan(fit.exponent_ci95));
}

/* 5 % lognormal noise: the interval holds the true exponent in 95 % of 2000 trials. */
static void test_coverage(void **state)
{
    (void)state;
    const double n[] = {128, 256, 512, 1024, 2048, 4096}, pi = 3.14159265358979323846;
    enum { TRIALS = 2000 };
    int covered = 0;
    double r2_min = 1;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double y[6];
        for (uint64_t i = 0; i < 6; i++) {
            const double u1 = ((double)(inputs_hash(trial, 2 * i) >> 11) + 0.5) * 0x1p-53;
            const double u2 = (double)(inputs_hash(trial, 2 * i + 1) >> 11) * 0x1p-53;
            y[i] = 1e-9 * n[i] * n[i] * exp(0.05 * sqrt(-2 * log(u1)) * cos(2 * pi * u2));
        }
        struct power_fit fit;
        assert_int_equal(power_fit(n, y, 6, &fit), 0);
        covered += fabs(fit.exponent - 2) <= fit.exponent_ci95;
        r2_min = fmin(r2_min, fit.r2);
    }
    assert_in_range(covered, TRIALS * 935 / 1000, TRIALS * 965 / 1000);
    assert_true(r2_min > 0.98 && r2_min < 1);
}

static void test_degenerate(void **state)
{
    (void)state;
    static const struct {
        double n[3], y[3];
        int points;
    } cases[] = {
        {{0}, {0}, 0},
        {{1}, {1}, 1},
        {{3, 3, 3}, {1, 2, 3}, 3},
        {{1, 2, 3}, {1, 0, 1}, 3},
        {{1, 2, 3}, {1, -1, 1}, 3},
        {{1, 2, 0}, {1, 1, 1}, 3},
        {{1, 2, 3}, {1, NAN, 1}, 3},
        {{1, 2, INFINITY}, {1, 1, 1}, 3},
        {{1, 2, 3}, {1, 1, INFINITY}, 3},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        struct power_fit fit = {.points = -7};
        assert_int_equal(power_fit(cases[i].n, cases[i].y, cases[i].points, &fit), -1);
        assert_int_equal(fit.points, -7);
    }
}

static void test_launch_bound(void **state)
{
    (void)state;
    assert_true(is_launch_bound(49e-6, 10e-6, 1));
    assert_false(is_launch_bound(51e-6, 10e-6, 1));
    assert_true(is_launch_bound(149e-6, 10e-6, 3));
    assert_false(is_launch_bound(151e-6, 10e-6, 3));
    assert_false(is_launch_bound(1e-9, 0, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_student),       cmocka_unit_test(test_exact_laws),
        cmocka_unit_test(test_hand_computed), cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_degenerate),    cmocka_unit_test(test_launch_bound),
    };
    return cmocka_run_group_tests_name("scaling", tests, NULL, NULL);
}
