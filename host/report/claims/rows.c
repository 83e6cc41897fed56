#include "report/claims/rows.h"

#include "measure/scaling.h"
#include "report/html/html.h"
#include "report/reproduce.h"
#include "report/words.h"

#include <math.h>
#include <string.h>

enum { REASON_BYTES = 200, GROWTH_POINTS_MIN = 3 };
#define SUITE "claims/"

/* ---- rows as curves -------------------------------------------------------------------------- */

static bool is_wanted(const struct claim_source *source, const struct row *row,
                      const struct curve_request *request)
{
    double value = NAN;
    if (strcmp(row->device, source->device) != 0)
        return false;
    if (request->key && (!problem_value(&row->problem, request->key, &value) ||
                         fabs(value - request->value) > 1e-9))
        return false;
    for (int i = 0; i < row->sweeps.count; ++i)
        if (text_starts(row->sweeps.values[i], SUITE) &&
            strcmp(row->sweeps.values[i] + sizeof SUITE - 1, request->sweep) == 0)
            return true;
    return false;
}

static struct curve *curve_of(struct curves *curves, const char *variant)
{
    for (int i = 0; i < curves->count; ++i)
        if (strcmp(curves->items[i].variant, variant) == 0)
            return curves->items + i;
    if (curves->count == CURVES_MAX)
        return NULL;
    curves->items[curves->count].variant = variant;
    return curves->items + curves->count++;
}

static void add_point(struct curve *curve, double x, const struct row *row)
{
    int at = curve->count;
    while (at > 0 && curve->x[at - 1] > x)
        --at;
    if (curve->count == CURVE_POINTS_MAX || (at > 0 && !(curve->x[at - 1] < x)))
        return;
    const size_t after = (size_t)(curve->count++ - at);
    memmove(curve->x + at + 1, curve->x + at, after * sizeof *curve->x);
    memmove(curve->rows + at + 1, curve->rows + at, after * sizeof *curve->rows);
    curve->x[at] = x;
    curve->rows[at] = row;
}

struct curves *curves_find(const struct claim_source *source, struct curve_request request)
{
    struct curves *curves = arena_alloc(source->arena, sizeof *curves);
    for (int i = 0; i < source->results->row_count; ++i) {
        const struct row *row = source->results->rows + i;
        double x = NAN;
        if (!is_wanted(source, row, &request) || !problem_value(&row->problem, request.over, &x))
            continue;
        if (!curves->seen++)
            curves->first = row;
        if (row->status != ROW_OK || !(row->time.median_s > 0)) {
            curves->missed = curves->missed ? curves->missed : row;
            continue;
        }
        struct curve *curve = curve_of(curves, row->variant);
        if (curve)
            add_point(curve, x, row);
    }
    return curves;
}

const struct curve *curves_lead(const struct curves *curves)
{
    const struct curve *lead = NULL;
    for (int i = 0; i < curves->count; ++i) {
        const struct curve *one = curves->items + i;
        if (!lead || one->count > lead->count ||
            (one->count == lead->count &&
             one->rows[one->count - 1]->time.median_s < lead->rows[lead->count - 1]->time.median_s))
            lead = one;
    }
    return lead;
}

const struct row *curve_row_at(const struct curve *curve, double x)
{
    for (int p = 0; p < curve->count; ++p)
        if (!(fabs(curve->x[p] - x) > 0))
            return curve->rows[p];
    return NULL;
}

void curves_why_not(struct text *out, const struct curves *curves)
{
    const struct row *row = curves->missed;
    if (!row) {
        text_add(out, curves->seen ? "too few lengths were asked for" : "there is no such row");
        return;
    }
    text_print(out, "%s: %s (", row->variant, row_status_name(row->status));
    words_line(out, row->reason ? row->reason : "no reason given", REASON_BYTES);
    text_add(out, ")");
}

double row_stage_s(const struct row *row, const char *stage)
{
    if (!stage)
        return row->time.median_s;
    double sum_s = 0;
    for (int i = 0; i < row->passes.count; ++i)
        if (text_starts(row->passes.items[i].kernel, stage))
            sum_s += row->passes.items[i].median_s;
    return sum_s;
}

const double *curve_times(const struct claim_source *source, const struct curve *curve,
                          const char *stage)
{
    double *times_s = arena_array(source->arena, (size_t)curve->count, sizeof *times_s);
    for (int i = 0; i < curve->count; ++i)
        times_s[i] = row_stage_s(curve->rows[i], stage);
    return times_s;
}

const double *curve_x(const struct claim_source *source, const struct curve *curve)
{
    double *x = arena_array(source->arena, (size_t)curve->count, sizeof *x);
    memcpy(x, curve->x, (size_t)curve->count * sizeof *x);
    return x;
}

int curves_common(const struct curve *first, const struct curve *second, double x[CURVE_POINTS_MAX],
                  double first_s[CURVE_POINTS_MAX], double second_s[CURVE_POINTS_MAX])
{
    int count = 0;
    for (int a = 0, b = 0; a < first->count && b < second->count;) {
        if (first->x[a] < second->x[b]) {
            ++a;
        } else if (second->x[b] < first->x[a]) {
            ++b;
        } else {
            x[count] = first->x[a];
            first_s[count] = first->rows[a++]->time.median_s;
            second_s[count++] = second->rows[b++]->time.median_s;
        }
    }
    return count;
}

/* ---- growth ---------------------------------------------------------------------------------- */

