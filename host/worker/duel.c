#include "worker/duel.h"

#include "measure/stats.h"
#include "util/clock.h"
#include "worker/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WARM_QUADRUPLES = 2,
    SESSIONS_MAX = PAIRING_SESSIONS_MAX,
    QUADRUPLES_MAX = PAIRING_UNITS_MAX + WARM_QUADRUPLES,
    APART_SESSIONS = 5,    /* at least, whatever the time */
    APART_QUADRUPLES = 40, /* of a session: enough, since the bias between sessions is larger */
};
/* Together, a session has this part of the time. */
static const double session_part = 0.25;
/* Apart, what one session measures for at most. */
static const double apart_s = 1;
/* Launches that take longer are not repeated for the sake of warmth. */
static const double warm_s = 0.3;

enum clock { CLOCK_HOST, CLOCK_DEVICE, CLOCKS };

/* What was measured, by clock: logarithms of ratios, and each side's times. */
struct record {
    double *logs[CLOCKS], *times[CLOCKS][2];
    int quadruples, capacity;
    bool believable; /* the device's clock, in all launches so far */
};

/* A duel on its way. A session's workers are runs of their own plan: one for both sides, or one
 * for each. */
struct bout {
    const struct duel *duel;
    struct duel_result *result;
    struct arena *arena;
    struct supervisor supervisors[2];
    struct plan plans[2];
    struct run runs[2];
    struct job *jobs; /* of A and B */
    struct record record;
    enum clock clock;
    double *units;                   /* the pairing's */
    int begins[SESSIONS_MAX + 2];    /* each session's first quadruple */
    int attempts;                    /* sessions, with those that measured nothing */
    double session_start_s, spent_s; /* this session's begin; what those before took */
};

static struct run *run_of(struct bout *b, int side)
{
    return &b->runs[b->duel->apart ? side : 0];
}

static bool is_stopped(const struct bout *b)
{
    return b->duel->stop && *b->duel->stop > 0;
}

static double rest_s(const struct bout *b)
{
    return b->duel->time_s - b->spent_s - (clock_now_s() - b->session_start_s);
}

static void tell(const struct bout *b, int side, const char *phase)
{
    if (b->duel->on_progress)
        b->duel->on_progress(b->duel->context, b->duel->sides[side].cell, phase,
                             b->result->pairing.ratio, fmax(rest_s(b), 0));
}

/* ---- workers --------------------------------------------------------------------------------- */

static void make_run(struct bout *b, int r)
{
    const struct duel *duel = b->duel;
    struct plan *plan = &b->plans[r];
    const int count = duel->apart ? 1 : 2;
    b->supervisors[r] = *duel->sides[r].supervisor;
    b->supervisors[r].on_progress = NULL;
    b->supervisors[r].on_device = NULL;
    plan->devices = duel->sides[r].device;
    plan->device_count = 1;
    plan->cells = arena_array(b->arena, (size_t)count, sizeof *plan->cells);
    plan->count = count;
    for (int c = 0; c < count; ++c) {
        plan->cells[c] = *duel->sides[r + c].cell;
        plan->cells[c].device = plan->cells[c].group = 0;
    }
    b->runs[r] = (struct run){.with = &b->supervisors[r],
                              .plan = plan,
                              .devices = duel->sides[r].device,
                              .estimate = estimate_new(plan),
                              .arena = b->arena,
                              .open_device = -1,
                              .skipped = arena_array(b->arena, (size_t)count, sizeof(bool)),
                              .ended = arena_array(b->arena, (size_t)count, sizeof(bool)),
                              .start_s = clock_now_s(),
                              .end = count};
}

static void stop_workers(struct bout *b)
{
    for (int r = 0; r <= b->duel->apart; ++r) {
        steps_stop_worker(&b->runs[r], b->duel->sides[r].cell->suite);
        b->runs[r].open_device = -1;
    }
}

