/* Kernels in float as a device would run them, right ones and ones with one deliberate mistake, and
 * what the verdict makes of their outputs. Layout bhnd only. */
#ifndef ATTNBENCH_TESTS_SIMULATION_H
#define ATTNBENCH_TESTS_SIMULATION_H

#include "support.h"

#include "verify/inputs.h"
#include "verify/needles.h"
#include "verify/verdict.h"

#include <float.h>

enum order {
    PLAIN,    /* maximum, weights, normalise, then weigh the values */
    REVERSED, /* the same from the last key to the first */
    ONLINE,   /* tiles of 32 keys with a running maximum, normalised at the end */
    LAZY,     /* the same, rescaled only when the maximum has grown by a factor of 256 */
    SPLIT,    /* four parts of the keys by themselves, then merged */
    ORDERS
};

enum mistake {
    NONE,
    SCALE_MISSING,
    SCALE_WITHOUT_SQRT,   /* 1 / d_k */
    SCALE_FROM_TWICE_D,   /* 1 / sqrt(2 d_k) */
    SCALE_OFF_BY_PERCENT, /* 1 % too large */
    NO_MAXIMUM,
    SOFTCAP_MISSING,
    CAUSAL_EDGE_LOW,  /* the last visible key dropped */
    CAUSAL_EDGE_HIGH, /* one key too many */
    TAIL_TILE_DROPPED,
    LAST_64_UNREAD,
    EVERY_16TH_SKIPPED,
    ONE_IN_4096_IGNORED,
    SUM_NOT_RESCALED,
    OUTPUT_NOT_RESCALED,
    HALF_ACCUMULATION,
    HALF_SCORES,
    HEADS_SWAPPED,
    COLUMNS_SWAPPED, /* the first two */
    SINK_TWICE,
    TIMES_0_8,
    TIMES_0_95,
    ZEROS,
    LAST_ROW_LARGER, /* by 2 % */
    MISTAKES
};

enum weights { WEIGHTS_EXACT, WEIGHTS_ROUNDED, WEIGHTS_AND_SUM_ROUNDED, WEIGHTS };

struct simulation {
    enum order order;
    enum mistake mistake;
    enum weights weights; /* to the storage type, as a kernel for matrix units does */
    bool truncate;        /* the store rounds toward zero */
    int exp_degree;       /* 0: exact; else exp2 by a polynomial of that degree */
    enum precision inputs;
};

struct problem_data {
    struct problem problem;
    struct attention_inputs inputs;
    const row_index *rows;
    struct expected expected;
    unsigned char *covered;
    float *output;
    float *scores;        /* of the row at hand */
    float *known_scores;  /* [rows, n_kv]: right ones, of rows that are known */
    unsigned char *known; /* [rows] */
    struct arena *arena;
};

static inline float rounded_to(enum precision precision, float value)
{
    uint32_t bits;
    switch (precision) {
    case PRECISION_TF32:
        memcpy(&bits, &value, sizeof bits);
        bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
        memcpy(&value, &bits, sizeof bits);
        return value;
    case PRECISION_F16:
        return inputs_round(DTYPE_F16, value);
    case PRECISION_BF16:
        return inputs_round(DTYPE_BF16, value);
    case PRECISION_F32:
    case PRECISIONS:
        break;
    }
    return value;
}

/* The nearest number of the type that is not larger. */
static inline float truncated(enum dtype dtype, float value)
{
    const float nearest = inputs_round(dtype, value);
    if (fabsf(nearest) <= fabsf(value))
        return nearest;
    unsigned char storage[4];
    uint16_t bits;
    dtype_encode(dtype, &value, storage, 1);
    memcpy(&bits, storage, sizeof bits);
    bits--;
    memcpy(storage, &bits, sizeof bits);
    dtype_decode(dtype, storage, &value, 1);
    return value;
}

/* exp2 on [0, 1) through the Chebyshev nodes, whose error is that of the best polynomial but for a
 * few per cent; the rest of the exponent is exact. */
