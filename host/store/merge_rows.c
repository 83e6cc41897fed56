/* The rows of a merge: to a temporary file, sorted by what is in memory of them, and back. */
#include "measure/compare.h"
#include "store/merge.h"
#include "store/part.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two rows of a cell that differ by more than this, beyond noise, are told of. */
static const double repeat_threshold = 0.03;

/* ---- reading --------------------------------------------------------------------------------- */

static int cell_number(struct merge *merge, const struct row *row)
{
    struct arena *arena = &merge->arena;
    const int known = merge->cell_names.count;
    const int number = names_add(&merge->cell_names, row->cell);
    if (number < known)
        return number;
    if (number == merge->cell_capacity) {
        const int more = merge->cell_capacity ? 2 * merge->cell_capacity : 256;
        merge->cells =
            arena_grow(arena, merge->cells, (size_t)number, (size_t)more, sizeof *merge->cells);
        merge->cell_capacity = more;
    }
    const char **sweeps = arena_array(arena, (size_t)row->sweeps.count, sizeof *sweeps);
    for (int i = 0; i < row->sweeps.count; ++i)
        sweeps[i] = arena_copy(arena, row->sweeps.values[i]);
    merge->cells[number] = (struct merge_cell){.id = merge->cell_names.items[number],
                                               .problem = row->problem,
                                               .sweeps = {row->sweeps.count, sweeps},
                                               .number = number};
    merge->cells[number].problem.kv_lengths = NULL; /* the id has them; the fits don't ask */
    return number;
}

static int device_number(const struct merge *merge, const struct merge_input *input,
                         const char *device)
{
    if (!input->run)
        return names_find(&merge->device_names, device);
    for (int d = 0; d < input->device_count; ++d)
        if (strcmp(input->device_ids[d], device) == 0)
            return input->devices[d];
    return -1;
}

static struct merge_record *new_record(struct merge *merge)
{
    if (merge->record_count == merge->record_capacity) {
        const size_t more = merge->record_capacity ? 2 * merge->record_capacity : 1024;
        void *records = realloc(merge->records, more * sizeof *merge->records);
        if (!records) {
            fprintf(stderr, "attnbench: out of memory: %zu rows\n", more);
            exit(6);
        }
        merge->records = records;
        merge->record_capacity = more;
    }
    return &merge->records[merge->record_count++];
}

/* Under the roofs of this device. The rates themselves stay as they were read. */
static void place(struct row *row, const struct device_info *device)
{
    const double gflop_s = row->rates.gflop_s, gb_s = row->rates.gb_s;
    row_rates(row, device);
    row->rates.gflop_s = gflop_s;
    row->rates.gb_s = gb_s;
}

/* Makes the row the merged file's: its device, its run, its rates. */
static int add_row(struct merge *merge, const struct merge_input *input, struct row *row,
                   struct merge_record *record, struct err *err)
{
    const char *run = input->run ? input->run : row->part.run;
    const int device = device_number(merge, input, row->device);
    const int part = run ? names_find(&merge->run_names, run) : -1;
    if (device < 0)
        return err_set(err, "%s: %.200s: its device %.60s is not among the file's", input->path,
                       row->cell, row->device);
    if (part < 0)
        return err_set(err, "%s: %.200s: its run is not among the file's parts", input->path,
                       row->cell);
    row->device = merge->devices[device].id;
    row->part.run = run;
    row->part.repeat = NULL;
    row->part.ratio = NAN;
    if (row->time.samples_s.count > 0)
        place(row, &merge->devices[device]);
    *record = (struct merge_record){.cell = cell_number(merge, row),
                                    .variant = names_add(&merge->variant_names, row->variant),
                                    .device = device,
                                    .part = part,
                                    .status = row->status,
                                    .passes = row->passes.count,
                                    .median_s = row->time.median_s,
                                    .total_bytes = row->memory.total_bytes,
                                    .scratch_bytes = row->memory.scratch_bytes,
                                    .pairs = row->rates.pairs};
    return 0;
}

/* Threads read inputs side by side; what they share they change one at a time. */
static int take_row(struct merge *merge, const struct merge_input *input, struct row *row,
                    struct merge_record *record, struct err *err)
{
    int result;
#pragma omp critical(merge_tables)
    result = add_row(merge, input, row, record, err);
    return result;
}

