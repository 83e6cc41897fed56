/* The HTML report: golden tables and data (GOLDEN_UPDATE=1 rewrites them), hostile content,
 * commands that measure a row again, thinning of samples. */
#include "sample_results.h"

#include "report/page/page.h"
#include "report/report.h"
#include "report/reproduce.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void compare_golden(const char *name, const char *content)
{
    char path[512];
    struct err err = {""};
    snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
    if (getenv("GOLDEN_UPDATE")) {
        if (file_replace(path, content, strlen(content), &err))
            fail_msg("%s", err.message);
        return;
    }
    struct text golden = {0};
    if (file_read(path, 1 << 20, &golden, &err))
        fail_msg("%s", err.message);
    assert_string_equal(content, text_get(&golden));
    text_free(&golden);
}

/* What stands between two marks of the page; to be freed. */
static char *part_of(const struct text *page, const char *from, const char *to)
{
    const char *begin = strstr(text_get(page), from);
    assert_non_null(begin);
    begin += strlen(from);
    const char *end = strstr(begin, to);
    assert_non_null(end);
    char *part = calloc((size_t)(end - begin) + 1, 1);
    assert_non_null(part);
    memcpy(part, begin, (size_t)(end - begin));
    return part;
}

static char *data_of(const struct text *page)
{
    return part_of(page, "<script type=\"application/json\" id=\"data\">", "</script>");
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        ++count;
    return count;
}

static void the_page_is_as_before(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text page = {0};
    report_html(&results, 1, &page);
    char *tables = part_of(&page, "<body>\n", "<script"), *data = data_of(&page);
    /* Whether this build found Chart.js is not what is compared. */
    char *note = strstr(tables, "<p class=\"note\">");
    assert_non_null(note);
    char *end = strstr(note, "</p>");
    memmove(note, end, strlen(end) + 1);
    compare_golden("report.html", tables);
    compare_golden("report.data.json", data);
    free(tables);
    free(data);
    text_free(&page);
    results_free(&results);
}

static void foreign_text_stays_text(void **state)
{
    (void)state;
    struct results results = hostile_results();
    results.run.suite_name = "</script><script>alert(1)</script><!-- \xe2\x80\xa8 {{script}} \"'&";
    struct text page = {0};
    report_html(&results, 1, &page);
    const char *text = text_get(&page);
    int scripts = 0;
    for (int i = 0; i < page_file_count; ++i) /* those of the page itself hold none */
        scripts += strcmp(page_files[i].path, "template.html") != 0 &&
                   strstr((const char *)page_files[i].data, "</script") != NULL;
    assert_int_equal(scripts, 0);
    assert_int_equal(count_of(text, "</script"), 3);
    assert_null(strstr(text, "<script>alert"));
    char *tables = part_of(&page, "<body>\n", "<script"), *data = data_of(&page);
    for (const char *control = "\x1b\x07\x7f\xff"; *control; ++control) {
        assert_null(strchr(tables, *control));
        assert_null(strchr(data, *control));
    }
    const char *const outlawed[] = {"\xe2\x80\xae", "\xe2\x80\xa8", "<!--"};
    for (size_t i = 0; i < sizeof outlawed / sizeof *outlawed; ++i) {
        assert_null(strstr(tables, outlawed[i]));
        assert_null(strstr(data, outlawed[i]));
    }
    assert_null(strpbrk(data, "<>&"));
    assert_non_null(strstr(tables, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_non_null(strstr(tables, "{{script}}")); /* what was inserted is not looked at again */
    cJSON *parsed = cJSON_Parse(data);
    assert_non_null(parsed);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(parsed, "rows")), results.row_count);
    cJSON_Delete(parsed);
    free(tables);
    free(data);
    text_free(&page);
    results_free(&results);
}

static void several_files_are_told_apart(void **state)
{
    (void)state;
    struct results both[2] = {sample_results(), sample_results()};
    struct text page = {0};
    both[1].run.started_utc = "2026-02-01T12:00:00Z";
    report_html(both, 2, &page);
    assert_non_null(strstr(text_get(&page), "\"label\":\"null-0 2026-01-31\""));
    assert_non_null(strstr(text_get(&page), "\"label\":\"null-0 2026-02-01\""));
    assert_non_null(strstr(text_get(&page), "\"source\":1,"));
    text_free(&page);
    both[1].run.started_utc = "2026-01-31T13:30:00Z"; /* the same day */
    report_html(both, 2, &page);
    assert_non_null(strstr(text_get(&page), "\"label\":\"null-0 2026-01-31T12:00\""));
    assert_non_null(strstr(text_get(&page), "\"label\":\"null-0 2026-01-31T13:30\""));
    text_free(&page);
    both[1].run.suite_name = "other";
    report_html(both, 2, &page);
    assert_non_null(strstr(text_get(&page), "\"label\":\"null-0 other 2026-01-31\""));
    text_free(&page);
    results_free(&both[0]);
    results_free(&both[1]);
}

