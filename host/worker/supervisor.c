#include "worker/supervisor.h"

#include "verify/inputs.h"
#include "worker/estimate.h"
#include "worker/job.h"
#include "worker/process.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GROUP_MAX = 64 }; /* slots of a worker */

/* One launch may not be expected to use more than this part of its deadline. */
static const double deadline_part = 0.5;
/* Above this many operations a variant's rate is measured on a small problem first. */
static const double pilot_above_flops = 2e10, pilot_flops = 5e8;

struct run {
    const struct supervisor *with;
    const struct plan *plan;
    struct device_info *devices;
    struct estimate *estimate;
    struct arena *arena;
    struct process process;
    int open_device; /* -1: none */
    double start_s, budget_s;
    const bool *done;
    int next;   /* first cell that has no row yet */
    bool saved; /* the weights of a case have been written */
    struct err *err;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static cJSON *request_new(const char *step, int slot)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "do", step);
    if (slot >= 0)
        cJSON_AddNumberToObject(request, "slot", slot);
    return request;
}

static int start_worker(const struct supervisor *with, struct process *process, struct err *err)
{
    const char *argv[] = {with->program, "worker", with->kernels_dir ? "--kernels" : NULL,
                          with->kernels_dir, NULL};
    return process_start(process, argv, err);
}

static const char *string(const cJSON *reply, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(reply, key);
    return cJSON_IsString(node) ? node->valuestring : NULL;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* How a step ended that did not succeed. */
struct trouble {
    enum row_status status;
    int64_t work_group_limit; /* a smaller tuning may work; 0: no */
    char reason[2304];
};

static double step_deadline(const struct run *run, const struct suite *suite, const char *step)
{
    const struct deadlines *d = &suite->deadlines;
    const double given = run->with->deadline_s;
    if (strcmp(step, "open") == 0)
        return d->enumerate_s + d->build_s; /* it builds an empty kernel */
    if (strcmp(step, "prepare") == 0)
        return given > 0 ? given : d->build_s;
    if (strcmp(step, "launch") == 0 || strcmp(step, "measure") == 0)
        return (given > 0 ? given : d->run_s) + suite->measure.max_time_s;
    if (strcmp(step, "release") == 0)
        return d->teardown_s;
    if (strcmp(step, "judge") == 0 || strcmp(step, "problem") == 0 || strcmp(step, "case") == 0 ||
        strcmp(step, "save") == 0)
        return 3600; /* work of the host alone: the reference, or making inputs */
    return given > 0 ? given : d->read_s;
}

/* Asks the worker, which must run; takes ownership of the request. True with the reply, or false
 * with the trouble. After a death, a timeout or a fatal error no worker runs any more. */
static bool ask(struct run *run, const struct suite *suite, cJSON *request, cJSON **reply,
                struct trouble *trouble)
{
    struct err why;
    char step[16];
    snprintf(step, sizeof step, "%s", string(request, "do"));
    const enum outcome outcome = process_ask(
        &run->process, request, step_deadline(run, suite, step), run->with->stop, reply, &why);
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
    const char *failure = string(*reply, "failure");
    if (!failure)
        return true;
    if (row_status_parse(failure, &trouble->status))
        trouble->status = ROW_ERROR;
    const char *reason = string(*reply, "reason");
    snprintf(trouble->reason, sizeof trouble->reason, "%s", reason && *reason ? reason : failure);
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(*reply, "work_group_limit");
    if (cJSON_IsNumber(limit))
        trouble->work_group_limit = (int64_t)limit->valuedouble;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(*reply, "fatal"))) {
        process_stop(&run->process, suite->deadlines.teardown_s);
        run->open_device = -1;
    }
    cJSON_Delete(*reply);
    *reply = NULL;
    return false;
}

static void end_in_trouble(struct run *run, struct job *job, const struct trouble *trouble,
                           const char *phase)
{
    job_end(job, trouble->status, phase, trouble->reason, run->arena);
    char *chatter = process_take_output(&run->process);
    if (chatter)
        job->row.worker_output = arena_copy(run->arena, chatter);
    free(chatter);
}

