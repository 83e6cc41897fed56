#include "worker/admission.h"

#include "util/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Of a fast variant the least is so much time for samples, that one of them is warm. */
static const double least_samples_s = 0.03;

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

struct admission admission_share(double *leasts, const double *wholes, int count, double rest_s)
{
    double least_s = 0, whole_s = 0, sum_s = 0;
    for (int c = 0; c < count; ++c) {
        least_s += leasts[c];
        whole_s += fmax(wholes[c], leasts[c]);
    }
    if (least_s <= rest_s)
        return (struct admission){
            whole_s > least_s ? fmin((rest_s - least_s) / (whole_s - least_s), 1) : 1, INFINITY};
    qsort(leasts, (size_t)count, sizeof *leasts, ascending);
    int fit = 0;
    while (fit < count && sum_s + leasts[fit] <= rest_s)
        sum_s += leasts[fit++];
    return (struct admission){0, fit ? leasts[fit - 1] : 0};
}

/* Reading, comparing and judging take what no estimate of launches shows: how much longer than
 * planned was what is done? */
static double pace(const struct run *run, double now_s)
{
    static const double prior_s = 3, slowest = 3;
    const double took = (now_s - run->start_s + prior_s) / (run->planned_s + prior_s);
    return fmin(fmax(took, 1), slowest);
}

void admission_look(struct run *run)
{
    static const double few = 30; /* times what a look takes, until the next one */
    const struct plan *plan = run->plan;
    const double now_s = clock_now_s();
    const double rest_s = run->begun_s + run->budget_s - now_s;
    run->group_until_s = now_s;
    if (run->budget_s > 0 && rest_s > 0 && now_s - run->looked_s < few * run->look_s)
        return; /* plans are large, and what was seen a moment ago still holds */
    run->admission = (struct admission){1, INFINITY};
    if (run->budget_s > 0 && rest_s <= 0)
        run->admission = (struct admission){0, 0};
    if (run->budget_s <= 0 || rest_s <= 0)
        return;
    double *leasts = arena_need(calloc(2 * (size_t)plan->count + 2, sizeof *leasts));
    double *wholes = leasts + plan->count + 1;
    int count = 0;
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (cell->fate != CELL_RUN || run->ended[c] || (run->done && run->done[c]))
            continue;
        leasts[count] = estimate_least(run->estimate, plan, cell) + least_samples_s;
        wholes[count++] = estimate_cell(run->estimate, plan, cell);
    }
    run->admission = admission_share(leasts, wholes, count, rest_s / pace(run, now_s));
    free(leasts);
    run->looked_s = clock_now_s();
    run->look_s = run->looked_s - now_s;
}

void admission_admit(struct run *run, struct job *job)
{
    const double least_s = estimate_least(run->estimate, run->plan, job->cell) + least_samples_s;
    const double spent_s = clock_now_s() - run->begun_s;
    const double fraction = run->admission.fraction;
    struct measure_rule *rule = &job->sampler.rule;
    char reason[512];
    if (run->budget_s <= 0)
        return;
    if (spent_s + least_s <= run->budget_s &&
        (run->last_pass || least_s <= run->admission.dearest_s)) {
        const double whole_s = estimate_cell(run->estimate, run->plan, job->cell);
        const double share_s = least_s + fraction * fmax(whole_s - least_s, 0);
        run->planned_s += share_s;
        run->group_until_s += fraction < 1 ? share_s : INFINITY;
        if (fraction < 1)
            rule->max_time_s =
                fmin(rule->max_time_s,
                     fmax(least_samples_s,
                          fraction * estimate_samples(run->estimate, run->plan, job->cell)));
        return;
    }
    snprintf(reason, sizeof reason,
             "over the budget: %.3g s of %.3g s are spent and this cell would take about %.3g s at "
             "least; raise --budget",
             spent_s, run->budget_s, least_s);
    job_end(job, ROW_SKIPPED, "plan", reason, run->arena);
    job->postponed = !run->last_pass;
}

bool admission_is_spent(const struct run *run)
{
    return run->budget_s > 0 && clock_now_s() >= run->begun_s + run->budget_s;
}

bool admission_is_over(const struct run *run)
{
    return run->budget_s > 0 && clock_now_s() > run->group_until_s;
}

void admission_close(struct run *run, struct job *job)
{
    char reason[256];
    const double spent_s = clock_now_s() - run->begun_s;
    if (!admission_is_spent(run) || job->finished || job->checked)
        return;
    snprintf(reason, sizeof reason, "over the budget: %.3g s of %.3g s are spent; raise --budget",
             spent_s, run->budget_s);
    job_end(job, ROW_SKIPPED, "plan", reason, run->arena);
    job->postponed = !run->last_pass;
}
