#include "worker/supervisor.h"

#include "problem/schedule.h"
#include "util/clock.h"
#include "worker/admission.h"
#include "worker/prebuild.h"
#include "worker/steps.h"
#include "worker/suspects.h"

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

/* ---- before a group: will it fit the time? --------------------------------------------------- */

static void pilot(struct run *run, struct job *job)
{
    int64_t lengths[2];
    const struct problem small = estimate_pilot(&job->cell->problem, pilot_flops, lengths);
    struct trouble trouble;
    cJSON *reply = NULL;
    steps_progress(run, job, "estimate");
    if (!steps_problem(run, job->cell, &small, false, &trouble)) {
        job_end(job, trouble.status, "estimate", trouble.reason, run->arena);
        return;
    }
    if (!steps_build(run, job, "estimate", &reply))
        return;
    const cJSON *build = cJSON_GetObjectItemCaseSensitive(reply, "build_s");
    if (cJSON_IsNumber(build))
        job->row.build.time_s = build->valuedouble;
    job->row.build.origin = arena_copy(run->arena, json_peek_string(reply, "origin"));
    cJSON_Delete(reply);
    if (!steps_ask_job(run, job, steps_measure_request(job, 3600, 2), "estimate", &reply))
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
    const double limit_s = deadline_part * step_deadline(run, job->cell->suite, "launch");
    if (estimate_knows(run->estimate, job->cell) && launch_s > limit_s)
        skip(run, job,
             "one launch of %.3g GFLOP would take about %.3g s (estimated from smaller problems), "
             "over half of its deadline; raise deadlines.run_s or --deadline above %.0f s",
             job->cell->flops * 1e-9, launch_s, 2 * launch_s);
    else
        admission_admit(run, job);
}

static bool any_live(const struct job *jobs, int count)
{
    for (int j = 0; j < count; ++j)
        if (!jobs[j].finished)
            return true;
    return false;
}

/* ---- quarantine ------------------------------------------------------------------------------ */

static bool stopped(const struct run *run, int level)
{
    return run->with->stop && *run->with->stop >= level;
}

/* After a step of a job, or one that was charged to it: what does its end say of the device? */
static void note_standing(struct run *run, const struct job *job)
{
    struct standing *standing = &run->standing[job->cell->device];
    if (!job->finished || stopped(run, 2))
        return;
    if (run->open_device < 0 && !job->trespassed) {
        ++standing->failures;
        standing->last =
            arena_print(run->arena, "%s %s: %s: %.300s", job->cell->variant->name, job->cell->id,
                        row_status_name(job->row.status), job->row.reason);
    } else if (job->row.status == ROW_OK || job->row.status == ROW_WRONG) {
        standing->failures = 0;
    }
}

