/* Needles: sets and rounds, the same numbers in both layouts, exact in their types, and every key
 * some row's that would be missed. */
#include "simulation.h"

static struct arena arena;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    arena = (struct arena){0};
    return 0;
}

static void the_plan_follows_its_rules(void **state)
{
    (void)state;
    static const int64_t head_sizes[] = {1, 2, 3, 8, 15, 16, 32, 64, 128, 256};
    static const int64_t keys[] = {1, 2, 5, 16, 64, 100, 4096, 131072};
    static const int64_t rows[] = {0, 1, 2, 8, 100, 5000};
    for (size_t d = 0; d < COUNT(head_sizes); d++)
        for (size_t n = 0; n < COUNT(keys); n++)
            for (size_t r = 0; r < COUNT(rows); r++) {
                const struct problem problem = plain_problem(1, 1, keys[n], head_sizes[d]);
                const struct needles plan = needles_plan(&problem, rows[r]);
                assert_true(plan.sets >= 1 && plan.sets <= 127 && plan.sets <= keys[n]);
                assert_true(plan.sets <= 2 || plan.sets % 2 == 1); /* no lane of a tile */
                assert_true(plan.rounds >= 1 && plan.rounds <= NEEDLE_ROUNDS_MAX);
                /* two rows aim at each set, unless there is one set alone */
                assert_true(plan.sets == 1 ||
                            plan.rounds * (rows[r] ? rows[r] : 1) >= 2 * plan.sets);
                assert_true(head_sizes[d] >= 8 || plan.sets <= 2);
                assert_true(plan.size > 0 && plan.size <= 1e4F);
                if (head_sizes[d] >= 64 && keys[n] >= 4096 && rows[r] >= 254)
                    assert_int_equal(plan.sets, 127);
                if (rows[r] >= 254)
                    assert_int_equal(plan.rounds, 1);
            }
}

struct filled {
    float *q, *k, *v;
};

static struct filled fill(const struct problem *problem, uint64_t seed, int round,
                          struct needles *needles)
{
    const struct problem_sizes sizes = problem_sizes(problem);
    const struct filled filled = {arena_array(&arena, (size_t)sizes.q, sizeof(float)),
                                  arena_array(&arena, (size_t)sizes.k, sizeof(float)),
                                  arena_array(&arena, (size_t)sizes.v, sizeof(float))};
    *needles = needles_plan(problem, problem->batch * problem->heads_q * problem->n_q);
    needles_fill_q(problem, needles, seed, round, filled.q);
    needles_fill_k(problem, needles, seed, filled.k);
    needles_fill_v(problem, needles, seed, filled.v);
    return filled;
}

static void expect_same(const float *bhnd, const float *bnhd, const struct problem *p,
                        int64_t heads, int64_t n, int64_t d)
{
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t h = 0; h < heads; h++)
            for (int64_t i = 0; i < n; i++)
                assert_memory_equal(bhnd + ((b * heads + h) * n + i) * d,
                                    bnhd + ((b * n + i) * heads + h) * d,
                                    (size_t)d * sizeof(float));
}

/* Also: the same each time, other numbers for another seed, and other queries alone in another
 * round. */
static void layouts_hold_the_same_numbers(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        struct problem problem = plain_problem(4, 5, 37, 16);
        problem.batch = 2;
        problem.heads_kv = 2;
        problem.d_v = 8;
        problem.dtype = t;
        const struct problem_sizes sizes = problem_sizes(&problem);
        const size_t q = (size_t)sizes.q * sizeof(float), k = (size_t)sizes.k * sizeof(float);
        const size_t v = (size_t)sizes.v * sizeof(float);
        struct needles needles;
        const struct filled bhnd = fill(&problem, 3, 0, &needles);
        const struct filled again = fill(&problem, 3, 0, &needles);
        const struct filled round = fill(&problem, 3, 1, &needles);
        const struct filled other = fill(&problem, 4, 0, &needles);
        assert_memory_equal(bhnd.q, again.q, q);
        assert_memory_equal(bhnd.k, again.k, k);
        assert_memory_equal(bhnd.v, again.v, v);
        assert_memory_not_equal(bhnd.q, round.q, q);
        assert_memory_equal(bhnd.k, round.k, k);
        assert_memory_not_equal(bhnd.q, other.q, q);
        assert_memory_not_equal(bhnd.k, other.k, k);
        assert_memory_not_equal(bhnd.v, other.v, v);
        problem.layout = LAYOUT_BNHD;
        const struct filled bnhd = fill(&problem, 3, 0, &needles);
        expect_same(bhnd.q, bnhd.q, &problem, 4, 5, 16);
        expect_same(bhnd.k, bnhd.k, &problem, 2, 37, 16);
        expect_same(bhnd.v, bnhd.v, &problem, 2, 37, 8);
        arena_free(&arena);
    }
}

