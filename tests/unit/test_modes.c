/* Two groups of times are seen as two, and one group as one. */
#include "measure/modes.h"
#include "samples.h"
#include "support.h"

enum { N_MAX = 100 };

/* One mode of each kind that times have; median about 1. */
static double one_mode(int kind, uint64_t seed, uint64_t i)
{
    const double z = normal(seed, 3 * i), u = uniform(~seed, i), v = uniform(seed + 1, ~i);
    switch (kind) {
    case 0:
        return 1 + 0.02 * z;
    case 1:
        return fmax(1 + 0.2 * z, 0.05);
    case 2:
        return exp(0.3 * z);
    case 3:
        return exp(0.8 * z);
    case 4:
        return 1 - 0.1 * log(u); /* a least time, and what comes on top */
    case 5:
        return 0.2 - log(u);
    case 6:
        return 1 + u;
    case 7:
        return fmax(1 + 0.05 * draw(SHAPE_HEAVY, seed, i), 0.05);
    default:
        return (1 + 0.03 * z) * (u < 0.05 ? 1.2 + 5 * v : 1); /* outliers */
    }
}
enum { KINDS = 9 };

static const int counts[] = {8, 9, 10, 12, 15, 20, 25, 30, 50, 100};

static void one_mode_is_one(void **state)
{
    (void)state;
    enum { ROUNDS = 3000 };
    int all = 0;
    for (int kind = 0; kind < KINDS; ++kind)
        for (size_t c = 0; c < COUNT(counts); ++c) {
            int found = 0;
            for (int round = 0; round < ROUNDS; ++round) {
                double samples[N_MAX];
                struct modes modes;
                for (int i = 0; i < counts[c]; ++i)
                    samples[i] = one_mode(kind, (uint64_t)(round * 1000 + kind), (uint64_t)i);
                modes_find(samples, counts[c], &modes);
                found += modes.two;
            }
            all += found;
            if (found > ROUNDS / 100 + 18) /* 1 %, and what chance adds to it: 3.3 deviations */
                fail_msg("kind %d: two modes in %d of %d rows of %d", kind, found, ROUNDS,
                         counts[c]);
        }
    assert_true(all <= KINDS * (int)COUNT(counts) * ROUNDS / 200); /* 0.5 % of them together */
}

static void modes_apart_are_two(void **state)
{
    (void)state;
    enum { ROUNDS = 500 };
    static const struct {
        double ratio, spread, share;
        int count, least; /* of 1000 rows, found */
    } cases[] = {{1.9, 0.02, 0.5, 10, 995},  {1.9, 0.03, 0.35, 10, 990}, {1.9, 0.03, 0.3, 20, 995},
                 {1.3, 0.01, 0.5, 10, 980},  {1.3, 0.01, 0.4, 12, 990},  {1.3, 0.02, 0.4, 20, 985},
                 {1.3, 0.02, 0.25, 30, 990}, {1.3, 0.02, 0.75, 30, 990}, {1.3, 0.03, 0.4, 50, 990},
                 {1.3, 0.03, 0.5, 100, 990}, {1.3, 0.04, 0.5, 100, 950}};
    for (size_t c = 0; c < COUNT(cases); ++c) {
        int found = 0;
        for (int round = 0; round < ROUNDS; ++round) {
            double samples[N_MAX];
            struct modes modes;
            const int slow = (int)(cases[c].share * cases[c].count + 0.5);
            for (int i = 0; i < cases[c].count; ++i)
                samples[i] = 1e-3 * (i % cases[c].count < slow ? cases[c].ratio : 1) *
                             (1 + cases[c].spread * normal((uint64_t)round, (uint64_t)i));
            modes_find(samples, cases[c].count, &modes);
            found += modes.two && fabs(modes.share - (double)slow / cases[c].count) < 0.05 &&
                     near(modes.fast_s, 1e-3, 3 * cases[c].spread) &&
                     near(modes.slow_s, 1e-3 * cases[c].ratio, 3 * cases[c].spread);
        }
        if (found * 1000 < cases[c].least * ROUNDS)
            fail_msg("ratio %g, spread %g, share %g: found in %d of %d rows of %d", cases[c].ratio,
                     cases[c].spread, cases[c].share, found, ROUNDS, cases[c].count);
    }
}

/* Samples of 1 and some others. */
static bool two(int count, const double *others, int other_count)
{
    double samples[N_MAX] = {0};
    struct modes modes;
    for (int i = 0; i < count; ++i)
        samples[i] = i < other_count ? others[i] : 1 + 1e-4 * (i % 7);
    modes_find(samples, count, &modes);
    assert_true(modes.two == isfinite(modes.share));
    assert_true(modes.two == isfinite(modes.fast_s) && modes.two == isfinite(modes.slow_s));
    return modes.two;
}

static void strays_are_no_mode(void **state)
{
    (void)state;
    static const double twos[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, spread[] = {1.5, 2.2, 3.7, 9};
    static const double zero[] = {0, 0, 0, 0}, unknown[] = {NAN, 2, 2, 2},
                        near_by[] = {1.1, 1.1, 1.1, 1.1};
    assert_true(two(20, twos, 4));
    assert_false(two(20, twos, 3)); /* less than a fifth */
    assert_false(two(50, twos, 9));
    assert_true(two(50, twos, 10));
    assert_false(two(8, twos, 2));
    assert_true(two(8, twos, 3));
    assert_false(two(20, spread, 4)); /* far away, but not together */
    assert_false(two(5, twos, 2));
    assert_false(two(8, zero, 4));
    assert_false(two(8, unknown, 4));
    assert_false(two(8, near_by, 4)); /* a tick of a timer of ten */
    assert_false(two(0, NULL, 0));
}

/* One sample between two modes of 30 does not join them. */
static void a_stray_between_is_passed_over(void **state)
{
    (void)state;
    double samples[31];
    struct modes modes;
    for (int i = 0; i < 30; ++i)
        samples[i] = (i % 2 ? 1.9 : 1) * (1 + 0.001 * (i % 5));
    samples[30] = 1.4;
    modes_find(samples, 31, &modes);
    assert_true(modes.two);
    assert_true(near(modes.share, 0.5, 0.05));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mode_is_one),
        cmocka_unit_test(modes_apart_are_two),
        cmocka_unit_test(strays_are_no_mode),
        cmocka_unit_test(a_stray_between_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
