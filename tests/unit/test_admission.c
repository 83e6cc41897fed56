/* What a budget has room for: all cells where their least fits, then as many as do. */
#include "support.h"

#include "worker/admission.h"

#include <math.h>

static void what_is_over_is_shared_out(void **state)
{
    (void)state;
    double leasts[] = {1, 2, 3};
    const double wholes[] = {2, 5, 8};
    assert_true(admission_share(leasts, wholes, 3, 6).fraction == 0);
    assert_true(admission_share(leasts, wholes, 3, 10.5).fraction == 0.5);
    assert_true(admission_share(leasts, wholes, 3, 15).fraction == 1);
    assert_true(admission_share(leasts, wholes, 3, 1e9).fraction == 1);
    assert_true(isinf(admission_share(leasts, wholes, 3, 6).dearest_s));
}

static void the_dearest_are_left_out(void **state)
{
    (void)state;
    double leasts[] = {9, 1, 2, 3};
    const double wholes[] = {9, 1, 2, 3};
    const struct admission share = admission_share(leasts, wholes, 4, 7);
    assert_true(share.fraction == 0);
    assert_true(share.dearest_s == 3);
}

static void a_budget_too_short_for_any_has_room_for_none(void **state)
{
    (void)state;
    double leasts[] = {2, 1};
    const double wholes[] = {2, 1};
    assert_true(admission_share(leasts, wholes, 2, 0.5).dearest_s == 0);
    assert_true(admission_share(leasts, wholes, 2, -3).dearest_s == 0);
    assert_true(admission_share(leasts, wholes, 0, 1).fraction == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_is_shared_out),
        cmocka_unit_test(the_dearest_are_left_out),
        cmocka_unit_test(a_budget_too_short_for_any_has_room_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
