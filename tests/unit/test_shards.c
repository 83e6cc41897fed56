/* Shards: every cell in one of them, groups whole where the balance allows it, and the same shares
 * wherever they are computed. */
#include "support.h"

#include "problem/shards.h"

enum { CELLS_MAX = 4000 };

struct fixture {
    struct cell cells[CELLS_MAX];
    int64_t cost_ms[CELLS_MAX];
    struct plan plan;
    struct shards shards;
    struct arena arena;
};

/* `groups` groups of `size` cells; costs grow like those of a sweep over n. */
static struct fixture *make(int groups, int size)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (int c = 0; c < groups * size; ++c) {
        f->cells[c].group = c / size;
        f->cost_ms[c] = 100 + (int64_t)(c / size % 7) * (c / size % 7) * 400 + c % size * 10;
    }
    f->plan = (struct plan){.cells = f->cells, .count = groups * size};
    return f;
}

static void drop(struct fixture *f)
{
    arena_free(&f->arena);
    free(f);
}

static void costs_and_counts_add_up(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 7, 16, 100, 999, 5000};
    struct fixture *f = make(500, 5);
    for (size_t i = 0; i < COUNT(counts); ++i) {
        shards_build(&f->shards, &f->plan, f->cost_ms, counts[i], &f->arena);
        int64_t cost = 0;
        int cells = 0;
        for (int s = 0; s < counts[i]; ++s) {
            int64_t own = 0;
            for (int c = 0; c < f->plan.count; ++c)
                own += f->shards.of_cell[c] == s ? f->cost_ms[c] : 0;
            assert_int_equal(own, f->shards.cost_ms[s]);
            assert_true(own <= f->shards.cost_ms[f->shards.longest]);
            cost += own;
            cells += f->shards.cells[s];
        }
        assert_int_equal(cost, f->shards.total_ms);
        assert_int_equal(cells, f->plan.count);
    }
    drop(f);
}

/* Graham's bound for the longest first: 4/3 of the best, which is no less than an even share. */
static void the_longest_is_near_an_even_share(void **state)
{
    (void)state;
    struct fixture *f = make(500, 5);
    for (int count = 1; count <= 64; ++count) {
        shards_build(&f->shards, &f->plan, f->cost_ms, count, &f->arena);
        const double even = (double)f->shards.total_ms / count;
        assert_true((double)f->shards.cost_ms[f->shards.longest] <= 1.1 * even);
    }
    drop(f);
}

static void groups_stay_whole_unless_one_is_more_than_an_even_share(void **state)
{
    (void)state;
    struct fixture *f = make(8, 5);
    for (int c = 10; c < 15; ++c)
        f->cost_ms[c] = 1000000; /* nearly all of it is in group 2 */
    shards_build(&f->shards, &f->plan, f->cost_ms, 4, &f->arena);
    int seen = 0;
    for (int c = 0; c < f->plan.count; ++c) {
        const int first = c / 5 * 5;
        if (c / 5 == 2)
            seen |= 1 << f->shards.of_cell[c];
        else
            assert_int_equal(f->shards.of_cell[c], f->shards.of_cell[first]);
    }
    assert_int_equal(seen, 15);
    drop(f);
}

static void the_shares_are_a_function_of_plan_and_count(void **state)
{
    (void)state;
    struct fixture *f = make(300, 3), *g = make(300, 3);
    shards_build(&f->shards, &f->plan, f->cost_ms, 16, &f->arena);
    shards_build(&g->shards, &g->plan, g->cost_ms, 5, &g->arena); /* leaves nothing behind */
    shards_build(&g->shards, &g->plan, g->cost_ms, 16, &g->arena);
    assert_memory_equal(f->shards.of_cell, g->shards.of_cell, (size_t)f->plan.count * sizeof(int));
    drop(f);
    drop(g);
}

static void cells_that_cost_nothing_are_spread_too(void **state)
{
    (void)state;
    struct fixture *f = make(100, 1);
    memset(f->cost_ms, 0, sizeof f->cost_ms);
    shards_build(&f->shards, &f->plan, f->cost_ms, 10, &f->arena);
    for (int s = 0; s < 10; ++s)
        assert_int_equal(f->shards.cells[s], 10);
    drop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_and_counts_add_up),
        cmocka_unit_test(the_longest_is_near_an_even_share),
        cmocka_unit_test(groups_stay_whole_unless_one_is_more_than_an_even_share),
        cmocka_unit_test(the_shares_are_a_function_of_plan_and_count),
        cmocka_unit_test(cells_that_cost_nothing_are_spread_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
