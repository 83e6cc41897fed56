/* fused_vector: attention for CPUs, written in explicit vectors.
 *
 * Idea    A CPU's vector units are busy when a kernel keeps its accumulators in registers and feeds
 *         them with few loads. Both products are made of register blocks, ROWS queries by VECS
 *         vectors: a step of Q K^T loads VECS vectors of packed K (the lanes are keys) and ROWS
 *         elements of Q, a step of P V as many vectors of V (the lanes are columns) and ROWS
 *         probabilities, for ROWS * VECS multiply-adds of VEC lanes each. Softmax runs on the
 *         registers of the first product. Scores start from minus the row's maximum, so that
 *         nothing is left to subtract, and the maximum is raised only when a score exceeds it by
 *         LAZY: the usual tile rescales nothing and reduces nothing across lanes.
 * Layout  fused_vector_pack brings K to [tile][d_k][TILE] and V to [tile][TILE][d_v padded], both
 *         f32, once a key head. Keys past the end are zeros there.
 * Work    group (block of BLOCK_Q queries, head, batch) of one work-item, which walks over tiles of
 *         TILE = VECS * VEC keys, and in each over its queries, ROWS at a time. No barriers, no
 *         local memory, hardly a shuffle.
 * Memory  Packing reads and writes n_kv * (d_k + d_v) words a key head; then these are read once
 *         for every BLOCK_Q queries, from a cache as a rule.
 * Source  Goto and van de Geijn, Anatomy of high-performance matrix multiplication, 2008 (packing,
 *         register blocks); softmax as in fused; the lazy maximum: FlashAttention-4, 2025.
 * Limits  For devices whose registers are vectors. On a GPU a work-item alone wastes a group. */
#include "fused_vector.clh"

/* How far, in units of log2, a score may lie above the maximum that it is relative to. Sums stay
 * below 2^LAZY times the number of keys, and relative errors are the same. */
#define LAZY 8.0f

/* Scores start from minus the maximum, unless something that is not linear comes before it. */
#define START_FROM_MAXIMUM (!SOFTCAP && BIAS != 1)

/* What a register block of ROWS queries carries from tile to tile. */
struct rows {
    float q[D_K][ROWS];  /* times scale, and in units of log2 unless softcap comes first */
    float maximum[ROWS]; /* SCORE_START until the row has seen a key */
    float start[ROWS];   /* what its scores start from: minus the maximum, or 0 */
    vec sums[ROWS];      /* each lane's own */
    vec o[ROWS][D_V_VECS];
    bool settled; /* all rows have a maximum */
};

/* scores[r][c] = start[r] + q[r] . k[c] */
__attribute__((always_inline)) static inline void
multiply_keys(vec *scores, const struct rows *rows, __global const vec *k)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < VECS; c++)
            scores[r * VECS + c] = (vec)(START_FROM_MAXIMUM ? rows->start[r] : 0.0f);
    for (int d = 0; d < D_K; d++) {
        vec keys[VECS];
#pragma unroll
        for (int c = 0; c < VECS; c++)
            keys[c] = k[d * VECS + c];
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int c = 0; c < VECS; c++)
                scores[r * VECS + c] += (vec)(rows->q[d][r]) * keys[c];
    }
}

/* o[r][c] += sum over the tile's keys j of p[r][j] * v[j][c], for `vecs` <= VECS vectors of columns
 * from `first` on */
__attribute__((always_inline)) static inline void multiply_values(struct rows *rows,
                                                                  const int first, const int vecs,
                                                                  const float (*p)[TILE],
                                                                  __global const vec *v)
{
    vec sums[ROWS * VECS];
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < VECS; c++)
            if (c < vecs)
                sums[r * VECS + c] = rows->o[r][first + c];
    for (int j = 0; j < TILE; j++) {
        vec values[VECS];
#pragma unroll
        for (int c = 0; c < VECS; c++)
            if (c < vecs)
                values[c] = v[j * D_V_VECS + first + c];
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int c = 0; c < VECS; c++)
                if (c < vecs)
                    sums[r * VECS + c] += (vec)(p[r][j]) * values[c];
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < VECS; c++)
            if (c < vecs)
                rows->o[r][first + c] = sums[r * VECS + c];
}

/* The scores of VEC keys from `key` on with their bias, as biased() does for one. */
__attribute__((always_inline)) static inline vec biased_vec(vec score, struct bias_row row, int key,
                                                            int n_kv)
{
#if BIAS == 1 || BIAS == 2
    float elements[VEC];
    PASTE(vstore, VEC)(score, 0, elements);
    for (int i = 0; i < VEC; i++)
        elements[i] = key + i < n_kv ? biased(elements[i], row, key + i, LOG2_E) : SCORE_MASKED;
    return PASTE(vload, VEC)(0, elements);
#elif BIAS == 3
    const vec distance = PASTE(convert_float, VEC)(row.diagonal - key - LANE_INDEX);
    return score - LOG2_E * row.slope * fabs(distance);
#else
    return score;
#endif
}

