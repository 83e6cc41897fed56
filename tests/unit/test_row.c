/* The row table: round trips, strictness, columns. */
#include "sample_results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static char *print_row(const struct row *row)
{
    cJSON *tree = row_to_json(row);
    char *text = json_print(tree);
    cJSON_Delete(tree);
    return text;
}

static int read_row(struct row *row, const char *text, struct arena *arena, struct err *err)
{
    struct json json;
    if (json_load(&json, "file.json", text, strlen(text), err))
        return -1;
    const int result = row_from_json(row, &json, json.root, arena, err);
    json_free(&json);
    return result;
}

static void every_sample_row_survives_a_round_trip(void **state)
{
    (void)state;
    struct results results = sample_results();
    for (int i = 0; i < results.row_count; ++i) {
        cJSON *tree = row_to_json(results.rows + i);
        char *text = json_print_pretty(tree);
        cJSON_Delete(tree);
        struct row row;
        struct err err = {""};
        struct json json;
        assert_int_equal(json_load(&json, "f", text, strlen(text), &err), 0);
        if (row_from_json(&row, &json, json.root, &results.arena, &err))
            fail_msg("%s", err.message);
        json_free(&json);
        char *before = print_row(results.rows + i), *after = print_row(&row);
        assert_string_equal(before, after);
        assert_int_equal(row.status, results.rows[i].status);
        free(before);
        free(after);
        free(text);
    }
    results_free(&results);
}

static void unknown_groups_are_left_out(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct row row = sample_row(&arena, sample_problem(8, 1), "naive", "s/n");
    char *text = print_row(&row);
    assert_null(strstr(text, "\"time\""));
    assert_null(strstr(text, "\"check\""));
    assert_non_null(strstr(text, "\"reason\":null"));
    free(text);
    row.memory.scratch_bytes = 0; /* zero is known; NaN is not */
    text = print_row(&row);
    assert_non_null(strstr(text, "\"memory\":{\"inputs_bytes\":null,\"scratch_bytes\":0,"));
    struct row back;
    struct err err = {""};
    assert_int_equal(read_row(&back, text, &arena, &err), 0);
    assert_true(isnan(back.time.median_s) && isnan(back.memory.inputs_bytes));
    assert_true(back.memory.scratch_bytes == 0);
    assert_null(back.time.clock);
    free(text);
    arena_free(&arena);
}

static void statuses_have_names(void **state)
{
    (void)state;
    enum row_status status;
    for (int i = 0; i < ROW_STATUSES; ++i) {
        assert_int_equal(row_status_parse(row_status_name((enum row_status)i), &status), 0);
        assert_int_equal(status, i);
    }
    assert_int_equal(row_status_parse("fine", &status), -1);
    assert_int_equal(row_status_parse("", &status), -1);
}

/* Replaces the value at "group.key" of an ok row (NULL: removes it) and reads the row. */
static int read_changed(const char *path, const char *value, struct err *err)
{
    struct arena arena = {0};
    struct row row = sample_row(&arena, sample_problem(8, 1), "naive", "s/n");
    sample_times(&row, &arena, 0.01);
    cJSON *tree = row_to_json(&row), *parent = tree;
    const char *dot = strchr(path, '.');
    if (dot) {
        char group[32];
        snprintf(group, sizeof group, "%.*s", (int)(dot - path), path);
        parent = cJSON_GetObjectItem(tree, group);
        assert_non_null(parent);
    }
    const char *key = dot ? dot + 1 : path;
    assert_true(cJSON_HasObjectItem(parent, key));
    cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
    if (value)
        cJSON_AddItemToObject(parent, key, cJSON_CreateRaw(value));
    char *text = json_print(tree);
    cJSON_Delete(tree);
    struct row back;
    const int result = read_row(&back, text, &arena, err);
    free(text);
    arena_free(&arena);
    return result;
}

