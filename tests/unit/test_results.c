/* The results file: printing, loading, deriving, its rules and its schema. */
#include "sample_results.h"

#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int load_text(struct results *results, const char *text, struct err *err)
{
    return results_load(results, "file.json", text, strlen(text), err);
}

static void print_load_print_is_identical(void **state)
{
    (void)state;
    struct results results = sample_results(), loaded;
    char *text = results_print(&results);
    struct err err = {""};
    if (load_text(&loaded, text, &err))
        fail_msg("%s", err.message);
    assert_true(loaded.run.seed == results.run.seed);
    assert_int_equal(loaded.row_count, results.row_count);
    assert_int_equal(loaded.scaling_count, results.scaling_count);
    char *again = results_print(&loaded);
    assert_string_equal(text, again);
    /* Deriving anew changes nothing either. */
    results_derive(&loaded);
    free(again);
    again = results_print(&loaded);
    assert_string_equal(text, again);
    results_free(&loaded);
    results_free(&results);
    free(text);
    free(again);
}

static void an_empty_run_survives_too(void **state)
{
    (void)state;
    struct results results = sample_results(), loaded;
    results.row_count = 0;
    results.device_count = 0;
    results.run.finished_utc = results.run.git_commit = NULL;
    results.run.host_name = results.run.host_os = results.run.host_cpu = NULL;
    results.run.host_cpus = results.run.host_memory_bytes = 0;
    results_derive(&results);
    char *text = results_print(&results);
    struct err err = {""};
    if (load_text(&loaded, text, &err))
        fail_msg("%s", err.message);
    assert_null(loaded.run.finished_utc);
    assert_null(loaded.run.host_name);
    char *again = results_print(&loaded);
    assert_string_equal(text, again);
    results_free(&loaded);
    results_free(&results);
    free(text);
    free(again);
}

static void a_row_is_a_line_of_plain_text(void **state)
{
    (void)state;
    struct results results = sample_results();
    char *huge = malloc(10001);
    assert_non_null(huge);
    memset(huge, 'x', 10000);
    huge[10000] = '\0';
    results.rows[results.row_count - 2].reason = huge;
    char *text = results_print(&results);
    int row_lines = 0;
    for (char *line = text; line; line = strchr(line + 1, '\n'))
        row_lines += text_starts(line, "\n    {\"cell\":");
    assert_int_equal(row_lines, results.row_count);
    assert_null(strchr(text, 0x1b));           /* ANSI escapes */
    assert_null(strstr(text, "\xe2\x80\xae")); /* bidirectional override */
    assert_null(strchr(text, '\xff'));         /* invalid UTF-8 */
    assert_non_null(strstr(text, huge));
    free(huge);
    free(text);
    results_free(&results);
}

static void replace(struct text *text, const char *old, const char *new)
{
    char *at = strstr(text->data, old);
    if (!at)
        fail_msg("'%s' is not in the file", old);
    struct text changed = {0};
    text_add_bytes(&changed, text->data, (size_t)(at - text->data));
    text_add(&changed, new);
    text_add(&changed, at + strlen(old));
    text_free(text);
    *text = changed;
}

/* Loads the sample with one place changed. */
static int load_changed(const char *old, const char *new, struct err *err)
{
    struct results results = sample_results(), loaded;
    char *printed = results_print(&results);
    struct text text = {0};
    text_add(&text, printed);
    replace(&text, old, new);
    const int result = load_text(&loaded, text_get(&text), err);
    if (result == 0)
        results_free(&loaded);
    results_free(&results);
    text_free(&text);
    free(printed);
    return result;
}

static void versions(void **state)
{
    (void)state;
    struct err err = {""};
    const char *old = "\"version\": \"" RESULTS_VERSION "\"";
    assert_int_equal(load_changed(old, "\"version\": \"1.7.3\", \"new\": [1]", &err), 0);
    assert_int_equal(load_changed(old, "\"version\": \"2.0.0\"", &err), -1);
    assert_string_equal(err.message, "file.json:3: version: made by a newer attnbench: results "
                                     "version 2.0.0, this one reads 1.x");
    assert_int_equal(load_changed(old, "\"version\": \"0.9.0\"", &err), -1);
    assert_string_equal(err.message, "file.json:3: version: made by too old an attnbench: results "
                                     "version 0.9.0, this one reads 1.x");
    static const char *const bad[] = {"\"1\"",      "\"1.0\"",    "\"1.0.0-x\"",
                                      "\"\"",       "\" 1.0.0\"", "\"1.0.0.0\"",
                                      "\"-1.0.0\"", "1",          "null"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        char new[64];
        snprintf(new, sizeof new, "\"version\": %s", bad[i]);
        assert_int_equal(load_changed(old, new, &err), -1);
        assert_true(text_starts(err.message, "file.json:3: version: expected a "));
    }
    assert_int_equal(load_changed("attnbench-results", "attnbench-journal", &err), -1);
    assert_string_equal(err.message, "file.json:2: format: expected \"attnbench-results\", found "
                                     "\"attnbench-journal\"");
}

