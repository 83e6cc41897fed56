#include "verify/inputs.h"
#include "verify/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

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

static struct problem make(int64_t n_q, int64_t n_kv, int64_t d_k, int64_t d_v)
{
    struct problem problem = problem_default();
    problem.batch = problem.heads_q = problem.heads_kv = 1;
    problem.n_q = n_q;
    problem.n_kv = n_kv;
    problem.d_k = d_k;
    problem.d_v = d_v;
    return problem;
}

/* All rows. */
struct result {
    int64_t rows;
    double *output;
    struct expected expected;
};

static struct result run(const struct problem *problem, const struct attention_inputs *inputs)
{
    struct result result = {.rows = problem->batch * problem->heads_q * problem->n_q};
    const size_t rows = (size_t)result.rows, values = rows * (size_t)problem->d_v;
    row_index *index = arena_array(&arena, rows, sizeof *index);
    for (int64_t r = 0; r < result.rows; r++)
        index[r] = r;
    result.output = arena_array(&arena, values, sizeof(double));
    result.expected =
        (struct expected){.rows = result.rows,
                          .columns = problem->d_v,
                          .want = arena_array(&arena, values, sizeof(double)),
                          .variance = arena_array(&arena, values, sizeof(double)),
                          .coarse = arena_array(&arena, values, sizeof(double)),
                          .score_error = arena_array(&arena, rows, sizeof(double)),
                          .models = arena_array(&arena, rows, sizeof(struct row_model))};
    struct expected *e = &result.expected;
    for (size_t i = 0; i < values; i++)
        result.output[i] = e->want[i] = e->variance[i] = e->coarse[i] = NAN;
    for (size_t r = 0; r < rows; r++)
        e->score_error[r] = NAN;
    reference_attention(problem, inputs, index, result.rows, result.output);
    reference_expected(problem, inputs, index, result.rows, e, NULL);
    assert_memory_equal(e->want, result.output, values * sizeof(double));
    return result;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-13 * (1 + fabs(want))))
        fail_msg("got %.17g, wanted %.17g", got, want);
}

static struct attention_inputs random_inputs(const struct problem *problem, uint64_t seed)
{
    const struct problem_sizes sizes = problem_sizes(problem);
    float *q = arena_array(&arena, (size_t)sizes.q, sizeof(float));
    float *k = arena_array(&arena, (size_t)sizes.k, sizeof(float));
    float *v = arena_array(&arena, (size_t)sizes.v, sizeof(float));
    inputs_fill(problem, TENSOR_Q, INPUT_RANDOM, seed, q, sizes.q);
    inputs_fill(problem, TENSOR_K, INPUT_RANDOM, seed, k, sizes.k);
    inputs_fill(problem, TENSOR_V, INPUT_RANDOM, seed, v, sizes.v);
    return (struct attention_inputs){.q = q, .k = k, .v = v};
}

/* ---- by hand ---- */

static void test_one_key(void **state)
{
    (void)state;
    const struct problem problem = make(1, 1, 3, 2);
    const float q[] = {1, -2, 3}, k[] = {5, 6, -7}, v[] = {-0.5F, 8};
    const struct result result = run(&problem, &(struct attention_inputs){.q = q, .k = k, .v = v});
    near(result.output[0], -0.5);
    near(result.output[1], 8);
    /* D is 0, so that a score's error moves nothing: (n A / 2 + n o^2 + 16 o^2) u^2 / 3 is left */
    near(result.expected.variance[0], 17.5 * 0.25 * 0x1p-48 / 3);
    near(result.expected.variance[1], 17.5 * 64 * 0x1p-48 / 3);
    const double energy = (25.0 + 144 + 441) / 3, score2 = 28.0 * 28 / 3; /* d_k / 2 = 1.5 */
    near(result.expected.score_error[0] * 0x1p24 * sqrt(3),
         sqrt(1.5 * (energy + score2) + 4 * score2));
    near(result.expected.models[0].freedom, 1);
    near(result.expected.models[0].size, 2 * (0.25 + 64));
    assert_true(result.expected.models[0].judged);
}

