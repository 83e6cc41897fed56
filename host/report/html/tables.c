#include "report/failures.h"
#include "report/grid.h"
#include "report/html/html.h"
#include "report/reproduce.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { NAME_BYTES = 120, REASON_BYTES = 600, FAILURES_MAX = 100 };

/* A table wider than the page scrolls by itself; the focus lets the keyboard scroll it. */
static void open_table(struct text *out, const char *id, const char *label)
{
    text_print(out, "<div class=\"scroll%s\" role=\"group\" tabindex=\"0\" aria-label=\"",
               *id ? " tall" : "");
    words_xml(out, label, NAME_BYTES);
    text_print(out, "\"><table%s%s%s>\n", *id ? " id=\"" : "", id, *id ? "\"" : "");
}

static void close_table(struct text *out)
{
    text_add(out, "</tbody></table></div>\n");
}

static void add_percent(struct text *out, double fraction)
{
    struct text plain = {0};
    words_fraction(&plain, fraction);
    if (plain.length)
        text_print(out, "%.*s %%", (int)plain.length - 1, text_get(&plain));
    text_free(&plain);
}

/* ---- times by sweep -------------------------------------------------------------------------- */

static void add_cell(const struct grid *grid, int problem, const struct row *row, struct text *out)
{
    const bool winner = grid_is_winner(grid, problem, row);
    if (!row) {
        text_add(out, "<td></td>");
    } else if (row->status != ROW_OK) {
        const bool wrong = row->status == ROW_WRONG;
        text_print(out, "<td class=\"%s\">%s</td>", wrong ? "bad" : "none",
                   row_status_name(row->status));
    } else {
        text_print(out, "<td>%s%s", winner ? "<b>" : "", row->time.stable ? "" : "~");
        html_seconds(out, row->time.median_s);
        text_add(out, winner ? "</b>" : "");
        text_add(out, " <small>");
        words_rate(out, row->rates.gflop_s);
        text_add(out, isfinite(row->rates.frac_of_peak) ? ", " : "");
        add_percent(out, row->rates.frac_of_peak);
        text_add(out, "</small></td>");
    }
}

static void add_grid(const struct grid *grid, const char *sweep, struct text *out)
{
    open_table(out, "", sweep);
    text_add(out, "<thead><tr><th scope=\"col\">");
    words_xml(out, grid->axes, NAME_BYTES);
    text_add(out, "</th>");
    for (int v = 0; v < grid->variant_count; ++v) {
        text_add(out, "<th scope=\"col\">");
        words_xml(out, grid->names[v], NAME_BYTES);
        text_add(out, "</th>");
    }
    text_add(out, "</tr></thead>\n<tbody>\n");
    for (int p = 0; p < grid->problem_count; ++p) {
        text_add(out, "<tr><th scope=\"row\">");
        words_xml(out, grid->labels[p], NAME_BYTES);
        text_add(out, "</th>");
        for (int v = 0; v < grid->variant_count; ++v)
            add_cell(grid, p, grid->rows[p * grid->variant_count + v], out);
        text_add(out, "</tr>\n");
    }
    close_table(out);
}

static void add_fits(const struct html_source *source, const char *sweep, struct text *out)
{
    bool any = false;
    for (int i = 0; i < source->results->scaling_count; ++i) {
        const struct scaling_fit *fit = source->results->scaling + i;
        if (strcmp(fit->device, source->device->id) != 0 || strcmp(fit->sweep, sweep) != 0)
            continue;
        struct text words = {0};
        words_fit(&words, source->results, fit);
        text_add(out, any ? "<li>" : "<details><summary>Fitted growth</summary><ul>\n<li>");
        words_xml(out, text_get(&words), SIZE_MAX);
        text_add(out, "</li>\n");
        text_free(&words);
        any = true;
    }
    text_add(out, any ? "</ul></details>\n" : "");
}

