/* What runs differ by, as a threshold: no alarm where nothing changed, found where something did.
 */
#include "measure/spread.h"
#include "samples.h"
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void runs_by_hand(void **state)
{
    (void)state;
    static const double same[] = {2, 2, 2}, apart[] = {1, 1.1, 1.2};
    struct spread spread = {0};
    assert_true(spread_threshold(&spread, same, 3) == 0.0); /* nothing is known */
    spread_add(&spread, same, 1);
    assert_int_equal(spread.freedom, 0);
    spread_add(&spread, same, 3);
    assert_true(spread_threshold(&spread, same, 3) < 1e-12);
    spread_add(&spread, apart, 3);
    assert_int_equal(spread.freedom, 4);
    /* Student's t of 4.604, the cell's own deviation of 0.0912, a run beside three. */
    const double want = exp(4.604 * 0.091292 * sqrt(4.0 / 3)) - 1;
    assert_true(fabs(spread_threshold(&spread, apart, 3) - want) < 1e-3);
    /* A quiet cell of a noisy run has what all of them have. */
    assert_true(spread_threshold(&spread, same, 3) > 0.2);
}

/* K runs of a program that never changed, on a machine whose runs differ by 10 %: a further run is
 * beyond the threshold in 1 % of cells at most, and 1.9 times as long always is. */
static void an_unchanged_program_is_no_regression(void **state)
{
    (void)state;
    enum { CELLS = 20, ROUNDS = 100, RUNS_MAX = 5 };
    for (int runs = 2; runs <= RUNS_MAX; ++runs) {
        int alarms = 0, found = 0;
        for (int round = 0; round < ROUNDS; ++round) {
            double medians[CELLS][RUNS_MAX], next[CELLS];
            struct spread spread = {0};
            for (int c = 0; c < CELLS; ++c) {
                double samples[RUNS_MAX + 1];
                for (int r = 0; r <= runs; ++r)
                    samples[r] = exp(
                        0.1 * normal((uint64_t)(runs * 100000 + round * CELLS + c), (uint64_t)r));
                for (int r = 0; r < runs; ++r)
                    medians[c][r] = samples[r];
                next[c] = samples[runs];
                spread_add(&spread, medians[c], runs);
            }
            for (int c = 0; c < CELLS; ++c) {
                double middle = 0;
                for (int r = 0; r < runs; ++r)
                    middle += log(medians[c][r]) / runs;
                const double limit = log(1 + spread_threshold(&spread, medians[c], runs));
                alarms += fabs(log(next[c]) - middle) > limit;
                found += log(2.5 * next[c]) - middle > limit;
            }
        }
        if (alarms > CELLS * ROUNDS / 100)
            fail_msg("%d runs: %d alarms of %d", runs, alarms, CELLS * ROUNDS);
        if (found < CELLS * ROUNDS * 95 / 100)
            fail_msg("%d runs: %d found of %d", runs, found, CELLS * ROUNDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_by_hand),
        cmocka_unit_test(an_unchanged_program_is_no_regression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