/* Raises the maxima of rows whose scores exceed them, or that have none yet, and rescales what was
 * accumulated under the old ones. `p` holds scores relative to the maxima if START_FROM_MAXIMUM,
 * and else as they are: beside a maximum of -1e9, which a bias may make, a relative score of any
 * other key would have lost all its digits. */
static inline void raise_maxima(vec (*p)[VECS], struct rows *rows)
{
    rows->settled = true;
    for (int r = 0; r < ROWS; r++) {
        vec top = p[r][0];
        for (int c = 1; c < VECS; c++)
            top = p[r][c] > top ? p[r][c] : top;
        const float highest = vec_maximum(top);
        const bool first = rows->maximum[r] == SCORE_START;
        const float above = first || START_FROM_MAXIMUM ? highest : highest - rows->maximum[r];
        if (first && above <= SCORE_START) {
            rows->settled = false;
            continue;
        }
        if (!first && above <= 0.0f)
            continue;
        const float rescale = first ? 0.0f : exp2_polynomial(-above);
        rows->maximum[r] = first || !START_FROM_MAXIMUM ? highest : rows->maximum[r] + above;
        rows->start[r] = -rows->maximum[r];
        rows->sums[r] *= rescale;
        for (int c = 0; c < D_V_VECS; c++)
            rows->o[r][c] *= rescale;
        for (int c = 0; c < VECS && START_FROM_MAXIMUM; c++)
            p[r][c] -= above;
    }
}

/* One tile of keys for ROWS queries from `row` on, of which the first `count` exist. */
__attribute__((always_inline)) static inline void
attend(struct rows *rows, __global const vec *k, __global const vec *v, int key, int keys,
       const struct shape shape, __global const bias_storage *bias, __global const float *slopes,
       int batch, int head, int row, int last_row)
{
    vec scores[ROWS * VECS];
    vec p[ROWS][VECS];
    multiply_keys(scores, rows, k);

    if (SOFTCAP) {
#pragma unroll
        for (int i = 0; i < ROWS * VECS; i++)
            scores[i] = PASTE(capped, VEC)(scores[i], shape.softcap);
    }
    /* Bias, and the mask, this only where some row sees less than the whole tile. Rows past the
     * last take its. */
    if (BIAS || first_key(shape, last_row, keys) > key || end_key(shape, row, keys) < key + TILE) {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const int i = min(row + r, last_row);
            const int first = first_key(shape, i, keys);
            const int end = end_key(shape, i, keys);
            const struct bias_row row_bias = bias_row(shape, bias, slopes, batch, head, i);
#pragma unroll
            for (int c = 0; c < VECS; c++) {
                const vec_int index = key + c * VEC + LANE_INDEX;
                const vec s = biased_vec(scores[r * VECS + c], row_bias, key + c * VEC, shape.n_kv);
                scores[r * VECS + c] = index >= first && index < end ? s : (vec)(SCORE_MASKED);
            }
        }
    }
    vec top[VECS];
#pragma unroll
    for (int i = 0; i < ROWS * VECS; i++) {
        const vec relative =
            START_FROM_MAXIMUM ? scores[i] : scores[i] + (vec)(rows->start[i / VECS]);
        if (i < VECS)
            top[i] = relative;
        else
            top[i % VECS] = top[i % VECS] > relative ? top[i % VECS] : relative;
    }
#pragma unroll
    for (int c = 1; c < VECS; c++)
        top[0] = top[0] > top[c] ? top[0] : top[c];
    if (!rows->settled || vec_maximum(top[0]) > LAZY) {
#pragma unroll
        for (int i = 0; i < ROWS * VECS; i++)
            p[i / VECS][i % VECS] = scores[i];
        raise_maxima(p, rows);
#pragma unroll
        for (int i = 0; i < ROWS * VECS; i++)
            scores[i] = p[i / VECS][i % VECS];
    }
    if (!START_FROM_MAXIMUM) {
#pragma unroll
        for (int i = 0; i < ROWS * VECS; i++)
            scores[i] += (vec)(rows->start[i / VECS]);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        vec sum = rows->sums[r];
#pragma unroll
        for (int c = 0; c < VECS; c++) {
            const vec weight = PASTE(exp2_polynomial, VEC)(scores[r * VECS + c]);
            sum += weight;
            p[r][c] = weight;
        }
        rows->sums[r] = sum;
    }

    /* d_v in register blocks of nearly equal width. */
    enum { BLOCKS = (D_V_VECS + VECS - 1) / VECS, WIDTH = (D_V_VECS + BLOCKS - 1) / BLOCKS };
