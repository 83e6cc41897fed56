/* tiled: three passes, the two matrix products blocked through local memory.
 *
 * Idea    Like naive, but each product is computed in tiles of TILE_M x TILE_N by a work-group that
 *         stages TILE_K columns of A and rows of B at a time. It shows what blocking alone is
 *         worth, and what remains: the scores still travel to global memory and back.
 * Layout  scores [batch, heads_q, n_q, n_kv] in f32; local memory: a_tile [TILE_M][TILE_K] and
 *         b_tile [TILE_K][TILE_N], K being transposed on the way in.
 * Work    group (tile, tiles of columns fastest; head; batch); its work-items form a grid
 *         GRID_M x GRID_N with a block of the tile in registers each (block.clh). The softmax pass
 *         gives a work-group to each row (softmax.clh).
 * Memory  A is read n / TILE_N times and B n / TILE_M times from global memory; scores are written
 *         once, read and written three times by softmax, and read once by the last pass. Tiles of
 *         scores that no row sees are neither computed nor multiplied with V.
 * Source  The textbook blocked product (e.g. Nugteren, Tutorial: OpenCL SGEMM tuning, 2014).
 * Limits  Memory for n_q * n_kv floats a head. Returns weights, but not scores: softmax works in
 *         place. */
#include "attention.clh"
#define ROWS (TILE_M / GRID_M)
#include "block.clh"
#include "softmax.clh"

#define COLUMNS (TILE_N / GRID_N)

/* Padding against bank conflicts, as b_tile is written down its columns; a CPU has no banks. */
#define A_PITCH (TILE_K + 4)
#define B_PITCH (TILE_N + (GRID > 1))