/* Scores a and b weigh 1 / (1 + e^(b-a)) and the rest. Values 1 and -3. */
static void test_two_keys(void **state)
{
    (void)state;
    static const struct {
        double scale, softcap;
        float q;
        double a, b;
    } cases[] = {
        {0, 0, 1, 4 / 1.4142135623730951, 2 / 1.4142135623730951},
        {1, 0, 1, 4, 2},
        {0.25, 0, 1, 1, 0.5},
        {-0.5, 0, 1, -2, -1},
        {1, 0, 500, 2000, 1000}, /* exp(2000) overflows */
        {1, 0, -500, -2000, -1000},
        {1, 3, 1, 2.6101849852280155, 1.7483488360437307},   /* 3 tanh(4/3), 3 tanh(2/3) */
        {0.5, 1, 1, 0.9640275800758169, 0.7615941559557649}, /* tanh(2), tanh(1) */
        {1, 50, -500, -50, -50},
    };
    const float k[] = {3, 1, 0, 2}, v[] = {1, -3};
    for (int i = 0; i < LENGTH(cases); i++) {
        struct problem problem = make(1, 2, 2, 1);
        problem.scale = cases[i].scale;
        problem.softcap = cases[i].softcap;
        const float q[] = {cases[i].q, cases[i].q};
        const struct result result =
            run(&problem, &(struct attention_inputs){.q = q, .k = k, .v = v});
        const double p = 1 / (1 + exp(cases[i].b - cases[i].a));
        near(result.output[0], p - 3 * (1 - p));
        /* D = p^2 (v - o)^2 of both keys */
        const double o = result.output[0], r = 1 - p;
        const double d = p * p * (1 - o) * (1 - o) + r * r * (3 + o) * (3 + o);
        const double error = result.expected.score_error[0];
        /* a key without weight is no link of a chain */
        const double links = fmin(p, r) > 0x1p-26 ? 2 : 1;
        const double sums =
            0x1p-48 / 3 * (links * (p * p / 2 + 9 * r * r / 2 + o * o) + 16 * o * o);
        near(result.expected.variance[0] * 1e12, ((error * error + 4e-6 * 4e-6) * d + sums) * 1e12);
    }
}

/* Equal keys: the output of a row is the mean of what it sees; v_j = j. An empty row is 0. */
static void test_masks(void **state)
{
    (void)state;
    const int64_t automatic = CAUSAL_OFFSET_AUTO, all = WINDOW_UNLIMITED;
    const double empty = -1; /* "sees nothing" in the table */
    const struct {
        int64_t n_q, n_kv, mask, offset, left, right;
        double mean[6];
    } cases[] = {
        {3, 4, MASK_NONE, automatic, all, all, {1.5, 1.5, 1.5}},
        {4, 4, MASK_CAUSAL, automatic, all, all, {0, 0.5, 1, 1.5}},
        {2, 5, MASK_CAUSAL, automatic, all, all, {1.5, 2}}, /* 0..3, 0..4 */
        {2, 5, MASK_CAUSAL, 0, all, all, {0, 0.5}},         /* top left */
        {5, 2, MASK_CAUSAL, automatic, all, all, {empty, empty, empty, 0, 0.5}},
        {5, 2, MASK_CAUSAL, 0, all, all, {0, 0.5, 0.5, 0.5, 0.5}},
        {3, 3, MASK_CAUSAL, -2, all, all, {empty, empty, 0}},
        {5, 5, MASK_WINDOW, automatic, 1, 1, {0.5, 1, 2, 3, 3.5}},
        {5, 5, MASK_WINDOW, automatic, 2, 0, {0, 0.5, 1, 2, 3}},
        {5, 5, MASK_WINDOW, automatic, 0, all, {2, 2.5, 3, 3.5, 4}},
        {5, 5, MASK_CAUSAL_WINDOW, automatic, 1, 3, {0, 0.5, 1.5, 2.5, 3.5}},
        {6, 3, MASK_CAUSAL_WINDOW, automatic, 0, all, {empty, empty, empty, 0, 1, 2}},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        struct problem problem = make(cases[i].n_q, cases[i].n_kv, 2, 1);
        problem.mask = cases[i].mask;
        problem.causal_offset = cases[i].offset;
        problem.window_left = cases[i].left;
        problem.window_right = cases[i].right;
        float q[12], k[10];
        const float v[] = {0, 1, 2, 3, 4};
        for (int j = 0; j < 12; j++)
            q[j] = (float)j;
        for (int j = 0; j < 10; j++)
            k[j] = (float)(1 + j % 2);
        const struct result result =
            run(&problem, &(struct attention_inputs){.q = q, .k = k, .v = v});
        for (int64_t row = 0; row < result.rows; row++) {
            const bool sees = cases[i].mean[row] >= 0;
            const double want = sees ? cases[i].mean[row] : 0;
            if (!(fabs(result.output[row] - want) <= 1e-14))
                fail_msg("case %d row %d: %.17g", i, (int)row, result.output[row]);
            assert_true(sees ? result.expected.variance[row] >= 0
                             : result.expected.variance[row] == 0);
            assert_true(result.expected.models[row].judged);
        }
    }
}

