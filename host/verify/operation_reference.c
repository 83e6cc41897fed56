#include "verify/operation_reference.h"

#include "verify/inputs.h"

#include <math.h>
#include <string.h>

double *run_matrix(const struct reference_run *run, int64_t rows, int64_t columns)
{
    return arena_array(run->arena, (size_t)(rows * columns), sizeof(double));
}

const float *run_tensor(const struct reference_run *run, const char *name, int64_t layer)
{
    const int index = operation_tensor_find(name);
    int64_t dims[4];
    const int64_t count = operation_tensor_size(run->problem, index, dims);
    if (!count)
        return NULL;
    const int64_t size = strcmp(operation_tensor(index)->dims[0], "layers") ? 0 : count / dims[0];
    return run->inputs->tensors[index] + layer * size;
}

double *run_data(const struct reference_run *run, const char *name)
{
    const int64_t count = operation_tensor_size(run->problem, operation_tensor_find(name), NULL);
    const float *from = run_tensor(run, name, 0);
    double *data = run_matrix(run, count, 1);
    for (int64_t i = 0; i < count; i++)
        data[i] = (double)from[i];
    return data;
}

double *run_embedded(const struct reference_run *run)
{
    const struct problem *p = run->problem;
    double *x = run_data(run, "x");
    if (p->position == POSITION_SINUSOIDAL || p->position == POSITION_LEARNED)
        stage_positions(run->noise, p->batch, p->n_q, p->d_model, run_tensor(run, "positions", 0),
                        x);
    return x;
}

double *run_gather(const struct reference_run *run, const double *from, const row_index *rows,
                   int64_t count, int64_t columns)
{
    double *out = run_matrix(run, count, columns);
    for (int64_t r = 0; r < count; r++)
        memcpy(out + r * columns, from + (rows ? rows[r] : r) * columns,
               (size_t)columns * sizeof *out);
    return out;
}

static const float *prefixed(const struct reference_run *run, const char *prefix, const char *name,
                             int64_t layer)
{
    return run_tensor(run, arena_print(run->arena, "%s%s", prefix, name), layer);
}

double *run_heads(const struct reference_run *run, enum attention_over over, const char *prefix,
                  int64_t layer, const double *q_rows, const row_index *rows, int64_t row_count,
                  const double *kv)
{
    const struct problem *p = run->problem;
    const struct problem part = operation_attention(p, over);
    struct noise *noise = run->noise;
    const int64_t d = p->d_model, kv_rows = part.batch * part.n_kv;
    const int64_t q_width = part.heads_q * part.d_k, o_width = part.heads_q * part.d_v;
    const int64_t k_width = part.heads_kv * part.d_k, v_width = part.heads_kv * part.d_v;
    double *q = run_matrix(run, row_count, q_width), *k = run_matrix(run, kv_rows, k_width);
    double *v = run_matrix(run, kv_rows, v_width), *o = run_matrix(run, row_count, o_width);
    double *out = run_matrix(run, row_count, d);
    stage_linear(noise, q_rows, row_count, d, prefixed(run, prefix, "w_q", layer),
                 prefixed(run, prefix, "b_q", layer), q_width, q);
    stage_linear(noise, kv, kv_rows, d, prefixed(run, prefix, "w_k", layer),
                 prefixed(run, prefix, "b_k", layer), k_width, k);
    stage_linear(noise, kv, kv_rows, d, prefixed(run, prefix, "w_v", layer),
                 prefixed(run, prefix, "b_v", layer), v_width, v);
    if (problem_has_rope(p) && over == OVER_SELF) {
        double base = 0, pairs = 0;
        operation_value(p, "rope_base", &base);
        operation_value(p, "rope_pairs", &pairs);
        stage_rope(noise, part.heads_q, part.d_k, (int64_t)pairs, base, rows, row_count, part.n_q,
                   q);
        stage_rope(noise, part.heads_kv, part.d_k, (int64_t)pairs, base, NULL, kv_rows, part.n_kv,
                   k);
    }
    const float *distances = over == OVER_SELF ? run_tensor(run, "distances", 0) : NULL;
    stage_attention(noise, &part, q, k, v, distances, p->relative_clip, rows, row_count, o);
    stage_linear(noise, o, row_count, o_width, prefixed(run, prefix, "w_o", layer),
                 prefixed(run, prefix, "b_o", layer), d, out);
    return out;
}

