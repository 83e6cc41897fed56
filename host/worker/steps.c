#include "worker/steps.h"

#include "measure/stats.h"
#include "util/clock.h"
#include "worker/admission.h"

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

static enum check_mode mode_of(const struct run *run, const struct job *job)
{
    return run->with->check ? *run->with->check : job->cell->suite->check;
}

bool steps_wants_other(const struct run *run, const struct job *job)
{
    return job->cell->other_fits && mode_of(run, job) != CHECK_NONE;
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

/* Fetches the output; what was written elsewhere ends the job as wrong. inputs: look at those too.
 */
static bool read_output(struct run *run, struct job *job, const char *phase, bool inputs,
                        bool *repeatable)
{
    cJSON *request = steps_request("read", job->slot), *reply = NULL;
    cJSON_AddBoolToObject(request, "inputs", inputs);
    if (!steps_ask_job(run, job, request, phase, &reply))
        return false;
    *repeatable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "repeatable"));
    const char *trespass = json_peek_string(reply, "trespass");
    job->trespassed = *trespass;
    if (job->trespassed)
        job_end(job, ROW_WRONG, phase, trespass, run->arena);
    cJSON_Delete(reply);
    return !job->trespassed;
}

/* other: 0: on the main inputs; r + 1: on round r of the others.
 * seconds: by the device's clock, where it is believable; the host's counts a lazy compiler too.
 * taken: the reply, the caller's to delete; NULL: nobody wants it. */
static bool launch(struct run *run, struct job *job, const char *phase, int other, double *seconds,
                   cJSON **taken)
{
    cJSON *request = steps_request("launch", job->slot), *reply = NULL;
    cJSON_AddNumberToObject(request, "other", other);
    cJSON_AddNumberToObject(request, "passes", job->cell->variant->pass_count);
    run->other = other > 0;
    const double start_s = clock_now_s();
    if (!steps_ask_job(run, job, request, phase, &reply))
        return false;
    const double wall_s = clock_now_s() - start_s;
    if (job->launches < 2) /* lazy compilers work in the first */
        job->build_s += job->launches ? -wall_s : wall_s;
    ++job->launches;
    *seconds = json_peek_number(reply, "device_s");
    if (isnan(*seconds))
        *seconds = json_peek_number(reply, "host_s");
    if (taken)
        *taken = reply;
    else
        cJSON_Delete(reply);
    return true;
}

/* Ends a job whose launch took too long beside the fastest. True: go on. */
static bool is_worth_it(struct run *run, struct job *job, double seconds, double factor)
{
    char reason[128];
    if (factor <= 0 || run->fastest_s <= 0 || !(seconds > factor * run->fastest_s))
        return true;
    snprintf(reason, sizeof reason, "a launch took %.3g s, over %g times the fastest's %.3g s",
             seconds, factor, run->fastest_s);
    job_end(job, ROW_SKIPPED, "check", reason, run->arena);
    return false;
}

static bool judge(struct run *run, struct job *job, const char *phase)
{
    cJSON *request = steps_request("judge", job->slot), *reply = NULL;
    cJSON_AddStringToObject(request, "mode", check_mode_name(mode_of(run, job)));
    if (!steps_ask_job(run, job, request, phase, &reply))
        return false;
    const bool ok = job_judged(job, reply, run->other, phase, run->arena);
    cJSON_Delete(reply);
    return ok;
}

/* A case of the user's ends with its check; the first weights are saved if that was asked for. */
static void verified(struct run *run, struct job *job)
{
    cJSON *reply = NULL;
    if (run->with->weights_path && !run->saved && job->cell->problem.returns == RETURNS_WEIGHTS) {
        cJSON *request = steps_request("save", job->slot);
        cJSON_AddStringToObject(request, "path", run->with->weights_path);
        if (!steps_ask_job(run, job, request, "check", &reply))
            return;
        cJSON_Delete(reply);
        run->saved = true;
    }
    job_end(job, ROW_OK, "done", NULL, run->arena);
}

static bool keep(struct run *run, struct job *job)
{
    cJSON *reply = NULL;
    const bool ok = steps_ask_job(run, job, steps_request("keep", job->slot), "check", &reply);
    cJSON_Delete(reply);
    return ok;
}

