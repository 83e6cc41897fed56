#include "report/grid.h"
#include "report/report.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_BYTES = 240, NAME_BYTES = 120, REASONS_MAX = 20 };

/* How many results stand behind the numbers. */
static void add_correctness(const struct results *results, struct text *out)
{
    int right = 0, wrong = 0, unchecked = 0;
    for (int i = 0; i < results->row_count; ++i) {
        const struct row *row = results->rows + i;
        const bool checked = row->check.rows_checked > 0;
        right += row->status == ROW_OK && checked;
        unchecked += row->status == ROW_OK && !checked;
        wrong += row->status == ROW_WRONG;
    }
    if (wrong)
        text_print(out, "**%d of %d checked cells %s WRONG** (not ranked; see below).", wrong,
                   right + wrong, wrong == 1 ? "is" : "are");
    else if (right)
        text_print(out, "All %d checked cells are right.", right);
    else
        text_add(out, "Nothing was checked.");
    if (unchecked)
        text_print(out, " %d timed cell%s not checked.", unchecked,
                   unchecked == 1 ? " was" : "s were");
    text_add(out, "\n");
    struct text drift = {0};
    words_drift(&drift, results);
    if (drift.length) {
        text_add(out, "\n");
        words_markdown(out, text_get(&drift), SIZE_MAX);
        text_add(out, ".\n");
    }
    text_free(&drift);
}

static void add_choice(const struct results *results, const struct device_info *device,
                       struct text *out)
{
    struct arena arena = {0};
    const struct grid grid = grid_build(results, device->id, NULL, &arena);
    const struct choice choice = grid_choose(&grid);
    if (choice.variant) {
        text_add(out, "**");
        words_markdown(out, choice.variant, NAME_BYTES);
        text_add(out, "** is the best choice on ");
        words_markdown(out, device->name, NAME_BYTES);
        text_print(out,
                   ": ok on %d of %d problems, fastest on %d, geometric mean speed %.0f %% of "
                   "the fastest.\n",
                   choice.ok, grid.problem_count, choice.fastest, 100 * choice.relative);
    } else {
        text_add(out, "No variant has a usable result on ");
        words_markdown(out, device->name, NAME_BYTES);
        text_add(out, ".\n");
    }
    arena_free(&arena);
}

static void add_peaks(const struct device_info *device, struct text *out)
{
    const char *before = ": ";
    for (int i = 0; i < PEAKS; ++i) {
        const double rate = peaks_get(&device->peaks, (enum peak)i);
        if (!isfinite(rate))
            continue;
        if (*before == ':') {
            text_add(out, "\nMeasured peaks of ");
            words_markdown(out, device->id, NAME_BYTES);
        }
        text_print(out, "%s%s %.4g %s", before, peak_title((enum peak)i), rate,
                   peak_unit((enum peak)i));
        before = ", ";
    }
    text_add(out, *before == ',' ? ".\n" : "");
}

static void add_devices(const struct results *results, struct text *out)
{
    text_add(out, "\n| device | name | platform | driver | type | compute units | memory "
                  "| empty launch |\n|---|---|---|---|---|--:|--:|--:|\n");
    for (int i = 0; i < results->device_count; ++i) {
        const struct device_info *device = results->devices + i;
        const char *const texts[] = {device->id, device->name, device->platform, device->driver,
                                     device->type};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; ++k) {
            text_add(out, "| ");
            words_markdown(out, texts[k] ? texts[k] : "", NAME_BYTES);
            text_add(out, " ");
        }
        text_print(out, "| %lld | ", (long long)device->compute_units);
        text_add_bytes_size(out, (double)device->global_bytes);
        text_add(out, " | ");
        if (device->launch_us > 0)
            text_add_seconds(out, device->launch_us * 1e-6);
        text_add(out, " |\n");
    }
    for (int i = 0; i < results->device_count; ++i)
        add_peaks(results->devices + i, out);
}

static void add_cell(const struct grid *grid, int problem, const struct row *row, struct text *out)
{
    text_add(out, " ");
    if (row && row->status == ROW_OK) {
        const char *mark = grid_is_winner(grid, problem, row) ? "**" : "";
        text_add(out, mark);
        text_add(out, row->time.stable ? "" : "~");
        text_add_seconds(out, row->time.median_s);
        text_add(out, mark);
        struct text rate = {0};
        words_rate(&rate, row->rates.gflop_s);
        if (rate.length && isfinite(row->rates.frac_of_peak))
            text_add(&rate, ", ");
        words_fraction(&rate, row->rates.frac_of_peak);
        if (rate.length)
            text_print(out, " (%s)", text_get(&rate));
        text_free(&rate);
    } else if (row) {
        words_markdown(out, row->status == ROW_WRONG ? "WRONG" : row_status_name(row->status),
                       NAME_BYTES);
    }
    text_add(out, " |");
}

