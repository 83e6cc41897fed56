/* Reports against golden files (GOLDEN_UPDATE=1 rewrites them), and against hostile content. */
#include "sample_results.h"

#include "report/grid.h"
#include "report/report.h"
#include "report/words.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void compare_golden(const char *name, const struct text *report)
{
    char path[512];
    struct err err = {""};
    snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
    if (getenv("GOLDEN_UPDATE")) {
        if (file_replace(path, report->data, report->length, &err))
            fail_msg("%s", err.message);
        return;
    }
    struct text golden = {0};
    if (file_read(path, 1 << 20, &golden, &err))
        fail_msg("%s", err.message);
    assert_string_equal(text_get(report), text_get(&golden));
    text_free(&golden);
}

static void markdown_is_as_before(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text report = {0};
    report_markdown(&results, &report);
    compare_golden("report.md", &report);
    text_free(&report);
    results_free(&results);
}

static void csv_is_as_before(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text report = {0};
    report_csv(&results, 1, &report);
    compare_golden("report.csv", &report);
    text_free(&report);
    results_free(&results);
}

static void other_tools_formats_are_as_before(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text report = {0};
    report_gbench(&results, &report);
    compare_golden("report.gbench.json", &report);
    text_free(&report);
    report_bmf(&results, &report);
    compare_golden("report.bmf.json", &report);
    text_free(&report);
    results_free(&results);
}

static void table_is_as_before(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text report = {0};
    report_table(&results, (struct looks){.width = 80}, &report);
    compare_golden("report.txt", &report);
    text_free(&report);
    report_table(&results, (struct looks){.width = 140, .utf8 = true}, &report);
    compare_golden("report.wide.txt", &report);
    text_free(&report);
    results_free(&results);
}

static void assert_no_controls(const struct text *report)
{
    assert_null(strchr(text_get(report), 0x1b));
    assert_null(strchr(text_get(report), 0xff));
    assert_null(strstr(text_get(report), "\xe2\x80\xae"));
}

/* Does this '<' or '>' belong to a tag that folds a part? */
static bool is_own_tag(const char *at, const char *begin)
{
    static const char *const tags[] = {"<details>", "</details>", "<summary>", "</summary>"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; ++i) {
        const size_t length = strlen(tags[i]);
        if (text_starts(at, tags[i]) ||
            ((size_t)(at - begin) + 1 >= length && text_starts(at + 1 - length, tags[i])))
            return true;
    }
    return false;
}

static void markdown_escapes_foreign_text(void **state)
{
    (void)state;
    struct results results = hostile_results();
    struct text report = {0};
    report_markdown(&results, &report);
    assert_no_controls(&report);
    for (const char *c = strpbrk(text_get(&report), "<>"); c; c = strpbrk(c + 1, "<>"))
        assert_true(is_own_tag(c, text_get(&report)));
    assert_non_null(strstr(text_get(&report), "&lt;script&gt;"));
    assert_non_null(strstr(text_get(&report), "\\|x\\|"));
    for (const char *c = text_get(&report); *c; ++c)
        if (strchr("`[]_", *c))
            assert_true(c > report.data && c[-1] == '\\');
    assert_true(report.length < 20000); /* the 10 kB reasons are cut */
    /* Each line of a table has as many bars as its heading. */
    int bars = 0;
    for (char *line = report.data; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (*line != '|') {
            bars = 0;
            continue;
        }
        int here = 0;
        for (const char *c = line; *c && *c != '\n'; ++c)
            here += *c == '|' && (c == line || c[-1] != '\\');
        assert_true(!bars || here == bars);
        bars = here;
    }
    text_free(&report);
    results_free(&results);
}

