/* Comparisons of two runs against golden files (GOLDEN_UPDATE=1 rewrites them), and against hostile
 * content. */
#include "sample_results.h"

#include "report/compare/changes.h"
#include "report/formats/junit.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

typedef void writer(const struct changes *changes, struct text *out);

static void plain_table(const struct changes *changes, struct text *out)
{
    changes_table(changes, 80, false, out);
}

static const struct {
    const char *golden;
    writer *write;
} formats[] = {{"compare.txt", plain_table},
               {"compare.md", changes_markdown},
               {"compare.json", changes_json},
               {"compare.html", changes_html},
               {"compare.junit.xml", changes_junit}};
enum { FORMATS = sizeof formats / sizeof *formats };

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

/* The sample: rows 0 to 7 are naive and fused in turn over n = 128 ... 1024. */
enum { NAIVE_128, FUSED_128, NAIVE_256, FUSED_256, NAIVE_512, FUSED_512, NAIVE_1024, FUSED_1024 };

/* A device of its own, so that it may be changed. */
static struct device_info *own_device(struct results *results)
{
    struct device_info *device = arena_alloc(&results->arena, sizeof *device);
    *device = results->devices[0];
    results->devices = device;
    return device;
}

static void remove_row(struct results *results, int index)
{
    --results->row_count;
    for (int i = index; i < results->row_count; ++i)
        results->rows[i] = results->rows[i + 1];
}

/* The sample with one change of each kind. */
static struct results changed_results(void)
{
    struct results results = sample_results();
    struct row *rows = results.rows;
    struct arena *arena = &results.arena;
    struct device_info *device = own_device(&results);
    device->driver = "2.0";
    results.run.id = "fedcba9876543210fedcba9876543210";
    results.run.started_utc = "2026-02-01T12:00:00Z";
    results.run.host_cpu = "another CPU";
    results.run.seed = 2;
    rows[NAIVE_128].status = ROW_WRONG;
    rows[NAIVE_128].reason = "element [0,1,2,3]: got nan, want 0.5";
    sample_times(&rows[FUSED_1024], arena, 1.1 * 0x1p-29 * 1024 * 1024);
    sample_times(&rows[FUSED_512], arena, 0.75 * 0x1p-29 * 512 * 512);
    sample_times(&rows[NAIVE_512], arena, 1.002 * 0x1p-27 * 512 * 512);
    rows[FUSED_256].status = ROW_SKIPPED;
    rows[FUSED_256].reason = "needs 12.0 GiB, the device has 8.00 GiB";
    rows[NAIVE_1024].time.samples_s.count = 1;
    rows[FUSED_128].time.clock = "host";
    rows[FUSED_128].tuning.items[0].value = 32;
    for (int i = 8; i < results.row_count; ++i)
        if (rows[i].status == ROW_WRONG) {
            rows[i].status = ROW_OK;
            rows[i].reason = NULL;
        }
    rows[results.row_count] = sample_row(arena, sample_problem(4096, 8), "fused", "demo/n");
    sample_times(&rows[results.row_count++], arena, 0x1p-5);
    remove_row(&results, NAIVE_256);
    return results;
}

/* Changes with what they point into. */
struct fixture {
    struct results base, new_run;
    struct arena arena;
    struct changes changes;
};

static void build(struct fixture *fixture)
{
    const struct side base = {.file = "base.json", .results = &fixture->base};
    const struct side new_side = {.file = "new.json", .results = &fixture->new_run};
    changes_build(&fixture->changes, &base, &new_side, 0.03, &fixture->arena);
}

static void release(struct fixture *fixture)
{
    results_free(&fixture->base);
    results_free(&fixture->new_run);
    arena_free(&fixture->arena);
}

static void formats_are_as_before(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = changed_results()};
    build(&f);
    for (int i = 0; i < FORMATS; ++i) {
        struct text report = {0};
        formats[i].write(&f.changes, &report);
        compare_golden(formats[i].golden, &report);
        text_free(&report);
    }
    release(&f);
}

static const struct change *find(const struct changes *changes, const char *variant, int64_t n)
{
    for (int i = 0; i < changes->count; ++i) {
        const struct change *change = changes->items + i;
        const struct row *row = change->new_row ? change->new_row : change->base;
        if (strcmp(row->variant, variant) == 0 && row->problem.n_q == n &&
            row->problem.heads_q == 8)
            return change;
    }
    fail_msg("%s n=%d is not there", variant, (int)n);
    return NULL;
}

