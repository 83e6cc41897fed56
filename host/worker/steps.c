#include "worker/steps.h"

#include "measure/stats.h"
#include "util/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *steps_request(const char *step, int slot)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "do", step);
    if (slot >= 0)
        cJSON_AddNumberToObject(request, "slot", slot);
    return request;
}

int steps_start_worker(const struct supervisor *with, struct process *process, struct err *err)
{
    const char *argv[] = {with->program, "worker", with->kernels_dir ? "--kernels" : NULL,
                          with->kernels_dir, NULL};
    return process_start(process, argv, err);
}

void steps_stop_worker(struct run *run, const struct suite *suite)
{
    const double start_s = clock_now_s();
    process_stop(&run->process, suite->deadlines.teardown_s);
    account_add(run->with->account, ACTIVITY_START, clock_now_s() - start_s);
}

double step_deadline(const struct run *run, const struct suite *suite, const char *step)
{
    /* The present group's first cell; peaks are measured without a plan. */
    const struct cell none = {0};
    const struct cell *present = run->plan ? &run->plan->cells[run->next] : &none;
    const struct deadlines *d = &suite->deadlines;
    const double given = run->with->deadline_s;
    if (strcmp(step, "open") == 0) /* it builds an empty kernel */
        return d->enumerate_s + (given > 0 ? given : d->build_s);
    if (strcmp(step, "prepare") == 0 || strcmp(step, "peak") == 0)
        return given > 0 ? given : d->build_s; /* building is most of either */
    if (strcmp(step, "launch") == 0 || strcmp(step, "measure") == 0)
        return (given > 0 ? given : d->run_s) + suite->measure.max_time_s;
    if (strcmp(step, "release") == 0)
        return d->teardown_s;
    if (strcmp(step, "judge") == 0) /* calls no driver; what a slow host needs for a reference */
        return 600 + present->flops / 1e7;
    const double transfer_s = given > 0 ? given : d->read_s;
    if (strcmp(step, "problem") == 0 || strcmp(step, "case") == 0 || strcmp(step, "save") == 0)
        return transfer_s + 2 + (double)present->memory.total_bytes / 1e7; /* to make or read it */
    return transfer_s;
}

/* Asks the worker, which must run; takes ownership of the request. True with the reply, or false
 * with the trouble. After a death, a timeout or a fatal error no worker runs any more. */
bool steps_ask(struct run *run, const struct suite *suite, cJSON *request, cJSON **reply,
               struct trouble *trouble)
{
    struct err why;
    char step[16];
    snprintf(step, sizeof step, "%s", json_peek_string(request, "do"));
    const double start_s = clock_now_s();
    const enum outcome outcome = process_ask(
        &run->process, request, step_deadline(run, suite, step), run->with->stop, reply, &why);
    account_step(run->with->account, step, clock_now_s() - start_s);
    cJSON_Delete(request);
    trouble->work_group_limit = 0;
    if (outcome != OUTCOME_REPLY) {
        run->open_device = -1;
        trouble->status = outcome == OUTCOME_TIMEOUT ? ROW_TIMEOUT
                          : outcome == OUTCOME_DIED  ? ROW_CRASH
                                                     : ROW_ERROR;
        snprintf(trouble->reason, sizeof trouble->reason, "%s in step '%s'", why.message, step);
        return false;
    }
    const char *failure = json_peek_string(*reply, "failure");
    if (!*failure)
        return true;
    if (row_status_parse(failure, &trouble->status))
        trouble->status = ROW_ERROR;
    const char *reason = json_peek_string(*reply, "reason");
    snprintf(trouble->reason, sizeof trouble->reason, "%s", *reason ? reason : failure);
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(*reply, "work_group_limit");
    if (cJSON_IsNumber(limit))
        trouble->work_group_limit = (int64_t)limit->valuedouble;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(*reply, "fatal"))) {
        steps_stop_worker(run, suite);
        run->open_device = -1;
    }
    cJSON_Delete(*reply);
    *reply = NULL;
    return false;
}