/* scores = scale * Q K^T; softcap, bias and mask are left to the next pass. */
__kernel __attribute__((reqd_work_group_size(GRID_N, GRID_M, 1))) void
tiled_scores(__global const storage *restrict q, __global const storage *restrict k,
             __global const int *restrict kv_lengths, __global float *restrict scores,
             const struct shape shape)
{
    __local float a_tile[TILE_M * A_PITCH];
    __local float b_tile[TILE_K * B_PITCH];

    const int key_tiles = (shape.n_kv + TILE_N - 1) / TILE_N;
    const int tile_key = get_group_id(0) % key_tiles * TILE_N;
    const int tile_row = get_group_id(0) / key_tiles * TILE_M;
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    const int last_row = min(tile_row + TILE_M, shape.n_q) - 1;
    /* Does any row see any key? A tile without is left to softmax, which writes 0. No return here:
     * PoCL 3.1 miscompiles one that a barrier follows, even though the whole group takes it. */
    const int keys = key_count(shape, kv_lengths, batch);
    const bool seen = tile_key + TILE_N > first_key(shape, tile_row, keys) &&
                      tile_key < end_key(shape, last_row, keys);
    const int depth = seen ? D_K : 0;

    const int x = get_local_id(0);
    const int y = get_local_id(1);
    const int item = y * GRID_N + x;
    const size_t q_stride = row_stride(shape.heads_q, D_K);
    const size_t k_stride = row_stride(shape.heads_kv, D_K);
    q += head_offset(batch, head, shape.heads_q, shape.n_q, D_K) + tile_row * q_stride;
    k += head_offset(batch, kv_head(shape, head), shape.heads_kv, shape.n_kv, D_K) +
         tile_key * k_stride;

    float results[ROWS * COLUMNS];
    UNROLL_RESULTS
    for (int i = 0; i < ROWS * COLUMNS; i++)
        results[i] = 0.0f;
    for (int chunk = 0; chunk < depth; chunk += TILE_K) {
        /* Whatever lies outside of the matrices is 0 and adds nothing. */
        for (int i = item; i < TILE_M * TILE_K; i += GRID) {
            const int row = i / TILE_K;
            const int d = i % TILE_K;
            const bool inside = tile_row + row < shape.n_q && chunk + d < D_K;
            a_tile[row * A_PITCH + d] = inside ? load(q, row * q_stride + chunk + d) : 0.0f;
        }
        /* Neighbours read along d, as K lies in memory, and write down a column. */
        for (int i = item; i < TILE_N * TILE_K; i += GRID) {
            const int key = i / TILE_K;
            const int d = i % TILE_K;
            const bool inside = tile_key + key < shape.n_kv && chunk + d < D_K;
            b_tile[d * B_PITCH + key] = inside ? load(k, key * k_stride + chunk + d) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        block_multiply(results, COLUMNS, a_tile + y * ROWS * A_PITCH, A_PITCH, b_tile + x, B_PITCH,
                       TILE_K);
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    UNROLL_RESULTS
    for (int r = 0; r < ROWS; r++) {
        const int row = tile_row + y * ROWS + r;
        if (row >= shape.n_q || !seen)
            continue;
        __global float *s = scores + scores_offset(shape, batch, head, row);
        UNROLL_RESULTS
        for (int c = 0; c < COLUMNS; c++) {
            const int key = tile_key + x + c * GRID_N;
            if (key < shape.n_kv)
                s[key] = shape.scale * results[r * COLUMNS + c];
        }
    }
}

/* Rows of scores become rows of probabilities, in place, 0 where masked. */
__kernel __attribute__((reqd_work_group_size(SOFTMAX_WG, 1, 1))) void
tiled_softmax(__global float *restrict scores, __global const bias_storage *restrict bias,
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

/* O = P V. A row that sees no key has probabilities of 0, and so an output of 0. */
__kernel __attribute__((reqd_work_group_size(GRID_N, GRID_M, 1))) void
tiled_values(__global const float *restrict scores, __global const storage *restrict v,
             __global const int *restrict kv_lengths, __global storage *restrict o,
             const struct shape shape)
{
    __local float a_tile[TILE_M * A_PITCH];
    __local float b_tile[TILE_K * B_PITCH];

    const int x = get_local_id(0);
    const int y = get_local_id(1);
    const int item = y * GRID_N + x;
    const int d_tiles = (D_V + TILE_N - 1) / TILE_N;
    const int tile_d = get_group_id(0) % d_tiles * TILE_N;
    const int tile_row = get_group_id(0) / d_tiles * TILE_M;
    const int last_row = min(tile_row + TILE_M, shape.n_q) - 1;
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    const size_t v_stride = row_stride(shape.heads_kv, D_V);
    const size_t o_stride = row_stride(shape.heads_q, D_V);
    scores += scores_offset(shape, batch, head, tile_row);
    v += head_offset(batch, kv_head(shape, head), shape.heads_kv, shape.n_kv, D_V);
    o += head_offset(batch, head, shape.heads_q, shape.n_q, D_V) + tile_row * o_stride;

    float results[ROWS * COLUMNS];
    UNROLL_RESULTS
    for (int i = 0; i < ROWS * COLUMNS; i++)
        results[i] = 0.0f;
    /* Keys that some row of the tile sees; for the other rows their probabilities are 0. Padding
     * behind them may hold anything, NaN too, and is not read. */
    const int keys = key_count(shape, kv_lengths, batch);
    const int end = end_key(shape, last_row, keys);
    for (int chunk = first_key(shape, tile_row, keys); chunk < end; chunk += TILE_K) {
        for (int i = item; i < TILE_M * TILE_K; i += GRID) {
            const int row = i / TILE_K;
            const int key = i % TILE_K;
            const bool inside = tile_row + row < shape.n_q && chunk + key < end;
            a_tile[row * A_PITCH + key] =
                inside ? scores[(size_t)row * shape.n_kv + chunk + key] : 0.0f;
        }
        for (int i = item; i < TILE_K * TILE_N; i += GRID) {
            const int key = i / TILE_N;
            const int d = i % TILE_N;
            const bool inside = chunk + key < end && tile_d + d < D_V;
            b_tile[key * B_PITCH + d] =
                inside ? load(v, (chunk + key) * v_stride + tile_d + d) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        block_multiply(results, COLUMNS, a_tile + y * ROWS * A_PITCH, A_PITCH, b_tile + x, B_PITCH,
                       TILE_K);
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    UNROLL_RESULTS
    for (int r = 0; r < ROWS; r++) {
        const int row = y * ROWS + r;
        if (tile_row + row >= shape.n_q)
            continue;
        UNROLL_RESULTS
        for (int c = 0; c < COLUMNS; c++) {
            const int d = tile_d + x + c * GRID_N;
            if (d < D_V)
                store(o, row * o_stride + d, results[r * COLUMNS + c]);
        }
    }
}
