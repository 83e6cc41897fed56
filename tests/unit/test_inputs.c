#include "verify/inputs.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static struct problem make(int64_t batch, int64_t heads, int64_t n, int64_t d)
{
    struct problem problem = problem_default();
    problem.batch = batch;
    problem.heads_q = problem.heads_kv = heads;
    problem.n_q = problem.n_kv = n;
    problem.d_k = problem.d_v = d;
    return problem;
}

static int64_t tensor_count(const struct problem *problem, enum tensor tensor)
{
    const struct problem_sizes sizes = problem_sizes(problem);
    return tensor == TENSOR_Q ? sizes.q : tensor == TENSOR_K ? sizes.k : sizes.v;
}

/* To be freed. */
static float *fill(const struct problem *problem, enum tensor tensor, enum input_kind kind,
                   uint64_t seed)
{
    const int64_t count = tensor_count(problem, tensor);
    float *values = malloc((size_t)count * sizeof *values);
    assert_non_null(values);
    inputs_fill(problem, tensor, kind, seed, values, count);
    return values;
}

/* ---- storage types ---- */

static void test_f16_patterns(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const int sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31;
        const double fraction = (bits & 0x3ff) / 1024.0;
        const float value = f32_from_f16((uint16_t)bits);
        const uint16_t back = f16_from_f32(value);
        if (exponent == 31 && fraction > 0) {
            assert_true(isnan(value) && isnan(f32_from_f16(back)));
            assert_int_equal(back & 0x8000, bits & 0x8000);
            continue;
        }
        const double want = exponent == 31  ? INFINITY
                            : exponent == 0 ? ldexp(fraction, -14)
                                            : ldexp(1 + fraction, exponent - 15);
        if ((double)value != sign * want || !signbit(value) != (sign > 0) || back != bits)
            fail_msg("f16 0x%04x: %g, wanted %g; back 0x%04x", bits, (double)value, sign * want,
                     back);
    }
}

/* Between every two neighbours: the middle goes to the even one, its sides to the nearer. */
static void test_f16_rounding(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        const float low = f32_from_f16((uint16_t)bits), high = f32_from_f16((uint16_t)(bits + 1));
        const float middle = (low + high) / 2; /* exact: one bit more than f16 */
        const uint16_t even = (uint16_t)(bits + (bits & 1));
        if (f16_from_f32(middle) != even || f16_from_f32(-middle) != (0x8000 | even) ||
            f16_from_f32(nextafterf(middle, 0)) != bits ||
            f16_from_f32(nextafterf(middle, INFINITY)) != bits + 1)
            fail_msg("around 0x%04x", bits);
    }
}

static void test_conversion_cases(void **state)
{
    (void)state;
    static const struct {
        float value;
        uint16_t f16, bf16;
    } cases[] = {
        {0.0F, 0x0000, 0x0000},
        {-0.0F, 0x8000, 0x8000},
        {1.0F, 0x3c00, 0x3f80},
        {-2.0F, 0xc000, 0xc000},
        {65504.0F, 0x7bff, 0x4780},
        {0x1.ffdffep15F, 0x7bff, 0x4780}, /* just below 65520 */
        {65520.0F, 0x7c00, 0x4780},
        {65536.0F, 0x7c00, 0x4780},
        {-1e30F, 0xfc00, 0xf14a},
        {INFINITY, 0x7c00, 0x7f80},
        {-INFINITY, 0xfc00, 0xff80},
        {FLT_MAX, 0x7c00, 0x7f80},
        {0x1p-24F, 0x0001, 0x3380},
        {0x1p-25F, 0x0000, 0x3300}, /* a tie, to even */
        {0x1.000002p-25F, 0x0001, 0x3300},
        {0x1p-14F, 0x0400, 0x3880},
        {0x1.008p0F, 0x3c02, 0x3f80}, /* f16 exact */
        {0x1.01p0F, 0x3c04, 0x3f80},  /* bf16 ties to even: down */
        {0x1.03p0F, 0x3c0c, 0x3f82},  /* and up */
        {0x1.010002p0F, 0x3c04, 0x3f81},
        {0x1p-133F, 0x0000, 0x0001}, /* the smallest bf16 */
        {0x1p-134F, 0x0000, 0x0000},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        const uint16_t f16 = f16_from_f32(cases[i].value), bf16 = bf16_from_f32(cases[i].value);
        if (f16 != cases[i].f16 || bf16 != cases[i].bf16)
            fail_msg("%a: f16 0x%04x, bf16 0x%04x", (double)cases[i].value, f16, bf16);
    }
    /* NaN whose payload lies in the dropped bits must not become infinity. */
    const uint32_t nan_bits[] = {0x7f800001, 0xffc00000, 0x7fffffff};
    for (int i = 0; i < LENGTH(nan_bits); i++) {
        float value;
        memcpy(&value, &nan_bits[i], sizeof value);
        assert_true(isnan(f32_from_f16(f16_from_f32(value))));
        assert_true(isnan(f32_from_bf16(bf16_from_f32(value))));
    }
}