static void what_is_not_as_required_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new, *message;
    } cases[] = {
        {"\"run\": {", "\"ran\": {", "file.json:1: the key \"run\" is missing"},
        {"\"devices\": [", "\"device\": [", "file.json:1: the key \"devices\" is missing"},
        {"\"rows\": [", "\"row\": [", "file.json:1: the key \"rows\" is missing"},
        {"\"scaling\": [", "\"fits\": [", "file.json:1: the key \"scaling\" is missing"},
        {"\"summary\": {", "\"sum\": {", "file.json:1: the key \"summary\" is missing"},
        {"\"suite\": {", "\"suit\": {", "file.json:4: run: the key \"suite\" is missing"},
        {"\"seed\": 9007199254740991", "\"seed\": 9007199254740992",
         "file.json:11: run.seed: expected an integer from 0 to 9007199254740991, found "
         "9007199254740992"},
        {"\"seed\": 9007199254740991", "\"seed\": -1",
         "file.json:11: run.seed: expected an integer from 0 to 9007199254740991, found -1"},
        {"\"id\": \"0123", "\"id\": 1, \"x\": \"0123",
         "file.json:5: run.id: expected a string, found 1"},
        {"\"argv\": [\"attnbench\"", "\"argv\": [1",
         "file.json:8: run.argv[0]: expected a string, found 1"},
        {"\"status\":\"crash\"", "\"status\":\"bang\"",
         "file.json:37: rows[14].status: expected one of: ok, wrong, unsupported, skipped, "
         "build_failed, oom, timeout, crash, error, found \"bang\""},
        {"\"crash\":1", "\"crash\":-1",
         "file.json:45: summary.crash: expected an integer from 0 to 2147483647, found -1"},
        {"\"crash\":1", "\"crash\":2",
         "file.json:45: summary: cells is 17, but the others sum to 18"},
        {"\"n\":[128,", "\"n\":[64,128,",
         "file.json:42: scaling[0]: expected n, median_s and total_bytes of one length, and "
         "fitted_from within it"},
        {"\"compute_units\":8", "\"compute_units\":\"8\"",
         "file.json:20: devices[0]: device.compute_units: expected a whole number, found \"8\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct err err = {""};
        assert_int_equal(load_changed(cases[i].old, cases[i].new, &err), -1);
        assert_string_equal(err.message, cases[i].message);
    }
    struct results loaded;
    struct err err = {""};
    assert_int_equal(load_text(&loaded, "[]", &err), -1);
    assert_int_equal(load_text(&loaded, "", &err), -1);
    assert_int_equal(load_text(&loaded, "null", &err), -1);
}

static void fits_follow_the_rows(void **state)
{
    (void)state;
    struct results results = sample_results();
    assert_int_equal(results.scaling_count, 2);
    const struct scaling_fit *naive = results.scaling, *fused = results.scaling + 1;
    assert_string_equal(naive->variant, "naive");
    assert_string_equal(fused->variant, "fused");
    assert_string_equal(naive->sweep, "demo/n");
    assert_string_equal(naive->fixed, "heads_q=8,heads_kv=8,d_k=64,d_v=64");
    assert_int_equal(naive->n.count, 4);
    assert_true(naive->n.values[0] == 128 && naive->n.values[3] == 1024);
    assert_true(fabs(naive->exponent - 2) <= 1e-9 && fabs(fused->exponent - 2) <= 1e-9);
    assert_true(naive->r2 >= 1 - 1e-9);
    assert_true(fabs(naive->memory_exponent - 2) <= 1e-9); /* of its scratch */
    assert_true(fabs(fused->memory_exponent - 1) <= 1e-9);
    assert_true(fabs(naive->ps_per_pair - 0x1p-27 / 8 * 1e12) <= 1e-6 * naive->ps_per_pair);
    assert_int_equal(naive->fitted_from, 0); /* 122 us is more than ten launches of 2 us */
    assert_int_equal(results.counts[ROW_OK], 9);
    for (int i = ROW_WRONG; i < ROW_STATUSES; ++i)
        assert_int_equal(results.counts[i], 1);
    results_free(&results);
}