/* The outcome of a side whose job has ended. False: it has not. */
static bool has_ended(struct bout *b, int side)
{
    const struct job *job = &b->jobs[side];
    if (job->finished && job->row.status != ROW_OK && b->result->sides[side].status == ROW_OK)
        b->result->sides[side] =
            (struct duel_outcome){job->row.status, job->row.reason, job->row.phase, NAN};
    return job->finished;
}

static bool any_ended(struct bout *b)
{
    const bool a = has_ended(b, 0);
    return has_ended(b, 1) || a || is_stopped(b);
}

/* The tuning that the worker built; another than was asked for would be another question. */
static void keep_tuning(struct bout *b, int side)
{
    struct job *job = &b->jobs[side];
    const struct tuning *wanted = &job->cell->tuning, *built = &job->row.tuning;
    bool same = wanted->count == built->count;
    for (int i = 0; i < wanted->count && same; ++i)
        same = wanted->items[i].value == built->items[i].value;
    if (!job->finished && !same)
        job_end(job, ROW_UNSUPPORTED, "prepare",
                "the driver wants smaller work-groups than this tuning has", b->arena);
}

/* Workers with both sides prepared and checked. False when a side has ended. */
static bool set_up(struct bout *b, int first)
{
    const struct duel *duel = b->duel;
    struct trouble trouble;
    for (int r = 0; r <= duel->apart; ++r)
        for (int c = 0; c < b->plans[r].count; ++c) {
            const int side = r + c;
            struct job *job = &b->jobs[side];
            job_start(job, &b->plans[r], &b->plans[r].cells[c],
                      duel->apart || side == first ? 0 : 1, b->arena);
            job->kernels = duel->sides[side].kernels;
            job->beside = duel->apart || side == first ? NULL : &b->jobs[first];
        }
    for (int i = 0; i < 2 && !any_ended(b); ++i) {
        const int side = i ? !first : first;
        struct run *run = run_of(b, side);
        struct job *job = &b->jobs[side];
        tell(b, side, "build");
        const bool other =
            steps_wants_other(run, &b->jobs[0]) && steps_wants_other(run, &b->jobs[1]);
        if ((i == 0 || duel->apart) &&
            (!steps_open(run, job->cell, &trouble) ||
             !steps_problem(run, job->cell, &job->cell->problem, other, &trouble)))
            steps_end(run, job, &trouble, "open");
        else if (steps_prepare(run, job))
            keep_tuning(b, side);
    }
    for (int i = 0; i < 2 && !any_ended(b); ++i) {
        const int side = i ? !first : first;
        tell(b, side, "check");
        steps_check(run_of(b, side), &b->jobs[side]);
    }
    return !any_ended(b);
}

/* ---- launches -------------------------------------------------------------------------------- */

/* One launch, by both clocks; NaN: the device's is not to be believed. False: the side has ended.
 */
static bool launch(struct bout *b, int side, double seconds[CLOCKS])
{
    struct run *run = run_of(b, side);
    struct job *job = &b->jobs[side];
    cJSON *reply = NULL;
    if (!steps_ask_job(run, job, steps_measure_request(job, 3600, 1), "measure", &reply))
        return false;
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(reply, "samples");
    const cJSON *sample = cJSON_GetArrayItem(samples, 0), *host = cJSON_GetArrayItem(sample, 0),
                *device = cJSON_GetArrayItem(sample, 1);
    seconds[CLOCK_HOST] = cJSON_IsNumber(host) ? host->valuedouble : NAN;
    seconds[CLOCK_DEVICE] = cJSON_IsNumber(device) ? device->valuedouble : NAN;
    const char *wrong = json_peek_string(reply, "wrong");
    if (*wrong)
        job_end(job, ROW_WRONG, "measure", wrong, b->arena);
    else if (isnan(seconds[CLOCK_HOST]))
        job_end(job, ROW_ERROR, "measure", "the worker's samples make no sense", b->arena);
    cJSON_Delete(reply);
    return !job->finished;
}

