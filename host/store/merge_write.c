/* The rows of a merge: from the temporary file to their places, and the fits over them. */
#include "measure/compare.h"
#include "store/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two rows of a cell that differ by more than this, beyond noise, are told of. */
static const double repeat_threshold = 0.03;

/* Without its newline. */
static int fetch(FILE *spool, const struct merge_record *record, struct text *line, struct err *err)
{
    char chunk[4096];
    line->length = 0;
    for (int64_t done = 0, got; done < record->length - 1; done += got) {
        const size_t left = (size_t)(record->length - 1 - done);
        got = pread(fileno(spool), chunk, left < sizeof chunk ? left : sizeof chunk,
                    record->offset + done);
        if (got <= 0)
            return err_set(err, "cannot read the temporary file: %s",
                           got ? strerror(errno) : "it was cut off");
        text_add_bytes(line, chunk, (size_t)got);
    }
    return 0;
}

static int fetch_row(FILE *spool, const struct merge_record *record, struct row *row,
                     struct arena *arena, struct err *err)
{
    struct text line = {0};
    struct json json;
    int result = fetch(spool, record, &line, err);
    if (result == 0)
        result = json_load(&json, "temporary file", text_get(&line), line.length, err);
    if (result == 0) {
        result = row_from_json(row, &json, json.root, arena, err);
        json_free(&json);
    }
    text_free(&line);
    return result;
}

static int clamped(const struct number_list *samples)
{
    return samples->count < SAMPLES_COMPARED_MAX ? samples->count : SAMPLES_COMPARED_MAX;
}

/* The line of a cell's further row, which says how it compares with the first. */
static int compare_repeat(struct merge *merge, FILE *spool, const struct merge_record *first,
                          const struct merge_record *record, struct text *line,
                          merge_report *report, void *context, struct err *err)
{
    struct arena arena = {0};
    struct row base, row;
    struct comparison comparison;
    if (fetch_row(spool, first, &base, &arena, err) ||
        fetch_row(spool, record, &row, &arena, err)) {
        arena_free(&arena);
        return -1;
    }
    compare_samples(base.time.samples_s.values, clamped(&base.time.samples_s),
                    row.time.samples_s.values, clamped(&row.time.samples_s), repeat_threshold,
                    &comparison);
    row.part.repeat = comparison_verdict_name(comparison.verdict);
    row.part.ratio = comparison.ratio;
    ++merge->repeats;
    if (comparison.verdict == COMPARISON_FASTER || comparison.verdict == COMPARISON_SLOWER) {
        struct err told;
        ++merge->disagreements;
        err_set(&told,
                "%s @ %s @ %s: measured again it took %.3g times as long (99 %%: %.3g to %.3g), "
                "which is no noise",
                row.cell, row.variant, row.device, comparison.ratio, comparison.ratio_low,
                comparison.ratio_high);
        report(context, told.message);
    }
    line->length = 0;
    results_print_row(&row, true, line);
    line->length -= line->data[line->length - 1] == '\n';
    arena_free(&arena);
    return 0;
}

static int write_rows(struct merge *merge, FILE *spool, FILE *out, merge_report *report,
                      void *context, struct err *err)
{
    struct text line = {0};
    size_t first = 0;
    int result = 0;
    for (size_t i = 0; i < merge->record_count && result == 0; ++i) {
        const struct merge_record *record = &merge->records[i];
        if (merge_compare_cells(&merge->records[first], record) != 0)
            first = i;
        ++merge->results.counts[record->status];
        result = i == first ? fetch(spool, record, &line, err)
                            : compare_repeat(merge, spool, &merge->records[first], record, &line,
                                             report, context, err);
        if (result == 0) {
            fwrite(line.data, 1, line.length, out);
            fputs(i + 1 < merge->record_count ? ",\n" : "\n", out);
        }
    }
    text_free(&line);
    return result;
}

/* As much of a row as fits ask for. */
static struct row slim_row(const struct merge *merge, const struct merge_record *record)
{
    struct row row = row_default();
    row.cell = merge->cells[record->cell].id;
    row.problem = merge->cells[record->cell].problem;
    row.sweeps = merge->cells[record->cell].sweeps;
    row.device = merge->devices[record->device].id;
    row.variant = merge->variant_names.items[record->variant];
    row.status = record->status;
    row.time.median_s = record->median_s;
    row.memory.total_bytes = record->total_bytes;
    row.memory.scratch_bytes = record->scratch_bytes;
    row.rates.pairs = record->pairs;
    row.passes.count = record->passes;
    return row;
}

/* No fit has rows of two devices or variants: one of each at a time bounds the memory. */
static bool write_fits_of(const struct merge *merge, size_t begin, size_t end, int variant,
                          bool first, FILE *out)
{
    struct text text = {0};
    struct arena arena = {0};
    size_t count = 0;
    for (size_t i = begin; i < end; ++i)
        count += merge->records[i].variant == variant;
    struct results some = {.devices = &merge->devices[merge->records[begin].device],
                           .device_count = 1,
                           .rows = arena_array(&arena, count, sizeof(struct row))};
    for (size_t i = begin; i < end; ++i)
        if (merge->records[i].variant == variant &&
            (i == begin || merge_compare_cells(&merge->records[i - 1], &merge->records[i]) != 0))
            some.rows[some.row_count++] = slim_row(merge, &merge->records[i]);
    results_derive(&some);
    results_print_fits(&some, first, &text);
    fwrite(text_get(&text), 1, text.length, out);
    text_free(&text);
    arena_free(&some.arena);
    arena_free(&arena);
    return some.scaling_count > 0;
}

static bool write_fits(const struct merge *merge, FILE *out)
{
    bool any = false;
    for (size_t begin = 0, end; begin < merge->record_count; begin = end) {
        for (end = begin + 1; end < merge->record_count &&
                              merge->records[end].device == merge->records[begin].device;)
            ++end;
        for (int v = 0; v < merge->variant_names.count; ++v)
            any |= write_fits_of(merge, begin, end, v, !any, out);
    }
    return any;
}

int merge_write_rows(struct merge *merge, FILE *spool, FILE *out, merge_report *report,
                     void *context, struct err *err)
{
    struct text text = {0};
    results_print_head(&merge->results, &text);
    fwrite(text.data, 1, text.length, out);
    int result = write_rows(merge, spool, out, report, context, err);
    if (result == 0) {
        fputs("  ],\n  \"scaling\": [\n", out);
        fputs(write_fits(merge, out) ? "\n" : "", out);
        text.length = 0;
        results_print_tail(&merge->results, &text);
        fwrite(text.data, 1, text.length, out);
        if (ferror(out))
            result = err_set(err, "cannot write: %s", strerror(errno));
    }
    text_free(&text);
    return result;
}