static int spool_row(struct merge *merge, struct merge_record *record, const struct text *line,
                     FILE *spool, int64_t *offset, struct err *err)
{
    int result = 0;
#pragma omp critical(merge_spool)
    {
        record->offset = *offset;
        record->length = (int64_t)line->length;
        *offset += record->length;
        *new_record(merge) = *record;
        if (fwrite(line->data, 1, line->length, spool) != line->length)
            result = err_set(err, "cannot write a temporary file: %s", strerror(errno));
    }
    return result;
}

static int read_input(struct merge *merge, const struct merge_input *input, FILE *spool,
                      int64_t *offset, bool *torn, struct err *err)
{
    struct part_reader reader;
    struct text line = {0};
    int found = part_open(&reader, input->path, err);
    if (found)
        return -1;
    do {
        struct arena arena = {0};
        struct row row;
        struct merge_record record;
        found = part_next(&reader, &row, &arena, err);
        if (found == 1 && take_row(merge, input, &row, &record, err))
            found = -1;
        if (found == 1) {
            line.length = 0;
            text_add(&line, "    ");
            if (row_relabel(&row, &reader.line, &line)) {
                text_add(&line, "\n");
            } else {
                line.length = 0;
                results_print_row(&row, true, &line);
            }
            found = spool_row(merge, &record, &line, spool, offset, err) ? -1 : 1;
        }
        arena_free(&arena);
    } while (found == 1);
    *torn = found == 0 && reader.torn;
    text_free(&line);
    part_close(&reader);
    return found;
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Lengths last, so that a curve's points follow each other. */
static int compare_problems(const void *left, const void *right)
{
    const struct merge_cell *a = left, *b = right;
    const struct problem *p = &a->problem, *q = &b->problem;
    const int64_t x[] = {p->dtype,    p->layout, p->mask, p->bias, p->batch, p->heads_q,
                         p->heads_kv, p->d_k,    p->d_v,  p->n_q,  p->n_kv};
    const int64_t y[] = {q->dtype,    q->layout, q->mask, q->bias, q->batch, q->heads_q,
                         q->heads_kv, q->d_k,    q->d_v,  q->n_q,  q->n_kv};
    for (size_t i = 0; i < sizeof x / sizeof *x; ++i)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return strcmp(a->id, b->id);
}

struct ranked {
    const char *name;
    int number;
};

static int by_name(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static int by_shard(const void *left, const void *right)
{
    const struct part *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    const int order = strcmp(a->started_utc, b->started_utc);
    return order ? order : strcmp(a->id, b->id);
}

static int by_id(const void *left, const void *right)
{
    const struct device_info *a = left, *b = right;
    return strcmp(a->id, b->id);
}

static int compare_cells(const struct merge_record *a, const struct merge_record *b)
{
    if (a->device != b->device)
        return a->device - b->device;
    return a->cell != b->cell ? a->cell - b->cell : a->variant - b->variant;
}

static int compare_records(const void *left, const void *right)
{
    const struct merge_record *a = left, *b = right;
    const int order = compare_cells(a, b);
    if (order)
        return order;
    if (a->status != b->status)
        return (int)a->status - (int)b->status;
    if (a->part != b->part)
        return a->part - b->part;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int *rank_names(const struct names *names, struct arena *arena)
{
    const size_t count = (size_t)names->count;
    struct ranked *sorted = arena_array(arena, count, sizeof *sorted);
    int *ranks = arena_array(arena, count, sizeof *ranks);
    for (int i = 0; i < names->count; ++i)
        sorted[i] = (struct ranked){names->items[i], i};
    qsort(sorted, count, sizeof *sorted, by_name);
    for (int i = 0; i < names->count; ++i)
        ranks[sorted[i].number] = i;
    return ranks;
}

static int *rank_cells(struct merge *merge, struct arena *arena)
{
    const size_t count = (size_t)merge->cell_names.count;
    int *ranks = arena_array(arena, count, sizeof *ranks);
    qsort(merge->cells, count, sizeof *merge->cells, compare_problems);
    for (size_t i = 0; i < count; ++i)
        ranks[merge->cells[i].number] = (int)i;
    return ranks;
}

static int *rank_parts(struct merge *merge, struct arena *arena)
{
    const size_t count = (size_t)merge->run_names.count;
    int *ranks = arena_array(arena, count, sizeof *ranks);
    qsort(merge->parts, count, sizeof *merge->parts, by_shard);
    for (size_t i = 0; i < count; ++i)
        ranks[names_find(&merge->run_names, merge->parts[i].id)] = (int)i;
    return ranks;
}

/* Two copies of one row, from a part that was given twice or merged before. */
static void drop_copies(struct merge *merge)
{
    size_t kept = 0;
    for (size_t i = 0; i < merge->record_count; ++i) {
        const struct merge_record *record = &merge->records[i];
        const struct merge_record *last = kept ? &merge->records[kept - 1] : NULL;
        if (!last || compare_cells(last, record) != 0 || last->part != record->part)
            merge->records[kept++] = *record;
    }
    merge->record_count = kept;
}

/* After this all numbers are places in sorted tables. */
static void sort_all(struct merge *merge)
{
    struct arena arena = {0};
    const int *cells = merge->cell_places = rank_cells(merge, &merge->arena);
    const int *variants = rank_names(&merge->variant_names, &arena);
    const int *devices = rank_names(&merge->device_names, &arena);
    const int *parts = rank_parts(merge, &arena);
    qsort(merge->devices, (size_t)merge->device_names.count, sizeof *merge->devices, by_id);
    for (size_t i = 0; i < merge->record_count; ++i) {
        struct merge_record *record = &merge->records[i];
        record->cell = cells[record->cell];
        record->variant = variants[record->variant];
        record->device = devices[record->device];
        record->part = parts[record->part];
    }
    struct names sorted = {.arena = &merge->arena};
    for (int i = 0; i < merge->variant_names.count; ++i)
        for (int k = 0; k < merge->variant_names.count; ++k)
            if (variants[k] == i)
                names_add(&sorted, merge->variant_names.items[k]);
    merge->variant_names = sorted;
    qsort(merge->records, merge->record_count, sizeof *merge->records, compare_records);
    drop_copies(merge);
    arena_free(&arena);
}

/* ---- what of the plan is there --------------------------------------------------------------- */

static int64_t covered_key(const struct merge *merge, int cell, int variant, int64_t slot)
{
    return (slot * merge->cell_names.count + cell) * merge->variant_names.count + variant;
}

static int by_number(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void note_covered(struct merge *merge)
{
    const size_t count = merge->record_count;
    int64_t *keys = calloc(count + 1, sizeof *keys);
    if (!keys) {
        fprintf(stderr, "attnbench: out of memory: %zu rows\n", count);
        exit(6);
    }
    for (size_t i = 0; i < count; ++i) {
        const struct merge_record *record = &merge->records[i];
        keys[i] =
            covered_key(merge, record->cell, record->variant, merge->devices[record->device].slot);
    }
    qsort(keys, count, sizeof *keys, by_number);
    size_t distinct = 0;
    for (size_t i = 0; i < count; ++i)
        if (!i || keys[i] != keys[i - 1])
            keys[distinct++] = keys[i];
    merge->covered = keys;
    merge->covered_count = distinct;
}

bool merge_has(const struct merge *merge, const char *cell, const char *variant, int64_t slot)
{
    const int number = names_find(&merge->cell_names, cell);
    const int v = names_find(&merge->variant_names, variant);
    if (number < 0 || v < 0)
        return false;
    const int64_t key = covered_key(merge, merge->cell_places[number], v, slot);
    return bsearch(&key, merge->covered, merge->covered_count, sizeof key, by_number) != NULL;
}

int merge_read_rows(struct merge *merge, FILE *spool, merge_report *report, void *context,
                    struct err *err)
{
    int64_t offset = 0;
    int failed = 0;
#pragma omp parallel for schedule(dynamic) reduction(+ : failed)
    for (int i = 0; i < merge->input_count; ++i) {
        struct err why;
        bool torn = false;
        if (failed)
            continue;
        if (read_input(merge, &merge->inputs[i], spool, &offset, &torn, &why)) {
            ++failed;
#pragma omp critical(merge_tables)
            *err = why;
        }
        if (torn) {
            err_set(&why, "%s: the last line was cut off and is left out", merge->inputs[i].path);
#pragma omp critical(merge_tables)
            report(context, why.message);
        }
    }
    if (failed)
        return -1;
    if (fflush(spool))
        return err_set(err, "cannot write a temporary file: %s", strerror(errno));
    sort_all(merge);
    note_covered(merge);
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Without its newline. */
static int fetch(FILE *spool, const struct merge_record *record, struct text *line, struct err *err)
{
    char chunk[16384];
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
        if (compare_cells(&merge->records[first], record) != 0)
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
            (i == begin || compare_cells(&merge->records[i - 1], &merge->records[i]) != 0))
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
