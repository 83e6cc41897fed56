/* The journal: what was written is read back, and a kill at any moment loses one line at most. */
#include "sample_results.h"

#include "store/journal.h"
#include "util/file.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/attnbench-journal-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/run.journal", folder);
    return 0;
}

static int drop_journal(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void succeed(int result, const struct err *err)
{
    if (result)
        fail_msg("%s", err->message);
}

/* Writes all rows of the sample; the content of the file. */
static struct text write_sample(const struct results *results)
{
    struct journal journal;
    struct err err = {""};
    succeed(journal_create(&journal, path, results, &err), &err);
    for (int i = 0; i < results->row_count; ++i)
        succeed(journal_add_row(&journal, results->rows + i, &err), &err);
    journal_close(&journal);
    struct text text = {0};
    succeed(file_read(path, 1 << 24, &text, &err), &err);
    return text;
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct results results = sample_results(), back;
    struct text text = write_sample(&results);
    struct err err = {""};
    bool torn = true;
    size_t valid = 0;
    succeed(journal_read(&back, "f", text.data, text.length, &torn, &valid, &err), &err);
    assert_false(torn);
    assert_int_equal(valid, text.length);
    results_derive(&back);
    char *before = results_print(&results), *after = results_print(&back);
    assert_string_equal(before, after);
    int lines = 0;
    for (size_t i = 0; i < text.length; ++i)
        lines += text.data[i] == '\n';
    assert_int_equal(lines, 1 + results.row_count);
    free(before);
    free(after);
    text_free(&text);
    results_free(&back);
    results_free(&results);
}

static void a_tear_at_any_byte_loses_only_the_last_line(void **state)
{
    (void)state;
    struct results results = sample_results();
    results.row_count = 2;
    struct text text = write_sample(&results);
    size_t last = text.length - 1;
    while (text.data[last - 1] != '\n')
        --last;
    assert_true(text.length - last > 1000); /* the line is worth tearing */
    for (size_t length = last; length <= text.length; ++length) {
        char *exact = malloc(length); /* so that the sanitizer sees a read beyond it */
        assert_non_null(exact);
        memcpy(exact, text.data, length);
        struct results back;
        struct err err = {""};
        bool torn = false;
        size_t valid = 0;
        succeed(journal_read(&back, "f", exact, length, &torn, &valid, &err), &err);
        const bool whole = length == text.length;
        assert_int_equal(torn, !whole && length > last);
        assert_int_equal(valid, whole ? text.length : last);
        assert_int_equal(back.row_count, results.row_count - !whole);
        results_free(&back);
        free(exact);
    }
    text_free(&text);
    results_free(&results);
}

static void a_torn_journal_goes_on_where_it_was_whole(void **state)
{
    (void)state;
    struct results results = sample_results(), back;
    struct text text = write_sample(&results), again = {0};
    struct err err = {""};
    assert_int_equal(truncate(path, (off_t)text.length - 5), 0);
    bool torn = false;
    size_t valid = 0;
    succeed(journal_read(&back, path, text.data, text.length - 5, &torn, &valid, &err), &err);
    assert_true(torn);
    results_free(&back);
    struct journal journal;
    succeed(journal_reopen(&journal, path, valid, &err), &err);
    succeed(journal_add_row(&journal, results.rows + results.row_count - 1, &err), &err);
    journal_close(&journal);
    succeed(file_read(path, 1 << 24, &again, &err), &err);
    assert_string_equal(again.data, text.data);
    text_free(&text);
    text_free(&again);
    results_free(&results);
}

static int read_text(const char *text, struct err *err)
{
    struct results back;
    bool torn;
    size_t valid;
    const int result = journal_read(&back, "f.journal", text, strlen(text), &torn, &valid, err);
    if (result == 0)
        results_free(&back);
    return result;
}

static void a_bad_line_that_is_not_the_last_is_an_error(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text text = write_sample(&results);
    struct err err = {""};
    char *third = strchr(strchr(text.data, '\n') + 1, '\n') + 1;
    const char kept = *third;
    *third = 'x';
    assert_int_equal(read_text(text.data, &err), -1);
    assert_true(text_starts(err.message, "f.journal:3:1: not valid JSON"));
    *third = kept;

    char *status = strstr(third, "\"ok\"");
    memcpy(status, "\"no\"", 4);
    assert_int_equal(read_text(text.data, &err), -1);
    assert_true(text_starts(err.message, "f.journal:3:1: row.status: expected one of: ok"));
    memcpy(status, "\"ok\"", 4);
    assert_int_equal(read_text(text.data, &err), 0);

    text_add(&text, "\n"); /* an empty line */
    assert_int_equal(read_text(text.data, &err), -1);
    text.length -= 1;
    text.data[text.length] = '\0';
    text_add(&text, "{\"future\": 1}\n");
    assert_int_equal(read_text(text.data, &err), -1);
    assert_string_equal(err.message, "f.journal:19:1: expected {\"row\": ...} or {\"devices\": "
                                     "[...]}");
    text_free(&text);
    results_free(&results);
}

static void headers_are_checked(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text text = write_sample(&results);
    struct err err = {""};
    assert_int_equal(read_text("", &err), -1);
    assert_string_equal(err.message, "f.journal:1: the header is incomplete: nothing was "
                                     "measured; remove the file");
    *strchr(text.data, '\n') = '\0';
    assert_int_equal(read_text(text.data, &err), -1); /* torn in the header */
    text.data[strlen(text.data)] = '\n';
    char *version = strstr(text.data, RESULTS_VERSION);
    *version = '2';
    assert_int_equal(read_text(text.data, &err), -1);
    assert_string_equal(err.message, "f.journal:1:1: version: made by a newer attnbench: results "
                                     "version 2.4.0, this one reads 1.x");
    *version = '1';
    assert_int_equal(read_text(text.data, &err), 0);
    char *results_text = results_print(&results);
    assert_int_equal(read_text(results_text, &err), -1); /* not a journal */
    free(results_text);
    text_free(&text);
    results_free(&results);
}

static void later_devices_replace_earlier_ones(void **state)
{
    (void)state;
    struct results results = sample_results(), back;
    struct text text = write_sample(&results);
    struct journal journal;
    struct err err = {""};
    struct device_info device = results.devices[0];
    device.launch_us = 7.5;
    succeed(journal_reopen(&journal, path, text.length, &err), &err);
    succeed(journal_add_devices(&journal, &device, 1, &err), &err);
    journal_close(&journal);
    text_free(&text);
    succeed(file_read(path, 1 << 24, &text, &err), &err);
    bool torn;
    size_t valid;
    succeed(journal_read(&back, "f", text.data, text.length, &torn, &valid, &err), &err);
    assert_int_equal(back.device_count, 1);
    assert_true(back.devices[0].launch_us == 7.5);
    assert_int_equal(back.row_count, results.row_count);
    text_free(&text);
    results_free(&back);
    results_free(&results);
}

static void an_existing_file_is_not_overwritten(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct text text = write_sample(&results), again = {0};
    struct journal journal;
    struct err err = {""};
    assert_int_equal(journal_create(&journal, path, &results, &err), -1);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "--resume"));
    succeed(file_read(path, 1 << 24, &again, &err), &err);
    assert_string_equal(again.data, text.data);
    assert_int_equal(journal_reopen(&journal, "/nonexistent/x", 0, &err), -1);
    assert_int_equal(journal_create(&journal, "/nonexistent/x", &results, &err), -1);
    text_free(&text);
    text_free(&again);
    results_free(&results);
}

