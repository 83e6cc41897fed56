#include "worker/suspects.h"

/* Check and a slice of samples, alone in a new worker. True when it fails there too; the row is its
 * outcome. */
static bool fails_alone(struct run *run, const struct job *job, struct row *row)
{
    struct trouble trouble;
    struct job alone;
    job_start(&alone, run->plan, job->cell, job->slot, run->arena);
    steps_stop_worker(run, job->cell->suite);
    run->open_device = -1;
    if (!steps_open(run, job->cell, &trouble) ||
        !steps_problem(run, job->cell, &job->cell->problem, steps_wants_other(run, job), &trouble))
        return false;
    if (steps_prepare(run, &alone))
        steps_check(run, &alone);
    if (!alone.finished)
        steps_measure(run, &alone);
    if (!alone.finished)
        steps_recheck(run, &alone);
    *row = alone.row;
    return alone.row.status == ROW_WRONG;
}

void suspects_settle(struct run *run, struct job *jobs, int count, int j)
{
    struct row row;
    bool found = false;
    const bool guilty = fails_alone(run, &jobs[j], &row);
    if (guilty)
        jobs[j].row.reason = arena_copy(run->arena, row.reason);
    for (int k = 0; k < count && !guilty; ++k) {
        const bool ran = k != j && jobs[k].prepared;
        if (!ran || jobs[k].row.status == ROW_WRONG || !fails_alone(run, &jobs[k], &row))
            continue;
        found = true;
        job_end(&jobs[k], ROW_WRONG, row.phase, row.reason, run->arena);
    }
    if (found)
        job_start(&jobs[j], run->plan, jobs[j].cell, jobs[j].slot, run->arena);
    else if (!guilty)
        jobs[j].row.reason =
            arena_print(run->arena,
                        "%s; it did not happen again in a worker of its own, nor do the others of "
                        "its group do it",
                        jobs[j].row.reason);
    steps_stop_worker(run, jobs[j].cell->suite);
    run->open_device = -1;
}
