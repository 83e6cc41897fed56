/* attnbench ab: the problems that both sides compute. */
#include "commands/ab_parts.h"

#include <stdio.h>
#include <string.h>

/* ---- a side's tuning ------------------------------------------------------------------------- */

/* One "KEY=VALUE" of a side's tuning into the tuning of the variant. */
static int set_value(const struct variant *variant, const char *key, size_t length, int64_t value,
                     struct tuning *named, struct tuning *tuning, struct err *err)
{
    for (int t = 0; t < variant->tunable_count; ++t) {
        const struct tunable *tunable = &variant->tunables[t];
        if (strlen(tunable->name) != length || strncmp(tunable->name, key, length) != 0)
            continue;
        for (int v = 0; v < tunable->count; ++v)
            if (tunable->values[v] == value) {
                tuning->items[t].value = value;
                named->items[t].name = tunable->name;
                return 0;
            }
        struct text values = {0};
        for (int v = 0; v < tunable->count; ++v)
            text_print(&values, "%s%lld", v ? ", " : "", (long long)tunable->values[v]);
        err_set(err, "%s of %s is one of %s, not %lld", tunable->name, variant->name,
                text_get(&values), (long long)value);
        text_free(&values);
        return -1;
    }
    struct text names = {0};
    for (int t = 0; t < variant->tunable_count; ++t)
        text_print(&names, "%s%s", t ? ", " : "", variant->tunables[t].name);
    err_set(err, "%s has no tunable %.*s; it has: %s", variant->name, (int)length, key,
            names.length ? text_get(&names) : "none");
    text_free(&names);
    return -1;
}

/* named: has a name where the text gives a value. */
static int set_tuning(const struct variant *variant, const char *text, struct tuning *named,
                      struct tuning *tuning, struct err *err)
{
    for (const char *at = text; *at;) {
        const size_t item = strcspn(at, ","), key = strcspn(at, "=,");
        char number[32] = "";
        int64_t value = 0;
        if (key < item && item - key - 1 < sizeof number)
            memcpy(number, at + key + 1, item - key - 1);
        if (!text_to_int64(number, &value))
            return err_set(err, "expected NAME:KEY=VALUE,..., found '%.80s'", text);
        if (set_value(variant, at, key, value, named, tuning, err))
            return -1;
        at += item + (at[item] == ',');
    }
    return 0;
}

/* The next combination of all tunables that the side does not name; false: there is none. */
static bool next_combination(const struct variant *variant, const struct tuning *named,
                             int *indices, struct tuning *tuning)
{
    for (int t = variant->tunable_count - 1; t >= 0; --t) {
        const struct tunable *tunable = &variant->tunables[t];
        if (named->items[t].name)
            continue;
        indices[t] = indices[t] + 1 < tunable->count ? indices[t] + 1 : 0;
        tuning->items[t].value = tunable->values[indices[t]];
        if (indices[t])
            return true;
    }
    return false;
}

/* With the side's values, the others as the plan has them, or else the first that fit. */
static int fit_tuning(const struct cell *cell, const struct device_info *device,
                      const struct tuning *named, struct tuning *tuning, struct err *err)
{
    const struct variant *variant = cell->variant;
    int indices[TUNABLES_MAX] = {0}, tried = 0;
    if (variant_tuning_fits(variant, &cell->problem, device, tuning, err) == 0)
        return 0;
    for (int t = 0; t < variant->tunable_count; ++t)
        if (!named->items[t].name)
            tuning->items[t].value = variant->tunables[t].values[0];
    do {
        if (variant_tuning_fits(variant, &cell->problem, device, tuning, err) == 0)
            return 0;
    } while (++tried < COMBINATIONS_MAX && next_combination(variant, named, indices, tuning));
    return -1;
}

/* The side's values go over those that the plan chose. What does not fit a problem then is not
 * supported there. */
