#include "problem/plan.h"

#include "problem/compose.h"
#include "problem/filter.h"
#include "problem/plan_entries.h"
#include "util/sha256.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which variants -------------------------------------------------------------------------- */

static const struct variant *find_variant(const struct plan_request *request, const char *name)
{
    for (int v = 0; v < request->variant_count; ++v)
        if (strcmp(request->variants[v].name, name) == 0)
            return &request->variants[v];
    return NULL;
}

static int unknown_variant(const struct plan_request *request, const char *name, struct err *err)
{
    const char *names[256] = {NULL};
    size_t count = 0;
    for (int v = 0; v < request->variant_count && count < 256; ++v)
        names[count++] = request->variants[v].name;
    const char *nearest = text_nearest(name, names, count);
    if (nearest)
        return err_set(err, "unknown variant \"%.60s\"; did you mean \"%s\"?", name, nearest);
    struct text known = {0};
    for (size_t i = 0; i < count; ++i)
        text_print(&known, "%s%s", i ? ", " : "", names[i]);
    err_set(err, "unknown variant \"%.60s\"; there are: %s", name, text_get(&known));
    text_free(&known);
    return -1;
}

int plan_check_variants(const struct plan_request *request, struct err *err)
{
    struct arena arena = {0};
    int result = 0;
    for (const char *at = request->only_variants; at && *at && result == 0;) {
        const size_t length = strcspn(at, ",");
        const char *name = arena_copy_bytes(&arena, at, length);
        if (!find_variant(request, name))
            result = unknown_variant(request, name, err);
        at += length + (at[length] == ',');
    }
    arena_free(&arena);
    return result;
}

int plan_check_suites(const struct plan_request *request, struct err *err)
{
    for (int s = 0; s < request->suite_count; ++s)
        for (int w = 0; w < request->suites[s].sweep_count; ++w) {
            const struct sweep *sweep = &request->suites[s].sweeps[w];
            for (int v = 0; v < sweep->variant_count; ++v)
                if (!find_variant(request, sweep->variants[v])) {
                    struct err why;
                    unknown_variant(request, sweep->variants[v], &why);
                    return json_fail(&request->suites[s].json,
                                     cJSON_GetObjectItemCaseSensitive(sweep->node, "variants"), err,
                                     "%s", why.message);
                }
        }
    return 0;
}

static bool is_listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; at && *at;) {
        const size_t word = strcspn(at, ",");
        if (word == length && strncmp(at, name, length) == 0)
            return true;
        at += word + (at[word] == ',');
    }
    return false;
}

