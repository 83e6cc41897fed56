#include "worker/job.h"

#include "measure/modes.h"
#include "measure/stats.h"
#include "measure/timer_gate.h"

#include <math.h>
#include <string.h>

struct row job_row(const struct plan *plan, const struct cell *cell)
{
    struct row row = row_default();
    row.cell = cell->id;
    row.device = plan->devices[cell->device].id;
    row.variant = cell->variant->name;
    row.sweeps = (struct text_list){cell->sweep_count, cell->sweeps};
    row.tuning = cell->tuning;
    if (cell->fate != CELL_UNSUPPORTED) {
        row.tuning_origin.source = tuning_source_name(cell->tuning_source);
        row.tuning_origin.class = cell->tuning_class;
    }
    row.problem = cell->problem;
    row.status = cell->fate == CELL_UNSUPPORTED ? ROW_UNSUPPORTED
                 : cell->fate == CELL_SKIPPED   ? ROW_SKIPPED
                                                : ROW_ERROR;
    row.reason = cell->reason;
    row.phase = "plan";
    row.rates.pairs = problem_pairs(&cell->problem);
    row.rates.unmasked_fraction =
        row.rates.pairs / ((double)cell->problem.batch * (double)cell->problem.heads_q *
                           (double)cell->problem.n_q * (double)cell->problem.n_kv);
    row.rates.flops = cell->flops;
    row.rates.bytes = cell->bytes;
    if (cell->fate != CELL_UNSUPPORTED) {
        row.memory.inputs_bytes = (double)cell->memory.inputs_bytes;
        row.memory.scratch_bytes = (double)cell->memory.scratch_bytes;
        row.memory.output_bytes = (double)cell->memory.output_bytes;
        row.memory.total_bytes = (double)cell->memory.total_bytes;
    }
    return row;
}

void job_start(struct job *job, const struct plan *plan, const struct cell *cell, int slot,
               struct arena *arena)
{
    *job = (struct job){.cell = cell,
                        .device = &plan->devices[cell->device],
                        .slot = slot,
                        .row = job_row(plan, cell)};
    job->time_s = arena_array(arena, SAMPLES_MAX, sizeof(double));
    job->host_s = arena_array(arena, SAMPLES_MAX, sizeof(double));
    job->device_s = arena_array(arena, SAMPLES_MAX, sizeof(double));
    for (int p = 0; p < cell->variant->pass_count; ++p)
        job->pass_s[p] = arena_array(arena, SAMPLES_MAX, sizeof(double));
    sampler_start(&job->sampler, &cell->suite->measure, job->time_s);
}

void job_end(struct job *job, enum row_status status, const char *phase, const char *reason,
             struct arena *arena)
{
    job->finished = true;
    job->row.status = status;
    job->row.phase = phase;
    job->row.reason = reason ? arena_copy(arena, reason) : NULL;
}

static void take_errors(struct row *row, const cJSON *reply, struct arena *arena)
{
    const char *rounding = json_peek_string(reply, "rounding");
    row->check.mode = arena_copy(arena, json_peek_string(reply, "mode"));
    row->check.rows_checked = (int64_t)fmax(json_peek_number(reply, "rows_checked"), 0);
    row->check.rows_unjudged = (int64_t)fmax(json_peek_number(reply, "rows_unjudged"), 0);
    row->check.max_abs_err = json_peek_number(reply, "max_abs_err");
    row->check.max_rel_err = json_peek_number(reply, "max_rel_err");
    row->check.nmse = json_peek_number(reply, "nmse");
    row->check.tolerance = json_peek_number(reply, "tolerance");
    row->check.weights_entropy = json_peek_number(reply, "weights_entropy");
    row->check.weights_largest = json_peek_number(reply, "weights_largest");
    if (*rounding)
        row->check.rounding = arena_copy(arena, rounding);
}

