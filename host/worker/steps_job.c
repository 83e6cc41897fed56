/* The steps of a job that is prepared: its check, its samples, and the verdict on what was timed.
 */
#include "worker/steps.h"

#include "util/clock.h"
#include "worker/admission.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void take_times(const struct run *run, struct job *job)
{
    job_times(job, 1e-6 * run->devices[job->cell->device].launch_us, run->arena);
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
    cJSON_AddStringToObject(request, "mode", check_mode_name(steps_check_mode(run, job)));
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
    if (steps_check_mode(run, job) == CHECK_NONE) {
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

/* Its times are known. */
static void finish(struct run *run, struct job *job)
{
    estimate_learn(run->estimate, job->cell, &job->cell->problem, job->row.time.median_s);
    job_end(job, ROW_OK, "done", NULL, run->arena);
}

/* The output of the last timed launch is read and judged as the first one was. */
void steps_recheck(struct run *run, struct job *job)
{
    bool same = false;
    take_times(run, job);
    if (steps_check_mode(run, job) != CHECK_NONE) {
        if (!read_output(run, job, "recheck", true, &same) || !judge(run, job, "recheck"))
            return;
        job->row.check.rechecked = true;
    }
    finish(run, job);
}

/* A timed output that is wrong keeps the times that it has. */
static void end_wrong(struct run *run, struct job *job, const char *reason)
{
    take_times(run, job);
    job_end(job, ROW_WRONG, "measure", reason, run->arena);
}

/* A brief job's next round of the other inputs is one launch, which is judged. */
static bool has_round(const struct run *run, const struct job *job)
{
    return job->brief && job->round < run->rounds && steps_check_mode(run, job) != CHECK_NONE &&
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
    take_times(run, job);
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
    if (!job->checked &&
        steps_check_mode(run, job) != CHECK_NONE) { /* a new worker knows no outputs yet */
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