void steps_end(struct run *run, struct job *job, const struct trouble *trouble, const char *phase)
{
    job_end(job, trouble->status, phase, trouble->reason, run->arena);
    char *chatter = process_take_output(&run->process);
    if (chatter)
        job->row.worker_output = arena_copy(run->arena, chatter);
    free(chatter);
}

/* A step of one job: trouble ends it. The reply is the caller's to delete. */
bool steps_ask_job(struct run *run, struct job *job, cJSON *request, const char *phase,
                   cJSON **reply)
{
    struct trouble trouble;
    if (steps_ask(run, job->cell->suite, request, reply, &trouble))
        return true;
    steps_end(run, job, &trouble, phase);
    return false;
}

bool steps_open(struct run *run, const struct cell *cell, struct trouble *trouble)
{
    struct err err;
    if (run->open_device == cell->device)
        return true;
    const bool keep = run->with->isolate == ISOLATE_NONE && run->open_device >= 0;
    if (!keep)
        steps_stop_worker(run, cell->suite);
    run->open_device = -1;
    if (!keep && steps_start_worker(run->with, &run->process, &err)) {
        trouble->status = ROW_ERROR;
        snprintf(trouble->reason, sizeof trouble->reason, "%s", err.message);
        return false;
    }
    struct device_info *device = &run->devices[cell->device];
    cJSON *request = steps_request("open", -1), *reply = NULL;
    cJSON_AddStringToObject(request, "backend", run->with->backend);
    cJSON_AddItemToObject(request, "device", device_info_to_json(device));
    if (!steps_ask(run, cell->suite, request, &reply, trouble))
        return false;
    const cJSON *launch = cJSON_GetObjectItemCaseSensitive(reply, "launch_us");
    const bool first = device->launch_us <= 0;
    if (first && cJSON_IsNumber(launch))
        device->launch_us = launch->valuedouble;
    cJSON_Delete(reply);
    run->open_device = cell->device;
    if (first && run->with->on_device && !run->io_failed)
        run->io_failed = run->with->on_device(run->with->context, cell->device, run->err) != 0;
    return true;
}

bool steps_problem(struct run *run, const struct cell *cell, const struct problem *problem,
                   bool other, struct trouble *trouble)
{
    const char *folder = run->with->case_folder;
    cJSON *request = steps_request(folder ? "case" : "problem", -1), *reply = NULL;
    if (folder) {
        cJSON_AddStringToObject(request, "folder", folder);
        cJSON_AddNumberToObject(request, "returns", (double)problem->returns);
    } else {
        cJSON_AddItemToObject(request, "problem", problem_to_json(problem));
        cJSON_AddNumberToObject(request, "seed", (double)run->with->seed);
        cJSON_AddNumberToObject(request, "inputs", run->with->inputs);
        cJSON_AddBoolToObject(request, "other", other);
    }
    const bool ok = steps_ask(run, cell->suite, request, &reply, trouble);
    const cJSON *rounds = cJSON_GetObjectItemCaseSensitive(reply, "rounds");
    run->rounds = ok && cJSON_IsNumber(rounds) ? rounds->valueint : 0;
    cJSON_Delete(reply);
    return ok;
}

static cJSON *prepare_request(const struct job *job)
{
    cJSON *request = steps_request("prepare", job->slot);
    cJSON_AddStringToObject(request, "variant", job->cell->variant->name);
    cJSON_AddItemToObject(request, "tuning", tuning_to_json(&job->row.tuning));
    if (job->kernels)
        cJSON_AddStringToObject(request, "kernels", job->kernels);
    if (job->beside)
        cJSON_AddNumberToObject(request, "output_of", job->beside->slot);
    return request;
}

cJSON *steps_measure_request(const struct job *job, double slice_s, int launches)
{
    cJSON *request = steps_request("measure", job->slot);
    cJSON_AddNumberToObject(request, "slice_s", slice_s);
    cJSON_AddNumberToObject(request, "launches", launches);
    cJSON_AddNumberToObject(request, "passes", job->cell->variant->pass_count);
    cJSON_AddBoolToObject(request, "cold", job->cell->suite->measure.cold);
    return request;
}

