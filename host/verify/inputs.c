#include "verify/inputs.h"

#include "problem/operation.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

const char *input_kind_name(enum input_kind kind)
{
    static const char *const names[INPUT_KINDS] = {"random", "large", "dominant", "equal", "tiny"};
    assert((int)kind >= 0 && kind < INPUT_KINDS);
    return names[kind];
}

int input_kind_parse(const char *name, enum input_kind *kind)
{
    for (int k = 0; k < INPUT_KINDS; k++)
        if (strcmp(input_kind_name((enum input_kind)k), name) == 0) {
            *kind = (enum input_kind)k;
            return 0;
        }
    return -1;
}

uint64_t inputs_hash(uint64_t seed, uint64_t counter)
{
    uint64_t z = seed + (counter + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Twice the centred sum of four 16-bit uniforms, plus 1: odd, so never 0, and exact in a float. The
 * sum has the variance 4 (2^32 - 1) / 12, hence the standard deviation below. */
static float bell(uint64_t bits)
{
    const uint64_t sum =
        (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    return (float)(2 * (int32_t)sum - 2 * 131070 + 1);
}

static const float UNIT = 1.0F / 75674.4F; /* 1 / (2 sqrt((2^32 - 1) / 3)) */

/* f16 ends at 65504, and random values at 3.47: whatever the scale, inputs stay finite. */
static const double GAIN_MAX = 1e4;

/* How a kind turns hashes into values. */
struct recipe {
    uint64_t key;     /* of the hash: seed and tensor */
    float gain;       /* of the bell */
    bool one_row;     /* every row of a head repeats its first */
    bool column0;     /* column 0 is overwritten: */
    int64_t peak_row; /* with `peak` in this row (-1: in every row), with 0 in the others */
    float peak;
};

static struct recipe recipe_build(const struct problem *problem, enum tensor tensor,
                                  enum input_kind kind, uint64_t seed)
{
    struct recipe recipe = {.key = inputs_hash(seed, (uint64_t)tensor), .gain = UNIT};
    if (tensor == TENSOR_V)
        return recipe;
    const double scale = fabs(problem_scale(problem));
    /* Scores of random inputs are sums of d_k products of variance 1. */
    const double sigma = scale * sqrt((double)problem->d_k);
    switch (kind) {
    case INPUT_RANDOM:
    case INPUT_KINDS:
        break;
    case INPUT_LARGE: /* sigma 30: the largest of some thousand scores come to about 100 */
        recipe.gain = UNIT * (float)fmin(fmax(sqrt(30 / sigma), 1), GAIN_MAX);
        break;
    case INPUT_DOMINANT: /* the peaks' product adds 40 + 20 sigma; random scores differ by < 20
                            sigma for any d_k >= 2, and are 0 for d_k = 1 */
        recipe.column0 = true;
        recipe.peak = (float)fmin(sqrt((40 + 20 * sigma) / scale), GAIN_MAX);
        recipe.peak_row = tensor == TENSOR_Q ? -1 : problem->n_kv / 2;
        break;
    case INPUT_EQUAL:
        recipe.one_row = tensor == TENSOR_K;
        break;
    case INPUT_TINY:
        recipe.gain = UNIT * (problem->dtype == DTYPE_F16 ? 1e-5F : 1e-20F);
        break;
    }
    return recipe;
}

float inputs_round(enum dtype dtype, float value)
{
    switch (dtype) {
    case DTYPE_F16:
        return f32_from_f16(f16_from_f32(value));
    case DTYPE_BF16:
        return f32_from_bf16(bf16_from_f32(value));
    case DTYPE_F32:
        break;
    }
    return value;
}

void inputs_fill(const struct problem *problem, enum tensor tensor, enum input_kind kind,
                 uint64_t seed, float *values, int64_t count)
{
    const int64_t heads = tensor == TENSOR_Q ? problem->heads_q : problem->heads_kv;
    const int64_t n = tensor == TENSOR_Q ? problem->n_q : problem->n_kv;
    const int64_t d = tensor == TENSOR_V ? problem->d_v : problem->d_k;
    const struct recipe recipe = recipe_build(problem, tensor, kind, seed);
    const enum dtype dtype = (enum dtype)problem->dtype;
    assert(count <= problem->batch * heads * n * d);

/* Waking the threads costs more than a small tensor does, and very much more on a busy machine. */
#pragma omp parallel for schedule(static) if (count > 100000)
    for (int64_t stored = 0; stored < (count + d - 1) / d; stored++) {
        int64_t bh = stored / n, row = stored % n;
        if (problem->layout == LAYOUT_BNHD) {
            bh = stored / (n * heads) * heads + stored % heads;
            row = stored / heads % n;
        }
        const uint64_t first = (uint64_t)((bh * n + (recipe.one_row ? 0 : row)) * d);
        const int64_t columns = count - stored * d < d ? count - stored * d : d;
        float *out = values + stored * d;
        for (int64_t c = 0; c < columns; c++) {
            const float number = bell(inputs_hash(recipe.key, first + (uint64_t)c));
            out[c] = inputs_round(dtype, recipe.gain * number);
        }
        if (recipe.column0) {
            const bool peak = recipe.peak_row < 0 || recipe.peak_row == row;
            out[0] = peak ? inputs_round(dtype, recipe.peak) : 0;
        }
    }
}

/* Either the float bias or the boolean mask. */
static void fill_from_mask(const struct problem *problem, float *values, unsigned char *mask,
                           float hidden, uint64_t key)
{
    const struct bias_dims dims = problem_bias_dims(problem);
    const int64_t *size = dims.size;

#pragma omp parallel for schedule(static)
    for (int64_t line = 0; line < size[BIAS_BATCH] * size[BIAS_HEAD] * size[BIAS_ROW]; line++) {
        const int64_t row = line % size[BIAS_ROW], bh = line / size[BIAS_ROW];
        const int64_t head = bh % size[BIAS_HEAD], batch = bh / size[BIAS_HEAD];
        for (int64_t j = 0; j < size[BIAS_KEY]; j++) {
            const bool kept = problem_mask_keeps(problem, batch, head, row, j);
            const int64_t index = line * size[BIAS_KEY] + j;
            if (mask)
                mask[index] = kept;
            else if (values && kept)
                values[index] = UNIT * bell(inputs_hash(key, (uint64_t)index));
            else if (values)
                values[index] = (row + j) % 2 ? -INFINITY : hidden;
        }
    }
}

void inputs_fill_bias(const struct problem *problem, uint64_t seed, float hidden, float *values)
{
    fill_from_mask(problem, values, NULL, hidden, inputs_hash(seed, TENSOR_BIAS));
}

void inputs_fill_mask(const struct problem *problem, unsigned char *values)
{
    fill_from_mask(problem, NULL, values, 0, 0);
}

void inputs_fill_sinks(const struct problem *problem, uint64_t seed, float *values)
{
    const uint64_t key = inputs_hash(seed, TENSOR_SINKS);
    for (int64_t h = 0; h < problem->heads_q; h++)
        values[h] = (float)((int64_t)(inputs_hash(key, (uint64_t)h) >> 40) - (1 << 23)) * 0x1p-22F;
}

void inputs_fill_tensor(const struct problem *problem, int tensor, enum input_kind kind,
                        uint64_t seed, float *values, int64_t count)
{
    enum { FIRST_KEY = 64 }; /* beyond those of q, k, v, bias and sinks */
    const enum dtype dtype = (enum dtype)problem->dtype;
    const enum tensor_values form = operation_tensor(tensor)->values;
    const uint64_t key = inputs_hash(seed, (uint64_t)FIRST_KEY + (uint64_t)tensor);
    int64_t dims[4];
    operation_tensor_size(problem, tensor, dims);
    int last = 3;
    while (last > 0 && !operation_tensor(tensor)->dims[last])
        --last;
    const int64_t columns = dims[last], rows = last > 0 ? dims[last - 1] : 1;
    float gain = UNIT, offset = 0;
    if (form == VALUES_WEIGHT)
        gain = UNIT * (float)sqrt(2 / (double)(rows + columns));
    else if (form != VALUES_DATA)
        gain = UNIT / 10;
    else if (kind == INPUT_LARGE)
        gain = UNIT * 30;
    else if (kind == INPUT_TINY)
        gain = UNIT * (dtype == DTYPE_F16 ? 1e-5F : 1e-20F);
    if (form == VALUES_GAIN)
        offset = 1;
    const bool one_row = form == VALUES_DATA && kind == INPUT_EQUAL;
#pragma omp parallel for schedule(static) if (count > 100000)
    for (int64_t i = 0; i < count; i++) {
        const uint64_t index = (uint64_t)(one_row ? i % columns : i);
        values[i] = inputs_round(dtype, offset + gain * bell(inputs_hash(key, index)));
    }
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t f16_from_f32(float value)
{
    const uint32_t bits = bits_of(value);
    const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    uint32_t half;
    if (size > 0x7f800000) { /* NaN: quiet, so that no payload rounds to infinity */
        half = 0x7e00 | (size >> 13 & 0x3ff);
    } else if (size >= 0x47800000) { /* 2^16 and above; what rounds up to it carries below */
        half = 0x7c00;
    } else if (size >= 0x38800000) { /* normal: another bias, 13 bits less */
        half = (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
    } else if (size > 0x33000000) { /* above 2^-25: a multiple of 2^-24 */
        const uint32_t mantissa = (size & 0x7fffff) | 0x800000, shift = 126 - (size >> 23);
        const uint32_t rest = mantissa & ((1U << shift) - 1), tie = 1U << (shift - 1);
        half = mantissa >> shift;
        half += rest > tie || (rest == tie && (half & 1));
    } else {
        half = 0;
    }
    return (uint16_t)(sign | half);
}

float f32_from_f16(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, size = bits & 0x7fff;
    if (size >= 0x7c00) /* infinity and NaN */
        return float_of(sign | 0x7f800000 | (size & 0x3ff) << 13);
    if (size < 0x400) /* subnormal */
        return float_of(sign | bits_of((float)size * 0x1p-24F));
    return float_of(sign | ((size << 13) + 0x38000000));
}

uint16_t bf16_from_f32(float value)
{
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float f32_from_bf16(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

void dtype_encode(enum dtype dtype, const float *values, void *storage, int64_t count)
{
    uint16_t *halves = storage;
    switch (dtype) {
    case DTYPE_F32:
        memcpy(storage, values, (size_t)count * sizeof *values);
        return;
    case DTYPE_F16:
        for (int64_t i = 0; i < count; i++)
            halves[i] = f16_from_f32(values[i]);
        return;
    case DTYPE_BF16:
        for (int64_t i = 0; i < count; i++)
            halves[i] = bf16_from_f32(values[i]);
        return;
    }
}

void dtype_decode(enum dtype dtype, const void *storage, float *values, int64_t count)
{
    const uint16_t *halves = storage;
    switch (dtype) {
    case DTYPE_F32:
        memcpy(values, storage, (size_t)count * sizeof *values);
        return;
    case DTYPE_F16:
        for (int64_t i = 0; i < count; i++)
            values[i] = f32_from_f16(halves[i]);
        return;
    case DTYPE_BF16:
        for (int64_t i = 0; i < count; i++)
            values[i] = f32_from_bf16(halves[i]);
        return;
    }
}