/* A step of one job: trouble ends it. The reply is the caller's to delete. */
static bool ask_job(struct run *run, struct job *job, cJSON *request, const char *phase,
                    cJSON **reply)
{
    struct trouble trouble;
    if (ask(run, job->cell->suite, request, reply, &trouble))
        return true;
    end_in_trouble(run, job, &trouble, phase);
    return false;
}

static bool open_device(struct run *run, const struct cell *cell, struct trouble *trouble)
{
    struct err err;
    if (run->open_device == cell->device)
        return true;
    const bool keep = run->with->isolate == ISOLATE_NONE && run->open_device >= 0;
    if (!keep)
        process_stop(&run->process, cell->suite->deadlines.teardown_s);
    run->open_device = -1;
    if (!keep && start_worker(run->with, &run->process, &err)) {
        trouble->status = ROW_ERROR;
        snprintf(trouble->reason, sizeof trouble->reason, "%s", err.message);
        return false;
    }
    struct device_info *device = &run->devices[cell->device];
    cJSON *request = request_new("open", -1), *reply = NULL;
    cJSON_AddStringToObject(request, "backend", run->with->backend);
    cJSON_AddItemToObject(request, "device", device_info_to_json(device));
    if (!ask(run, cell->suite, request, &reply, trouble))
        return false;
    const cJSON *launch = cJSON_GetObjectItemCaseSensitive(reply, "launch_us");
    const bool first = device->launch_us <= 0;
    if (first && cJSON_IsNumber(launch))
        device->launch_us = launch->valuedouble;
    cJSON_Delete(reply);
    run->open_device = cell->device;
    if (first && run->with->on_device)
        (void)run->with->on_device(run->with->context, cell->device, run->err);
    return true;
}

static bool send_problem(struct run *run, const struct cell *cell, const struct problem *problem,
                         struct trouble *trouble)
{
    const char *folder = run->with->case_folder;
    cJSON *request = request_new(folder ? "case" : "problem", -1), *reply = NULL;
    if (folder) {
        cJSON_AddStringToObject(request, "folder", folder);
        cJSON_AddNumberToObject(request, "returns", (double)problem->returns);
    } else {
        cJSON_AddItemToObject(request, "problem", problem_to_json(problem));
        cJSON_AddNumberToObject(request, "seed", (double)run->with->seed);
        cJSON_AddNumberToObject(request, "inputs", INPUT_RANDOM);
    }
    const bool ok = ask(run, cell->suite, request, &reply, trouble);
    cJSON_Delete(reply);
    return ok;
}

static cJSON *prepare_request(const struct job *job)
{
    cJSON *request = request_new("prepare", job->slot);
    cJSON_AddStringToObject(request, "variant", job->cell->variant->name);
    cJSON_AddItemToObject(request, "tuning", tuning_to_json(&job->row.tuning));
    return request;
}

static cJSON *measure_request(const struct job *job, double slice_s, int launches)
{
    cJSON *request = request_new("measure", job->slot);
    cJSON_AddNumberToObject(request, "slice_s", slice_s);
    cJSON_AddNumberToObject(request, "launches", launches);
    cJSON_AddNumberToObject(request, "passes", job->cell->variant->pass_count);
    return request;
}

/* ---- a job's way ----------------------------------------------------------------------------- */

static enum check_mode mode_of(const struct run *run, const struct job *job)
{
    return run->with->check ? *run->with->check : job->cell->suite->check;
}

static double eta(const struct run *run)
{
    double seconds = 0;
    for (int c = run->next; c < run->plan->count; ++c)
        if (run->plan->cells[c].fate == CELL_RUN && !(run->done && run->done[c]))
            seconds += estimate_cell(run->estimate, run->plan, &run->plan->cells[c]);
    return seconds;
}

static void progress(const struct run *run, const struct job *job, const char *phase)
{
    if (run->with->on_progress)
        run->with->on_progress(run->with->context, job->cell, phase, eta(run));
}