static void test_bf16_patterns(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const float value = f32_from_bf16((uint16_t)bits);
        const uint16_t back = bf16_from_f32(value);
        const bool nan = (bits & 0x7fff) > 0x7f80;
        assert_int_equal(isnan(value) != 0, nan);
        assert_int_equal(back, nan ? bits | 0x40 : bits);
    }
}

static void test_encode_decode(void **state)
{
    (void)state;
    const float values[] = {1.5F, -0.25F, 3.0F, 1e-3F};
    const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    const float last[] = {1e-3F, 0x1.064p-10F, 0x1.06p-10F};
    for (int t = 0; t < LENGTH(dtypes); t++) {
        unsigned char storage[16 + 1];
        float back[4];
        memset(storage, 0xa5, sizeof storage);
        dtype_encode(dtypes[t], values, storage, 4);
        assert_int_equal(storage[4 * dtype_bytes(dtypes[t])], 0xa5);
        dtype_decode(dtypes[t], storage, back, 4);
        assert_memory_equal(back, values, 3 * sizeof *values);
        assert_true(back[3] == last[t]);
    }
}

/* ---- values ---- */

/* The published test vector of SplitMix64 with seed 1234567. */
static void test_hash(void **state)
{
    (void)state;
    assert_true(inputs_hash(1234567, 0) == UINT64_C(6457827717110365317));
    assert_true(inputs_hash(1234567, 1) == UINT64_C(3203168211198807973));
    assert_true(inputs_hash(1234567, 2) == UINT64_C(9817491932198370423));
}

/* Pinned bits: an input must be the same on every platform, compiler and release. */
static void test_same_bits_everywhere(void **state)
{
    (void)state;
    const struct problem problem = make(1, 1, 2, 2);
    const float want[INPUT_KINDS][4] = {
        {-0x1.2f9c1ap-2F, -0x1.1bf9bp-3F, -0x1.f424c2p-2F, 0x1.1917d6p-2F},
        {-0x1.9fbc1ep0F, -0x1.84d96ap-1F, -0x1.566cc6p1F, 0x1.80e71p0F},
        {0, -0x1.1bf9bp-3F, 0x1.26c516p3F, 0x1.1917d6p-2F},
        {-0x1.2f9c1ap-2F, -0x1.1bf9bp-3F, -0x1.2f9c1ap-2F, -0x1.1bf9bp-3F},
        {-0x1.c00c88p-69F, -0x1.a312dap-70F, -0x1.710a72p-68F, 0x1.9ed1fap-69F},
    };
    for (int kind = 0; kind < INPUT_KINDS; kind++) {
        float values[4];
        inputs_fill(&problem, TENSOR_K, (enum input_kind)kind, 42, values, 4);
        for (int i = 0; i < 4; i++)
            if (values[i] != want[kind][i])
                fail_msg("%s[%d]: %a", input_kind_name((enum input_kind)kind), i,
                         (double)values[i]);
    }
}

