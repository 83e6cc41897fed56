/* Kernels with one deliberate mistake are called wrong wherever that is material: where the energy
 * of their errors is over 20 times that of the same kernel without it. Random inputs or needles may
 * find it. */
#include "simulation.h"

static struct arena arena;
static int failures, materials;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    arena = (struct arena){0};
    return 0;
}

static const char *const names[MISTAKES] = {
    [SCALE_MISSING] = "scale missing",
    [SCALE_WITHOUT_SQRT] = "scale 1/d_k",
    [SCALE_FROM_TWICE_D] = "scale from a wrong d",
    [SCALE_OFF_BY_PERCENT] = "scale 1 % off",
    [NO_MAXIMUM] = "no maximum",
    [SOFTCAP_MISSING] = "softcap missing",
    [CAUSAL_EDGE_LOW] = "causal edge low",
    [CAUSAL_EDGE_HIGH] = "causal edge high",
    [TAIL_TILE_DROPPED] = "tail tile dropped",
    [LAST_64_UNREAD] = "last 64 keys unread",
    [EVERY_16TH_SKIPPED] = "every 16th key skipped",
    [ONE_IN_4096_IGNORED] = "one key in 4096 ignored",
    [SUM_NOT_RESCALED] = "sum not rescaled",
    [OUTPUT_NOT_RESCALED] = "output not rescaled",
    [HALF_ACCUMULATION] = "half accumulation",
    [HALF_SCORES] = "half scores",
    [HEADS_SWAPPED] = "heads swapped",
    [COLUMNS_SWAPPED] = "columns swapped",
    [SINK_TWICE] = "sink counted twice",
    [TIMES_0_8] = "output x 0.8",
    [TIMES_0_95] = "output x 0.95",
    [ZEROS] = "zeros",
    [LAST_ROW_LARGER] = "last row 2 % too large",
};

static const double material = 20;

/* What rounding the output once costs; a kernel may be exact by luck. */
static double storage_energy(const struct problem_data *data)
{
    double sum = 0;
    for (int64_t e = 0; e < problem_sizes(&data->problem).o; e++) {
        const double half =
            error_of_storage((enum dtype)data->problem.dtype, data->expected.want[e]);
        sum += half * half / 3;
    }
    return sum;
}

/* What became of each mistake on a problem so far. */
struct found {
    bool wrong[MISTAKES];
    double ratio[MISTAKES]; /* the largest of error energies */
    double part[MISTAKES];  /* the most of a limit */
};

/* Mistakes that change nothing, or that other tests look at, cost time alone. */
static bool applies(const struct problem *p, enum mistake mistake)
{
    switch (mistake) {
    case NO_MAXIMUM: /* is right where nothing overflows */
        return false;
    case SOFTCAP_MISSING:
        return p->softcap > 0;
    case CAUSAL_EDGE_LOW:
    case CAUSAL_EDGE_HIGH:
        return p->mask != MASK_NONE;
    case TAIL_TILE_DROPPED:
        return p->n_kv % 32 != 0 || p->mask != MASK_NONE;
    case ONE_IN_4096_IGNORED:
        return p->n_kv >= 4096;
    case SINK_TWICE:
        return p->sink;
    case HALF_ACCUMULATION: /* slow here */
    case HALF_SCORES:
        return p->n_kv <= 2048;
    default:
        return true;
    }
}

static void judge_mistakes(const struct problem_data *data, struct found *found)
{
    struct simulation simulation = {.order = ONLINE};
    simulate(data, simulation);
    const double right = fmax(error_energy(data), storage_energy(data));
    const struct verdict without = judge(data);
    if (!without.ok)
        fail_msg("without a mistake: %s", without.reason);
    for (int m = NONE + 1; m < MISTAKES; m++) {
        if (found->wrong[m] || !applies(&data->problem, (enum mistake)m))
            continue;
        simulation.mistake = (enum mistake)m;
        simulate(data, simulation);
        const struct verdict verdict = judge(data);
        const double wrong = error_energy(data);
        const double ratio = wrong > 0 ? wrong / right : 0;
        found->wrong[m] = !verdict.ok;
        found->ratio[m] = isnan(ratio) ? INFINITY : fmax(found->ratio[m], ratio);
        found->part[m] = fmax(found->part[m], verdict.err_over_tolerance);
        if (!verdict.ok && !verdict.reason[0])
            fail_msg("%s: no reason", names[m]);
    }
}

static void expect_wrong(const struct problem *problem, uint64_t seed)
{
    struct found found = {0};
    struct needles needles;
    const struct problem_data random = prepare(problem, INPUT_RANDOM, seed, &arena);
    judge_mistakes(&random, &found);
    arena_free(&arena);
    struct problem_data data = prepare_needles(problem, seed, &needles, &arena);
    for (int round = 0; round < needles.rounds; round++) {
        if (round > 0)
            next_round(&data, &needles, seed, round);
        judge_mistakes(&data, &found);
    }
    arena_free(&arena);
    for (int m = NONE + 1; m < MISTAKES; m++) {
        materials += found.ratio[m] > material;
        if (found.wrong[m] || found.ratio[m] <= material)
            continue;
        failures++;
        print_error("%s is ok: %s n_q=%d n_kv=%d d=%d mask %d sink %d: error energy %.3g times the "
                    "right one's, %.3f of a limit\n",
                    names[m], dtype_name((enum dtype)problem->dtype), (int)problem->n_q,
                    (int)problem->n_kv, (int)problem->d_k, (int)problem->mask, (int)problem->sink,
                    found.ratio[m], found.part[m]);
    }
}