static inline float exp_of(const struct simulation *simulation, float x)
{
    enum { DEGREE_MAX = 8 };
    const int n = simulation->exp_degree;
    if (n == 0)
        return expf(x);
    static int known;
    static double nodes[DEGREE_MAX], divided[DEGREE_MAX];
    if (known != n) { /* Newton's divided differences */
        for (int i = 0; i <= n; i++) {
            nodes[i] = 0.5 + 0.5 * cos((2 * i + 1) * 3.14159265358979 / (2 * n + 2));
            divided[i] = exp2(nodes[i]);
        }
        for (int k = 1; k <= n; k++)
            for (int i = n; i >= k; i--)
                divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - k]);
        known = n;
    }
    const float y = x * 1.44269504F, whole = floorf(y), rest = y - whole;
    if (!(whole > -140))
        return 0;
    float p = (float)divided[n];
    for (int i = n - 1; i >= 0; i--)
        p = p * (rest - (float)nodes[i]) + (float)divided[i];
    return ldexpf(p, (int)whole);
}

static inline float half_of(float value)
{
    return inputs_round(DTYPE_F16, value);
}

static inline float simulated_bias(const struct problem_data *data, int64_t row, int64_t j)
{
    const struct problem *p = &data->problem;
    const int64_t i = row % p->n_q, h = row / p->n_q % p->heads_q, b = row / p->n_q / p->heads_q;
    if (p->bias == BIAS_ALIBI) {
        const int64_t distance = i + problem_causal_offset(p) - j;
        return -(float)alibi_slope(h, p->heads_q) * (float)(distance < 0 ? -distance : distance);
    }
    if (p->bias != BIAS_FLOAT)
        return 0;
    const struct bias_dims dims = problem_bias_dims(p);
    return data->inputs.bias[bias_index(&dims, b, h, i, j)];
}

static inline float simulated_score(const struct problem *problem,
                                    const struct simulation *simulation, const float *q,
                                    const float *k)
{
    const enum mistake mistake = simulation->mistake;
    float sums[4] = {0};
    for (int64_t c = 0; c < problem->d_k; c++) {
        const float a = q[c], b = k[c];
        if (simulation->inputs != PRECISION_F32)
            sums[0] += rounded_to(simulation->inputs, a) * rounded_to(simulation->inputs, b);
        else if (mistake == HALF_ACCUMULATION)
            sums[0] = half_of(sums[0] + a * b);
        else
            sums[simulation->order == PLAIN ? 0 : c % 4] += a * b;
    }
    float scale = (float)problem_scale(problem);
    if (mistake == SCALE_MISSING)
        scale = 1;
    else if (mistake == SCALE_WITHOUT_SQRT)
        scale *= scale;
    else if (mistake == SCALE_FROM_TWICE_D)
        scale *= 0.70710678F;
    else if (mistake == SCALE_OFF_BY_PERCENT)
        scale *= 1.01F;
    float s = scale * ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    const float softcap = (float)problem->softcap;
    if (softcap > 0 && mistake != SOFTCAP_MISSING)
        s = softcap * tanhf(s / softcap);
    return mistake == HALF_SCORES ? half_of(s) : s;
}

static inline bool is_skipped(enum mistake mistake, int64_t j, int64_t end)
{
    return (mistake == LAST_64_UNREAD && j >= end - 64) ||
           (mistake == EVERY_16TH_SKIPPED && j % 16 == 15) ||
           (mistake == ONE_IN_4096_IGNORED && j % 4096 == 4095);
}

/* A softmax on its way: of the keys so far. */
struct partial {
    float max, sum;
    float *out; /* [d_v] */
};