static void test_random_moments(void **state)
{
    (void)state;
    const struct problem problem = make(1, 4, 512, 64);
    double first_of[3];
    for (int tensor = TENSOR_Q; tensor <= TENSOR_V; tensor++) {
        const int64_t count = tensor_count(&problem, (enum tensor)tensor);
        float *values = fill(&problem, (enum tensor)tensor, INPUT_RANDOM, 7);
        double sum = 0, square = 0, fourth = 0, neighbours = 0;
        for (int64_t i = 0; i < count; i++) {
            const double x = (double)values[i];
            assert_true(x != 0 && fabs(x) < 3.47);
            sum += x;
            square += x * x;
            fourth += x * x * x * x;
            neighbours += i ? x * (double)values[i - 1] : 0;
        }
        const double n = (double)count, sigma = 1 / sqrt(n);
        assert_true(fabs(sum / n) < 5 * sigma);
        assert_true(fabs(square / n - 1) < 5 * 1.4 * sigma);
        assert_true(fabs(fourth / n - 2.7) < 0.05); /* four uniforms: 3 - 6/5/4 */
        assert_true(fabs(neighbours / n) < 5 * sigma);
        first_of[tensor] = (double)values[0];
        free(values);
    }
    assert_true(first_of[0] != first_of[1] && first_of[1] != first_of[2]);
}

static void test_counter_based(void **state)
{
    (void)state;
    const struct problem problem = make(2, 3, 5, 8);
    float *all = fill(&problem, TENSOR_Q, INPUT_RANDOM, 3), part[13] = {0};
    float *other = fill(&problem, TENSOR_Q, INPUT_RANDOM, 4);
    inputs_fill(&problem, TENSOR_Q, INPUT_RANDOM, 3, part, 12);
    assert_memory_equal(part, all, 12 * sizeof *all);
    assert_true(part[12] == 0);
    assert_memory_not_equal(all, other, 12 * sizeof *all);
    free(all);
    free(other);
}

static void test_layouts_hold_the_same(void **state)
{
    (void)state;
    struct problem bhnd = make(2, 3, 5, 4);
    struct problem bnhd = bhnd;
    bnhd.layout = LAYOUT_BNHD;
    for (int kind = 0; kind < INPUT_KINDS; kind++)
        for (int tensor = TENSOR_Q; tensor <= TENSOR_V; tensor++) {
            float *x = fill(&bhnd, (enum tensor)tensor, (enum input_kind)kind, 1);
            float *y = fill(&bnhd, (enum tensor)tensor, (enum input_kind)kind, 1);
            for (int64_t b = 0; b < 2; b++)
                for (int64_t h = 0; h < 3; h++)
                    for (int64_t i = 0; i < 5; i++)
                        for (int64_t c = 0; c < 4; c++)
                            assert_true(x[((b * 3 + h) * 5 + i) * 4 + c] ==
                                        y[((b * 5 + i) * 3 + h) * 4 + c]);
            free(x);
            free(y);
        }
}

/* ---- kinds: what their scores look like ---- */

struct spread {
    double largest;   /* score */
    double least_gap; /* between the best and the second key of a row, over all rows */
    double all_gap;   /* between the best and the last */
    bool peak_wins;   /* the best is key n_kv / 2 in every row */
};

static struct spread scores(const struct problem *problem, enum input_kind kind)
{
    float *q = fill(problem, TENSOR_Q, kind, 11), *k = fill(problem, TENSOR_K, kind, 11);
    const int64_t heads = problem->batch * problem->heads_q, n = problem->n_q, d = problem->d_k;
    struct spread spread = {.least_gap = INFINITY, .peak_wins = true};
    for (int64_t row = 0; row < heads * n; row++) {
        double best = -INFINITY, second = -INFINITY, last = INFINITY;
        int64_t best_key = -1;
        for (int64_t j = 0; j < n; j++) {
            double s = 0;
            for (int64_t c = 0; c < d; c++)
                s += (double)q[row * d + c] * (double)k[(row / n * n + j) * d + c];
            s *= problem_scale(problem);
            if (s > best) {
                second = best;
                best = s;
                best_key = j;
            } else {
                second = fmax(second, s);
            }
            last = fmin(last, s);
        }
        spread.largest = fmax(spread.largest, fmax(fabs(best), fabs(last)));
        spread.least_gap = fmin(spread.least_gap, best - second);
        spread.all_gap = fmax(spread.all_gap, best - last);
        spread.peak_wins = spread.peak_wins && best_key == n / 2;
    }
    free(q);
    free(k);
    return spread;
}

