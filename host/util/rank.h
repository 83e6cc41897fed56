/* Which of several processes is this one? What the launchers of clusters say in the environment.
 *
 * Looked for in this order: Open MPI (OMPI_COMM_WORLD_RANK, _SIZE), PMI (PMI_RANK, PMI_SIZE), PMIx
 * (PMIX_RANK, whose size comes from a Slurm step or is given), a Slurm step (SLURM_PROCID of
 * SLURM_STEP_NUM_TASKS or SLURM_NTASKS, only where SLURM_STEP_ID is a real step's: a batch script
 * carries SLURM_PROCID=0 too, and believing it would run one part and silently lose the rest). A
 * Slurm array multiplies these: task t of T, with ranks r of R in each, is rank t R + r of T R.
 * With a given count, the array's ids count from 1, so that some of them can be run again alone,
 * and Kubernetes' JOB_COMPLETION_INDEX (from 0) stands for an array. */
#ifndef ATTNBENCH_UTIL_RANK_H
#define ATTNBENCH_UTIL_RANK_H

#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { RANKS_MAX = 1000000 };

struct rank {
    int64_t index, count; /* index from 0 */
    int64_t local;        /* among the processes on this node, from 0; -1: unknown */
    char source[200];     /* "SLURM_PROCID=2 of SLURM_STEP_NUM_TASKS=4": what was believed */
};

/* The value of an environment variable, or NULL: getenv, or a test's table. */
typedef const char *rank_lookup(const char *name);

/* count: how many there are, 0: find it too. -1 with the remedy when the environment says nothing,
 * contradicts itself, or would leave out a part. */
int rank_find(struct rank *rank, int64_t count, rank_lookup *lookup, struct err *err);

#endif