static void two_writers_are_one_too_many(void **state)
{
    (void)state;
    struct results results = sample_results();
    struct journal first, second;
    struct err err = {""};
    succeed(journal_create(&first, path, &results, &err), &err);
    assert_int_equal(journal_reopen(&second, path, 0, &err), -1);
    assert_non_null(strstr(err.message, "another attnbench"));
    journal_close(&first);
    results_free(&results);
}

/* A file size limit stands in for a full disk: the failed line must leave nothing behind. */
static void a_full_disk_leaves_whole_lines(void **state)
{
    (void)state;
    struct results results = sample_results(), back;
    struct journal journal;
    struct err err = {""};
    succeed(journal_create(&journal, path, &results, &err), &err);
    succeed(journal_add_row(&journal, results.rows, &err), &err);
    struct stat status;
    assert_int_equal(fstat(journal.fd, &status), 0);
    struct rlimit old, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)status.st_size + 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    const int refused = journal_add_row(&journal, results.rows + 1, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(refused, -1);
    assert_non_null(strstr(err.message, "cannot write journal"));
    succeed(journal_add_row(&journal, results.rows + 2, &err), &err);
    journal_close(&journal);
    assert_int_equal(journal_add_row(&journal, results.rows, &err), -1); /* closed */
    struct text text = {0};
    succeed(file_read(path, 1 << 24, &text, &err), &err);
    bool torn = true;
    size_t valid;
    succeed(journal_read(&back, "f", text.data, text.length, &torn, &valid, &err), &err);
    assert_false(torn);
    assert_int_equal(back.row_count, 2);
    assert_string_equal(back.rows[1].cell, results.rows[2].cell);
    text_free(&text);
    results_free(&back);
    results_free(&results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_was_written_is_read_back, drop_journal),
        cmocka_unit_test_teardown(a_tear_at_any_byte_loses_only_the_last_line, drop_journal),
        cmocka_unit_test_teardown(a_torn_journal_goes_on_where_it_was_whole, drop_journal),
        cmocka_unit_test_teardown(a_bad_line_that_is_not_the_last_is_an_error, drop_journal),
        cmocka_unit_test_teardown(headers_are_checked, drop_journal),
        cmocka_unit_test_teardown(later_devices_replace_earlier_ones, drop_journal),
        cmocka_unit_test_teardown(an_existing_file_is_not_overwritten, drop_journal),
        cmocka_unit_test_teardown(two_writers_are_one_too_many, drop_journal),
        cmocka_unit_test_teardown(a_full_disk_leaves_whole_lines, drop_journal),
    };
    return cmocka_run_group_tests_name("journal", tests, make_folder, drop_folder);
}