static void each_kind_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *variant;
        int64_t n;
        enum change_kind kind;
    } expected[] = {{"naive", 128, CHANGE_BROKEN},   {"fused", 1024, CHANGE_SLOWER},
                    {"naive", 256, CHANGE_MISSING},  {"fused", 256, CHANGE_MISSING},
                    {"naive", 1024, CHANGE_UNCLEAR}, {"fused", 128, CHANGE_UNCLEAR},
                    {"naive", 512, CHANGE_SAME},     {"fused", 4096, CHANGE_NEW},
                    {"fused", 512, CHANGE_FASTER}};
    struct fixture f = {.base = sample_results(), .new_run = changed_results()};
    build(&f);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; ++i) {
        const struct change *change = find(&f.changes, expected[i].variant, expected[i].n);
        if (change->kind != expected[i].kind)
            fail_msg("%s n=%d is %s", expected[i].variant, (int)expected[i].n,
                     change_kind_name(change->kind));
        assert_true((change->reason != NULL) ==
                    (change->kind == CHANGE_BROKEN || change->kind == CHANGE_MISSING ||
                     change->kind == CHANGE_UNCLEAR));
    }
    assert_int_equal(f.changes.counts[CHANGE_FIXED], 1);
    assert_int_equal(f.changes.counts[CHANGE_NEITHER], 7); /* all other statuses */
    assert_int_equal(changes_regressions(&f.changes), 4);
    int total = 0;
    for (int kind = 0; kind < CHANGE_KINDS; ++kind)
        total += f.changes.counts[kind];
    assert_int_equal(total, f.changes.count);
    for (int i = 1; i < f.changes.count; ++i)
        assert_true(f.changes.items[i - 1].kind <= f.changes.items[i].kind);
    /* Two that are the same, slower, faster, too few samples, and one by the host's clock. */
    assert_int_equal(f.changes.all.cells, 6);
    release(&f);
}

static void a_run_is_the_same_as_itself(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = sample_results()};
    build(&f);
    assert_int_equal(f.changes.counts[CHANGE_SAME], 9);
    assert_int_equal(f.changes.counts[CHANGE_NEITHER], 8);
    assert_int_equal(f.changes.difference_count, 0);
    assert_true(fabs(f.changes.all.ratio - 1) < 1e-12);
    release(&f);
}

/* Four times as long by construction, problem by problem. */
static void two_variants_of_a_run(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results()};
    const struct side base = {.file = "one.json", .results = &f.base, .variant = "fused"};
    const struct side other = {.file = "one.json", .results = &f.base, .variant = "naive"};
    changes_build(&f.changes, &base, &other, 0.03, &f.arena);
    assert_int_equal(f.changes.counts[CHANGE_SLOWER], 4);
    assert_true(fabs(f.changes.all.ratio - 4) < 1e-9);
    assert_int_equal(f.changes.counts[CHANGE_BROKEN], 1); /* fused is ok where naive is wrong */
    assert_int_equal(f.changes.difference_count, 0);
    release(&f);
}

static void devices_are_matched(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = sample_results()};
    struct device_info *device = own_device(&f.new_run);
    device->id = "other-3"; /* one device on each side: matched by its place */
    for (int i = 0; i < f.new_run.row_count; ++i)
        f.new_run.rows[i].device = device->id;
    build(&f);
    assert_int_equal(f.changes.counts[CHANGE_SAME], 9);
    assert_int_equal(f.changes.difference_count, 1);
    assert_string_equal(f.changes.differences[0].what, "device id");
    assert_string_equal(f.changes.items[0].device, "null-0");
    arena_free(&f.arena);
    /* Two on one side: by id, and so no cell is in both. */
    struct device_info *two = arena_array(&f.new_run.arena, 2, sizeof *two);
    two[0] = two[1] = *device;
    two[1].id = "other-4";
    f.new_run.devices = two;
    f.new_run.device_count = 2;
    build(&f);
    assert_int_equal(f.changes.matched, 0);
    struct err err = {""};
    changes_explain_none(&f.changes, &err);
    assert_non_null(strstr(err.message, "devices null-0 in BASE, other-3, other-4 in NEW"));
    release(&f);
}