static void every_field_must_be_there(void **state)
{
    (void)state;
    for (int i = 0; i < row_field_count(); ++i) {
        const char *path = row_field_path(i);
        if (text_starts(path, "problem."))
            continue;
        struct err err = {""};
        if (is_new_field(path)) { /* files of version 1.0 are read */
            assert_int_equal(read_changed(path, NULL, &err), 0);
            continue;
        }
        assert_int_equal(read_changed(path, NULL, &err), -1);
        char expected[96];
        const char *dot = strchr(path, '.');
        snprintf(expected, sizeof expected, "file.json:1: %.*s%sthe key \"%s\" is missing",
                 dot ? (int)(dot - path) : 0, path, dot ? ": " : "", dot ? dot + 1 : path);
        assert_string_equal(err.message, expected);
    }
}

static void no_field_takes_a_wrong_type(void **state)
{
    (void)state;
    for (int i = 0; i < row_field_count(); ++i) {
        const char *path = row_field_path(i);
        if (text_starts(path, "problem."))
            continue;
        static const char *const wrong[] = {"{\"x\": [[]]}", "[[1]]", "-1", "\"\\u0001\""};
        int refused = 0;
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; ++k) {
            struct err err = {""};
            const int result = read_changed(path, wrong[k], &err);
            assert_true(result == 0 || strstr(err.message, path));
            refused += result != 0;
        }
        assert_true(refused >= 3); /* at most one of these can be of its type */
    }
}

static void out_of_range_is_refused_with_its_path(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value, *message;
    } cases[] = {
        {"status", "\"fine\"",
         "file.json:1: status: expected one of: ok, wrong, unsupported, skipped, build_failed, "
         "oom, timeout, crash, error, found \"fine\""},
        {"cell", "null", "file.json:1: cell: expected a string, found null"},
        {"time.median_s", "-0.5",
         "file.json:1: time.median_s: expected a number from 0 to 1.79769e+308, found -0.5"},
        {"time.median_s", "1e999",
         "file.json:1: time.median_s: expected a number from 0 to 1.79769e+308, found inf"},
        {"time.warmup", "1.5",
         "file.json:1: time.warmup: expected an integer from 0 to 9007199254740991, found 1.5"},
        {"time.warmup", "-3",
         "file.json:1: time.warmup: expected an integer from 0 to 9007199254740991, found -3"},
        {"time.stable", "1", "file.json:1: time.stable: expected true or false, found 1"},
        {"time.ci95_s", "[1]",
         "file.json:1: time.ci95_s: expected an array of two numbers or null, found an array"},
        {"time.ci95_s", "[2, 1]",
         "file.json:1: time.ci95_s[1]: expected a number from 2 to 1.79769e+308, found 1"},
        {"time.samples_s", "[1, \"x\"]",
         "file.json:1: time.samples_s[1]: expected a number from 0 to 1.79769e+308, found \"x\""},
        {"passes", "[1]", "file.json:1: passes[0]: expected an object, found 1"},
        {"passes",
         "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
         "0,"
         "0,0,0,0]",
         "file.json:1: passes: expected an array of at most 48 values, found 49"},
        {"problem", "7", "file.json:1: problem: expected an object, found 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        struct err err = {""};
        assert_int_equal(read_changed(cases[i].path, cases[i].value, &err), -1);
        assert_string_equal(err.message, cases[i].message);
    }
    struct err err = {""};
    assert_int_equal(read_changed("problem", "{\"n_q\": 0}", &err), -1);
    assert_true(text_starts(err.message, "file.json:1: problem: n_q"));
    assert_int_equal(read_changed("tuning", "{\"WG\": \"x\"}", &err), -1);
    assert_true(text_starts(err.message, "file.json:1: tuning: "));
}

static void a_sample_list_has_a_limit(void **state)
{
    (void)state;
    struct text list = {0};
    for (int i = 0; i < 100000; ++i)
        text_add(&list, i ? ",1" : "[1");
    const size_t length = list.length;
    text_add(&list, "]");
    struct err err = {""};
    assert_int_equal(read_changed("time.samples_s", text_get(&list), &err), 0);
    list.length = length;
    text_add(&list, ",1]");
    assert_int_equal(read_changed("time.samples_s", text_get(&list), &err), -1);
    assert_string_equal(err.message, "file.json:1: time.samples_s: expected an array of at most "
                                     "100000 values, found 100001");
    text_free(&list);
}