/* True when the device of these jobs is to be left alone; those that live are skipped then. */
static bool quarantined(struct run *run, struct job *jobs, int count)
{
    const struct standing *standing = &run->standing[jobs[0].cell->device];
    const int limit = run->with->quarantine;
    if (limit <= 0 || standing->failures < limit)
        return false;
    for (int j = 0; j < count; ++j)
        if (!jobs[j].finished)
            skip(run, &jobs[j],
                 "the device is in quarantine after %d failures in a row (--quarantine), the last: "
                 "%s",
                 standing->failures, standing->last);
    return true;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* A failed step that served all jobs is charged to the first of them; the others try again. */
static void charge(struct run *run, struct job *jobs, int count, const struct trouble *trouble,
                   const char *phase)
{
    for (int j = 0; j < count; ++j)
        if (!jobs[j].finished) {
            steps_end(run, &jobs[j], trouble, phase);
            note_standing(run, &jobs[j]);
            return;
        }
}

/* All share the inputs, so that there must be room for others beside the largest of them. */
static bool wants_other(const struct run *run, const struct job *jobs, int count)
{
    bool wants = true;
    for (int j = 0; j < count; ++j)
        wants = wants && (jobs[j].finished || steps_wants_other(run, &jobs[j]));
    return wants;
}

/* Makes sure that a worker has the device open, the inputs made and all live jobs prepared: at the
 * start of a group, and again after a job took its worker down. */
static void set_up(struct run *run, struct job *jobs, int count)
{
    struct trouble trouble;
    while (any_live(jobs, count) && !quarantined(run, jobs, count) && !stopped(run, 2)) {
        if (!steps_open(run, jobs[0].cell, &trouble)) {
            charge(run, jobs, count, &trouble, "open");
            continue;
        }
        for (int j = 0; j < count; ++j)
            jobs[j].prepared = false;
        if (!steps_problem(run, jobs[0].cell, &jobs[0].cell->problem, wants_other(run, jobs, count),
                           &trouble)) {
            charge(run, jobs, count, &trouble, "problem");
            continue;
        }
        for (int j = 0; j < count && run->open_device >= 0; ++j)
            if (!jobs[j].finished) {
                steps_prepare(run, &jobs[j]);
                note_standing(run, &jobs[j]);
            }
        if (run->open_device >= 0)
            return;
    }
}

static void estimate_group(struct run *run, struct job *jobs, int count)
{
    struct trouble trouble;
    admission_look(run);
    for (int j = 0; j < count; ++j) {
        if (jobs[j].finished)
            continue;
        if (jobs[j].cell->flops > pilot_above_flops &&
            !estimate_knows(run->estimate, jobs[j].cell)) {
            if (quarantined(run, jobs, count))
                return;
            if (admission_is_spent(run)) { /* nothing to learn for */
                admission_admit(run, &jobs[j]);
                continue;
            }
            if (steps_open(run, jobs[j].cell, &trouble))
                pilot(run, &jobs[j]);
            else
                steps_end(run, &jobs[j], &trouble, "open");
            note_standing(run, &jobs[j]);
        }
        if (!jobs[j].finished)
            skip_if_too_long(run, &jobs[j]);
    }
}

/* One step of a live job; when it took the worker down, another takes up the rest. */
static void step_job(struct run *run, struct job *jobs, int count, int j,
                     void (*step)(struct run *, struct job *))
{
    if (jobs[j].finished)
        return;
    step(run, &jobs[j]);
    if (jobs[j].trespassed && count > 1 && !stopped(run, 2))
        suspects_settle(run, jobs, count, j);
    note_standing(run, &jobs[j]);
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
        step_job(run, jobs, count, nearest, steps_measure);
}

/* A library keeps the parameters that it was given for as long as its process lives: cells of
 * another tuning get another worker. */
static void renew_library(struct run *run, const struct job *jobs, int count)
{
    for (int j = 0; j < count; ++j) {
        if (!jobs[j].cell->variant->library)
            continue;
        const char *tuning = tuning_text(&jobs[j].cell->tuning, run->arena);
        if (run->library_tuning && strcmp(run->library_tuning, tuning) != 0) {
            process_stop(&run->process, jobs[j].cell->suite->deadlines.teardown_s);
            run->open_device = -1;
        }
        run->library_tuning = tuning;
    }
}

static void run_jobs(struct run *run, struct job *jobs, int count)
{
    renew_library(run, jobs, count);
    if (!quarantined(run, jobs, count) && !run->with->case_folder)
        estimate_group(run, jobs, count);
    if (!any_live(jobs, count))
        return;
    set_up(run, jobs, count);
    for (int j = 0; j < count && !stopped(run, 1); ++j) {
        admission_close(run, &jobs[j]);
        step_job(run, jobs, count, j, steps_check);
    }
    while (any_live(jobs, count) && !stopped(run, 1))
        for (int j = 0; j < count && !stopped(run, 1); ++j)
            step_job(run, jobs, count, j, steps_measure);
    finish_nearest(run, jobs, count);
    if (run->open_device >= 0) {
        struct trouble trouble;
        cJSON *reply = NULL;
        steps_ask(run, jobs[0].cell->suite, steps_request("release", -1), &reply, &trouble);
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

static bool waits(const struct run *run, int c)
{
    return !run->ended[c] && !(run->done && run->done[c]);
}

/* Runs cells [first, end) of one group and emits their rows in plan order. */
static int run_group(struct run *run, int first, int end)
{
    struct arena scratch = {0}; /* too much for a small stack */
    struct job *jobs = arena_array(&scratch, GROUP_MAX, sizeof *jobs);
    int count = 0;
    for (int c = first; c < end; ++c)
        if (run->plan->cells[c].fate == CELL_RUN && waits(run, c)) {
            job_start(&jobs[count], run->plan, &run->plan->cells[c], count, run->arena);
            jobs[count++].may_be_brief = true;
        }
    if (count)
        run_jobs(run, jobs, count);
    int j = 0, result = run->io_failed ? -1 : 0;
    for (int c = first; c < end && result == 0; ++c) {
        const struct cell *cell = &run->plan->cells[c];
        if (!waits(run, c))
            continue;
        const bool postponed = cell->fate == CELL_RUN && jobs[j].postponed;
        run->skipped[c] = cell->fate == CELL_RUN && jobs[j].row.status == ROW_SKIPPED && !postponed;
        run->ended[c] = !postponed;
        if (cell->fate != CELL_RUN) {
            const struct row row = job_row(run->plan, cell);
            result = emit(run, cell, &row);
        } else if (jobs[j].finished && !postponed &&
                   !(stopped(run, 2) && jobs[j].row.status != ROW_OK)) {
            result = emit(run, cell, &jobs[j].row);
        } else if (!postponed) {
            run->left = true;
        }
        j += cell->fate == CELL_RUN;
    }
    arena_free(&scratch);
    return result;
}

static bool any_runs(const struct run *run, const struct stretch *stretch)
{
    for (int c = stretch->first; c < stretch->end; ++c)
        if (waits(run, c))
            return true;
    return false;
}

/* In the schedule's order; what the budget had no room for gets a second chance at the end. */
static int run_groups(struct run *run)
{
    struct stretch *order = NULL;
    const int most = run->with->isolate == ISOLATE_CELL ? 1 : GROUP_MAX;
    const int count = schedule_build(run->plan, run->with->urgent, most, run->arena, &order);
    int result = 0;
    for (int g = 0; g < 2 * count && result == 0 && !stopped(run, 1); ++g) {
        const struct stretch *stretch = &order[g % count];
        run->last_pass = g >= count;
        run->next = stretch->first;
        run->end = stretch->end;
        if (!any_runs(run, stretch))
            continue;
        run->group_start_s = clock_now_s();
        result = run_group(run, run->next, run->end);
        if (run->with->isolate == ISOLATE_CELL && run->process.pid) {
            steps_stop_worker(run, run->plan->cells[run->next].suite);
            run->open_device = -1;
        }
    }
    return result;
}

static bool any_waits(const struct run *run)
{
    for (int c = 0; c < run->plan->count; ++c)
        if (waits(run, c))
            return true;
    return false;
}

int supervisor_run(const struct supervisor *supervisor, const struct plan *plan,
                   struct device_info *devices, const bool *done, struct arena *arena,
                   bool *interrupted, struct err *err)
{
    struct run run = {
        .with = supervisor,
        .plan = plan,
        .devices = devices,
        .estimate = estimate_new(plan),
        .arena = arena,
        .open_device = -1,
        .standing = arena_array(arena, (size_t)plan->device_count + 1, sizeof(struct standing)),
        .skipped = arena_array(arena, (size_t)plan->count, sizeof(bool)),
        .ended = arena_array(arena, (size_t)plan->count, sizeof(bool)),
        .start_s = clock_now_s(),
        .fastest_s = supervisor->fastest_s,
        .done = done,
        .err = err};
    run.begun_s = supervisor->begun_s > 0 ? supervisor->begun_s : run.start_s;
    run.budget_s = supervisor->budget_s > 0 ? supervisor->budget_s : plan->cells[0].suite->budget_s;
    signal(SIGPIPE, SIG_IGN); /* a worker that died is seen by its reply pipe */
    if (supervisor->build_ahead)
        prebuild_run(&run);
    run.start_s = clock_now_s();
    const int result = run_groups(&run);
    *interrupted = stopped(&run, 1) && (run.left || any_waits(&run));
    steps_stop_worker(&run, plan->cells[0].suite);
    text_free(&run.process.output);
    estimate_free(run.estimate);
    return result;
}
