#include "verify/reference.h"

#include <math.h>

int64_t row_offset(const struct problem *problem, row_index row, int64_t d)
{
    if (problem->layout == LAYOUT_BHND)
        return row * d;
    const int64_t i = row % problem->n_q, bh = row / problem->n_q;
    const int64_t b = bh / problem->heads_q, h = bh % problem->heads_q;
    return ((b * problem->n_q + i) * problem->heads_q + h) * d;
}

/* One head's keys or values: row j starts at first + j * stride. */
struct rows {
    const float *first;
    int64_t stride;
};

static struct rows head_rows(const struct problem *problem, const float *tensor, int64_t batch,
                             int64_t head, int64_t d)
{
    const int64_t n = problem->n_kv, heads = problem->heads_kv;
    if (problem->layout == LAYOUT_BHND)
        return (struct rows){tensor + (batch * heads + head) * n * d, d};
    return (struct rows){tensor + (batch * n * heads + head) * d, heads * d};
}

/* The sum of products, and the sum of their absolute values. */
static double dot(const float *a, const float *b, int64_t count, double *absolute)
{
    double sum = 0, size = 0;
    for (int64_t c = 0; c < count; c++) {
        const double product = (double)a[c] * (double)b[c];
        sum += product;
        size += fabs(product);
    }
    *absolute = size;
    return sum;
}

/* One query row, with what its scores depend on. */
struct query {
    int64_t batch, head, row;
    int64_t first, end; /* keys that mask, window and padding let it see */
    const float *q;
    struct rows k, v;
};

static struct query find_query(const struct problem *problem, const struct attention_inputs *inputs,
                               row_index index)
{
    const int64_t bh = index / problem->n_q;
    struct query query = {
        .batch = bh / problem->heads_q, .head = bh % problem->heads_q, .row = index % problem->n_q};
    const int64_t kv_head = query.head / (problem->heads_q / problem->heads_kv);
    query.q = inputs->q + row_offset(problem, index, problem->d_k);
    query.k = head_rows(problem, inputs->k, query.batch, kv_head, problem->d_k);
    query.v = head_rows(problem, inputs->v, query.batch, kv_head, problem->d_v);
    problem_visible_keys(problem, query.batch, query.row, &query.first, &query.end);
    return query;
}

/* What is added to the score of a key; -infinity hides it. */
static double bias_of(const struct problem *problem, const struct attention_inputs *inputs,
                      const struct query *query, int64_t j)
{
    if (problem->bias == BIAS_NONE)
        return 0;
    if (problem->bias == BIAS_ALIBI) {
        const int64_t distance = query->row + problem_causal_offset(problem) - j;
        return -(double)(float)alibi_slope(query->head, problem->heads_q) * fabs((double)distance);
    }
    const struct bias_dims dims = problem_bias_dims(problem);
    const int64_t index = bias_index(&dims, query->batch, query->head, query->row, j);
    if (problem->bias == BIAS_BOOL)
        return inputs->mask[index] ? 0 : -INFINITY;
    return (double)inputs->bias[index];
}

/* Scores of keys first <= j < end to scores[j], -infinity for masked ones; sizes[j] is how large
 * the numbers were that a score is made of. */
static void score(const struct problem *problem, const struct attention_inputs *inputs,
                  const struct query *query, double *scores, double *sizes)
{
    const double scale = problem_scale(problem), softcap = problem->softcap;
    for (int64_t j = query->first; j < query->end; j++) {
        double size;
        double s = scale * dot(query->q, query->k.first + j * query->k.stride, problem->d_k, &size);
        if (softcap > 0)
            s = softcap * tanh(s / softcap);
        const double bias = bias_of(problem, inputs, query, j);
        s += bias;
        scores[j] = bias <= BIAS_MASKED ? -INFINITY : s;
        sizes[j] = fabs(scale) * size + 2 * fabs(bias);
    }
}

/* Scores become weights; a sink takes its share of the sum. All keys masked: all weights 0. */
static void softmax(const struct query *query, const float *sink, double *weights)
{
    double max = sink ? (double)*sink : -INFINITY;
    for (int64_t j = query->first; j < query->end; j++)
        max = fmax(max, weights[j]);
    double sum = sink ? exp((double)*sink - max) : 0;
    for (int64_t j = query->first; j < query->end; j++) {
        weights[j] = weights[j] == -INFINITY ? 0 : exp(weights[j] - max);
        sum += weights[j];
    }
    for (int64_t j = query->first; j < query->end && sum > 0; j++)
        weights[j] /= sum;
}