static inline void simulate_tile(const struct problem_data *data,
                                 const struct simulation *simulation, const float *v, int64_t start,
                                 int64_t stop, int64_t end, struct partial *state)
{
    const enum mistake mistake = simulation->mistake;
    const int64_t d_v = data->problem.d_v;
    float new_max = mistake == NO_MAXIMUM ? 0 : state->max;
    for (int64_t j = start; j < stop && mistake != NO_MAXIMUM; j++)
        new_max = fmaxf(new_max, data->scores[j]);
    if (simulation->order == LAZY && new_max < state->max + 5.545F) /* log 256 */
        new_max = state->max;
    if (new_max == -INFINITY)
        return;
    if (state->max != new_max) {
        const float rescale =
            state->max == -INFINITY ? 0 : exp_of(simulation, state->max - new_max);
        state->sum *= mistake == SUM_NOT_RESCALED && state->max != -INFINITY ? 1 : rescale;
        for (int64_t c = 0; c < d_v; c++)
            state->out[c] *= mistake == OUTPUT_NOT_RESCALED ? 1 : rescale;
    }
    state->max = new_max;
    for (int64_t step = start; step < stop; step++) {
        const int64_t j = simulation->order == REVERSED ? stop - 1 - (step - start) : step;
        if (data->scores[j] == -INFINITY || is_skipped(mistake, j, end))
            continue;
        float p = exp_of(simulation, data->scores[j] - new_max);
        state->sum += simulation->weights == WEIGHTS_AND_SUM_ROUNDED
                          ? inputs_round((enum dtype)data->problem.dtype, p)
                          : p;
        if (simulation->weights != WEIGHTS_EXACT)
            p = inputs_round((enum dtype)data->problem.dtype, p);
        p = rounded_to(simulation->inputs, p);
        const float *value = v + j * d_v;
        if (simulation->inputs == PRECISION_F32)
            for (int64_t c = 0; c < d_v; c++)
                state->out[c] += p * value[c];
        else
            for (int64_t c = 0; c < d_v; c++)
                state->out[c] += p * rounded_to(simulation->inputs, value[c]);
        for (int64_t c = 0; c < d_v && mistake == HALF_ACCUMULATION; c++)
            state->out[c] = half_of(state->out[c]);
    }
}

static inline void add_partial(struct partial *to, const struct partial *from, int64_t d_v)
{
    const float max = fmaxf(to->max, from->max);
    if (from->max == -INFINITY)
        return;
    const float a = to->max == -INFINITY ? 0 : expf(to->max - max), b = expf(from->max - max);
    to->sum = a * to->sum + b * from->sum;
    for (int64_t c = 0; c < d_v; c++)
        to->out[c] = a * to->out[c] + b * from->out[c];
    to->max = max;
}

/* Scores of a row; right ones are computed once for all orders but PLAIN. */
static inline void simulate_scores(const struct problem_data *data,
                                   const struct simulation *simulation, row_index row,
                                   const float *k, int64_t first, int64_t end)
{
    static const enum mistake of_scores[] = {
        SCALE_MISSING,        SCALE_WITHOUT_SQRT, SCALE_FROM_TWICE_D,
        SCALE_OFF_BY_PERCENT, SOFTCAP_MISSING,    HALF_ACCUMULATION,
        HALF_SCORES,          HEADS_SWAPPED,      CAUSAL_EDGE_HIGH};
    const struct problem *problem = &data->problem;
    bool right = simulation->inputs == PRECISION_F32 && simulation->order != PLAIN;
    for (size_t i = 0; i < COUNT(of_scores); i++)
        right &= simulation->mistake != of_scores[i];
    float *known = data->known_scores + row * problem->n_kv;
    if (!right || !data->known[row])
        for (int64_t j = first; j < end; j++)
            data->scores[j] =
                simulated_score(problem, simulation, data->inputs.q + row * problem->d_k,
                                k + j * problem->d_k) +
                simulated_bias(data, row, j);
    const size_t bytes = (size_t)(end - first) * sizeof(float);
    if (right && !data->known[row] && simulation->mistake == NONE) {
        memcpy(known + first, data->scores + first, bytes);
        data->known[row] = 1;
    } else if (right && data->known[row]) {
        memcpy(data->scores + first, known + first, bytes);
    }
}