/* A B B A or B A A B: the logarithm of B / A by each clock, and the times of both sides. */
struct quadruple {
    double logs[CLOCKS], times[CLOCKS][2][2];
    double spent_s;
};

static bool measure_quadruple(struct bout *b, bool b_first, struct quadruple *q)
{
    double times[CLOCKS][4];
    const double start_s = clock_now_s();
    for (int i = 0; i < 4; ++i) {
        double seconds[CLOCKS];
        const int side = (i == 1 || i == 2) != b_first;
        if (!launch(b, side, seconds) || is_stopped(b))
            return false;
        for (int c = 0; c < CLOCKS; ++c) {
            times[c][i] = seconds[c];
            q->times[c][side][i >= 2] = seconds[c];
        }
    }
    for (int c = 0; c < CLOCKS; ++c)
        q->logs[c] = pairing_log_ratio(times[c], b_first);
    q->spent_s = clock_now_s() - start_s;
    return true;
}

static void grow(struct record *r, struct arena *arena)
{
    const size_t before = (size_t)r->capacity, after = before ? 2 * before : 64;
    for (int c = 0; c < CLOCKS; ++c) {
        r->logs[c] = arena_grow(arena, r->logs[c], before, after, sizeof(double));
        for (int s = 0; s < 2; ++s)
            r->times[c][s] =
                arena_grow(arena, r->times[c][s], 2 * before, 2 * after, sizeof(double));
    }
    r->capacity = (int)after;
}

static void record_add(struct bout *b, const struct quadruple *q)
{
    struct record *r = &b->record;
    if (r->quadruples == r->capacity)
        grow(r, b->arena);
    const int n = r->quadruples++;
    for (int c = 0; c < CLOCKS; ++c) {
        r->logs[c][n] = q->logs[c];
        for (int s = 0; s < 2; ++s) {
            r->times[c][s][2 * n] = q->times[c][s][0];
            r->times[c][s][2 * n + 1] = q->times[c][s][1];
        }
    }
    r->believable = r->believable && !isnan(q->logs[CLOCK_DEVICE]);
}

/* One clock a duel: when the device's is doubted for the first time, all is judged again by the
 * host's. */
static void use_host_clock(struct bout *b)
{
    struct pairing *pairing = &b->result->pairing;
    b->clock = CLOCK_HOST;
    pairing_start(pairing, pairing->unit, b->duel->threshold, b->units);
    for (int i = 0, s = 0; i < b->record.quadruples && pairing->unit == UNIT_QUADRUPLE; ++i) {
        for (; s <= b->result->sessions && b->begins[s] == i; ++s)
            pairing_session(pairing);
        pairing_add(pairing, b->record.logs[CLOCK_HOST][i]);
    }
}

static bool warm_up(struct bout *b, int first)
{
    struct quadruple q = {.spent_s = 0};
    for (int i = 0; i < WARM_QUADRUPLES && q.spent_s <= warm_s; ++i)
        if (!measure_quadruple(b, (i + first) % 2, &q))
            return false;
    return true;
}

/* Measures until the session's time is over, it can tell no more, or a side has ended. */
static void measure_session(struct bout *b, int first, double until_s)
{
    const bool apart = b->duel->apart;
    struct pairing *pairing = &b->result->pairing;
    struct quadruple q;
    if (!warm_up(b, first))
        return;
    if (!apart)
        pairing_session(pairing);
    for (int i = 0; i == 0 || clock_now_s() < until_s; ++i) {
        if (b->record.quadruples == QUADRUPLES_MAX || (apart && i == APART_QUADRUPLES) ||
            !measure_quadruple(b, (i + first) % 2, &q))
            return;
        record_add(b, &q);
        if (b->clock == CLOCK_DEVICE && !b->record.believable)
            use_host_clock(b);
        else if (!apart)
            pairing_add(pairing, q.logs[b->clock]);
        if (!apart && (pairing->done || pairing_wants_session(pairing)))
            return;
        if (i % 8 == 0)
            tell(b, i / 8 % 2, "measure");
    }
}