/* GitHub's limit, with sweeps, problems, variants and reasons beyond any measure. */
static void markdown_fits_into_a_comment(void **state)
{
    (void)state;
    enum { ROWS = 4000, SWEEPS = 40, VARIANTS = 40, LIMIT = 65536 };
    struct results results = sample_results();
    const struct row sample = results.rows[0];
    struct arena *arena = &results.arena;
    char *huge = arena_alloc(arena, 1000001);
    memset(huge, '<', 1000000);
    results.rows = arena_array(arena, ROWS, sizeof *results.rows);
    for (int i = 0; i < ROWS; ++i) {
        struct row *row = &results.rows[i];
        *row = sample;
        row->problem.n_q = 1 + i / VARIANTS;
        row->cell = problem_id(&row->problem, arena);
        row->variant = arena_print(arena, "%d_%s", i % VARIANTS, HOSTILE);
        row->sweeps.values = sample_text(arena, arena_print(arena, "%d%s", i % SWEEPS, HOSTILE));
        row->status = i % 3 ? ROW_OK : ROW_ERROR;
        row->reason = i % 3 ? NULL : arena_print(arena, "%d%s", i, huge + 999000);
    }
    results.rows[0].reason = huge;
    results.row_count = ROWS;
    results_derive(&results);
    struct text report = {0};
    report_markdown(&results, &report);
    assert_true(report.length < LIMIT);
    assert_non_null(strstr(report.data, "left out: a comment would not hold"));
    assert_non_null(strstr(report.data, "further reasons are left out"));
    text_free(&report);
    results_free(&results);
}

/* Fields of an RFC 4180 text; -1 when quotes are wrong. */
static int count_fields(const char *text, int *lines)
{
    int fields = 0;
    *lines = 0;
    for (const char *c = text; *c;) {
        if (*c == '"') {
            for (++c; *c && !(*c == '"' && c[1] != '"'); ++c)
                c += *c == '"';
            if (*c++ != '"')
                return -1;
        } else {
            c += strcspn(c, ",\r\"");
        }
        ++fields;
        if (*c == ',') {
            ++c;
            if (*c == '\r') /* an empty last field */
                ++fields;
        }
        if (text_starts(c, "\r\n")) {
            ++*lines;
            c += 2;
        } else if (*c == '"' ? c[-1] != ',' : *c == '\r') {
            return -1;
        }
    }
    return fields;
}

static void a_store_that_truncates_is_reported(void **state)
{
    (void)state;
    struct results results = sample_results();
    results.rows[1].check.rounding = "nearest";
    struct text report = {0};
    report_markdown(&results, &report);
    assert_null(strstr(text_get(&report), "not round outputs"));
    text_free(&report);
    results.rows[1].check.rounding = "toward_zero";
    report_markdown(&results, &report);
    assert_non_null(strstr(text_get(&report), "1 cell does not round outputs to nearest, first: "));
    assert_non_null(strstr(text_get(&report), "which rounds toward zero"));
    text_free(&report);
    results_free(&results);
}

static void drift_is_reported(void **state)
{
    (void)state;
    struct results results = sample_results();
    double samples[30];
    for (int i = 0; i < 30; ++i)
        samples[i] = 1e-3 * (1 + 0.01 * i); /* by 29 % while it was measured */
    struct row *row = &results.rows[1];
    row->time.samples_s = (struct number_list){30, samples};
    row->time.drift = 1.19;
    struct text report = {0};
    report_markdown(&results, &report);
    assert_non_null(strstr(text_get(&report), "1 cell drifted while measured, most: fused "));
    assert_non_null(strstr(text_get(&report), "took 1.19 times as long as its first"));
    text_free(&report);
    for (int i = 0; i < 30; ++i)
        samples[i] = 1e-3 * (1 + 0.01 * (i % 5)); /* noise, but no drift */
    row->time.drift = 1;
    report_markdown(&results, &report);
    assert_null(strstr(text_get(&report), "drifted"));
    text_free(&report);
    results_free(&results);
}

/* Each format says which rows fell into two groups, where these are and how large. */
static void two_groups_of_times_are_reported(void **state)
{
    (void)state;
    static const char want[] = "1 cell falls into two groups of times: fused ",
                      groups[] = ", 35% of its samples near 1.90 ms and the others near 1.00 ms";
    struct results results = sample_results();
    struct row *row = &results.rows[1];
    struct text words = {0}, report = {0};
    words_modes(&words, &results);
    assert_int_equal(words.length, 0);
    row->time.mode_share = 0.35;
    row->time.mode_slow_s = 1.9e-3;
    row->time.mode_fast_s = 1e-3;
    words_modes(&words, &results);
    assert_true(text_starts(text_get(&words), want));
    assert_non_null(strstr(text_get(&words), groups));
    report_markdown(&results, &report);
    assert_non_null(strstr(text_get(&report), want));
    report.length = 0;
    report_table(&results, (struct looks){.width = 400}, &report);
    assert_non_null(strstr(text_get(&report), groups));
    for (int i = 0; i < 8; ++i)
        results.rows[i].time.mode_share = 0.5;
    words.length = 0;
    words_modes(&words, &results);
    assert_true(text_starts(text_get(&words), "8 cells fall into two groups of times: "));
    assert_non_null(strstr(text_get(&words), "; and 4 more"));
    text_free(&words);
    text_free(&report);
    results_free(&results);
}

