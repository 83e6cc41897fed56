/* Progress on stderr: a line that is rewritten on a terminal, a line a row elsewhere, or JSON for
 * another program.
 *
 * JSON is an object a line, which other messages on stderr are not: each has "event", "done" and
 * "cells" (rows there are and will be), "elapsed_s" and "eta_s" (null: unknown). start; step: a
 * cell ("cell", "variant", "device") is in a "phase" (estimate, build, check, measure) and its
 * median so far is "median_s" (null before samples), at most ten a second; row: a cell has its
 * "status", "reason" and "median_s"; end. */
#ifndef ATTNBENCH_COMMANDS_PROGRESS_H
#define ATTNBENCH_COMMANDS_PROGRESS_H

#include "problem/plan.h"
#include "store/row.h"

#include <stdbool.h>

enum progress_mode { PROGRESS_NONE, PROGRESS_PLAIN, PROGRESS_REWRITE, PROGRESS_JSON };

enum { REASONS_SHOWN = 64 };
struct progress {
    /* Rows whose reason was shown: one cause is told once. */
    const struct row *shown[REASONS_SHOWN];
    int shown_count;
    struct arena arena; /* of those rows */
    enum progress_mode mode;
    int total, done;
    bool open_line;
    double begun_s, shown_s, eta_s;
};

/* `wanted` is what --progress was given: plain, json, none; auto, "" or NULL: nothing when quiet,
 * else what suits stderr. */
enum progress_mode progress_choose(const char *wanted, bool quiet);

void progress_start(struct progress *progress, enum progress_mode mode, int total, int done);
/* median_s: of the samples so far; NaN: none. */
void progress_step(struct progress *progress, const struct cell *cell, const char *phase,
                   double median_s, double eta_s);
/* The next row. */
void progress_row(struct progress *progress, const struct cell *cell, const struct row *row);
/* Makes room for another line on stderr. */
void progress_clear(struct progress *progress);
void progress_end(struct progress *progress);

#endif
