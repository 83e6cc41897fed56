/* Recurrences. With a = x_t W_x + b_x and c = h_(t-1) W_h + b_h, gate by gate:
 *   elman  h = tanh(a + c)
 *   gru    r, z = sigmoid(a + c), n = tanh(a_n + r c_n), h = (1 - z) n + z h_(t-1)
 *   lstm   i, f, o = sigmoid(a + c), g = tanh(a_g + c_g), s = f s_(t-1) + i g, h = o tanh(s)
 * The gates stand in the weights' columns as r, z, n and i, f, g, o (the order of cuDNN). a may
 * be stored, states are f32 whatever the storage. */
#include "verify/reference_run.h"

#include <math.h>

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One step of one batch entry: h and the LSTM's s become those of the next step. a and c hold
 * `gates` times d values. */
static void step(const struct problem *p, struct noise *noise, const double *a, const double *c,
                 double *h, double *s)
{
    const int64_t d = p->d_model;
    const double error = noise ? 8 * 0x1p-24 : 0;
    for (int64_t j = 0; j < d; j++) {
        double sums[4] = {0};
        const int gates = p->rnn_cell == RNN_LSTM ? 4 : p->rnn_cell == RNN_GRU ? 3 : 1;
        for (int g = 0; g < gates; g++)
            sums[g] = a[g * d + j] + c[g * d + j];
        if (p->rnn_cell == RNN_LSTM) {
            s[j] = sigmoid(sums[1]) * s[j] + sigmoid(sums[0]) * tanh(sums[2]);
            h[j] = sigmoid(sums[3]) * tanh(s[j]);
        } else if (p->rnn_cell == RNN_GRU) {
            const double r = sigmoid(sums[0]), z = sigmoid(sums[1]);
            h[j] = (1 - z) * tanh(a[2 * d + j] + r * c[2 * d + j]) + z * h[j];
        } else {
            h[j] = tanh(sums[0]);
        }
        h[j] *= 1 + error * noise_draw(noise, (uint64_t)j * 2);
        s[j] *= 1 + error * noise_draw(noise, (uint64_t)j * 2 + 1);
    }
}

void reference_rnn(const struct reference_run *run, double *output)
{
    const struct problem *p = run->problem;
    const int64_t d = p->d_model, n = p->n_q;
    double gates = 1;
    operation_value(p, "gates", &gates);
    const int64_t width = (int64_t)gates * d;
    double *a = run_matrix(run, p->batch * n, width), *c = run_matrix(run, 1, width);
    double *states = run_matrix(run, p->batch * n, d);
    stage_linear(run->noise, run_data(run, "x"), p->batch * n, d, run_tensor(run, "w_x", 0),
                 run_tensor(run, "b_x", 0), width, a);
    if (run->noise) /* states are f32 */
        run->noise->storage = 0x1p-24;
    for (int64_t b = 0; b < p->batch; b++) {
        double *h = run_matrix(run, 1, d), *s = run_matrix(run, 1, d);
        for (int64_t t = 0; t < n; t++) {
            stage_linear(run->noise, h, 1, d, run_tensor(run, "w_h", 0), run_tensor(run, "b_h", 0),
                         width, c);
            step(p, run->noise, a + (b * n + t) * width, c, h, s);
            for (int64_t j = 0; j < d; j++)
                states[(b * n + t) * d + j] = h[j];
        }
    }
    for (int64_t r = 0; r < run->row_count; r++)
        for (int64_t j = 0; j < d; j++)
            output[r * d + j] = states[run->rows[r] * d + j];
}
