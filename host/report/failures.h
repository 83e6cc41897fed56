/* What was not ok, cells that failed in the same way counted together. */
#ifndef ATTNBENCH_REPORT_FAILURES_H
#define ATTNBENCH_REPORT_FAILURES_H

#include "store/results.h"

struct failure {
    const struct row *row; /* one of them */
    int cells;             /* with the same status, variant, device and, but for numbers, reason */
};

/* By status, variant, device, reason; returns their number. */
int failures_find(const struct results *results, const struct failure **failures,
                  struct arena *arena);

#endif
