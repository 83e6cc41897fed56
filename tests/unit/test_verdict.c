/* What a verdict says of outputs that are damaged, empty, or cannot be judged; which rows are
 * compared; the properties of its limits. Kernels, right and wrong: test_verdict_right.c and
 * test_verdict_wrong.c. */
#include "simulation.h"

#define LENGTH(array) ((int)COUNT(array))

static struct arena arena;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    arena = (struct arena){0};
    return 0;
}

/* ---- damaged outputs ---- */

static int64_t largest_element(const struct problem_data *data)
{
    int64_t largest = 0;
    for (int64_t e = 0; e < problem_sizes(&data->problem).o; e++)
        if (fabsf(data->output[e]) > fabsf(data->output[largest]))
            largest = e;
    return largest;
}

static void test_one_damaged_element(void **state)
{
    (void)state;
    struct problem problem = plain_problem(2, 64, 64, 64);
    struct problem_data data = prepare(&problem, INPUT_RANDOM, 3, &arena);
    simulate(&data, (struct simulation){.order = ONLINE});
    assert_true(judge(&data).ok);
    const int64_t at = largest_element(&data);
    const float right = data.output[at];

    uint32_t bits; /* the 10th bit of the mantissa */
    memcpy(&bits, &right, sizeof bits);
    bits ^= 1U << 13;
    memcpy(&data.output[at], &bits, sizeof bits);
    struct verdict verdict = judge(&data);
    assert_true(!verdict.ok && verdict.err_over_tolerance > 4 && verdict.bad_values == 0);

    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int i = 0; i < LENGTH(bad); i++) {
        data.output[at] = bad[i];
        verdict = judge(&data);
        assert_true(!verdict.ok && isinf(verdict.err_over_tolerance));
        assert_int_equal(verdict.bad_values, 1);
        assert_true(isfinite(verdict.max_abs_err) && isfinite(verdict.nmse));
    }
    data.output[at] = 0; /* stale or never written, where the buffer was zeroed */
    assert_false(judge(&data).ok);
    data.output[at] = right;
    assert_true(judge(&data).ok);

    /* Poison in a row that is not compared; damage there is not seen, only poison is. */
    data.expected.rows = 1;
    data.output[problem_sizes(&problem).o - 1] += 1;
    assert_true(judge(&data).ok);
    data.output[problem_sizes(&problem).o - 1] = NAN;
    verdict = judge(&data);
    assert_false(verdict.ok);
    assert_int_equal(verdict.bad_values, 1);
    assert_int_equal(verdict.rows_checked, 1);
    assert_non_null(strstr(verdict.reason, "head 1 row 63 column 63"));

    /* A reference that is NaN (from inputs of the user's) accepts nothing. */
    data.output[problem_sizes(&problem).o - 1] = 0;
    data.expected.want[0] = NAN;
    assert_false(judge(&data).ok);
}

static void test_empty_rows(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        struct problem problem = plain_problem(1, 4, 2, 2);
        problem.mask = MASK_CAUSAL;
        problem.dtype = t;
        const struct problem_data data = prepare(&problem, INPUT_RANDOM, 1, &arena);
        simulate(&data, (struct simulation){.order = PLAIN});
        assert_true(judge(&data).ok);
        data.output[0] = 0x1p-22F; /* f16 knows 2^-24 */
        assert_false(judge(&data).ok);
        data.output[0] = NAN; /* 0 / 0 */
        assert_false(judge(&data).ok);

        problem.causal_offset = -4; /* all of them */
        const struct problem_data none = prepare(&problem, INPUT_RANDOM, 1, &arena);
        const struct verdict verdict = judge(&none);
        assert_true(verdict.ok && verdict.nmse == 0 && verdict.max_rel_err == 0);
    }
}

