/* clblast: three passes, the two matrix products done by the CLBlast library.
 *
 * Idea    What a user gets without writing a kernel: two batched GEMMs of a tuned library, and this
 *         softmax between them. The baseline for tiled's products.
 * Layout  scores [batch, heads_q, n_q, n_kv] in f32; one GEMM a kv head, as the queries of the
 *         heads that share it lie one after another (layout bhnd only).
 * Work    group (row, head, batch): a work-group of SOFTMAX_WG a row (softmax.clh).
 * Memory  GEMM writes the scores, softmax reads and writes them three times, GEMM reads them. The
 *         library knows no mask: all scores are computed and all probabilities multiplied, and
 *         masked ones are set to 0 here.
 * Source  Nugteren, CLBlast: A Tuned OpenCL BLAS Library, 2018.
 * Limits  Memory for n_q * n_kv floats a head; f32 storage only. The library multiplies masked keys
 *         too, so a NaN in the padding behind kv_lengths reaches the output. */
#include "softmax.clh"

__kernel __attribute__((reqd_work_group_size(SOFTMAX_WG, 1, 1))) void
clblast_softmax(__global float *restrict scores, __global const bias_storage *restrict bias,
                __global const float *restrict slopes, __global const float *restrict sinks,
                __global const int *restrict kv_lengths, const struct shape shape)
{
    __local float partial[SOFTMAX_WG];
    const int row = get_group_id(0);
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    const int keys = key_count(shape, kv_lengths, batch);
    softmax_row(scores + scores_offset(shape, batch, head, row), first_key(shape, row, keys),
                end_key(shape, row, keys), shape, bias_row(shape, bias, slopes, batch, head, row),
                sink_score(sinks, head, 1.0f), partial);
}