enum check_mode steps_check_mode(const struct run *run, const struct job *job)
{
    return run->with->check ? *run->with->check : job->cell->suite->check;
}

bool steps_wants_other(const struct run *run, const struct job *job)
{
    return job->cell->other_fits && steps_check_mode(run, job) != CHECK_NONE;
}

/* ---- a job's way ----------------------------------------------------------------------------- */

static double eta(const struct run *run)
{
    const double now_s = clock_now_s();
    struct outlook outlook = {.spent_s = run->group_start_s - run->start_s,
                              .group_spent_s = now_s - run->group_start_s,
                              .budget_s = run->begun_s + run->budget_s - now_s,
                              .has_budget = run->budget_s > 0};
    for (int c = 0; c < run->plan->count; ++c) {
        const struct cell *cell = &run->plan->cells[c];
        if (cell->fate != CELL_RUN || (run->done && run->done[c]) || run->skipped[c])
            continue;
        const double cell_s = estimate_cell(run->estimate, run->plan, cell);
        const bool present = c >= run->next && c < run->end;
        *(run->ended[c] ? &outlook.done_s
          : present     ? &outlook.group_s
                        : &outlook.later_s) += cell_s;
        if (!run->ended[c] && !estimate_knows(run->estimate, cell))
            outlook.guessed_s += cell_s;
    }
    return estimate_rest(&outlook);
}

void steps_progress(const struct run *run, const struct job *job, const char *phase)
{
    if (run->with->on_progress)
        run->with->on_progress(run->with->context, job->cell, phase,
                               stats_median(job->time_s, job->sampler.count), eta(run));
}

/* Some compilers allow a kernel smaller work-groups than the device's limit promises (registers,
 * local memory); the limit is known only after the build. True: the job has a tuning within it. */
static bool shrink(const struct run *run, struct job *job, int64_t work_group_limit)
{
    struct device_info device = run->plan->devices[job->cell->device];
    const int64_t before = device.max_work_group;
    device.max_work_group = work_group_limit;
    if (work_group_limit <= 0 || (before != 0 && work_group_limit >= before) ||
        variant_fit(job->cell->variant, &job->cell->problem, &device, &job->row.tuning, NULL))
        return false;
    job->row.tuning_origin.source = tuning_source_name(TUNING_DEFAULT);
    job->row.tuning_origin.class = NULL;
    return true;
}

/* Builds the variant, with smaller work-groups where the compiled kernel asks for them. */
bool steps_build(struct run *run, struct job *job, const char *phase, cJSON **reply)
{
    enum { ATTEMPTS = 4 };
    struct trouble trouble;
    for (int attempt = 1;; ++attempt) {
        if (steps_ask(run, job->cell->suite, prepare_request(job), reply, &trouble))
            return true;
        if (attempt == ATTEMPTS || !shrink(run, job, trouble.work_group_limit))
            break;
    }
    steps_end(run, job, &trouble, phase);
    return false;
}

bool steps_prepare(struct run *run, struct job *job)
{
    cJSON *reply = NULL;
    steps_progress(run, job, "build");
    const double start_s = clock_now_s();
    if (!steps_build(run, job, "prepare", &reply))
        return false;
    job->build_s = clock_now_s() - start_s;
    job->launches = 0;
    job->checked = false;
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(reply, "build_s");
    const char *options = json_peek_string(reply, "options");
    if (isnan(job->row.build.time_s) && cJSON_IsNumber(time))
        job->row.build.time_s = time->valuedouble;
    job->row.build.options = arena_copy(run->arena, options);
    if (!job->row.build.origin)
        job->row.build.origin = arena_copy(run->arena, json_peek_string(reply, "origin"));
    job->prepared = true;
    cJSON_Delete(reply);
    return true;
}
