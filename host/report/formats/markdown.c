#include "report/claims/claims.h"
#include "report/failures.h"
#include "report/grid.h"
#include "report/pairs.h"
#include "report/ranking.h"
#include "report/report.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* GitHub takes 65536 characters in a comment. Tables end when the text is longer than TABLES_BYTES;
 * what comes after them is at most REASONS_MAX reasons. */
enum {
    REASON_BYTES = 240,
    NAME_BYTES = 120,
    LIST_BYTES = 2000,
    REASONS_MAX = 20,
    TABLES_BYTES = 36000
};

/* Foreign text inside of an HTML tag's line, where Markdown is not read and a backslash is one. */
static void add_html(struct text *out, const char *foreign, size_t max_bytes)
{
    struct text line = {0};
    words_unlink(&line, foreign, max_bytes);
    for (const char *c = text_get(&line); *c; ++c)
        if (strchr("&<>\"'\\`*_{}[]|~$#!", *c))
            text_print(out, "&#%d;", *c);
        else
            text_add_bytes(out, c, 1);
    text_free(&line);
}

/* How many results stand behind the numbers, on the device that was checked. */
static void add_checked(const struct results *results, const char *device, struct text *out)
{
    const struct checked checked = words_count_checked(results, device);
    if (results->device_count > 1) {
        text_add(out, "On ");
        words_markdown(out, device, NAME_BYTES);
        text_add(out, ": ");
    }
    if (checked.wrong)
        text_print(out, "**%d of %d checked cells %s WRONG** (not ranked; see below).",
                   checked.wrong, checked.right + checked.wrong, checked.wrong == 1 ? "is" : "are");
    else if (checked.right == 1)
        text_add(out, "The one checked cell is right.");
    else if (checked.right)
        text_print(out, "All %d checked cells are right.", checked.right);
    else
        text_add(out, "Nothing was checked.");
    if (checked.unchecked)
        text_print(out, " %d timed cell%s not checked.", checked.unchecked,
                   checked.unchecked == 1 ? " was" : "s were");
    text_add(out, results->device_count > 1 ? "  \n" : "\n");
}

static void add_correctness(const struct results *results, struct text *out)
{
    for (int i = 0; i < results->device_count; ++i)
        add_checked(results, results->devices[i].id, out);
    if (!results->device_count)
        text_add(out, "Nothing was checked.\n");
    void (*const words[])(struct text *, const struct results *) = {words_rounding, words_drift,
                                                                    words_modes};
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i) {
        struct text remark = {0};
        words[i](&remark, results);
        if (remark.length) {
            text_add(out, "\n");
            words_markdown(out, text_get(&remark), SIZE_MAX);
            text_add(out, ".\n");
        }
        text_free(&remark);
    }
}

/* How near its rows come to what the device's roofs allow. */
static void add_roofline(const struct grid *grid, const char *variant, struct text *out)
{
    const struct row *least = NULL, *most = NULL;
    for (int i = 0; i < grid->problem_count * grid->variant_count; ++i) {
        const struct row *row = grid->rows[i];
        if (!row || row->status != ROW_OK || !isfinite(row->rates.frac_of_roofline) ||
            strcmp(row->variant, variant) != 0)
            continue;
        if (!least || row->rates.frac_of_roofline < least->rates.frac_of_roofline)
            least = row;
        if (!most || row->rates.frac_of_roofline > most->rates.frac_of_roofline)
            most = row;
    }
    if (!most)
        return;
    text_print(out, " It reaches %.0f to %.0f %% of the roofline (",
               100 * least->rates.frac_of_roofline, 100 * most->rates.frac_of_roofline);
    words_markdown(out, most->rates.roof ? most->rates.roof : "unknown", NAME_BYTES);
    text_add(out, " binds where it is nearest).");
}

