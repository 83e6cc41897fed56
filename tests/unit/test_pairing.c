/* Pairs: the same thing is never called faster or slower, and what is slower is found in time. */
#include "measure/pairing.h"
#include "samples.h"
#include "support.h"

/* A machine: what a launch takes, times `scale`. */
struct machine {
    uint64_t seed, launches;
    double noise;  /* of each launch */
    double drift;  /* by the end of 1000 launches */
    bool bursts;   /* of a disturbance that lasts for some launches: 1.3 to 2.3 times as long */
    bool modes;    /* half of the time, 20 launches on average: 1.9 times as long */
    bool outliers; /* 3 % of launches: up to six times as long */
    int burst_left;
    double burst, mode;
};

static double launch(struct machine *m, double scale)
{
    const uint64_t i = m->launches++;
    const double u = uniform(m->seed, 5 * i), v = uniform(m->seed, 5 * i + 1);
    if (m->burst_left == 0 && m->bursts && u < 0.02) {
        m->burst_left = 1 + (int)(v * 30);
        m->burst = 1.3 + uniform(m->seed, 5 * i + 2);
    }
    if (m->mode <= 0 || (m->modes && uniform(m->seed, 5 * i + 3) < 0.05))
        m->mode = m->mode > 1 || !m->modes ? 1 : 1.9;
    const double slow = m->burst_left > 0 ? m->burst : 1;
    m->burst_left -= m->burst_left > 0;
    const double stray =
        m->outliers && uniform(m->seed + 1, i) < 0.03 ? 1 + 5 * uniform(m->seed + 2, i) : 1;
    return 1e-3 * scale * slow * stray * m->mode * (1 + m->drift * (double)i / 1000) *
           exp(m->noise * normal(m->seed + 3, i));
}

static const struct machine machines[] = {
    {.noise = 0.01},
    {.noise = 0.03, .drift = 0.3},
    {.noise = 0.02, .bursts = true},
    {.noise = 0.02, .modes = true},
    {.noise = 0.03, .drift = -0.2, .bursts = true, .outliers = true},
    {.noise = 0.03, .drift = 0.1, .bursts = true, .modes = true, .outliers = true}};

enum { QUADRUPLES = 1000, SESSION = 100 };

static void duel(struct pairing *p, double *logs, struct machine machine, uint64_t seed,
                 double scale, int limit)
{
    machine.seed = 1000003 * seed + 17;
    pairing_start(p, UNIT_QUADRUPLE, 0.01, logs);
    pairing_session(p);
    for (int q = 0; q < limit && !p->done; ++q) {
        if (q && (q % SESSION == 0 || pairing_wants_session(p)))
            pairing_session(p);
        const bool b_first = q % 2;
        double times[4];
        for (int i = 0; i < 4; ++i)
            times[i] = launch(&machine, (i == 1 || i == 2) != b_first ? scale : 1);
        pairing_add(p, pairing_log_ratio(times, b_first));
    }
    pairing_end(p);
}

/* In every state of the machine. */
static void a_thing_against_itself_is_never_faster(void **state)
{
    (void)state;
    enum { ROUNDS = 1000 };
    double logs[PAIRING_UNITS_MAX];
    int all = 0;
    for (size_t m = 0; m < COUNT(machines); ++m) {
        int false_calls = 0, missed = 0, same = 0;
        for (int round = 0; round < ROUNDS; ++round) {
            struct pairing p;
            duel(&p, logs, machines[m], (uint64_t)round, 1, 300);
            false_calls += p.verdict == COMPARISON_SLOWER || p.verdict == COMPARISON_FASTER;
            missed += p.low > 1 || p.high < 1;
            same += p.verdict == COMPARISON_SAME;
        }
        all += false_calls;
        if (false_calls > ROUNDS / 200)
            fail_msg("machine %zu: %d false calls in %d", m, false_calls, ROUNDS);
        if (missed > ROUNDS / 200) /* of the interval, at its last look */
            fail_msg("machine %zu: %d of %d intervals miss the truth", m, missed, ROUNDS);
        if (same < ROUNDS / 2 && machines[m].noise < 0.03)
            fail_msg("machine %zu: only %d of %d are the same", m, same, ROUNDS);
    }
    assert_true(all <= (int)COUNT(machines) * ROUNDS / 1000);
}

