#include "worker/estimate.h"

#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A launch of fewer operations takes as long as launching does, and says nothing about a rate. */
static const double telling_flops = 1e6;

struct rate {
    int device;
    const char *variant;
    int64_t op;
    double flops, seconds; /* of the largest problem seen; 0: none */
    double builds_s;       /* of all `builds` together */
    int builds;
};

struct estimate {
    struct rate *rates;
    int count;
    double build_s; /* of a program whose like was not built yet */
    bool *builds;   /* is the cell the first that needs its program? */
};

static bool is_of(const struct rate *rate, const struct cell *cell)
{
    return rate->device == cell->device && rate->op == cell->problem.op &&
           strcmp(rate->variant, cell->variant->name) == 0;
}

/* Cells of one device, variant and build options share a program; a collision of hashes costs one
 * build in a prediction. */
static bool *find_builds(const struct plan *plan)
{
    size_t slots = 16;
    while (slots < 2 * (size_t)plan->count)
        slots *= 2;
    bool *builds = arena_need(calloc((size_t)plan->count + 1, sizeof *builds));
    size_t *seen = arena_need(calloc(slots, sizeof *seen));
    struct arena arena = {0};
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        const char *options =
            cell->variant->library
                ? arena_print(&arena, "%d", (int)cell->problem.dtype)
                : variant_cell_options(cell->variant, &cell->problem, &cell->tuning, &arena);
        const size_t hash =
            text_hash(arena_print(&arena, "%d %d %s %s", cell->device, (int)cell->problem.op,
                                  cell->variant->name, options));
        size_t i = hash & (slots - 1);
        while (seen[i] && seen[i] != hash)
            i = (i + 1) & (slots - 1);
        builds[c] = cell->fate == CELL_RUN && !seen[i];
        seen[i] = builds[c] ? hash : seen[i];
    }
    arena_free(&arena);
    free(seen);
    return builds;
}

struct estimate *estimate_new(const struct plan *plan)
{
    struct estimate *estimate = arena_need(calloc(1, sizeof *estimate));
    estimate->builds = find_builds(plan);
    estimate->build_s = 0.4;
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        int r = 0;
        while (r < estimate->count && !is_of(&estimate->rates[r], cell))
            ++r;
        if (r < estimate->count)
            continue;
        estimate->rates = arena_need(
            realloc(estimate->rates, (size_t)(estimate->count + 1) * sizeof *estimate->rates));
        estimate->rates[estimate->count++] = (struct rate){
            .device = cell->device, .variant = cell->variant->name, .op = cell->problem.op};
    }
    return estimate;
}

void estimate_free(struct estimate *estimate)
{
    if (estimate) {
        free(estimate->rates);
        free(estimate->builds);
    }
    free(estimate);
}

static struct rate *find(const struct estimate *estimate, const struct cell *cell)
{
    int r = 0;
    while (!is_of(&estimate->rates[r], cell))
        ++r;
    return &estimate->rates[r];
}

void estimate_learn(struct estimate *estimate, const struct cell *cell,
                    const struct problem *problem, double seconds)
{
    struct rate *rate = find(estimate, cell);
    const double flops = problem_flops(problem);
    if (seconds > 0 && flops >= telling_flops && flops >= rate->flops) {
        rate->flops = flops;
        rate->seconds = seconds;
    }
}

void estimate_learn_build(struct estimate *estimate, const struct plan *plan,
                          const struct cell *cell, double seconds)
{
    struct rate *rate = find(estimate, cell);
    if (!(seconds > 0) || !estimate->builds[cell - plan->cells])
        return;
    rate->builds_s += seconds;
    ++rate->builds;
}

bool estimate_builds(const struct estimate *estimate, const struct plan *plan,
                     const struct cell *cell)
{
    return estimate->builds[cell - plan->cells];
}

void estimate_are_built(struct estimate *estimate)
{
    estimate->build_s = 0.05;
}

bool estimate_knows(const struct estimate *estimate, const struct cell *cell)
{
    return find(estimate, cell)->flops > 0;
}

/* Without any measurement: by the kind of device. */
static double guess_launch(const struct plan *plan, const struct cell *cell)
{
    const struct device_info *device = &plan->devices[cell->device];
    const double unit = strcmp(device->type, "gpu") == 0 ? 5e9 : 0.5e9;
    const double units = device->compute_units > 0 ? (double)device->compute_units : 1;
    return cell->flops / (unit * units);
}

/* Kernels reach from a hundredth of the peak to nearly all of it; the large cells, which take the
 * time, are the slow ones'. */
static double forecast_launch(const struct plan *plan, const struct cell *cell, bool *by_peaks)
{
    static const double part = 0.1;
    const double peak = peaks_get(&plan->devices[cell->device].peaks, PEAK_F32);
    *by_peaks = *by_peaks && peak > 0;
    return peak > 0 ? cell->flops / (part * peak * 1e9) : guess_launch(plan, cell);
}