/* Of each scale the most that was used, and which scale that was. */
static void take_limits(struct row *row, const cJSON *reply, struct arena *arena)
{
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(reply, "limits");
    for (int i = 0; i < SCALES; ++i)
        row->check.used[i] =
            fmax(row->check.used[i], json_peek_number(limits, scale_name((enum scale)i)));
    const double used = json_peek_number(reply, "err_over_tolerance");
    if (row->check.err_over_tolerance >= used)
        return;
    row->check.err_over_tolerance = used;
    row->check.scale = arena_copy(arena, json_peek_string(reply, "scale"));
}

/* If more than a part f of the rows were wrong, wherever they are, none of k that are compared
 * would be with a probability of (1 - f)^k. */
static void take_coverage(struct row *row, const cJSON *reply)
{
    const struct problem *problem = &row->problem;
    const double rows = (double)problem->batch * (double)problem->n_q *
                        (problem->op == OP_ATTENTION ? (double)problem->heads_q : 1);
    const double checked = (double)row->check.rows_checked;
    row->check.keys_covered = json_peek_number(reply, "keys_covered");
    row->check.rows_covered = fmin(checked / rows, 1);
    row->check.wrong_rows_found = checked >= rows ? 0 : 1 - pow(0.001, 1 / fmax(checked, 1));
}

bool job_judged(struct job *job, const cJSON *reply, bool other, const char *phase,
                struct arena *arena)
{
    struct row *row = &job->row;
    const bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "ok"));
    if (!other || !ok)
        take_errors(row, reply, arena);
    take_limits(row, reply, arena);
    if (!other)
        take_coverage(row, reply);
    else
        row->check.keys_covered =
            fmax(row->check.keys_covered, json_peek_number(reply, "keys_covered"));
    if (job->cell->variant->precision != PRECISION_F32)
        row->check.precision = precision_name(job->cell->variant->precision);
    if (ok)
        return true;
    job_end(job, ROW_WRONG, phase,
            other ? arena_print(arena, "on inputs in which each key matters: %s",
                                json_peek_string(reply, "reason"))
                  : json_peek_string(reply, "reason"),
            arena);
    return false;
}

int job_samples(struct job *job, const cJSON *reply, struct arena *arena)
{
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(reply, "samples"), *sample = NULL;
    const cJSON *flights = cJSON_GetObjectItemCaseSensitive(reply, "launches");
    const cJSON *flight = flights ? flights->child : NULL;
    if (!cJSON_IsArray(samples) || !cJSON_GetArraySize(samples))
        return -1;
    const char *gate = json_peek_string(reply, "gate");
    if (*gate && !job->gate)
        job->gate = arena_copy(arena, gate);
    /* What emptying the caches took is shared out: it counts against the time limits. */
    const double evict_s = json_peek_number(reply, "evict_s") / cJSON_GetArraySize(samples);
    job->host_span_s += json_peek_number(reply, "host_span_s");
    job->device_span_s += json_peek_number(reply, "device_span_s");
    job->row.check.launches_compared += (int64_t)fmax(json_peek_number(reply, "compared"), 0);
    job->row.check.inputs_changed |= json_peek_number(reply, "others") > 0;
    const bool same = !(json_peek_number(reply, "changed") > 0);
    const bool compared = json_peek_number(reply, "compared") > 0;
    job->row.check.repeatable = same && (job->row.check.repeatable || (job->once && compared));
    job->once &= !compared;
    cJSON_ArrayForEach(sample, samples)
    {
        const cJSON *host = cJSON_GetArrayItem(sample, 0), *device = cJSON_GetArrayItem(sample, 1);
        if (!cJSON_IsNumber(host))
            return -1;
        if (job->sampler.done)
            break;
        const double host_s = host->valuedouble;
        const double device_s = cJSON_IsNumber(device) ? device->valuedouble : NAN;
        const int index = job->sampler.count;
        const double launches = flight && cJSON_IsNumber(flight) ? flight->valuedouble : 1;
        flight = flight ? flight->next : NULL;
        const double cost_s = host_s * launches + (evict_s > 0 ? evict_s : 0);
        if (!sampler_add(&job->sampler, cost_s, isnan(device_s) ? host_s : device_s))
            continue;
        job->launches_timed += launches;
        job->host_s[index] = host_s;
        job->device_s[index] = device_s;
        for (int p = 0; p < job->cell->variant->pass_count; ++p) {
            const cJSON *pass = cJSON_GetArrayItem(sample, 2 + p);
            job->pass_s[p][index] = cJSON_IsNumber(pass) ? pass->valuedouble : NAN;
        }
    }
    return 0;
}