static void test_padding(void **state)
{
    (void)state;
    const int64_t lengths[] = {3, 1, 0};
    struct problem problem = make(1, 3, 1, 1);
    problem.batch = 3;
    problem.kv_lengths = lengths;
    const float q[] = {1, 1, 1}, k[] = {2, 2, 2, 2, 2, 2, 2, 2, 2};
    const float v[] = {1, 2, 6, 5, NAN, NAN, 7, 7, 7}; /* padding is not even read */
    const struct result result = run(&problem, &(struct attention_inputs){.q = q, .k = k, .v = v});
    near(result.output[0], 3);
    near(result.output[1], 5);
    near(result.output[2], 0);
}

/* Query head h reads key/value head h / (heads_q / heads_kv); v tells which. */
static void test_grouped_heads(void **state)
{
    (void)state;
    static const int64_t pairs[][2] = {{4, 4}, {4, 2}, {4, 1}, {6, 2}};
    for (int i = 0; i < LENGTH(pairs); i++)
        for (int64_t layout = LAYOUT_BHND; layout <= LAYOUT_BNHD; layout++) {
            struct problem problem = make(2, 2, 1, 1);
            problem.batch = 2;
            problem.heads_q = pairs[i][0];
            problem.heads_kv = pairs[i][1];
            problem.layout = layout;
            float q[24], k[16], v[16];
            for (int j = 0; j < 24; j++)
                q[j] = 1;
            for (int64_t b = 0; b < 2; b++)
                for (int64_t h = 0; h < pairs[i][1]; h++)
                    for (int64_t j = 0; j < 2; j++) {
                        const int64_t at = layout == LAYOUT_BHND ? (b * pairs[i][1] + h) * 2 + j
                                                                 : (b * 2 + j) * pairs[i][1] + h;
                        k[at] = 1;
                        v[at] = (float)(10 * b + h);
                    }
            const struct result result =
                run(&problem, &(struct attention_inputs){.q = q, .k = k, .v = v});
            for (int64_t row = 0; row < result.rows; row++) {
                const int64_t head = row / 2 % pairs[i][0], batch = row / 2 / pairs[i][0];
                near(result.output[row], (double)(10 * batch + head / (pairs[i][0] / pairs[i][1])));
            }
        }
}

/* ---- against another implementation ---- */

/* What is added to a score, or -infinity. */
static double naive_bias(const struct problem *p, const struct attention_inputs *in, int64_t b,
                         int64_t h, int64_t i, int64_t j)
{
    const struct bias_dims dims = problem_bias_dims(p);
    const int64_t *size = dims.size, place[] = {b, h, i, j};
    int64_t at = 0;
    for (int d = 0; d < BIAS_DIMS; d++)
        at = at * size[d] + (size[d] > 1 ? place[d] : 0);
    const int64_t diagonal =
        i + (p->causal_offset == CAUSAL_OFFSET_AUTO ? p->n_kv - p->n_q : p->causal_offset);
    switch ((enum bias)p->bias) {
    case BIAS_FLOAT:
        return (double)in->bias[at];
    case BIAS_BOOL:
        return in->mask[at] ? 0 : -INFINITY;
    case BIAS_ALIBI: /* heads are a power of two here */
        return -pow(2, -8.0 * (double)(h + 1) / (double)p->heads_q) * fabs((double)(diagonal - j));
    case BIAS_NONE:
        break;
    }
    return 0;
}

