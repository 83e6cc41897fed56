#include "verify/reference.h"

#include <assert.h>
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

/* Scores of keys first <= j < end to weights[j]; returns score_size. */
static double score(const struct problem *problem, const float *q, struct rows k, int64_t first,
                    int64_t end, double *weights)
{
    const double scale = problem_scale(problem), softcap = problem->softcap;
    double largest = 0;
    for (int64_t j = first; j < end; j++) {
        double size;
        double s = scale * dot(q, k.first + j * k.stride, problem->d_k, &size);
        if (softcap > 0)
            s = softcap * tanh(s / softcap);
        weights[j] = s;
        largest = fmax(largest, fabs(scale) * size);
    }
    return largest;
}

static void softmax(double *weights, int64_t first, int64_t end)
{
    double max = -INFINITY, sum = 0;
    for (int64_t j = first; j < end; j++)
        max = fmax(max, weights[j]);
    for (int64_t j = first; j < end; j++) {
        weights[j] = exp(weights[j] - max);
        sum += weights[j];
    }
    for (int64_t j = first; j < end; j++)
        weights[j] /= sum;
}

/* sum_j p_j v_j, and of |v_j| when magnitude is not NULL. */
static void weigh(const double *weights, struct rows v, int64_t first, int64_t end, int64_t d_v,
                  double *output, double *magnitude)
{
    for (int64_t c = 0; c < d_v; c++)
        output[c] = 0;
    for (int64_t j = first; j < end; j++)
        for (int64_t c = 0; c < d_v; c++)
            output[c] += weights[j] * (double)v.first[j * v.stride + c];
    if (!magnitude)
        return;
    for (int64_t c = 0; c < d_v; c++)
        magnitude[c] = 0;
    for (int64_t j = first; j < end; j++)
        for (int64_t c = 0; c < d_v; c++)
            magnitude[c] += weights[j] * fabs((double)v.first[j * v.stride + c]);
}

void reference_attention(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output,
                         double *magnitude, double *score_size)
{
    assert(problem->bias == BIAS_NONE && !problem->sink);
    const int64_t d_k = problem->d_k, d_v = problem->d_v;
    const int64_t group = problem->heads_q / problem->heads_kv;

    /* Waking the threads costs more than a small problem does, and very much more on a busy
     * machine. */
    const double products = (double)row_count * (double)problem->n_kv * (double)(d_k + d_v);
#pragma omp parallel if (products > 1e7)
    {
        struct arena arena = {0};
        double *weights = arena_array(&arena, (size_t)problem->n_kv, sizeof *weights);
#pragma omp for schedule(dynamic)
        for (int64_t r = 0; r < row_count; r++) {
            const int64_t i = rows[r] % problem->n_q, bh = rows[r] / problem->n_q;
            const int64_t b = bh / problem->heads_q, kv_head = bh % problem->heads_q / group;
            const float *q = inputs->q + row_offset(problem, rows[r], d_k);
            const struct rows k = head_rows(problem, inputs->k, b, kv_head, d_k);
            const struct rows v = head_rows(problem, inputs->v, b, kv_head, d_v);
            int64_t first, end;
            problem_visible_keys(problem, b, i, &first, &end);
            const double size = score(problem, q, k, first, end, weights);
            softmax(weights, first, end);
            weigh(weights, v, first, end, d_v, output + r * d_v,
                  magnitude ? magnitude + r * d_v : NULL);
            if (score_size)
                score_size[r] = size;
        }
        arena_free(&arena);
    }
}