static inline void simulate_row(const struct problem_data *data,
                                const struct simulation *simulation, row_index row, int64_t kv_head,
                                int64_t first, int64_t end)
{
    const struct problem *problem = &data->problem;
    const enum mistake mistake = simulation->mistake;
    const int64_t n = end - first, d_v = problem->d_v;
    const float *k = data->inputs.k + kv_head * problem->n_kv * problem->d_k;
    const float *v = data->inputs.v + kv_head * problem->n_kv * d_v;
    const int parts = simulation->order == SPLIT && n >= 4 ? 4 : 1;
    const int64_t tile = simulation->order == ONLINE || simulation->order == LAZY ? 32 : n;
    float *out = data->output + row * d_v, memory[256];
    struct partial all = {-INFINITY, 0, out};
    for (int64_t c = 0; c < d_v; c++)
        out[c] = 0;
    simulate_scores(data, simulation, row, k, first, end);
    for (int part = 0; part < parts; part++) {
        struct partial state = {-INFINITY, 0, memory};
        memset(memory, 0, sizeof memory);
        const int64_t from = first + n * part / parts, to = first + n * (part + 1) / parts;
        for (int64_t start = from; start < to; start += tile)
            simulate_tile(data, simulation, v, start, start + tile < to ? start + tile : to, end,
                          &state);
        add_partial(&all, &state, d_v);
    }
    if (problem->sink) {
        const float sink = data->inputs.sinks[row / problem->n_q % problem->heads_q];
        const struct partial of_sink = {sink, mistake == SINK_TWICE ? 2 : 1, memory};
        memset(memory, 0, sizeof memory);
        add_partial(&all, &of_sink, d_v);
    }
    float factor = mistake == TIMES_0_8 ? 0.8F : mistake == TIMES_0_95 ? 0.95F : 1;
    factor = mistake == ZEROS ? 0 : factor;
    if (mistake == LAST_ROW_LARGER && row % problem->n_q == problem->n_q - 1)
        factor = 1.02F;
    for (int64_t c = 0; c < d_v; c++) {
        const float value = all.sum == 0 ? 0 : factor * (out[c] / all.sum); /* NaN stays */
        out[c] = simulation->truncate ? truncated((enum dtype)problem->dtype, value)
                                      : inputs_round((enum dtype)problem->dtype, value);
    }
    if (mistake == COLUMNS_SWAPPED && d_v > 1) {
        const float swap = out[0];
        out[0] = out[1];
        out[1] = swap;
    }
}

/* The whole output. */
static inline void simulate(const struct problem_data *data, struct simulation simulation)
{
    const struct problem *problem = &data->problem;
    const int64_t n_q = problem->n_q, n_kv = problem->n_kv, heads = problem->heads_q;
    const int64_t group = heads / problem->heads_kv;
    for (int64_t row = 0; row < problem->batch * heads * n_q; row++) {
        const int64_t b = row / n_q / heads, i = row % n_q;
        int64_t h = row / n_q % heads, first, end;
        if (simulation.mistake == HEADS_SWAPPED)
            h = heads - 1 - h;
        problem_visible_keys(problem, b, i, &first, &end);
        if (simulation.mistake == CAUSAL_EDGE_LOW && end > first)
            end--;
        if (simulation.mistake == CAUSAL_EDGE_HIGH && end < n_kv)
            end++;
        if (simulation.mistake == TAIL_TILE_DROPPED)
            end = end / 32 * 32 > first ? end / 32 * 32 : end;
        simulate_row(data, &simulation, row, b * problem->heads_kv + h / group, first, end);
    }
}

/* Reference and memory for the output; inputs are there. */
static inline void make_expected(struct problem_data *data, uint64_t seed)
{
    const struct problem *problem = &data->problem;
    const size_t values = (size_t)problem_sizes(problem).o, keys = (size_t)problem->n_kv;
    struct expected *e = &data->expected;
    enum check_mode mode = CHECK_FULL;
    *e = (struct expected){.columns = problem->d_v};
    data->rows = verdict_rows(problem, &mode, seed, 0, data->arena, &e->rows);
    e->want = arena_array(data->arena, values, sizeof(double));
    e->variance = arena_array(data->arena, values, sizeof(double));
    e->coarse = arena_array(data->arena, values, sizeof(double));
    e->score_error = arena_array(data->arena, (size_t)e->rows, sizeof(double));
    e->models = arena_array(data->arena, (size_t)e->rows, sizeof *e->models);
    data->output = arena_array(data->arena, values, sizeof(float));
    data->scores = arena_array(data->arena, keys, sizeof(float));
    data->covered = arena_array(data->arena, keys, 1);
    data->known_scores = arena_array(data->arena, (size_t)e->rows * keys, sizeof(float));
    data->known = arena_array(data->arena, (size_t)e->rows, 1);
    reference_expected(problem, &data->inputs, data->rows, e->rows, e, data->covered);
}