/* One output element from the formula, with its own indexing and masking, no maximum. */
static double naive(const struct problem *p, const struct attention_inputs *in, int64_t b,
                    int64_t h, int64_t i, int64_t c)
{
    const bool bhnd = p->layout == LAYOUT_BHND;
    const int64_t hk = h * p->heads_kv / p->heads_q;
    const int64_t offset =
        p->causal_offset == CAUSAL_OFFSET_AUTO ? p->n_kv - p->n_q : p->causal_offset;
    const bool causal = p->mask == MASK_CAUSAL || p->mask == MASK_CAUSAL_WINDOW;
    const bool window = p->mask == MASK_WINDOW || p->mask == MASK_CAUSAL_WINDOW;
    const int64_t length = p->kv_lengths ? p->kv_lengths[b] : p->n_kv;
    double above = 0, below = p->sink ? exp((double)in->sinks[h]) : 0;
    for (int64_t j = 0; j < length; j++) {
        if (causal && j > i + offset)
            continue;
        if (window && p->window_left >= 0 && j < i + offset - p->window_left)
            continue;
        if (window && p->window_right >= 0 && j > i + offset + p->window_right)
            continue;
        const int64_t qi =
            bhnd ? (b * p->heads_q + h) * p->n_q + i : (b * p->n_q + i) * p->heads_q + h;
        const int64_t kj =
            bhnd ? (b * p->heads_kv + hk) * p->n_kv + j : (b * p->n_kv + j) * p->heads_kv + hk;
        double s = 0;
        for (int64_t x = 0; x < p->d_k; x++)
            s += (double)in->q[qi * p->d_k + x] * (double)in->k[kj * p->d_k + x];
        s *= p->scale != 0 ? p->scale : pow((double)p->d_k, -0.5);
        if (p->softcap > 0)
            s = p->softcap * tanh(s / p->softcap);
        s += naive_bias(p, in, b, h, i, j);
        above += exp(s) * (double)in->v[kj * p->d_v + c];
        below += exp(s);
    }
    return below > 0 ? above / below : 0;
}

static void test_against_naive(void **state)
{
    (void)state;
    static const struct {
        int64_t batch, heads_q, heads_kv, n_q, n_kv, d_k, d_v, layout, mask, offset, left, right;
        double softcap, scale;
    } cases[] = {
        {1, 1, 1, 7, 9, 5, 3, LAYOUT_BHND, MASK_NONE, 0, -1, -1, 0, 0},
        {2, 4, 2, 5, 17, 8, 8, LAYOUT_BHND, MASK_CAUSAL, CAUSAL_OFFSET_AUTO, -1, -1, 0, 0},
        {2, 4, 2, 17, 5, 8, 4, LAYOUT_BNHD, MASK_CAUSAL, CAUSAL_OFFSET_AUTO, -1, -1, 0, 0.3},
        {2, 6, 3, 9, 12, 16, 2, LAYOUT_BNHD, MASK_WINDOW, 2, 3, 1, 2.5, 0},
        {1, 3, 1, 33, 33, 33, 1, LAYOUT_BNHD, MASK_CAUSAL_WINDOW, CAUSAL_OFFSET_AUTO, 7, -1, 0, 0},
        {3, 2, 2, 8, 8, 1, 64, LAYOUT_BHND, MASK_WINDOW, -3, -1, 2, 30, -0.7},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        struct problem p = make(cases[i].n_q, cases[i].n_kv, cases[i].d_k, cases[i].d_v);
        p.batch = cases[i].batch;
        p.heads_q = cases[i].heads_q;
        p.heads_kv = cases[i].heads_kv;
        p.layout = cases[i].layout;
        p.mask = cases[i].mask;
        p.causal_offset = cases[i].offset;
        p.window_left = cases[i].left;
        p.window_right = cases[i].right;
        p.softcap = cases[i].softcap;
        p.scale = cases[i].scale;
        const struct attention_inputs inputs = random_inputs(&p, (uint64_t)i);
        const struct result result = run(&p, &inputs);
        for (int64_t row = 0; row < result.rows; row++)
            for (int64_t c = 0; c < p.d_v; c++) {
                const double want = naive(&p, &inputs, row / p.n_q / p.heads_q,
                                          row / p.n_q % p.heads_q, row % p.n_q, c);
                const double got = result.output[row * p.d_v + c];
                if (!(fabs(got - want) <= 1e-13))
                    fail_msg("case %d row %d: got %.17g, wanted %.17g", i, (int)row, got, want);
            }
    }
}