/* Where clocks differ the host's decides, which is always there. */
static void clocks_are_not_mixed(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = sample_results()};
    for (int i = 0; i < f.new_run.row_count; ++i) {
        struct row *row = f.new_run.rows + i;
        if (!row->time.clock)
            continue;
        /* Ten times as long as the host saw it before. */
        sample_times(row, &f.new_run.arena, 10 * f.base.rows[i].time.host_median_s);
        row->time.clock = "host";
    }
    build(&f);
    assert_int_equal(f.changes.counts[CHANGE_SLOWER], 9);
    for (int i = 0; i < f.changes.count; ++i) {
        const struct change *change = f.changes.items + i;
        if (change->kind != CHANGE_SLOWER)
            continue;
        const bool by_host = strcmp(change->base->time.clock, "device") == 0;
        assert_int_equal(change->host_clock, by_host);
        if (by_host && fabs(change->times.ratio / 10 - 1) > 0.05)
            fail_msg("%s: %g", change->base->cell, change->times.ratio);
        assert_true(change->times.ratio_low <= change->times.ratio);
        assert_true(change->times.ratio_high >= change->times.ratio);
    }
    f.base.rows[FUSED_512].time.host_median_s = NAN; /* no clock in common */
    arena_free(&f.arena);
    build(&f);
    const struct change *change = find(&f.changes, "fused", 512);
    assert_int_equal(change->kind, CHANGE_UNCLEAR);
    assert_non_null(strstr(change->reason, "timed by the device's clock in BASE"));
    release(&f);
}

/* What the runs of BASE differ by is no change; what is beyond it is. */
static void several_runs_of_base(void **state)
{
    (void)state;
    static const double factors[] = {1, 1.15, 0.9, 1.06};
    struct results runs[4];
    const struct results *more[3];
    struct arena arena = {0};
    for (int r = 0; r < 4; ++r) {
        runs[r] = sample_results();
        for (int i = 0; i < runs[r].row_count; ++i)
            if (runs[r].rows[i].status == ROW_OK)
                sample_times(&runs[r].rows[i], &runs[r].arena,
                             factors[r] * runs[r].rows[i].time.median_s);
        if (r)
            more[r - 1] = &runs[r];
    }
    static const struct {
        double factor;
        enum change_kind kind;
    } cases[] = {{1.19, CHANGE_UNCLEAR}, {1.9, CHANGE_SLOWER}, {0.5, CHANGE_FASTER}};
    for (int c = 0; c < 3; ++c) {
        struct results new_run = sample_results();
        struct changes changes;
        struct side base = {.file = "a,b,c,d", .results = &runs[0], .more = more, .more_count = 3};
        const struct side new_side = {.file = "new.json", .results = &new_run};
        for (int i = 0; i < new_run.row_count; ++i)
            if (new_run.rows[i].status == ROW_OK)
                sample_times(&new_run.rows[i], &new_run.arena,
                             cases[c].factor * new_run.rows[i].time.median_s);
        changes_build(&changes, &base, &new_side, 0.03, &arena);
        const struct change *change = find(&changes, "fused", 512);
        assert_int_equal(change->base_runs, 4);
        assert_true(change->threshold > 0.27); /* the runs themselves are 0.9 to 1.15 */
        if (c == 0)
            assert_true(change->kind == CHANGE_SAME || change->kind == CHANGE_UNCLEAR);
        else
            assert_int_equal(change->kind, cases[c].kind);
        base.more_count = 0; /* one run alone knows nothing of that */
        changes_build(&changes, &base, &new_side, 0.03, &arena);
        if (c == 0)
            assert_int_equal(find(&changes, "fused", 512)->kind, CHANGE_SLOWER);
        results_free(&new_run);
    }
    for (int r = 0; r < 4; ++r)
        results_free(&runs[r]);
    arena_free(&arena);
}

