/* The cost model: what it predicts before and after it has seen times, and pilot problems. */
#include "support.h"

#include "worker/estimate.h"

static const struct suite suite = {.measure = {10, 0.5, 15, 0.01, false}};
static const struct variant alpha = {.name = "alpha", .pass_count = 1};
static const struct variant beta = {.name = "beta", .pass_count = 3};
static const struct device_info devices[] = {
    {.id = "gpu-0", .type = "gpu", .compute_units = 10, .launch_us = 100},
    {.id = "cpu-0", .type = "cpu", .compute_units = 2, .launch_us = 0},
};

/* alpha and beta on both devices at n = 64 and n = 128. */
struct fixture {
    struct cell cells[8];
    struct plan plan;
    struct estimate *estimate;
};

static void set_up(struct fixture *f)
{
    int count = 0;
    *f = (struct fixture){0};
    for (int d = 0; d < 2; ++d)
        for (int n = 64; n <= 128; n *= 2)
            for (int v = 0; v < 2; ++v) {
                struct cell *cell = &f->cells[count++];
                cell->problem = problem_default();
                cell->problem.n_q = cell->problem.n_kv = n;
                cell->problem.d_k = cell->problem.d_v = 64;
                cell->variant = v ? &beta : &alpha;
                cell->device = d;
                cell->suite = &suite;
                cell->flops = problem_flops(&cell->problem);
            }
    f->plan = (struct plan){.cells = f->cells, .count = 8, .devices = devices, .device_count = 2};
    f->estimate = estimate_new(&f->plan);
}

static double launch(const struct fixture *f, int cell)
{
    return estimate_launch(f->estimate, &f->plan, &f->cells[cell]);
}

static void without_measurements_it_guesses_by_device(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (int c = 0; c < 8; ++c)
        assert_false(estimate_knows(f.estimate, &f.cells[c]));
    /* latency of each pass, then 5 GFLOP/s a GPU unit or 0.5 a CPU unit */
    assert_true(near(launch(&f, 0), 100e-6 + f.cells[0].flops / 50e9, 1e-12));
    assert_true(near(launch(&f, 1), 300e-6 + f.cells[1].flops / 50e9, 1e-12));
    assert_true(near(launch(&f, 4), f.cells[4].flops / 1e9, 1e-12));
    assert_true(launch(&f, 2) > launch(&f, 0));
    estimate_free(f.estimate);
}

static void it_learns_by_device_and_variant(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    estimate_learn(f.estimate, &f.cells[0], &f.cells[0].problem, 1.0001);
    assert_true(estimate_knows(f.estimate, &f.cells[0]));
    assert_true(estimate_knows(f.estimate, &f.cells[2]));  /* the same variant at another size */
    assert_false(estimate_knows(f.estimate, &f.cells[1])); /* another variant */
    assert_false(estimate_knows(f.estimate, &f.cells[4])); /* another device */
    assert_true(near(launch(&f, 0), 1.0001, 1e-9));
    assert_true(near(launch(&f, 2), 4.0001, 1e-9)); /* four times the operations, one latency */
    estimate_free(f.estimate);
}

static void the_largest_problem_counts(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    estimate_learn(f.estimate, &f.cells[6], &f.cells[6].problem, 4.0);
    estimate_learn(f.estimate, &f.cells[4], &f.cells[4].problem, 3.0); /* smaller: ignored */
    assert_true(near(launch(&f, 6), 4.0, 1e-12));
    assert_true(near(launch(&f, 4), 1.0, 1e-12));
    estimate_learn(f.estimate, &f.cells[6], &f.cells[6].problem, 8.0); /* newer of the same size */
    assert_true(near(launch(&f, 6), 8.0, 1e-12));
    estimate_learn(f.estimate, &f.cells[6], &f.cells[6].problem, 0);
    estimate_learn(f.estimate, &f.cells[6], &f.cells[6].problem, -1);
    estimate_learn(f.estimate, &f.cells[6], &f.cells[6].problem, NAN);
    assert_true(near(launch(&f, 6), 8.0, 1e-12)); /* no times: ignored */
    estimate_free(f.estimate);
}

