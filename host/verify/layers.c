/* Encoder and decoder layers, stacked: each part p of a layer is LayerNorm(h + p(h)), or with the
 * normalisation in front h + p(LayerNorm(h)). */
#include "verify/reference_run.h"

#include <string.h>

/* A layer on its way: h holds the listed rows of the stream. */
struct layer {
    const struct reference_run *run;
    int64_t number;
    const row_index *rows;
    int64_t row_count;
    double *h;
    int norms; /* used so far */
};

static void normalise(struct layer *layer, const double *x, int64_t rows, double *y)
{
    const struct reference_run *run = layer->run;
    const char *gain = arena_print(run->arena, "gain_%d", layer->norms);
    const char *shift = arena_print(run->arena, "shift_%d", layer->norms);
    stage_layer_norm(run->noise, x, rows, run->problem->d_model,
                     run_tensor(run, gain, layer->number), run_tensor(run, shift, layer->number),
                     y);
}

/* What a part takes in: h, or with the normalisation in front another matrix. */
static double *enter(struct layer *layer, double *x, int64_t rows)
{
    if (layer->run->problem->layer_norm == NORM_POST)
        return x;
    double *normal = run_matrix(layer->run, rows, layer->run->problem->d_model);
    normalise(layer, x, rows, normal);
    return normal;
}

static void leave(struct layer *layer, const double *part)
{
    stage_add(layer->run->noise, part, layer->row_count * layer->run->problem->d_model, layer->h);
    if (layer->run->problem->layer_norm == NORM_POST)
        normalise(layer, layer->h, layer->row_count, layer->h);
}

static void feed_forward(struct layer *layer)
{
    const struct reference_run *run = layer->run;
    const struct problem *p = run->problem;
    const int64_t rows = layer->row_count, l = layer->number;
    ++layer->norms;
    double *hidden = run_matrix(run, rows, p->d_ff), *out = run_matrix(run, rows, p->d_model);
    stage_linear(run->noise, enter(layer, layer->h, rows), rows, p->d_model,
                 run_tensor(run, "w_1", l), run_tensor(run, "b_1", l), p->d_ff, hidden);
    stage_activate(run->noise, (enum activation)p->activation, rows * p->d_ff, hidden);
    stage_linear(run->noise, hidden, rows, p->d_ff, run_tensor(run, "w_2", l),
                 run_tensor(run, "b_2", l), p->d_model, out);
    leave(layer, out);
}

void reference_layers(const struct reference_run *run, double *output)
{
    const struct problem *p = run->problem;
    const int64_t all = p->batch * p->n_q, d = p->d_model;
    const int64_t last = p->layers > 1 ? p->layers - 1 : 0;
    const double *memory = p->op == OP_DECODER_LAYER ? run_data(run, "y") : NULL;
    double *stream = run_embedded(run);
    row_index *every = arena_array(run->arena, (size_t)all, sizeof *every);
    for (int64_t r = 0; r < all; r++)
        every[r] = r;
    for (int64_t l = 0; l <= last; l++) {
        struct layer layer = {
            run, l, l == last ? run->rows : every, l == last ? run->row_count : all, NULL, 1};
        double *x = enter(&layer, stream, all);
        layer.h = run_gather(run, stream, layer.rows, layer.row_count, d);
        leave(&layer,
              run_heads(run, OVER_SELF, "", l, run_gather(run, x, layer.rows, layer.row_count, d),
                        layer.rows, layer.row_count, x));
        if (memory) {
            ++layer.norms;
            leave(&layer,
                  run_heads(run, OVER_CROSS, "cross_", l, enter(&layer, layer.h, layer.row_count),
                            layer.rows, layer.row_count, memory));
        }
        feed_forward(&layer);
        stream = layer.h;
    }
    memcpy(output, stream, (size_t)(run->row_count * d) * sizeof *output);
}
