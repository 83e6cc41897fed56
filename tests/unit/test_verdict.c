/* The tolerance from both sides: float implementations that are right stay 4 times inside it, and
 * implementations with one deliberate error are called wrong. */
#include "verify/inputs.h"
#include "verify/verdict.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static struct arena arena;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    arena = (struct arena){0};
    return 0;
}

static struct problem make(int64_t heads, int64_t n_q, int64_t n_kv, int64_t d)
{
    struct problem problem = problem_default();
    problem.batch = 1;
    problem.heads_q = problem.heads_kv = heads;
    problem.n_q = n_q;
    problem.n_kv = n_kv;
    problem.d_k = problem.d_v = d;
    return problem;
}

/* ---- a kernel in float, as a device would run it ---- */

enum order {
    PLAIN,    /* maximum, weights, normalise, then weigh the values */
    REVERSED, /* the same from the last key to the first */
    ONLINE,   /* tiles of 32 keys with a running maximum, normalised at the end */
    ORDERS
};

enum mistake {
    NONE,
    SCALE_MISSING,
    SCALE_WITHOUT_SQRT, /* 1 / d_k */
    NO_MAXIMUM,
    SOFTCAP_MISSING,
    CAUSAL_EDGE_LOW,  /* the last visible key dropped */
    CAUSAL_EDGE_HIGH, /* one key too many */
    TAIL_TILE_DROPPED,
    SUM_NOT_RESCALED,
    OUTPUT_NOT_RESCALED,
    HALF_ACCUMULATION,
    HALF_SCORES,
    HEADS_SWAPPED,
};

struct simulation {
    enum order order;
    enum mistake mistake;
    bool round_weights; /* to the storage dtype, as a kernel for matrix units does */
};

struct problem_data {
    struct problem problem;
    struct attention_inputs inputs;
    const row_index *rows;
    int64_t row_count;
    double *want, *magnitude, *score_size;
    float *output;
};

static float half(float value)
{
    return f32_from_f16(f16_from_f32(value));
}

static float stored(const struct problem *problem, float value)
{
    unsigned char storage[4];
    dtype_encode((enum dtype)problem->dtype, &value, storage, 1);
    dtype_decode((enum dtype)problem->dtype, storage, &value, 1);
    return value;
}

static float simulated_score(const struct problem *problem, const struct simulation *simulation,
                             const float *q, const float *k)
{
    const enum mistake mistake = simulation->mistake;
    float sum = 0;
    for (int64_t c = 0; c < problem->d_k; c++) {
        sum += q[c] * k[c];
        if (mistake == HALF_ACCUMULATION)
            sum = half(sum);
    }
    float scale = (float)problem_scale(problem);
    scale = mistake == SCALE_MISSING ? 1 : mistake == SCALE_WITHOUT_SQRT ? scale * scale : scale;
    float s = scale * sum;
    const float softcap = (float)problem->softcap;
    if (softcap > 0 && mistake != SOFTCAP_MISSING)
        s = softcap * tanhf(s / softcap);
    return mistake == HALF_SCORES ? half(s) : s;
}

/* One row; `tile` keys share a maximum, all of them unless the order is ONLINE. */
static void simulate_row(const struct problem *problem, const struct simulation *simulation,
                         const float *q, const float *k, const float *v, int64_t first, int64_t end,
                         float *out)
{
    const enum mistake mistake = simulation->mistake;
    const int64_t d_k = problem->d_k, d_v = problem->d_v;
    const int64_t tile = simulation->order == ONLINE ? 32 : end - first;
    float max = -INFINITY, sum = 0, scores[4096];
    for (int64_t c = 0; c < d_v; c++)
        out[c] = 0;
    for (int64_t start = first; start < end; start += tile) {
        const int64_t stop = start + tile < end ? start + tile : end;
        float new_max = mistake == NO_MAXIMUM ? 0 : max;
        for (int64_t j = start; j < stop; j++) {
            scores[j] = simulated_score(problem, simulation, q, k + j * d_k);
            if (mistake != NO_MAXIMUM)
                new_max = fmaxf(new_max, scores[j]);
        }
        const float rescale = max == new_max ? 1 : expf(max - new_max);
        sum *= mistake == SUM_NOT_RESCALED ? 1 : rescale;
        for (int64_t c = 0; c < d_v; c++)
            out[c] *= mistake == OUTPUT_NOT_RESCALED ? 1 : rescale;
        max = new_max;
        for (int64_t step = start; step < stop; step++) {
            const int64_t j = simulation->order == REVERSED ? stop - 1 - (step - start) : step;
            float p = expf(scores[j] - max);
            sum += p;
            if (simulation->round_weights)
                p = stored(problem, p);
            for (int64_t c = 0; c < d_v; c++) {
                out[c] += p * v[j * d_v + c];
                if (mistake == HALF_ACCUMULATION)
                    out[c] = half(out[c]);
            }
        }
    }
    for (int64_t c = 0; c < d_v; c++)
        out[c] = end > first ? stored(problem, out[c] / sum) : 0;
}

