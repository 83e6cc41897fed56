/* Where a run's wall time goes. Fed with seconds; reads no clock. */
#ifndef ATTNBENCH_WORKER_ACCOUNT_H
#define ATTNBENCH_WORKER_ACCOUNT_H

#include "store/results.h"

struct account {
    double spent_s[ACTIVITIES];
};

/* What a step of the worker is: "prepare" is building. Samples are accounted for one by one, so
 * that a `measure` step is nothing by itself, and the rest of it (a slice's overhead) is other. */
void account_step(struct account *account, const char *step, double seconds);
void account_add(struct account *account, enum activity activity, double seconds);

/* Gives the rest of total_s to "other". */
void account_close(struct account *account, double total_s);

#endif
