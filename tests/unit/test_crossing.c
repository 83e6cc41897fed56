/* Crossings of curves of which the answer is known. */
#include "measure/crossing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { POINTS = 5 };
static const double lengths[POINTS] = {128, 256, 512, 1024, 2048};

/* 3e-9 n^2 against 3e-9 `at` n: equal at n = `at`. */
static struct crossing cross_at(double at)
{
    double squares[POINTS], lines[POINTS];
    for (int i = 0; i < POINTS; ++i) {
        squares[i] = 3e-9 * lengths[i] * lengths[i];
        lines[i] = 3e-9 * at * lengths[i];
    }
    const struct power_term square = {squares[POINTS - 1], 2};
    return crossing_find(lengths, squares, lines, POINTS, &square, 1, 1);
}

static void power_laws_cross_where_they_do(void **state)
{
    (void)state;
    for (double at = 130; at < 2048; at += 37) {
        const struct crossing crossing = cross_at(at);
        assert_int_equal(crossing.kind, CROSSING_WITHIN);
        assert_true(fabs(crossing.n - at) <= 1e-9 * at);
    }
    for (double at = 2100; at < 2e6; at *= 3) {
        const struct crossing crossing = cross_at(at);
        assert_int_equal(crossing.kind, CROSSING_BEYOND);
        assert_true(fabs(crossing.n - at) <= 1e-9 * at);
    }
}

/* n^2 + 100 n against 100 n + `at` n: what grows with n alone cancels out. */
static void a_sum_crosses_where_it_does(void **state)
{
    (void)state;
    for (double at = 2100; at < 1e6; at *= 3) {
        double sums[POINTS], lines[POINTS];
        for (int i = 0; i < POINTS; ++i) {
            sums[i] = lengths[i] * lengths[i] + 100 * lengths[i];
            lines[i] = (100 + at) * lengths[i];
        }
        const double last = lengths[POINTS - 1];
        const struct power_term terms[] = {{last * last, 2}, {100 * last, 1}};
        const struct crossing crossing = crossing_find(lengths, sums, lines, POINTS, terms, 2, 1);
        assert_int_equal(crossing.kind, CROSSING_BEYOND);
        assert_true(fabs(crossing.n - at) <= 1e-9 * at);
    }
}

static void no_crossing_is_none(void **state)
{
    (void)state;
    assert_int_equal(cross_at(100).kind, CROSSING_BEFORE);
    assert_true(isnan(cross_at(100).n));
    assert_int_equal(cross_at(1e9).kind, CROSSING_NONE); /* too far to be a prediction */
    const double low[POINTS] = {1, 2, 4, 8, 16}, high[POINTS] = {2, 4, 8, 16, 32};
    static const struct {
        struct power_term first;
        double second;
    } never[] = {{{16, 1}, 1}, {{16, 1}, 1.1}, {{16, NAN}, 1}, {{16, 2}, NAN}, {{NAN, 2}, 1}};
    for (size_t i = 0; i < sizeof never / sizeof *never; ++i)
        assert_int_equal(
            crossing_find(lengths, low, high, POINTS, &never[i].first, 1, never[i].second).kind,
            CROSSING_NONE);
    assert_int_equal(crossing_find(lengths, low, high, 0, NULL, 0, 1).kind, CROSSING_NONE);
}

static void the_last_of_several_crossings_counts(void **state)
{
    (void)state;
    const double line[POINTS] = {1, 1, 1, 1, 1}, noisy[POINTS] = {0.5, 2, 0.5, 2, 4};
    const struct crossing crossing = crossing_find(lengths, noisy, line, POINTS, NULL, 0, 0);
    assert_int_equal(crossing.kind, CROSSING_WITHIN);
    assert_true(fabs(crossing.n - sqrt(512 * 1024.0)) <= 1e-9);
    const double equal[1] = {1}; /* equal at the last point: it crosses there, as far as is known */
    const struct power_term square = {1, 2};
    const struct crossing at_end = crossing_find(lengths, equal, equal, 1, &square, 1, 1);
    assert_int_equal(at_end.kind, CROSSING_BEYOND);
    assert_true(fabs(at_end.n - 128) <= 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_laws_cross_where_they_do),
        cmocka_unit_test(a_sum_crosses_where_it_does),
        cmocka_unit_test(no_crossing_is_none),
        cmocka_unit_test(the_last_of_several_crossings_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