/* The whole output; bhnd only. */
static void simulate(const struct problem_data *data, struct simulation simulation)
{
    const struct problem *problem = &data->problem;
    const int64_t n_q = problem->n_q, n_kv = problem->n_kv, heads = problem->heads_q;
    const int64_t group = heads / problem->heads_kv;
    for (int64_t row = 0; row < problem->batch * heads * n_q; row++) {
        const int64_t b = row / n_q / heads, i = row % n_q;
        int64_t h = row / n_q % heads;
        if (simulation.mistake == HEADS_SWAPPED)
            h = heads - 1 - h;
        const int64_t kv = (b * problem->heads_kv + h / group) * n_kv;
        int64_t first, end;
        problem_visible_keys(problem, b, i, &first, &end);
        if (simulation.mistake == CAUSAL_EDGE_LOW && end > first)
            end--;
        if (simulation.mistake == CAUSAL_EDGE_HIGH && end < n_kv)
            end++;
        if (simulation.mistake == TAIL_TILE_DROPPED)
            end = end / 32 * 32 > first ? end / 32 * 32 : end;
        simulate_row(problem, &simulation, data->inputs.q + row * problem->d_k,
                     data->inputs.k + kv * problem->d_k, data->inputs.v + kv * problem->d_v, first,
                     end, data->output + row * problem->d_v);
    }
}

static struct problem_data prepare(const struct problem *problem, enum input_kind kind,
                                   uint64_t seed)
{
    const struct problem_sizes sizes = problem_sizes(problem);
    float *q = arena_array(&arena, (size_t)sizes.q, sizeof(float));
    float *k = arena_array(&arena, (size_t)sizes.k, sizeof(float));
    float *v = arena_array(&arena, (size_t)sizes.v, sizeof(float));
    inputs_fill(problem, TENSOR_Q, kind, seed, q, sizes.q);
    inputs_fill(problem, TENSOR_K, kind, seed, k, sizes.k);
    inputs_fill(problem, TENSOR_V, kind, seed, v, sizes.v);
    struct problem_data data = {.problem = *problem, .inputs = {.q = q, .k = k, .v = v}};
    enum check_mode mode = CHECK_FULL;
    data.rows = verdict_rows(problem, &mode, seed, 0, &arena, &data.row_count);
    data.want = arena_array(&arena, (size_t)sizes.o, sizeof(double));
    data.magnitude = arena_array(&arena, (size_t)sizes.o, sizeof(double));
    data.score_size = arena_array(&arena, (size_t)data.row_count, sizeof(double));
    data.output = arena_array(&arena, (size_t)sizes.o, sizeof(float));
    reference_attention(problem, &data.inputs, data.rows, data.row_count, data.want, data.magnitude,
                        data.score_size);
    return data;
}

static struct verdict judge(const struct problem_data *data)
{
    struct verdict verdict;
    verdict_judge(&data->problem, data->rows, data->row_count, data->want, data->magnitude,
                  data->score_size, data->output, &verdict);
    return verdict;
}

/* ---- right ---- */

/* The largest err_over_tolerance over all orders; fails above a quarter. */
static double judge_right(const struct problem *problem, enum input_kind kind, uint64_t seed)
{
    const struct problem_data data = prepare(problem, kind, seed);
    double worst = 0;
    for (int order = PLAIN; order < ORDERS; order++)
        for (int round_weights = 0; round_weights <= (problem->dtype != DTYPE_F32);
             round_weights++) {
            simulate(&data, (struct simulation){(enum order)order, NONE, round_weights != 0});
            const struct verdict verdict = judge(&data);
            if (!(verdict.ok && verdict.err_over_tolerance <= 0.25))
                fail_msg("%s %s order %d n_kv=%d d_k=%d: %.3f %s",
                         dtype_name((enum dtype)problem->dtype), input_kind_name(kind), order,
                         (int)problem->n_kv, (int)problem->d_k, verdict.err_over_tolerance,
                         verdict.reason);
            worst = fmax(worst, verdict.err_over_tolerance);
        }
    return worst;
}

