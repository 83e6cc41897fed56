#include "verify/needles.h"

#include "verify/inputs.h"

#include <math.h>

/* A query scores 64 nats with the keys of its set. Two random vectors of d signs agree in d / 2 +-
 * sqrt(d) / 2 places: among exp(d / 8) sets none comes within half of that, as a rule. */
static const double score_nats = 64, dims_per_nat = 8, size_max = 1e4;
/* By which the scores of a set differ, from key to key and from row to row: no two weights are
 * alike, nor their roundings. */
static const double spread_nats = 0.5;

enum { SETS_MAX = 127, HITS = 2 /* rows that aim at a set */ };

static double least(double a, double b)
{
    return a < b ? a : b;
}

struct needles needles_plan(const struct problem *problem, int64_t judged_rows)
{
    const double rows = judged_rows > 0 ? (double)judged_rows : 1, d = (double)problem->d_k;
    double sets =
        least(least(floor(exp(least(d / dims_per_nat, 10))), SETS_MAX), (double)problem->n_kv);
    const double rounds = least(ceil(HITS * sets / rows), NEEDLE_ROUNDS_MAX);
    sets = least(sets, floor(rounds * rows / HITS));
    struct needles needles = {.sets = sets > 1 ? (int64_t)sets : 1, .rounds = (int)rounds};
    /* Odd: tiles are powers of two, and a lane of theirs should not be a set. */
    needles.sets -= needles.sets > 2 && needles.sets % 2 == 0;
    const double scale = fabs(problem_scale(problem));
    needles.size = (float)least(scale > 0 ? sqrt(score_nats / (scale * d)) : 1, size_max);
    return needles;
}

/* The sign of element c of a set's vector. */
static float sign_of(uint64_t seed, int64_t set, int64_t c)
{
    const uint64_t bits = inputs_hash(inputs_hash(seed, (uint64_t)set), (uint64_t)(c / 64));
    return bits >> (c % 64) & 1 ? -1.0F : 1.0F;
}

/* Uniform, with mean 0 and this standard deviation. */
static float noise(uint64_t seed, uint64_t index, double deviation)
{
    return (float)((double)((int64_t)(inputs_hash(seed, index) >> 40) - (1 << 23)) * 0x1p-24 *
                   sqrt(12) * deviation);
}

/* Of the elements of q and of k. */
static double noise_size(const struct problem *problem, const struct needles *needles)
{
    const double scale = fabs(problem_scale(problem));
    return scale > 0 ? spread_nats / (scale * (double)needles->size * sqrt((double)problem->d_k))
                     : 0;
}

/* Where row `row` of the tensor's memory belongs: of its batch and head (b * heads + h), and of
 * which position. */
static void locate(const struct problem *problem, int64_t stored, int64_t heads, int64_t n,
                   int64_t *bh, int64_t *row)
{
    *bh = stored / n;
    *row = stored % n;
    if (problem->layout == LAYOUT_BNHD) {
        *bh = stored / (n * heads) * heads + stored % heads;
        *row = stored / heads % n;
    }
}

/* The key that a row aims at: every fourth row at the last or the first key that it sees, others
 * in each head. The rest take the sets in turn: of two rows that are `sets` apart, an odd number,
 * one at least does. Where a row sees no key of its set it aims somewhere among those that it
 * sees. */
static int64_t target(const struct problem *problem, int64_t sets, int64_t bh, int64_t row,
                      int round)
{
    int64_t first, end;
    problem_visible_keys(problem, bh / problem->heads_q, row, &first, &end);
    if (first >= end)
        return 0;
    const int64_t head = (int64_t)round * problem->batch * problem->heads_q + bh;
    const int64_t index = head * problem->n_q + row, turn = (index + head) % 8;
    if (turn == 0)
        return end - 1;
    if (turn == 4)
        return first;
    const int64_t key = first + (index % sets - first % sets + sets) % sets;
    if (key < end)
        return key;
    const double golden = 0.6180339887498949;
    const int64_t other =
        first + (int64_t)(fmod((double)index * golden, 1) * (double)(end - first));
    return other < end ? other : end - 1;
}

