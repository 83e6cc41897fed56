/* Right kernels stay twice inside every limit of the verdict, and not too far inside. */
#include "simulation.h"

static struct arena arena;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    arena = (struct arena){0};
    return 0;
}

/* ---- how near right kernels come ---- */

struct margin {
    double largest, sum;
    int count;
};
static struct margin margins[3][SCALES];
static double nearest[SCALES]; /* right kernel of the problem at hand; 0: nothing was judged */
static int failures;

static void note(const struct problem_data *data, const struct simulation *simulation,
                 const char *inputs, const struct verdict *verdict)
{
    const struct problem *p = &data->problem;
    for (int s = 0; s < SCALES; s++) {
        if (verdict->part[s] > nearest[s])
            nearest[s] = verdict->part[s];
    }
    if (verdict->ok && verdict->err_over_tolerance <= 0.5)
        return;
    failures++;
    print_error("%s %s order %d weights %d exp %d n_q=%d n_kv=%d d=%d mask %d bias %d sink %d: %s "
                "%.3f of its limit %s\n",
                dtype_name((enum dtype)p->dtype), inputs, (int)simulation->order,
                (int)simulation->weights, simulation->exp_degree, (int)p->n_q, (int)p->n_kv,
                (int)p->d_k, (int)p->mask, (int)p->bias, (int)p->sink, scale_name(verdict->nearest),
                verdict->err_over_tolerance, verdict->reason);
}

static void add_margins(int64_t dtype)
{
    for (int s = 0; s < SCALES; s++) {
        struct margin *margin = &margins[dtype][s];
        margin->largest = fmax(margin->largest, nearest[s]);
        margin->sum += nearest[s];
        margin->count += nearest[s] > 0;
        nearest[s] = 0;
    }
}

/* All right simulations; exp by polynomials of the degrees that the model allows. */
static void judge_right(const struct problem_data *data, const char *inputs)
{
    const bool wide = data->problem.dtype == DTYPE_F32;
    const bool dear = data->problem.n_kv > 20000;
    for (int order = dear ? REVERSED : PLAIN; order < ORDERS; order++)
        for (int weights = WEIGHTS_EXACT; weights < (wide ? WEIGHTS_ROUNDED : WEIGHTS); weights++) {
            const struct simulation simulation = {.order = (enum order)order,
                                                  .weights = (enum weights)weights};
            simulate(data, simulation);
            const struct verdict verdict = judge(data);
            note(data, &simulation, inputs, &verdict);
        }
    const struct simulation simulation = {.order = ONLINE, .exp_degree = wide ? 4 : 3};
    simulate(data, simulation);
    const struct verdict verdict = judge(data);
    note(data, &simulation, inputs, &verdict);
    add_margins(data->problem.dtype);
}

static void judge_all_inputs(const struct problem *problem, uint64_t seed)
{
    struct needles needles;
    for (int kind = 0; kind < INPUT_KINDS; kind++) {
        const struct problem_data data = prepare(problem, (enum input_kind)kind, seed, &arena);
        judge_right(&data, input_kind_name((enum input_kind)kind));
        arena_free(&arena);
    }
    struct problem_data data = prepare_needles(problem, seed, &needles, &arena);
    judge_right(&data, "needles");
    if (needles.rounds > 1) {
        next_round(&data, &needles, seed, needles.rounds - 1);
        judge_right(&data, "needles");
    }
    arena_free(&arena);
}

static void every_size_and_input(void **state)
{
    (void)state;
    static const int64_t head_sizes[] = {1, 2, 3, 16, 64, 80, 256};
    static const int64_t keys[] = {1, 2, 3, 17, 100, 257, 1024};
    failures = 0;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t d = 0; d < COUNT(head_sizes); d++)
            for (size_t n = 0; n < COUNT(keys); n++) {
                /* few rows where they are dear */
                const int64_t rows = keys[n] * head_sizes[d] > 20000 ? 2 : 8;
                struct problem problem = plain_problem(1, rows, keys[n], head_sizes[d]);
                problem.dtype = t;
                judge_all_inputs(&problem, 100 * d + 10 * n);
            }
    assert_int_equal(failures, 0);
}

static void long_ones(void **state)
{
    (void)state;
    static const int64_t keys[] = {8192, 32768, 131072};
    failures = 0;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t n = 0; n < COUNT(keys); n++) {
            struct problem problem = plain_problem(1, n ? 1 : 3, keys[n], n == 2 ? 16 : 32);
            problem.dtype = t;
            judge_all_inputs(&problem, n);
        }
    assert_int_equal(failures, 0);
}