/* Some compilers allow a kernel smaller work-groups than the device's limit promises (registers,
 * local memory); the limit is known only after the build. True: the job has a tuning within it. */
static bool shrink(const struct run *run, struct job *job, int64_t work_group_limit)
{
    struct device_info device = run->plan->devices[job->cell->device];
    const int64_t before = device.max_work_group;
    device.max_work_group = work_group_limit;
    return work_group_limit > 0 && (before == 0 || work_group_limit < before) &&
           variant_fit(job->cell->variant, &job->cell->problem, &device, &job->row.tuning, NULL) ==
               0;
}

/* Builds the variant, with smaller work-groups where the compiled kernel asks for them. */
static bool build(struct run *run, struct job *job, const char *phase, cJSON **reply)
{
    enum { ATTEMPTS = 4 };
    struct trouble trouble;
    for (int attempt = 1;; ++attempt) {
        if (ask(run, job->cell->suite, prepare_request(job), reply, &trouble))
            return true;
        if (attempt == ATTEMPTS || !shrink(run, job, trouble.work_group_limit))
            break;
    }
    end_in_trouble(run, job, &trouble, phase);
    return false;
}

static bool prepare(struct run *run, struct job *job)
{
    cJSON *reply = NULL;
    progress(run, job, "build");
    if (!build(run, job, "prepare", &reply))
        return false;
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(reply, "build_s");
    const char *options = string(reply, "options");
    if (isnan(job->row.build.time_s) && cJSON_IsNumber(time))
        job->row.build.time_s = time->valuedouble;
    job->row.build.options = options ? arena_copy(run->arena, options) : NULL;
    job->prepared = true;
    cJSON_Delete(reply);
    return true;
}

/* Fetches the output; an overrun guard zone ends the job as wrong. */
static bool read_output(struct run *run, struct job *job, const char *phase, bool *repeatable)
{
    cJSON *reply = NULL;
    if (!ask_job(run, job, request_new("read", job->slot), phase, &reply))
        return false;
    *repeatable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "repeatable"));
    const char *overrun = string(reply, "overrun");
    if (overrun)
        job_end(job, ROW_WRONG, phase, overrun, run->arena);
    cJSON_Delete(reply);
    return !overrun;
}

static bool launch(struct run *run, struct job *job, const char *phase)
{
    cJSON *reply = NULL;
    const bool ok = ask_job(run, job, request_new("launch", job->slot), phase, &reply);
    cJSON_Delete(reply);
    return ok;
}

static bool judge(struct run *run, struct job *job, const char *phase)
{
    cJSON *request = request_new("judge", job->slot), *reply = NULL;
    cJSON_AddStringToObject(request, "mode", check_mode_name(mode_of(run, job)));
    if (!ask_job(run, job, request, phase, &reply))
        return false;
    const bool ok = job_judged(job, reply, phase, run->arena);
    cJSON_Delete(reply);
    return ok;
}

/* A case of the user's ends with its check; the first weights are saved if that was asked for. */
static void verified(struct run *run, struct job *job)
{
    cJSON *reply = NULL;
    if (run->with->weights_path && !run->saved && job->cell->problem.returns == RETURNS_WEIGHTS) {
        cJSON *request = request_new("save", job->slot);
        cJSON_AddStringToObject(request, "path", run->with->weights_path);
        if (!ask_job(run, job, request, "check", &reply))
            return;
        cJSON_Delete(reply);
        run->saved = true;
    }
    job_end(job, ROW_OK, "done", NULL, run->arena);
}

/* Poisoned launch, verdict, and a second poisoned launch for repeatability. */
static void check(struct run *run, struct job *job)
{
    bool repeatable = false;
    if (mode_of(run, job) == CHECK_NONE) {
        job->row.check.mode = "none";
        return;
    }
    progress(run, job, "check");
    if (launch(run, job, "check") && read_output(run, job, "check", &repeatable) &&
        judge(run, job, "check") && launch(run, job, "check") &&
        read_output(run, job, "check", &repeatable)) {
        job->row.check.repeatable = repeatable;
        if (run->with->case_folder)
            verified(run, job);
    }
}

