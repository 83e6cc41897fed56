/* The rules of a believable results file. */
#include "measure/roofline.h"
#include "measure/stats.h"
#include "store/results.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checker {
    results_report *report;
    void *context;
    int broken;
};

__attribute__((format(printf, 3, 4))) static void
complain(struct checker *checker, const struct row *row, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    struct text message = {0}, safe = {0};
    if (row)
        text_print(&message, "%s @ %s @ %s: ", row->cell, row->variant, row->device);
    text_add(&message, what);
    text_add_printable(&safe, text_get(&message), false);
    checker->report(checker->context, text_get(&safe));
    ++checker->broken;
    text_free(&message);
    text_free(&safe);
}

/* To 1e-9; unknown (NaN) or unbounded equals only its like. */
static bool same(double a, double b)
{
    return (!isfinite(a) && !isfinite(b)) || fabs(a - b) <= 1e-9 * fabs(b);
}

static void compare(struct checker *checker, const struct row *row, const char *field, double found,
                    double expected, const char *source)
{
    if (!same(found, expected))
        complain(checker, row, "%s is %.9g, but %s %.9g", field, found, source, expected);
}

static void check_reason(struct checker *checker, const struct row *row)
{
    const bool given = row->reason && *row->reason;
    if (row->status == ROW_OK && row->reason)
        complain(checker, row, "ok, but there is a reason: \"%.100s\"", row->reason);
    if (row->status != ROW_OK && !given)
        complain(checker, row, "%s without a reason", row_status_name(row->status));
}

/* A scale that used more than its limit; SCALES: none. */
static int over_limit(const struct row *row)
{
    int scale = 0;
    while (scale < SCALES && !(row->check.used[scale] > 1))
        ++scale;
    return scale;
}

static void check_ok(struct checker *checker, const struct row *row)
{
    if (!row->time.clock || row->time.samples_s.count < 1 || !(row->time.median_s > 0))
        complain(checker, row, "ok, but not timed");
    if (!row->check.mode)
        complain(checker, row, "ok, but check.mode is missing");
    else if (strcmp(row->check.mode, "none") != 0 && row->check.rows_checked < 1)
        complain(checker, row, "ok, but no row of its output was checked");
    else if (strcmp(row->check.mode, "none") != 0 &&
             row->check.rows_unjudged > row->check.rows_checked)
        complain(checker, row, "check.rows_unjudged is %lld of %lld checked rows",
                 (long long)row->check.rows_unjudged, (long long)row->check.rows_checked);
    else if (strcmp(row->check.mode, "none") != 0 && over_limit(row) < SCALES)
        complain(checker, row, "ok, but check.used_%s is %.9g; expected at most 1",
                 scale_name((enum scale)over_limit(row)), row->check.used[over_limit(row)]);
    else if (strcmp(row->check.mode, "none") != 0 && !(row->check.err_over_tolerance <= 1))
        complain(checker, row, "ok, but err_over_tolerance is %.9g; expected at most 1",
                 row->check.err_over_tolerance);
}

/* Both groups of times are among the samples, and such a row is not stable. How groups are found
 * may change with the program, so that they are not searched for anew. */
static void check_modes(struct checker *checker, const struct row *row, const struct stats *stats)
{
    const double share = row->time.mode_share, fast_s = row->time.mode_fast_s,
                 slow_s = row->time.mode_slow_s;
    if (isnan(share) && isnan(fast_s) && isnan(slow_s))
        return;
    if (!(share > 0 && share < 1 && fast_s >= stats->min * (1 - 1e-9) && fast_s < slow_s &&
          slow_s <= stats->max * (1 + 1e-9)))
        complain(checker, row,
                 "mode_share %.9g, mode_fast_s %.9g and mode_slow_s %.9g are no two groups of its "
                 "samples",
                 share, fast_s, slow_s);
    else if (row->time.stable)
        complain(checker, row, "it is stable, but its samples are two groups");
}