/* --variants names exactly what to run; without it each sweep says. */
static bool is_wanted(const struct plan_request *request, const struct plan_entry *entry,
                      const char *name)
{
    if (request->only_variants)
        return is_listed(request->only_variants, name);
    for (int s = 0; s < entry->sweep_count; ++s) {
        const struct sweep *sweep = entry->sources[s];
        if (!sweep || !sweep->variant_count)
            return true;
        for (int v = 0; v < sweep->variant_count; ++v)
            if (strcmp(sweep->variants[v], name) == 0)
                return true;
    }
    return false;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static char *too_much(struct arena *arena, const char *what, double need, double limit)
{
    struct text reason = {0};
    text_print(&reason, "needs ");
    text_add_bytes_size(&reason, need);
    text_print(&reason, " %s ", what);
    text_add_bytes_size(&reason, limit);
    char *copy = arena_copy(arena, text_get(&reason));
    text_free(&reason);
    return copy;
}

/* Part of the memory is the driver's, the display's, the binaries'; a cell that needs all of it
 * fails, or on a CPU device drives the host into swap. */
static const double usable_part = 0.9;

/* Why the cell does not fit with so many sets of inputs and outputs; NULL: it does. */
static char *too_large(const struct cell *cell, const struct plan_request *request, int inputs,
                       int outputs, struct arena *arena)
{
    const struct device_info *device = &request->devices[cell->device];
    const struct memory *memory = &cell->memory;
    const double in = (double)inputs * (double)memory->inputs_bytes;
    const double out = (double)outputs * (double)memory->output_bytes;
    const double total = in + out + (double)memory->scratch_bytes;
    /* The host holds inputs and outputs as f32 beside the device's copy. */
    const double host_copy = 4 * (in + out) / (double)dtype_bytes((enum dtype)cell->problem.dtype);
    const bool shares_memory = strcmp(device->type, "cpu") == 0;
    const double host_need = host_copy + (shares_memory ? total : 0);
    if (device->max_alloc_bytes && memory->largest_bytes > device->max_alloc_bytes)
        return too_much(arena, "in one buffer, the device allows", (double)memory->largest_bytes,
                        (double)device->max_alloc_bytes);
    if (device->global_bytes && total > usable_part * (double)device->global_bytes)
        return too_much(arena, "of device memory, 90 % of it are", total,
                        usable_part * (double)device->global_bytes);
    if (request->host_bytes && host_need > usable_part * (double)request->host_bytes)
        return too_much(arena, "of the host's memory, 90 % of it are", host_need,
                        usable_part * (double)request->host_bytes);
    return NULL;
}

static void use_tuned(struct cell *cell, const struct plan_request *request, struct arena *arena)
{
    const struct device_info *device = &request->devices[cell->device];
    const struct variant *variant = cell->variant;
    /* Of a composed variant the attention inside is what was tuned. */
    const bool composed = variant->part_count > 1;
    const struct tuned *tuned =
        request->tunings
            ? tunings_find(request->tunings, composed ? variant->parts[1].variant : variant,
                           variant_part_problem(variant, composed, &cell->problem), device)
            : NULL;
    if (!tuned)
        return;
    struct tuning tuning = variant_part_tuning(variant, 0, &cell->tuning);
    for (int i = 0; i < tuned->tuning.count && composed; ++i)
        tuning.items[tuning.count++] = tuned->tuning.items[i];
    cell->tuning = composed ? tuning : tuned->tuning;
    cell->tuning_source = tuned->source;
    cell->tuning_class = problem_class_text(&tuned->class, arena);
}

static void decide(struct cell *cell, const struct plan_request *request, struct arena *arena)
{
    const struct device_info *device = &request->devices[cell->device];
    struct err reason;
    int fits = variant_fit(cell->variant, &cell->problem, device, &cell->tuning, &reason);
    if (fits == 0)
        use_tuned(cell, request, arena);
    if (fits == 0)
        fits = variant_memory(cell->variant, &cell->problem, &cell->tuning, &cell->memory, &reason);
    if (fits) {
        struct device_info without = *device;
        without.quirk_count = 0;
        const bool by_quirk =
            device->quirk_count &&
            variant_fit(cell->variant, &cell->problem, &without, &cell->tuning, NULL) == 0;
        cell->fate = by_quirk ? CELL_SKIPPED : CELL_UNSUPPORTED;
        cell->reason = arena_copy(arena, reason.message);
        cell->tuning = (struct tuning){0};
        return;
    }
    char *over = too_large(cell, request, 1, 1, arena);
    if (over) {
        cell->fate = CELL_SKIPPED;
        cell->reason = over;
    }
    cell->other_fits = !too_large(cell, request, 2, 3, arena);
}

static void add_cell(struct plan *plan, const struct plan_request *request,
                     const struct plan_entry *entry, const struct variant *variant, int device,
                     int group, struct filter *filter)
{
    struct cell *cell = &plan->cells[plan->count++];
    *cell = (struct cell){.id = entry->id,
                          .problem = entry->problem,
                          .variant = variant,
                          .device = device,
                          .group = group,
                          .sweeps = entry->sweeps,
                          .sweep_count = entry->sweep_count,
                          .suite = entry->suite,
                          .flops = entry->flops,
                          .bytes = entry->bytes};
    decide(cell, request, &plan->arena);
    if (!filter_passes(filter, plan->count - 1, cell->id, variant->name) &&
        cell->fate == CELL_RUN) {
        cell->fate = CELL_SKIPPED;
        cell->filtered = true;
        cell->reason = arena_print(&plan->arena, PLAN_LEFT_OUT " %s", request->filter);
    }
}

/* ---- how many -------------------------------------------------------------------------------- */

static bool has_cell(const struct plan_request *request, const struct plan_entry *entry,
                     int variant)
{
    return is_wanted(request, entry, request->variants[variant].name) &&
           compose_computes(request->variants, request->variant_count, &request->variants[variant],
                            (enum op)entry->problem.op);
}

/* The cells whose names have most in common with the filter, as "id variant" in quotes. */
static void add_nearest(const struct plan_request *request, const struct plan_entries *entries,
                        struct text *out)
{
    enum { NEAREST = 3, LOOKED_AT = 20000 };
    int best[NEAREST] = {0}, looked = 0;
    struct text names[NEAREST] = {{0}};
    for (int e = 0; e < entries->count; ++e)
        for (int v = 0; v < request->variant_count && looked < LOOKED_AT; ++v) {
            struct text name = {0};
            if (!has_cell(request, &entries->items[e], v))
                continue;
            ++looked;
            text_print(&name, "%s %s", entries->items[e].id, request->variants[v].name);
            int likeness = filter_likeness(request->filter, text_get(&name)) + 1;
            for (int i = 0; i < NEAREST; ++i)
                if (likeness > best[i]) {
                    const struct text worse = names[i];
                    const int less = best[i];
                    names[i] = name;
                    best[i] = likeness;
                    name = worse;
                    likeness = less;
                }
            text_free(&name);
        }
    for (int i = 0; i < NEAREST && best[i]; ++i) {
        text_print(out, "%s'%.300s'", i ? ", " : "", text_get(&names[i]));
        text_free(&names[i]);
    }
}

static int matches_nothing(const struct plan_request *request, const struct plan_entries *entries,
                           int64_t cells, struct err *err)
{
    struct text nearest = {0};
    add_nearest(request, entries, &nearest);
    err_set(err, "--filter '%.100s' matches none of the plan's %" PRId64 " cells; nearest: %s",
            request->filter, cells, text_get(&nearest));
    text_free(&nearest);
    return -1;
}

/* The limit is for what was asked for, not for what there is; filtered cells are skipped rows, for
 * which there is memory for a while longer. */
static int count_cells(const struct plan_request *request, const struct plan_entries *entries,
                       const struct filter *filter, int64_t *count, struct err *err)
{
    int64_t matching = 0;
    *count = 0;
    for (int e = 0; e < entries->count; ++e)
        for (int v = 0; v < request->variant_count; ++v)
            if (has_cell(request, &entries->items[e], v)) {
                *count += request->device_count;
                matching += filter_matches(filter, entries->items[e].id, request->variants[v].name)
                                ? request->device_count
                                : 0;
            }
    if (matching > PLAN_CELLS_MAX || *count > PLAN_ROWS_MAX)
        return err_set(err,
                       "the plan has %" PRId64 " cells%s, more than %d; --variants and --set leave "
                       "some out, or make several suites of it",
                       matching > PLAN_CELLS_MAX ? matching : *count,
                       matching > PLAN_CELLS_MAX ? "" : " with those that --filter skips",
                       matching > PLAN_CELLS_MAX ? PLAN_CELLS_MAX : PLAN_ROWS_MAX);
    return *count && !matching && !request->may_be_empty
               ? matches_nothing(request, entries, *count, err)
               : 0;
}

static int add_cells(struct plan *plan, const struct plan_request *request,
                     const struct plan_entries *entries, struct filter *filter, struct err *err)
{
    int64_t count = 0;
    int group = 0;
    if (count_cells(request, entries, filter, &count, err))
        return -1;
    plan->cells = arena_array(&plan->arena, (size_t)count, sizeof *plan->cells);
    for (int d = 0; d < request->device_count; ++d)
        for (int e = 0; e < entries->count; ++e, ++group)
            for (int v = 0; v < request->variant_count; ++v) {
                if (!has_cell(request, &entries->items[e], v))
                    continue;
                const struct variant *variant =
                    compose_for(request->variants, request->variant_count, &request->variants[v],
                                &entries->items[e].problem, &request->devices[d], &plan->arena);
                if (variant)
                    add_cell(plan, request, &entries->items[e], variant, d, group, filter);
            }
    return plan->count ? 0
                       : err_set(err, "the plan is empty: no variant that a sweep wants computes "
                                      "its operation");
}

static void identify(struct plan *plan)
{
    struct text all = {0};
    for (int d = 0; d < plan->device_count; ++d)
        text_print(&all, "%s\n", device_info_key(&plan->devices[d], &plan->arena));
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        const char *tuning = tuning_text(&cell->tuning, &plan->arena);
        text_print(&all, "%s|%s|%s|%s|%d|%d\n", cell->id, cell->variant->name,
                   cell->variant->program_sha ? cell->variant->program_sha : "", tuning,
                   cell->device, (int)cell->fate);
    }
    sha256_hex(text_get(&all), all.length, plan->id);
    text_free(&all);
}