static void add_sweep(const struct html_page *page, const struct html_source *source,
                      const struct sweep_rows *rows, struct text *out)
{
    struct arena arena = {0};
    const char *sweep = rows->name;
    const struct grid grid = grid_build_rows(rows->rows, rows->count, &arena);
    text_add(out, "<h3>");
    words_xml(out, sweep, NAME_BYTES);
    if (page->source_count > 1) {
        text_add(out, ", ");
        words_xml(out, source->label, SIZE_MAX);
    }
    text_add(out, "</h3>\n<p>");
    words_xml(out, grid.fixed, NAME_BYTES);
    if (*grid.absent) {
        text_add(out, "; unsupported here: ");
        words_xml(out, grid.absent, REASON_BYTES);
    }
    text_add(out, "</p>\n");
    struct text label = {0};
    text_print(&label, "times of %s, %s", sweep, source->label);
    add_grid(&grid, text_get(&label), out);
    text_free(&label);
    add_fits(source, sweep, out);
    arena_free(&arena);
}

void html_add_sweeps(const struct html_page *page, struct text *out)
{
    for (int i = 0; i < page->source_count; ++i) {
        struct arena arena = {0};
        const struct html_source *source = page->sources + i;
        const struct sweep_list sweeps = grid_sweeps(source->results, source->device->id, &arena);
        for (int k = 0; k < sweeps.count; ++k) {
            add_sweep(page, source, &sweeps.items[k], out);
            text_drain(out);
        }
        arena_free(&arena);
    }
}

/* ---- what was not ok ------------------------------------------------------------------------- */

void html_add_failures(const struct html_page *page, struct text *out)
{
    bool any = false;
    for (int f = 0; f < page->count; ++f) {
        struct arena arena = {0};
        const struct failure *failures;
        const int kinds = failures_find(page->results + f, &failures, &arena);
        for (int i = 0; i < kinds && i < FAILURES_MAX; ++i) {
            const struct row *row = failures[i].row;
            const int source = html_source_of(page, f, row);
            if (!any) {
                open_table(out, "", "what was skipped or failed, and why");
                text_add(out, "<thead><tr><th scope=\"col\">cells</th><th scope=\"col\">status</th>"
                              "<th scope=\"col\">variant</th><th scope=\"col\">device</th>"
                              "<th scope=\"col\">reason</th></tr></thead>\n<tbody>\n");
            }
            any = true;
            text_print(out, "<tr><td>%d</td><td%s>%s</td><td>", failures[i].cells,
                       row->status == ROW_WRONG ? " class=\"bad\"" : "",
                       row_status_name(row->status));
            words_xml(out, row->variant, NAME_BYTES);
            text_add(out, "</td><td>");
            words_xml(out, source < 0 ? row->device : page->sources[source].label, NAME_BYTES);
            text_add(out, "</td><td class=\"text\">");
            words_xml(out, row->reason ? row->reason : "no reason given", REASON_BYTES);
            text_add(out, "</td></tr>\n");
        }
        if (kinds > FAILURES_MAX)
            text_print(out,
                       "<tr><td>%d</td><td></td><td></td><td></td><td class=\"text\">further "
                       "reasons: see the rows below</td></tr>\n",
                       kinds - FAILURES_MAX);
        arena_free(&arena);
    }
    if (any)
        close_table(out);
    else
        text_add(out, "<p>Nothing: every cell ran, and every checked result was right.</p>\n");
}

/* ---- every row ------------------------------------------------------------------------------- */

/* A cell that sorts by its number; an unknown one sorts last. */
static void open_number(struct text *out, double value)
{
    if (isfinite(value))
        text_print(out, "<td data-v=\"%.5g\">", value);
    else
        text_add(out, "<td>");
}

static void add_pair(struct text *out, int64_t first, int64_t second)
{
    open_number(out, (double)(first > second ? first : second));
    text_print(out, "%lld", (long long)first);
    if (first != second)
        text_print(out, " / %lld", (long long)second);
    text_add(out, "</td>");
}

static void add_fraction(struct text *out, double fraction)
{
    open_number(out, fraction);
    add_percent(out, fraction);
    text_add(out, "</td>");
}