/* Everything that a problem can ask for, at lengths that are no multiple of a block of keys (64) or
 * of a group of rows (16): to 1e-12, and every variance is one. */
static void test_all_modifiers_against_naive(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{1, 1}, {17, 65}, {33, 130}, {16, 64}, {5, 200}, {70, 63}};
    static const int64_t masks[] = {MASK_NONE, MASK_CAUSAL, MASK_WINDOW, MASK_CAUSAL_WINDOW};
    int number = 0;
    for (int s = 0; s < LENGTH(sizes); s++)
        for (int m = 0; m < LENGTH(masks); m++)
            for (int64_t bias = BIAS_NONE; bias <= BIAS_ALIBI; bias++, number++) {
                struct problem p = make(sizes[s][0], sizes[s][1], 7, 5);
                const int64_t lengths[] = {p.n_kv, (p.n_kv + 1) / 2};
                p.batch = 2;
                p.heads_q = 4;
                p.heads_kv = number % 3 == 0 ? 4 : number % 3 == 1 ? 2 : 1;
                p.layout = number / 2 % 2 ? LAYOUT_BNHD : LAYOUT_BHND;
                p.mask = masks[m];
                p.window_left = 20;
                p.window_right = 3;
                p.bias = bias;
                p.sink = number % 2;
                p.softcap = number % 5 == 0 ? 3 : 0;
                p.kv_lengths = number % 4 == 3 ? lengths : NULL;
                struct attention_inputs inputs = random_inputs(&p, (uint64_t)number);
                const size_t biases = (size_t)problem_bias_dims(&p).count + 1;
                float *bias_values = arena_array(&arena, biases, sizeof *bias_values);
                unsigned char *mask = arena_array(&arena, biases, 1);
                float *sinks = arena_array(&arena, 4, sizeof *sinks);
                if (bias == BIAS_FLOAT)
                    inputs_fill_bias(&p, 1, -4096, bias_values);
                if (bias == BIAS_BOOL)
                    inputs_fill_mask(&p, mask);
                inputs_fill_sinks(&p, 1, sinks);
                inputs.bias = bias_values;
                inputs.mask = mask;
                inputs.sinks = sinks;
                const struct result result = run(&p, &inputs);
                for (int64_t e = 0; e < result.rows * p.d_v; e++) {
                    const int64_t row = e / p.d_v;
                    const double want = naive(&p, &inputs, row / p.n_q / p.heads_q,
                                              row / p.n_q % p.heads_q, row % p.n_q, e % p.d_v);
                    if (!(fabs(result.output[e] - want) <= 1e-12))
                        fail_msg("case %d row %d: got %.17g, wanted %.17g", number, (int)row,
                                 result.output[e], want);
                    assert_true(result.expected.variance[e] >= 0 &&
                                result.expected.variance[e] < 1e-6);
                    assert_true(result.output[e] == 0 || result.expected.variance[e] > 0);
                    assert_true(result.expected.coarse[e] >= 0);
                }
                arena_free(&arena);
            }
}

/* A key is covered where some row would be called wrong without it; one that is hidden, or has no
 * weight, never is. */
