/* What a budget has room for. Internal to worker/.
 *
 * Each cell has a least: its build and a launch or two, which a checked sample takes; and a whole:
 * all samples that its rule asks for. While the rest of the budget has room for the least of all
 * cells to come, all are measured, and what is left over is shared out as samples; when it has not,
 * the dearest are left out, so that as many as possible are measured. Nothing is kept for cells
 * beyond that: who stands first has no more than who stands last. */
#ifndef ATTNBENCH_WORKER_ADMISSION_H
#define ATTNBENCH_WORKER_ADMISSION_H

#include "worker/steps.h"

/* leasts, wholes: seconds, of `count` cells; rest_s: what there is for them. Sorts leasts. Pure. */
struct admission admission_share(double *leasts, const double *wholes, int count, double rest_s);

/* Of the cells that are still to run. Without a budget: all of it for all. */
void admission_look(struct run *run);

/* Gives the job its share of time, or ends it as skipped. */
void admission_admit(struct run *run, struct job *job);
/* Is the budget spent? */
bool admission_is_spent(const struct run *run);
/* Have the present group's cells had their shares of time? Those that have a sample end with it. */
bool admission_is_over(const struct run *run);
/* Ends a job that has not been checked yet as skipped, when the budget is spent. */
void admission_close(struct run *run, struct job *job);

#endif
