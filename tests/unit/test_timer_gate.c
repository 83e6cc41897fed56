/* The timer gate: honest events pass, each lie is refused with its own reason. */
#include "support.h"

#include "measure/timer_gate.h"

/* Times in nanoseconds; the host's in seconds; a tick of 1 ns unless said otherwise. */
static const struct {
    const char *what;
    int count;
    struct event_times events[3];
    double host_s, tick_ns;
    const char *reason; /* NULL: believed */
} cases[] = {
    {"one honest event", 1, {{100, 200, 300, 1300}}, 2e-6, 1, NULL},
    {"equal times up to the start", 1, {{100, 100, 100, 1100}}, 1e-6, 1, NULL},
    {"three passes in order",
     3,
     {{0, 1, 1000, 2000}, {0, 1, 2000, 3000}, {0, 1, 3500, 5000}},
     5e-6,
     1,
     NULL},
    {"passes that overlap", 2, {{0, 1, 10, 2000}, {0, 1, 10, 3000}}, 5e-6, 1, NULL},
    {"far from zero",
     1,
     {{UINT64_MAX - 9000, UINT64_MAX - 8000, UINT64_MAX - 7000, UINT64_MAX}},
     1e-3,
     1,
     NULL},
    {"no events", 0, {{0, 0, 0, 0}}, 1, 1, "no events"},
    {"submit before queued",
     1,
     {{200, 100, 300, 1300}},
     1,
     1,
     "event 0: submitted before queued (200 ns, 100 ns)"},
    {"start before submit",
     1,
     {{100, 300, 200, 1300}},
     1,
     1,
     "event 0: started before submitted (300 ns, 200 ns)"},
    {"end before start",
     1,
     {{100, 200, 1300, 300}},
     1,
     1,
     "event 0: ended before started (1300 ns, 300 ns)"},
    {"an end of zero",
     1,
     {{100, 200, 300, 0}},
     1,
     1,
     "event 0: ended before started (300 ns, 0 ns)"},
    {"the last event lies",
     3,
     {{0, 1, 2, 1000}, {0, 1, 1000, 2000}, {0, 1, 2000, 1999}},
     1,
     1,
     "event 2: ended before started (2000 ns, 1999 ns)"},
    {"passes out of order",
     2,
     {{0, 1, 2000, 3000}, {0, 1, 1000, 4000}},
     1,
     1,
     "event 1: started before its predecessor (2000 ns, 1000 ns)"},
    {"a kernel of 7.4e10 s",
     1,
     {{0, 0, 0, UINT64_C(7400000000000000000)}},
     0.001,
     1,
     "the device reports 7.4e+09 s, but the host waited only 0.001 s"},
    {"a clock 20 times too fast",
     1,
     {{0, 0, 0, 200000000}},
     0.01,
     1,
     "the device reports 0.2 s, but the host waited only 0.01 s"},
    {"just within 5 % and 20 us", 1, {{0, 0, 0, 1069000}}, 0.001, 1, NULL},
    {"just outside",
     1,
     {{0, 0, 0, 1071000}},
     0.001,
     1,
     "the device reports 0.00107 s, but the host waited only 0.001 s"},
    {"the host's time is NaN",
     1,
     {{0, 0, 0, 1000}},
     NAN,
     1,
     "the device reports 1e-06 s, but the host waited only nan s"},
    {"ten ticks", 1, {{0, 0, 0, 1000}}, 1, 100, NULL},
    {"nine ticks",
     1,
     {{0, 0, 0, 900}},
     1,
     100,
     "9e-07 s are fewer than 10 ticks of the device's timer (100 ns)"},
    {"nothing at all",
     1,
     {{5, 5, 5, 5}},
     1,
     1,
     "0 s are fewer than 10 ticks of the device's timer (1 ns)"},
    {"a tick of NaN",
     1,
     {{0, 0, 0, 1000}},
     1,
     NAN,
     "1e-06 s are fewer than 10 ticks of the device's timer (nan ns)"},
};