/* A foreign or noisy file may say that time falls with n; what is printed must load again. */
static void a_falling_fit_survives_the_round_trip(void **state)
{
    (void)state;
    struct results results = sample_results(), loaded;
    for (int i = 0; i < 8; i += 2) {
        results.rows[i].time.median_s = 1 / (double)results.rows[i].problem.n_q;
        results.rows[i].memory.scratch_bytes = 1e9 / (double)results.rows[i].problem.n_q;
    }
    results_derive(&results);
    assert_true(fabs(results.scaling[0].exponent + 1) <= 1e-9);
    assert_true(fabs(results.scaling[0].memory_exponent + 1) <= 1e-9);
    char *text = results_print(&results);
    struct err err = {""};
    if (load_text(&loaded, text, &err))
        fail_msg("%s", err.message);
    results_free(&loaded);
    results_free(&results);
    free(text);
}

static void launch_bound_points_are_not_fitted(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct device_info device = results.devices[0];
    device.launch_us = 100;
    results.devices = &device;
    results_derive(&results);
    const struct scaling_fit *fused = results.scaling + 1; /* 31 us, 122 us, 488 us, 2 ms */
    assert_int_equal(results.scaling[0].fitted_from, 2);   /* 122 us, 488 us, 2 ms, 7.8 ms */
    assert_int_equal(fused->fitted_from, 3);
    assert_true(isnan(fused->exponent) && isnan(fused->exponent_ci95) && isnan(fused->r2));
    assert_true(fabs(fused->memory_exponent - 1) <= 1e-9 && fused->ps_per_pair > 0);
    /* Only leading points: a fast one after a slow one is noise, not the cost of launching. */
    results.rows[0].time.median_s = 0.01;
    results_derive(&results);
    assert_int_equal(results.scaling[0].fitted_from, 0);
    results_free(&results);
}

/* One variant at the given (n_q, n_kv); returns the number of fits. */
static int fit_shapes(const int64_t (*shapes)[2], int count, struct results *results)
{
    *results = (struct results){0};
    results->rows = arena_array(&results->arena, (size_t)count, sizeof *results->rows);
    results->row_count = count;
    for (int i = 0; i < count; ++i) {
        struct problem problem = sample_problem(shapes[i][0], 1);
        problem.n_kv = shapes[i][1];
        results->rows[i] = sample_row(&results->arena, problem, "v", "s/n");
        sample_times(results->rows + i, &results->arena,
                     1e-6 * (double)(shapes[i][0] * shapes[i][1]));
    }
    results_derive(results);
    return results->scaling_count;
}

static void decoding_is_fitted_over_n_kv(void **state)
{
    (void)state;
    struct results results;
    const int64_t decode[][2] = {{1, 400}, {1, 100}, {1, 200}};
    assert_int_equal(fit_shapes(decode, 3, &results), 1);
    assert_true(results.scaling[0].n.values[0] == 100 && results.scaling[0].n.values[2] == 400);
    assert_true(fabs(results.scaling[0].exponent - 1) <= 1e-9);
    assert_string_equal(results.scaling[0].fixed, "n_q=1,d_k=64,d_v=64");
    results_free(&results);

    const int64_t apart[][2] = {{4, 100}, {4, 200}, {4, 400}, {1, 100}, {1, 200}, {1, 400}};
    assert_int_equal(fit_shapes(apart, 6, &results), 2);
    assert_string_equal(results.scaling[0].fixed, "n_q=4,d_k=64,d_v=64"); /* by first row */
    assert_string_equal(results.scaling[1].fixed, "n_q=1,d_k=64,d_v=64");
    results_free(&results);

    const int64_t cross[][2] = {{100, 77}, {200, 77}, {400, 77}};
    assert_int_equal(fit_shapes(cross, 3, &results), 1);
    assert_true(results.scaling[0].n.values[2] == 400);
    results_free(&results);

    const int64_t twice[][2] = {{100, 100}, {200, 200}, {200, 200}};
    assert_int_equal(fit_shapes(twice, 3, &results), 0); /* no single curve */
    results_free(&results);

    const int64_t single[][2] = {{100, 100}};
    assert_int_equal(fit_shapes(single, 1, &results), 0);
    results_free(&results);
}

