/* attnbench plan: the cells of a suite, before anything runs. */
#include "commands/common.h"
#include "commands/emit.h"
#include "commands/forecast.h"
#include "commands/shard.h"
#include "util/json.h"
#include "util/rank.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const fates[] = {"run", "unsupported", "skipped"};

static void add_line(const struct cell *cell, struct text *out)
{
    text_print(out, "%-11s %-8s %9.3g GFLOP ", fates[cell->fate], cell->variant->name,
               cell->flops * 1e-9);
    struct text memory = {0};
    if (cell->fate != CELL_UNSUPPORTED)
        text_add_bytes_size(&memory, (double)cell->memory.total_bytes);
    text_print(out, "%9s  %s", text_get(&memory), cell->id);
    if (cell->reason)
        text_print(out, "  (%s)", cell->reason);
    text_add(out, "\n");
    text_free(&memory);
}

/* Cells of other shards, as if they were done. */
static const bool *others(const struct setup *setup, struct arena *arena)
{
    bool *done = arena_array(arena, (size_t)setup->plan.count + 1, sizeof *done);
    for (int c = 0; c < setup->plan.count; ++c)
        done[c] = !shard_has(setup, c);
    return done;
}

static void add_text(const struct setup *setup, const struct options *options, struct text *out)
{
    const struct plan *plan = &setup->plan;
    int counts[3] = {0}, device = -1;
    double flops = 0;
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (!shard_has(setup, c))
            continue;
        if (cell->device != device)
            text_print(out, "on %s (%s)\n", plan->devices[cell->device].id,
                       plan->devices[cell->device].name);
        device = cell->device;
        add_line(cell, out);
        ++counts[cell->fate];
        flops += cell->fate == CELL_RUN ? cell->flops : 0;
    }
    text_print(out, "%d cells: %d to run (%.3g GFLOP a pass), %d unsupported, %d skipped\n",
               counts[0] + counts[1] + counts[2], counts[CELL_RUN], flops * 1e-9,
               counts[CELL_UNSUPPORTED], counts[CELL_SKIPPED]);
    text_print(out, "plan %s\n", plan->id);
    const struct shard *shard = &setup->shard;
    if (shard->count)
        text_print(out, "shard %lld/%lld (%s): %.3g %% of the plan's %d cells by estimated time\n",
                   (long long)shard->index, (long long)shard->count, shard->source,
                   100 * (double)setup->shards.cost_ms[shard->index - 1] /
                       (double)setup->shards.total_ms,
                   plan->count);
    struct arena arena = {0};
    struct forecast forecast;
    setup_forecast(setup, others(setup, &arena), &forecast);
    forecast_words(&forecast, setup, options, out);
    text_add(out, "\n");
    arena_free(&arena);
}

static void add_forecast(cJSON *root, const struct setup *setup, const struct options *options,
                         struct arena *arena)
{
    struct forecast forecast;
    setup_forecast(setup, others(setup, arena), &forecast);
    cJSON *object = cJSON_AddObjectToObject(root, "forecast");
    cJSON_AddNumberToObject(object, "cells", forecast.cells);
    cJSON_AddNumberToObject(object, "seconds", forecast.seconds);
    cJSON_AddStringToObject(object, "from", forecast.by_peaks ? "peaks" : "guess");
    json_add_number(object, "budget_s",
                    setup_budget_s(setup, options) > 0 ? setup_budget_s(setup, options) : NAN);
}

static void add_json(const struct setup *setup, const struct options *options, struct text *out)
{
    const struct plan *plan = &setup->plan;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "plan_id", plan->id);
    const struct shard *shard = &setup->shard;
    struct arena arena = {0};
    const int64_t *costs_ms = estimate_costs_ms(plan, &arena);
    if (shard->count) {
        cJSON *part = cJSON_AddObjectToObject(root, "shard");
        cJSON_AddNumberToObject(part, "index", (double)shard->index);
        cJSON_AddNumberToObject(part, "count", (double)shard->count);
        cJSON_AddStringToObject(part, "source", shard->source);
        cJSON_AddNumberToObject(part, "plan_cells", plan->count);
    }
    cJSON *list = cJSON_AddArrayToObject(root, "cells");
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (!shard_has(setup, c))
            continue;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddStringToObject(item, "cell", cell->id);
        cJSON_AddStringToObject(item, "device", plan->devices[cell->device].id);
        cJSON_AddStringToObject(item, "variant", cell->variant->name);
        cJSON_AddItemToObject(item, "tuning", tuning_to_json(&cell->tuning));
        cJSON_AddStringToObject(item, "tuning_source", tuning_source_name(cell->tuning_source));
        cJSON_AddStringToObject(item, "fate", fates[cell->fate]);
        if (cell->reason)
            cJSON_AddStringToObject(item, "reason", cell->reason);
        cJSON_AddNumberToObject(item, "flops", cell->flops);
        cJSON_AddNumberToObject(item, "bytes", cell->bytes);
        cJSON_AddNumberToObject(item, "memory_bytes", (double)cell->memory.total_bytes);
        cJSON_AddNumberToObject(item, "estimate_s", 1e-3 * (double)costs_ms[c]);
    }
    add_forecast(root, setup, options, &arena);
    arena_free(&arena);
    char *printed = json_print_pretty(root);
    text_print(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
}

static int add_plan(struct setup *setup, const struct options *options, struct text *out)
{
    enum { RANKS_DEFAULT = 4 };
    const int64_t ranks = options->ranks ? options->ranks : RANKS_DEFAULT;
    struct err err;
    int result = 0;
    if (ranks > RANKS_MAX) {
        result = err_set(&err, "--ranks: at most %d", RANKS_MAX);
    } else if (options->emit) {
        setup_shares(setup, ranks);
        result = emit_job(setup, options, out, &err);
    } else if (options->simulate) {
        result = simulate(setup, options->simulate, out, &err);
    } else {
        if (setup->shard.count)
            setup_shares(setup, setup->shard.count);
        (options->json ? add_json : add_text)(setup, options, out);
    }
    return result ? fail(EXIT_USAGE, &err) : EXIT_OK;
}

int command_plan(const struct options *options)
{
    struct setup setup = {0};
    struct text out = {0};
    int status = setup_suites(&setup, options);
    if (status == EXIT_OK)
        status = setup_shard(&setup, options);
    if (status == EXIT_OK)
        status = setup_kernels(&setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&setup, options);
    if (status == EXIT_OK)
        status = setup_plan(&setup, options);
    if (status == EXIT_OK)
        status = add_plan(&setup, options, &out);
    if (status == EXIT_OK)
        status = write_output(NULL, text_get(&out), out.length);
    text_free(&out);
    setup_free(&setup);
    return status;
}