/* Where each variant wins, if it is not one everywhere. */
static void add_regions(const struct ranking *ranking, struct text *out)
{
    if (!ranking_has_regions(ranking))
        return;
    text_add(out,
             "\n| fastest | problems | times the next | phase | n | heads | d_k | dtype | mask |\n"
             "|---|--:|--:|---|--:|--:|--:|---|---|\n");
    for (int i = 0; i < ranking->region_count; ++i) {
        const struct region *region = ranking->regions + i;
        text_add(out, "| ");
        words_markdown(out, region->variant, NAME_BYTES);
        text_print(out, " | %d | ", region->problems);
        if (isfinite(region->lead))
            text_print(out, "%.2f", region->lead);
        text_print(out, " | %s | %s | %s | %s | %s | ", region->decode ? "decode" : "prefill",
                   region->n, region->heads, region->d_k, region->dtype);
        words_markdown(out, region->mask, NAME_BYTES);
        text_add(out, " |\n");
    }
}

static void add_choice(const struct results *results, const struct device_info *device,
                       struct text *out)
{
    struct arena arena = {0};
    struct ranking ranking;
    struct text line = {0};
    const struct grid grid = grid_build(results, device->id, NULL, &arena);
    ranking_build(&ranking, &grid, &arena);
    ranking_headline(&ranking, device->name, &line);
    const char *headline = text_get(&line);
    if (ranking.winner) { /* it begins with the name */
        text_add(out, "**");
        words_markdown(out, ranking.winner, NAME_BYTES);
        text_add(out, "**");
        headline += strlen(ranking.winner);
    }
    words_markdown(out, headline, LIST_BYTES);
    text_add(out, ".");
    if (ranking.winner)
        add_roofline(&grid, ranking.winner, out);
    text_add(out, "\n");
    const struct text_list remarks = ranking_remarks(&ranking, &grid, &arena);
    text_add(out, remarks.count ? "\n" : "");
    for (int i = 0; i < remarks.count; ++i) {
        text_add(out, "- ");
        words_markdown(out, remarks.values[i], LIST_BYTES);
        text_add(out, "\n");
    }
    add_regions(&ranking, out);
    text_add(out, "\n");
    text_free(&line);
    arena_free(&arena);
}

