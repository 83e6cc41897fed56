/* split_kv, second pass: the partial results of a row become its output. See split_kv.cl. */
#include "split_kv.clh"

#define COLUMNS ((D_V + WG - 1) / WG)

/* A row's splits become one output; a work-item takes every WG-th column. */
__kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void
split_kv_merge(__global const float *restrict partial, __global const float *restrict stats,
               __global const float *restrict sinks, __global storage *restrict o,
               const struct shape shape)
{
    const int item = get_local_id(0);
    const int row = get_group_id(0);
    const int head_kv = get_group_id(1);
    const int batch = get_group_id(2);
    const int heads = shape.heads_q / shape.heads_kv;
    const int head = head_kv * heads + row / shape.n_q;
    const int splits = (shape.n_kv + SPLIT - 1) / SPLIT;
    const size_t row_index = ((size_t)batch * shape.heads_kv + head_kv) * heads * shape.n_q + row;
    partial += row_index * splits * D_V;
    stats += row_index * splits * 2;

    const float sink = sink_score(sinks, head, LOG2_E);
    float maximum = larger(SCORE_START, sink);
    for (int split = 0; split < splits; split++)
        maximum = larger(maximum, stats[2 * split]);

    float sum = power_of_2(sink - maximum);
    float outputs[COLUMNS];
    UNROLL_ROWS
    for (int c = 0; c < COLUMNS; c++)
        outputs[c] = 0.0f;
    for (int split = 0; split < splits; split++) {
        const float weight = power_of_2(stats[2 * split] - maximum);
        sum += weight * stats[2 * split + 1];
        UNROLL_ROWS
        for (int c = 0; c < COLUMNS; c++)
            if (item + c * WG < D_V)
                outputs[c] += weight * partial[(size_t)split * D_V + item + c * WG];
    }
    const float inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
    o += head_offset(batch, head, shape.heads_q, shape.n_q, D_V) +
         row % shape.n_q * row_stride(shape.heads_q, D_V);
    for (int c = 0; c < COLUMNS; c++)
        if (item + c * WG < D_V)
            store(o, item + c * WG, outputs[c] * inverse);
}