/* A file that differs is named; a hash says nothing to a person. */
static void files_that_differ_are_named(void **state)
{
    (void)state;
    static const struct source_file before[] = {{"kernels/fused/fused.cl", "1111"},
                                                {"kernels/fused/variant.json", "2222"}};
    static const struct source_file after[] = {{"kernels/fused/fused.cl", "1111"},
                                               {"kernels/fused/variant.json", "3333"}};
    struct fixture f = {.base = sample_results(), .new_run = sample_results()};
    f.base.run.files = before;
    f.new_run.run.files = after;
    f.base.run.file_count = f.new_run.run.file_count = 2;
    f.new_run.run.plan_id = "another";
    build(&f);
    assert_int_equal(f.changes.difference_count, 1);
    struct text words = {0};
    changes_difference(f.changes.differences, &words);
    assert_string_equal(text_get(&words), "kernels/fused/variant.json differs");
    text_free(&words);
    arena_free(&f.arena);
    f.base.run.file_count = 0; /* a file of an earlier version: all that is known is the plan */
    build(&f);
    assert_int_equal(f.changes.difference_count, 1);
    assert_string_equal(f.changes.differences[0].what, "plan (cells, variants, devices)");
    release(&f);
}

/* Reasons that differ in nothing but numbers are one line. */
static void reasons_with_other_numbers_are_one(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = sample_results()};
    struct change_reason reasons[CHANGE_REASONS_MAX];
    int others = 0;
    f.new_run.rows[FUSED_128].status = f.new_run.rows[FUSED_256].status = ROW_SKIPPED;
    f.new_run.rows[FUSED_128].reason = "over the budget: 1.5 s of 60 s are spent";
    f.new_run.rows[FUSED_256].reason = "over the budget: 12e-3 s of 7 s are spent";
    build(&f);
    assert_int_equal(changes_reasons(&f.changes, reasons, &others), 1);
    assert_int_equal(reasons[0].cells, 2);
    release(&f);
}

/* Another program may have kept more than a comparison takes: the latest count. */
static void more_samples_than_are_compared(void **state)
{
    (void)state;
    enum { MANY = SAMPLES_COMPARED_MAX + 500 };
    static double before[MANY], after[MANY];
    struct fixture f = {.base = sample_results(), .new_run = sample_results()};
    for (int i = 0; i < MANY; ++i) {
        before[i] = 1 + 1e-3 * (i * 37 % 11);
        after[i] = i < 500 ? 5 : before[i];
    }
    f.base.rows[FUSED_512].time.samples_s = (struct number_list){MANY, before};
    f.new_run.rows[FUSED_512].time.samples_s = (struct number_list){MANY, after};
    build(&f);
    assert_int_equal(find(&f.changes, "fused", 512)->kind, CHANGE_SAME);
    release(&f);
}

/* The runs with every string hostile; the cells differ, so that broken and missing ones appear. */
static void make_hostile(struct results *results, const char *hostile)
{
    struct device_info *device = own_device(results);
    device->id = device->name = device->platform = device->driver = device->vendor = hostile;
    struct run_header *run = &results->run;
    run->id = run->started_utc = run->suite_name = run->tool_version = run->git_commit = hostile;
    run->host_cpu = run->host_os = run->plan_id = run->suite_sha256 = run->shard.source = hostile;
    for (int i = 0; i < results->row_count; ++i) {
        struct row *row = results->rows + i;
        row->device = hostile;
        row->cell = arena_print(&results->arena, "%s%s", row->cell, hostile);
        row->variant = arena_print(&results->arena, "%s%s", row->variant, hostile);
        if (row->status != ROW_OK)
            row->reason = hostile;
    }
}

/* One of each thing that some format takes for more than text; the same on both sides, so that
 * cells match. Invalid UTF-8, NUL-like and forbidden characters of XML too. */
#define WORSE                                                                                      \
    HOSTILE "</script></style>]]>--><!-- \x01\x07\x08\x0b\x7f \xef\xbf\xbe\xef\xbf\xbf"            \
            "\xed\xa0\x80 &amp; &#0; '\" on=x \xe2\x80\xa8 \xe2\x81\xa6 \xc2\x9b"                  \
            "31m \xc0\x80 %s%n ${x}"

static void hostile_text_stays_text(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = changed_results()};
    make_hostile(&f.base, WORSE);
    make_hostile(&f.new_run, WORSE);
    f.new_run.run.host_cpu = WORSE "2";
    build(&f);
    assert_int_equal(f.changes.counts[CHANGE_BROKEN], 1);
    for (int i = 0; i < FORMATS; ++i) {
        struct text report = {0}, printable = {0};
        formats[i].write(&f.changes, &report);
        text_add_printable(&printable, text_get(&report), true);
        assert_string_equal(text_get(&report), text_get(&printable)); /* nothing to replace */
        if (i != 0 && i != 2) /* a terminal and JSON take < as it is */
            assert_null(strstr(text_get(&report), "<script"));
        if (i == 3 || i == 4) {
            assert_null(strstr(text_get(&report), "]]>"));
            assert_null(strstr(text_get(&report), "<!--"));
            assert_null(strstr(text_get(&report), "\xef\xbf\xbe"));
            assert_null(strstr(text_get(&report), "\xef\xbf\xbf"));
        }
        text_free(&report);
        text_free(&printable);
    }
    release(&f);
}

