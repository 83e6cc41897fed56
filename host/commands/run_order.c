#include "commands/run_order.h"

#include "util/cache.h"
#include "util/file.h"

#include <string.h>
#include <unistd.h>

enum { SMALL = 32, EVEN = 16, SHA_DIGITS = 32 };

/* Its marker; NULL: there is no place for one. */
static const char *marker(const struct setup *setup, const struct cell *cell, struct arena *arena)
{
    const struct device_info *device = &setup->devices[cell->device];
    const char *sha = cell->variant->program_sha ? cell->variant->program_sha : "";
    return *sha ? cache_path(arena, "measured",
                             arena_print(arena, "%.*s-%s", SHA_DIGITS, sha,
                                         device_info_key(device, arena)))
                : NULL;
}

/* Longer than the smallest tiles, and no multiple of them. */
static bool is_uneven(const struct problem *problem)
{
    return (problem->n_q > SMALL && problem->n_q % EVEN != 0) ||
           (problem->n_kv > SMALL && problem->n_kv % EVEN != 0);
}

static bool is_new(const struct setup *setup, const struct cell *cell, struct arena *arena)
{
    const char *path = marker(setup, cell, arena);
    return path && access(path, F_OK) != 0;
}

/* The cells whose groups run before all others, a flag each; NULL: there are none, or none is new.
 */
static bool *find_urgent(const struct run_state *state, struct arena *arena)
{
    const struct plan *plan = &state->setup.plan;
    bool *urgent = arena_array(arena, (size_t)plan->count + 1, sizeof *urgent);
    bool any = false, others = false;
    if (!state->setup.supervisor.kernels_dir)
        return NULL;
    for (int c = 0; c < plan->count; ++c) {
        const struct cell *cell = &plan->cells[c];
        const bool runs = cell->fate == CELL_RUN && !state->done[c];
        urgent[c] = runs && is_uneven(&cell->problem) && is_new(&state->setup, cell, arena);
        any |= urgent[c];
        others |= runs && !urgent[c];
    }
    return any && others ? urgent : NULL;
}

void order_remember(const struct run_state *state)
{
    const struct plan *plan = &state->setup.plan;
    struct arena arena = {0};
    for (int r = 0; r < state->results.row_count; ++r) {
        const struct cell *cell = &plan->cells[state->cell_of[r]];
        if (state->results.rows[r].status != ROW_OK || !is_new(&state->setup, cell, &arena))
            continue;
        const char *path = marker(&state->setup, cell, &arena);
        if (cache_make_folders(path))
            (void)file_replace_quickly(path, "", 0, NULL); /* at worst it counts as new again */
    }
    arena_free(&arena);
}

int order_run(struct run_state *state, bool *interrupted, struct err *err)
{
    struct setup *setup = &state->setup;
    setup->supervisor.urgent = find_urgent(state, &setup->arena);
    return supervisor_run(&setup->supervisor, &setup->plan, setup->devices, state->done,
                          &setup->arena, interrupted, err);
}

void order_rows(struct run_state *state)
{
    struct results *results = &state->results;
    const size_t cells = (size_t)state->setup.plan.count;
    struct row *rows = arena_array(&state->setup.arena, cells + 1, sizeof *rows);
    int *row_of = arena_array(&state->setup.arena, cells + 1, sizeof *row_of); /* and 1; 0: none */
    int count = 0;
    for (int r = 0; r < results->row_count; ++r)
        row_of[state->cell_of[r]] = r + 1;
    for (size_t c = 0; c < cells; ++c)
        if (row_of[c]) {
            state->cell_of[count] = (int)c;
            rows[count++] = results->rows[row_of[c] - 1];
        }
    results->rows = rows;
}
