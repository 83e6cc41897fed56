/* The plan: order, one cell a problem, groups, filters, what is skipped and why, the plan's id. */
#include "support.h"

#include "problem/plan.h"
#include "util/text.h"

/* ---- a plan's ingredients -------------------------------------------------------------------- */

static const char suite_text[] =
    "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"s\",\"defaults\":{\"d_k\":4},\n"
    "\"sweeps\":[{\"name\":\"n\",\"axes\":{\"n\":[16,8]},\"variants\":[\"beta\",\"alpha\"]},\n"
    "{\"name\":\"batch\",\"axes\":{\"batch\":[1,2],\"n\":[8]},\"variants\":[\"gamma\"]}]}";

struct fixture {
    struct arena arena;
    struct suite suites[2];
    struct variant
        variants[3]; /* alpha; beta: causal only is fine with none, with scratch; gamma: f16 only */
    struct device_info devices[2];
    struct plan_request request;
};

static struct variant load_variant(const char *name, const char *supports, const char *scratch,
                                   struct arena *arena)
{
    struct variant variant;
    struct err err = {""};
    const char *text =
        arena_print(arena,
                    "{\"name\":\"%s\",\"supports\":%s,\"tune\":{\"WG\":[64,16]},\"scratch\":%s,"
                    "\"passes\":[{\"kernel\":\"k\",\"groups\":[1,1,1],\"local\":"
                    "[\"WG\",1,1]}]}",
                    name, supports, scratch);
    if (variant_load(&variant, "f", name, text, strlen(text), arena, &err))
        fail_msg("%s", err.message);
    variant.program_sha = arena_print(arena, "sha of %s", name);
    return variant;
}

static struct device_info make_device(const char *id, const char *type)
{
    return (struct device_info){.id = id,
                                .index = "0:0",
                                .platform = "p",
                                .name = "name",
                                .vendor = "v",
                                .driver = "1.0",
                                .opencl_c = "c",
                                .type = type,
                                .extensions = "",
                                .compute_units = 4,
                                .global_bytes = 1 << 30,
                                .local_bytes = 65536,
                                .max_alloc_bytes = 1 << 28,
                                .max_work_group = 1024,
                                .max_work_item = {1024, 1024, 64}};
}

static void load_suite(struct fixture *f, int index, const char *text)
{
    struct err err = {""};
    if (suite_load(&f->suites[index], "s.json", text, strlen(text), &f->arena, &err))
        fail_msg("%s", err.message);
    f->request.suites = f->suites;
    f->request.suite_count = index + 1;
}

static void set_up(struct fixture *f, const char *text)
{
    *f = (struct fixture){0};
    load_suite(f, 0, text);
    f->variants[0] = load_variant("alpha", "{\"mask\":[\"none\",\"causal\"]}", "{}", &f->arena);
    f->variants[1] = load_variant(
        "beta", "{}", "{\"scores\":[\"batch\",\"heads_q\",\"n_q\",\"n_kv\"]}", &f->arena);
    f->variants[2] = load_variant("gamma", "{\"dtype\":[\"f16\"]}", "{}", &f->arena);
    f->devices[0] = make_device("gpu-0", "gpu");
    f->devices[1] = make_device("cpu-0", "cpu");
    f->request.variants = f->variants;
    f->request.variant_count = 3;
    f->request.devices = f->devices;
    f->request.device_count = 1;
}

static void tear_down(struct fixture *f)
{
    for (int s = 0; s < f->request.suite_count; ++s)
        suite_free(&f->suites[s]);
    for (int v = 0; v < 3; ++v)
        variant_free(&f->variants[v]);
    arena_free(&f->arena);
}

static void build(struct plan *plan, const struct fixture *f)
{
    struct err err = {""};
    if (plan_build(plan, &f->request, &err))
        fail_msg("%s", err.message);
}

/* "n_q/batch variant device group fate sweeps" of each cell, one a line. */
static const char *show(const struct plan *plan, struct arena *arena)
{
    static const char *const fates[] = {"run", "unsupported", "skipped"};
    const char *text = "";
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        const char *sweeps = "";
        for (int s = 0; s < cell->sweep_count; ++s)
            sweeps = arena_print(arena, "%s %s", sweeps, cell->sweeps[s]);
        text = arena_print(arena, "%s%d/%d %s %s %d %s%s\n", text, (int)cell->problem.n_q,
                           (int)cell->problem.batch, cell->variant->name,
                           plan->devices[cell->device].id, cell->group, fates[cell->fate], sweeps);
    }
    return text;
}

/* ---- order ----------------------------------------------------------------------------------- */