static int apply_tuning(struct ab *ab, struct ab_side *side)
{
    struct plan *plan = &side->setup.plan;
    struct err err;
    for (int c = 0; c < plan->count; ++c) {
        struct cell *cell = &plan->cells[c];
        if (cell->fate != CELL_RUN)
            continue;
        struct tuning named = {0};
        if (set_tuning(cell->variant, side->tuning, &named, &cell->tuning, &err)) {
            err_prefix(&err, "%.100s", side->name);
            return fail(EXIT_USAGE, &err);
        }
        if (fit_tuning(cell, &plan->devices[cell->device], &named, &cell->tuning, &err) ||
            variant_memory(cell->variant, &cell->problem, &cell->tuning, &cell->memory, &err)) {
            cell->fate = CELL_UNSUPPORTED;
            cell->reason = arena_copy(&ab->arena, err.message);
        }
    }
    return EXIT_OK;
}

/* ---- what both have -------------------------------------------------------------------------- */

static const struct cell *find_partner(const struct ab *ab, int of, const struct cell *cell)
{
    const struct plan *plan = &ab->sides[!of].setup.plan;
    const bool any_name = ab->sides[0].variant != NULL;
    for (int c = 0; c < plan->count; ++c)
        if (strcmp(plan->cells[c].id, cell->id) == 0 &&
            (any_name || strcmp(plan->cells[c].variant->name, cell->variant->name) == 0))
            return &plan->cells[c];
    return NULL;
}

/* "fused supports attention(...), ... and 3 more", or why it supports none. */
static void list_supported(const struct ab_side *side, struct text *out)
{
    enum { SHOWN = 4 };
    const struct plan *plan = &side->setup.plan;
    int count = 0;
    const char *reason = NULL;
    text_print(out, "'%.100s' supports ", side->name);
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        if (cell->fate == CELL_RUN && ++count <= SHOWN)
            text_print(out, "%s%.120s", count > 1 ? ", " : "", cell->id);
        if (cell->fate != CELL_RUN && !cell->filtered && !reason)
            reason = cell->reason;
    }
    if (count > SHOWN)
        text_print(out, " and %d more", count - SHOWN);
    if (!count)
        text_print(out, "none of them%s%.200s", reason ? ": " : "", reason ? reason : "");
}

static int nothing_in_common(const struct ab *ab)
{
    struct text words = {0};
    struct err err;
    list_supported(&ab->sides[0], &words);
    text_add(&words, "; ");
    list_supported(&ab->sides[1], &words);
    err_set(&err, "A and B have no problem of '%s' in common: %.1500s",
            ab->sides[0].options.args[0], text_get(&words));
    text_free(&words);
    return fail(EXIT_USAGE, &err);
}

/* A library takes its parameters once in a process: two tunings of one need two. */
static bool needs_two_workers(const struct ab *ab)
{
    struct arena arena = {0};
    bool needs = false;
    for (int p = 0; p < ab->count && !needs; ++p) {
        const struct cell *const *cells = ab->pairs[p].cells;
        needs = cells[0]->variant->library && cells[1]->variant->library &&
                strcmp(tuning_text(&cells[0]->tuning, &arena),
                       tuning_text(&cells[1]->tuning, &arena)) != 0;
    }
    arena_free(&arena);
    return needs;
}

int ab_pairs(struct ab *ab)
{
    for (int s = 0; s < 2; ++s) {
        struct ab_side *side = &ab->sides[s];
        int status = setup_plan(&side->setup, &side->options);
        if (status == EXIT_OK && side->tuning)
            status = apply_tuning(ab, side);
        if (status != EXIT_OK)
            return status;
    }
    const struct plan *a = &ab->sides[0].setup.plan, *b = &ab->sides[1].setup.plan;
    ab->pairs = arena_array(&ab->arena, (size_t)a->count + 1, sizeof *ab->pairs);
    for (int c = 0; c < a->count; ++c) {
        const struct cell *cell = &a->cells[c], *partner = find_partner(ab, 0, cell);
        if (cell->fate != CELL_RUN || cell->filtered)
            continue;
        if (partner && partner->fate == CELL_RUN && !partner->filtered)
            ab->pairs[ab->count++] = (struct ab_pair){{cell, partner}};
        else
            ++ab->left_out;
    }
    for (int c = 0; c < b->count; ++c) {
        const struct cell *cell = &b->cells[c], *partner = find_partner(ab, 1, cell);
        if (cell->fate == CELL_RUN && !cell->filtered && !(partner && partner->fate == CELL_RUN))
            ++ab->left_out;
    }
    ab->apart = ab->apart || needs_two_workers(ab);
    return ab->count ? EXIT_OK : nothing_in_common(ab);
}
