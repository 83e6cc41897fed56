/* A job: the worker's replies become a row. Samples, clocks, verdicts, malformed replies. */
#include "support.h"

#include "worker/job.h"

static const struct suite suite = {
    .name = "s",
    .measure = {.min_samples = 6, .min_time_s = 0, .max_time_s = 1000, .target_rel_ci = 1}};
static const struct variant variant = {
    .name = "two", .passes = {{.kernel = "first"}, {.kernel = NULL}}, .pass_count = 2};
static const struct device_info device = {.id = "null-0"};
static const char *const sweeps[] = {"s/n", "s/heads"};

struct fixture {
    struct arena arena;
    struct cell cell;
    struct plan plan;
    struct job job;
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){0};
    f->cell.problem =
        make_problem("{\"n\":8,\"heads\":2,\"batch\":3,\"d_k\":4,\"mask\":\"causal\"}", &f->arena);
    f->cell.id = problem_id(&f->cell.problem, &f->arena);
    f->cell.variant = &variant;
    f->cell.suite = &suite;
    f->cell.sweeps = (const char **)(uintptr_t)sweeps;
    f->cell.sweep_count = 2;
    f->cell.tuning = (struct tuning){1, {{"WG", 64}}};
    f->cell.flops = problem_flops(&f->cell.problem);
    f->cell.bytes = problem_bytes(&f->cell.problem);
    f->cell.memory = (struct memory){1000, 200, 30, 1230, 500};
    f->plan = (struct plan){.cells = &f->cell, .count = 1, .devices = &device, .device_count = 1};
    job_start(&f->job, &f->plan, &f->cell, 5, &f->arena);
}

static void tear_down(struct fixture *f)
{
    arena_free(&f->arena);
}

static int feed(struct fixture *f, const char *reply)
{
    cJSON *node = parse(reply);
    const int result = job_samples(&f->job, node, &f->arena);
    cJSON_Delete(node);
    return result;
}

/* A sample costs what emptying the caches before it took, but its time is the launch's alone. */
static void cold_caches_count_against_the_limits(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.job.sampler.rule.cold = true;
    f.job.sampler.rule.max_time_s = 15;
    const char *reply = "{\"evict_s\": 16, \"gate\": \"\", \"samples\": [[0.5, 0.25, 0.125, 0.125],"
                        " [0.5, 0.25, 0.125, 0.125]]}";
    assert_int_equal(feed(&f, reply), 0); /* 8.5 s each: no second one would fit */
    assert_int_equal(f.job.sampler.count, 2);
    assert_true(f.job.sampler.done);
    assert_true(near(f.job.sampler.total_s, 17, 1e-12));
    job_times(&f.job, 0, &f.arena);
    assert_string_equal(f.job.row.time.cache, "cold");
    assert_true(near(f.job.row.time.median_s, 0.25, 1e-12));
    assert_true(near(f.job.row.time.host_median_s, 0.5, 1e-12));
    tear_down(&f);
}

/* Host time, device time (NaN: null) and both passes, for the warm-up and for a sample. */
static void feed_one(struct fixture *f, double host_s, double device_s, double first_s,
                     double second_s, const char *gate)
{
    cJSON *reply = cJSON_CreateObject();
    cJSON *samples = cJSON_AddArrayToObject(reply, "samples"), *sample = cJSON_CreateArray();
    const double values[] = {host_s, device_s, first_s, second_s};
    cJSON_AddItemToArray(samples, sample);
    for (int i = 0; i < 4; ++i)
        cJSON_AddItemToArray(sample,
                             isnan(values[i]) ? cJSON_CreateNull() : cJSON_CreateNumber(values[i]));
    cJSON_AddStringToObject(reply, "gate", gate);
    assert_int_equal(job_samples(&f->job, reply, &f->arena), 0);
    cJSON_Delete(reply);
}