static void compute(const struct reference_run *run, double *output)
{
    switch ((enum op)run->problem->op) {
    case OP_MHA:
        reference_mha(run, output);
        break;
    case OP_ENCODER_LAYER:
    case OP_DECODER_LAYER:
        reference_layers(run, output);
        break;
    case OP_RNN:
        reference_rnn(run, output);
        break;
    case OP_BAHDANAU:
        reference_bahdanau(run, output);
        break;
    case OP_ATTENTION:
    case OPS:
        break;
    }
}

/* The rounding of the output itself is the verdict's: an error that is spread over a row is told
 * from what one noisy outcome has more than another. */
static void add_spread(const double *exact, const double *noisy, int64_t columns, double *variance)
{
    double squares = 0;
    for (int64_t c = 0; c < columns; c++)
        squares += (noisy[c] - exact[c]) * (noisy[c] - exact[c]);
    *variance += squares / (double)columns / REFERENCE_DRAWS;
}

void reference_operation(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output)
{
    struct arena arena = {0};
    const struct reference_run run = {problem, inputs, rows, row_count, NULL, &arena};
    compute(&run, output);
    arena_free(&arena);
}

/* Of two noisy outcomes one alone may be near the exact one by chance: a row's variance is at least
 * the mean of all rows'. */
static void model_rows(const struct problem *problem, const double *of_rows, struct expected *out)
{
    static const double freedom = 16; /* stages mix the columns of a row */
    double mean = 0;
    for (int64_t r = 0; r < out->rows; r++)
        mean += of_rows[r] / (double)out->rows;
    for (int64_t r = 0; r < out->rows; r++) {
        struct row_model *model = &out->models[r];
        *model = (struct row_model){.freedom = freedom,
                                    .floor = error_floor((enum dtype)problem->dtype, 1),
                                    .judged = true};
        for (int64_t c = 0; c < out->columns; c++) {
            out->variance[r * out->columns + c] = fmax(of_rows[r], mean);
            out->coarse[r * out->columns + c] = 0;
            model->size += out->want[r * out->columns + c] * out->want[r * out->columns + c];
        }
    }
}

void reference_operation_expected(const struct problem *problem,
                                  const struct attention_inputs *inputs, const row_index *rows,
                                  int64_t row_count, struct expected *expected)
{
    static const double storage[] = {
        [DTYPE_F32] = 0x1p-24, [DTYPE_F16] = 0x1p-11, [DTYPE_BF16] = 0x1p-8};
    const int64_t columns = problem->d_model;
    struct arena sums = {0}, arena = {0};
    double *variance = arena_array(&sums, (size_t)row_count + 1, sizeof *variance);
    reference_operation(problem, inputs, rows, row_count, expected->want);
    for (uint64_t draw = 0; draw < REFERENCE_DRAWS; draw++) {
        struct noise noise = {.seed = inputs_hash(2017, draw), .storage = storage[problem->dtype]};
        const struct reference_run run = {problem, inputs, rows, row_count, &noise, &arena};
        double *noisy = arena_array(&arena, (size_t)(row_count * columns) + 1, sizeof *noisy);
        compute(&run, noisy);
        for (int64_t r = 0; r < row_count; r++)
            add_spread(expected->want + r * columns, noisy + r * columns, columns, &variance[r]);
        arena_free(&arena);
    }
    model_rows(problem, variance, expected);
    arena_free(&sums);
}