/* The fit whose points begin and end with the curve's rows. */
static struct growth fitted(const struct claim_source *source, const struct curve *curve)
{
    const int last = curve->count - 1;
    for (int i = 0; i < source->results->scaling_count && last >= 0; ++i) {
        const struct scaling_fit *fit = source->results->scaling + i;
        if (fit->n.count == curve->count && strcmp(fit->device, source->device) == 0 &&
            strcmp(fit->variant, curve->variant) == 0 && text_starts(fit->sweep, SUITE) &&
            !(fabs(fit->n.values[last] - curve->x[last]) > 0) &&
            !(fabs(fit->median_s.values[last] - curve->rows[last]->time.median_s) > 0) &&
            !(fabs(fit->median_s.values[0] - curve->rows[0]->time.median_s) > 0))
            return (struct growth){fit->exponent, fit->exponent_ci95};
    }
    return (struct growth){NAN, NAN};
}

static int count_passes(const struct row *row, const char *stage)
{
    int count = 0;
    for (int i = 0; i < row->passes.count; ++i)
        count += text_starts(row->passes.items[i].kernel, stage);
    return count;
}

struct growth curve_growth(const struct claim_source *source, const struct curve *curve,
                           const char *stage)
{
    if (!stage)
        return fitted(source, curve);
    const double *times_s = curve_times(source, curve, stage);
    int from = 0;
    while (from < curve->count &&
           is_launch_bound(times_s[from], source->launch_s, count_passes(curve->rows[from], stage)))
        ++from;
    struct power_fit fit;
    if (curve->count - from < GROWTH_POINTS_MIN ||
        power_fit(curve->x + from, times_s + from, curve->count - from, &fit))
        return (struct growth){NAN, NAN};
    return (struct growth){fit.exponent, fit.exponent_ci95};
}

void growth_words(struct text *out, struct growth growth)
{
    if (!isfinite(growth.exponent)) {
        text_add(out, "unknown");
        return;
    }
    text_print(out, "n^%.2f", growth.exponent);
    if (isfinite(growth.ci95))
        text_print(out, " ± %.2f", growth.ci95);
}

enum claim_verdict growth_judge(struct growth growth, double expected)
{
    const double off = fabs(growth.exponent - expected);
    if (off <= CLAIM_EXPONENT_NEAR && growth.ci95 < CLAIM_EXPONENT_WIDTH)
        return CLAIM_HOLDS;
    return off - growth.ci95 > CLAIM_EXPONENT_NEAR ? CLAIM_FAILS : CLAIM_UNMEASURED;
}

enum claim_verdict claim_worst(enum claim_verdict a, enum claim_verdict b)
{
    if (a == CLAIM_FAILS || b == CLAIM_FAILS)
        return CLAIM_FAILS;
    return a == CLAIM_UNMEASURED || b == CLAIM_UNMEASURED ? CLAIM_UNMEASURED : CLAIM_HOLDS;
}

/* ---- words and tables ------------------------------------------------------------------------ */

const char *claim_keep(const struct claim_source *source, struct text *text)
{
    const char *kept = arena_copy(source->arena, text_get(text));
    text_free(text);
    return kept;
}

const char *claim_seconds(const struct claim_source *source, double seconds)
{
    struct text text = {0};
    html_seconds(&text, seconds);
    return claim_keep(source, &text);
}

const char *claim_number(const struct claim_source *source, double number)
{
    const double size = fabs(number);
    if (!isfinite(number))
        return "unknown";
    const int digits = size >= 99.95 || !(size > 0) ? 0 : size >= 9.995 ? 1 : 2;
    return arena_print(source->arena, "%.*f", digits, number);
}

const char *claim_count(const struct claim_source *source, double count)
{
    struct text text = {0};
    const char *digits = arena_print(source->arena, "%.0f", count);
    const bool grouped = strlen(digits) > 4;
    for (size_t left = strlen(digits); left; --left, ++digits)
        text_print(&text, "%c%s", *digits, grouped && left > 1 && left % 3 == 1 ? "," : "");
    return claim_keep(source, &text);
}

const char *claim_about(const struct claim_source *source, double count)
{
    const double unit = pow(10, floor(log10(count)) - 1);
    return claim_count(source, round(count / unit) * unit);
}

const char *claim_percent(const struct claim_source *source, double fraction)
{
    if (!isfinite(fraction))
        return "unknown";
    return arena_print(source->arena, "%.*f %%", 100 * fraction < 9.95 ? 1 : 0, 100 * fraction);
}

struct claim_table claim_table_make(const struct claim_source *source, const char *const *head,
                                    int columns, int lines)
{
    struct claim_table table = {.columns = columns};
    table.cells =
        arena_array(source->arena, (size_t)(lines + 1) * (size_t)columns, sizeof *table.cells);
    memcpy(table.cells, head, (size_t)columns * sizeof *head);
    return table;
}

void claim_table_add(struct claim_table *table, const char *const *cells)
{
    ++table->lines;
    memcpy(table->cells + (size_t)table->lines * (size_t)table->columns, cells,
           (size_t)table->columns * sizeof *cells);
}

void figure_add_series(struct claim_figure *figure, struct claim_series series)
{
    if (figure->series_count < FIGURE_SERIES_MAX)
        figure->series[figure->series_count++] = series;
}

void figure_add_mark(struct claim_figure *figure, struct claim_mark mark)
{
    if (figure->mark_count < FIGURE_MARKS_MAX && isfinite(mark.at) && mark.at > 0)
        figure->marks[figure->mark_count++] = mark;
}

const char *claim_command(const struct claim_source *source, const char *filter)
{
    struct text command = {0};
    reproduce_filter(source->results, source->device, filter, &command);
    return claim_keep(source, &command);
}
