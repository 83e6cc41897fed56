/* Who wrote where it must not? All variants of a group share a worker and its inputs, so that
 * damage may be seen first after the launch of another. Before anyone is named it is repeated: each
 * suspect alone in a worker of its own. Internal to worker/. */
#ifndef ATTNBENCH_WORKER_SUSPECTS_H
#define ATTNBENCH_WORKER_SUSPECTS_H

#include "worker/steps.h"

/* jobs[j] ended as wrong because something had changed. Where that happens to it alone, it stays
 * so. Where another variant of the group does it alone, that one is wrong, and jobs[j] starts
 * again. Where nobody does, jobs[j] stays wrong and its reason says so. No worker runs afterwards.
 */
void suspects_settle(struct run *run, struct job *jobs, int count, int j);

#endif