static void warm_up(struct fixture *f)
{
    for (int i = 0; !f->job.sampler.warm; ++i) {
        assert_true(i < 100);
        feed_one(f, 1.5, 1, 0.25, 0.75, "");
    }
    assert_int_equal(f->job.sampler.count, 0);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void a_row_begins_with_what_the_plan_knows(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    const struct row *row = &f.job.row;
    assert_int_equal(f.job.slot, 5);
    assert_string_equal(row->cell, f.cell.id);
    assert_string_equal(row->device, "null-0");
    assert_string_equal(row->variant, "two");
    assert_string_equal(row->phase, "plan");
    assert_int_equal(row->sweeps.count, 2);
    assert_string_equal(row->sweeps.values[1], "s/heads");
    assert_int_equal(row->tuning.items[0].value, 64);
    assert_true(near(row->rates.pairs, 3 * 2 * 36, 0)); /* all heads, all of the batch */
    assert_true(near(row->rates.unmasked_fraction, 36.0 / 64, 1e-15));
    assert_true(near(row->rates.flops, 2.0 * 216 * 8, 0));
    assert_true(near(row->memory.scratch_bytes, 200, 0));
    assert_true(near(row->memory.total_bytes, 1230, 0));
    assert_true(isnan(row->time.median_s) && isnan(row->rates.gflop_s));
    tear_down(&f);
}

static void a_row_of_a_cell_that_will_not_run(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.cell.fate = CELL_UNSUPPORTED;
    f.cell.reason = "no f16";
    struct row row = job_row(&f.plan, &f.cell);
    assert_int_equal(row.status, ROW_UNSUPPORTED);
    assert_string_equal(row.reason, "no f16");
    assert_true(isnan(row.memory.total_bytes)); /* no tuning, so no memory either */
    f.cell.fate = CELL_SKIPPED;
    row = job_row(&f.plan, &f.cell);
    assert_int_equal(row.status, ROW_SKIPPED);
    assert_true(near(row.memory.total_bytes, 1230, 0));
    tear_down(&f);
}

static void an_end_keeps_a_copy_of_its_reason(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    char reason[] = "first";
    job_end(&f.job, ROW_CRASH, "measure", reason, &f.arena);
    reason[0] = 'X';
    assert_true(f.job.finished);
    assert_int_equal(f.job.row.status, ROW_CRASH);
    assert_string_equal(f.job.row.phase, "measure");
    assert_string_equal(f.job.row.reason, "first");
    job_end(&f.job, ROW_OK, "done", NULL, &f.arena);
    assert_null(f.job.row.reason);
    tear_down(&f);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        bool ok;
        double max_abs_err; /* NaN: unknown */
    } cases[] = {
        {"{\"ok\":true,\"reason\":\"\",\"mode\":\"full\",\"rows_checked\":48,\"max_abs_err\":1e-7,"
         "\"max_rel_err\":1e-6,\"nmse\":1e-14,\"tolerance\":1e-5,\"err_over_tolerance\":0.01}",
         true, 1e-7},
        {"{\"ok\":false,\"reason\":\"off\",\"mode\":\"full\",\"rows_checked\":48,\"max_abs_err\":0."
         "5,"
         "\"max_rel_err\":1,\"nmse\":1,\"tolerance\":1e-5,\"err_over_tolerance\":5e4}",
         false, 0.5},
        /* NaN errors come as null; a reply that does not say ok is no ok */
        {"{\"ok\":false,\"reason\":\"off\",\"mode\":\"full\",\"rows_checked\":48,\"max_abs_err\":"
         "null}",
         false, NAN},
        {"{\"reason\":\"off\",\"mode\":\"full\",\"rows_checked\":48,\"max_abs_err\":1}", false, 1},
        {"{\"ok\":1,\"reason\":\"off\",\"mode\":\"full\",\"rows_checked\":48,\"max_abs_err\":1}",
         false, 1},
        {"{\"ok\":\"true\",\"reason\":\"off\",\"mode\":\"full\",\"rows_checked\":48}", false, NAN},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        struct fixture f;
        set_up(&f);
        cJSON *reply = parse(cases[i].reply);
        assert_int_equal(job_judged(&f.job, reply, false, "recheck", &f.arena), cases[i].ok);
        cJSON_Delete(reply); /* nothing may point into it */
        assert_int_equal(f.job.finished, !cases[i].ok);
        assert_string_equal(f.job.row.check.mode, "full");
        assert_int_equal(f.job.row.check.rows_checked, 48);
        const double got = f.job.row.check.max_abs_err;
        assert_true(isnan(cases[i].max_abs_err) ? isnan(got) : near(got, cases[i].max_abs_err, 0));
        if (!cases[i].ok) {
            assert_int_equal(f.job.row.status, ROW_WRONG);
            assert_string_equal(f.job.row.phase, "recheck");
            assert_string_equal(f.job.row.reason, "off");
        }
        tear_down(&f);
    }
}