static void order_dedup_and_groups(void **state)
{
    (void)state;
    struct fixture f;
    struct plan plan;
    set_up(&f, suite_text);
    build(&plan, &f);
    /* n=8 stands in both sweeps: one problem with the variants of both, in alphabetical order */
    expect_text("plan", show(&plan, &f.arena),
                "16/1 alpha gpu-0 0 run s/n\n"
                "16/1 beta gpu-0 0 run s/n\n"
                "8/1 alpha gpu-0 1 run s/n s/batch\n"
                "8/1 beta gpu-0 1 run s/n s/batch\n"
                "8/1 gamma gpu-0 1 unsupported s/n s/batch\n"
                "8/2 gamma gpu-0 2 unsupported s/batch\n");
    assert_string_equal(plan.cells[0].id, "attention(n_q=16,n_kv=16,d_k=4,d_v=4)");
    assert_string_equal(plan.cells[4].reason, "dtype=f32 is not among what it supports: f16");
    assert_null(plan.cells[0].reason);
    assert_int_equal(plan.cells[0].tuning.items[0].value, 64);
    assert_int_equal(plan.cells[4].tuning.count, 0);
    assert_true(near(plan.cells[0].flops, problem_flops(&plan.cells[0].problem), 0));
    assert_true(near(plan.cells[0].bytes, problem_bytes(&plan.cells[0].problem), 0));
    assert_true(plan.cells[1].memory.scratch_bytes == 4 * 16 * 16);
    plan_free(&plan);
    tear_down(&f);
}

static void devices_are_the_outermost_loop(void **state)
{
    (void)state;
    struct fixture f;
    struct plan plan;
    set_up(&f, suite_text);
    f.request.device_count = 2;
    f.request.only_variants = "alpha";
    build(&plan, &f);
    expect_text("plan", show(&plan, &f.arena),
                "16/1 alpha gpu-0 0 run s/n\n"
                "8/1 alpha gpu-0 1 run s/n s/batch\n"
                "8/2 alpha gpu-0 2 run s/batch\n"
                "16/1 alpha cpu-0 3 run s/n\n"
                "8/1 alpha cpu-0 4 run s/n s/batch\n"
                "8/2 alpha cpu-0 5 run s/batch\n");
    plan_free(&plan);
    tear_down(&f);
}

static void two_suites_share_their_problems(void **state)
{
    (void)state;
    struct fixture f;
    struct plan plan;
    set_up(&f, suite_text);
    load_suite(
        &f, 1,
        "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"t\",\"defaults\":{\"d_k\":4},"
        "\"sweeps\":[{\"name\":\"n\",\"axes\":{\"n\":[8,32]}}]}");
    f.request.only_variants = "beta";
    build(&plan, &f);
    expect_text("plan", show(&plan, &f.arena),
                "16/1 beta gpu-0 0 run s/n\n"
                "8/1 beta gpu-0 1 run s/n s/batch t/n\n"
                "8/2 beta gpu-0 2 run s/batch\n"
                "32/1 beta gpu-0 3 run t/n\n");
    assert_string_equal(plan.cells[1].suite->name, "s"); /* the first that asked measures */
    assert_string_equal(plan.cells[3].suite->name, "t");
    plan_free(&plan);
    tear_down(&f);
}

static void many_problems_keep_their_order(void **state)
{
    (void)state;
    struct fixture f;
    struct plan plan;
    set_up(&f,
           "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"s\",\"defaults\":{\"d_k\":4},"
           "\"sweeps\":[{\"name\":\"a\",\"axes\":{\"n\":{\"from\":1,\"to\":3000,\"step\":1}}},"
           "{\"name\":\"b\",\"axes\":{\"n\":{\"from\":1,\"to\":3001,\"step\":1}}}]}");
    f.request.only_variants = "alpha";
    build(&plan, &f);
    assert_int_equal(plan.count, 3001);
    for (int c = 0; c < 3001; ++c) {
        assert_int_equal(plan.cells[c].problem.n_q, c + 1);
        assert_int_equal(plan.cells[c].sweep_count, c < 3000 ? 2 : 1);
        assert_int_equal(plan.cells[c].group, c);
    }
    plan_free(&plan);
    tear_down(&f);
}

/* ---- variants and filter --------------------------------------------------------------------- */

static void only_variants_overrides_the_sweeps(void **state)
{
    (void)state;
    static const struct {
        const char *only, *message; /* NULL: accepted */
        int cells;
    } cases[] = {
        {"alpha", NULL, 3},
        {"gamma,alpha", NULL, 6},
        {"alpha,alpha", NULL, 3},
        {"alpah", "unknown variant \"alpah\"; did you mean \"alpha\"?", 0},
        {"alpha,Beta", "unknown variant \"Beta\"; did you mean \"beta\"?", 0},
        {"xyz", "unknown variant \"xyz\"; there are: alpha, beta, gamma", 0},
        {"alpha,,beta", "unknown variant \"\"; there are: alpha, beta, gamma", 0},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct fixture f;
        struct plan plan;
        struct err err = {""};
        set_up(&f, suite_text);
        f.request.only_variants = cases[i].only;
        assert_int_equal(plan_build(&plan, &f.request, &err), cases[i].message ? -1 : 0);
        expect_text(cases[i].only, err.message, cases[i].message ? cases[i].message : "");
        assert_int_equal(plan.count, cases[i].cells);
        plan_free(&plan);
        tear_down(&f);
    }
}

