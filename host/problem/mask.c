/* Which keys a query sees, and how many: masks, windows, padding, boolean masks, ALiBi. */
#include "problem/operation.h"
#include "util/checked.h"

#include <math.h>

void problem_visible_keys(const struct problem *problem, int64_t batch, int64_t row, int64_t *first,
                          int64_t *end)
{
    const bool causal = problem->mask == MASK_CAUSAL || problem->mask == MASK_CAUSAL_WINDOW;
    const bool window = problem->mask == MASK_WINDOW || problem->mask == MASK_CAUSAL_WINDOW;
    const int64_t diagonal = row + problem_causal_offset(problem);
    int64_t low = 0, high = problem->kv_lengths ? problem->kv_lengths[batch] : problem->n_kv;
    if (causal && diagonal + 1 < high)
        high = diagonal + 1;
    if (window && problem->window_right != WINDOW_UNLIMITED &&
        diagonal + problem->window_right + 1 < high)
        high = diagonal + problem->window_right + 1;
    if (window && problem->window_left != WINDOW_UNLIMITED && diagonal - problem->window_left > low)
        low = diagonal - problem->window_left;
    if (high <= low)
        low = high = 0;
    *first = low;
    *end = high;
}

/* Sum over rows i = 0 ... rows - 1 of i + shift, clamped to 0 ... limit. */
static double sum_clamped(int64_t rows, int64_t shift, int64_t limit)
{
    /* Rows first ... end - 1 lie between the limits; those from end on count `limit` each. */
    const int64_t first = shift >= 0 ? 0 : -shift < rows ? -shift : rows;
    const int64_t reach = limit - shift;
    const int64_t end = reach <= first ? first : reach < rows ? reach : rows;
    const double between = (double)(end - first) * ((double)(first + end - 1) / 2 + (double)shift);
    const int64_t full = shift + end >= limit ? rows - end : 0;
    return between + (double)full * (double)limit;
}

/* Both ends of a row's range move with the row, so the sum over rows has a closed form. */
static double batch_pairs(const struct problem *problem, int64_t length)
{
    const bool causal = problem->mask == MASK_CAUSAL || problem->mask == MASK_CAUSAL_WINDOW;
    const bool window = problem->mask == MASK_WINDOW || problem->mask == MASK_CAUSAL_WINDOW;
    const int64_t offset = problem_causal_offset(problem);
    const double rows = (double)problem->n_q;
    double ends = rows * (double)length, starts = 0;
    if (causal)
        ends = sum_clamped(problem->n_q, offset + 1, length);
    else if (window && problem->window_right != WINDOW_UNLIMITED)
        ends = sum_clamped(problem->n_q, offset + problem->window_right + 1, length);
    if (window && problem->window_left != WINDOW_UNLIMITED)
        starts = sum_clamped(problem->n_q, offset - problem->window_left, length);
    return ends - starts;
}

struct bias_dims problem_bias_dims(const struct problem *problem)
{
    const char *shape = problem_enum_name(problem, "bias_shape");
    const int64_t sizes[BIAS_DIMS] = {problem->batch, problem->heads_q, problem->n_q,
                                      problem->n_kv};
    struct bias_dims dims = {.count = 1};
    for (int d = 0; d < BIAS_DIMS; ++d) {
        dims.full[d] = shape[d] != '1';
        dims.size[d] = dims.full[d] ? sizes[d] : 1;
        dims.count = size_times(dims.count, dims.size[d]);
    }
    return dims;
}

int64_t bias_index(const struct bias_dims *dims, int64_t batch, int64_t head, int64_t row,
                   int64_t key)
{
    int64_t index = dims->full[BIAS_BATCH] ? batch : 0;
    index = index * dims->size[BIAS_HEAD] + (dims->full[BIAS_HEAD] ? head : 0);
    index = index * dims->size[BIAS_ROW] + (dims->full[BIAS_ROW] ? row : 0);
    return index * dims->size[BIAS_KEY] + (dims->full[BIAS_KEY] ? key : 0);
}

enum { MASK_PERIOD = 4, MASK_WHOLE = 64 };

/* What is drawn for a row of the mask: SplitMix64's finaliser (Steele et al. 2014). */
static uint64_t mask_draw(const struct bias_dims *dims, int64_t batch, int64_t head, int64_t row)
{
    const struct bias_dims rows = {.full = {dims->full[0], dims->full[1], dims->full[2], false},
                                   .size = {dims->size[0], dims->size[1], dims->size[2], 1}};
    uint64_t x = (uint64_t)bias_index(&rows, batch, head, row, 0) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

bool problem_mask_keeps(const struct problem *problem, int64_t batch, int64_t head, int64_t row,
                        int64_t key)
{
    const struct bias_dims dims = problem_bias_dims(problem);
    const uint64_t draw = mask_draw(&dims, batch, head, row);
    if (!dims.full[BIAS_KEY])
        return draw % MASK_PERIOD != 0;
    return draw / MASK_PERIOD % MASK_WHOLE != 0 &&
           (uint64_t)key % MASK_PERIOD != draw % MASK_PERIOD;
}

/* Keys first ... end - 1 that the boolean mask keeps in a row. */
static int64_t kept_keys(const struct bias_dims *dims, int64_t batch, int64_t head, int64_t row,
                         int64_t first, int64_t end)
{
    const uint64_t draw = mask_draw(dims, batch, head, row);
    const int64_t phase = (int64_t)(draw % MASK_PERIOD);
    if (!dims->full[BIAS_KEY])
        return phase != 0 ? end - first : 0;
    if (draw / MASK_PERIOD % MASK_WHOLE == 0)
        return 0;
    /* Multiples of the period, shifted by the phase, below end and below first. */
    const int64_t below_end = (end + MASK_PERIOD - 1 - phase) / MASK_PERIOD;
    const int64_t below_first = (first + MASK_PERIOD - 1 - phase) / MASK_PERIOD;
    return end - first - (below_end - below_first);
}

static double kept_pairs(const struct problem *problem)
{
    const struct bias_dims dims = problem_bias_dims(problem);
    double pairs = 0;
    for (int64_t b = 0; b < problem->batch; ++b)
        for (int64_t h = 0; h < dims.size[BIAS_HEAD]; ++h) {
            const int64_t heads = problem->heads_q / dims.size[BIAS_HEAD]; /* that share it */
            for (int64_t i = 0; i < problem->n_q; ++i) {
                int64_t first, end;
                problem_visible_keys(problem, b, i, &first, &end);
                pairs += (double)(heads * kept_keys(&dims, b, h, i, first, end));
            }
        }
    return pairs;
}

double problem_pairs(const struct problem *problem)
{
    if (problem->op != OP_ATTENTION)
        return operation_pairs(problem);
    if (problem->bias == BIAS_BOOL)
        return kept_pairs(problem);
    const double heads = (double)problem->heads_q;
    if (!problem->kv_lengths)
        return heads * (double)problem->batch * batch_pairs(problem, problem->n_kv);
    double pairs = 0;
    for (int64_t b = 0; b < problem->batch; ++b)
        pairs += batch_pairs(problem, problem->kv_lengths[b]);
    return heads * pairs;
}

double alibi_slope(int64_t head, int64_t heads)
{
    int64_t power = 1;
    while (power * 2 <= heads)
        power *= 2;
    if (head < power)
        return exp2(-8.0 * (double)(head + 1) / (double)power);
    return exp2(-8.0 * (double)(2 * (head - power) + 1) / (double)(2 * power));
}