static void add_measured(const struct row *row, struct text *out)
{
    const bool timed = row->time.samples_s.count > 0;
    open_number(out, timed ? row->time.median_s : NAN);
    if (timed && isfinite(row->time.median_s)) {
        text_add(out, row->time.stable ? "" : "~");
        html_seconds(out, row->time.median_s);
    }
    text_add(out, "</td>");
    const double half = 0.5 * (row->time.ci95_s[1] - row->time.ci95_s[0]) / row->time.median_s;
    open_number(out, half);
    add_percent(out, half);
    text_add(out, "</td>");
    open_number(out, row->rates.gflop_s);
    words_rate(out, row->rates.gflop_s);
    text_add(out, "</td>");
    add_fraction(out, row->rates.frac_of_peak);
    add_fraction(out, row->rates.frac_of_roofline);
    open_number(out, row->check.err_over_tolerance);
    if (isfinite(row->check.err_over_tolerance))
        text_print(out, "%.2g", row->check.err_over_tolerance);
    text_add(out, "</td>");
    open_number(out, row->memory.scratch_bytes);
    if (isfinite(row->memory.scratch_bytes))
        text_add_bytes_size(out, row->memory.scratch_bytes);
    text_add(out, "</td>");
}

static void add_named(struct text *out, const char *name, const char *foreign)
{
    if (!foreign || !*foreign)
        return;
    text_print(out, "<p>%s: ", name);
    words_xml(out, foreign, REASON_BYTES);
    text_add(out, "</p>");
}

static void add_details(const struct results *results, const struct row *row, int index,
                        struct text *out)
{
    struct text command = {0}, tuning = {0};
    text_print(out, "<td class=\"text\"><details data-row=\"%d\"><summary>%s</summary>", index,
               row->reason ? "why" : "more");
    add_named(out, "reason", row->reason);
    add_named(out, "clock", row->time.clock_reason);
    for (int i = 0; i < row->tuning.count; ++i)
        text_print(&tuning, "%s%s=%lld", i ? ", " : "", row->tuning.items[i].name,
                   (long long)row->tuning.items[i].value);
    add_named(out, "tuning", text_get(&tuning));
    add_named(out, "the driver said", row->worker_output);
    reproduce_command(results, row, &command);
    text_add(out, "<p>again:</p><pre>");
    words_xml(out, text_get(&command), SIZE_MAX);
    text_add(out, "</pre></details></td>");
    text_free(&command);
    text_free(&tuning);
}

static void add_row(const struct html_page *page, int file, const struct row *row, int index,
                    struct text *out)
{
    const struct problem *problem = &row->problem;
    const int source = html_source_of(page, file, row);
    text_add(out, "<tr>");
    if (page->source_count > 1) {
        text_add(out, "<td>");
        words_xml(out, source < 0 ? row->device : page->sources[source].label, NAME_BYTES);
        text_add(out, "</td>");
    }
    text_add(out, "<td>");
    words_xml(out, row->variant, NAME_BYTES);
    text_print(out, "</td><td class=\"%s\">%s</td>",
               row->status == ROW_WRONG ? "bad"
               : row->status == ROW_OK  ? "ok"
                                        : "none",
               row_status_name(row->status));
    add_pair(out, problem->n_q, problem->n_kv);
    add_pair(out, problem->heads_q, problem->heads_kv);
    add_pair(out, problem->d_k, problem->d_v);
    text_print(out, "<td>%s</td><td>%s", dtype_name((enum dtype)problem->dtype),
               problem_enum_name(problem, "mask"));
    struct text others = {0};
    html_other_keys(&others, problem);
    text_print(out, "%s%s</td>", others.length ? ", " : "", text_get(&others));
    text_free(&others);
    add_measured(row, out);
    add_details(page->results + file, row, index, out);
    text_add(out, "</tr>\n");
}

void html_add_rows(const struct html_page *page, struct text *out)
{
    static const char *const columns[] = {"variant", "status",      "n",      "heads",   "d",
                                          "dtype",   "mask",        "median", "±",       "GFLOP/s",
                                          "of peak", "of roofline", "error",  "scratch", "details"};
    open_table(out, "rows", "every row");
    text_add(out, "<thead><tr>");
    if (page->source_count > 1)
        text_add(out, "<th scope=\"col\">device</th>");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; ++i)
        text_print(out, "<th scope=\"col\">%s</th>", columns[i]);
    text_add(out, "</tr></thead>\n<tbody>\n");
    for (int f = 0, index = 0; f < page->count; ++f)
        for (int i = 0; i < page->results[f].row_count; ++i, ++index) {
            add_row(page, f, page->results[f].rows + i, index, out);
            text_drain(out);
        }
    close_table(out);
}