/* The main inputs give a row its numbers, any inputs the most that a scale used and the keys that
 * are covered; other inputs that are wrong give it theirs. */
static void verdicts_of_other_inputs(void **state)
{
    (void)state;
    static const char *const main_reply =
        "{\"ok\":true,\"reason\":\"\",\"mode\":\"sample\",\"rows_checked\":24,\"rows_unjudged\":2,"
        "\"max_abs_err\":1e-7,\"nmse\":1e-14,\"err_over_tolerance\":0.2,\"scale\":\"row\","
        "\"limits\":{\"element\":0.1,\"row\":0.2,\"head\":null},\"rounding\":\"nearest\","
        "\"keys_covered\":0.25}";
    static const char *const other_reply =
        "{\"ok\":true,\"reason\":\"\",\"mode\":\"full\",\"rows_checked\":48,\"max_abs_err\":1,"
        "\"nmse\":1,\"err_over_tolerance\":0.4,\"scale\":\"element\","
        "\"limits\":{\"element\":0.4,\"row\":0.1,\"head\":0.3},\"rounding\":\"up\","
        "\"keys_covered\":1}";
    struct fixture f;
    set_up(&f);
    const struct row *row = &f.job.row;
    cJSON *reply = parse(main_reply);
    assert_true(job_judged(&f.job, reply, false, "check", &f.arena));
    cJSON_Delete(reply);
    assert_string_equal(row->check.scale, "row");
    assert_int_equal(row->check.rows_unjudged, 2);
    assert_true(near(row->check.keys_covered, 0.25, 0) && near(row->check.rows_covered, 0.5, 0));
    assert_true(near(pow(1 - row->check.wrong_rows_found, 24), 0.001, 1e-9));
    assert_true(isnan(row->check.used[SCALE_HEAD]));
    reply = parse(other_reply);
    assert_true(job_judged(&f.job, reply, true, "check", &f.arena));
    cJSON_Delete(reply);
    assert_string_equal(row->check.mode, "sample");
    assert_string_equal(row->check.rounding, "nearest");
    assert_int_equal(row->check.rows_checked, 24);
    assert_true(near(row->check.max_abs_err, 1e-7, 0) && near(row->check.nmse, 1e-14, 0));
    assert_true(near(row->check.used[SCALE_ELEMENT], 0.4, 0));
    assert_true(near(row->check.used[SCALE_ROW], 0.2, 0));
    assert_true(near(row->check.used[SCALE_HEAD], 0.3, 0));
    assert_string_equal(row->check.scale, "element");
    assert_true(near(row->check.err_over_tolerance, 0.4, 0));
    assert_true(near(row->check.keys_covered, 1, 0));
    assert_null(row->check.precision);
    reply = parse("{\"ok\":false,\"reason\":\"off\",\"mode\":\"full\",\"rows_checked\":48,"
                  "\"max_abs_err\":3}");
    assert_false(job_judged(&f.job, reply, true, "check", &f.arena));
    cJSON_Delete(reply);
    assert_int_equal(row->status, ROW_WRONG);
    assert_string_equal(row->reason, "on inputs in which each key matters: off");
    assert_true(near(row->check.max_abs_err, 3, 0));
    tear_down(&f);
}