static void ten_thousand_rows_are_derived_quickly(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct row *rows = arena_array(&results.arena, 10000, sizeof *rows);
    for (int i = 0; i < 10000; ++i) {
        rows[i] = results.rows[2 * (i % 4)];
        rows[i].variant = arena_print(&results.arena, "v%d", i / 4);
    }
    results.rows = rows;
    results.row_count = 10000;
    results_derive(&results);
    assert_int_equal(results.scaling_count, 2500);
    results_free(&results);
}

struct said {
    int count;
    char last[1024];
};

static void note(void *context, const char *message)
{
    struct said *said = context;
    ++said->count;
    snprintf(said->last, sizeof said->last, "%s", message);
}

static void an_intact_file_breaks_no_rule(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct said said = {0};
    const int broken = results_check(&results, note, &said);
    if (broken)
        fail_msg("%s", said.last);
    assert_int_equal(said.count, 0);
    /* Unfinished, with rows still to come: no rule is broken. */
    results.run.finished_utc = NULL;
    results.run.planned_cells = 100;
    assert_int_equal(results_check(&results, note, &said), 0);
    results_free(&results);
}

typedef void breaker(struct results *results, struct row *first);

static void plan_more(struct results *results, struct row *first)
{
    (void)first;
    ++results->run.planned_cells;
}
static void plan_fewer(struct results *results, struct row *first)
{
    (void)first;
    results->run.finished_utc = NULL;
    results->run.planned_cells = 16;
}
static void repeat_a_cell(struct results *results, struct row *first)
{
    (void)results;
    first[2] = first[0];
}
static void miscount(struct results *results, struct row *first)
{
    (void)first;
    ++results->counts[ROW_TIMEOUT];
}
static void drop_reason(struct results *results, struct row *first)
{
    (void)results;
    first[9].reason = NULL;
}
static void empty_reason(struct results *results, struct row *first)
{
    (void)results;
    first[9].reason = "";
}
static void reason_for_ok(struct results *results, struct row *first)
{
    (void)results;
    first->reason = "none";
}
static void drop_samples(struct results *results, struct row *first)
{
    (void)results;
    first->time.samples_s.count = 0;
}
static void drop_check(struct results *results, struct row *first)
{
    (void)results;
    first->check.mode = NULL;
}
static void check_nothing(struct results *results, struct row *first)
{
    (void)results;
    first->check.rows_checked = 0;
}
static void exceed_tolerance(struct results *results, struct row *first)
{
    (void)results;
    first->check.err_over_tolerance = 1.01;
}
static void unknown_error(struct results *results, struct row *first)
{
    (void)results;
    first->check.err_over_tolerance = NAN;
}
static void median(struct results *results, struct row *first)
{
    first->time.median_s *= 1 + 1e-8;
    row_rates(first, results->devices);
}
static void minimum(struct results *results, struct row *first)
{
    (void)results;
    first->time.min_s *= 0.9;
}
static void quantile_10(struct results *results, struct row *first)
{
    (void)results;
    first->time.p10_s = NAN;
}
static void quantile_90(struct results *results, struct row *first)
{
    (void)results;
    first->time.p90_s *= 1.1;
}
static void deviation(struct results *results, struct row *first)
{
    (void)results;
    first->time.mad_s *= 2;
}
static void interval_low(struct results *results, struct row *first)
{
    (void)results;
    first->time.ci95_s[0] *= 0.99;
}
static void interval_high(struct results *results, struct row *first)
{
    (void)results;
    first->time.ci95_s[1] *= 1.01;
}
static void groups_elsewhere(struct results *results, struct row *first)
{
    (void)results;
    first->time.stable = false;
    first->time.mode_share = 0.25;
    first->time.mode_fast_s = first->time.min_s;
    first->time.mode_slow_s = 2 * first->time.p90_s;
}
static void stable_groups(struct results *results, struct row *first)
{
    (void)results;
    first->time.mode_share = 0.25;
    first->time.mode_fast_s = first->time.min_s;
    first->time.mode_slow_s = first->time.p90_s;
}
static void zero_sample(struct results *results, struct row *first)
{
    double *samples = arena_array(&results->arena, SAMPLES, sizeof *samples);
    memcpy(samples, first->time.samples_s.values, SAMPLES * sizeof *samples);
    samples[3] = 0;
    first->time.samples_s.values = samples;
}
static void foreign_device(struct results *results, struct row *first)
{
    (void)results;
    first->device = "other-0";
}
static void foreign_cell(struct results *results, struct row *first)
{
    (void)results;
    first->cell = "attention(n_q=1)";
}
static void flops(struct results *results, struct row *first)
{
    first->rates.flops *= 2;
    row_rates(first, results->devices);
}
static void bytes(struct results *results, struct row *first)
{
    first->rates.bytes *= 2;
    row_rates(first, results->devices);
}
static void gflop(struct results *results, struct row *first)
{
    (void)results;
    first->rates.gflop_s *= 1.001;
}
static void gigabytes(struct results *results, struct row *first)
{
    (void)results;
    first->rates.gb_s = NAN;
}
static void part_of_peak(struct results *results, struct row *first)
{
    (void)results;
    first->rates.frac_of_peak = 1;
}
static void part_of_roofline(struct results *results, struct row *first)
{
    (void)results;
    first->rates.frac_of_roofline = NAN;
}
static void other_roof(struct results *results, struct row *first)
{
    (void)results;
    first->rates.roof = "launch";
}
static void no_roof(struct results *results, struct row *first)
{
    (void)results;
    first->rates.roof = NULL;
}