static void test_right_is_inside(void **state)
{
    (void)state;
    static const int64_t head_sizes[] = {1, 2, 3, 16, 64, 80, 256};
    static const int64_t keys[] = {1, 2, 3, 17, 100, 257, 1024, 4096};
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        double worst = 0;
        for (int d = 0; d < LENGTH(head_sizes); d++)
            for (int n = 0; n < LENGTH(keys); n++)
                for (int kind = 0; kind < INPUT_KINDS; kind++) {
                    /* few rows where they are dear */
                    const int64_t rows = keys[n] * head_sizes[d] > 20000 ? 1 : 8;
                    struct problem problem = make(1, rows, keys[n], head_sizes[d]);
                    problem.dtype = t;
                    const uint64_t seed = (uint64_t)(100 * d + 10 * n + kind);
                    worst = fmax(worst, judge_right(&problem, (enum input_kind)kind, seed));
                    arena_free(&arena);
                }
        print_message("%s: at most %.3f of the tolerance\n", dtype_name((enum dtype)t), worst);
        assert_true(worst > 0.02); /* neither is it so wide that nothing could be wrong */
    }
}

static void test_right_with_options(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (int option = 0; option < 7; option++)
            for (int kind = 0; kind < INPUT_KINDS; kind++) {
                struct problem problem = make(4, 40, 40, 32);
                problem.dtype = t;
                problem.mask = option == 0 ? MASK_NONE : option == 1 ? MASK_WINDOW : MASK_CAUSAL;
                problem.window_left = problem.window_right = 3;
                problem.n_kv = option == 2 ? 23 : 40; /* rows that see nothing */
                problem.heads_kv = option == 3 ? 2 : 4;
                problem.softcap = option == 4 ? 20 : option == 5 ? 1 : 0;
                problem.scale = option == 6 ? 1 : 0;
                judge_right(&problem, (enum input_kind)kind, (uint64_t)(10 * option + kind));
            }
}

/* ---- wrong ---- */