/* Numbers and text of a verdict, worked by hand: one key, so that the output is v. */
static void test_numbers_and_reason(void **state)
{
    (void)state;
    struct problem problem = plain_problem(2, 2, 1, 2);
    problem.batch = 2;
    struct problem_data data = prepare(&problem, INPUT_RANDOM, 1, &arena);
    for (int64_t e = 0; e < 16; e++) {
        data.expected.want[e] = e % 2 ? 2 : 1;
        data.expected.variance[e] = 1e-14;
        data.output[e] = (float)data.expected.want[e];
    }
    struct verdict verdict = judge(&data);
    assert_true(verdict.ok && verdict.reason[0] == '\0');
    assert_true(verdict.err_over_tolerance == 0 && verdict.nmse == 0 && verdict.max_rel_err == 0);
    assert_true(verdict.tolerance > 0);
    assert_int_equal(verdict.rows_checked, 8);

    data.output[13] = 2.5F; /* batch 1, head 1, row 0, column 1 */
    data.output[3] = 2.25F;
    verdict = judge(&data);
    assert_true(!verdict.ok && verdict.max_abs_err == 0.5 && verdict.max_rel_err == 0.25);
    assert_true(fabs(verdict.nmse - 0.3125 / 40) < 1e-15);
    assert_true(fabs(verdict.err_over_tolerance - 0.5 / verdict.tolerance) < 1e-6);
    const char *const start =
        "2 of 8 compared rows are wrong, worst at batch 1 head 1 row 0 column "
        "1: got 2.5, wanted 2, off by 0.5 where ";
    assert_memory_equal(verdict.reason, start, strlen(start));

    data.problem.layout = LAYOUT_BNHD; /* the same element, elsewhere */
    data.output[13] = 2;
    data.output[3] = 2;
    data.output[11] = NAN; /* batch 1, row 0, head 1, column 1 */
    verdict = judge(&data);
    assert_string_equal(verdict.reason,
                        "1 of 16 output values are NaN, infinite or unwritten, first "
                        "at batch 1 head 1 row 0 column 1");
}

static void test_limit_properties(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        const enum dtype dtype = (enum dtype)t;
        static const double units[] = {0x1p-24, 0x1p-11, 0x1p-8};
        assert_true(error_of_storage(dtype, 1) == units[t]);
        assert_true(error_of_storage(dtype, -1.999) == units[t]);
        assert_true(error_of_storage(dtype, 2) == 2 * units[t]);
        assert_true(error_of_storage(dtype, 0) == (dtype == DTYPE_F16 ? 0x1p-25 : 0));
        assert_true(limit_slope(dtype, 0, 1) < 3 * units[t] + 1e-5);
        assert_true(limit_slope(dtype, 1e-3, 1) > 1e-2);
        assert_true(limit_slope(dtype, 0, 1e4) > limit_slope(dtype, 0, 1e2));
        assert_true(limit_nmse(dtype) <= 1e-4);
    }
    /* the more errors are independent, the nearer their mean square is to the variance */
    assert_true(fabs(limit_energy(1e12) - 4) < 1e-3);
    double before = INFINITY;
    for (double freedom = 1; freedom < 1e9; freedom *= 4) {
        assert_true(limit_energy(freedom) < before && limit_energy(freedom) > 4);
        before = limit_energy(freedom);
    }
    assert_true(limit_energy(0.1) == limit_energy(1));
}

/* A group of errors that is too large as a whole, though each is within its own bound, is named by
 * its scale. Errors of 3 standard deviations, in part of the rows or columns. */
