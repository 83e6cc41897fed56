#include "measure/sampling.h"
#include "verify/inputs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct measure_rule RULE = {
    .min_samples = 10, .min_time_s = 0.5, .max_time_s = 15, .target_rel_ci = 0.01};
static double samples_s[SAMPLES_MAX];

/* The time of launch number `launch`. */
typedef double launch_time(int launch);

static struct sampler feed(const struct measure_rule *rule, launch_time *time, int *launches)
{
    struct sampler sampler;
    sampler_start(&sampler, rule, samples_s);
    for (*launches = 0; !sampler.done && *launches < 100000; ++*launches) {
        const double time_s = time(*launches);
        const int kept = sampler.count;
        const bool said_kept = sampler_add(&sampler, time_s, time_s);
        assert_int_equal(said_kept, sampler.count > kept);
    }
    assert_true(sampler.done);
    assert_int_equal(sampler.count + sampler.warmup, *launches);
    return sampler;
}

static double steady(int launch)
{
    return launch % 2 ? 0.01 : 0.010001;
}

static double noisy(int launch)
{
    return 0.02 + 0.08 * (double)(inputs_hash(1, (uint64_t)launch) >> 40) * 0x1p-24;
}

static double slow_20_s(int launch)
{
    (void)launch;
    return 20;
}

static double slow_8_s(int launch)
{
    (void)launch;
    return 8;
}

static double fast_then_slow(int launch)
{
    return launch == 0 ? 1 : 10;
}

static double slow_4_s(int launch)
{
    (void)launch;
    return 4;
}

static double warms_up(int launch)
{
    return launch < 7 ? 0.1 - 0.012 * launch : 0.02;
}

static double never_agrees(int launch)
{
    return launch % 2 ? 0.5 : 0.6;
}

static double tiny(int launch)
{
    return launch % 2 ? 1e-5 : 1.00001e-5;
}

static double tiny_noisy(int launch)
{
    return noisy(launch) * 1e-3;
}

static void test_cases(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        launch_time *time;
        int warmup, count; /* count -1: whatever it comes to */
        bool stable;
    } cases[] = {
        {"steady: until min_time", steady, 3, 50, true},
        {"noisy: until max_time", noisy, -1, -1, false},
        {"longer than max_time: one sample, no warm-up", slow_20_s, 0, 1, false},
        {"no second fits into max_time: kept", slow_8_s, 0, 2, false},
        {"the same after a fast one", fast_then_slow, 1, 2, false},
        {"a fifth of max_time: one launch of warm-up", slow_4_s, 1, 4, false},
        {"drift: 10 launches until three agree", warms_up, 10, 25, true},
        {"never three alike: a fifth of max_time", never_agrees, 6, 28, false},
        {"fast and steady: SAMPLES_MAX before min_time", tiny, 3, SAMPLES_MAX, true},
        {"fast and noisy: SAMPLES_MAX", tiny_noisy, -1, SAMPLES_MAX, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int launches;
        const struct sampler sampler = feed(&RULE, cases[i].time, &launches);
        if ((cases[i].warmup >= 0 && sampler.warmup != cases[i].warmup) ||
            (cases[i].count >= 0 && sampler.count != cases[i].count) ||
            sampler.stable != cases[i].stable)
            fail_msg("%s: warmup %d, count %d, stable %d", cases[i].name, sampler.warmup,
                     sampler.count, sampler.stable);
        /* Never much over the limit, and what is kept are the last launches, in order. */
        assert_true(sampler.total_s < RULE.max_time_s + cases[i].time(launches - 1) + 1e-9);
        assert_true(sampler.warmup_s <= RULE.max_time_s / 5 + cases[i].time(0) + 1e-9);
        for (int k = 0; k < sampler.count; k++)
            assert_true(samples_s[k] == cases[i].time(sampler.warmup + k));
    }
}

/* The target ends sampling, not only the time: noise of +-60 % needs many samples, yet not all. */
static void test_target(void **state)
{
    (void)state;
    struct measure_rule rule = RULE;
    rule.target_rel_ci = 0.15;
    rule.min_time_s = 0;
    int launches;
    const struct sampler sampler = feed(&rule, noisy, &launches);
    assert_true(sampler.stable);
    assert_in_range(sampler.count, rule.min_samples + 1, 200);

    rule.target_rel_ci = 100;
    assert_int_equal(feed(&rule, noisy, &launches).count, rule.min_samples);

    /* Below 6 samples nothing is known, so nothing is stable. */
    rule = (struct measure_rule){.min_samples = 1, .max_time_s = 15, .target_rel_ci = 0.5};
    assert_int_equal(feed(&rule, steady, &launches).count, 6);
}

/* The limits are about host time, the samples are device time. */
static void test_two_clocks(void **state)
{
    (void)state;
    struct sampler sampler;
    sampler_start(&sampler, &RULE, samples_s);
    int launches = 0;
    while (!sampler.done) { /* the host's times jump, the device's do not: stable */
        sampler_add(&sampler, launches % 2 ? 0.2 : 0.1, 0.001);
        launches++;
    }
    assert_true(sampler.stable);
    assert_int_equal(sampler.warmup, 3);
    assert_int_equal(sampler.count, 10);
    assert_true(fabs(sampler.total_s - 1.5) < 1e-9);
    assert_true(samples_s[9] == 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_two_clocks),
    };
    return cmocka_run_group_tests_name("sampling", tests, NULL, NULL);
}