int plan_build(struct plan *plan, const struct plan_request *request, struct err *err)
{
    *plan = (struct plan){.devices = request->devices, .device_count = request->device_count};
    struct plan_entries entries = {0};
    struct filter filter = {.text = NULL};
    int result = plan_check_variants(request, err);
    if (request->selection)
        filter_take(&filter, request->selection);
    else if (result == 0)
        result = filter_compile(&filter, request->filter, err);
    if (result == 0)
        result = plan_entries_collect(&entries, request, &plan->arena, err);
    if (result == 0)
        result = add_cells(plan, request, &entries, &filter, err);
    if (result == 0)
        identify(plan);
    filter_free(&filter);
    if (result)
        plan_free(plan);
    return result;
}

const char *plan_selection(const struct plan *plan, struct arena *arena)
{
    struct text ranges = {0};
    for (int c = 0; c < plan->count; ++c) {
        const int first = c;
        if (plan->cells[c].filtered)
            continue;
        while (c + 1 < plan->count && !plan->cells[c + 1].filtered)
            ++c;
        text_print(&ranges, "%s%d", ranges.length ? "," : "", first);
        if (c > first)
            text_print(&ranges, "-%d", c);
    }
    const char *copy = arena_copy(arena, text_get(&ranges));
    text_free(&ranges);
    return copy;
}

void plan_free(struct plan *plan)
{
    arena_free(&plan->arena);
    plan->count = 0;
    plan->cells = NULL;
}