#pragma unroll
    for (int c = 0; c + WIDTH <= D_V_VECS; c += WIDTH)
        multiply_values(rows, c, WIDTH, (const float(*)[TILE])p, v);
    if (D_V_VECS % WIDTH)
        multiply_values(rows, D_V_VECS - D_V_VECS % WIDTH, D_V_VECS % WIDTH,
                        (const float(*)[TILE])p, v);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
fused_vector(__global const storage *restrict q, __global const float *restrict packed_k,
             __global const float *restrict packed_v, __global const bias_storage *restrict bias,
             __global const float *restrict slopes, __global const float *restrict sinks,
             __global const int *restrict kv_lengths, __global storage *restrict o,
             const struct shape shape)
{
    struct rows blocks[BLOCK_Q / ROWS];
    const int head = get_group_id(1);
    const int batch = get_group_id(2);
    /* The last block first: with a causal mask it is the longest, and should not start last. */
    const int block_row = (int)(get_num_groups(0) - 1 - get_group_id(0)) * BLOCK_Q;
    const int last_row = min(block_row + BLOCK_Q, shape.n_q) - 1;
    const int keys = key_count(shape, kv_lengths, batch);
    const size_t tiles = (shape.n_kv + TILE - 1) / TILE;
    const size_t first_tile = ((size_t)batch * shape.heads_kv + kv_head(shape, head)) * tiles;
    const size_t q_stride = row_stride(shape.heads_q, D_K);
    const size_t o_stride = row_stride(shape.heads_q, D_V);
    q += head_offset(batch, head, shape.heads_q, shape.n_q, D_K);
    o += head_offset(batch, head, shape.heads_q, shape.n_q, D_V);

    /* Rows past the last are 0, and their results are not stored. */
    const float multiplier = SOFTCAP ? shape.scale : shape.scale * LOG2_E;
    for (int row = block_row; row <= last_row; row += ROWS) {
        struct rows *rows = &blocks[(row - block_row) / ROWS];
        rows->settled = false;
        for (int r = 0; r < ROWS; r++) {
            rows->maximum[r] = SCORE_START;
            rows->start[r] = 0.0f;
            rows->sums[r] = (vec)(0.0f);
            for (int c = 0; c < D_V_VECS; c++)
                rows->o[r][c] = (vec)(0.0f);
            for (int d = 0; d < D_K; d += VEC) {
                float elements[VEC];
                const vec x =
                    row + r <= last_row ? load_row(q + (row + r) * q_stride, d, D_K) : (vec)(0.0f);
                PASTE(vstore, VEC)(multiplier * x, 0, elements);
                for (int i = 0; i < VEC && d + i < D_K; i++)
                    rows->q[d + i][r] = elements[i];
            }
#ifdef ROPE_PAIRS
            for (int c = 0; c < ROPE_PAIRS; c++) {
                const float angle = ROPE_SPEED(c) * (row + r);
                const float a = rows->q[c][r], b = rows->q[c + ROPE_PAIRS][r];
                rows->q[c][r] = a * cos(angle) - b * sin(angle);
                rows->q[c + ROPE_PAIRS][r] = a * sin(angle) + b * cos(angle);
            }
#endif
        }
    }

    const int first = first_key(shape, block_row, keys) / TILE * TILE;
    const int end = end_key(shape, last_row, keys);
    for (int key = first; key < end; key += TILE) {
        __global const vec *tile_k =
            (__global const vec *)(packed_k + (first_tile + key / TILE) * D_K * TILE);
        __global const vec *tile_v =
            (__global const vec *)(packed_v + (first_tile + key / TILE) * D_V_PADDED * TILE);
        for (int row = block_row; row <= last_row; row += ROWS) {
            const int row_end = min(row + ROWS - 1, last_row);
            if (end_key(shape, row_end, keys) > key && first_key(shape, row, keys) < key + TILE)
                attend(&blocks[(row - block_row) / ROWS], tile_k, tile_v, key, keys, shape, bias,
                       slopes, batch, head, row, row_end);
        }
    }

    /* o / sum; a row that saw no key summed to 0. A sink adds to the sum. */
    const float sink = sink_score(sinks, head, LOG2_E);
    for (int row = block_row; row <= last_row; row++) {
        const struct rows *rows = &blocks[(row - block_row) / ROWS];
        const int r = (row - block_row) % ROWS;
        const float top = larger(rows->maximum[r], sink);
        const float weight = exp2_polynomial(rows->maximum[r] - top);
        const float sum =
            weight * vec_sum(rows->sums[r]) + (SINK ? exp2_polynomial(sink - top) : 0.0f);
        const float factor = sum == 0.0f ? 0.0f : weight / sum;
        for (int c = 0; c < D_V_VECS; c++)
            store_row(o + row * o_stride, c * VEC, D_V, factor * rows->o[r][c]);
    }
}