/* Is there time for a few samples only? Then launches that are only checked would take most of it:
 * the rounds of the other inputs are timed, and each of those samples is judged like the first
 * output. Where there are none, a second launch on the main inputs is needed. */
static bool is_brief(const struct run *run, const struct job *job, double seconds)
{
    enum { FEW = 6 };
    return job->may_be_brief && run->rounds > 0 && !run->with->case_folder &&
           FEW * seconds > job->sampler.rule.max_time_s;
}

/* The launch of a brief job's check may be a sample too, unless launches to come are unlike it:
 * cold, or many in flight. Whether a lazy compiler was at work in it shows beside the next one, so
 * it is held until then. */
static void hold_sample(struct run *run, struct job *job, cJSON *reply)
{
    job->held = NULL;
    if (!job->brief || job->sampler.rule.cold || job->cell->problem.queue != QUEUE_WAIT ||
        json_peek_string(reply, "gate")[0])
        return;
    char *text = json_print(reply);
    job->held = arena_copy(run->arena, text);
    free(text);
}

static double first_host_s(const cJSON *reply)
{
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(reply, "samples");
    const cJSON *host = cJSON_GetArrayItem(cJSON_GetArrayItem(samples, 0), 0);
    return cJSON_IsNumber(host) ? host->valuedouble : NAN;
}

/* next: of the first timed launch, which is never missing: the sampler is not done without it. */
static void take_held(struct run *run, struct job *job, const cJSON *next)
{
    static const double alike = 1.25;
    cJSON *held = job->held ? cJSON_Parse(job->held) : NULL;
    const struct sampler before = job->sampler;
    job->held = NULL;
    if (held && job->sampler.count + 1 < SAMPLES_MAX &&
        first_host_s(held) <= alike * first_host_s(next) &&
        job_samples(job, held, run->arena) == 0) {
        job->sampler.done = false;
        const double kept_s = job->sampler.total_s - before.total_s;
        const double warmup_s = job->sampler.warmup_s - before.warmup_s;
        account_add(run->with->account, ACTIVITY_MEASURE, kept_s);
        account_add(run->with->account, ACTIVITY_WARMUP, warmup_s);
        account_add(run->with->account, ACTIVITY_CHECK, -kept_s - warmup_s);
    }
    cJSON_Delete(held);
}

/* Poisoned launch, verdict, and a second poisoned launch for repeatability; its output is judged
 * too when it has other bits. */
static bool check_main_inputs(struct run *run, struct job *job, double *seconds)
{
    const double factor = run->with->give_up_factor;
    bool *repeatable = &job->row.check.repeatable;
    cJSON *reply = NULL;
    bool ok = launch(run, job, "check", 0, seconds, &reply) &&
              is_worth_it(run, job, *seconds, 2 * factor) &&
              read_output(run, job, "check", true, repeatable) && judge(run, job, "check");
    job->once = job->brief = ok && is_brief(run, job, *seconds);
    job->round = 0;
    if (ok)
        hold_sample(run, job, reply);
    cJSON_Delete(reply);
    if (!ok || job->brief)
        return ok;
    return launch(run, job, "check", 0, seconds, NULL) && is_worth_it(run, job, *seconds, factor) &&
           read_output(run, job, "check", false, repeatable) &&
           (*repeatable || judge(run, job, "check"));
}

/* The rounds of the other inputs, but no more than cost a moment: a slow launch is not repeated for
 * the sake of a few more keys. */
static const double moment_s = 0.3;

static bool check_other_inputs(struct run *run, struct job *job)
{
    double spent_s = 0, seconds = 0;
    bool same = false;
    for (int round = 0; round < run->rounds && (round == 0 || spent_s < moment_s); ++round) {
        if (!launch(run, job, "check", round + 1, &seconds, NULL) ||
            !read_output(run, job, "check", false, &same) || !judge(run, job, "check"))
            return false;
        spent_s += seconds;
    }
    return run->rounds == 0 || keep(run, job);
}