/* What inputs of all kinds have in common. */
static inline struct problem_data prepare_memory(const struct problem *problem, uint64_t seed,
                                                 struct arena *arena)
{
    const struct problem_sizes sizes = problem_sizes(problem);
    struct problem_data data = {.problem = *problem, .arena = arena};
    data.inputs.q = arena_array(arena, (size_t)sizes.q, sizeof(float));
    data.inputs.k = arena_array(arena, (size_t)sizes.k, sizeof(float));
    data.inputs.v = arena_array(arena, (size_t)sizes.v, sizeof(float));
    float *sinks = arena_array(arena, (size_t)problem->heads_q, sizeof(float));
    inputs_fill_sinks(problem, seed, sinks);
    data.inputs.sinks = sinks;
    if (problem->bias == BIAS_FLOAT) {
        float *bias = arena_array(arena, (size_t)problem_bias_dims(problem).count, sizeof *bias);
        inputs_fill_bias(problem, seed, -4096, bias);
        data.inputs.bias = bias;
    }
    return data;
}

static inline struct problem_data prepare(const struct problem *problem, enum input_kind kind,
                                          uint64_t seed, struct arena *arena)
{
    const struct problem_sizes sizes = problem_sizes(problem);
    struct problem_data data = prepare_memory(problem, seed, arena);
    inputs_fill(problem, TENSOR_Q, kind, seed, (float *)(uintptr_t)data.inputs.q, sizes.q);
    inputs_fill(problem, TENSOR_K, kind, seed, (float *)(uintptr_t)data.inputs.k, sizes.k);
    inputs_fill(problem, TENSOR_V, kind, seed, (float *)(uintptr_t)data.inputs.v, sizes.v);
    make_expected(&data, seed);
    return data;
}

/* Needles, of which there are needles->rounds on the same keys and values; see next_round. */
static inline struct problem_data prepare_needles(const struct problem *problem, uint64_t seed,
                                                  struct needles *needles, struct arena *arena)
{
    struct problem_data data = prepare_memory(problem, seed, arena);
    *needles = needles_plan(problem, problem->batch * problem->heads_q * problem->n_q);
    needles_fill_q(problem, needles, seed, 0, (float *)(uintptr_t)data.inputs.q);
    needles_fill_k(problem, needles, seed, (float *)(uintptr_t)data.inputs.k);
    needles_fill_v(problem, needles, seed, (float *)(uintptr_t)data.inputs.v);
    make_expected(&data, seed);
    return data;
}

static inline void next_round(struct problem_data *data, const struct needles *needles,
                              uint64_t seed, int round)
{
    needles_fill_q(&data->problem, needles, seed, round, (float *)(uintptr_t)data->inputs.q);
    memset(data->known, 0, (size_t)data->expected.rows);
    reference_expected(&data->problem, &data->inputs, data->rows, data->expected.rows,
                       &data->expected, data->covered);
}

static inline struct verdict judge_as(const struct problem_data *data, enum precision precision)
{
    struct verdict verdict;
    verdict_judge(&data->problem, precision, data->rows, &data->expected, data->output, &verdict);
    return verdict;
}

static inline struct verdict judge(const struct problem_data *data)
{
    return judge_as(data, PRECISION_F32);
}

/* Sum of the squares of the errors of the output. */
static inline double error_energy(const struct problem_data *data)
{
    double sum = 0;
    for (int64_t e = 0; e < problem_sizes(&data->problem).o; e++) {
        const double err = (double)data->output[e] - data->expected.want[e];
        sum += err * err;
    }
    return sum;
}

static inline struct problem plain_problem(int64_t heads, int64_t n_q, int64_t n_kv, int64_t d)
{
    struct problem problem = problem_default();
    problem.batch = 1;
    problem.heads_q = problem.heads_kv = heads;
    problem.n_q = n_q;
    problem.n_kv = n_kv;
    problem.d_k = problem.d_v = d;
    return problem;
}

#endif