/* How much one device is of the other, which kernel is for which, and what is missing. */
static void add_pairs(const struct results *results, struct text *out)
{
    struct arena arena = {0};
    const size_t count = (size_t)results->device_count;
    struct pair_side *sides = arena_array(&arena, count, sizeof *sides);
    for (size_t i = 0; i < count; ++i)
        sides[i] = (struct pair_side){results->devices[i].id, results, results->devices[i].id};
    const struct text_list sentences = pairs_sentences(sides, (int)count, &arena);
    for (int i = 0; i < sentences.count; ++i) {
        text_add(out, "- ");
        words_markdown(out, sentences.values[i], LIST_BYTES);
        text_add(out, "\n");
    }
    text_add(out, "\n");
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
    text_add(out, "\nOne is missing, slow or wrong? attnbench doctor says why.\n");
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

static void add_grid(const struct grid *grid, struct text *out)
{
    words_markdown(out, grid->fixed, NAME_BYTES);
    text_add(out, "\n\n| ");
    words_markdown(out, grid->axes, NAME_BYTES);
    text_add(out, " |");
    for (int v = 0; v < grid->variant_count; ++v) {
        text_add(out, " ");
        words_markdown(out, grid->names[v], NAME_BYTES);
        text_add(out, " |");
    }
    text_add(out, "\n|--:|");
    for (int v = 0; v < grid->variant_count; ++v)
        text_add(out, "--:|");
    text_add(out, "\n");
    int shown = 0;
    for (; shown < grid->problem_count && out->length < TABLES_BYTES; ++shown) {
        text_add(out, "| ");
        words_markdown(out, grid->labels[shown], NAME_BYTES);
        text_add(out, " |");
        for (int v = 0; v < grid->variant_count; ++v)
            add_cell(grid, shown, grid->rows[shown * grid->variant_count + v], out);
        text_add(out, "\n");
    }
    if (shown < grid->problem_count)
        text_print(out, "\n%d further problems are left out: a comment would not hold them.\n",
                   grid->problem_count - shown);
    if (*grid->absent) {
        text_add(out, "\nUnsupported here: ");
        words_markdown(out, grid->absent, LIST_BYTES);
        text_add(out, "\n");
    }
}

static void add_fits(const struct results *results, const struct device_info *device,
                     const char *sweep, struct text *out)
{
    bool any = false;
    for (int i = 0; i < results->scaling_count && out->length < TABLES_BYTES; ++i) {
        const struct scaling_fit *fit = results->scaling + i;
        if (strcmp(fit->device, device->id) != 0 || strcmp(fit->sweep, sweep) != 0)
            continue;
        struct text words = {0};
        words_fit(&words, results, fit);
        text_add(out, any ? "- " : "\n- ");
        words_markdown(out, text_get(&words), SIZE_MAX);
        text_add(out, "\n");
        text_free(&words);
        any = true;
    }
}

/* Open or folded. GitHub reads Markdown inside of HTML after an empty line. */
static void add_sweep(const struct results *results, const struct device_info *device,
                      const struct sweep_rows *rows, bool folded, struct text *out)
{
    struct arena arena = {0};
    const char *sweep = rows->name;
    const struct grid grid = grid_build_rows(rows->rows, rows->count, &arena);
    void (*add)(struct text *, const char *, size_t) = folded ? add_html : words_markdown;
    text_add(out, folded ? "\n<details><summary>" : "\n### ");
    add(out, sweep, NAME_BYTES);
    text_add(out, " on ");
    add(out, device->id, NAME_BYTES);
    text_add(out, folded ? "</summary>\n\n" : "\n\n");
    add_grid(&grid, out);
    add_fits(results, device, sweep, out);
    text_add(out, folded ? "\n</details>\n" : "");
    arena_free(&arena);
}

/* The first sweep is what a reader sees; the others are a click away. */
static void add_sweeps(const struct results *results, struct text *out)
{
    int shown = 0, left_out = 0;
    for (int i = 0; i < results->device_count; ++i) {
        struct arena arena = {0};
        const struct sweep_list sweeps = grid_sweeps(results, results->devices[i].id, &arena);
        for (int k = 0; k < sweeps.count; ++k) {
            if (out->length < TABLES_BYTES)
                add_sweep(results, results->devices + i, &sweeps.items[k], shown++ > 0, out);
            else
                ++left_out;
        }
        arena_free(&arena);
    }
    if (left_out)
        text_print(out,
                   "\n%d further sweep%s left out: a comment would not hold %s; --format csv has "
                   "all rows.\n",
                   left_out, left_out == 1 ? " is" : "s are", left_out == 1 ? "it" : "them");
}

static void add_failures(const struct results *results, struct text *out)
{
    struct arena arena = {0};
    const struct failure *failures;
    const int kinds = failures_find(results, &failures, &arena);
    if (kinds)
        text_add(out, "\n### Not ok\n\n| cells | status | variant | device | reason |\n"
                      "|--:|---|---|---|---|\n");
    for (int i = 0; i < kinds && i < REASONS_MAX; ++i) {
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
        text_print(out, "\n%d further reasons are left out.\n", kinds - REASONS_MAX);
    arena_free(&arena);
}

void report_markdown(const struct results *results, struct text *out)
{
    const struct run_header *run = &results->run;
    text_add(out, "## attnbench: ");
    words_markdown(out, run->suite_name, NAME_BYTES);
    text_add(out, "\n\n");
    if (results->device_count > 1)
        add_pairs(results, out);
    for (int i = 0; i < results->device_count; ++i)
        add_choice(results, results->devices + i, out);
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
    report_claims_markdown(results, TABLES_BYTES, out);
    add_sweeps(results, out);
    add_failures(results, out);
    struct text exceeded = {0};
    words_exceeded(&exceeded, results);
    if (exceeded.length)
        text_print(out, "\n%s.\n", text_get(&exceeded));
    text_free(&exceeded);
    text_add(
        out,
        "\nMedian time (GFLOP/s, part of the peak); bold: the fastest, and what cannot "
        "be told from it "
        "(95 % intervals overlap); ~: still noisy when its time was up, or times in two groups.\n");
}
