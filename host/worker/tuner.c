#include "worker/tuner.h"

#include "problem/search.h"
#include "util/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* First the default alone, for its time; then, however short the time is, a few to choose from. */
enum { BATCH = 8, FIRST_BATCH = 1, SECOND_BATCH = 3, FINALISTS = 3 };

/* Short measurements are enough to find the finalists. */
static const struct measure_rule search_rule = {
    .min_samples = 6, .min_time_s = 0.02, .max_time_s = 0.15, .target_rel_ci = 0.05};
static const struct measure_rule final_rule = {
    .min_samples = 12, .min_time_s = 0.2, .max_time_s = 1.5, .target_rel_ci = 0.01};
/* A winner is faster by at least this much, whatever the intervals say. */
static const double least_gain = 1.02;
/* Of the time, what the last comparison may take. */
static const double final_part = 0.3;
/* A build or launch of a candidate that takes longer than this is not worth waiting for: so many
 * times what the default took from its build to its first samples, compilers that work in the first
 * launch included. While that is unknown, and at least, so many seconds: do not lower the least,
 * the default comes from a driver's cache where its candidates are compiled (measured on PoCL: 0.3
 * s and 3 s). */
static const double limit_factor = 10, unknown_limit_s = 30, least_limit_s = 10;
static const double give_up_factor = 2;

struct outcome {
    enum row_status status;
    double median_s, low_s, high_s; /* the interval of the median; its range below six samples */
    char reason[160];               /* when it is not ok */
};

/* The cells of one plan and what becomes of them. */
struct trials {
    const struct tuner *tuner;
    struct tuner_result *result;
    struct plan plan;
    struct outcome *outcomes;
    double begun_s, ready_s; /* of a single cell: its build, its first samples; 0: not yet */
};

static bool same_tuning(const struct tuning *a, const struct tuning *b)
{
    bool same = a->count == b->count;
    for (int i = 0; i < a->count && same; ++i)
        same = a->items[i].value == b->items[i].value;
    return same;
}

static int on_row(void *context, const struct cell *cell, const struct row *row, struct err *err)
{
    struct trials *trials = context;
    struct tuner_result *result = trials->result;
    struct outcome *outcome = &trials->outcomes[cell - trials->plan.cells];
    const struct number_list *samples = &row->time.samples_s;
    (void)err;
    *outcome = (struct outcome){.status = row->status,
                                .median_s = row->time.median_s,
                                .low_s = row->time.ci95_s[0],
                                .high_s = row->time.ci95_s[1]};
    snprintf(outcome->reason, sizeof outcome->reason, "%s", row->reason ? row->reason : "");
    if (row->status == ROW_OK && !same_tuning(&row->tuning, &cell->tuning))
        outcome->status = ROW_UNSUPPORTED; /* the driver wanted smaller work-groups */
    if (!isfinite(outcome->low_s + outcome->high_s)) {
        outcome->low_s = outcome->high_s = outcome->median_s;
        for (int i = 0; i < samples->count; ++i) {
            outcome->low_s = fmin(outcome->low_s, samples->values[i]);
            outcome->high_s = fmax(outcome->high_s, samples->values[i]);
        }
    }
    if (!result->reason[0] && row->reason && outcome->status != ROW_SKIPPED)
        snprintf(result->reason, sizeof result->reason, "%s", row->reason);
    return 0;
}

static void count_outcome(struct tuner_result *result, const struct outcome *outcome)
{
    result->wrong += outcome->status == ROW_WRONG;
    result->slow += outcome->status == ROW_SKIPPED;
    result->failed +=
        outcome->status != ROW_OK && outcome->status != ROW_WRONG && outcome->status != ROW_SKIPPED;
}

static void on_progress(void *context, const struct cell *cell, const char *phase, double median_s,
                        double eta_s)
{
    struct trials *trials = context;
    (void)median_s;
    (void)eta_s;
    if (trials->begun_s <= 0)
        trials->begun_s = clock_now_s();
    if (trials->ready_s <= 0 && strcmp(phase, "measure") == 0)
        trials->ready_s = clock_now_s();
    if (trials->tuner->on_progress)
        trials->tuner->on_progress(trials->tuner->context, cell, phase, trials->result->candidates);
}

static bool is_stopped(const struct tuner *tuner)
{
    return tuner->supervisor->stop && *tuner->supervisor->stop > 0;
}

/* Runs the tunings on a cell's problem, as one group of cells. fastest_s: what is slower is given
 * up; 0: as soon as one is known, -1: nothing is. *limit_s: of a step, infinity while the default's
 * time is unknown; becomes known by a measurement of the default alone. */
