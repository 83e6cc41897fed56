#include "report/columns.h"
#include "report/grid.h"
#include "report/report.h"
#include "report/words.h"

#include <math.h>
#include <string.h>

/* Columns: "  12.3 ms    1234*", two before it, and " 85%" where the peak is known. */
enum { CELL = 19, FRACTION = 5, WIDTH_DEFAULT = 80, WIDTH_MIN = 40, FOREIGN_MAX = 2000 };

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

static const char *short_status(enum row_status status)
{
    return status == ROW_WRONG          ? "WRONG"
           : status == ROW_BUILD_FAILED ? "no build"
                                        : row_status_name(status);
}

static void add_cell(const struct grid *grid, int problem, const struct row *row, int columns,
                     bool color, struct text *out)
{
    struct text cell = {0};
    const bool winner = grid_is_winner(grid, problem, row);
    if (row && row->status == ROW_OK) {
        struct text time = {0}, rate = {0}, fraction = {0};
        text_add(&time, row->time.stable ? "" : "~");
        text_add_seconds(&time, row->time.median_s);
        words_rate(&rate, row->rates.gflop_s);
        text_print(&cell, "%9.9s %7s", text_get(&time), text_get(&rate));
        if (columns > CELL)
            words_fraction(&fraction, row->rates.frac_of_peak);
        text_print(&cell, "%*s%s", columns - CELL, text_get(&fraction), winner ? "*" : " ");
        text_free(&time);
        text_free(&rate);
        text_free(&fraction);
    } else {
        text_print(&cell, "%*s ", columns - 2, row ? short_status(row->status) : "-");
    }
    const bool wrong = row && row->status == ROW_WRONG;
    const char *on = !color ? "" : winner ? "\x1b[1m" : wrong ? "\x1b[31m" : "";
    text_print(out, "%s%*s%s", on, columns, text_get(&cell), *on ? "\x1b[0m" : "");
    text_free(&cell);
}

static void add_grid(const struct grid *grid, int width, bool color, struct text *out)
{
    const int cell = grid_has_fractions(grid) ? CELL + FRACTION : CELL;
    int label = (int)strlen(grid->axes);
    for (int p = 0; p < grid->problem_count; ++p)
        if ((int)strlen(grid->labels[p]) > label)
            label = (int)strlen(grid->labels[p]);
    label = at_most(label, width - cell);
    const int columns = (width - label) / cell;
    for (int from = 0; from < grid->variant_count; from += columns) {
        const int to = at_most(from + columns, grid->variant_count);
        if (from)
            text_add(out, "\n");
        columns_right(out, grid->axes, label);
        for (int v = from; v < to; ++v) {
            text_add(out, " ");
            columns_right(out, grid->names[v], cell - 2);
            text_add(out, " ");
        }
        columns_end_line(out);
        for (int p = 0; p < grid->problem_count; ++p) {
            columns_right(out, grid->labels[p], label);
            for (int v = from; v < to; ++v)
                add_cell(grid, p, grid->rows[p * grid->variant_count + v], cell, color, out);
            columns_end_line(out);
        }
    }
}

/* ---- rates as blocks ------------------------------------------------------------------------- */

enum { SPARK_MIN = 3, SPARK_MAX = 32 }; /* problems: fewer show nothing, more fit no line */

static double fastest_gflop_s(const struct grid *grid)
{
    double fastest = 0;
    for (int p = 0; p < grid->problem_count; ++p)
        for (int v = 0; v < grid->variant_count; ++v) {
            const struct row *row = grid->rows[p * grid->variant_count + v];
            if (row && row->status == ROW_OK && isfinite(row->rates.gflop_s))
                fastest = fmax(fastest, row->rates.gflop_s);
        }
    return fastest;
}

/* A block a problem, of one to eight eighths of the full height; a dot where it is not ok. */
static void add_spark(const struct grid *grid, int variant, double full, struct text *out)
{
    for (int p = 0; p < grid->problem_count; ++p) {
        const struct row *row = grid->rows[p * grid->variant_count + variant];
        const double part =
            row && row->status == ROW_OK ? 8 * row->rates.gflop_s / full : (double)NAN;
        const int eighths = part >= 0 ? at_most((int)lround(fmax(part, 1)), 8) : 0;
        if (eighths) /* U+2581 to U+2588 */
            text_print(out, "\xe2\x96%c", 0x80 + eighths);
        else
            text_add(out, "\xc2\xb7");
    }
}