static void test_covered(void **state)
{
    (void)state;
    struct problem problem = make(1, 4, 1, 2);
    problem.scale = 1;
    problem.mask = MASK_CAUSAL;
    problem.causal_offset = 2; /* the last key is hidden */
    const float q[] = {1}, k[] = {0, 1, -100, 0}, v[] = {1, 2, -3, 1, 5, 6, 7, 8};
    const row_index row = 0;
    unsigned char covered[4] = {0};
    struct expected expected;
    assert_int_equal(expected_alloc(&expected, 1, 2), 0);
    reference_expected(&problem, &(struct attention_inputs){.q = q, .k = k, .v = v}, &row, 1,
                       &expected, covered);
    assert_true(covered[0] && covered[1] && !covered[2] && !covered[3]);
    expected_free(&expected);
}

static void test_layouts_agree(void **state)
{
    (void)state;
    struct problem problem = make(6, 10, 4, 3);
    problem.batch = 2;
    problem.heads_q = 4;
    problem.heads_kv = 2;
    problem.mask = MASK_CAUSAL;
    const struct attention_inputs bhnd = random_inputs(&problem, 9);
    const struct result want = run(&problem, &bhnd);
    problem.layout = LAYOUT_BNHD;
    const struct attention_inputs bnhd = random_inputs(&problem, 9);
    const struct result got = run(&problem, &bnhd);
    assert_memory_not_equal(bhnd.q, bnhd.q, 2 * 4 * 6 * 4 * sizeof(float));
    assert_memory_equal(got.output, want.output, (size_t)want.rows * 3 * sizeof(double));
    assert_memory_equal(got.expected.variance, want.expected.variance,
                        (size_t)want.rows * 3 * sizeof(double));
    assert_memory_equal(got.expected.score_error, want.expected.score_error,
                        (size_t)want.rows * sizeof(double));
    assert_int_equal(row_offset(&problem, 0, 3), 0);
    assert_int_equal(row_offset(&problem, 6, 3), 3);       /* the next head */
    assert_int_equal(row_offset(&problem, 1, 3), 4 * 3);   /* the next row */
    assert_int_equal(row_offset(&problem, 24, 3), 24 * 3); /* the next batch entry */
}

static void test_chosen_rows(void **state)
{
    (void)state;
    struct problem problem = make(8, 8, 4, 2);
    problem.heads_q = problem.heads_kv = 2;
    const struct attention_inputs inputs = random_inputs(&problem, 2);
    const struct result all = run(&problem, &inputs);
    const row_index rows[] = {13, 0, 7};
    double output[6];
    reference_attention(&problem, &inputs, rows, 3, output);
    for (int r = 0; r < 3; r++)
        assert_memory_equal(output + 2 * r, all.output + 2 * rows[r], 2 * sizeof *output);
}

static void test_thread_count(void **state)
{
    (void)state;
#ifdef _OPENMP
    /* Large enough that threads are used at all. */
    struct problem problem = make(150, 300, 64, 32);
    problem.heads_q = problem.heads_kv = 3;
    problem.mask = MASK_CAUSAL;
    const struct attention_inputs inputs = random_inputs(&problem, 4);
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    const struct result one = run(&problem, &inputs);
    omp_set_num_threads(5);
    const struct result five = run(&problem, &inputs);
    omp_set_num_threads(before);
    const size_t values = (size_t)one.rows * 32 * sizeof(double);
    assert_memory_equal(one.output, five.output, values);
    assert_memory_equal(one.expected.variance, five.expected.variance, values);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_one_key, free_arena),
        cmocka_unit_test_teardown(test_two_keys, free_arena),
        cmocka_unit_test_teardown(test_masks, free_arena),
        cmocka_unit_test_teardown(test_padding, free_arena),
        cmocka_unit_test_teardown(test_grouped_heads, free_arena),
        cmocka_unit_test_teardown(test_against_naive, free_arena),
        cmocka_unit_test_teardown(test_all_modifiers_against_naive, free_arena),
        cmocka_unit_test_teardown(test_covered, free_arena),
        cmocka_unit_test_teardown(test_layouts_agree, free_arena),
        cmocka_unit_test_teardown(test_chosen_rows, free_arena),
        cmocka_unit_test_teardown(test_thread_count, free_arena),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