static void test_reasons_name_the_scale(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        enum scale scale;
        int64_t row_from, row_to, column_from, column_to;
    } cases[] = {
        {"batch 1 head 0 row 5: the errors' energy is ", SCALE_ROW, 133, 134, 0, 64},
        {"batch 0 head 1: the errors' energy is ", SCALE_HEAD, 64, 128, 0, 64},
        {"column 9 of all rows: the errors' energy is ", SCALE_COLUMN, 0, 256, 9, 10},
        {"batch 1: the errors' energy is ", SCALE_BATCH, 128, 256, 0, 64},
        {"the whole output: the errors' energy is ", SCALE_WHOLE, 0, 256, 0, 64},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        struct problem problem = plain_problem(2, 64, 64, 64);
        problem.batch = 2;
        struct problem_data data = prepare(&problem, INPUT_RANDOM, 1, &arena);
        struct expected *e = &data.expected;
        for (int64_t r = 0; r < e->rows; r++) {
            e->models[r] = (struct row_model){.freedom = 64, .size = 64, .judged = true};
            for (int64_t c = 0; c < 64; c++) {
                const int64_t at = r * 64 + c;
                const bool in = cases[i].row_from <= r && r < cases[i].row_to &&
                                cases[i].column_from <= c && c < cases[i].column_to;
                e->want[at] = inputs_hash(7, (uint64_t)at) & 1 ? 1 : -1;
                e->variance[at] = 1e-10;
                data.output[at] = (float)e->want[at];
                if (in) /* of a sign of their own, so that no slope shows */
                    data.output[at] += inputs_hash(8, (uint64_t)at) & 1 ? 4e-5F : -4e-5F;
            }
        }
        const struct verdict verdict = judge(&data);
        assert_false(verdict.ok);
        assert_true(verdict.part[SCALE_ELEMENT] <= 1);
        assert_true(verdict.part[cases[i].scale] > 1);
        if (strncmp(verdict.reason, cases[i].start, strlen(cases[i].start)) != 0 ||
            verdict.nearest != cases[i].scale)
            fail_msg("%s: %s", scale_name(verdict.nearest), verdict.reason);
        arena_free(&arena);
    }
    /* one factor for all: the slope says it */
    struct problem problem = plain_problem(2, 64, 2048, 64);
    problem.dtype = DTYPE_BF16;
    const struct problem_data data = prepare(&problem, INPUT_RANDOM, 1, &arena);
    simulate(&data, (struct simulation){.order = ONLINE, .mistake = TIMES_0_95});
    const struct verdict verdict = judge(&data);
    assert_false(verdict.ok);
    if (!strstr(verdict.reason, ": the output is 0.9") && !strstr(verdict.reason, "rows are wrong"))
        fail_msg("%s", verdict.reason);
}

/* Keys with a bias of -1e9 are seen. f32 cannot tell their weights, but a single one weighs 1. */
static void test_blind_rows(void **state)
{
    (void)state;
    struct problem problem = plain_problem(1, 1, 2, 1);
    problem.bias = BIAS_FLOAT;
    const float q = 1, k[] = {1, 2}, v[] = {3, 5};
    static const struct {
        float bias[2], output;
        bool ok;
    } cases[] = {
        {{-1e9F, -INFINITY}, 3, true},      {{-1e9F, -INFINITY}, 0, false},
        {{-1e9F, -INFINITY}, 5, false},     {{-INFINITY, -1e9F}, 5, true},
        {{-INFINITY, -1e9F}, 0, false},     {{-1e9F, -1e9F}, 4, true},
        {{-1e9F, -1e9F}, 3, true},          {{-1e9F, -1e9F}, 5, true},
        {{-1e9F, -1e9F}, 100, false},       {{-INFINITY, -INFINITY}, 0, true},
        {{-INFINITY, -INFINITY}, 4, false},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        const struct attention_inputs inputs = {.q = &q, .k = k, .v = v, .bias = cases[i].bias};
        const row_index row = 0;
        struct expected expected;
        assert_int_equal(expected_alloc(&expected, 1, 1), 0);
        reference_expected(&problem, &inputs, &row, 1, &expected, NULL);
        struct verdict verdict;
        verdict_judge(&problem, PRECISION_F32, &row, &expected, &cases[i].output, &verdict);
        if (verdict.ok != cases[i].ok)
            fail_msg("case %d: %s", i, verdict.ok ? "ok" : verdict.reason);
        const bool two = cases[i].bias[0] > -INFINITY && cases[i].bias[1] > -INFINITY;
        assert_int_equal(verdict.rows_unjudged, two);
        expected_free(&expected);
    }
}

/* Errors of 3 standard deviations each are within what chance allows two rows, and not over the two
 * rows of many inputs. */
