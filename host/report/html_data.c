#include "report/html.h"
#include "report/words.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 400 };

/* ---- JSON that is safe in a script element --------------------------------------------------- */

/* A comma, unless it is the first in its object or array. */
static void add_next(struct text *out)
{
    if (out->length && !strchr("{[:", out->data[out->length - 1]))
        text_add(out, ",");
}

static void open_key(struct text *out, const char *key)
{
    add_next(out);
    text_print(out, "\"%s\":", key);
}

/* No "<" that could end the element or open a comment. */
static void add_string(struct text *out, const char *foreign)
{
    struct text line = {0};
    words_line(&line, foreign, NAME_BYTES);
    text_add(out, "\"");
    for (const char *c = text_get(&line); *c; ++c)
        if (strchr("<>&'", *c))
            text_print(out, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            text_print(out, "%s%c", strchr("\"\\", *c) ? "\\" : "", *c);
    text_add(out, "\"");
    text_free(&line);
}

static void add_text(struct text *out, const char *key, const char *foreign)
{
    if (!foreign)
        return;
    open_key(out, key);
    add_string(out, foreign);
}

/* Unknown numbers are left out. */
static void add_number(struct text *out, const char *key, double value, int digits)
{
    if (!isfinite(value))
        return;
    open_key(out, key);
    text_print(out, "%.*g", digits, value);
}

enum { SAMPLE = 5, MEASURED = 8, EXACT = 15 }; /* digits: a chart must round as a table does */

static void add_numbers(struct text *out, const char *key, const double *values, int count,
                        int digits)
{
    open_key(out, key);
    text_add(out, "[");
    for (int i = 0; i < count; ++i) {
        add_next(out);
        if (isfinite(values[i]))
            text_print(out, "%.*g", digits, values[i]);
        else
            text_add(out, "null");
    }
    text_add(out, "]");
}

/* ---- sources and problems -------------------------------------------------------------------- */

static void add_sources(const struct html_page *page, struct text *out)
{
    open_key(out, "sources");
    text_add(out, "[");
    for (int i = 0; i < page->source_count; ++i) {
        const struct html_source *source = page->sources + i;
        add_next(out);
        text_add(out, "{");
        add_text(out, "label", source->label);
        add_text(out, "device", source->device->id);
        add_text(out, "name", source->device->name);
        add_text(out, "suite", source->results->run.suite_name);
        add_number(out, "launch_us",
                   source->device->launch_us > 0 ? source->device->launch_us : NAN, MEASURED);
        for (int p = 0; p < PEAKS; ++p)
            add_number(out, peak_name((enum peak)p),
                       peaks_get(&source->device->peaks, (enum peak)p), MEASURED);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void add_keys(struct text *out, const struct problem *problem)
{
    static const char *const always[] = {"n_q", "n_kv", "heads_q", "heads_kv", "d_k", "d_v"};
    for (size_t i = 0; i < sizeof always / sizeof *always; ++i) {
        double value = NAN;
        problem_value(problem, always[i], &value);
        add_number(out, always[i], value, EXACT);
    }
    add_text(out, "dtype", dtype_name((enum dtype)problem->dtype));
    add_text(out, "mask", problem_enum_name(problem, "mask"));
    struct text others = {0};
    html_other_keys(&others, problem);
    add_text(out, "others", others.length ? text_get(&others) : NULL);
    text_free(&others);
}

/* Cells in the order of their first row; `of` becomes each row's index. */
static int *add_problems(const struct html_page *page, struct text *out)
{
    int total = 0, count = 0, slot_count = 16;
    for (int f = 0; f < page->count; ++f)
        total += page->results[f].row_count;
    while (slot_count < 2 * total)
        slot_count *= 2;
    int *of = arena_array(page->arena, (size_t)total + 1, sizeof *of);
    int *slots = arena_array(page->arena, (size_t)slot_count, sizeof *slots); /* index + 1 */
    const struct row **first = arena_array(page->arena, (size_t)total + 1, sizeof *first);
    open_key(out, "problems");
    text_add(out, "[");
    for (int f = 0, index = 0; f < page->count; ++f)
        for (int i = 0; i < page->results[f].row_count; ++i, ++index) {
            const struct row *row = page->results[f].rows + i;
            size_t slot = text_hash(row->cell) & (size_t)(slot_count - 1);
            while (slots[slot] && strcmp(first[slots[slot] - 1]->cell, row->cell) != 0)
                slot = (slot + 1) & (size_t)(slot_count - 1);
            if (!slots[slot]) {
                first[count] = row;
                slots[slot] = ++count;
                add_next(out);
                text_add(out, "\n{");
                add_text(out, "cell", row->cell);
                add_keys(out, &row->problem);
                text_add(out, "}");
            }
            of[index] = slots[slot] - 1;
        }
    text_add(out, "]");
    return of;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* At most `kept` of the samples, in ascending order then: the least, the greatest, and evenly
 * spaced quantiles between them. */
static void add_samples(struct text *out, const struct number_list *samples, int kept)
{
    if (samples->count <= kept) {
        add_numbers(out, "samples_s", samples->values, samples->count, SAMPLE);
        return;
    }
    struct arena arena = {0};
    double *sorted = arena_array(&arena, (size_t)samples->count, sizeof *sorted);
    memcpy(sorted, samples->values, (size_t)samples->count * sizeof *sorted);
    qsort(sorted, (size_t)samples->count, sizeof *sorted, compare_numbers);
    for (int i = 0; i < kept; ++i) /* in place: an index never falls behind i */
        sorted[i] = sorted[(int64_t)i * (samples->count - 1) / (kept - 1)];
    add_numbers(out, "samples_s", sorted, kept, SAMPLE);
    arena_free(&arena);
}

static void add_passes(struct text *out, const struct pass_times *passes)
{
    if (!passes->count)
        return;
    open_key(out, "passes");
    text_add(out, "[");
    for (int i = 0; i < passes->count; ++i) {
        add_next(out);
        text_add(out, "{");
        add_text(out, "kernel", passes->items[i].kernel);
        add_number(out, "median_s", passes->items[i].median_s, MEASURED);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void add_row(const struct row *row, int source, int problem, int samples, struct text *out)
{
    const bool timed = row->status == ROW_OK || row->status == ROW_WRONG;
    add_next(out);
    text_add(out, "\n{");
    add_number(out, "source", source, EXACT);
    add_number(out, "problem", problem, EXACT);
    add_text(out, "variant", row->variant);
    add_text(out, "status", row_status_name(row->status));
    if (timed && row->time.samples_s.count) {
        add_number(out, "median_s", row->time.median_s, MEASURED);
        if (isfinite(row->time.ci95_s[0]) && isfinite(row->time.ci95_s[1]))
            add_numbers(out, "ci95_s", row->time.ci95_s, 2, MEASURED);
        add_number(out, "gflop_s", row->rates.gflop_s, MEASURED);
        add_number(out, "flops", row->rates.flops, MEASURED);
        add_number(out, "bytes", row->rates.bytes, MEASURED);
        add_number(out, "total_bytes", row->memory.total_bytes, MEASURED);
        add_number(out, "scratch_bytes", row->memory.scratch_bytes, MEASURED);
        add_passes(out, &row->passes);
        add_number(out, "samples", row->time.samples_s.count, EXACT);
        add_samples(out, &row->time.samples_s, samples);
    }
    if (timed)
        add_number(out, "err_over_tolerance", row->check.err_over_tolerance, MEASURED);
    text_add(out, "}");
}

/* How many samples of a row are kept, odd so that its median is among them. */
static int count_kept(const struct html_page *page)
{
    int timed = 0;
    int64_t samples = 0;
    for (int f = 0; f < page->count; ++f)
        for (int i = 0; i < page->results[f].row_count; ++i) {
            const int count = page->results[f].rows[i].time.samples_s.count;
            timed += count > 0;
            samples += count;
        }
    if (!timed || samples <= HTML_SAMPLES_TOTAL)
        return HTML_SAMPLES_MAX | 1;
    const int each = HTML_SAMPLES_TOTAL / timed;
    return (each < HTML_SAMPLES_MIN   ? HTML_SAMPLES_MIN
            : each > HTML_SAMPLES_MAX ? HTML_SAMPLES_MAX
                                      : each) |
           1;
}

static void add_fits(const struct html_page *page, struct text *out)
{
    open_key(out, "fits");
    text_add(out, "[");
    for (int s = 0; s < page->source_count; ++s) {
        const struct html_source *source = page->sources + s;
        for (int i = 0; i < source->results->scaling_count; ++i) {
            const struct scaling_fit *fit = source->results->scaling + i;
            if (strcmp(fit->device, source->device->id) != 0 || !isfinite(fit->exponent))
                continue;
            add_next(out);
            text_add(out, "\n{");
            add_number(out, "source", s, EXACT);
            add_text(out, "variant", fit->variant);
            add_text(out, "fixed", fit->fixed);
            add_number(out, "points", fit->n.count, EXACT);
            add_number(out, "exponent", fit->exponent, MEASURED);
            add_number(out, "exponent_ci95", fit->exponent_ci95, MEASURED);
            text_add(out, "}");
        }
    }
    text_add(out, "]");
}

void html_add_data(const struct html_page *page, struct text *out)
{
    struct text data = {0}; /* of its own: add_next looks at its end */
    text_add(&data, "{");
    add_sources(page, &data);
    const int *problems = add_problems(page, &data);
    const int samples = count_kept(page);
    open_key(&data, "rows");
    text_add(&data, "[");
    for (int f = 0, index = 0; f < page->count; ++f)
        for (int i = 0; i < page->results[f].row_count; ++i, ++index)
            add_row(page->results[f].rows + i, html_source_of(page, f, page->results[f].rows + i),
                    problems[index], samples, &data);
    text_add(&data, "]");
    add_fits(page, &data);
    text_add(&data, "}");
    text_add_bytes(out, data.data, data.length);
    text_free(&data);
}
