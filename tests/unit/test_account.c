/* Where the wall time went: steps become activities, the rest is other. */
#include "support.h"

#include "worker/account.h"

static void steps_are_activities(void **state)
{
    (void)state;
    static const struct {
        const char *step;
        enum activity activity;
    } cases[] = {{"enumerate", ACTIVITY_START}, {"open", ACTIVITY_START},
                 {"release", ACTIVITY_START},   {"problem", ACTIVITY_INPUTS},
                 {"case", ACTIVITY_INPUTS},     {"prepare", ACTIVITY_BUILD},
                 {"peak", ACTIVITY_PEAKS},      {"launch", ACTIVITY_CHECK},
                 {"read", ACTIVITY_CHECK},      {"judge", ACTIVITY_CHECK}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct account account = {0};
        account_step(&account, cases[i].step, 2);
        account_step(&account, cases[i].step, 1);
        for (int a = 0; a < ACTIVITIES; ++a)
            assert_true(account.spent_s[a] == (a == (int)cases[i].activity ? 3 : 0));
    }
}

static void the_rest_is_other(void **state)
{
    (void)state;
    struct account account = {0};
    account_step(&account, "measure", 5); /* its samples are accounted for, not the step */
    account_add(&account, ACTIVITY_MEASURE, 3);
    account_add(&account, ACTIVITY_WARMUP, 1);
    account_step(&account, "prepare", 2);
    account_close(&account, 10);
    assert_true(account.spent_s[ACTIVITY_OTHER] == 4);
    double sum = 0;
    for (int a = 0; a < ACTIVITIES; ++a)
        sum += account.spent_s[a];
    assert_true(sum == 10);
    account_close(&account, 12); /* again, later */
    assert_true(account.spent_s[ACTIVITY_OTHER] == 6);
    account_close(&account, 1); /* clocks differ: never negative */
    assert_true(account.spent_s[ACTIVITY_OTHER] == 0);
}

static void nobody_asks(void **state)
{
    (void)state;
    account_add(NULL, ACTIVITY_MEASURE, 1);
    account_step(NULL, "open", 1);
}

static void names_are_the_fields(void **state)
{
    (void)state;
    static const char *const names[] = {"measure", "check", "warmup", "build",
                                        "inputs",  "peaks", "start",  "other"};
    assert_int_equal(COUNT(names), ACTIVITIES);
    for (int a = 0; a < ACTIVITIES; ++a)
        assert_string_equal(activity_name((enum activity)a), names[a]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_activities),
        cmocka_unit_test(the_rest_is_other),
        cmocka_unit_test(nobody_asks),
        cmocka_unit_test(names_are_the_fields),
    };
    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
