#include "verify/reference_run.h"

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