static void finish(const char *what)
{
    print_message("%s: %d material mistakes\n", what, materials);
    const int ok = failures;
    failures = materials = 0;
    assert_int_equal(ok, 0);
}

static void short_and_long_in_every_type(void **state)
{
    (void)state;
    static const int64_t keys[] = {64, 512, 2048, 8192, 32768, 131072};
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t n = 0; n < COUNT(keys); n++)
            for (int some = 0; some < 2; some++) {
                const int64_t rows = !some ? 1 : keys[n] <= 512 ? 32 : keys[n] <= 8192 ? 4 : 2;
                struct problem problem = plain_problem(2, rows, keys[n], n > 3 ? 32 : 64);
                problem.dtype = t;
                expect_wrong(&problem, n);
            }
    finish("plain");
}

static void with_masks_and_sinks(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{64, 64}, {3, 2048}, {1, 8192}};
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            for (int option = 0; option < 4; option++) {
                struct problem problem = plain_problem(2, sizes[n][0], sizes[n][1], 64);
                problem.dtype = t;
                problem.mask = option == 1 ? MASK_CAUSAL_WINDOW : MASK_CAUSAL;
                problem.window_left = 300;
                problem.sink = option == 2;
                problem.softcap = option == 3 ? 5 : 0;
                expect_wrong(&problem, n);
            }
    finish("modifiers");
}

/* What no threshold of materiality may excuse: the list of mistakes that once passed. */
static void the_known_ones(void **state)
{
    (void)state;
    static const struct {
        enum mistake mistake;
        int64_t n_q, n_kv, d;
        bool sink;
    } cases[] = {
        {TIMES_0_8, 1, 8192, 64, false},
        {TIMES_0_8, 16, 8192, 128, false},
        {TIMES_0_8, 1, 131072, 64, false},
        {ZEROS, 1, 131072, 64, false},
        {TIMES_0_95, 64, 512, 64, false},
        {TIMES_0_95, 8, 2048, 64, false},
        {TIMES_0_95, 1, 32768, 64, false},
        {LAST_64_UNREAD, 1, 32768, 64, false},
        {LAST_64_UNREAD, 4, 8192, 64, false},
        {EVERY_16TH_SKIPPED, 1, 32768, 64, false},
        {EVERY_16TH_SKIPPED, 1, 131072, 64, false},
        {LAST_ROW_LARGER, 64, 64, 64, false},
        {LAST_ROW_LARGER, 64, 512, 64, false},
        {SINK_TWICE, 16, 64, 64, true},
        {SCALE_FROM_TWICE_D, 64, 64, 64, false},
        {ONE_IN_4096_IGNORED, 1, 8192, 64, false},
        {ONE_IN_4096_IGNORED, 4, 32768, 64, false},
    };
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct problem problem = plain_problem(2, cases[i].n_q, cases[i].n_kv, cases[i].d);
            problem.dtype = t;
            problem.sink = cases[i].sink;
            struct needles needles;
            const struct simulation simulation = {.order = ONLINE, .mistake = cases[i].mistake};
            struct problem_data data = prepare(&problem, INPUT_RANDOM, 7, &arena);
            simulate(&data, simulation);
            bool wrong = !judge(&data).ok;
            if (!wrong) {
                data = prepare_needles(&problem, 7, &needles, &arena);
                for (int round = 0; round < needles.rounds && !wrong; round++) {
                    if (round > 0)
                        next_round(&data, &needles, 7, round);
                    simulate(&data, simulation);
                    wrong = !judge(&data).ok;
                }
            }
            if (!wrong) {
                print_error("%s is ok: %s n_q=%d n_kv=%d\n", names[cases[i].mistake],
                            dtype_name((enum dtype)t), (int)cases[i].n_q, (int)cases[i].n_kv);
                failures++;
            }
            arena_free(&arena);
        }
    finish("known");
}

static void softmax_without_its_maximum_overflows(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        struct problem problem = plain_problem(2, 64, 64, 64);
        problem.dtype = t;
        const struct problem_data data = prepare(&problem, INPUT_LARGE, 1, &arena);
        simulate(&data, (struct simulation){.order = ONLINE, .mistake = NO_MAXIMUM});
        const struct verdict verdict = judge(&data);
        assert_true(!verdict.ok && verdict.bad_values > 0 && isinf(verdict.err_over_tolerance));
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(short_and_long_in_every_type, free_arena),
        cmocka_unit_test_teardown(with_masks_and_sinks, free_arena),
        cmocka_unit_test_teardown(the_known_ones, free_arena),
        cmocka_unit_test_teardown(softmax_without_its_maximum_overflows, free_arena),
    };
    return cmocka_run_group_tests_name("verdict_wrong", tests, NULL, NULL);
}
