#include "report/html/html.h"
#include "report/html/json.h"
#include "report/pairs.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- sources and problems -------------------------------------------------------------------- */

static void add_sources(const struct html_page *page, struct text *out)
{
    html_json_key(out, "sources");
    text_add(out, "[");
    for (int i = 0; i < page->source_count; ++i) {
        const struct html_source *source = page->sources + i;
        html_json_next(out);
        text_add(out, "{");
        html_json_text(out, "label", source->label);
        html_json_text(out, "device", source->device->id);
        html_json_text(out, "name", source->device->name);
        html_json_text(out, "suite", source->results->run.suite_name);
        html_json_number(out, "launch_us",
                         source->device->launch_us > 0 ? source->device->launch_us : NAN,
                         JSON_MEASURED);
        for (int p = 0; p < PEAKS; ++p)
            html_json_number(out, peak_name((enum peak)p),
                             peaks_get(&source->device->peaks, (enum peak)p), JSON_MEASURED);
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
        html_json_number(out, always[i], value, JSON_EXACT);
    }
    if (problem->op != OP_ATTENTION)
        html_json_text(out, "op", problem_enum_name(problem, "op"));
    html_json_text(out, "dtype", dtype_name((enum dtype)problem->dtype));
    html_json_text(out, "mask", problem_enum_name(problem, "mask"));
    struct text others = {0};
    html_other_keys(&others, problem);
    html_json_text(out, "others", others.length ? text_get(&others) : NULL);
    text_free(&others);
}

/* The suite whose sweep asked for it first: the model, in suites of models. */
static void add_suite(struct text *out, const struct row *row)
{
    const char *sweep = row->sweeps.count ? row->sweeps.values[0] : "";
    struct text name = {0};
    text_add_bytes(&name, sweep, strcspn(sweep, "/"));
    html_json_text(out, "suite", name.length ? text_get(&name) : NULL);
    text_free(&name);
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
    html_json_key(out, "problems");
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
                html_json_next(out);
                text_add(out, "\n{");
                html_json_text(out, "cell", row->cell);
                add_keys(out, &row->problem);
                html_json_text(out, "phase", pair_is_decode(&row->problem) ? "decode" : "prefill");
                add_suite(out, row);
                text_add(out, "}");
                text_drain(out);
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
        html_json_numbers(out, "samples_s", samples->values, samples->count, JSON_SAMPLE);
        return;
    }
    struct arena arena = {0};
    double *sorted = arena_array(&arena, (size_t)samples->count, sizeof *sorted);
    memcpy(sorted, samples->values, (size_t)samples->count * sizeof *sorted);
    qsort(sorted, (size_t)samples->count, sizeof *sorted, compare_numbers);
    for (int i = 0; i < kept; ++i) /* in place: an index never falls behind i */
        sorted[i] = sorted[(int64_t)i * (samples->count - 1) / (kept - 1)];
    html_json_numbers(out, "samples_s", sorted, kept, JSON_SAMPLE);
    arena_free(&arena);
}

static void add_passes(struct text *out, const struct pass_times *passes)
{
    if (!passes->count)
        return;
    html_json_key(out, "passes");
    text_add(out, "[");
    for (int i = 0; i < passes->count; ++i) {
        html_json_next(out);
        text_add(out, "{");
        html_json_text(out, "kernel", passes->items[i].kernel);
        html_json_number(out, "median_s", passes->items[i].median_s, JSON_MEASURED);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void add_row(const struct row *row, int source, int problem, int samples, struct text *out)
{
    const bool timed = row->status == ROW_OK || row->status == ROW_WRONG;
    html_json_next(out);
    text_add(out, "\n{");
    html_json_number(out, "source", source, JSON_EXACT);
    html_json_number(out, "problem", problem, JSON_EXACT);
    html_json_text(out, "variant", row->variant);
    html_json_text(out, "status", row_status_name(row->status));
    if (timed && row->time.samples_s.count) {
        html_json_number(out, "median_s", row->time.median_s, JSON_MEASURED);
        if (isfinite(row->time.ci95_s[0]) && isfinite(row->time.ci95_s[1]))
            html_json_numbers(out, "ci95_s", row->time.ci95_s, 2, JSON_MEASURED);
        html_json_number(out, "gflop_s", row->rates.gflop_s, JSON_MEASURED);
        html_json_number(out, "flops", row->rates.flops, JSON_MEASURED);
        html_json_number(out, "bytes", row->rates.bytes, JSON_MEASURED);
        html_json_number(out, "total_bytes", row->memory.total_bytes, JSON_MEASURED);
        html_json_number(out, "scratch_bytes", row->memory.scratch_bytes, JSON_MEASURED);
        add_passes(out, &row->passes);
        html_json_number(out, "samples", row->time.samples_s.count, JSON_EXACT);
        add_samples(out, &row->time.samples_s, samples);
    }
    if (timed)
        html_json_number(out, "err_over_tolerance", row->check.err_over_tolerance, JSON_MEASURED);
    if (timed && row->check.scale)
        html_json_text(out, "scale", row->check.scale);
    if (timed && row->check.rounding)
        html_json_text(out, "rounding", row->check.rounding);
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
    html_json_key(out, "fits");
    text_add(out, "[");
    for (int s = 0; s < page->source_count; ++s) {
        const struct html_source *source = page->sources + s;
        for (int i = 0; i < source->results->scaling_count; ++i) {
            const struct scaling_fit *fit = source->results->scaling + i;
            if (strcmp(fit->device, source->device->id) != 0 || !isfinite(fit->exponent))
                continue;
            html_json_next(out);
            text_add(out, "\n{");
            html_json_number(out, "source", s, JSON_EXACT);
            html_json_text(out, "variant", fit->variant);
            html_json_text(out, "fixed", fit->fixed);
            html_json_number(out, "points", fit->n.count, JSON_EXACT);
            html_json_number(out, "exponent", fit->exponent, JSON_MEASURED);
            html_json_number(out, "exponent_ci95", fit->exponent_ci95, JSON_MEASURED);
            text_add(out, "}");
        }
    }
    text_add(out, "]");
}

void html_add_data(const struct html_page *page, struct text *out)
{
    /* Of its own: html_json_next looks at its end, which draining leaves. */
    struct text data = {.drain = out->drain, .context = out->context};
    if (out->drain) {
        out->drain(out->context, out->data, out->length);
        out->length = 0;
    }
    text_add(&data, "{");
    add_sources(page, &data);
    const int *problems = add_problems(page, &data);
    const int samples = count_kept(page);
    html_json_key(&data, "rows");
    text_add(&data, "[");
    for (int f = 0, index = 0; f < page->count; ++f)
        for (int i = 0; i < page->results[f].row_count; ++i, ++index) {
            add_row(page->results[f].rows + i, html_source_of(page, f, page->results[f].rows + i),
                    problems[index], samples, &data);
            text_drain(&data);
        }
    text_add(&data, "]");
    add_fits(page, &data);
    html_add_claims_data(page, &data);
    text_add(&data, "}");
    text_add_bytes(out, data.data, data.length);
    text_free(&data);
}
