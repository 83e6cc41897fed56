#include "verify/stages.h"

#include "verify/inputs.h"

#include <math.h>

static const double U = 0x1p-24;

double noise_draw(const struct noise *noise, uint64_t index)
{
    if (!noise)
        return 0;
    const uint64_t bits = inputs_hash(noise->seed + noise->stage, index);
    return ((double)(bits >> 11) * 0x1p-52 - 1) * sqrt(3.0);
}

/* What storing does to a value. */
static double stored(const struct noise *noise, uint64_t index, double value)
{
    return noise ? value * (1 + noise->storage * noise_draw(noise, ~index)) : value;
}

static void next(struct noise *noise)
{
    if (noise)
        noise->stage += UINT64_C(0x9e3779b97f4a7c15);
}

static double root_mean_square(struct noise *noise, const float *w, int64_t count)
{
    if (!noise || noise->w == w)
        return noise ? noise->rms : 0;
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)w[i] * (double)w[i];
    noise->w = w;
    noise->rms = sqrt(sum / (double)count);
    return noise->rms;
}

/* Some rows of y = x w together, so that each element of w is fetched once for all of them. */
static void multiply_rows(const double *x, int64_t rows, int64_t k, const float *w, int64_t n,
                          double *y)
{
    for (int64_t i = 0; i < rows * n; i++)
        y[i] = 0;
    for (int64_t i = 0; i < k; i++)
        for (int64_t r = 0; r < rows; r++) {
            const double factor = x[r * k + i];
            for (int64_t c = 0; c < n; c++)
                y[r * n + c] += factor * (double)w[i * n + c];
        }
}

void stage_linear(struct noise *noise, const double *x, int64_t rows, int64_t k, const float *w,
                  const float *bias, int64_t n, double *y)
{
    enum { TOGETHER = 4 };
    const double rms = root_mean_square(noise, w, k * n);
    next(noise);
#pragma omp parallel for schedule(static) if ((double)rows * (double)k * (double)n > 3e7)
    for (int64_t first = 0; first < rows; first += TOGETHER) {
        const int64_t count = rows - first < TOGETHER ? rows - first : TOGETHER;
        multiply_rows(x + first * k, count, k, w, n, y + first * n);
        for (int64_t r = first; r < first + count; r++) {
            double squares = 0;
            for (int64_t i = 0; i < k && noise; i++)
                squares += x[r * k + i] * x[r * k + i];
            const double error = U * sqrt((double)k / 2 * squares) * rms;
            for (int64_t c = 0; c < n; c++) {
                const uint64_t index = (uint64_t)(r * n + c);
                const double sum = y[index] + error * noise_draw(noise, index);
                y[index] = stored(noise, index, sum + (bias ? (double)bias[c] : 0));
            }
        }
    }
}

/* ---- attention ------------------------------------------------------------------------------- */

struct query {
    int64_t batch, row, head, first, end;
    const double *q, *k, *v; /* of the head: k and v of key 0 */
    int64_t k_stride, v_stride;
    uint64_t index; /* of its noise */
};

static double bias_of(const struct problem *part, const struct query *query, const float *distances,
                      int64_t clip, int64_t j)
{
    const int64_t distance = j - query->row;
    if (part->bias == BIAS_ALIBI)
        return -(double)(float)alibi_slope(query->head, part->heads_q) *
               fabs((double)(query->row + problem_causal_offset(part) - j));
    if (!distances)
        return 0;
    const int64_t clipped = distance < -clip ? -clip : distance > clip ? clip : distance;
    return (double)distances[query->head * (2 * clip + 1) + clipped + clip];
}

static void attend(const struct noise *noise, const struct problem *part, const struct query *query,
                   const float *distances, int64_t clip, double *weights, double *o)
{
    const double scale = problem_scale(part), keys = (double)(query->end - query->first);
    double max = -INFINITY, sum = 0;
    for (int64_t c = 0; c < part->d_v; c++)
        o[c] = 0;
    for (int64_t j = query->first; j < query->end; j++) {
        double score = 0, size = 0;
        for (int64_t c = 0; c < part->d_k; c++) {
            const double product = query->q[c] * query->k[j * query->k_stride + c];
            score += product;
            size += fabs(product);
        }
        const double error = U * (sqrt((double)part->d_k) / 2 + 4) * size * fabs(scale);
        weights[j] = scale * score + bias_of(part, query, distances, clip, j) +
                     error * noise_draw(noise, query->index + (uint64_t)j);
        max = fmax(max, weights[j]);
    }
    for (int64_t j = query->first; j < query->end; j++) {
        const double error = noise ? 8 * U + noise->storage : 0;
        weights[j] = exp(weights[j] - max);
        sum += weights[j];
        weights[j] *= 1 + error * noise_draw(noise, ~(query->index + (uint64_t)j));
    }
    for (int64_t j = query->first; j < query->end; j++)
        for (int64_t c = 0; c < part->d_v; c++)
            o[c] += weights[j] / sum * query->v[j * query->v_stride + c];
    for (int64_t c = 0; c < part->d_v; c++) {
        const uint64_t index = query->index * 3 + (uint64_t)c;
        o[c] = stored(noise, index, o[c] * (1 + sqrt(keys) * U * noise_draw(noise, index)));
    }
}