void steps_check(struct run *run, struct job *job)
{
    double seconds = 0;
    if (mode_of(run, job) == CHECK_NONE) {
        job->row.check.mode = "none";
        return;
    }
    steps_progress(run, job, "check");
    if (!check_main_inputs(run, job, &seconds))
        return;
    if (run->with->case_folder) {
        verified(run, job);
        return;
    }
    if (!keep(run, job) || (!job->brief && !check_other_inputs(run, job)))
        return;
    job->checked = true;
    estimate_learn_build(run->estimate, run->plan, job->cell,
                         job->build_s - (job->launches == 1 ? seconds : 0));
    if (run->fastest_s <= 0 || seconds < run->fastest_s)
        run->fastest_s = seconds;
}

static void finish(struct run *run, struct job *job)
{
    job_times(job, 1e-6 * run->devices[job->cell->device].launch_us, run->arena);
    estimate_learn(run->estimate, job->cell, &job->cell->problem, job->row.time.median_s);
    job_end(job, ROW_OK, "done", NULL, run->arena);
}

/* The output of the last timed launch is read and judged as the first one was. */
void steps_recheck(struct run *run, struct job *job)
{
    bool same = false;
    job_times(job, 1e-6 * run->devices[job->cell->device].launch_us, run->arena);
    if (mode_of(run, job) != CHECK_NONE) {
        if (!read_output(run, job, "recheck", true, &same) || !judge(run, job, "recheck"))
            return;
        job->row.check.rechecked = true;
    }
    finish(run, job);
}

/* A timed output that is wrong keeps the times that it has. */
static void end_wrong(struct run *run, struct job *job, const char *reason)
{
    job_times(job, 1e-6 * run->devices[job->cell->device].launch_us, run->arena);
    job_end(job, ROW_WRONG, "measure", reason, run->arena);
}

/* A brief job's next round of the other inputs is one launch, which is judged. */
static bool has_round(const struct run *run, const struct job *job)
{
    return job->brief && job->round < run->rounds && mode_of(run, job) != CHECK_NONE &&
           (job->round == 0 || job->sampler.total_s + job->sampler.warmup_s < moment_s);
}

static cJSON *request_slice(const struct run *run, const struct job *job)
{
    const struct measure_rule *rule = &job->cell->suite->measure;
    const double slice_s = fmax(fmin(rule->min_time_s, job->sampler.rule.max_time_s) / 4, 0.01);
    const bool round = has_round(run, job);
    cJSON *request = steps_measure_request(job, slice_s, round ? 1 : 64);
    cJSON_AddNumberToObject(request, "other", round ? job->round + 1 : 0);
    return request;
}

static void judge_round(struct run *run, struct job *job)
{
    bool same = false;
    ++job->round;
    job_times(job, 1e-6 * run->devices[job->cell->device].launch_us, run->arena);
    if (!read_output(run, job, "measure", true, &same) || !judge(run, job, "measure") ||
        !keep(run, job) || !job->sampler.done)
        return;
    job->row.check.rechecked = true;
    finish(run, job);
}

/* One slice of samples. */
void steps_measure(struct run *run, struct job *job)
{
    cJSON *reply = NULL;
    const bool round = has_round(run, job);
    if (!job->checked && mode_of(run, job) != CHECK_NONE) { /* a new worker knows no outputs yet */
        steps_check(run, job);
        return;
    }
    steps_progress(run, job, "measure");
    if (!steps_ask_job(run, job, request_slice(run, job), "measure", &reply))
        return;
    take_held(run, job, reply);
    const struct sampler before = job->sampler;
    if (job_samples(job, reply, run->arena))
        job_end(job, ROW_ERROR, "measure", "the worker's samples make no sense", run->arena);
    else if (!job->sampler.done && job->sampler.count > 0 && admission_is_over(run))
        sampler_end(&job->sampler);
    account_add(run->with->account, ACTIVITY_MEASURE, job->sampler.total_s - before.total_s);
    account_add(run->with->account, ACTIVITY_WARMUP, job->sampler.warmup_s - before.warmup_s);
    account_add(run->with->account, ACTIVITY_CHECK, json_peek_number(reply, "compare_s"));
    const char *wrong = json_peek_string(reply, "wrong");
    run->other = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "other"));
    if (!job->finished && *wrong)
        end_wrong(run, job, wrong);
    cJSON_Delete(reply);
    if (!job->finished && round)
        judge_round(run, job);
    else if (!job->finished && job->sampler.done)
        steps_recheck(run, job);
}