static void test_outputs_together(void **state)
{
    (void)state;
    struct problem problem = plain_problem(1, 2, 64, 16);
    struct tally wrong = {0}, right = {0};
    bool found = false;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const struct problem_data data = prepare(&problem, INPUT_RANDOM, seed, &arena);
        for (int64_t e = 0; e < 2 * 16; e++) {
            const double half = error_of_storage(DTYPE_F32, data.expected.want[e]);
            const double size = 3 * sqrt(data.expected.variance[e] + half * half / 3);
            data.output[e] = (float)(data.expected.want[e] +
                                     (inputs_hash(seed, (uint64_t)e) % 2 ? size : -size));
        }
        struct verdict verdict = judge(&data);
        assert_true(verdict.ok);
        verdict_pool(&problem, &wrong, &verdict);
        found |= !verdict.ok;
        assert_true(verdict.ok || (verdict.nearest == SCALE_WHOLE &&
                                   strstr(verdict.reason, "the outputs for all inputs so far")));
        simulate(&data, (struct simulation){.order = ONLINE});
        verdict = judge(&data);
        verdict_pool(&problem, &right, &verdict);
        assert_true(verdict.ok && verdict.part[SCALE_WHOLE] <= 0.5);
        arena_free(&arena);
    }
    assert_true(found);
}

/* Dots of 1e4 are judged all the same: a key that is lost shows. Scores that overflow f32 leave a
 * reference that is a number, and an output that is none is wrong. */
static void test_large_scores(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        struct problem problem = plain_problem(2, 16, 256, 64);
        problem.dtype = t;
        problem.scale = 1e4 / 8;
        const struct problem_data data = prepare(&problem, INPUT_RANDOM, 1, &arena);
        simulate(&data, (struct simulation){.order = ONLINE});
        struct verdict verdict = judge(&data);
        assert_true(verdict.ok && verdict.rows_unjudged <= 1);
        assert_true(verdict.err_over_tolerance <= 0.5);
        simulate(&data, (struct simulation){.order = ONLINE, .mistake = LAST_64_UNREAD});
        assert_false(judge(&data).ok);
        simulate(&data, (struct simulation){.order = ONLINE, .mistake = HEADS_SWAPPED});
        assert_false(judge(&data).ok);

        problem.scale = 1e38;
        const struct problem_data over = prepare(&problem, INPUT_RANDOM, 1, &arena);
        for (int64_t e = 0; e < over.expected.rows * 64; e++) {
            assert_true(isfinite(over.expected.want[e]));
            over.output[e] = inputs_round((enum dtype)t, (float)over.expected.want[e]);
        }
        assert_true(judge(&over).ok);
        simulate(&over, (struct simulation){.order = ONLINE});
        verdict = judge(&over);
        assert_true(!verdict.ok && verdict.bad_values > 0);
        arena_free(&arena);
    }
}

/* A sink that leaves the keys weights below 2^-126: a device may flush them to 0, and no more. */
static void test_subnormal_weights(void **state)
{
    (void)state;
    struct problem problem = plain_problem(1, 1, 4, 1);
    problem.bias = BIAS_FLOAT;
    problem.sink = true;
    const float q = 0.01F, k[] = {1, 1, 1, 1}, v[] = {3, 5, 4, 3}, sink = 0;
    const float bias[] = {-87.5F, -87.5F, -87.5F, -87.5F};
    const struct attention_inputs inputs = {.q = &q, .k = k, .v = v, .bias = bias, .sinks = &sink};
    const row_index row = 0;
    struct expected expected;
    assert_int_equal(expected_alloc(&expected, 1, 1), 0);
    reference_expected(&problem, &inputs, &row, 1, &expected, NULL);
    assert_true(expected.want[0] > 0x1p-124);
    const float outputs[] = {0, 1e-31F};
    for (int i = 0; i < LENGTH(outputs); i++) {
        struct verdict verdict;
        verdict_judge(&problem, PRECISION_F32, &row, &expected, &outputs[i], &verdict);
        if (verdict.ok != (i == 0))
            fail_msg("%g: %s %s %.3g", (double)outputs[i], verdict.reason,
                     scale_name(verdict.nearest), verdict.err_over_tolerance);
    }
    expected_free(&expected);
}

/* ---- which rows ---- */

static bool contains(const row_index *rows, int64_t count, row_index wanted)
{
    for (int64_t r = 0; r < count; r++)
        if (rows[r] == wanted)
            return true;
    return false;
}

static void assert_ascending(const row_index *rows, int64_t count, int64_t below)
{
    for (int64_t r = 0; r < count; r++)
        assert_true(rows[r] >= (r ? rows[r - 1] + 1 : 0) && rows[r] < below);
}