static void values_are_exact_and_finite(void **state)
{
    (void)state;
    static const int64_t head_sizes[] = {1, 2, 16, 64, 128};
    static const double scales[] = {0, 1, -0.5, 1e-8, 100};
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t d = 0; d < COUNT(head_sizes); d++)
            for (size_t s = 0; s < COUNT(scales); s++) {
                struct problem problem = plain_problem(2, 4, 50, head_sizes[d]);
                problem.dtype = t;
                problem.scale = scales[s];
                const struct problem_sizes sizes = problem_sizes(&problem);
                struct needles needles;
                const struct filled filled = fill(&problem, 1, 0, &needles);
                const float *const tensors[] = {filled.q, filled.k, filled.v};
                const int64_t counts[] = {sizes.q, sizes.k, sizes.v};
                for (int i = 0; i < 3; i++)
                    for (int64_t e = 0; e < counts[i]; e++) {
                        const float value = tensors[i][e];
                        assert_true(isfinite(value) && value == inputs_round((enum dtype)t, value));
                        assert_true(i == 2 || value != 0);
                    }
                arena_free(&arena);
            }
}

/* Of random inputs and needles, as a run judges both: the part of the keys that some row sees whose
 * loss, of each alone, would be called wrong. */
static double coverage(const struct problem *problem, uint64_t seed)
{
    struct needles needles;
    const struct problem_data random = prepare(problem, INPUT_RANDOM, seed, &arena);
    struct problem_data data = prepare_needles(problem, seed, &needles, &arena);
    for (int round = 1; round < needles.rounds; round++)
        next_round(&data, &needles, seed, round);
    int64_t seen = 0, covered = 0;
    for (int64_t j = 0; j < problem->n_kv; j++) {
        bool sees = false;
        for (int64_t b = 0; b < problem->batch; b++)
            for (int64_t i = 0; i < problem->n_q; i++) {
                int64_t first, end;
                problem_visible_keys(problem, b, i, &first, &end);
                sees |= first <= j && j < end && end - first > 1;
            }
        seen += sees;
        covered += (data.covered[j] || random.covered[j]) && sees;
    }
    arena_free(&arena);
    return (double)covered / (double)seen;
}

static void every_key_of_a_short_problem_is_covered(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {{64, 64, 64}, {100, 100, 128}, {300, 300, 64},
                                       {1, 64, 64},  {1, 200, 128},   {4, 333, 16},
                                       {64, 64, 16}, {32, 32, 2},     {16, 16, 1}};
    int poor = 0;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t s = 0; s < COUNT(sizes); s++)
            for (int option = 0; option < 4; option++) {
                struct problem problem = plain_problem(4, sizes[s][0], sizes[s][1], sizes[s][2]);
                const int64_t lengths[] = {sizes[s][1], (sizes[s][1] + 1) / 2};
                problem.batch = 2;
                problem.dtype = t;
                problem.mask = option == 1 ? MASK_CAUSAL : option == 2 ? MASK_WINDOW : MASK_NONE;
                problem.window_left = problem.window_right = 20;
                problem.kv_lengths = option == 3 ? lengths : NULL;
                const double share = coverage(&problem, 1);
                /* decoding has few rows: of a set in which a key differs little from the others'
                 * mean, one may be missed */
                if (share >= (sizes[s][0] > 1 ? 1 : 0.99))
                    continue;
                poor++;
                print_error("%s n_q=%d n_kv=%d d=%d option %d: %.4f\n", dtype_name((enum dtype)t),
                            (int)sizes[s][0], (int)sizes[s][1], (int)sizes[s][2], option, share);
            }
    assert_int_equal(poor, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_plan_follows_its_rules, free_arena),
        cmocka_unit_test_teardown(layouts_hold_the_same_numbers, free_arena),
        cmocka_unit_test_teardown(values_are_exact_and_finite, free_arena),
        cmocka_unit_test_teardown(every_key_of_a_short_problem_is_covered, free_arena),
    };
    return cmocka_run_group_tests_name("needles", tests, NULL, NULL);
}
