/* Additive attention: weights are the softmax over j of v . tanh(x_i W + y_j U), the output is the
 * weighted sum of y. The products may be stored, what follows is f32. */
#include "verify/reference_run.h"

#include <math.h>

/* One row; errs as sums and functions of some ulp do. */
static void attend(const struct reference_run *run, uint64_t index, const double *query,
                   const double *keys, const double *values, double *weights, double *out)
{
    const struct problem *p = run->problem;
    const double u = run->noise ? 0x1p-24 : 0;
    const float *v = run_tensor(run, "v_a", 0);
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < p->n_kv; j++) {
        double score = 0, size = 0;
        for (int64_t c = 0; c < p->d_k; c++) {
            const double term = (double)v[c] * tanh(query[c] + keys[j * p->d_k + c]);
            score += term;
            size += fabs((double)v[c]);
        }
        weights[j] = score + u * (sqrt((double)p->d_k) / 2 + 8) * size *
                                 noise_draw(run->noise, index + (uint64_t)j);
        max = fmax(max, weights[j]);
    }
    for (int64_t j = 0; j < p->n_kv; j++) {
        weights[j] = exp(weights[j] - max);
        sum += weights[j];
    }
    for (int64_t c = 0; c < p->d_model; c++) {
        out[c] = 0;
        for (int64_t j = 0; j < p->n_kv; j++)
            out[c] += weights[j] / sum * values[j * p->d_model + c];
        out[c] *=
            1 + u * (8 + sqrt((double)p->n_kv)) * noise_draw(run->noise, ~index - (uint64_t)c);
    }
}

void reference_bahdanau(const struct reference_run *run, double *output)
{
    const struct problem *p = run->problem;
    const int64_t d = p->d_model, middle = p->d_k, kv_rows = p->batch * p->n_kv;
    double *queries = run_matrix(run, run->row_count, middle);
    double *keys = run_matrix(run, kv_rows, middle), *weights = run_matrix(run, 1, p->n_kv);
    const double *y = run_data(run, "y");
    stage_linear(run->noise, run_gather(run, run_data(run, "x"), run->rows, run->row_count, d),
                 run->row_count, d, run_tensor(run, "w_a", 0), NULL, middle, queries);
    stage_linear(run->noise, y, kv_rows, d, run_tensor(run, "u_a", 0), NULL, middle, keys);
    for (int64_t r = 0; r < run->row_count; r++) {
        const int64_t batch = run->rows[r] / p->n_q;
        attend(run, (uint64_t)(r * p->n_kv), queries + r * middle, keys + batch * p->n_kv * middle,
               y + batch * p->n_kv * d, weights, output + r * d);
    }
}
