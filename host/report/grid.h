/* A grid: the rows of one device and sweep, problems down, variants across.
 *
 * What the tables of a report share. Cells that --filter left out are not in it. Problems and
 * variants stand in the order of their first row.
 */
#ifndef ATTNBENCH_REPORT_GRID_H
#define ATTNBENCH_REPORT_GRID_H

#include "store/results.h"

enum { GRID_VARIANTS_MAX = 64 }; /* the rows of further ones are left out */

struct grid {
    const char *variants[GRID_VARIANTS_MAX];
    const char *names[GRID_VARIANTS_MAX]; /* the same as tables show them: "mine (tf32)" where a
                                             variant declares a coarser precision than f32 */
    int variant_count, problem_count;
    const struct row **rows; /* [problem_count][variant_count]; NULL: no such cell */
    const struct row **best; /* per problem the fastest ok row, or NULL; of a coarser precision only
                                where no other is ok: those are a class of their own */
    const char *axes;        /* the keys that vary, "n, heads"; "n" if none does */
    const char **labels;     /* per problem their values, "1024, 8" */
    const char *fixed;       /* the other keys that differ from their default, and the dtype */
    const char *absent;      /* variants without a column: all of their rows are unsupported; "" */
};

/* How to tell problems apart in little space. */
struct labels {
    const char *axes;    /* as in struct grid */
    const char *fixed;   /* as in struct grid */
    const char **values; /* one a problem; NULL when there are none */
};
/* A problem is given as a row that has it; a problem may be there several times. */
struct labels labels_build(const struct row **problems, int problem_count, struct arena *arena);

/* sweep NULL: all of the device's rows. The grid lives in the arena and points into the rows. */
struct grid grid_build(const struct results *results, const char *device, const char *sweep,
                       struct arena *arena);
/* The same of these rows, and so without looking at all others. */
struct grid grid_build_rows(const struct row *const *rows, int row_count, struct arena *arena);

/* Cells that --filter left out are no part of any table. */
bool grid_leaves_out(const struct row *row);

/* The device's sweeps, in the order of their first row, each with its rows. */
struct sweep_rows {
    const char *name;
    const struct row **rows;
    int count, capacity;
};
struct sweep_list {
    struct sweep_rows *items;
    int count;
};
struct sweep_list grid_sweeps(const struct results *results, const char *device,
                              struct arena *arena);

/* The fastest ok row, or one that cannot be told from it: their 95 % intervals overlap. */
bool grid_is_winner(const struct grid *grid, int problem, const struct row *row);

/* Is the device's peak known, so that rows say which part of it they reach? */
bool grid_has_fractions(const struct grid *grid);

#endif