void needles_fill_q(const struct problem *problem, const struct needles *needles, uint64_t seed,
                    int round, float *q)
{
    const enum dtype dtype = (enum dtype)problem->dtype;
    const double deviation = noise_size(problem, needles);
    const float factor = problem_scale(problem) < 0 ? -needles->size : needles->size;
    const int64_t rows = problem->batch * problem->heads_q * problem->n_q;
#pragma omp parallel for schedule(static) if (rows * problem->d_k > 100000)
    for (int64_t stored = 0; stored < rows; stored++) {
        int64_t bh, row;
        locate(problem, stored, problem->heads_q, problem->n_q, &bh, &row);
        const int64_t set = target(problem, needles->sets, bh, row, round) % needles->sets;
        for (int64_t c = 0; c < problem->d_k; c++)
            q[stored * problem->d_k + c] = inputs_round(
                dtype,
                factor * sign_of(seed, set, c) +
                    noise(seed + 4 + (uint64_t)round,
                          (uint64_t)((bh * problem->n_q + row) * problem->d_k + c), deviation));
    }
}

void needles_fill_k(const struct problem *problem, const struct needles *needles, uint64_t seed,
                    float *k)
{
    const enum dtype dtype = (enum dtype)problem->dtype;
    const double deviation = noise_size(problem, needles);
    const int64_t rows = problem->batch * problem->heads_kv * problem->n_kv;
#pragma omp parallel for schedule(static) if (rows * problem->d_k > 100000)
    for (int64_t stored = 0; stored < rows; stored++) {
        int64_t bh, row;
        locate(problem, stored, problem->heads_kv, problem->n_kv, &bh, &row);
        const int64_t set = row % needles->sets, d = problem->d_k;
        for (int64_t c = 0; c < d; c++)
            k[stored * d + c] = inputs_round(
                dtype,
                needles->size * sign_of(seed, set, c) +
                    noise(seed + 2, (uint64_t)((bh * problem->n_kv + row) * d + c), deviation));
    }
}

void needles_fill_v(const struct problem *problem, const struct needles *needles, uint64_t seed,
                    float *v)
{
    const enum dtype dtype = (enum dtype)problem->dtype;
    const int64_t rows = problem->batch * problem->heads_kv * problem->n_kv, d = problem->d_v;
    /* As large as the mean of the random part of a set's values, so that neither hides the other.
     */
    const float size = (float)sqrt((double)needles->sets / (double)problem->n_kv);
    inputs_fill(problem, TENSOR_V, INPUT_RANDOM, seed, v, rows * d);
#pragma omp parallel for schedule(static) if (rows * d > 100000)
    for (int64_t stored = 0; stored < rows; stored++) {
        int64_t bh, row;
        locate(problem, stored, problem->heads_kv, problem->n_kv, &bh, &row);
        for (int64_t c = 0; c < d; c++) {
            const uint64_t bits = inputs_hash(seed + 1, (uint64_t)(bh * d + c));
            const float mean = size * (0.5F + (float)(bits >> 40) * 0x1p-24F);
            v[stored * d + c] = inputs_round(dtype, v[stored * d + c] + (bits & 1 ? -mean : mean));
        }
    }
}

void needles_fill_sinks(const struct problem *problem, const struct needles *needles, uint64_t seed,
                        float *sinks)
{
    const double size = (double)needles->size, cap = problem->softcap;
    const double dot = fabs(problem_scale(problem)) * size * size * (double)problem->d_k;
    const double score = cap > 0 ? cap * tanh(dot / cap) : dot;
    const double keys = (double)problem->n_kv / (double)needles->sets;
    for (int64_t h = 0; h < problem->heads_q; h++)
        sinks[h] = (float)(score + log(keys > 1 ? keys : 1)) + noise(seed + 3, (uint64_t)h, 0.5);
}
