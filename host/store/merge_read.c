/* The rows of a merge: from the parts to a temporary file. */
#include "store/merge.h"
#include "store/part.h"
#include "store/part_check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
        merge->records = arena_need(realloc(merge->records, more * sizeof *merge->records));
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

static void end_check(struct merge *merge, struct merge_input *input, struct part_check *check,
                      const struct part_reader *reader)
{
    part_check_end(check, reader);
    input->broken = check->broken;
    if (check->broken) {
#pragma omp critical(merge_tables)
        {
            merge->broken = true;
            input->why = arena_copy(&merge->arena, check->first.message);
        }
    }
}

/* From the part, where it is `read`, to the temporary file; `line`: memory to print it in. */
static int keep_row(struct merge *merge, const struct merge_input *input, struct row *row,
                    const struct text *read, struct text *line, FILE *spool, int64_t *offset,
                    struct err *err)
{
    struct merge_record record;
    if (take_row(merge, input, row, &record, err))
        return -1;
    line->length = 0;
    text_add(line, "    ");
    if (row_relabel(row, read, line)) {
        text_add(line, "\n");
    } else {
        line->length = 0;
        results_print_row(row, true, line);
    }
    return spool_row(merge, &record, line, spool, offset, err);
}

static int read_input(struct merge *merge, struct merge_input *input, FILE *spool, int64_t *offset,
                      bool *torn, struct err *err)
{
    struct part_reader reader;
    struct part_check check = {.broken = 0};
    struct text line = {0};
    int found = part_open(&reader, input->path, err);
    if (found)
        return -1;
    do {
        struct arena arena = {0};
        struct row row;
        found = part_next(&reader, &row, &arena, err);
        if (found == 1)
            part_check_row(&check, &reader.header, &row);
        /* Once it is known not to be merged the rest is only counted. */
        if (found == 1 && !check.broken)
            found = keep_row(merge, input, &row, &reader.line, &line, spool, offset, err) ? -1 : 1;
        arena_free(&arena);
    } while (found == 1);
    *torn = found == 0 && reader.torn;
    end_check(merge, input, &check, &reader);
    text_free(&line);
    part_close(&reader);
    return found;
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
    merge_sort(merge);
    return 0;
}