static void an_empty_file_has_a_page(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text page = {0};
    results.row_count = results.device_count = results.scaling_count = 0;
    report_html(&results, 1, &page);
    assert_non_null(strstr(text_get(&page), "there is nothing to show"));
    assert_non_null(strstr(text_get(&page), "\"rows\":[]"));
    text_free(&page);
    results_free(&results);
}

static void many_samples_are_thinned_to_quantiles(void **state)
{
    (void)state;
    enum { MANY = 9001, ROWS = 8 };
    struct results results = sample_results();
    struct text page = {0};
    double *samples = arena_array(&results.arena, MANY, sizeof *samples);
    for (int i = 0; i < MANY; ++i)
        samples[i] = 1e-3 * (1 + (i * 7919 % MANY)); /* every number from 1 to MANY once */
    results.row_count = ROWS;
    for (int i = 0; i < ROWS; ++i)
        results.rows[i].time.samples_s = (struct number_list){MANY, samples};
    report_html(&results, 1, &page);
    char *data = data_of(&page);
    cJSON *parsed = cJSON_Parse(data);
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(parsed, "rows"), 0);
    const cJSON *kept = cJSON_GetObjectItem(row, "samples_s");
    const int count = cJSON_GetArraySize(kept);
    assert_int_equal(cJSON_GetObjectItem(row, "samples")->valueint, MANY);
    assert_int_equal(count, 1001);
    const double least = cJSON_GetArrayItem(kept, 0)->valuedouble,
                 middle = cJSON_GetArrayItem(kept, count / 2)->valuedouble,
                 greatest = cJSON_GetArrayItem(kept, count - 1)->valuedouble;
    assert_true(fabs(least - 1e-3) <= 1e-9);
    assert_true(fabs(middle - 1e-3 * (MANY + 1) / 2) <= 1e-9);
    assert_true(fabs(greatest - 1e-3 * MANY) <= 1e-9);
    cJSON_Delete(parsed);
    free(data);
    text_free(&page);
    results_free(&results);
}

static void assert_command(const struct results *results, const struct row *row,
                           const char *expected)
{
    struct text command = {0};
    reproduce_command(results, row, &command);
    assert_string_equal(text_get(&command), expected);
    text_free(&command);
}

#define CELL "'--filter=^attention\\(heads_q=8,heads_kv=8,n_q=128,n_kv=128,d_k=64,d_v=64\\) naive$'"

static void a_row_has_its_command(void **state)
{
    (void)state;
    struct results results = sample_results();
    results.run.seed = 7;
    static const char *const plain[] = {"run", "suites/quick.json"};
    results.run.argv = (struct text_list){2, plain};
    assert_command(&results, results.rows,
                   "attnbench run --device=null-0 --variants=naive " CELL
                   " --seed=7 suites/quick.json");
    /* What restricted the run, said how long, or where to write is replaced or left out. */
    static const char *const full[] = {"run",
                                       "a b.json",
                                       "--device=gpu",
                                       "--variants=naive,fused",
                                       "--filter",
                                       "x",
                                       "--seed=9",
                                       "--set=n=128..256",
                                       "--out",
                                       "o.json",
                                       "--budget=1m",
                                       "--quiet",
                                       "--check=full",
                                       "--quarantine",
                                       "4",
                                       "--peaks",
                                       "--no-lock",
                                       "--",
                                       "it's.json"};
    results.run.argv = (struct text_list){sizeof full / sizeof *full, full};
    assert_command(&results, results.rows,
                   "attnbench run --device=null-0 --variants=naive " CELL
                   " --seed=7 'a b.json' --set=n=128..256 --check=full --peaks -- "
                   "'it'\\''s.json'");
    /* The scripted device keeps its name; a line that ends early does not matter. */
    static const char *const null[] = {"/bin/attnbench", "run", "--device=null-all", "--out"};
    results.run.argv = (struct text_list){4, null};
    assert_command(&results, results.rows,
                   "attnbench run --device=null-all --variants=naive " CELL " --seed=7");
    results.run.argv = (struct text_list){0, NULL};
    results.rows[0].variant = "$(touch x)`y`\n;*";
    struct text command = {0};
    reproduce_command(&results, results.rows, &command);
    assert_non_null(strstr(text_get(&command), " '--variants=$(touch x)`y` ;*' "));
    text_free(&command);
    results_free(&results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_as_before),
        cmocka_unit_test(foreign_text_stays_text),
        cmocka_unit_test(several_files_are_told_apart),
        cmocka_unit_test(an_empty_file_has_a_page),
        cmocka_unit_test(many_samples_are_thinned_to_quantiles),
        cmocka_unit_test(a_row_has_its_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