static int measure(const struct tuner *tuner, const struct cell *like, const struct tuning *tunings,
                   int count, const struct measure_rule *rule, const enum check_mode *check,
                   double fastest_s, double *limit_s, struct tuner_result *result,
                   struct outcome *outcomes, struct err *err)
{
    struct suite suite = suite_default();
    struct trials trials = {.tuner = tuner, .result = result, .outcomes = outcomes};
    struct plan *plan = &trials.plan;
    suite.measure = *rule;
    suite.deadlines = *tuner->deadlines;
    suite.deadlines.run_s = fmin(suite.deadlines.run_s, fmin(*limit_s, unknown_limit_s));
    suite.deadlines.build_s = fmin(suite.deadlines.build_s, *limit_s);
    plan->devices = tuner->device;
    plan->device_count = 1;
    plan->cells = arena_array(&plan->arena, (size_t)count, sizeof *plan->cells);
    plan->count = count;
    for (int c = 0; c < count; ++c) {
        struct cell *cell = &plan->cells[c];
        *cell = *like;
        cell->device = cell->group = 0; /* one group: measured in alternating rounds */
        cell->tuning = tunings[c];
        cell->suite = &suite;
        outcomes[c] = (struct outcome){.status = ROW_ERROR, .median_s = NAN};
    }
    struct supervisor supervisor = *tuner->supervisor;
    /* A library takes its parameters once in a process; rounds are given up for that. */
    supervisor.isolate = tuner->cell->variant->library ? ISOLATE_CELL : ISOLATE_DEVICE;
    supervisor.check = check;
    supervisor.budget_s = 0;
    supervisor.seed = tuner->seed;
    supervisor.give_up_factor = fastest_s >= 0 ? give_up_factor : 0;
    supervisor.fastest_s = fmax(fastest_s, 0);
    supervisor.on_row = on_row;
    supervisor.on_device = NULL;
    supervisor.on_progress = on_progress;
    supervisor.context = &trials;
    bool interrupted = false;
    const int status =
        supervisor_run(&supervisor, plan, tuner->device, NULL, &plan->arena, &interrupted, err);
    result->interrupted = result->interrupted || is_stopped(tuner);
    if (!isfinite(*limit_s) && count == 1 && trials.ready_s > 0)
        *limit_s = fmax(limit_factor * (trials.ready_s - trials.begun_s), least_limit_s);
    plan_free(plan);
    return status;
}

static void keep_bad(struct tuner_result *result, const struct tuning *tuning,
                     const struct outcome *outcome)
{
    const bool bad = outcome->status == ROW_CRASH || outcome->status == ROW_TIMEOUT ||
                     outcome->status == ROW_SKIPPED;
    if (!bad || result->bad_count == TUNER_BAD_MAX)
        return;
    struct tuner_bad *kept = &result->bad[result->bad_count++];
    *kept = (struct tuner_bad){.tuning = *tuning, .status = outcome->status};
    snprintf(kept->reason, sizeof kept->reason, "%s", outcome->reason);
}

/* ---- the search ------------------------------------------------------------------------------ */

/* How many candidates the time allows next, by what those before have cost. */
static int next_batch(const struct tuner *tuner, double start_s, int candidates)
{
    if (tuner->until_s <= 0) {
        const int left = TUNER_CANDIDATES - candidates;
        return candidates == 0 ? FIRST_BATCH : left < BATCH ? left : BATCH;
    }
    if (candidates == 0)
        return FIRST_BATCH;
    const double now_s = clock_now_s();
    const double left_s = tuner->until_s - final_part * (tuner->until_s - start_s) - now_s;
    const double fit = left_s * candidates / (now_s - start_s);
    if (candidates == FIRST_BATCH && fit < SECOND_BATCH)
        return left_s > 0 ? SECOND_BATCH : 0;
    return fit < BATCH ? (int)fit : BATCH;
}

static int search(const struct tuner *tuner, struct search *search, double *limit_s,
                  struct tuner_result *result, struct err *err)
{
    static const enum check_mode sample = CHECK_SAMPLE;
    const double start_s = clock_now_s();
    while (!is_stopped(tuner)) {
        struct tuning tunings[BATCH];
        struct outcome outcomes[BATCH];
        int best = -1;
        const int first = search->count;
        const int count = search_next(search, next_batch(tuner, start_s, search->count));
        if (count == 0)
            break;
        for (int i = 0; i < count; ++i)
            tunings[i] = search->trials[first + i].tuning;
        const double fastest_s = search_best(search, &best, 1) ? search->trials[best].seconds : 0;
        if (measure(tuner, tuner->cell, tunings, count, &search_rule, &sample, fastest_s, limit_s,
                    result, outcomes, err))
            return -1;
        for (int i = 0; i < count; ++i) {
            count_outcome(result, &outcomes[i]);
            keep_bad(result, &tunings[i], &outcomes[i]);
            if (outcomes[i].status == ROW_OK)
                search_learn(search, first + i, outcomes[i].median_s);
        }
        result->candidates = search->count;
        result->search_s = clock_now_s() - start_s;
    }
    return 0;
}