static void a_launch_never_takes_less_than_its_latency(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    estimate_learn(f.estimate, &f.cells[1], &f.cells[1].problem, 1e-6); /* less than the latency */
    assert_true(near(launch(&f, 1), 300e-6, 1e-12));
    assert_true(near(launch(&f, 3), 300e-6, 1e-12));
    estimate_free(f.estimate);
}

/* A cell's samples: (min_samples + 3) launches, at least min_time_s, at most about max_time_s. */
static void a_cell_includes_checks_and_samples(void **state)
{
    (void)state;
    static const struct {
        double launch_s, samples_s;
    } cases[] = {{1e-3, 0.5}, {0.1, 1.3}, {1, 13}, {2, 17}, {100, 115}};
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct fixture f;
        set_up(&f);
        estimate_learn(f.estimate, &f.cells[4], &f.cells[4].problem, cases[i].launch_s);
        const double got = estimate_cell(f.estimate, &f.plan, &f.cells[4]);
        const double want =
            0.1 + f.cells[4].flops / 2e9 + 2 * cases[i].launch_s + cases[i].samples_s;
        if (!near(got, want, 1e-12))
            fail_msg("launches of %g s: %g s, not %g s", cases[i].launch_s, got, want);
        estimate_free(f.estimate);
    }
}

static const struct {
    const char *problem;
    double flops;
    int64_t n_q, n_kv;
} pilots[] = {
    /* small enough already */
    {"{\"n\":64,\"d_k\":64}", 1e9, 64, 64},
    {"{\"n\":4096,\"d_k\":64,\"heads\":8}", 5e8, 256, 256},
    {"{\"n\":4097,\"d_k\":64}", 1e8, 513, 513},
    /* decoding: only the keys shrink, and not below 64 */
    {"{\"n_q\":1,\"n_kv\":1048576,\"d_k\":128,\"heads\":64}", 1e8, 1, 2048},
    {"{\"n_q\":1,\"n_kv\":1048576,\"d_k\":128,\"heads\":64}", 1, 1, 64},
    {"{\"n_q\":1048576,\"n_kv\":64,\"d_k\":128,\"heads\":64}", 1, 1, 64},
    {"{\"n_q\":1048576,\"n_kv\":1,\"d_k\":128,\"heads\":64}", 1e6, 16, 1},
    /* the batch is dropped first */
    {"{\"n\":64,\"d_k\":64,\"batch\":1000}", 1e9, 64, 64},
    {"{\"n\":64,\"d_k\":64,\"batch\":2,\"kv_lengths\":[5,64]}", 1e9, 64, 64},
};

static void pilots_are_small_problems_of_the_same_build(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pilots); ++i) {
        struct arena arena = {0};
        const struct problem problem = make_problem(pilots[i].problem, &arena);
        int64_t lengths[2];
        const struct problem pilot = estimate_pilot(&problem, pilots[i].flops, lengths);
        if (pilot.n_q != pilots[i].n_q || pilot.n_kv != pilots[i].n_kv)
            fail_msg("%s: %lld x %lld", pilots[i].problem, (long long)pilot.n_q,
                     (long long)pilot.n_kv);
        assert_int_equal(pilot.batch, 1);
        assert_true(!pilot.kv_lengths == !problem.kv_lengths);
        if (pilot.kv_lengths)
            assert_true(pilot.kv_lengths[-1] == 1 && pilot.kv_lengths[0] == pilot.n_kv);
        assert_true(pilot.d_k == problem.d_k && pilot.d_v == problem.d_v);
        assert_true(pilot.heads_q == problem.heads_q && pilot.mask == problem.mask);
        arena_free(&arena);
    }
}