static void check_times(struct checker *checker, const struct row *row)
{
    const struct number_list *samples = &row->time.samples_s;
    for (int i = 0; i < samples->count; ++i)
        if (!(isfinite(samples->values[i]) && samples->values[i] > 0)) {
            complain(checker, row, "samples_s[%d] is %.9g; expected a positive time", i,
                     samples->values[i]);
            return;
        }
    struct stats stats;
    stats_compute(samples->values, samples->count, &stats);
    const char *source = "its samples say";
    compare(checker, row, "median_s", row->time.median_s, stats.median, source);
    compare(checker, row, "min_s", row->time.min_s, stats.min, source);
    compare(checker, row, "p10_s", row->time.p10_s, stats.p10, source);
    compare(checker, row, "p90_s", row->time.p90_s, stats.p90, source);
    if (!isnan(row->time.drift)) /* files before 1.1 do not have it */
        compare(checker, row, "drift", row->time.drift, stats.drift, source);
    compare(checker, row, "mad_s", row->time.mad_s, stats.mad, source);
    compare(checker, row, "ci95_s[0]", row->time.ci95_s[0], stats.ci95_low, source);
    compare(checker, row, "ci95_s[1]", row->time.ci95_s[1], stats.ci95_high, source);
    check_modes(checker, row, &stats);
}

/* device: NULL when the file does not know it, which is said elsewhere */
static void check_rates(struct checker *checker, const struct row *row,
                        const struct device_info *device)
{
    compare(checker, row, "flops", row->rates.flops, problem_flops(&row->problem),
            "its problem has");
    compare(checker, row, "bytes", row->rates.bytes, problem_bytes(&row->problem),
            "its problem has");
    compare(checker, row, "gflop_s", row->rates.gflop_s,
            row->rates.flops * 1e-9 / row->time.median_s, "flops / median_s is");
    compare(checker, row, "gb_s", row->rates.gb_s, row->rates.bytes * 1e-9 / row->time.median_s,
            "bytes / median_s is");
    if (!device)
        return;
    struct row expected = *row;
    row_rates(&expected, device);
    const char *found = row->rates.roof ? row->rates.roof : "null";
    const char *wanted = expected.rates.roof ? expected.rates.roof : "null";
    const char *source = "its time and the device's peaks say";
    compare(checker, row, "frac_of_peak", row->rates.frac_of_peak, expected.rates.frac_of_peak,
            source);
    compare(checker, row, "frac_of_roofline", row->rates.frac_of_roofline,
            expected.rates.frac_of_roofline, source);
    if (strcmp(found, wanted) != 0)
        complain(checker, row, "roof is %.40s, but %s %s", found, source, wanted);
}

static const struct device_info *find_device(const struct results *results, const char *id)
{
    for (int i = 0; i < results->device_count; ++i)
        if (strcmp(id, results->devices[i].id) == 0)
            return results->devices + i;
    return NULL;
}

static void check_identity(struct checker *checker, const struct results *results,
                           const struct row *row, struct arena *arena)
{
    const char *id = problem_id(&row->problem, arena);
    if (strcmp(row->cell, id) != 0)
        complain(checker, row, "the cell's id does not fit its problem; expected %s", id);
    if (!find_device(results, row->device))
        complain(checker, row, "the device is not among the file's devices");
}

static void check_digests(struct checker *checker, const struct results *results)
{
    bool any = false;
    for (int i = 0; i < results->row_count; ++i)
        any = any || results->rows[i].digest != DIGEST_NONE;
    for (int i = 0; i < results->row_count && any; ++i)
        if (results->rows[i].digest != DIGEST_FITS)
            complain(checker, &results->rows[i], "the row was edited or damaged: %s",
                     results->rows[i].digest == DIGEST_NONE ? "it has no digest, unlike others"
                                                            : "its digest does not fit");
}

static int compare_cells(const void *left, const void *right)
{
    const struct row *a = *(const struct row *const *)left, *b = *(const struct row *const *)right;
    int order = strcmp(a->cell, b->cell);
    if (!order)
        order = strcmp(a->variant, b->variant);
    if (!order)
        order = strcmp(a->device, b->device);
    return order || !a->part.run || !b->part.run ? order : strcmp(a->part.run, b->part.run);
}