/* How far some weights or other could be from the output: the furthest value that is seen. */
static void furthest_values(const struct query *query, const unsigned char *seen, int64_t d_v,
                            const double *output, double *magnitude)
{
    for (int64_t c = 0; c < d_v; c++)
        magnitude[c] = 0;
    for (int64_t j = query->first; j < query->end; j++)
        for (int64_t c = 0; c < d_v && seen[j]; c++)
            magnitude[c] = fmax(magnitude[c],
                                fabs((double)query->v.first[j * query->v.stride + c] - output[c]));
}

/* Relative to the row's largest weight: under a strong sink all of them are tiny. */
static double largest_size(const struct query *query, const double *weights, const double *sizes)
{
    double largest = 0, heaviest = 0;
    for (int64_t j = query->first; j < query->end; j++)
        heaviest = fmax(heaviest, weights[j]);
    for (int64_t j = query->first; j < query->end; j++)
        if (weights[j] > 1e-20 * heaviest)
            largest = fmax(largest, sizes[j]);
    return largest;
}

/* sum_j p_j v_j, and of |v_j| when magnitude is not NULL. */
static void weigh(const struct query *query, const double *weights, const unsigned char *seen,
                  int64_t d_v, double *output, double *magnitude)
{
    const struct rows v = query->v;
    for (int64_t c = 0; c < d_v; c++)
        output[c] = 0;
    for (int64_t j = query->first; j < query->end; j++)
        for (int64_t c = 0; c < d_v; c++)
            output[c] += weights[j] * (double)v.first[j * v.stride + c];
    if (!magnitude)
        return;
    for (int64_t c = 0; c < d_v; c++)
        magnitude[c] = 0;
    for (int64_t j = query->first; j < query->end; j++)
        for (int64_t c = 0; c < d_v && seen[j]; c++)
            magnitude[c] +=
                fmax(weights[j], WEIGHT_RESOLVED) * fabs((double)v.first[j * v.stride + c]);
}

void reference_attention(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output,
                         double *magnitude, double *score_size)
{
    const int64_t d_v = problem->d_v;

    /* Waking the threads costs more than a small problem does, and very much more on a busy
     * machine. */
    const double products =
        (double)row_count * (double)problem->n_kv * (double)(problem->d_k + d_v);
#pragma omp parallel if (products > 1e7)
    {
        struct arena arena = {0};
        double *weights = arena_array(&arena, (size_t)problem->n_kv, sizeof *weights);
        double *sizes = arena_array(&arena, (size_t)problem->n_kv, sizeof *sizes);
        unsigned char *seen = arena_array(&arena, (size_t)problem->n_kv, 1);
#pragma omp for schedule(dynamic)
        for (int64_t r = 0; r < row_count; r++) {
            const struct query query = find_query(problem, inputs, rows[r]);
            score(problem, inputs, &query, weights, sizes);
            for (int64_t j = query.first; j < query.end; j++)
                seen[j] = weights[j] > -INFINITY;
            softmax(&query, problem->sink ? &inputs->sinks[query.head] : NULL, weights);
            weigh(&query, weights, seen, d_v, output + r * d_v,
                  magnitude ? magnitude + r * d_v : NULL);
            const double size = largest_size(&query, weights, sizes);
            if (magnitude && size > SCORE_SIZE_BLIND)
                furthest_values(&query, seen, d_v, output + r * d_v, magnitude + r * d_v);
            if (score_size)
                score_size[r] = size;
        }
        arena_free(&arena);
    }
}

void reference_scores(const struct problem *problem, const struct attention_inputs *inputs,
                      const row_index *rows, int64_t row_count, double *values)
{
    const bool weights = problem->returns == RETURNS_WEIGHTS;
    const int64_t n = problem->n_kv;

#pragma omp parallel
    {
        struct arena arena = {0};
        double *sizes = arena_array(&arena, (size_t)n, sizeof *sizes);
#pragma omp for schedule(dynamic)
        for (int64_t r = 0; r < row_count; r++) {
            const struct query query = find_query(problem, inputs, rows[r]);
            double *row = values + r * n;
            for (int64_t j = 0; j < n; j++)
                row[j] = weights ? 0 : -INFINITY;
            score(problem, inputs, &query, row, sizes);
            if (weights)
                softmax(&query, problem->sink ? &inputs->sinks[query.head] : NULL, row);
        }
        arena_free(&arena);
    }
}