static void what_is_slower_is_found(void **state)
{
    (void)state;
    enum { ROUNDS = 200 };
    double logs[PAIRING_UNITS_MAX];
    static const struct {
        double scale;
        int limit, least; /* quadruples; of 100, found */
    } cases[] = {{1.05, 400, 95},
                 {1 / 1.05, 400, 95},
                 {1.02, QUADRUPLES, 80},
                 {1.2, 120, 95},
                 {1.9, 60, 99}};
    for (size_t m = 0; m < COUNT(machines); ++m)
        for (size_t c = 0; c < COUNT(cases); ++c) {
            const enum comparison_verdict want =
                cases[c].scale > 1 ? COMPARISON_SLOWER : COMPARISON_FASTER;
            int found = 0;
            for (int round = 0; round < ROUNDS; ++round) {
                struct pairing p;
                duel(&p, logs, machines[m], (uint64_t)round, cases[c].scale, cases[c].limit);
                found += p.verdict == want && p.low <= p.ratio && p.ratio <= p.high;
            }
            if (100 * found < cases[c].least * ROUNDS)
                fail_msg("machine %zu, %g times as long: found in %d of %d", m, cases[c].scale,
                         found, ROUNDS);
        }
}

/* Processes differ by what their memory's place does, 2 % here, for as long as they live. */
static void sessions_are_the_unit_between_processes(void **state)
{
    (void)state;
    enum { ROUNDS = 2000, SESSIONS = 20 };
    static const double scales[] = {1, 1.1};
    for (int s = 0; s < 2; ++s) {
        int false_calls = 0, found = 0;
        for (int round = 0; round < ROUNDS; ++round) {
            double logs[PAIRING_UNITS_MAX];
            struct pairing p;
            pairing_start(&p, UNIT_SESSION, 0.01, logs);
            for (int i = 0; i < SESSIONS && !p.done; ++i)
                pairing_add(&p, log(scales[s]) + 0.02 * normal((uint64_t)(round + 7), (uint64_t)i));
            pairing_end(&p);
            assert_true(p.done && p.count >= 5);
            false_calls +=
                p.verdict == COMPARISON_FASTER || (s == 0 && p.verdict == COMPARISON_SLOWER);
            found += p.verdict == COMPARISON_SLOWER;
        }
        assert_true(false_calls <= ROUNDS / 200);
        if (s == 1 && found < ROUNDS * 95 / 100)
            fail_msg("10 %% slower: found in %d of %d", found, ROUNDS);
    }
}

static void ratios_of_four(void **state)
{
    (void)state;
    const double fair[] = {1, 2, 2, 1}, drifting[] = {1, 2 * 1.1, 2 * 1.21, 1.331};
    const double reversed[] = {2, 1, 1, 2}, bad[] = {1, 0, 1, 1}, unknown[] = {1, 1, NAN, 1};
    assert_true(near(pairing_log_ratio(fair, false), log(2), 1e-12));
    assert_true(near(pairing_log_ratio(drifting, false), log(2), 1e-12)); /* by 10 % a launch */
    assert_true(near(pairing_log_ratio(reversed, true), log(2), 1e-12));
    assert_true(isnan(pairing_log_ratio(bad, false)) && isnan(pairing_log_ratio(unknown, true)));
}

static void few_units_decide_nothing(void **state)
{
    (void)state;
    double logs[PAIRING_UNITS_MAX];
    struct pairing p;
    pairing_start(&p, UNIT_QUADRUPLE, 0.01, logs);
    pairing_end(&p);
    assert_true(p.done && p.verdict == COMPARISON_UNCLEAR && isnan(p.ratio));
    pairing_start(&p, UNIT_QUADRUPLE, 0.01, logs);
    pairing_session(&p);
    for (int i = 0; i < 11; ++i)
        assert_false(pairing_add(&p, log(3)));
    assert_int_equal(p.looks, 0);
    assert_false(pairing_add(&p, NAN) || pairing_wants_session(&p));
    assert_false(pairing_add(&p, log(3))); /* 2^-11 < 0.001 / 2, but it is one session */
    assert_int_equal(p.verdict, COMPARISON_SLOWER);
    assert_true(pairing_wants_session(&p));
    struct pairing early = p;
    pairing_end(&early);
    assert_int_equal(early.verdict, COMPARISON_UNCLEAR);
    for (int session = 1; session < 3; ++session) {
        pairing_session(&p);
        for (int i = 0; i < 12; ++i) {
            assert_false(p.done || pairing_wants_session(&p));
            pairing_add(&p, log(3));
        }
    }
    assert_true(p.done && p.sessions == 3);
    assert_int_equal(p.verdict, COMPARISON_SLOWER);
    assert_true(near(p.ratio, 3, 1e-12) && near(p.low, 3, 1e-12) && near(p.high, 3, 1e-12));
    pairing_start(&p, UNIT_QUADRUPLE, 0.01, logs);
    for (int i = 0; i < 8; ++i)
        pairing_add(&p, 0);
    pairing_end(&p); /* an estimate without an interval */
    assert_int_equal(p.verdict, COMPARISON_UNCLEAR);
    assert_true(near(p.ratio, 1, 1e-12) && p.low <= 0 && isinf(p.high));
    pairing_start(&p, UNIT_SESSION, 0.01, logs);
    for (int i = 0; i < 4; ++i)
        assert_false(pairing_add(&p, 0.5 + 0.001 * i));
    assert_true(pairing_add(&p, 0.5));
    assert_int_equal(p.verdict, COMPARISON_SLOWER);
}