/* The output of the last timed launch is judged as the first one was. */
static void recheck(struct run *run, struct job *job)
{
    bool same = false;
    job_times(job, run->plan, run->arena);
    if (mode_of(run, job) != CHECK_NONE) {
        if (!read_output(run, job, "recheck", &same) || !judge(run, job, "recheck"))
            return;
        job->row.check.rechecked = true;
    }
    estimate_learn(run->estimate, job->cell, &job->cell->problem, job->row.time.median_s);
    job_end(job, ROW_OK, "done", NULL, run->arena);
}

/* One slice of samples. */
static void measure(struct run *run, struct job *job)
{
    const struct measure_rule *rule = &job->cell->suite->measure;
    const double slice_s = fmax(rule->min_time_s / 4, 0.01);
    cJSON *reply = NULL;
    progress(run, job, "measure");
    if (!ask_job(run, job, measure_request(job, slice_s, 64), "measure", &reply))
        return;
    if (job_samples(job, reply, run->arena))
        job_end(job, ROW_ERROR, "measure", "the worker's samples make no sense", run->arena);
    cJSON_Delete(reply);
    if (!job->finished && job->sampler.done)
        recheck(run, job);
}

/* ---- before a group: will it fit the time? --------------------------------------------------- */

static void pilot(struct run *run, struct job *job)
{
    const struct problem small = estimate_pilot(&job->cell->problem, pilot_flops);
    struct trouble trouble;
    cJSON *reply = NULL;
    progress(run, job, "estimate");
    if (!send_problem(run, job->cell, &small, &trouble)) {
        job_end(job, trouble.status, "estimate", trouble.reason, run->arena);
        return;
    }
    if (!build(run, job, "estimate", &reply))
        return;
    const cJSON *build = cJSON_GetObjectItemCaseSensitive(reply, "build_s");
    if (cJSON_IsNumber(build))
        job->row.build.time_s = build->valuedouble;
    cJSON_Delete(reply);
    if (!ask_job(run, job, measure_request(job, 3600, 2), "estimate", &reply))
        return;
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(reply, "samples"), *sample = NULL;
    double best = INFINITY;
    cJSON_ArrayForEach(sample, samples)
    {
        const cJSON *host = cJSON_GetArrayItem(sample, 0);
        if (cJSON_IsNumber(host))
            best = fmin(best, host->valuedouble);
    }
    cJSON_Delete(reply);
    if (isfinite(best))
        estimate_learn(run->estimate, job->cell, &small, best);
}