static void a_suite_that_names_an_unknown_variant_is_at_fault(void **state)
{
    (void)state;
    struct fixture f;
    struct err err = {""};
    set_up(&f, "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"s\",\n"
               "\"sweeps\":[{\"name\":\"n\",\"axes\":{\"n\":[8],\"d_k\":[4]},\n"
               "\"variants\":[\"alpha\",\n\"gama\"]}]}");
    assert_int_equal(plan_check_suites(&f.request, &err), -1);
    assert_string_equal(err.message,
                        "s.json:3: sweeps[0].variants: unknown variant \"gama\"; did you "
                        "mean \"gamma\"?");
    tear_down(&f);
}

static void a_plan_without_cells_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct plan plan;
    struct err err = {""};
    set_up(&f, suite_text);
    f.request.variant_count = 0;
    f.request.only_variants = "";
    assert_int_equal(plan_build(&plan, &f.request, &err), -1);
    assert_true(*err.message);
    tear_down(&f);
}

static const struct {
    const char *filter;
    const char *fates; /* r, u, s for each of the six cells */
    const char *message;
} filters[] = {
    {"n_q=8", "ssrruu", NULL}, /* unsupported stays unsupported */
    {"alpha$", "rsrsuu", NULL},
    {"n_q=(8|16),.* beta", "srsruu", NULL},
    {"^attention\\(n_q=16", "rrssuu", NULL},
    {"nothing", NULL,
     "--filter 'nothing' matches none of the plan's 6 cells; nearest: 'attention("},
    {"(((((((((((((((((a", NULL, "--filter '(((((((((((((((((a': nested more than 16 deep"},
    {"((a{99}){99}){99}", NULL, "--filter '((a{99}){99}){99}': too many of"},
    {"(a)\\1", NULL, "--filter '(a)\\1': \\1: back references are not supported"},
    {"", "rrrruu", NULL},
    {"(", NULL, "--filter '(': "},
    {"[a", NULL, "--filter '[a': "},
};

static void filter_skips_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(filters); ++i) {
        struct fixture f;
        struct plan plan;
        struct err err = {""};
        set_up(&f, suite_text);
        f.request.filter = filters[i].filter;
        const int result = plan_build(&plan, &f.request, &err);
        if (filters[i].message) {
            assert_int_equal(result, -1);
            assert_memory_equal(err.message, filters[i].message, strlen(filters[i].message));
        } else {
            assert_int_equal(result, 0);
            char fates[7] = "";
            for (int c = 0; c < plan.count; ++c) {
                fates[c] = "rus"[plan.cells[c].fate];
                if (plan.cells[c].fate == CELL_SKIPPED)
                    expect_text(
                        filters[i].filter, plan.cells[c].reason,
                        arena_print(&f.arena, "does not match --filter %s", filters[i].filter));
            }
            expect_text(filters[i].filter, fates, filters[i].fates);
            plan_free(&plan);
        }
        tear_down(&f);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* n = 1024, d_k = 64, heads = 16: each tensor 4 MiB, scores 64 MiB, together 80 MiB. */
static const struct {
    const char *type;
    int64_t max_alloc, global, host;
    const char *alpha, *beta; /* NULL: it runs */
} limits[] = {
    {"gpu", 1 << 30, 1 << 30, 1 << 30, NULL, NULL},
    {"gpu", 0, 0, 0, NULL, NULL}, /* unknown limits do not skip */
    {"gpu", 64 << 20, 1 << 30, 1 << 30, NULL, NULL},
    {"gpu", (64 << 20) - 1, 1 << 30, 1 << 30, NULL,
     "needs 64.0 MiB in one buffer, the device allows 64.0 MiB"},
    {"gpu", 3 << 20, 1 << 30, 1 << 30, "needs 4.00 MiB in one buffer, the device allows 3.00 MiB",
     "needs 64.0 MiB in one buffer, the device allows 3.00 MiB"},
    {"gpu", 1 << 30, 89 << 20, 1 << 30, NULL, NULL},
    {"gpu", 1 << 30, 88 << 20, 1 << 30, NULL,
     "needs 80.0 MiB of device memory, 90 % of it are 79.2 MiB"},
    {"gpu", 1 << 30, 1 << 30, 17 << 20,
     "needs 16.0 MiB of the host's memory, 90 % of it are 15.3 MiB",
     "needs 16.0 MiB of the host's memory, 90 % of it are 15.3 MiB"},
    /* a CPU device's memory is the host's */
    {"cpu", 1 << 30, 1 << 30, 64 << 20, NULL,
     "needs 96.0 MiB of the host's memory, 90 % of it are 57.6 MiB"},
    {"cpu", 1 << 30, 1 << 30, 1 << 30, NULL, NULL},
};

static void expect_fate(const struct cell *cell, const char *reason)
{
    assert_int_equal(cell->fate, reason ? CELL_SKIPPED : CELL_RUN);
    expect_text(cell->variant->name, cell->reason ? cell->reason : "", reason ? reason : "");
}

static void what_does_not_fit_is_skipped_with_figures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(limits); ++i) {
        struct fixture f;
        struct plan plan;
        set_up(&f,
               "{\"format\":\"attnbench-suite\",\"version\":1,\"name\":\"s\",\"sweeps\":[{\"name\":"
               "\"n\",\"axes\":{\"n\":[1024],\"heads\":[16],\"d_k\":[64]},\"variants\":[\"alpha\","
               "\"beta\"]}]}");
        f.devices[0].type = limits[i].type;
        f.devices[0].max_alloc_bytes = limits[i].max_alloc;
        f.devices[0].global_bytes = limits[i].global;
        f.request.host_bytes = limits[i].host;
        build(&plan, &f);
        assert_int_equal(plan.count, 2);
        expect_fate(&plan.cells[0], limits[i].alpha);
        expect_fate(&plan.cells[1], limits[i].beta);
        plan_free(&plan);
        tear_down(&f);
    }
}