static void test_rows_modes(void **state)
{
    (void)state;
    struct problem problem = plain_problem(3, 1000, 1000, 64);
    problem.batch = 2;
    static const struct {
        enum check_mode mode, chosen;
        double max_flops;
        int64_t low, high; /* rows */
    } cases[] = {
        {CHECK_FULL, CHECK_FULL, 0, 6000, 6000},       {CHECK_AUTO, CHECK_FULL, 2e9, 6000, 6000},
        {CHECK_AUTO, CHECK_SAMPLE, 1e9, 2500, 3400}, /* of 1.776e9, duplicates dropped */
        {CHECK_SAMPLE, CHECK_SAMPLE, 2e9, 6000, 6000}, {CHECK_SAMPLE, CHECK_SAMPLE, 1e8, 240, 338},
        {CHECK_SAMPLE, CHECK_SAMPLE, 0, 13, 18},       {CHECK_NONE, CHECK_NONE, 1e9, 0, 0},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        enum check_mode mode = cases[i].mode;
        int64_t count;
        const row_index *rows =
            verdict_rows(&problem, &mode, 5, cases[i].max_flops, &arena, &count);
        assert_int_equal(mode, cases[i].chosen);
        if (count < cases[i].low || count > cases[i].high)
            fail_msg("case %d: %d rows", i, (int)count);
        assert_ascending(rows, count, 6000);
        for (int64_t head = 0; head < 6 && count > 0; head++) {
            assert_true(contains(rows, count, head * 1000));
            assert_true(contains(rows, count, head * 1000 + 999));
        }
    }
}

static void test_rows_sampled(void **state)
{
    (void)state;
    struct problem problem = plain_problem(2, 1000, 600, 64);
    problem.mask = MASK_CAUSAL;
    enum check_mode mode = CHECK_SAMPLE;
    int64_t count, again, other;
    const double flops = 2e7; /* some 70 rows a head */
    const row_index *rows = verdict_rows(&problem, &mode, 5, flops, &arena, &count);
    /* tile edges, the last whole tiles, and where causal begins (400) */
    static const int64_t edges[] = {15,  16,  31,  32,  63,  64,  127, 128, 255, 256,    767,
                                    768, 895, 896, 959, 960, 991, 992, 399, 400, 998 + 1};
    for (int e = 0; e < LENGTH(edges); e++)
        for (int64_t head = 0; head < 2; head++)
            if (!contains(rows, count, head * 1000 + edges[e]))
                fail_msg("head %d: row %d is missing", (int)head, (int)edges[e]);
    const row_index *same = verdict_rows(&problem, &mode, 5, flops, &arena, &again);
    assert_int_equal(again, count);
    assert_memory_equal(rows, same, (size_t)count * sizeof *rows);
    const row_index *more = verdict_rows(&problem, &mode, 6, flops, &arena, &other);
    assert_true(other != count || memcmp(rows, more, (size_t)count * sizeof *rows) != 0);

    /* Random rows differ from head to head. */
    int shared = 0;
    for (int64_t r = 0; r < count && rows[r] < 1000; r++)
        shared += contains(rows, count, rows[r] + 1000);
    assert_true(shared < count / 2 - 10);

    /* Short heads, and an empty problem. */
    problem = plain_problem(2, 1, 5, 4);
    rows = verdict_rows(&problem, &mode, 5, 0, &arena, &count);
    assert_int_equal(count, 2);
    problem.causal_offset = -9;
    problem.mask = MASK_CAUSAL;
    verdict_rows(&problem, &mode, 5, 0, &arena, &count);
    assert_int_equal(count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_one_damaged_element, free_arena),
        cmocka_unit_test_teardown(test_empty_rows, free_arena),
        cmocka_unit_test_teardown(test_numbers_and_reason, free_arena),
        cmocka_unit_test_teardown(test_limit_properties, free_arena),
        cmocka_unit_test_teardown(test_reasons_name_the_scale, free_arena),
        cmocka_unit_test_teardown(test_blind_rows, free_arena),
        cmocka_unit_test_teardown(test_outputs_together, free_arena),
        cmocka_unit_test_teardown(test_large_scores, free_arena),
        cmocka_unit_test_teardown(test_subnormal_weights, free_arena),
        cmocka_unit_test_teardown(test_rows_modes, free_arena),
        cmocka_unit_test_teardown(test_rows_sampled, free_arena),
    };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
