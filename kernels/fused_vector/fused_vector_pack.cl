/* fused_vector, first pass: K and V in the order in which the second one reads them.
 *
 * Work    group (tile of keys, key head, batch) of one work-item. Keys past the end become zeros,
 *         whatever the padding holds: 0 * NaN would be NaN. */
#include "fused_vector.clh"

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
fused_vector_pack(__global const storage *restrict k, __global const storage *restrict v,
                  __global const int *restrict kv_lengths, __global float *restrict packed_k,
                  __global float *restrict packed_v, const struct shape shape)
{
    const int key = get_group_id(0) * TILE;
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    const int count = min(TILE, key_count(shape, kv_lengths, batch) - key);
    const size_t k_stride = row_stride(shape.heads_kv, D_K);
    const size_t v_stride = row_stride(shape.heads_kv, D_V);
    const size_t tile =
        ((size_t)batch * shape.heads_kv + head) * get_num_groups(0) + get_group_id(0);
    k += head_offset(batch, head, shape.heads_kv, shape.n_kv, D_K) + key * k_stride;
    v += head_offset(batch, head, shape.heads_kv, shape.n_kv, D_V) + key * v_stride;
    packed_k += tile * D_K * TILE;
    packed_v += tile * TILE * D_V_PADDED;

    for (int d = 0; d < D_K; d += VEC)
        for (int j = 0; j < TILE; j++) {
            float row[VEC];
            PASTE(vstore, VEC)
            (j < count ? load_row(k + j * k_stride, d, D_K) : (vec)(0.0f), 0, row);
#pragma unroll
            for (int i = 0; i < VEC; i++)
                if (D_K % VEC == 0 || d + i < D_K)
                    packed_k[(d + i) * TILE + j] = row[i];
        }
#ifdef ROPE_PAIRS
    for (int c = 0; c < ROPE_PAIRS; c++)
        for (int j = 0; j < TILE; j += VEC) {
            __global float *pair = packed_k + c * TILE + j;
            const vec angle = ROPE_SPEED(c) * PASTE(convert_float, VEC)(key + j + LANE_INDEX);
            const vec a = PASTE(vload, VEC)(0, pair);
            const vec b = PASTE(vload, VEC)(0, pair + ROPE_PAIRS * TILE);
            PASTE(vstore, VEC)(a * cos(angle) - b * sin(angle), 0, pair);
            PASTE(vstore, VEC)(a * sin(angle) + b * cos(angle), 0, pair + ROPE_PAIRS * TILE);
        }
#endif
    for (int j = 0; j < TILE; j++)
        for (int d = 0; d < D_V_PADDED; d += VEC)
            PASTE(vstore, VEC)
            (j < count ? load_row(v + j * v_stride, d, D_V) : (vec)(0.0f), 0,
             packed_v + j * D_V_PADDED + d);
}