static void add_sparks(const struct grid *grid, int width, struct text *out)
{
    const double full = fastest_gflop_s(grid);
    const int blocks = grid->problem_count, name_max = width - blocks - 4;
    if (blocks < SPARK_MIN || blocks > SPARK_MAX || name_max < 8 || !(full > 0))
        return;
    text_add(out, "GFLOP/s row by row, full height ");
    words_rate(out, full);
    text_add(out, ":\n");
    int column = 0;
    for (int v = 0; v < grid->variant_count; ++v) {
        struct text name = {0};
        columns_ascii(&name, grid->names[v], name_max);
        const int columns = 2 + (int)name.length + 1 + blocks;
        if (column && column + columns > width) {
            text_add(out, "\n");
            column = 0;
        }
        text_print(out, "  %s ", text_get(&name));
        add_spark(grid, v, full, out);
        column += columns;
        text_free(&name);
    }
    text_add(out, "\n");
}

static void add_sweep(const struct results *results, const struct device_info *device,
                      const struct sweep_rows *rows, struct looks looks, struct text *out)
{
    const int width = looks.width;
    struct arena arena = {0};
    struct text heading = {0};
    const char *sweep = rows->name;
    const struct grid grid = grid_build_rows(rows->rows, rows->count, &arena);
    words_line(&heading, sweep, FOREIGN_MAX);
    text_add(&heading, " on ");
    words_line(&heading, device->name, FOREIGN_MAX);
    text_add(&heading, " (");
    words_line(&heading, device->id, FOREIGN_MAX);
    text_add(&heading, "): ");
    words_line(&heading, grid.fixed, FOREIGN_MAX);
    text_print(&heading, "; median time, GFLOP/s%s",
               grid_has_fractions(&grid) ? ", part of the peak" : "");
    columns_wrapped(out, text_get(&heading), width);
    add_grid(&grid, width, looks.color, out);
    if (looks.utf8)
        add_sparks(&grid, width, out);
    if (*grid.absent) {
        struct text absent = {0};
        text_add(&absent, "unsupported here: ");
        words_line(&absent, grid.absent, FOREIGN_MAX);
        columns_wrapped(out, text_get(&absent), width);
        text_free(&absent);
    }
    for (int i = 0; i < results->scaling_count; ++i) {
        const struct scaling_fit *fit = results->scaling + i;
        if (strcmp(fit->device, device->id) != 0 || strcmp(fit->sweep, sweep) != 0)
            continue;
        struct text words = {0};
        words_fit(&words, results, fit);
        columns_wrapped(out, text_get(&words), width);
        text_free(&words);
    }
    text_add(out, "\n");
    text_free(&heading);
    arena_free(&arena);
}

void report_table(const struct results *results, struct looks looks, struct text *out)
{
    if (looks.width <= 0)
        looks.width = WIDTH_DEFAULT;
    if (looks.width < WIDTH_MIN)
        looks.width = WIDTH_MIN;
    const int width = looks.width;
    for (int i = 0; i < results->device_count; ++i) {
        struct arena arena = {0};
        const struct sweep_list sweeps = grid_sweeps(results, results->devices[i].id, &arena);
        for (int k = 0; k < sweeps.count; ++k)
            add_sweep(results, results->devices + i, &sweeps.items[k], looks, out);
        arena_free(&arena);
    }
    if (results->row_count)
        columns_wrapped(out, "*: fastest; ~: still noisy when time was up, or times in two groups",
                        width);
    struct text rounding = {0};
    words_rounding(&rounding, results);
    if (rounding.length)
        columns_wrapped(out, text_get(&rounding), width);
    text_free(&rounding);
    struct text modes = {0};
    words_modes(&modes, results);
    if (modes.length)
        columns_wrapped(out, text_get(&modes), width);
    text_free(&modes);
    struct text exceeded = {0};
    words_exceeded(&exceeded, results);
    if (exceeded.length)
        columns_wrapped(out, text_get(&exceeded), width);
    text_free(&exceeded);
    struct text summary = {0};
    words_summary(&summary, results);
    columns_wrapped(out, text_get(&summary), width);
    text_free(&summary);
    struct text time = {0};
    words_time(&time, results);
    if (time.length)
        columns_wrapped(out, text_get(&time), width);
    text_free(&time);
}