static void test_mistakes_are_wrong(void **state)
{
    (void)state;
    enum { F32 = 1, F16 = 2, BF16 = 4, ALL = 7 };
    static const struct {
        const char *name;
        enum mistake mistake;
        enum order order;
        int64_t n, mask;
        enum input_kind kind;
        int dtypes;
        double softcap;
    } cases[] = {
        {"scale missing", SCALE_MISSING, PLAIN, 64, MASK_NONE, INPUT_RANDOM, ALL, 0},
        {"scale 1/d_k", SCALE_WITHOUT_SQRT, PLAIN, 64, MASK_NONE, INPUT_RANDOM, ALL, 0},
        {"scale missing, long", SCALE_MISSING, ONLINE, 1024, MASK_NONE, INPUT_RANDOM, ALL, 0},
        {"no maximum", NO_MAXIMUM, PLAIN, 64, MASK_NONE, INPUT_LARGE, ALL, 0},
        {"softcap missing", SOFTCAP_MISSING, PLAIN, 64, MASK_NONE, INPUT_RANDOM, F32 | F16, 5},
        {"softcap missing, large", SOFTCAP_MISSING, PLAIN, 64, MASK_NONE, INPUT_LARGE, ALL, 5},
        {"causal edge low", CAUSAL_EDGE_LOW, PLAIN, 64, MASK_CAUSAL, INPUT_RANDOM, ALL, 0},
        {"causal edge high", CAUSAL_EDGE_HIGH, PLAIN, 64, MASK_CAUSAL, INPUT_RANDOM, ALL, 0},
        {"last of 257 keys", TAIL_TILE_DROPPED, ONLINE, 257, MASK_NONE, INPUT_RANDOM, ALL, 0},
        {"last of 1025 keys", TAIL_TILE_DROPPED, PLAIN, 1025, MASK_NONE, INPUT_EQUAL, F32, 0},
        {"tail of 63 keys", TAIL_TILE_DROPPED, PLAIN, 63, MASK_NONE, INPUT_TINY, ALL, 0},
        {"sum not rescaled", SUM_NOT_RESCALED, ONLINE, 64, MASK_NONE, INPUT_RANDOM, ALL, 0},
        {"output not rescaled", OUTPUT_NOT_RESCALED, ONLINE, 64, MASK_NONE, INPUT_RANDOM, ALL, 0},
        {"half accumulation", HALF_ACCUMULATION, PLAIN, 64, MASK_NONE, INPUT_RANDOM, F32, 0},
        {"half accumulation, long", HALF_ACCUMULATION, ONLINE, 1024, MASK_NONE, INPUT_RANDOM, F32,
         0},
        {"half scores", HALF_SCORES, PLAIN, 64, MASK_NONE, INPUT_RANDOM, F32, 0},
        {"heads swapped", HEADS_SWAPPED, PLAIN, 64, MASK_NONE, INPUT_RANDOM, ALL, 0},
        {"heads swapped, equal keys", HEADS_SWAPPED, PLAIN, 64, MASK_NONE, INPUT_EQUAL, ALL, 0},
        {"half scores, large", HALF_SCORES, ONLINE, 257, MASK_CAUSAL, INPUT_LARGE, F32, 0},
    };
    for (int i = 0; i < LENGTH(cases); i++)
        for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
            if (!(cases[i].dtypes & 1 << t))
                continue;
            struct problem problem = make(2, cases[i].n > 300 ? 4 : cases[i].n, cases[i].n, 64);
            problem.mask = cases[i].mask;
            problem.dtype = t;
            problem.softcap = cases[i].softcap;
            const struct problem_data data = prepare(&problem, cases[i].kind, 1);
            struct simulation simulation = {cases[i].order, NONE, false};
            simulate(&data, simulation);
            assert_true(judge(&data).ok);
            simulation.mistake = cases[i].mistake;
            simulate(&data, simulation);
            const struct verdict verdict = judge(&data);
            if (verdict.ok || !(verdict.err_over_tolerance > 2) || !verdict.reason[0])
                fail_msg("%s, %s: ok %d, %.3g of the tolerance", cases[i].name,
                         dtype_name((enum dtype)t), verdict.ok, verdict.err_over_tolerance);
            arena_free(&arena);
        }
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
    struct problem problem = make(2, 64, 64, 64);
    struct problem_data data = prepare(&problem, INPUT_RANDOM, 3);
    simulate(&data, (struct simulation){ONLINE, NONE, false});
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
    data.row_count = 1;
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
    data.want[0] = NAN;
    assert_false(judge(&data).ok);
}

static void test_empty_rows(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        struct problem problem = make(1, 4, 2, 2);
        problem.mask = MASK_CAUSAL;
        problem.dtype = t;
        const struct problem_data data = prepare(&problem, INPUT_RANDOM, 1);
        simulate(&data, (struct simulation){PLAIN, NONE, false});
        assert_true(judge(&data).ok);
        data.output[0] = 0x1p-24F; /* the smallest f16 */
        assert_false(judge(&data).ok);
        data.output[0] = NAN; /* 0 / 0 */
        assert_false(judge(&data).ok);

        problem.causal_offset = -4; /* all of them */
        const struct problem_data none = prepare(&problem, INPUT_RANDOM, 1);
        const struct verdict verdict = judge(&none);
        assert_true(verdict.ok && verdict.nmse == 0 && verdict.max_rel_err == 0);
    }
}

