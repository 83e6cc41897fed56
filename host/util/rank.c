#include "util/rank.h"

#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A launcher, or several that multiply: a rank of a size, and what said so. */
struct level {
    int64_t index, size; /* size 0: nothing was found */
    char source[96];
};

/* Slurm numbers what is no step of srun (batch script, extern, interactive) from the top. */
static const int64_t special_steps = INT64_C(0xfffffff0);

/* 1: a number from `low`; 0: not there; -1: there, but no such number. */
static int number(rank_lookup *lookup, const char *name, int64_t low, int64_t *value,
                  struct err *err)
{
    const char *text = lookup(name);
    if (!text || !*text)
        return 0;
    if (!text_to_int64(text, value) || *value < low)
        return err_set(err, "--shard auto: %s is '%.40s', no rank or size; give --shard I/N", name,
                       text);
    return 1;
}

static int64_t step_size(rank_lookup *lookup, const char **name)
{
    static const char *const names[] = {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"};
    int64_t step = 0, size = 0;
    if (number(lookup, "SLURM_STEP_ID", 0, &step, NULL) != 1 || step >= special_steps)
        return 0;
    for (int i = 0; i < 2; ++i) {
        *name = names[i];
        if (number(lookup, names[i], 1, &size, NULL) == 1)
            return size;
    }
    return 0;
}

static int set(struct level *level, const char *index_name, int64_t index, const char *size_name,
               int64_t size, struct err *err)
{
    if (size > RANKS_MAX || index >= size)
        return err_set(err,
                       "--shard auto: %s=%" PRId64 " does not fit %s=%" PRId64
                       "; give --shard I/N, I from 1 to N",
                       index_name, index, size_name, size);
    *level = (struct level){.index = index, .size = size};
    snprintf(level->source, sizeof level->source, "%s=%" PRId64 " of %s=%" PRId64, index_name,
             index, size_name, size);
    return 0;
}

/* Ranks that one launcher started side by side. given: 0, or what PMIx lacks. */
static int find_inner(struct level *inner, int64_t given, rank_lookup *lookup, struct err *err)
{
    static const char *const pairs[][2] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                           {"PMI_RANK", "PMI_SIZE"}};
    int64_t index = 0, size = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
        const int has_index = number(lookup, pairs[i][0], 0, &index, err);
        const int has_size = has_index < 0 ? -1 : number(lookup, pairs[i][1], 1, &size, err);
        if (has_index < 0 || has_size < 0)
            return -1;
        if (has_index != has_size)
            return err_set(err, "--shard auto: %s is set, but %s is not; give --shard I/N",
                           pairs[i][has_index ? 0 : 1], pairs[i][has_index ? 1 : 0]);
        if (has_index)
            return set(inner, pairs[i][0], index, pairs[i][1], size, err);
    }
    const char *name = "the given count";
    const int64_t tasks = step_size(lookup, &name);
    const int has_pmix = number(lookup, "PMIX_RANK", 0, &index, err);
    if (has_pmix == 1 && !tasks && !given)
        return err_set(err, "--shard auto: PMIX_RANK is set, but nothing says how many ranks there "
                            "are; use --shard auto/N");
    if (has_pmix)
        return has_pmix < 0 ? -1 : set(inner, "PMIX_RANK", index, name, tasks ? tasks : given, err);
    if (!tasks)
        return 0;
    const int has_task = number(lookup, "SLURM_PROCID", 0, &index, err);
    if (has_task == 0)
        return err_set(err, "--shard auto: SLURM_STEP_ID is set, but SLURM_PROCID is not; give "
                            "--shard I/N");
    return has_task < 0 ? -1 : set(inner, "SLURM_PROCID", index, name, tasks, err);
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* An array that was asked for as a list (1,3,7) does not tell a task its place in it. */
static int find_array(struct level *outer, rank_lookup *lookup, struct err *err)
{
    int64_t id = 0, count = 0, low = 0, high = 0, step = 0;
    const int has_id = number(lookup, "SLURM_ARRAY_TASK_ID", 0, &id, err);
    if (has_id <= 0)
        return has_id;
    if (number(lookup, "SLURM_ARRAY_TASK_COUNT", 1, &count, err) != 1 ||
        number(lookup, "SLURM_ARRAY_TASK_MIN", 0, &low, err) != 1)
        return err_set(err, "--shard auto: SLURM_ARRAY_TASK_ID is set, but COUNT and MIN are not; "
                            "use --shard auto/N with --array=1-N");
    if (number(lookup, "SLURM_ARRAY_TASK_STEP", 1, &step, err) != 1)
        step = 1;
    if (number(lookup, "SLURM_ARRAY_TASK_MAX", 0, &high, err) != 1)
        high = low + (count - 1) * step;
    if (id < low || (id - low) % step || (high - low) / step + 1 != count)
        return err_set(err,
                       "--shard auto: task %" PRId64 " of an array of %" PRId64 " from %" PRId64
                       " to %" PRId64 " by %" PRId64
                       " has no place that its environment tells; use --shard auto/N with "
                       "--array=1-N, or with some of 1-N",
                       id, count, low, high, step);
    if (set(outer, "SLURM_ARRAY_TASK_ID", (id - low) / step, "SLURM_ARRAY_TASK_COUNT", count, err))
        return -1;
    snprintf(outer->source, sizeof outer->source,
             "SLURM_ARRAY_TASK_ID=%" PRId64 " of %" PRId64 " from %" PRId64 " by %" PRId64, id,
             count, low, step);
    return 0;
}