static void each_lie_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); ++i) {
        char reason[TIMER_GATE_REASON] = "stale";
        const bool believed =
            timer_gate(cases[i].events, cases[i].count, cases[i].host_s, cases[i].tick_ns, reason);
        if (believed != !cases[i].reason)
            fail_msg("%s: %s, reason \"%s\"", cases[i].what, believed ? "believed" : "refused",
                     reason);
        expect_text(cases[i].what, reason, cases[i].reason ? cases[i].reason : "");
    }
}

/* The queue is in order: what ends after the last event has ended makes the span too short. */
static void a_pass_that_outlives_its_successor_is_refused(void **state)
{
    (void)state;
    const struct event_times events[] = {{0, 1, 10, 90000000}, {0, 1, 20, 3000}};
    char reason[TIMER_GATE_REASON] = "";
    assert_false(timer_gate(events, 2, 0.1, 1, reason));
    assert_true(*reason);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct {
    const char *what;
    struct row_clocks clocks;
    const char *reason; /* NULL: believed */
} rows[] = {
    {"an honest row", {1e-3, 1e-3, 40e-6, 20e-6, 1, 0.1, 0.099}, NULL},
    {"a kernel that is all launching", {1e-6, 1e-6, 90e-6, 20e-6, 1, 0.1, 0.1}, NULL},
    {"three passes that are all launching", {1e-6, 1e-6, 290e-6, 20e-6, 3, 0.1, 0.1}, NULL},
    {"nothing is known but the times", {1e-3, 1e-3, 1, NAN, 1, NAN, NAN}, NULL},
    {"a span too short to tell", {1e-3, 1e-3, 0, 20e-6, 1, 4.9e-3, 0}, NULL},
    {"clocks that drift apart by less than 2", {1e-3, 1e-3, 0, 20e-6, 1, 0.1, 0.051}, NULL},
    {"microseconds instead of nanoseconds",
     {1e-6, 1e-6, 30e-6, 20e-6, 1, 0.1, 1e-4},
     "the device's clock went 0.0001 s while the host's went 0.1 s"},
    {"a clock 20 times too slow, for a small kernel",
     {5e-7, 5e-7, 30e-6, 20e-6, 1, 0.1, 0.005},
     "the device's clock went 0.005 s while the host's went 0.1 s"},
    {"a clock that stands",
     {1e-4, 1e-4, 0, 20e-6, 1, 0.1, 0},
     "the device's clock went 0 s while the host's went 0.1 s"},
    {"a clock that runs backwards",
     {1e-4, 1e-4, 0, 20e-6, 1, 0.1, -0.1},
     "the device's clock went -0.1 s while the host's went 0.1 s"},
    {"a clock that runs away",
     {1e-4, 1e-4, 0, 20e-6, 1, 0.1, 0.21},
     "the device's clock went 0.21 s while the host's went 0.1 s"},
    {"passes with gaps like their own time", {1e-3, 5.1e-4, 0, 20e-6, 3, 0.1, 0.1}, NULL},
    {"small passes with gaps", {200e-6, 3e-6, 0, 20e-6, 3, 0.1, 0.1}, NULL},
    {"passes that are too short for their launch",
     {1e-3, 5e-5, 0, 20e-6, 3, 0.1, 0.1},
     "the passes take 5e-05 s together, but 0.001 s from the first's start to the last's end"},
    {"20 times too short",
     {1e-3, 1e-3, 19e-3, 20e-6, 1, 0.1, 0.1},
     "the device reports 0.001 s, but the host waited 0.019 s longer each time, and an empty "
     "kernel "
     "takes 2e-05 s"},
    {"three passes, 20 times too short",
     {1e-5, 1e-5, 320e-6, 20e-6, 3, 0.1, 0.1},
     "the device reports 1e-05 s, but the host waited 0.00032 s longer each time, and an empty "
     "kernel takes 2e-05 s"},
};

static void lies_that_only_a_row_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); ++i) {
        char reason[TIMER_GATE_REASON] = "stale";
        const bool believed = timer_gate_row(&rows[i].clocks, reason);
        expect_text(rows[i].what, reason, rows[i].reason ? rows[i].reason : "");
        assert_int_equal(believed, !rows[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lie_is_refused),
        cmocka_unit_test(a_pass_that_outlives_its_successor_is_refused),
        cmocka_unit_test(lies_that_only_a_row_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