static void skip(struct run *run, struct job *job, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void skip(struct run *run, struct job *job, const char *format, ...)
{
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    job_end(job, ROW_SKIPPED, "plan", reason, run->arena);
}

static void skip_if_too_long(struct run *run, struct job *job)
{
    const double launch_s = estimate_launch(run->estimate, run->plan, job->cell);
    const double cell_s = estimate_cell(run->estimate, run->plan, job->cell);
    const double limit_s = deadline_part * step_deadline(run, job->cell->suite, "launch");
    const double spent_s = now_s() - run->start_s;
    if (estimate_knows(run->estimate, job->cell) && launch_s > limit_s)
        skip(run, job,
             "one launch of %.3g GFLOP would take about %.3g s (estimated from smaller problems), "
             "over half of its deadline; raise deadlines.run_s or --deadline above %.0f s",
             job->cell->flops * 1e-9, launch_s, 2 * launch_s);
    else if (run->budget_s > 0 && spent_s + cell_s > run->budget_s)
        skip(run, job,
             "over the budget: %.3g s of %.3g s are spent and this cell would take about %.3g s; "
             "raise --budget",
             spent_s, run->budget_s, cell_s);
}

static bool any_live(const struct job *jobs, int count)
{
    for (int j = 0; j < count; ++j)
        if (!jobs[j].finished)
            return true;
    return false;
}

static void end_all(struct run *run, struct job *jobs, int count, const struct trouble *trouble,
                    const char *phase)
{
    char *chatter = process_take_output(&run->process);
    for (int j = 0; j < count; ++j)
        if (!jobs[j].finished) {
            job_end(&jobs[j], trouble->status, phase, trouble->reason, run->arena);
            if (chatter)
                jobs[j].row.worker_output = arena_copy(run->arena, chatter);
        }
    free(chatter);
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Makes sure that a worker has the device open, the inputs made and all live jobs prepared: at the
 * start of a group, and again after a job took its worker down. */
static void set_up(struct run *run, struct job *jobs, int count)
{
    struct trouble trouble;
    while (any_live(jobs, count)) {
        if (!open_device(run, jobs[0].cell, &trouble)) {
            end_all(run, jobs, count, &trouble, "open");
            return;
        }
        for (int j = 0; j < count; ++j)
            jobs[j].prepared = false;
        if (!send_problem(run, jobs[0].cell, &jobs[0].cell->problem, &trouble)) {
            end_all(run, jobs, count, &trouble, "problem");
            return;
        }
        int j = 0;
        for (; j < count && run->open_device >= 0; ++j)
            if (!jobs[j].finished)
                prepare(run, &jobs[j]);
        if (run->open_device >= 0)
            return;
    }
}

static void estimate_group(struct run *run, struct job *jobs, int count)
{
    struct trouble trouble;
    for (int j = 0; j < count; ++j) {
        if (jobs[j].finished)
            continue;
        if (jobs[j].cell->flops > pilot_above_flops &&
            !estimate_knows(run->estimate, jobs[j].cell)) {
            if (!open_device(run, jobs[j].cell, &trouble)) {
                end_all(run, jobs, count, &trouble, "open");
                return;
            }
            pilot(run, &jobs[j]);
        }
        if (!jobs[j].finished)
            skip_if_too_long(run, &jobs[j]);
    }
}

static bool stopped(const struct run *run, int level)
{
    return run->with->stop && *run->with->stop >= level;
}

/* One step of a live job; when it took the worker down, another takes up the rest. */
static void step_job(struct run *run, struct job *jobs, int count, int j,
                     void (*step)(struct run *, struct job *))
{
    if (jobs[j].finished)
        return;
    step(run, &jobs[j]);
    if (run->open_device < 0)
        set_up(run, jobs, count);
}

/* After a first Ctrl-C: the job with the most samples is measured to its end, the others wait for
 * --resume. */
static void finish_nearest(struct run *run, struct job *jobs, int count)
{
    int nearest = -1;
    for (int j = 0; j < count; ++j)
        if (!jobs[j].finished && jobs[j].sampler.count > 0 &&
            (nearest < 0 || jobs[j].sampler.count > jobs[nearest].sampler.count))
            nearest = j;
    while (nearest >= 0 && !jobs[nearest].finished && !stopped(run, 2))
        step_job(run, jobs, count, nearest, measure);
}

static void run_jobs(struct run *run, struct job *jobs, int count)
{
    if (!run->with->case_folder)
        estimate_group(run, jobs, count);
    if (!any_live(jobs, count))
        return;
    set_up(run, jobs, count);
    for (int j = 0; j < count && !stopped(run, 1); ++j)
        step_job(run, jobs, count, j, check);
    while (any_live(jobs, count) && !stopped(run, 1))
        for (int j = 0; j < count && !stopped(run, 1); ++j)
            step_job(run, jobs, count, j, measure);
    finish_nearest(run, jobs, count);
    if (run->open_device >= 0) {
        struct trouble trouble;
        cJSON *reply = NULL;
        ask(run, jobs[0].cell->suite, request_new("release", -1), &reply, &trouble);
        cJSON_Delete(reply);
    }
    char *chatter = process_take_output(&run->process);
    for (int j = 0; chatter && j < count; ++j)
        if (!jobs[j].row.worker_output)
            jobs[j].row.worker_output = arena_copy(run->arena, chatter);
    free(chatter);
}

static int emit(struct run *run, const struct cell *cell, const struct row *row)
{
    return run->with->on_row(run->with->context, cell, row, run->err);
}

/* Runs cells [first, end) of one group and emits their rows in plan order. */
static int run_group(struct run *run, int first, int end)
{
    struct job jobs[GROUP_MAX];
    int count = 0;
    for (int c = first; c < end; ++c)
        if (run->plan->cells[c].fate == CELL_RUN && !(run->done && run->done[c])) {
            job_start(&jobs[count], run->plan, &run->plan->cells[c], count, run->arena);
            ++count;
        }
    if (count)
        run_jobs(run, jobs, count);
    int j = 0, result = 0;
    for (int c = first; c < end && result == 0; ++c) {
        const struct cell *cell = &run->plan->cells[c];
        if (run->done && run->done[c])
            continue;
        if (cell->fate != CELL_RUN) {
            const struct row row = job_row(run->plan, cell);
            result = emit(run, cell, &row);
        } else if (jobs[j].finished && !(stopped(run, 2) && jobs[j].row.status != ROW_OK)) {
            result = emit(run, cell, &jobs[j].row);
        }
        j += cell->fate == CELL_RUN;
    }
    return result;
}

static int group_end(const struct run *run, int first)
{
    const struct plan *plan = run->plan;
    int end = first + 1;
    while (run->with->isolate != ISOLATE_CELL && end < plan->count && end - first < GROUP_MAX &&
           plan->cells[end].group == plan->cells[first].group)
        ++end;
    return end;
}

int supervisor_run(const struct supervisor *supervisor, const struct plan *plan,
                   struct device_info *devices, const bool *done, struct arena *arena,
                   bool *interrupted, struct err *err)
{
    struct run run = {.with = supervisor,
                      .plan = plan,
                      .devices = devices,
                      .estimate = estimate_new(plan),
                      .arena = arena,
                      .open_device = -1,
                      .start_s = now_s(),
                      .done = done,
                      .err = err};
    run.budget_s = supervisor->budget_s > 0 ? supervisor->budget_s : plan->cells[0].suite->budget_s;
    signal(SIGPIPE, SIG_IGN); /* a worker that died is seen by its reply pipe */
    int result = 0;
    while (run.next < plan->count && result == 0 && !stopped(&run, 1)) {
        const int end = group_end(&run, run.next);
        result = run_group(&run, run.next, end);
        if (supervisor->isolate == ISOLATE_CELL && run.process.pid) {
            process_stop(&run.process, plan->cells[run.next].suite->deadlines.teardown_s);
            run.open_device = -1;
        }
        run.next = end;
    }
    *interrupted = stopped(&run, 1) && (run.next < plan->count || stopped(&run, 2));
    process_stop(&run.process, plan->cells[0].suite->deadlines.teardown_s);
    text_free(&run.process.output);
    estimate_free(run.estimate);
    return result;
}

int supervisor_enumerate(const struct supervisor *supervisor, double deadline_s,
                         struct arena *arena, struct device_info **devices, int *count,
                         struct err *err)
{
    struct process process;
    cJSON *reply = NULL, *request = request_new("enumerate", -1);
    cJSON_AddStringToObject(request, "backend", supervisor->backend);
    int result = start_worker(supervisor, &process, err);
    signal(SIGPIPE, SIG_IGN);
    if (result == 0 &&
        process_ask(&process, request, deadline_s, supervisor->stop, &reply, err) != OUTCOME_REPLY)
        result = err_prefix(err, "looking for devices");
    const char *failure = string(reply, "failure");
    if (result == 0 && failure)
        result = err_set(err, "looking for devices: %s", string(reply, "reason"));
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(reply, "devices"), *item = NULL;
    *count = 0;
    *devices = arena_array(arena, (size_t)cJSON_GetArraySize(list) + 1, sizeof **devices);
    cJSON_ArrayForEach(item, list) if (result == 0)
    {
        result = device_info_from_json(&(*devices)[*count], item, arena, err);
        ++*count;
    }
    if (process.pid)
        process_stop(&process, 5);
    text_free(&process.output);
    cJSON_Delete(request);
    cJSON_Delete(reply);
    return result;
}