static void add_sweep(const struct results *results, const struct device_info *device,
                      const char *sweep, struct text *out)
{
    struct arena arena = {0};
    const struct grid grid = grid_build(results, device->id, sweep, &arena);
    text_add(out, "\n### ");
    words_markdown(out, sweep, NAME_BYTES);
    text_add(out, " on ");
    words_markdown(out, device->id, NAME_BYTES);
    text_add(out, "\n\n");
    words_markdown(out, grid.fixed, NAME_BYTES);
    text_add(out, "\n\n| ");
    words_markdown(out, grid.axes, NAME_BYTES);
    text_add(out, " |");
    for (int v = 0; v < grid.variant_count; ++v) {
        text_add(out, " ");
        words_markdown(out, grid.variants[v], NAME_BYTES);
        text_add(out, " |");
    }
    text_add(out, "\n|--:|");
    for (int v = 0; v < grid.variant_count; ++v)
        text_add(out, "--:|");
    text_add(out, "\n");
    for (int p = 0; p < grid.problem_count; ++p) {
        text_add(out, "| ");
        words_markdown(out, grid.labels[p], NAME_BYTES);
        text_add(out, " |");
        for (int v = 0; v < grid.variant_count; ++v)
            add_cell(&grid, p, grid.rows[p * grid.variant_count + v], out);
        text_add(out, "\n");
    }
    if (*grid.absent) {
        text_add(out, "\nUnsupported here: ");
        words_markdown(out, grid.absent, SIZE_MAX);
        text_add(out, "\n");
    }
    bool first = true;
    for (int i = 0; i < results->scaling_count; ++i) {
        const struct scaling_fit *fit = results->scaling + i;
        if (strcmp(fit->device, device->id) != 0 || strcmp(fit->sweep, sweep) != 0)
            continue;
        struct text words = {0};
        words_fit(&words, results, fit);
        text_add(out, first ? "\n- " : "- ");
        words_markdown(out, text_get(&words), SIZE_MAX);
        text_add(out, "\n");
        text_free(&words);
        first = false;
    }
    arena_free(&arena);
}

/* Cells that failed in the same way. */
struct failure {
    const struct row *row; /* one of them */
    int cells;
};

static int compare_kinds(const void *left, const void *right)
{
    const struct row *a = ((const struct failure *)left)->row;
    const struct row *b = ((const struct failure *)right)->row;
    int order = (int)a->status - (int)b->status;
    if (!order)
        order = strcmp(a->variant, b->variant);
    if (!order)
        order = strcmp(a->device, b->device);
    if (!order)
        order = strcmp(a->reason ? a->reason : "", b->reason ? b->reason : "");
    return order;
}

static void add_failures(const struct results *results, struct text *out)
{
    struct arena arena = {0};
    struct failure *failures = arena_array(&arena, (size_t)results->row_count, sizeof *failures);
    size_t count = 0, kinds = 0;
    for (int i = 0; i < results->row_count; ++i)
        if (results->rows[i].status != ROW_OK)
            failures[count++] = (struct failure){results->rows + i, 1};
    qsort(failures, count, sizeof *failures, compare_kinds);
    for (size_t i = 0; i < count; ++i) {
        if (kinds && compare_kinds(failures + kinds - 1, failures + i) == 0)
            ++failures[kinds - 1].cells;
        else
            failures[kinds++] = failures[i];
    }
    if (kinds)
        text_add(out, "\n### Not ok\n\n| cells | status | variant | device | reason |\n"
                      "|--:|---|---|---|---|\n");
    for (size_t i = 0; i < kinds && i < REASONS_MAX; ++i) {
        const struct row *row = failures[i].row;
        text_print(out, "| %d | ", failures[i].cells);
        words_markdown(out, row_status_name(row->status), NAME_BYTES);
        text_add(out, " | ");
        words_markdown(out, row->variant, NAME_BYTES);
        text_add(out, " | ");
        words_markdown(out, row->device, NAME_BYTES);
        text_add(out, " | ");
        words_markdown(out, row->reason ? row->reason : "", REASON_BYTES);
        text_add(out, " |\n");
    }
    if (kinds > REASONS_MAX)
        text_print(out, "\n%zu further reasons are left out.\n", kinds - REASONS_MAX);
    arena_free(&arena);
}

void report_markdown(const struct results *results, struct text *out)
{
    const struct run_header *run = &results->run;
    text_add(out, "## attnbench: ");
    words_markdown(out, run->suite_name, NAME_BYTES);
    text_add(out, "\n\n");
    for (int i = 0; i < results->device_count; ++i)
        add_choice(results, results->devices + i, out);
    text_add(out, results->device_count ? "\n" : "");
    add_correctness(results, out);
    text_add(out, "\n");
    struct text summary = {0};
    words_summary(&summary, results);
    words_markdown(out, text_get(&summary), SIZE_MAX);
    text_free(&summary);
    if (!run->finished_utc || results->row_count < run->planned_cells)
        text_print(out, " (not finished: %lld planned)", (long long)run->planned_cells);
    text_add(out, "; started ");
    words_markdown(out, run->started_utc, NAME_BYTES);
    text_add(out, ", attnbench ");
    words_markdown(out, run->tool_version, NAME_BYTES);
    text_add(out, ".\n");
    add_devices(results, out);
    for (int i = 0; i < results->device_count; ++i) {
        struct arena arena = {0};
        const struct text_list sweeps = grid_sweeps(results, results->devices[i].id, &arena);
        for (int k = 0; k < sweeps.count; ++k)
            add_sweep(results, results->devices + i, sweeps.values[k], out);
        arena_free(&arena);
    }
    add_failures(results, out);
    struct text exceeded = {0};
    words_exceeded(&exceeded, results);
    if (exceeded.length)
        text_print(out, "\n%s.\n", text_get(&exceeded));
    text_free(&exceeded);
    text_add(out, "\nMedian time (GFLOP/s, part of the peak); bold: the fastest, and what cannot "
                  "be told from it "
                  "(95 % intervals overlap); ~: still noisy when its time was up.\n");
}