static void test_kinds(void **state)
{
    (void)state;
    static const int64_t head_sizes[] = {1, 2, 3, 16, 64, 256};
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (int d = 0; d < LENGTH(head_sizes); d++)
            for (int scaled = 0; scaled < 3; scaled++) {
                struct problem problem = make(1, 2, 65, head_sizes[d]);
                problem.dtype = t;
                problem.scale = scaled == 0 ? 0 : scaled == 1 ? 1 : 0.01;
                const struct spread large = scores(&problem, INPUT_LARGE);
                /* exp of it overflows float (88.7) or nearly so; with scale 1 a large d_k does so
                 * without any help */
                if (!(large.largest > 70 && large.largest < (scaled == 1 ? 500 : 400)))
                    fail_msg("large, d_k=%d scale=%g: %g", (int)problem.d_k, problem.scale,
                             large.largest);
                const struct spread dominant = scores(&problem, INPUT_DOMINANT);
                if (!(dominant.peak_wins && dominant.least_gap > 30))
                    fail_msg("dominant, d_k=%d scale=%g: gap %g", (int)problem.d_k, problem.scale,
                             dominant.least_gap);
                const struct spread equal = scores(&problem, INPUT_EQUAL);
                assert_true(equal.all_gap == 0 && equal.largest > 0);
                const struct spread tiny = scores(&problem, INPUT_TINY);
                assert_true(tiny.largest > 0 && tiny.largest < 1e-7);
            }
}

/* Every kind: finite, on the dtype's grid, and v stays random. */
static void test_kinds_are_storable(void **state)
{
    (void)state;
    for (int t = DTYPE_F32; t <= DTYPE_BF16; t++)
        for (int kind = 0; kind < INPUT_KINDS; kind++)
            for (int tensor = TENSOR_Q; tensor <= TENSOR_V; tensor++) {
                struct problem problem = make(2, 2, 33, 16);
                problem.dtype = t;
                problem.scale = kind == INPUT_LARGE ? 1e-9 : 0; /* the gain meets its limit */
                const int64_t count = tensor_count(&problem, (enum tensor)tensor);
                float *values = fill(&problem, (enum tensor)tensor, (enum input_kind)kind, 5);
                float *back = malloc((size_t)count * sizeof *back);
                void *storage = malloc((size_t)count * 4);
                assert_true(back && storage);
                dtype_encode((enum dtype)t, values, storage, count);
                dtype_decode((enum dtype)t, storage, back, count);
                assert_memory_equal(values, back, (size_t)count * sizeof *values);
                int64_t zeros = 0;
                for (int64_t i = 0; i < count; i++) {
                    assert_true(isfinite(values[i]));
                    zeros += values[i] == 0;
                }
                const bool column0 = kind == INPUT_DOMINANT && tensor == TENSOR_K;
                assert_true(column0 ? zeros == 4 * 32 : zeros <= count / 100);
                if (tensor == TENSOR_V) {
                    float *random = fill(&problem, TENSOR_V, INPUT_RANDOM, 5);
                    assert_memory_equal(values, random, (size_t)count * sizeof *values);
                    free(random);
                }
                free(values);
                free(back);
                free(storage);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16_patterns),
        cmocka_unit_test(test_f16_rounding),
        cmocka_unit_test(test_conversion_cases),
        cmocka_unit_test(test_bf16_patterns),
        cmocka_unit_test(test_encode_decode),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_same_bits_everywhere),
        cmocka_unit_test(test_random_moments),
        cmocka_unit_test(test_counter_based),
        cmocka_unit_test(test_layouts_hold_the_same),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_kinds_are_storable),
    };
    return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