/* What compared outputs say is added up over the slices. */
static void compared_launches_are_counted(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.job.row.check.repeatable = true;
    assert_int_equal(feed(&f, "{\"gate\": \"\", \"samples\": [[2, 1, 0.5, 0.5]], \"compared\": 1,"
                              " \"others\": 0, \"changed\": 0}"),
                     0);
    assert_true(!f.job.row.check.inputs_changed && f.job.row.check.repeatable);
    assert_int_equal(feed(&f, "{\"gate\": \"\", \"samples\": [[2, 1, 0.5, 0.5]], \"compared\": 2,"
                              " \"others\": 1, \"changed\": 1}"),
                     0);
    assert_int_equal(f.job.row.check.launches_compared, 3);
    assert_true(f.job.row.check.inputs_changed && !f.job.row.check.repeatable);
    tear_down(&f);
}

/* ---- samples --------------------------------------------------------------------------------- */

static void device_times_are_what_counts(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    warm_up(&f);
    static const double device_s[] = {1, 4, 2, 3, 2.5, 2.5};
    for (int i = 0; i < 6; ++i)
        feed_one(&f, device_s[i] + 10, device_s[i], device_s[i] / 4, device_s[i] / 2, "");
    assert_true(f.job.sampler.done);
    job_times(&f.job, 0, &f.arena);
    const struct row *row = &f.job.row;
    assert_string_equal(row->time.clock, "device");
    assert_null(row->time.clock_reason);
    assert_int_equal(row->time.samples_s.count, 6);
    assert_true(near(row->time.samples_s.values[1], 4, 0)); /* raw, in order */
    assert_true(near(row->time.median_s, 2.5, 1e-15));
    assert_true(near(row->time.min_s, 1, 0));
    assert_true(near(row->time.host_median_s, 12.5, 1e-15));
    assert_int_equal(row->time.warmup, f.job.sampler.warmup);
    assert_true(row->time.warmup >= 1);
    assert_true(near(row->rates.gflop_s, row->rates.flops / 2.5e9, 1e-12));
    assert_true(near(row->rates.gb_s, row->rates.bytes / 2.5e9, 1e-12));
    assert_int_equal(row->passes.count, 2);
    assert_string_equal(row->passes.items[0].kernel, "first");
    assert_string_equal(row->passes.items[1].kernel, "gemm");
    assert_true(near(row->passes.items[0].median_s, 0.625, 1e-15));
    assert_true(near(row->passes.items[1].median_s, 1.25, 1e-15));
    tear_down(&f);
}

/* One refused device time and the whole row is the host's: clocks are never mixed. */
static void one_refused_sample_puts_the_row_on_the_host_clock(void **state)
{
    (void)state;
    for (int bad = 0; bad < 4; ++bad) {
        struct fixture f;
        set_up(&f);
        warm_up(&f);
        for (int i = 0; i < 4; ++i)
            feed_one(&f, 2 + i, i == bad ? NAN : 1, 0.5, 0.5, i == bad ? "it lies" : "");
        job_times(&f.job, 0, &f.arena);
        const struct row *row = &f.job.row;
        assert_string_equal(row->time.clock, "host");
        assert_string_equal(row->time.clock_reason, "it lies");
        assert_true(near(row->time.median_s, 3.5, 1e-15));
        assert_true(near(row->time.host_median_s, 3.5, 1e-15));
        assert_true(isnan(row->passes.items[0].median_s));
        tear_down(&f);
    }
}

/* Trouble during the warm-up alone leaves the kept samples on the device's clock. */
static void a_refused_warm_up_does_not_matter(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    feed_one(&f, 1, NAN, 0.5, 0.5, "it lies");
    assert_int_equal(f.job.sampler.count, 0);
    warm_up(&f);
    for (int i = 0; i < 4; ++i)
        feed_one(&f, 2, 1, 0.5, 0.5, "");
    job_times(&f.job, 0, &f.arena);
    assert_string_equal(f.job.row.time.clock, "device");
    assert_null(f.job.row.time.clock_reason);
    tear_down(&f);
}

