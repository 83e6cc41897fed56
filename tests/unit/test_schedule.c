/* The schedule: coarse to fine, no suite and no device favoured, every cell once. */
#include "support.h"

#include "problem/schedule.h"

enum { CELLS_MAX = 4096 };

struct fixture {
    struct cell cells[CELLS_MAX];
    struct plan plan;
    struct arena arena;
    struct stretch *order;
    int count;
};

static struct suite suites[] = {{.name = "a"}, {.name = "b"}};
static const char *sweeps[] = {"a/n", "b/n"};

static void add(struct fixture *f, int device, int suite, int64_t n, int64_t heads, int variants)
{
    const int group = f->plan.count ? f->cells[f->plan.count - 1].group + 1 : 0;
    for (int v = 0; v < variants; ++v)
        f->cells[f->plan.count++] =
            (struct cell){.problem = {.n_q = n, .n_kv = n, .heads_q = heads, .d_k = 64, .batch = 1},
                          .device = device,
                          .group = group,
                          .suite = &suites[suite],
                          .sweeps = &sweeps[suite],
                          .sweep_count = 1};
}

static struct fixture *make(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->plan.cells = f->cells;
    return f;
}

static void drop(struct fixture *f)
{
    arena_free(&f->arena);
    free(f);
}

static int64_t n_at(const struct fixture *f, int place)
{
    return f->cells[f->order[place].first].problem.n_q;
}

static void levels_halve(void **state)
{
    (void)state;
    static const int nine[] = {0, 3, 4, 5, 2, 3, 4, 5, 1};
    int seen[3] = {0};
    for (int i = 0; i < 3; ++i)
        seen[schedule_level(i, 3)]++;
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);
    assert_int_equal(seen[2], 1);
    assert_int_equal(schedule_level(0, 1), 0);
    assert_int_equal(schedule_level(4, 9), nine[4]);
    assert_int_equal(schedule_level(8, 9), nine[8]);
    for (int k = 1; k < 200; ++k)
        for (int i = 0; i < k; ++i)
            assert_in_range(schedule_level(i, k), 0, 12);
}

static void a_sweep_goes_from_its_ends_inwards(void **state)
{
    (void)state;
    static const int64_t expected[] = {128, 2048, 512, 256, 1024};
    struct fixture *f = make();
    for (int64_t n = 128; n <= 2048; n *= 2)
        add(f, 0, 0, n, 8, 3);
    f->count = schedule_build(&f->plan, NULL, 64, &f->arena, &f->order);
    assert_int_equal(f->count, 5);
    for (int p = 0; p < f->count; ++p)
        assert_int_equal(n_at(f, p), expected[p]);
    drop(f);
}

static void corners_of_a_grid_come_first(void **state)
{
    (void)state;
    struct fixture *f = make();
    for (int64_t n = 128; n <= 2048; n *= 2)
        for (int64_t heads = 1; heads <= 8; heads *= 2)
            add(f, 0, 0, n, heads, 2);
    f->count = schedule_build(&f->plan, NULL, 64, &f->arena, &f->order);
    assert_int_equal(f->count, 20);
    for (int p = 0; p < 4; ++p) {
        const struct problem *problem = &f->cells[f->order[p].first].problem;
        assert_true(problem->n_q == 128 || problem->n_q == 2048);
        assert_true(problem->heads_q == 1 || problem->heads_q == 8);
    }
    drop(f);
}

/* Wherever the schedule is cut, no suite and no device is more than a level ahead. */
static void nobody_is_favoured(void **state)
{
    (void)state;
    struct fixture *f = make();
    int done[2][2] = {{0}};
    for (int device = 0; device < 2; ++device)
        for (int suite = 0; suite < 2; ++suite)
            for (int64_t n = 16; n <= 4096; n *= 2)
                add(f, device, suite, n, 8, 1);
    f->count = schedule_build(&f->plan, NULL, 64, &f->arena, &f->order);
    assert_int_equal(f->count, 36);
    for (int p = 0; p < f->count; ++p) {
        const struct cell *cell = &f->cells[f->order[p].first];
        ++done[cell->device][cell->suite == &suites[1]];
        assert_true(abs(done[cell->device][0] - done[cell->device][1]) <= 1);
        /* Nine lengths have at most four of one level. */
        assert_true(abs(done[0][0] + done[0][1] - done[1][0] - done[1][1]) <= 8);
    }
    drop(f);
}

static void urgent_ones_come_first_and_every_cell_once(void **state)
{
    (void)state;
    struct fixture *f = make();
    bool urgent[CELLS_MAX] = {false};
    int seen[CELLS_MAX] = {0};
    for (int64_t n = 1; n <= 300; ++n)
        add(f, (int)n % 3, (int)n % 2, n, 1 + n % 5, 1 + (int)n % 4);
    urgent[200] = true;
    f->count = schedule_build(&f->plan, urgent, 2, &f->arena, &f->order);
    assert_true(f->order[0].first <= 200 && 200 < f->order[0].end);
    for (int p = 0; p < f->count; ++p) {
        assert_in_range(f->order[p].end - f->order[p].first, 1, 2);
        for (int c = f->order[p].first; c < f->order[p].end; ++c) {
            ++seen[c];
            assert_int_equal(f->cells[c].group, f->cells[f->order[p].first].group);
        }
    }
    for (int c = 0; c < f->plan.count; ++c)
        assert_int_equal(seen[c], 1);
    drop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_halve),
        cmocka_unit_test(a_sweep_goes_from_its_ends_inwards),
        cmocka_unit_test(corners_of_a_grid_come_first),
        cmocka_unit_test(nobody_is_favoured),
        cmocka_unit_test(urgent_ones_come_first_and_every_cell_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