static const double *use_host(struct job *job, const char *reason)
{
    job->row.time.clock = "host";
    job->row.time.clock_reason = reason;
    return job->host_s;
}

/* One clock for all samples of a row: the device's only when it was believable every time, and all
 * together. */
static const double *choose_clock(struct job *job, double launch_s, struct arena *arena)
{
    const int count = job->sampler.count;
    char reason[TIMER_GATE_REASON];
    struct row_clocks clocks = {
        .overhead_s = INFINITY,
        .launch_s = launch_s > 0 ? launch_s : NAN,
        .passes = variant_launches(job->cell->variant, &job->cell->problem, &job->row.tuning),
        .host_span_s = job->host_span_s,
        .device_span_s = job->device_span_s};
    for (int i = 0; i < count; ++i) {
        if (isnan(job->device_s[i]))
            return use_host(job, job->gate);
        clocks.overhead_s = fmin(clocks.overhead_s, job->host_s[i] - job->device_s[i]);
    }
    clocks.device_s = stats_median(job->device_s, count);
    for (int p = 0; p < job->cell->variant->pass_count; ++p)
        clocks.passes_s += stats_median(job->pass_s[p], count);
    if (!timer_gate_row(&clocks, reason))
        return use_host(job, arena_copy(arena, reason));
    job->row.time.clock = "device";
    return job->device_s;
}

void job_times(struct job *job, double launch_s, struct arena *arena)
{
    const int count = job->sampler.count;
    struct row *row = &job->row;
    struct stats stats;
    struct modes modes;
    if (!count)
        return;
    const double *samples = choose_clock(job, launch_s, arena);
    stats_compute(samples, count, &stats);
    row->time.cache = job->sampler.rule.cold ? "cold" : "hot";
    row->time.samples_s = (struct number_list){
        count, arena_grow(arena, samples, (size_t)count, (size_t)count, sizeof *samples)};
    row->time.median_s = stats.median;
    row->time.min_s = stats.min;
    row->time.p10_s = stats.p10;
    row->time.p90_s = stats.p90;
    row->time.mad_s = stats.mad;
    row->time.ci95_s[0] = stats.ci95_low;
    row->time.ci95_s[1] = stats.ci95_high;
    row->time.host_median_s = stats_median(job->host_s, count);
    row->time.launches_per_sample =
        row->problem.queue == QUEUE_STREAM ? job->launches_timed / count : NAN;
    row->time.warmup = job->sampler.warmup;
    row->time.outliers = stats.outliers;
    row->time.drift = stats.drift;
    modes_find(samples, count, &modes);
    row->time.mode_share = modes.share;
    row->time.mode_fast_s = modes.fast_s;
    row->time.mode_slow_s = modes.slow_s;
    row->time.stable =
        job->sampler.stable && stats.rel_ci <= job->sampler.rule.target_rel_ci && !modes.two;
    row_rates(row, job->device);
    row->passes.count = job->cell->variant->pass_count;
    row->passes.items = arena_array(arena, (size_t)row->passes.count, sizeof *row->passes.items);
    for (int p = 0; p < row->passes.count; ++p) {
        const struct pass *pass = &job->cell->variant->passes[p];
        row->passes.items[p].kernel = pass_name(pass);
        row->passes.items[p].median_s =
            strcmp(row->time.clock, "device") == 0 ? stats_median(job->pass_s[p], count) : NAN;
    }
}