static void each_rule_broken_once_is_reported_once(void **state)
{
    (void)state;
#define CELL_0 "attention(heads_q=8,heads_kv=8,n_q=128,n_kv=128,d_k=64,d_v=64) @ naive @ null-0: "
#define CELL_9 "attention(heads_q=4,heads_kv=4,n_q=2048,n_kv=2048,d_k=64,d_v=64) @ naive @ null-0: "
    static const struct {
        breaker *change;
        const char *message; /* its beginning */
    } cases[] = {
        {plan_more, "run: 17 rows; expected 18 (planned_cells)"},
        {plan_fewer, "run: 17 rows; expected at most 16 (planned_cells)"},
        {repeat_a_cell, CELL_0 "the cell has more than one row"},
        {miscount, "summary: timeout is 2, but there are 1 such rows"},
        {drop_reason, CELL_9 "unsupported without a reason"},
        {empty_reason, CELL_9 "unsupported without a reason"},
        {reason_for_ok, CELL_0 "ok, but there is a reason: \"none\""},
        {drop_samples, CELL_0 "ok, but not timed"},
        {drop_check, CELL_0 "ok, but check.mode is missing"},
        {check_nothing, CELL_0 "ok, but no row of its output was checked"},
        {exceed_tolerance, CELL_0 "ok, but err_over_tolerance is 1.01; expected at most 1"},
        {unknown_error, CELL_0 "ok, but err_over_tolerance is nan; expected at most 1"},
        {median, CELL_0 "median_s is 0.000122070314, but its samples say 0.000122070312"},
        {minimum, CELL_0 "min_s is "},
        {quantile_10, CELL_0 "p10_s is nan, but its samples say "},
        {quantile_90, CELL_0 "p90_s is "},
        {deviation, CELL_0 "mad_s is "},
        {interval_low, CELL_0 "ci95_s[0] is "},
        {interval_high, CELL_0 "ci95_s[1] is "},
        {groups_elsewhere, CELL_0 "mode_share 0.25, mode_fast_s "},
        {stable_groups, CELL_0 "it is stable, but its samples are two groups"},
        {zero_sample, CELL_0 "samples_s[3] is 0; expected a positive time"},
        {foreign_device, "attention(heads_q=8,heads_kv=8,n_q=128,n_kv=128,d_k=64,d_v=64) @ naive @ "
                         "other-0: the device is not among the file's devices"},
        {foreign_cell, "attention(n_q=1) @ naive @ null-0: the cell's id does not fit its problem; "
                       "expected attention(heads_q=8,"},
        {flops, CELL_0 "flops is "},
        {bytes, CELL_0 "bytes is "},
        {gflop, CELL_0 "gflop_s is "},
        {gigabytes, CELL_0 "gb_s is nan, but bytes / median_s is "},
        {part_of_peak, CELL_0 "frac_of_peak is 1, but its time and the device's peaks say 0.137"},
        {part_of_roofline,
         CELL_0 "frac_of_roofline is nan, but its time and the device's peaks say "},
        {other_roof, CELL_0 "roof is launch, but its time and the device's peaks say compute"},
        {no_roof, CELL_0 "roof is null, but its time and the device's peaks say compute"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct results results = sample_results();
        struct said said = {0};
        cases[i].change(&results, results.rows);
        assert_int_equal(results_check(&results, note, &said), 1);
        assert_int_equal(said.count, 1);
        if (!text_starts(said.last, cases[i].message))
            fail_msg("expected '%s...', found '%s'", cases[i].message, said.last);
        results_free(&results);
    }
}

/* The roof says nothing about rows that are not ok, and 10 % are left to noise. */
static void rows_beyond_the_roof_are_warned_of(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct said said = {0};
    assert_int_equal(results_warn(&results, note, &said), 0);
    struct device_info device = *results.devices;
    results.devices = &device;
    device.peaks.rates[PEAK_F32].value = 1010; /* the fused rows: 1100 */
    for (int i = 0; i < results.row_count; ++i)
        if (results.rows[i].time.samples_s.count)
            row_rates(results.rows + i, &device);
    assert_int_equal(results_warn(&results, note, &said), 0);
    device.peaks.rates[PEAK_F32].value = 990;
    row_rates(results.rows + 1, &device);
    assert_int_equal(results_warn(&results, note, &said), 1);
    assert_true(text_starts(said.last, "attention(heads_q=8,heads_kv=8,n_q=128,n_kv=128,d_k=64,"
                                       "d_v=64) @ fused @ null-0: 1.11 of the compute roof: "));
    results_free(&results);
}

static void unchecked_rows_are_fine_when_asked_for(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct said said = {0};
    results.rows->check.mode = "none";
    results.rows->check.rows_checked = 0;
    results.rows->check.err_over_tolerance = NAN;
    assert_int_equal(results_check(&results, note, &said), 0);
    results_free(&results);
}

/* Every field of the row table stands in the schema, described and required where it must be. */
static void the_schema_knows_every_field(void **state)
{
    (void)state;
    struct text text = {0};
    struct err err = {""};
    if (file_read(GOLDEN_DIR "/../../host/store/results.schema.json", 1 << 20, &text, &err))
        fail_msg("%s", err.message);
    cJSON *schema = cJSON_Parse(text_get(&text));
    text_free(&text);
    assert_non_null(schema);
    const cJSON *rows = cJSON_GetObjectItem(cJSON_GetObjectItem(schema, "properties"), "rows");
    const cJSON *row = cJSON_GetObjectItem(rows, "items");
    for (int i = 0; i < row_field_count(); ++i) {
        const char *key = row_field_path(i), *dot = strchr(key, '.');
        const cJSON *parent = row;
        if (dot) {
            char group[32];
            snprintf(group, sizeof group, "%.*s", (int)(dot - key), key);
            parent = cJSON_GetObjectItem(cJSON_GetObjectItem(row, "properties"), group);
            key = dot + 1;
        }
        const cJSON *field = cJSON_GetObjectItem(cJSON_GetObjectItem(parent, "properties"), key);
        if (!cJSON_GetObjectItem(field, "description"))
            fail_msg("%s is not described", row_field_path(i));
        bool required =
            text_starts(row_field_path(i), "problem.") || is_new_field(row_field_path(i));
        const cJSON *name = NULL;
        cJSON_ArrayForEach(name, cJSON_GetObjectItem(parent, "required")) required |=
            strcmp(name->valuestring, key) == 0;
        if (!required)
            fail_msg("%s is not required", row_field_path(i));
    }
    cJSON_Delete(schema);
}

/* For tests/cli/schema_valid.py: writes the sample when asked to. */
static int write_sample(const char *path)
{
    struct results results = sample_results();
    struct err err = {""};
    char *text = results_print(&results);
    const int result = file_replace(path, text, strlen(text), &err);
    if (result)
        fprintf(stderr, "%s\n", err.message);
    free(text);
    results_free(&results);
    return result ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return write_sample(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_load_print_is_identical),
        cmocka_unit_test(an_empty_run_survives_too),
        cmocka_unit_test(a_row_is_a_line_of_plain_text),
        cmocka_unit_test(versions),
        cmocka_unit_test(what_is_not_as_required_is_named),
        cmocka_unit_test(fits_follow_the_rows),
        cmocka_unit_test(a_falling_fit_survives_the_round_trip),
        cmocka_unit_test(launch_bound_points_are_not_fitted),
        cmocka_unit_test(decoding_is_fitted_over_n_kv),
        cmocka_unit_test(ten_thousand_rows_are_derived_quickly),
        cmocka_unit_test(an_intact_file_breaks_no_rule),
        cmocka_unit_test(each_rule_broken_once_is_reported_once),
        cmocka_unit_test(rows_beyond_the_roof_are_warned_of),
        cmocka_unit_test(unchecked_rows_are_fine_when_asked_for),
        cmocka_unit_test(the_schema_knows_every_field),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