static void csv_is_rectangular_and_inert(void **state)
{
    (void)state;
    struct results results = hostile_results();
    results.rows[0].variant = "=1+1";
    results.rows[1].variant = "+cmd()";
    results.rows[2].variant = "-2+3";
    results.rows[3].variant = "@SUM(A1)";
    results.rows[4].variant = "\t=1";
    results.rows[5].variant = "say \"hi\", you";
    struct text report = {0};
    report_csv(&results, 1, &report);
    assert_no_controls(&report);
    int lines = 0;
    const int fields = count_fields(text_get(&report), &lines);
    assert_int_equal(lines, 1 + results.row_count);
    assert_int_equal(fields, lines * (row_field_count() + 2 + 9 + PEAKS));
    assert_non_null(strstr(text_get(&report), ",'=1+1,"));
    assert_non_null(strstr(text_get(&report), ",'+cmd(),"));
    assert_non_null(strstr(text_get(&report), ",'-2+3,"));
    assert_non_null(strstr(text_get(&report), ",'@SUM(A1),"));
    assert_non_null(strstr(text_get(&report), ",' =1,"));
    assert_non_null(strstr(text_get(&report), ",\"say \"\"hi\"\", you\","));
    assert_non_null(strstr(text_get(&report), ",-1,-1,")); /* window_left, window_right: numbers */
    text_free(&report);
    results_free(&results);
}

/* ASCII, and the blocks and dots of rates: U+00B7, U+2581 to U+2588. */
static void assert_fits(const struct text *report, int width)
{
    for (const char *line = text_get(report); *line; line += strcspn(line, "\n") + 1) {
        const int length = (int)strcspn(line, "\n");
        int columns = 0;
        for (int i = 0; i < length; ++i)
            columns += ((unsigned char)line[i] & 0xc0) != 0x80;
        if (columns > width)
            fail_msg("%d columns, not %d: %.*s", columns, width, length, line);
        assert_true(length == 0 || line[length - 1] != ' ');
    }
    for (const char *c = text_get(report); *c; ++c)
        if (text_starts(c, "\xc2\xb7"))
            ++c;
        else if (text_starts(c, "\xe2\x96") && c[2] >= '\x81' && c[2] <= '\x88')
            c += 2;
        else
            assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
}

/* Names, strings and keys of JSON that other tools read: whole, and nothing but text. */
static void json_formats_stay_json(void **state)
{
    (void)state;
    struct results results = hostile_results();
    char *huge = arena_alloc(&results.arena, 1000001);
    memset(huge, '"', 1000000);
    results.rows[0].variant = huge;
    results.rows[1].time.samples_s.count = 0;
    results.rows[2].time.median_s = NAN;
    struct text report = {0};
    report_bmf(&results, &report);
    assert_no_controls(&report);
    cJSON *json = cJSON_Parse(text_get(&report));
    assert_non_null(json);
    assert_int_equal(cJSON_GetArraySize(json), 8); /* 9 ok rows, one without a time */
    assert_true(strlen(json->child->string) <= 1024);
    cJSON_Delete(json);
    text_free(&report);
    report_gbench(&results, &report);
    assert_no_controls(&report);
    assert_null(strstr(text_get(&report), "nan"));
    json = cJSON_Parse(text_get(&report));
    assert_non_null(json);
    int errors = 0;
    const cJSON *entry = NULL;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(json, "benchmarks"))
    {
        const bool failed = cJSON_GetObjectItemCaseSensitive(entry, "error_occurred") != NULL;
        errors += failed;
        assert_true(failed || json_peek_number(entry, "real_time") > 0);
    }
    assert_int_equal(errors, 8 + 1); /* one row has no samples */
    cJSON_Delete(json);
    text_free(&report);
    results_free(&results);
}

