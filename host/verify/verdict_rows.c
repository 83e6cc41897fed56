/* Which rows are checked. */
#include "verify/inputs.h"
#include "verify/verdict.h"

#include <stdlib.h>

/* The reference's cost of one exp, its maximum and its division, in the flops of a dot product. */
static const double SOFTMAX_FLOPS = 40;

enum { ROWS_ALWAYS = 3 }; /* of a head: first, last, one random */

static int by_value(const void *a, const void *b)
{
    const row_index x = *(const row_index *)a, y = *(const row_index *)b;
    return (x > y) - (x < y);
}

/* A list of rows of one head, in order of priority; full or out-of-range additions are ignored. */
struct choice {
    row_index *rows;
    int64_t count, limit;
    int64_t n, first; /* rows of the head, and the flat index of its row 0 */
};

static void choose(struct choice *choice, int64_t i)
{
    if (i >= 0 && i < choice->n && choice->count < choice->limit)
        choice->rows[choice->count++] = choice->first + i;
}

static void choose_both_sides(struct choice *choice, int64_t edge)
{
    choose(choice, edge - 1);
    choose(choice, edge);
}

/* Where the diagonal enters the keys (rows before it may see nothing) and where it leaves them
 * (from there on causal hides nothing), and the same for a window's left border. */
static void choose_mask_edges(struct choice *choice, const struct problem *problem)
{
    if (problem->mask == MASK_NONE)
        return;
    const int64_t enter = -problem_causal_offset(problem);
    choose_both_sides(choice, enter);
    choose_both_sides(choice, enter + problem->n_kv);
    if (problem->window_left != WINDOW_UNLIMITED) {
        choose_both_sides(choice, enter + problem->window_left + 1);
        choose_both_sides(choice, enter + problem->window_left + problem->n_kv);
    }
}

static void choose_rows(struct choice *choice, const struct problem *problem, uint64_t seed)
{
    const uint64_t key = inputs_hash(seed, (uint64_t)choice->first);
    const uint64_t n = (uint64_t)choice->n;
    choose(choice, 0);
    choose(choice, choice->n - 1);
    choose(choice, (int64_t)(inputs_hash(key, 0) % n));
    choose_mask_edges(choice, problem);
    for (int64_t tile = 256; tile >= 16; tile /= 2) {
        choose_both_sides(choice, tile);
        choose_both_sides(choice, choice->n / tile * tile);
    }
    for (uint64_t draw = 1; choice->count < choice->limit; draw++)
        choose(choice, (int64_t)(inputs_hash(key, draw) % n));
}

/* Sorts, drops duplicates, returns how many are left. */
static int64_t sort_unique(row_index *rows, int64_t count)
{
    qsort(rows, (size_t)count, sizeof *rows, by_value);
    int64_t kept = 0;
    for (int64_t r = 0; r < count; r++)
        if (kept == 0 || rows[r] != rows[kept - 1])
            rows[kept++] = rows[r];
    return kept;
}

const row_index *verdict_rows(const struct problem *problem, enum check_mode *mode, uint64_t seed,
                              double max_flops, struct arena *arena, int64_t *count)
{
    const struct problem view = verdict_view(problem);
    const int64_t heads = view.batch * view.heads_q, n = view.n_q;
    const double flops = problem_flops(problem) + SOFTMAX_FLOPS * problem_pairs(problem);
    if (*mode == CHECK_AUTO)
        *mode = flops <= max_flops ? CHECK_FULL : CHECK_SAMPLE;

    int64_t per_head = *mode == CHECK_NONE ? 0 : n;
    if (*mode == CHECK_SAMPLE && flops > max_flops) {
        const double affordable = max_flops / flops * (double)n;
        per_head = affordable > ROWS_ALWAYS ? (int64_t)affordable : ROWS_ALWAYS;
        per_head = per_head < n ? per_head : n;
    }

    row_index *rows = arena_array(arena, (size_t)(heads * per_head), sizeof *rows);
    *count = 0;
    for (int64_t head = 0; head < heads; head++) {
        struct choice choice = {rows + *count, 0, per_head, n, head * n};
        if (per_head == n) {
            for (int64_t i = 0; i < n; i++)
                choose(&choice, i);
        } else if (per_head > 0) {
            choose_rows(&choice, problem, seed);
        }
        *count += sort_unique(choice.rows, choice.count);
    }
    return rows;
}