/* ---- the last comparison --------------------------------------------------------------------- */

static void choose(struct tuner_result *result, const struct tuning *tunings,
                   const struct outcome *outcomes, int count)
{
    const bool default_runs = outcomes[0].status == ROW_OK;
    int best = -1;
    for (int i = 1; i < count; ++i)
        if (outcomes[i].status == ROW_OK && isfinite(outcomes[i].median_s) &&
            (best < 0 || outcomes[i].median_s < outcomes[best].median_s))
            best = i;
    result->default_s = default_runs ? outcomes[0].median_s : NAN;
    if (default_runs && (best < 0 || outcomes[best].high_s >= outcomes[0].low_s ||
                         outcomes[best].median_s * least_gain > outcomes[0].median_s))
        best = 0;
    result->found = best >= 0;
    if (!result->found)
        return;
    result->tuning = tunings[best];
    result->tuned_s = outcomes[best].median_s;
}

/* A tuning serves all problems of its class, and what is right where tiles divide the lengths may
 * be wrong where they do not. Drops the tunings but the first that are not right on a problem a
 * little smaller. */
static int check_uneven(const struct tuner *tuner, struct tuning *tunings, int *count,
                        double *limit_s, struct tuner_result *result, struct err *err)
{
    struct arena arena = {0};
    struct cell uneven = *tuner->cell;
    struct problem *problem = &uneven.problem;
    struct tuning ignored;
    struct outcome outcomes[1 + FINALISTS];
    problem->n_q -= problem->n_q > 16 ? 3 : 0;
    problem->n_kv -= problem->n_kv > 16 ? 5 : 0;
    uneven.id = problem_id(problem, &arena);
    uneven.flops = problem_flops(problem);
    int status = 0;
    /* Lengths of padding would have to follow; some variants want multiples. */
    if (*count > 1 && !problem->kv_lengths &&
        variant_fit(uneven.variant, problem, tuner->device, &ignored, NULL) == 0) {
        int kept = 1;
        status = measure(tuner, &uneven, tunings + 1, *count - 1, &search_rule, NULL, -1, limit_s,
                         result, outcomes, err);
        for (int i = 1; i < *count && status == 0; ++i) {
            count_outcome(result, &outcomes[i - 1]);
            if (outcomes[i - 1].status == ROW_OK)
                tunings[kept++] = tunings[i];
        }
        *count = kept;
    }
    arena_free(&arena);
    return status;
}

/* The default, whatever became of it before, and the fastest others. */
static int compare(const struct tuner *tuner, const struct search *search, double *limit_s,
                   struct tuner_result *result, struct err *err)
{
    struct tuning tunings[1 + FINALISTS];
    struct outcome outcomes[1 + FINALISTS];
    struct measure_rule rule = final_rule;
    int trials[1 + FINALISTS], count = 0;
    const int found = search_best(search, trials, 1 + FINALISTS);
    if (!found)
        return 0;
    tunings[count++] = search->trials[0].tuning;
    for (int i = 0; i < found && count < 1 + FINALISTS; ++i)
        if (trials[i] != 0)
            tunings[count++] = search->trials[trials[i]].tuning;
    /* Four samples each of a slow problem, and no more than the time that was kept for this. */
    const double left_s = tuner->until_s > 0 ? tuner->until_s - clock_now_s() : INFINITY;
    rule.max_time_s = fmin(rule.max_time_s, fmax(left_s / (2 * count), 0.1));
    rule.min_time_s = fmin(rule.min_time_s, rule.max_time_s / 2);
    rule.max_time_s = fmax(rule.max_time_s, 4 * search->trials[trials[0]].seconds);
    if (check_uneven(tuner, tunings, &count, limit_s, result, err) ||
        measure(tuner, tuner->cell, tunings, count, &rule, NULL, -1, limit_s, result, outcomes,
                err))
        return -1;
    for (int i = 1; i < count; ++i) /* those that looked right in the search */
        count_outcome(result, &outcomes[i]);
    if (!result->interrupted)
        choose(result, tunings, outcomes, count);
    return 0;
}

int tuner_run(const struct tuner *tuner, struct tuner_result *result, struct err *err)
{
    struct search tries;
    struct arena arena = {0};
    const struct cell *cell = tuner->cell;
    double limit_s = INFINITY;
    memset(result, 0, sizeof *result); /* too large to be copied from the stack */
    result->default_s = result->tuned_s = NAN;
    int status = search_start(&tries, cell->variant, &cell->problem, tuner->device, &cell->tuning,
                              tuner->seed, &arena, err);
    tries.avoid = tuner->avoid;
    tries.avoid_count = tuner->avoid_count;
    if (status == 0)
        status = search(tuner, &tries, &limit_s, result, err);
    if (status == 0 && !result->interrupted)
        status = compare(tuner, &tries, &limit_s, result, err);
    arena_free(&arena);
    return status;
}