static void many_rows_and_heads(void **state)
{
    (void)state;
    failures = 0;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (int causal = 0; causal < 2; causal++) {
            struct problem problem = plain_problem(4, 200, 200, 32);
            problem.batch = 2;
            problem.dtype = t;
            problem.mask = causal ? MASK_CAUSAL : MASK_NONE;
            judge_all_inputs(&problem, 5);
        }
    assert_int_equal(failures, 0);
}

static void every_option(void **state)
{
    (void)state;
    failures = 0;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (int option = 0; option < 11; option++) {
            struct problem problem = plain_problem(4, 40, 40, 32);
            problem.dtype = t;
            problem.mask = option == 0 ? MASK_NONE : option == 1 ? MASK_WINDOW : MASK_CAUSAL;
            problem.window_left = problem.window_right = 3;
            problem.n_kv = option == 2 ? 23 : 40; /* rows that see nothing */
            problem.heads_kv = option == 3 ? 2 : 4;
            problem.softcap = option == 4 ? 20 : option == 5 ? 1 : 0;
            problem.scale = option == 6 ? 1 : option == 7 ? -0.5 : 0;
            problem.sink = option == 8;
            problem.bias = option == 9 ? BIAS_ALIBI : option == 10 ? BIAS_FLOAT : BIAS_NONE;
            judge_all_inputs(&problem, (uint64_t)option);
        }
    assert_int_equal(failures, 0);
}

/* Of what the tests above have seen: of each problem and inputs the right kernel that came nearest.
 * A limit that no right kernel comes near is too loose. */
static void margins_are_not_too_wide(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (int s = 0; s < SCALES; s++) {
            const struct margin *margin = &margins[t][s];
            const double mean = margin->sum / margin->count;
            print_message("%-4s %-7s at most %.3f, on average %.4f (1/%.0f) of the limit, %d "
                          "problems\n",
                          dtype_name((enum dtype)t), scale_name((enum scale)s), margin->largest,
                          mean, 1 / mean, margin->count);
        }
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (int s = 0; s < SCALES; s++)
            assert_true(margins[t][s].largest <= 0.5 &&
                        margins[t][s].sum / margins[t][s].count >= 1.0 / 30);
}

/* ---- stores that truncate ---- */

static void a_truncating_store_is_right_and_reported(void **state)
{
    (void)state;
    static const int64_t keys[] = {3, 64, 1024, 8192};
    for (int t = DTYPE_F16; t <= DTYPE_BF16; t++)
        for (size_t n = 0; n < COUNT(keys); n++)
            for (int truncate = 0; truncate < 2; truncate++) {
                struct problem problem = plain_problem(2, 8, keys[n], 64);
                problem.dtype = t;
                const struct problem_data data = prepare(&problem, INPUT_RANDOM, n, &arena);
                simulate(&data, (struct simulation){.order = ONLINE, .truncate = truncate});
                const struct verdict verdict = judge(&data);
                const char *want = truncate ? "toward_zero" : "nearest";
                if (!verdict.ok || !verdict.rounding || strcmp(verdict.rounding, want) != 0)
                    fail_msg("%s n_kv=%d: %s %s", dtype_name((enum dtype)t), (int)keys[n],
                             verdict.rounding ? verdict.rounding : "unknown", verdict.reason);
                arena_free(&arena);
            }
    /* of f32 nothing is said: its rounding drowns in the sums */
    const struct problem problem = plain_problem(1, 8, 64, 64);
    const struct problem_data data = prepare(&problem, INPUT_RANDOM, 1, &arena);
    simulate(&data, (struct simulation){.order = ONLINE});
    assert_null(judge(&data).rounding);
}

/* ---- a coarser precision, if it is declared ---- */