static void check_twice(struct checker *checker, const struct results *results, struct arena *arena)
{
    const size_t count = (size_t)results->row_count;
    const struct row **rows = arena_array(arena, count, sizeof *rows);
    for (size_t i = 0; i < count; ++i)
        rows[i] = results->rows + i;
    qsort(rows, count, sizeof *rows, compare_cells);
    for (size_t i = 1; i < count; ++i)
        if (compare_cells(rows + i - 1, rows + i) == 0)
            complain(checker, rows[i], "the cell has more than one row");
}

/* A cell of the plan, wherever it was measured. */
struct planned {
    const struct row *row;
    int64_t slot;
};

static int compare_planned(const void *left, const void *right)
{
    const struct planned *a = left, *b = right;
    int order = strcmp(a->row->cell, b->row->cell);
    if (!order)
        order = strcmp(a->row->variant, b->row->variant);
    return order ? order : (a->slot > b->slot) - (a->slot < b->slot);
}

/* In a merged file several rows may be of one cell: of other runs, or of devices of one model. */
static int count_cells(const struct results *results)
{
    struct arena arena = {0};
    const size_t count = (size_t)results->row_count;
    struct planned *all = arena_array(&arena, count, sizeof *all);
    const char *last = NULL;
    int64_t slot = 0;
    for (size_t i = 0; i < count; ++i) {
        const struct row *row = results->rows + i;
        if (!last || strcmp(last, row->device) != 0) {
            const struct device_info *device = find_device(results, row->device);
            last = row->device;
            slot = device ? device->slot : 0;
        }
        all[i] = (struct planned){row, slot};
    }
    qsort(all, count, sizeof *all, compare_planned);
    int cells = 0;
    for (size_t i = 0; i < count; ++i)
        cells += !i || compare_planned(all + i - 1, all + i) != 0;
    arena_free(&arena);
    return cells;
}

static void check_counts(struct checker *checker, const struct results *results)
{
    const int64_t planned = results->run.planned_cells;
    const bool finished = results->run.finished_utc;
    const int cells = results->run.part_count ? count_cells(results) : results->row_count;
    if (finished ? cells != planned : cells > planned)
        complain(checker, NULL, "run: %d %s; expected %s%" PRId64 " (planned_cells)", cells,
                 results->run.part_count ? "cells of the plan" : "rows", finished ? "" : "at most ",
                 planned);
    int64_t counts[ROW_STATUSES] = {0};
    for (int i = 0; i < results->row_count; ++i)
        ++counts[results->rows[i].status];
    for (int i = 0; i < ROW_STATUSES; ++i)
        if (counts[i] != results->counts[i])
            complain(checker, NULL,
                     "summary: %s is %" PRId64 ", but there are %" PRId64 " such rows",
                     row_status_name((enum row_status)i), results->counts[i], counts[i]);
}

static void check_row(struct checker *checker, const struct results *results, const struct row *row,
                      struct arena *arena)
{
    check_identity(checker, results, row, arena);
    check_reason(checker, row);
    if (row->status == ROW_OK)
        check_ok(checker, row);
    if (row->time.samples_s.count > 0) {
        check_times(checker, row);
        check_rates(checker, row, find_device(results, row->device));
    }
}

int results_check_row(const struct results *results, const struct row *row, results_report *report,
                      void *context)
{
    struct checker checker = {report, context, 0};
    struct arena arena = {0};
    check_row(&checker, results, row, &arena);
    arena_free(&arena);
    return checker.broken;
}

int results_check(const struct results *results, results_report *report, void *context)
{
    struct checker checker = {report, context, 0};
    struct arena arena = {0};
    check_counts(&checker, results);
    check_twice(&checker, results, &arena);
    check_digests(&checker, results);
    for (int i = 0; i < results->row_count; ++i)
        check_row(&checker, results, results->rows + i, &arena);
    arena_free(&arena);
    return checker.broken;
}

int results_warn(const struct results *results, results_report *report, void *context)
{
    struct checker checker = {report, context, 0};
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        if (row->status == ROW_OK && row->rates.frac_of_roofline > ROOFLINE_EXCEEDED)
            complain(
                &checker, row,
                "%.2f of the %s roof: faster than it was measured to be possible; the peak is "
                "stale, or caches were hot (small problems beat the roof of global memory), or "
                "matrix units did the work, which no peak measures",
                row->rates.frac_of_roofline, row->rates.roof);
    }
    return checker.broken;
}