static void samples_past_the_end_are_left_out(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    warm_up(&f);
    assert_int_equal(feed(&f, "{\"samples\":[[1,1,1,1],[1,1,1,1],[1,1,1,1],[1,1,1,1],[1,1,1,1],[1,"
                              "1,1,1],[9,9,9,9],[9,9,"
                              "9,9]],\"gate\":\"\"}"),
                     0);
    assert_int_equal(f.job.sampler.count, 6);
    job_times(&f.job, 0, &f.arena);
    assert_int_equal(f.job.row.time.samples_s.count, 6);
    assert_true(near(f.job.row.time.median_s, 1, 0));
    tear_down(&f);
}

/* Times a factor 1.9 apart, most of them in one group: the interval of the median is narrow, and
 * the row is not stable. */
static void two_groups_of_times_are_not_stable(void **state)
{
    (void)state;
    for (int slow = 0; slow <= 6; slow += 6) {
        struct fixture f;
        set_up(&f);
        f.job.sampler.rule.min_samples = 24;
        warm_up(&f);
        for (int i = 0; !f.job.sampler.done; ++i) {
            const double scale = (i % 4 == 0 && i / 4 < slow ? 1.9 : 1) * (1 + 1e-4 * (i % 7));
            feed_one(&f, 1.5 * scale, scale, 0.25 * scale, 0.75 * scale, "");
        }
        job_times(&f.job, 0, &f.arena);
        assert_int_equal(f.job.sampler.count, 24);
        assert_true(f.job.row.time.ci95_s[1] - f.job.row.time.ci95_s[0] < 0.002);
        assert_true(f.job.row.time.stable == (slow == 0));
        if (slow) {
            assert_true(near(f.job.row.time.mode_share, 0.25, 1e-12));
            assert_true(near(f.job.row.time.mode_slow_s, 1.9, 1e-3));
            assert_true(near(f.job.row.time.mode_fast_s, 1, 1e-3));
        } else {
            assert_true(isnan(f.job.row.time.mode_share));
        }
        tear_down(&f);
    }
}

static void missing_pass_times_are_unknown(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    warm_up(&f);
    assert_int_equal(feed(&f, "{\"samples\":[[1,1,1],[1,1,1],[1,1,1],[1,1,1]],\"gate\":\"\"}"), 0);
    job_times(&f.job, 0, &f.arena);
    assert_true(near(f.job.row.passes.items[0].median_s, 1, 0));
    assert_true(isnan(f.job.row.passes.items[1].median_s));
    tear_down(&f);
}

static void replies_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",
                                      "{\"samples\":3}",
                                      "{\"samples\":[]}",
                                      "{\"samples\":[[]]}",
                                      "{\"samples\":[[null,1]]}",
                                      "{\"samples\":[[\"1\",1]]}",
                                      "{\"samples\":[7]}",
                                      "[]",
                                      "3"};
    for (size_t i = 0; i < COUNT(bad); ++i) {
        struct fixture f;
        set_up(&f);
        if (feed(&f, bad[i]) != -1)
            fail_msg("%s was accepted", bad[i]);
        assert_int_equal(f.job.sampler.count, 0);
        tear_down(&f);
    }
}

static void without_samples_there_are_no_times(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    job_times(&f.job, 0, &f.arena);
    assert_null(f.job.row.time.clock);
    assert_true(isnan(f.job.row.time.median_s) && isnan(f.job.row.rates.gflop_s));
    assert_int_equal(f.job.row.passes.count, 0);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cold_caches_count_against_the_limits),
        cmocka_unit_test(a_row_begins_with_what_the_plan_knows),
        cmocka_unit_test(a_row_of_a_cell_that_will_not_run),
        cmocka_unit_test(an_end_keeps_a_copy_of_its_reason),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(verdicts_of_other_inputs),
        cmocka_unit_test(compared_launches_are_counted),
        cmocka_unit_test(device_times_are_what_counts),
        cmocka_unit_test(one_refused_sample_puts_the_row_on_the_host_clock),
        cmocka_unit_test(a_refused_warm_up_does_not_matter),
        cmocka_unit_test(samples_past_the_end_are_left_out),
        cmocka_unit_test(two_groups_of_times_are_not_stable),
        cmocka_unit_test(missing_pass_times_are_unknown),
        cmocka_unit_test(replies_that_make_no_sense_are_refused),
        cmocka_unit_test(without_samples_there_are_no_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