/* kv_lengths is a macro of the build: dropping it would measure (and build) another kernel. */
static void a_pilot_has_the_build_options_of_its_problem(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct tuning tuning = {0};
    const struct problem problem =
        make_problem("{\"n\":4096,\"d_k\":64,\"mask\":\"causal\",\"softcap\":30,\"batch\":2,\"kv_"
                     "lengths\":[9,4096]}",
                     &arena);
    int64_t lengths[2];
    const struct problem pilot = estimate_pilot(&problem, 1e8, lengths);
    expect_text("options", variant_build_options(&pilot, &tuning, &arena),
                variant_build_options(&problem, &tuning, &arena));
    arena_free(&arena);
}

static void the_first_cell_of_a_program_builds_it(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    const double first = estimate_cell(f.estimate, &f.plan, &f.cells[0]);
    const double second = estimate_cell(f.estimate, &f.plan, &f.cells[2]);
    estimate_learn_build(f.estimate, &f.plan, &f.cells[2], 100); /* n alone differs: not built */
    assert_true(near(estimate_cell(f.estimate, &f.plan, &f.cells[0]), first, 1e-12));
    estimate_learn_build(f.estimate, &f.plan, &f.cells[0], 2);
    estimate_learn_build(f.estimate, &f.plan, &f.cells[0], 4);
    estimate_learn_build(f.estimate, &f.plan, &f.cells[0], -1); /* noise: ignored */
    assert_true(near(estimate_cell(f.estimate, &f.plan, &f.cells[0]), first + 3, 1e-12));
    assert_true(near(estimate_cell(f.estimate, &f.plan, &f.cells[2]), second, 1e-12));
    estimate_free(f.estimate);
}

static void the_rest_goes_on_at_the_pace_so_far(void **state)
{
    (void)state;
    static const struct {
        struct outlook outlook;
        double want_s;
    } cases[] = {
        {{.group_s = 10, .later_s = 50}, 60},                /* nothing is done: as estimated */
        {{.done_s = 27, .spent_s = 57, .later_s = 50}, 100}, /* twice as slow */
        {{.done_s = 27, .spent_s = 57, .group_s = 10, .group_spent_s = 5, .later_s = 50}, 115},
        {{.group_s = 10, .group_spent_s = 15, .later_s = 50}, 50}, /* longer than estimated */
        {{.done_s = 0, .spent_s = 1000, .later_s = 10}, 50},       /* at most 5 times */
        {{.done_s = 1000, .spent_s = 0, .later_s = 10}, 2},
        {{.later_s = 50, .guessed_s = 30}, NAN}, /* most is a guess */
        {{.later_s = 50, .guessed_s = 20}, 50},
        {{.later_s = 50, .has_budget = true, .budget_s = 20}, 20},
        {{.later_s = 50, .has_budget = true, .budget_s = 80}, 50},
        {{.later_s = 50, .has_budget = true, .budget_s = -1}, 0},
        {{.later_s = 50, .guessed_s = 50, .has_budget = true, .budget_s = 20}, 20},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        const double got_s = estimate_rest(&cases[i].outlook);
        if (isnan(cases[i].want_s) ? !isnan(got_s) : !near(got_s, cases[i].want_s, 1e-12))
            fail_msg("case %zu: %g, not %g", i, got_s, cases[i].want_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_measurements_it_guesses_by_device),
        cmocka_unit_test(it_learns_by_device_and_variant),
        cmocka_unit_test(the_largest_problem_counts),
        cmocka_unit_test(a_launch_never_takes_less_than_its_latency),
        cmocka_unit_test(a_cell_includes_checks_and_samples),
        cmocka_unit_test(pilots_are_small_problems_of_the_same_build),
        cmocka_unit_test(a_pilot_has_the_build_options_of_its_problem),
        cmocka_unit_test(the_first_cell_of_a_program_builds_it),
        cmocka_unit_test(the_rest_goes_on_at_the_pace_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