/* `size` of them are known to be there: only which one this is has to be found. */
static int find_numbered(struct level *outer, int64_t size, rank_lookup *lookup, struct err *err)
{
    int64_t id = 0;
    const int has_id = number(lookup, "SLURM_ARRAY_TASK_ID", 0, &id, err);
    if (has_id == 1 && (id < 1 || id > size))
        return err_set(err,
                       "--shard auto/N: SLURM_ARRAY_TASK_ID is %" PRId64 "; submit with "
                       "--array=1-%" PRId64 ", or with some of these",
                       id, size);
    if (has_id) {
        if (has_id < 0 || set(outer, "SLURM_ARRAY_TASK_ID", id - 1, "the given", size, err))
            return -1;
        snprintf(outer->source, sizeof outer->source, "SLURM_ARRAY_TASK_ID=%" PRId64, id);
        return 0;
    }
    const int has_index = number(lookup, "JOB_COMPLETION_INDEX", 0, &id, err);
    if (has_index == 1 && set(outer, "JOB_COMPLETION_INDEX", id, "the given count", size, err))
        return -1;
    if (has_index == 1)
        snprintf(outer->source, sizeof outer->source, "JOB_COMPLETION_INDEX=%" PRId64, id);
    return has_index < 0 ? -1 : 0;
}

static int nothing_found(rank_lookup *lookup, struct err *err)
{
    int64_t tasks = 0, index = 0;
    if (number(lookup, "JOB_COMPLETION_INDEX", 0, &index, NULL) == 1)
        return err_set(err, "--shard auto: JOB_COMPLETION_INDEX is set, but Kubernetes does not "
                            "tell the job's completions; use --shard auto/N with completions: N");
    if (lookup("SLURM_JOB_ID") && number(lookup, "SLURM_NTASKS", 1, &tasks, NULL) == 1 && tasks > 1)
        return err_set(err,
                       "--shard auto: this is the batch script of a Slurm job, not one of its "
                       "%" PRId64 " tasks; start attnbench with srun",
                       tasks);
    return err_set(err, "--shard auto: the environment names no rank (of Open MPI, PMI, PMIx, a "
                        "Slurm step or array, Kubernetes); start attnbench with mpirun or srun, or "
                        "give --shard I/N");
}

static int64_t local_rank(rank_lookup *lookup, const struct level *inner)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                        "PMI_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK",
                                        "PALS_LOCAL_RANKID"};
    const char *unused = NULL;
    int64_t local = 0, task = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && inner->size; ++i)
        if (number(lookup, names[i], 0, &local, NULL) == 1)
            return local;
    /* Ranks of an mpirun inside of a step carry the step's variables, not ones of their own. */
    const bool same = step_size(lookup, &unused) == inner->size && inner->size &&
                      number(lookup, "SLURM_PROCID", 0, &task, NULL) == 1 && task == inner->index;
    return same && number(lookup, "SLURM_LOCALID", 0, &local, NULL) == 1 ? local : -1;
}

int rank_find(struct rank *rank, int64_t count, rank_lookup *lookup, struct err *err)
{
    struct level inner = {0}, outer = {0};
    if (find_inner(&inner, count, lookup, err))
        return -1;
    const int64_t ranks = inner.size ? inner.size : 1;
    if (count && count % ranks)
        return err_set(
            err, "--shard auto/%" PRId64 ": %s makes %" PRId64 " ranks, which do not divide it",
            count, inner.source, ranks);
    if (count && count > ranks ? find_numbered(&outer, count / ranks, lookup, err)
                               : (!count && find_array(&outer, lookup, err)))
        return -1;
    if (!inner.size && !outer.size)
        return nothing_found(lookup, err);
    if (count > ranks && !outer.size)
        return err_set(err,
                       "--shard auto/%" PRId64 ": %s, and there is no SLURM_ARRAY_TASK_ID and no "
                       "JOB_COMPLETION_INDEX for the rest; give --shard I/N",
                       count, inner.source);
    const int64_t arrays = outer.size ? outer.size : 1;
    if (ranks * arrays > RANKS_MAX)
        return err_set(err, "--shard auto: more than %d ranks", RANKS_MAX);
    *rank = (struct rank){.index = outer.index * ranks + inner.index,
                          .count = arrays * ranks,
                          .local = local_rank(lookup, &inner)};
    const bool both = outer.size && inner.size > 1; /* srun in each task of an array is no news */
    snprintf(rank->source, sizeof rank->source, "%s%s%s", outer.source, both ? ", " : "",
             both || !outer.size ? inner.source : "");
    return 0;
}