double estimate_launch(const struct estimate *estimate, const struct plan *plan,
                       const struct cell *cell)
{
    const struct rate *rate = find(estimate, cell);
    const struct device_info *device = &plan->devices[cell->device];
    const double latency =
        1e-6 * device->launch_us * variant_launches(cell->variant, &cell->problem, &cell->tuning);
    if (rate->flops > 0)
        return latency + cell->flops * fmax(rate->seconds - latency, 0) / rate->flops;
    bool by_peak = true;
    return latency + forecast_launch(plan, cell, &by_peak);
}

static double samples_of_launch(const struct cell *cell, double launch)
{
    const struct measure_rule *rule = &cell->suite->measure;
    return fmin(fmax((double)(rule->min_samples + 3) * launch, rule->min_time_s),
                rule->max_time_s + launch);
}

static double reference_s(const struct cell *cell)
{
    const bool attention = cell->problem.op == OP_ATTENTION;
    return fmin(cell->flops, 2e9) / 2e9 + /* others: thrice, and not all of it by sample */
           (attention ? 0 : 3 * operation_unsampled_flops(&cell->problem) / 2e9);
}

/* Checks with the reference, samples, and all but building. */
static double cell_of_launch(const struct cell *cell, double launch)
{
    return 0.1 + reference_s(cell) + 2 * launch + samples_of_launch(cell, launch);
}

double estimate_rest(const struct outlook *outlook)
{
    /* Few seconds say little about the pace, and no pace is beyond these. */
    static const double prior_s = 3, slowest = 5;
    const double pace = fmin(
        fmax((outlook->spent_s + prior_s) / (outlook->done_s + prior_s), 1 / slowest), slowest);
    const double group_s = fmax(pace * outlook->group_s - outlook->group_spent_s, 0);
    const double estimated_s = outlook->group_s + outlook->later_s;
    const double rest_s =
        outlook->guessed_s > 0.5 * estimated_s ? NAN : group_s + pace * outlook->later_s;
    return outlook->has_budget ? fmin(rest_s, fmax(outlook->budget_s, 0)) : rest_s; /* of NaN too */
}

double estimate_cell(const struct estimate *estimate, const struct plan *plan,
                     const struct cell *cell)
{
    const struct rate *rate = find(estimate, cell);
    const bool builds = estimate->builds[cell - plan->cells] && rate->builds;
    const double build = builds ? rate->builds_s / rate->builds : 0;
    return build + cell_of_launch(cell, estimate_launch(estimate, plan, cell));
}

double estimate_samples(const struct estimate *estimate, const struct plan *plan,
                        const struct cell *cell)
{
    return samples_of_launch(cell, estimate_launch(estimate, plan, cell));
}

double estimate_least(const struct estimate *estimate, const struct plan *plan,
                      const struct cell *cell)
{
    static const double overhead_s = 0.02;
    const struct rate *rate = find(estimate, cell);
    const bool leads = cell == plan->cells || cell[-1].group != cell->group;
    const double build = rate->builds ? rate->builds_s / rate->builds : estimate->build_s;
    return overhead_s + (estimate->builds[cell - plan->cells] ? build : 0) +
           (leads ? reference_s(cell) : 0) + 2 * estimate_launch(estimate, plan, cell);
}

int64_t *estimate_costs_ms(const struct plan *plan, struct arena *arena)
{
    int64_t *costs_ms = arena_array(arena, (size_t)plan->count, sizeof *costs_ms);
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (cell->fate == CELL_RUN)
            costs_ms[c] =
                (int64_t)fmin(1e3 * cell_of_launch(cell, guess_launch(plan, cell)) + 0.5, 1e12);
    }
    return costs_ms;
}

void estimate_plan(struct forecast *forecast, const struct plan *plan, const bool *done)
{
    static const double build_s = 0.4, start_s = 0.5; /* of a program, of a device's worker */
    bool *builds = find_builds(plan);
    *forecast = (struct forecast){.seconds = start_s * plan->device_count, .by_peaks = true};
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (cell->fate != CELL_RUN || (done && done[c]))
            continue;
        const double launch = forecast_launch(plan, cell, &forecast->by_peaks);
        /* What would exceed its deadline is skipped, after a pilot. */
        if (launch < cell->suite->deadlines.run_s / 2)
            forecast->seconds += cell_of_launch(cell, launch);
        forecast->seconds += builds[c] ? build_s : 0;
        ++forecast->cells;
    }
    forecast->by_peaks = forecast->by_peaks && forecast->cells > 0;
    free(builds);
}

struct problem estimate_pilot(const struct problem *problem, double flops, int64_t lengths[2])
{
    struct problem pilot = *problem;
    pilot.batch = 1;
    lengths[0] = 1; /* a padded problem stays one: its build is another */
    if (problem->kv_lengths)
        pilot.kv_lengths = lengths + 1;
    do {
        lengths[1] = pilot.n_kv;
        if (problem_flops(&pilot) <= flops || (pilot.n_q == 1 && pilot.n_kv <= 64))
            return pilot;
        const bool alike = pilot.op != OP_ATTENTION && pilot.n_q == pilot.n_kv;
        pilot.n_q = (pilot.n_q + 1) / 2;
        if (alike) /* one sequence: so it must stay */
            lengths[1] = pilot.n_kv = pilot.n_q;
        else
            pilot.n_kv = pilot.n_kv > 64 ? (pilot.n_kv + 1) / 2 : pilot.n_kv;
    } while (true);
}