static void tables_fit_their_width(void **state)
{
    (void)state;
    struct results hostile = hostile_results(), results = sample_results();
    for (int width = 40; width <= 200; width += 7) {
        struct text report = {0};
        report_table(&hostile, (struct looks){.width = width}, &report);
        report_table(&results, (struct looks){.width = width}, &report);
        report_table(&hostile, (struct looks){.width = width, .utf8 = true}, &report);
        report_table(&results, (struct looks){.width = width, .utf8 = true}, &report);
        assert_fits(&report, width);
        text_free(&report);
    }
    /* Nonsense in a foreign file does not break the layout. */
    for (int i = 0; i < results.row_count; ++i) {
        results.rows[i].time.median_s = 1e300;
        results.rows[i].rates.gflop_s = 1e300;
        results.rows[i].variant = arena_print(&results.arena, "a_very_long_variant_name_%d", i);
    }
    struct text report = {0};
    report_table(&results, (struct looks){.width = 60}, &report);
    assert_fits(&report, 60);
    text_free(&report);
    report_table(&results, (struct looks){.width = 0}, &report); /* 80 */
    assert_fits(&report, 80);
    text_free(&report);
    results_free(&hostile);
    results_free(&results);
}

static void color_is_only_added(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text plain = {0}, colored = {0}, stripped = {0};
    report_table(&results, (struct looks){.width = 80}, &plain);
    report_table(&results, (struct looks){.width = 80, .color = true}, &colored);
    assert_non_null(strstr(text_get(&colored), "\x1b[1m"));  /* winner */
    assert_non_null(strstr(text_get(&colored), "\x1b[31m")); /* WRONG */
    for (const char *c = text_get(&colored); *c; ++c)
        if (*c == '\x1b')
            c = strchr(c, 'm');
        else if (*c == ' ' && c[strspn(c, " ")] == '\x1b' && strchr("\n", c[strspn(c, " ") + 4]))
            continue; /* padding before the end of a colored cell at the end of a line */
        else
            text_add_bytes(&stripped, c, 1);
    assert_string_equal(text_get(&stripped), text_get(&plain));
    text_free(&plain);
    text_free(&colored);
    text_free(&stripped);
    results_free(&results);
}

static void wrong_rows_are_never_ranked(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct arena arena = {0};
    struct grid grid = grid_build(&results, "null-0", "demo/heads", &arena);
    assert_int_equal(grid.problem_count, 8);
    assert_int_equal(grid.variant_count, 2);
    assert_int_equal(grid.rows[0]->status, ROW_WRONG); /* 1 us, the fastest */
    assert_false(grid_is_winner(&grid, 0, grid.rows[0]));
    assert_true(grid_is_winner(&grid, 0, grid.rows[1]));
    assert_ptr_equal(grid.best[0], grid.rows[1]);
    assert_null(grid.best[1]);
    assert_false(grid_is_winner(&grid, 1, NULL));
    arena_free(&arena);
    results_free(&results);
}

static void rows_that_cannot_be_told_apart_both_win(void **state)
{
    (void)state;
    struct results results = sample_results();
    sample_times(results.rows, &results.arena, 0.0010001);
    sample_times(results.rows + 1, &results.arena, 0.001);
    struct arena arena = {0};
    struct grid grid = grid_build(&results, "null-0", "demo/n", &arena);
    assert_true(grid_is_winner(&grid, 0, results.rows));
    assert_true(grid_is_winner(&grid, 0, results.rows + 1));
    assert_false(grid_is_winner(&grid, 1, results.rows + 2));
    results.rows[0].time.ci95_s[0] = NAN; /* too few samples for an interval: their range counts */
    assert_true(grid_is_winner(&grid, 0, results.rows));
    results.rows[0].time.min_s = 0.0011;
    assert_false(grid_is_winner(&grid, 0, results.rows));
    results.rows[0].time.min_s = NAN;
    assert_false(grid_is_winner(&grid, 0, results.rows));
    arena_free(&arena);
    results_free(&results);
}