static void a_declared_precision_has_its_own_limits(void **state)
{
    (void)state;
    static const struct {
        enum precision inputs, declared;
        bool ok;
    } cases[] = {
        {PRECISION_F32, PRECISION_F32, true},    {PRECISION_F32, PRECISION_TF32, true},
        {PRECISION_TF32, PRECISION_F32, false},  {PRECISION_TF32, PRECISION_TF32, true},
        {PRECISION_TF32, PRECISION_BF16, true},  {PRECISION_BF16, PRECISION_F32, false},
        {PRECISION_BF16, PRECISION_TF32, false}, {PRECISION_BF16, PRECISION_BF16, true},
        {PRECISION_F16, PRECISION_F16, true},    {PRECISION_F16, PRECISION_F32, false},
    };
    static const int64_t sizes[][3] = {{8, 64, 64}, {64, 64, 32}, {8, 1024, 64}, {1, 16384, 64}};
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t n = 0; n < COUNT(sizes); n++) {
            const struct problem problem = plain_problem(2, sizes[n][0], sizes[n][1], sizes[n][2]);
            const struct problem_data data = prepare(&problem, INPUT_RANDOM, n, &arena);
            simulate(&data, (struct simulation){.order = ONLINE, .inputs = cases[i].inputs});
            const struct verdict verdict = judge_as(&data, cases[i].declared);
            if (verdict.ok != cases[i].ok)
                fail_msg("%s as %s, n_kv=%d: %s", precision_name(cases[i].inputs),
                         precision_name(cases[i].declared), (int)sizes[n][1],
                         verdict.ok ? "ok" : verdict.reason);
            if (cases[i].ok && cases[i].inputs == cases[i].declared &&
                !(verdict.err_over_tolerance <= 0.5))
                fail_msg("%s: %.3f of its limit", precision_name(cases[i].inputs),
                         verdict.err_over_tolerance);
            arena_free(&arena);
        }
}

/* ---- chance ---- */

/* Normal by the sum of 12 uniforms would have no tails: Box and Muller's. */
static double normal(uint64_t seed, uint64_t index)
{
    const double a = (double)((inputs_hash(seed, 2 * index) >> 11) + 1) * 0x1p-53;
    const double b = (double)(inputs_hash(seed, 2 * index + 1) >> 11) * 0x1p-53;
    return sqrt(-2 * log(a)) * cos(6.283185307179586 * b);
}

/* 10^6 errors just as the model says, or by a factor larger, and stored: no alarm until the model
 * is low by more than it is allowed to be. */
static void noise_of_the_model_is_no_alarm(void **state)
{
    (void)state;
    static const struct {
        double factor;
        bool ok;
    } cases[] = {{1, true}, {1.6, true}, {3, false}};
    enum { ROWS = 15625, COLUMNS = 64 };
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct problem problem = plain_problem(5, ROWS / 5, 64, COLUMNS);
            problem.dtype = t;
            struct problem_data data = {.problem = problem, .arena = &arena};
            enum check_mode mode = CHECK_FULL;
            struct expected *e = &data.expected;
            data.rows = verdict_rows(&problem, &mode, 1, 0, &arena, &e->rows);
            assert_int_equal(e->rows, ROWS);
            data.output = arena_array(&arena, (size_t)ROWS * COLUMNS, sizeof(float));
            e->want = arena_array(&arena, (size_t)ROWS * COLUMNS, sizeof(double));
            e->variance = arena_array(&arena, (size_t)ROWS * COLUMNS, sizeof(double));
            e->coarse = arena_array(&arena, (size_t)ROWS * COLUMNS, sizeof(double));
            e->models = arena_array(&arena, ROWS, sizeof *e->models);
            const double sigma = error_of_storage((enum dtype)t, 1);
            for (int64_t r = 0; r < ROWS; r++) {
                e->models[r] =
                    (struct row_model){.freedom = COLUMNS, .size = COLUMNS, .judged = true};
                for (int64_t c = 0; c < COLUMNS; c++) {
                    const int64_t at = r * COLUMNS + c;
                    const uint64_t number = (uint64_t)at;
                    e->want[at] = normal(1, number);
                    e->variance[at] = sigma * sigma;
                    data.output[at] =
                        inputs_round((enum dtype)t, (float)(e->want[at] + cases[i].factor * sigma *
                                                                              normal(2, number)));
                }
            }
            const struct verdict verdict = judge(&data);
            if (verdict.ok != cases[i].ok)
                fail_msg("%s, %g times the model: %.3f of a limit, %s", dtype_name((enum dtype)t),
                         cases[i].factor, verdict.err_over_tolerance, verdict.reason);
            arena_free(&arena);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_size_and_input, free_arena),
        cmocka_unit_test_teardown(long_ones, free_arena),
        cmocka_unit_test_teardown(many_rows_and_heads, free_arena),
        cmocka_unit_test_teardown(every_option, free_arena),
        cmocka_unit_test(margins_are_not_too_wide),
        cmocka_unit_test_teardown(a_truncating_store_is_right_and_reported, free_arena),
        cmocka_unit_test_teardown(a_declared_precision_has_its_own_limits, free_arena),
        cmocka_unit_test_teardown(noise_of_the_model_is_no_alarm, free_arena),
    };
    return cmocka_run_group_tests_name("verdict_right", tests, NULL, NULL);
}