static void the_table_fits(void **state)
{
    (void)state;
    static const int widths[] = {72, 80, 200};
    struct fixture f = {.base = sample_results(), .new_run = changed_results()};
    make_hostile(&f.base, WORSE);
    make_hostile(&f.new_run, WORSE);
    build(&f);
    for (int i = 0; i < 3; ++i) {
        struct text report = {0};
        changes_table(&f.changes, widths[i], false, &report);
        for (const char *line = text_get(&report); *line; line += strcspn(line, "\n") + 1) {
            const int length = (int)strcspn(line, "\n");
            if (length > widths[i] || (length && line[length - 1] == ' '))
                fail_msg("%d columns of %d: '%.*s'", length, widths[i], length, line);
        }
        text_free(&report);
    }
    release(&f);
}

static void color_marks_the_verdict(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = changed_results()};
    struct text colored = {0}, plain = {0};
    build(&f);
    changes_table(&f.changes, 80, true, &colored);
    changes_table(&f.changes, 80, false, &plain);
    assert_non_null(strstr(text_get(&colored), "\x1b[31mslower \x1b[0m"));
    assert_null(strchr(text_get(&plain), '\x1b'));
    text_free(&colored);
    text_free(&plain);
    release(&f);
}

/* Every variant, by as much: a hint at the machine. */
static void variants_that_change_alike(void **state)
{
    (void)state;
    struct fixture f = {.base = sample_results(), .new_run = sample_results()};
    for (int side = 0; side < 2; ++side) {
        struct results *results = side ? &f.new_run : &f.base;
        struct row *row = results->rows + results->row_count++;
        *row = sample_row(&results->arena, sample_problem(128, 8), "tiled", "demo/n");
        sample_times(row, &results->arena, 1e-3);
    }
    for (int i = 0; i < f.new_run.row_count; ++i)
        if (f.new_run.rows[i].status == ROW_OK)
            sample_times(&f.new_run.rows[i], &f.new_run.arena, 1.07 * f.base.rows[i].time.median_s);
    f.base.rows[16].time.clock = f.new_run.rows[16].time.clock = "device";
    build(&f);
    struct text words = {0};
    changes_alike(&f.changes, &words);
    assert_string_equal(text_get(&words), "all 3 variants became slower: look at the machine "
                                          "(clocks, other work, driver) before the kernels");
    text_free(&words);
    release(&f);
}

static void junit_of_a_check(void **state)
{
    (void)state;
    struct results results = sample_results();
    static const char *const rules[] = {"summary: ok is 8, but there are 9 such rows",
                                        "a <rule> & \"another\" \x1b[2J"};
    const struct text_list none = {0, NULL}, broken = {2, rules};
    struct text suites = {0}, document = {0};
    junit_check("good.json", &results, &none, &suites);
    junit_check("bad.json", &results, &broken, &suites);
    junit_check("unreadable.json", NULL, &(struct text_list){1, rules}, &suites);
    junit_document(&suites, &document);
    compare_golden("check.junit.xml", &document);
    text_free(&suites);
    text_free(&document);
    results_free(&results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_as_before),
        cmocka_unit_test(each_kind_is_told),
        cmocka_unit_test(a_run_is_the_same_as_itself),
        cmocka_unit_test(two_variants_of_a_run),
        cmocka_unit_test(devices_are_matched),
        cmocka_unit_test(clocks_are_not_mixed),
        cmocka_unit_test(several_runs_of_base),
        cmocka_unit_test(files_that_differ_are_named),
        cmocka_unit_test(reasons_with_other_numbers_are_one),
        cmocka_unit_test(more_samples_than_are_compared),
        cmocka_unit_test(hostile_text_stays_text),
        cmocka_unit_test(the_table_fits),
        cmocka_unit_test(color_marks_the_verdict),
        cmocka_unit_test(variants_that_change_alike),
        cmocka_unit_test(junit_of_a_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