static void labels_name_what_varies(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct arena arena = {0};
    struct grid grid = grid_build(&results, "null-0", "demo/n", &arena);
    assert_string_equal(grid.axes, "n");
    assert_string_equal(grid.labels[3], "1024");
    assert_string_equal(grid.fixed, "heads=8, d_k=64, dtype=f32");
    grid = grid_build(&results, "null-0", NULL, &arena);
    assert_string_equal(grid.axes, "heads, n");
    assert_string_equal(grid.labels[0], "2, 2048");
    results.rows[0].problem.n_kv = 7;
    results.rows[1].problem.mask = MASK_CAUSAL;
    grid = grid_build(&results, "null-0", "demo/n", &arena);
    assert_string_equal(grid.axes, "n_q, n_kv");
    assert_string_equal(grid.labels[0], "128, 7");
    results.row_count = 2;
    results.rows[1].cell = "another";
    results.rows[0].problem.n_kv = 128;
    grid = grid_build(&results, "null-0", "demo/n", &arena);
    assert_string_equal(grid.axes, "mask");
    assert_string_equal(grid.labels[0], "none");
    assert_string_equal(grid.labels[1], "causal");
    results.row_count = 1;
    grid = grid_build(&results, "null-0", "demo/n", &arena);
    assert_string_equal(grid.axes, "n"); /* nothing varies */
    arena_free(&arena);
    results_free(&results);
}

static void fits_in_words(void **state)
{
    (void)state;
    static const double n[] = {128, 256, 512, 1024};
    struct scaling_fit fit = {.variant = "fused",
                              .n = {4, n},
                              .exponent = 1.98,
                              .exponent_ci95 = 0.03,
                              .r2 = 0.9996,
                              .memory_exponent = 1,
                              .ps_per_pair = 12.34};
    struct text words = {0};
    report_fit_words(&fit, &words);
    assert_string_equal(words.data, "fused: time grows as n^1.98 +- 0.03 (r2 0.9996), 12.3 ps per "
                                    "query-key pair; memory n^1.00");
    text_free(&words);
    fit.exponent_ci95 = 0.51; /* tells n from n^2 no more */
    report_fit_words(&fit, &words);
    assert_non_null(strstr(words.data, "fused: exponent undetermined, n^1.98 +- 0.51 (r2 "));
    text_free(&words);
    fit.exponent = fit.exponent_ci95 = fit.r2 = NAN;
    fit.fitted_from = 2;
    report_fit_words(&fit, &words);
    assert_string_equal(words.data, "fused: no exponent, a fit needs 3 points and there are 2 "
                                    "beyond the cost of launching, 12.3 ps per query-key pair; "
                                    "memory n^1.00");
    text_free(&words);
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct text line = {0};
    words_line(&line, "ab\xc3\xa9\xc3\xa9", 5);
    assert_string_equal(line.data, "ab\xc3\xa9...");
    text_free(&line);
    words_line(&line, "ab\nc\td", 6);
    assert_string_equal(line.data, "ab c d");
    text_free(&line);
}

static void an_empty_file_has_a_report(void **state)
{
    (void)state;
    struct results results = sample_results();
    results.row_count = results.device_count = 0;
    results.run.finished_utc = NULL;
    memset(results.run.time_s, 0, sizeof results.run.time_s);
    results_derive(&results);
    struct text report = {0};
    report_markdown(&results, &report);
    assert_non_null(strstr(report.data, "Nothing was checked."));
    assert_non_null(strstr(report.data, "0 cells (not finished: 17 planned)"));
    text_free(&report);
    report_table(&results, (struct looks){.width = 80, .color = true}, &report);
    assert_string_equal(report.data, "0 cells\n");
    text_free(&report);
    results_free(&results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markdown_is_as_before),
        cmocka_unit_test(csv_is_as_before),
        cmocka_unit_test(other_tools_formats_are_as_before),
        cmocka_unit_test(table_is_as_before),
        cmocka_unit_test(markdown_escapes_foreign_text),
        cmocka_unit_test(markdown_fits_into_a_comment),
        cmocka_unit_test(json_formats_stay_json),
        cmocka_unit_test(a_store_that_truncates_is_reported),
        cmocka_unit_test(drift_is_reported),
        cmocka_unit_test(two_groups_of_times_are_reported),
        cmocka_unit_test(csv_is_rectangular_and_inert),
        cmocka_unit_test(tables_fit_their_width),
        cmocka_unit_test(color_is_only_added),
        cmocka_unit_test(wrong_rows_are_never_ranked),
        cmocka_unit_test(rows_that_cannot_be_told_apart_both_win),
        cmocka_unit_test(labels_name_what_varies),
        cmocka_unit_test(fits_in_words),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(an_empty_file_has_a_report),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