/* ---- identity -------------------------------------------------------------------------------- */

static void id_with(const struct fixture *f, char id[65])
{
    struct plan plan;
    build(&plan, f);
    assert_int_equal(strlen(plan.id), 64);
    memcpy(id, plan.id, 65);
    plan_free(&plan);
}

static void the_id_is_stable(void **state)
{
    (void)state;
    char a[65], b[65];
    struct fixture f, g;
    set_up(&f, suite_text);
    set_up(&g, suite_text);
    id_with(&f, a);
    id_with(&g, b);
    assert_string_equal(a, b);
    g.devices[0].launch_us = 17; /* a measurement, no identity */
    g.devices[0].id = "gpu-7";   /* another device of this model: another rank's */
    id_with(&g, b);
    assert_string_equal(a, b);
    tear_down(&f);
    tear_down(&g);
}

enum change {
    CHANGE_VARIANTS,
    CHANGE_PROGRAM,
    CHANGE_DRIVER,
    CHANGE_DEVICE,
    CHANGE_FILTER,
    CHANGE_MEMORY,
    CHANGE_TUNING,
    CHANGE_PROBLEM,
    CHANGES
};

static void the_id_tells_plans_apart(void **state)
{
    (void)state;
    char ids[CHANGES + 1][65];
    struct fixture f;
    set_up(&f, suite_text);
    id_with(&f, ids[CHANGES]);
    tear_down(&f);
    for (int change = 0; change < CHANGES; ++change) {
        struct err err = {""};
        set_up(&f, suite_text);
        if (change == CHANGE_VARIANTS)
            f.request.only_variants = "alpha,beta";
        else if (change == CHANGE_PROGRAM)
            f.variants[0].program_sha = "another";
        else if (change == CHANGE_DRIVER)
            f.devices[0].driver = "1.1";
        else if (change == CHANGE_DEVICE)
            f.devices[0].name = "another model";
        else if (change == CHANGE_FILTER)
            f.request.filter = "n_q=8";
        else if (change == CHANGE_MEMORY)
            f.devices[0].max_alloc_bytes = 900;
        else if (change == CHANGE_TUNING)
            f.devices[0].max_work_group = 16;
        else if (suite_set(&f.suites[0], "d_k=8", NULL, &f.arena, &err))
            fail_msg("%s", err.message);
        id_with(&f, ids[change]);
        for (int other = 0; other <= CHANGES; ++other)
            if (other < change || other == CHANGES)
                if (strcmp(ids[change], ids[other]) == 0)
                    fail_msg("changes %d and %d have one id", change, other);
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_dedup_and_groups),
        cmocka_unit_test(devices_are_the_outermost_loop),
        cmocka_unit_test(two_suites_share_their_problems),
        cmocka_unit_test(many_problems_keep_their_order),
        cmocka_unit_test(only_variants_overrides_the_sweeps),
        cmocka_unit_test(a_suite_that_names_an_unknown_variant_is_at_fault),
        cmocka_unit_test(a_plan_without_cells_is_refused),
        cmocka_unit_test(filter_skips_with_a_reason),
        cmocka_unit_test(what_does_not_fit_is_skipped_with_figures),
        cmocka_unit_test(the_id_is_stable),
        cmocka_unit_test(the_id_tells_plans_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