/* The median ratio of the session that ends, by the clock that counts; of all when that has
 * changed.
 */
static void end_session(struct bout *b)
{
    struct duel_result *result = b->result;
    struct pairing *pairing = &result->pairing;
    if (b->record.quadruples == b->begins[result->sessions])
        return;
    b->begins[++result->sessions] = b->record.quadruples;
    const bool again = pairing->unit == UNIT_SESSION && pairing->count + 1 < result->sessions;
    for (int s = again ? 0 : result->sessions - 1; s < result->sessions; ++s) {
        const double median =
            stats_median(b->record.logs[b->clock] + b->begins[s], b->begins[s + 1] - b->begins[s]);
        result->session_ratios[s] = exp(median);
        if (pairing->unit == UNIT_SESSION)
            pairing_add(pairing, median);
    }
}

/* ---- the duel -------------------------------------------------------------------------------- */

static void judge_again(struct bout *b)
{
    for (int side = 0; side < 2 && !any_ended(b); ++side) {
        tell(b, side, "recheck");
        steps_check(run_of(b, side), &b->jobs[side]);
    }
    any_ended(b);
}

struct bout *duel_begin(const struct duel *duel, struct arena *arena, struct duel_result *result)
{
    struct bout *b = arena_alloc(arena, sizeof *b);
    b->duel = duel;
    b->result = result;
    b->arena = arena;
    b->jobs = arena_array(arena, 2, sizeof(struct job));
    b->record.believable = true;
    b->clock = CLOCK_DEVICE;
    b->units = arena_array(arena, PAIRING_UNITS_MAX, sizeof(double));
    *result = (struct duel_result){
        .sides = {{.status = ROW_OK, .median_s = NAN}, {.status = ROW_OK, .median_s = NAN}},
        .session_ratios = arena_array(arena, SESSIONS_MAX + 1, sizeof(double))};
    pairing_start(&result->pairing, duel->apart ? UNIT_SESSION : UNIT_QUADRUPLE, duel->threshold,
                  b->units);
    for (int r = 0; r <= duel->apart; ++r)
        make_run(b, r);
    return b;
}

bool duel_session(struct bout *b)
{
    const struct duel *duel = b->duel;
    struct duel_result *result = b->result;
    const int first = b->attempts++ % 2;
    b->session_start_s = clock_now_s();
    if (set_up(b, first)) {
        const double session_s = duel->apart ? apart_s : session_part * duel->time_s;
        measure_session(b, first, clock_now_s() + session_s);
        if (!any_ended(b))
            judge_again(b);
    }
    end_session(b);
    stop_workers(b);
    b->spent_s += clock_now_s() - b->session_start_s;
    if (is_stopped(b) || result->sides[0].status != ROW_OK || result->sides[1].status != ROW_OK ||
        result->pairing.done || b->attempts == SESSIONS_MAX)
        return false;
    const int least = duel->apart ? APART_SESSIONS : PAIRING_SESSIONS;
    return result->sessions < least || b->spent_s < duel->time_s;
}

void duel_end(struct bout *b)
{
    struct duel_result *result = b->result;
    const int quadruples = b->record.quadruples;
    pairing_end(&result->pairing);
    result->interrupted = is_stopped(b);
    result->clock = b->clock == CLOCK_DEVICE ? "device" : "host";
    result->launches = 2 * (int64_t)quadruples;
    for (int side = 0; side < 2; ++side)
        if (quadruples)
            result->sides[side].median_s =
                stats_median(b->record.times[b->clock][side], 2 * quadruples);
    for (int r = 0; r <= b->duel->apart; ++r) {
        text_free(&b->runs[r].process.output);
        estimate_free(b->runs[r].estimate);
    }
}
