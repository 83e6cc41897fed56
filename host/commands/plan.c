/* attnbench plan: the cells of a suite, before anything runs. */
#include "commands/common.h"
#include "util/json.h"

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

static void add_text(const struct setup *setup, struct text *out)
{
    const struct plan *plan = &setup->plan;
    int counts[3] = {0};
    double flops = 0;
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (c == 0 || cell->device != plan->cells[c - 1].device)
            text_print(out, "on %s (%s)\n", plan->devices[cell->device].id,
                       plan->devices[cell->device].name);
        add_line(cell, out);
        ++counts[cell->fate];
        flops += cell->fate == CELL_RUN ? cell->flops : 0;
    }
    text_print(out, "%d cells: %d to run (%.3g GFLOP a pass), %d unsupported, %d skipped\n",
               plan->count, counts[CELL_RUN], flops * 1e-9, counts[CELL_UNSUPPORTED],
               counts[CELL_SKIPPED]);
    text_print(out, "plan %s\n", plan->id);
}

static void add_json(const struct setup *setup, struct text *out)
{
    const struct plan *plan = &setup->plan;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "plan_id", plan->id);
    cJSON *list = cJSON_AddArrayToObject(root, "cells");
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
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
    }
    char *printed = json_print_pretty(root);
    text_print(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
}

int command_plan(const struct options *options)
{
    struct setup setup = {0};
    struct text out = {0};
    int status = setup_suites(&setup, options);
    if (status == EXIT_OK)
        status = setup_kernels(&setup, options);
    if (status == EXIT_OK)
        status = setup_devices(&setup, options);
    if (status == EXIT_OK)
        status = setup_plan(&setup, options);
    if (status == EXIT_OK) {
        if (options->json)
            add_json(&setup, &out);
        else
            add_text(&setup, &out);
        status = write_output(NULL, text_get(&out), out.length);
    }
    text_free(&out);
    setup_free(&setup);
    return status;
}