/* Student's t of 4 degrees of freedom at 1 - 0.001 / 2: 10.306 (the table's 99.95 % two-sided). */
static void the_interval_of_sessions_is_students(void **state)
{
    (void)state;
    static const double values[] = {-0.02, -0.01, 0, 0.01, 0.02};
    double logs[PAIRING_UNITS_MAX];
    struct pairing p;
    pairing_start(&p, UNIT_SESSION, 0.01, logs);
    for (int i = 0; i < 5; ++i)
        pairing_add(&p, values[i]);
    assert_int_equal(p.looks, 1);
    assert_true(near(log(p.high), 10.306 * sqrt(0.00025 / 5), 1e-3));
    assert_true(near(p.low * p.high, 1, 1e-12));
}

static void neighbours_that_are_alike_are_joined(void **state)
{
    (void)state;
    double logs[PAIRING_UNITS_MAX];
    struct pairing p;
    pairing_start(&p, UNIT_QUADRUPLE, 0.0001, logs);
    for (int i = 0; i < 400; ++i)
        pairing_add(&p, 0.02 * sin(0.5 * i) + 0.002 * normal(1, (uint64_t)i));
    pairing_end(&p);
    assert_true(p.block > 1);
}

/* A machine whose states, a session each, slow the sides differently: the range holds all of them.
 */
static void sessions_that_disagree_widen_the_range(void **state)
{
    (void)state;
    static const struct {
        double ratios[2];
        enum comparison_verdict want;
    } cases[] = {{{0.85, 0.69}, COMPARISON_FASTER},
                 {{1.05, 0.96}, COMPARISON_UNCLEAR},
                 {{1.3, 1.05}, COMPARISON_SLOWER},
                 {{1.001, 1}, COMPARISON_SAME}};
    for (size_t c = 0; c < COUNT(cases); ++c) {
        double logs[PAIRING_UNITS_MAX];
        struct pairing p;
        pairing_start(&p, UNIT_QUADRUPLE, 0.01, logs);
        for (int session = 0; session < 6 && !p.done; ++session) {
            pairing_session(&p);
            for (int i = 0; i < 60 && !p.done; ++i)
                pairing_add(&p, log(cases[c].ratios[session % 2]) +
                                    0.005 * normal(c, (uint64_t)(100 * session + i)));
        }
        pairing_end(&p);
        if (p.verdict != cases[c].want)
            fail_msg("case %zu: %s, %g to %g", c, comparison_verdict_name(p.verdict), p.low,
                     p.high);
        if (cases[c].want != COMPARISON_SAME)
            assert_true(p.disagree && p.low < cases[c].ratios[1] * 1.01 &&
                        cases[c].ratios[0] * 0.99 < p.high);
    }
}

static void means_of_problems(void **state)
{
    (void)state;
    struct pairing a = {.ratio = 2, .low = 2 / 1.1, .high = 2 * 1.1}, b = a, none = {.ratio = NAN};
    b.ratio = 0.5, b.low = 0.5 / 1.1, b.high = 0.5 * 1.1;
    const struct pairing *both[] = {&a, &none, &b};
    struct pairing_mean mean = pairing_mean(both, 3);
    assert_int_equal(mean.count, 2);
    assert_true(near(mean.ratio, 1, 1e-12));
    assert_true(near(log(mean.high), log(1.1) / sqrt(2), 1e-9) &&
                near(mean.low * mean.high, 1, 1e-12));
    a.low = 0;
    mean = pairing_mean(both, 3);
    assert_true(near(mean.ratio, 1, 1e-12) && mean.low <= 0 && isinf(mean.high));
    mean = pairing_mean(both + 1, 1);
    assert_true(mean.count == 0 && isnan(mean.ratio));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thing_against_itself_is_never_faster),
        cmocka_unit_test(what_is_slower_is_found),
        cmocka_unit_test(sessions_are_the_unit_between_processes),
        cmocka_unit_test(ratios_of_four),
        cmocka_unit_test(few_units_decide_nothing),
        cmocka_unit_test(the_interval_of_sessions_is_students),
        cmocka_unit_test(neighbours_that_are_alike_are_joined),
        cmocka_unit_test(sessions_that_disagree_widen_the_range),
        cmocka_unit_test(means_of_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