/* Numbers and text of a verdict, worked by hand: one key, so that the output is v. */
static void test_numbers_and_reason(void **state)
{
    (void)state;
    struct problem problem = make(2, 2, 1, 2);
    problem.batch = 2;
    struct problem_data data = prepare(&problem, INPUT_RANDOM, 1);
    for (int64_t e = 0; e < 16; e++) {
        data.want[e] = e % 2 ? 2 : 1;
        data.magnitude[e] = 4;
        data.output[e] = (float)data.want[e];
    }
    struct verdict verdict = judge(&data);
    assert_true(verdict.ok && verdict.reason[0] == '\0');
    assert_true(verdict.err_over_tolerance == 0 && verdict.nmse == 0 && verdict.max_rel_err == 0);
    assert_true(verdict.tolerance > 0);
    assert_int_equal(verdict.rows_checked, 8);

    data.output[13] = 2.5F; /* batch 1, head 1, row 0, column 1 */
    data.output[3] = 2.25F;
    verdict = judge(&data);
    assert_true(!verdict.ok && verdict.max_abs_err == 0.5 && verdict.max_rel_err == 0.125);
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

static void test_tolerance_properties(void **state)
{
    (void)state;
    struct problem problem = make(1, 1, 1, 64);
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++) {
        const enum dtype dtype = (enum dtype)t;
        assert_true(verdict_tolerance(dtype, &problem, 0, 0, 0, 1) >= FLT_MIN);
        assert_true(verdict_tolerance(dtype, &problem, 0, 0, 0, 0) == (double)FLT_MIN);
        const double base = verdict_tolerance(dtype, &problem, 0.5, 1, 5, 1024);
        assert_true(verdict_tolerance(dtype, &problem, -0.5, 1, 5, 1024) == base);
        assert_true(verdict_tolerance(dtype, &problem, 0.5, 2, 5, 1024) > base);
        assert_true(verdict_tolerance(dtype, &problem, 0.5, 1, 9, 1024) > base);
        assert_true(verdict_tolerance(dtype, &problem, 0.5, 1, 5, 9999) > base);
        assert_true(isnan(verdict_tolerance(dtype, &problem, 0.5, NAN, 5, 9)));
    }
    const double f32 = verdict_tolerance(DTYPE_F32, &problem, 0.5, 1, 5, 1024);
    const double f16 = verdict_tolerance(DTYPE_F16, &problem, 0.5, 1, 5, 1024);
    const double bf16 = verdict_tolerance(DTYPE_BF16, &problem, 0.5, 1, 5, 1024);
    assert_true(f32 < 3e-5 && f16 > 100 * f32 && f16 < 3.1e-3 && bf16 > 7 * f16 && bf16 < 2.4e-2);
}

/* Keys with a bias of -1e9 are seen. f32 cannot tell their weights, but a single one weighs 1. */
static void test_blind_rows(void **state)
{
    (void)state;
    struct problem problem = make(1, 1, 2, 1);
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
        double want, magnitude, score_size;
        reference_attention(&problem, &inputs, &row, 1, &want, &magnitude, &score_size);
        struct verdict verdict;
        verdict_judge(&problem, &row, 1, &want, &magnitude, &score_size, &cases[i].output,
                      &verdict);
        if (verdict.ok != cases[i].ok)
            fail_msg("case %d: %s", i, verdict.ok ? "ok" : verdict.reason);
    }
}

/* A sink that leaves the keys weights below 2^-126: a device may flush them to 0, and no more. */
static void test_subnormal_weights(void **state)
{
    (void)state;
    struct problem problem = make(1, 1, 4, 1);
    problem.bias = BIAS_FLOAT;
    problem.sink = true;
    const float q = 0.01F, k[] = {1, 1, 1, 1}, v[] = {3, 5, 4, 3}, sink = 0;
    const float bias[] = {-87.5F, -87.5F, -87.5F, -87.5F};
    const struct attention_inputs inputs = {.q = &q, .k = k, .v = v, .bias = bias, .sinks = &sink};
    const row_index row = 0;
    double want, magnitude, score_size;
    reference_attention(&problem, &inputs, &row, 1, &want, &magnitude, &score_size);
    assert_true(want > 0x1p-124);
    const float outputs[] = {0, 1e-31F};
    for (int i = 0; i < LENGTH(outputs); i++) {
        struct verdict verdict;
        verdict_judge(&problem, &row, 1, &want, &magnitude, &score_size, &outputs[i], &verdict);
        assert_true(verdict.ok == (i == 0));
        assert_true(i > 0 || verdict.err_over_tolerance <= 0.25);
    }
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
    struct problem problem = make(3, 1000, 1000, 64);
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
    struct problem problem = make(2, 1000, 600, 64);
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
    problem = make(2, 1, 5, 4);
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
        cmocka_unit_test_teardown(test_right_is_inside, free_arena),
        cmocka_unit_test_teardown(test_right_with_options, free_arena),
        cmocka_unit_test_teardown(test_mistakes_are_wrong, free_arena),
        cmocka_unit_test_teardown(test_one_damaged_element, free_arena),
        cmocka_unit_test_teardown(test_empty_rows, free_arena),
        cmocka_unit_test_teardown(test_numbers_and_reason, free_arena),
        cmocka_unit_test_teardown(test_tolerance_properties, free_arena),
        cmocka_unit_test_teardown(test_blind_rows, free_arena),
        cmocka_unit_test_teardown(test_subnormal_weights, free_arena),
        cmocka_unit_test_teardown(test_rows_modes, free_arena),
        cmocka_unit_test_teardown(test_rows_sampled, free_arena),
    };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
