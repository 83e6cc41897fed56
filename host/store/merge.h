/* Merging: results files and journals of one plan become one results file.
 *
 * What comes out depends on the set of runs alone: parts may come in any order, more than once, and
 * merged before. So everything in it is made by rules that don't care: rows in an order of their
 * own, times of the header as the earliest and the latest, what differs between parts left out.
 * - A device's id becomes UNIT@HOST, such as "pocl-cpu-0@node07": devices of one model on different
 *   nodes stay apart. Of several descriptions of one device that with the latest peaks is kept, and
 *   the rows' rates are computed from it.
 * - A cell that several runs measured on one device keeps a row of each, ok ones first, then by
 *   shard and start; each later one says how it compares with the first (row.part).
 * - Fits and counts are derived anew; fits take the first row of a cell.
 * Memory grows with the number of rows (some 100 bytes each), not with what is in them: rows go to
 * a temporary file beside `out` and are read back in order. */
#ifndef ATTNBENCH_STORE_MERGE_H
#define ATTNBENCH_STORE_MERGE_H

#include "store/results.h"
#include "util/names.h"

#include <stdio.h>

/* A row that was read. The numbers are of the tables below. */
struct merge_record {
    int cell, variant, device, part;
    enum row_status status;
    int passes;
    int64_t offset, length; /* its line in the temporary file */
    double median_s, total_bytes, scratch_bytes, pairs;
};

struct merge_cell {
    const char *id;
    struct problem problem;
    struct text_list sweeps;
    int number; /* in cell_names */
};

struct merge_input {
    const char *path;
    const char *run; /* its id; NULL: it is a merged file, whose rows tell */
    int broken;      /* rules, when it was read; then it must not be merged */
    const char *why; /* the first of them */
    int *devices;    /* numbers by its own order */
    const char **device_ids;
    int device_count;
};

struct merge {
    struct arena arena;
    struct results results; /* what is written: header, devices, counts; no rows */
    struct merge_input *inputs;
    int input_count, input_capacity;
    struct names device_names, run_names, cell_names, variant_names;
    struct device_info *devices;
    struct run_part *parts;
    int device_capacity, part_capacity;
    const char *device_option; /* "--device=..." of all inputs, or NULL */
    struct merge_cell *cells;  /* by number, from merge_write on in order */
    int *cell_places;          /* where a number's cell is then */
    int cell_capacity;
    struct merge_record *records;
    size_t record_count, record_capacity;
    int64_t *covered; /* what of the plan has a row: keys, sorted; see merge_has */
    size_t covered_count;
    int64_t repeats, disagreements;
    bool broken; /* a part breaks rules */
};

/* Something to be told that is no failure: a torn journal, a cell that disagrees. */
typedef void merge_report(void *context, const char *message);

/* Reads the header of another part. -1: it cannot be read (*foreign false), or it is of another
 * plan, version or command line than the first (*foreign true). */
int merge_add(struct merge *merge, const char *path, bool *foreign, struct err *err);

/* Reads all rows and writes the file. *bad_input: what failed was a part, not writing.
 * MERGE_BROKEN: parts break rules of results_check (inputs[i].broken); nothing is written, and the
 * others can be merged afresh. */
enum { MERGE_BROKEN = -2 };
int merge_write(struct merge *merge, const char *out, merge_report *report, void *context,
                bool *bad_input, struct err *err);

/* After merge_write: is there a row for this cell of the plan? slot: of its device, from 1. */
bool merge_has(const struct merge *merge, const char *cell, const char *variant, int64_t slot);
/* Rows of a run, by its number in results.run.parts. */
int64_t merge_part_rows(const struct merge *merge, int part);

void merge_free(struct merge *merge);

/* Between the files of this module. */
int merge_read_rows(struct merge *merge, FILE *spool, merge_report *report, void *context,
                    struct err *err);
/* Afterwards all numbers are places in sorted tables, copies of one row are gone, and what the rows
 * cover is known. */
void merge_sort(struct merge *merge);
/* By device, problem and variant: 0 for two rows of a cell. */
int merge_compare_cells(const struct merge_record *a, const struct merge_record *b);
int merge_write_rows(struct merge *merge, FILE *spool, FILE *out, merge_report *report,
                     void *context, struct err *err);

#endif