static void unknown_fields_are_ignored(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct row row = sample_row(&arena, sample_problem(8, 1), "naive", "s/n");
    sample_times(&row, &arena, 0.01);
    cJSON *tree = row_to_json(&row);
    cJSON_AddNumberToObject(tree, "future", 1);
    cJSON_AddNumberToObject(cJSON_GetObjectItem(tree, "time"), "future", 1);
    char *text = json_print(tree);
    cJSON_Delete(tree);
    struct err err = {""};
    assert_int_equal(read_row(&row, text, &arena, &err), 0);
    free(text);
    arena_free(&arena);
}

static const char *column(const struct row *row, const char *path, struct text *out)
{
    text_free(out);
    for (int i = 0; i < row_field_count(); ++i)
        if (strcmp(row_field_path(i), path) == 0) {
            row_field_text(row, i, out);
            return text_get(out);
        }
    return "no such column";
}

static void columns_are_plain_text(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct text out = {0};
    struct problem problem = sample_problem(8, 1);
    problem.mask = MASK_CAUSAL;
    struct row row = sample_row(&arena, problem, "naive", "s/n");
    assert_string_equal(column(&row, "time.median_s", &out), "");
    sample_times(&row, &arena, 0.01);
    row.time.median_s = 0.1;
    assert_string_equal(column(&row, "time.median_s", &out), "0.1");
    assert_string_equal(column(&row, "time.stable", &out), "true");
    assert_string_equal(column(&row, "status", &out), "ok");
    assert_string_equal(column(&row, "reason", &out), "");
    assert_string_equal(column(&row, "tuning", &out), "BLOCK_Q=16,WG=64");
    assert_string_equal(column(&row, "problem.n_q", &out), "8");
    assert_string_equal(column(&row, "problem.mask", &out), "causal");
    assert_string_equal(column(&row, "problem.window_left", &out), "-1");
    assert_string_equal(column(&row, "problem.scale", &out), "0.125");
    assert_string_equal(column(&row, "problem.kv_lengths", &out), "");
    assert_string_equal(column(&row, "sweeps", &out), "s/n");
    row.time.samples_s.count = 2;
    row.time.samples_s.values = (const double[]){0.5, 2};
    assert_string_equal(column(&row, "time.samples_s", &out), "0.5 2");
    row.passes.items[0].median_s = 0.5;
    assert_string_equal(column(&row, "passes", &out), "kernel=attention,median_s=0.5");
    text_free(&out);
    arena_free(&arena);
}

/* A key that problem.c learns must become a column here. */
static void every_problem_key_is_a_column(void **state)
{
    (void)state;
    struct problem problem = sample_problem(8, 1);
    for (const char *const *key = problem_keys(); *key; ++key) {
        double value;
        if (!problem_value(&problem, *key, &value) && strcmp(*key, "kv_lengths") != 0)
            continue; /* a shorthand */
        bool found = false;
        for (int i = 0; i < row_field_count(); ++i)
            found |= text_starts(row_field_path(i), "problem.") &&
                     strcmp(row_field_path(i) + 8, *key) == 0;
        if (!found)
            fail_msg("problem.%s is no column", *key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_row_survives_a_round_trip),
        cmocka_unit_test(unknown_groups_are_left_out),
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(every_field_must_be_there),
        cmocka_unit_test(no_field_takes_a_wrong_type),
        cmocka_unit_test(out_of_range_is_refused_with_its_path),
        cmocka_unit_test(a_sample_list_has_a_limit),
        cmocka_unit_test(unknown_fields_are_ignored),
        cmocka_unit_test(columns_are_plain_text),
        cmocka_unit_test(every_problem_key_is_a_column),
    };
    return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
