/* Progress on stderr: one line that is rewritten on a terminal, a line a row elsewhere. */
#ifndef ATTNBENCH_COMMANDS_PROGRESS_H
#define ATTNBENCH_COMMANDS_PROGRESS_H

#include "problem/plan.h"
#include "store/row.h"

#include <stdbool.h>

struct progress {
    int total;
    bool quiet, rewrites, open_line;
    double eta_s, shown_s;
};

void progress_start(struct progress *progress, int total, bool quiet);
void progress_step(struct progress *progress, const struct cell *cell, const char *phase,
                   double eta_s, int rows_done);
void progress_row(struct progress *progress, const struct cell *cell, const struct row *row,
                  int rows_done);
void progress_end(struct progress *progress);

#endif