void stage_attention(struct noise *noise, const struct problem *part, const double *q,
                     const double *k, const double *v, const float *distances, int64_t clip,
                     const row_index *rows, int64_t row_count, double *o)
{
    const int64_t heads = part->heads_q, kv = part->heads_kv, d_k = part->d_k, d_v = part->d_v;
    next(noise);
#pragma omp parallel if ((double)row_count * (double)(heads * part->n_kv * (d_k + d_v)) > 3e7)
    {
        struct arena arena = {0};
        double *weights = arena_array(&arena, (size_t)part->n_kv, sizeof *weights);
#pragma omp for schedule(dynamic)
        for (int64_t at = 0; at < row_count * heads; at++) {
            const int64_t r = at / heads, head = at % heads, kv_head = head / (heads / kv);
            struct query query = {.batch = rows[r] / part->n_q,
                                  .row = rows[r] % part->n_q,
                                  .head = head,
                                  .q = q + at * d_k,
                                  .k_stride = kv * d_k,
                                  .v_stride = kv * d_v,
                                  .index = (uint64_t)(at * part->n_kv)};
            query.k = k + (query.batch * part->n_kv * kv + kv_head) * d_k;
            query.v = v + (query.batch * part->n_kv * kv + kv_head) * d_v;
            problem_visible_keys(part, query.batch, query.row, &query.first, &query.end);
            attend(noise, part, &query, distances, clip, weights, o + at * d_v);
        }
        arena_free(&arena);
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

void stage_layer_norm(struct noise *noise, const double *x, int64_t rows, int64_t n,
                      const float *gain, const float *shift, double *y)
{
    const double epsilon = 1e-5;
    next(noise);
#pragma omp parallel for schedule(static) if (rows * n > 10000000)
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0, variance = 0;
        for (int64_t c = 0; c < n; c++)
            mean += x[r * n + c] / (double)n;
        for (int64_t c = 0; c < n; c++)
            variance += (x[r * n + c] - mean) * (x[r * n + c] - mean) / (double)n;
        const double factor = 1 / sqrt(variance + epsilon);
        for (int64_t c = 0; c < n; c++) {
            const uint64_t index = (uint64_t)(r * n + c);
            const double centred = x[r * n + c] - mean;
            const double error = U * (8 * fabs(centred) + fabs(mean)) * noise_draw(noise, index);
            const double scaled = (centred + error) * factor * (double)gain[c];
            y[r * n + c] = stored(noise, index, scaled + (double)shift[c]);
        }
    }
}

void stage_add(struct noise *noise, const double *x, int64_t count, double *y)
{
    next(noise);
    for (int64_t i = 0; i < count; i++)
        y[i] = stored(noise, (uint64_t)i, y[i] + x[i]);
}

void stage_activate(struct noise *noise, enum activation activation, int64_t count, double *x)
{
    next(noise);
#pragma omp parallel for schedule(static) if (count > 10000000)
    for (int64_t i = 0; i < count; i++) {
        const uint64_t index = (uint64_t)i;
        if (activation == ACTIVATION_RELU)
            x[i] = fmax(x[i], 0);
        else
            x[i] *= 0.5 * (1 + erf(x[i] / sqrt(2.0)) + 8 * U * noise_draw(noise, index));
        x[i] = stored(noise, index, x[i]);
    }
}

void stage_positions(struct noise *noise, int64_t batch, int64_t n, int64_t d, const float *table,
                     double *x)
{
    next(noise);
    for (int64_t r = 0; r < batch * n; r++)
        for (int64_t c = 0; c < d; c++) {
            const uint64_t index = (uint64_t)(r * d + c);
            const int64_t even = c - c % 2;
            const double angle = (double)(r % n) * pow(10000, -(double)even / (double)d) *
                                 (1 + 4 * U * noise_draw(noise, index));
            const double position = table        ? (double)table[r % n * d + c]
                                    : c % 2 == 0 ? sin(angle)
                                                 : cos(angle);
            x[r * d + c] = stored(noise, index, x[r * d + c] + position);
        }
}

void stage_rope(struct noise *noise, int64_t heads, int64_t d, int64_t pairs, double base,
                const row_index *rows, int64_t row_count, int64_t n, double *x)
{
    next(noise);
    for (int64_t r = 0; r < row_count; r++)
        for (int64_t at = 0; at < heads * pairs; at++) {
            const int64_t head = at / pairs, c = at % pairs;
            const int64_t position = (rows ? rows[r] : r) % n;
            const uint64_t index = (uint64_t)(r * heads * pairs + at);
            const double angle = (double)position * pow(base, -(double)c / (double)pairs) *
                                 (1 + 4 * U * noise_draw(noise, index * 2));
            double *pair = x + (r * heads + head) * d + c;
            const double a = pair[0], b = pair[pairs];
            pair[0] = stored(noise, index * 2, a * cos(angle) - b * sin(angle));
            pair[pairs] = stored(noise, index * 2 + 1, a * sin(angle) + b * cos(angle));
        }
}
