#include "verify/reference.h"

#include <math.h>
#include <string.h>

/* The two inner loops are compiled for several x86 processors where the compiler can do that; the
 * loader picks one. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
#ifdef __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif
#if !SANITIZED && __has_attribute(target_clones)
#define FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#endif
#ifndef FOR_EACH_CPU
#define FOR_EACH_CPU
#endif

enum {
    KEYS = 64,       /* of a block, whose inputs are converted together */
    GROUP_ROWS = 16, /* rows that share them */
    GROUP_BYTES = 1 << 26
};

int64_t row_offset(const struct problem *problem, row_index row, int64_t d)
{
    if (problem->layout == LAYOUT_BHND)
        return row * d;
    const int64_t i = row % problem->n_q, bh = row / problem->n_q;
    const int64_t b = bh / problem->heads_q, h = bh % problem->heads_q;
    return ((b * problem->n_q + i) * problem->heads_q + h) * d;
}

/* One head's keys or values: row j starts at first + j * stride. */
struct rows {
    const float *first;
    int64_t stride;
};

static struct rows head_rows(const struct problem *problem, const float *tensor, int64_t batch,
                             int64_t head, int64_t d)
{
    const int64_t n = problem->n_kv, heads = problem->heads_kv;
    if (problem->layout == LAYOUT_BHND)
        return (struct rows){tensor + (batch * heads + head) * n * d, d};
    return (struct rows){tensor + (batch * n * heads + head) * d, heads * d};
}

/* One query row on its way. */
struct query {
    int64_t batch, head, row;
    int64_t first, end; /* keys that mask, window and padding let it see */
    const float *q;
    double slope; /* ALiBi's */
    /* Of each key j < n_kv: dot product, then score (-infinity: hidden), then weight; the sum of
     * the squares of the dot product's terms; and the variance of the score's error. */
    double *scores, *energies, *errors;
    struct column_sums *sums; /* [d_v] */
};

/* Rows of one kv head, computed together. */
struct group {
    const struct problem *problem;
    const struct attention_inputs *inputs;
    struct rows k, v;
    struct query queries[GROUP_ROWS];
    int count;
    double *block;   /* [d_k, KEYS] or [KEYS, d_v] */
    double *lengths; /* [n_kv]: of each value vector */
    double *q;       /* [d_k] */
};

/* dots[j] += q_c k_jc and energies[j] += (q_c k_jc)^2, k [d, KEYS]. */
FOR_EACH_CPU static void dot_block(const double *restrict q, const double *restrict k, int64_t d,
                                   double *restrict dots, double *restrict energies)
{
    for (int64_t c = 0; c < d; c++)
        for (int j = 0; j < KEYS; j++) {
            const double product = q[c] * k[c * KEYS + j];
            dots[j] += product;
            energies[j] += product * product;
        }
}

/* o += p v, a += (p v)^2, b += p^2 v for `count` keys, v [count, d]; two keys at a time, since the
 * sums would otherwise go through memory for each. */
FOR_EACH_CPU static void weigh_block(const double *restrict p, const double *restrict v,
                                     int64_t count, int64_t d, double *restrict o,
                                     double *restrict a, double *restrict b)
{
    for (int64_t j = 0; j < count; j += 2) {
        const double p0 = p[j], p1 = j + 1 < count ? p[j + 1] : 0;
        const double *v0 = v + j * d, *v1 = j + 1 < count ? v0 + d : v0;
        if (p0 == 0 && p1 == 0)
            continue;
        for (int64_t c = 0; c < d; c++) {
            const double part0 = p0 * v0[c], part1 = p1 * v1[c];
            o[c] += part0 + part1;
            a[c] += part0 * part0 + part1 * part1;
            b[c] += p0 * part0 + p1 * part1;
        }
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The keys of the block from `start` on that a row sees are begin <= j < end; false: none. */
static bool sees(const struct query *query, int64_t start, int64_t *begin, int64_t *end)
{
    *begin = most(start, query->first);
    *end = least(start + KEYS, query->end);
    return *begin < *end;
}

static bool any_sees(const struct group *group, int64_t start)
{
    int64_t begin, end;
    for (int r = 0; r < group->count; r++)
        if (sees(&group->queries[r], start, &begin, &end))
            return true;
    return false;
}

/* ---- scores ---- */

static void dots(struct group *group)
{
    const int64_t d = group->problem->d_k, n = group->problem->n_kv;
    for (int64_t start = 0; start < n; start += KEYS) {
        const int64_t count = least(KEYS, n - start);
        if (!any_sees(group, start))
            continue;
        if (count < KEYS)
            memset(group->block, 0, (size_t)(d * KEYS) * sizeof(double));
        for (int64_t j = 0; j < count; j++)
            for (int64_t c = 0; c < d; c++)
                group->block[c * KEYS + j] =
                    (double)group->k.first[(start + j) * group->k.stride + c];
        for (int r = 0; r < group->count; r++) {
            const struct query *query = &group->queries[r];
            int64_t begin, end;
            if (!sees(query, start, &begin, &end))
                continue;
            double products[KEYS] = {0}, squares[KEYS] = {0};
            for (int64_t c = 0; c < d; c++)
                group->q[c] = (double)query->q[c];
            dot_block(group->q, group->block, d, products, squares);
            for (int64_t j = begin; j < end; j++) {
                query->scores[j] = products[j - start];
                query->energies[j] = squares[j - start];
            }
        }
    }
}

/* What is added to the score of a key; -infinity hides it. */
static double bias_of(const struct problem *problem, const struct attention_inputs *inputs,
                      const struct query *query, int64_t j)
{
    if (problem->bias == BIAS_NONE)
        return 0;
    if (problem->bias == BIAS_ALIBI) {
        const int64_t distance = query->row + problem_causal_offset(problem) - j;
        return -query->slope * fabs((double)distance);
    }
    const struct bias_dims dims = problem_bias_dims(problem);
    const int64_t index = bias_index(&dims, query->batch, query->head, query->row, j);
    if (problem->bias == BIAS_BOOL)
        return inputs->mask[index] ? 0 : -INFINITY;
    return inputs->bias[index] <= BIAS_MASKED_BELOW ? -INFINITY : (double)inputs->bias[index];
}

/* Dot products become scores. Returns how many keys are seen. */
static int64_t finish_scores(const struct group *group, struct query *query)
{
    const struct problem *problem = group->problem;
    const double scale = problem_scale(problem), softcap = problem->softcap;
    int64_t seen = 0;
    for (int64_t j = query->first; j < query->end; j++) {
        const double dot = scale * query->scores[j];
        const double capped = softcap > 0 ? softcap * tanh(dot / softcap) : dot;
        const double bias = bias_of(problem, group->inputs, query, j);
        query->scores[j] = capped + bias;
        seen += query->scores[j] != -INFINITY;
        query->energies[j] *= scale * scale;
        query->errors[j] =
            error_of_score(problem, query->energies[j], dot, capped, bias == -INFINITY ? 0 : bias);
    }
    return seen;
}

/* ---- softmax ---- */

/* Scores become weights; a sink takes its share of the sum. All keys hidden: all weights 0. */
static void softmax(const struct query *query, const float *sink, double *weights)
{
    double max = sink ? (double)*sink : -INFINITY;
    for (int64_t j = query->first; j < query->end; j++)
        max = fmax(max, weights[j]);
    double sum = sink ? exp((double)*sink - max) : 0;
    for (int64_t j = query->first; j < query->end; j++) {
        weights[j] = weights[j] == -INFINITY ? 0 : exp(weights[j] - max);
        sum += weights[j];
    }
    for (int64_t j = query->first; j < query->end && sum > 0; j++)
        weights[j] /= sum;
}

static const float *sink_of(const struct group *group, const struct query *query)
{
    return group->problem->sink ? &group->inputs->sinks[query->head] : NULL;
}

/* ---- values ---- */

static void values(struct group *group, double *columns)
{
    const int64_t d = group->problem->d_v, n = group->problem->n_kv;
    memset(columns, 0, (size_t)(group->count * 3 * d) * sizeof *columns);
    for (int64_t start = 0; start < n; start += KEYS) {
        const int64_t count = least(KEYS, n - start);
        if (!any_sees(group, start))
            continue;
        for (int64_t j = 0; j < count; j++) {
            double squares = 0;
            for (int64_t c = 0; c < d; c++) {
                const double v = (double)group->v.first[(start + j) * group->v.stride + c];
                group->block[j * d + c] = v;
                squares += v * v;
            }
            group->lengths[start + j] = sqrt(squares);
        }
        for (int r = 0; r < group->count; r++) {
            const struct query *query = &group->queries[r];
            double *o = columns + r * 3 * d;
            int64_t begin, end;
            if (sees(query, start, &begin, &end))
                weigh_block(query->scores + begin, group->block + (begin - start) * d, end - begin,
                            d, o, o + d, o + 2 * d);
        }
    }
    for (int r = 0; r < group->count; r++)
        for (int64_t c = 0; c < d; c++)
            group->queries[r].sums[c] =
                (struct column_sums){columns[(r * 3 + 0) * d + c], columns[(r * 3 + 1) * d + c],
                                     columns[(r * 3 + 2) * d + c]};
}

/* ---- what a row is worth ---- */

static struct row_sums sum_row(const struct query *query, int64_t seen)
{
    struct row_sums row = {.keys = (double)seen};
    double heaviest = 0;
    for (int64_t j = query->first; j < query->end; j++) {
        const double p = query->scores[j];
        row.c += p * p;
        row.total += p;
        heaviest = fmax(heaviest, p);
    }
    /* Relative to the row's largest weight: under a strong sink all of them are tiny. */
    for (int64_t j = query->first; j < query->end; j++) {
        row.links += query->scores[j] > 0x1p-26 * row.total;
        if (query->scores[j] > 1e-20 * heaviest) {
            row.score_error = fmax(row.score_error, query->errors[j]);
            row.energy = fmax(row.energy, query->energies[j]);
        }
    }
    return row;
}

/* How far some weights or other could take the row from what is wanted. */
static void furthest_values(const struct group *group, const struct query *query, bool alone,
                            const double *want, double *distance)
{
    for (int64_t c = 0; c < group->problem->d_v; c++)
        distance[c] = 0;
    for (int64_t j = query->first; j < query->end && !alone; j++)
        for (int64_t c = 0; c < group->problem->d_v; c++) {
            if (bias_of(group->problem, group->inputs, query, j) == -INFINITY)
                break;
            const double v = (double)group->v.first[j * group->v.stride + c];
            distance[c] = fmax(distance[c], fabs(v - want[c]));
        }
}

/* Which keys the row would miss: to lose key j moves it by p_j (v_j - o) / (1 - p_j). */
static void mark_covered(const struct group *group, const struct query *query, double row_limit,
                         const double *want, unsigned char *covered)
{
    static const double twice = 2;
    double squares = 0;
    for (int64_t c = 0; c < group->problem->d_v; c++)
        squares += want[c] * want[c];
    const double length = sqrt(squares), needed = sqrt(twice * row_limit);
    for (int64_t j = query->first; j < query->end; j++) {
        const double p = query->scores[j], distance = fabs(group->lengths[j] - length);
        if (p > 0 && p * distance >= needed * (1 - p)) {
#pragma omp atomic write
            covered[j] = 1;
        }
    }
}

static void model_row(const struct group *group, const struct query *query, int64_t seen,
                      int64_t index, struct expected *out, unsigned char *covered)
{
    const struct problem *problem = group->problem;
    const int64_t d = problem->d_v;
    double *want = out->want + index * d, *variance = out->variance + index * d;
    struct row_model *model = &out->models[index];
    const struct row_sums row = sum_row(query, seen);
    error_of_row(problem, &row, query->sums, d, variance, out->coarse + index * d, model);
    out->score_error[index] = sqrt(row.score_error);
    if (!model->judged)
        furthest_values(group, query, seen == 1 && !problem->sink, want, variance);
    else if (covered && seen > 1)
        mark_covered(group, query,
                     error_row_limit((enum dtype)problem->dtype, want, variance, d, model), want,
                     covered);
}

/* ---- groups ---- */

static int64_t kv_head(const struct problem *problem, row_index row)
{
    return row / problem->n_q / (problem->heads_q / problem->heads_kv);
}

/* Rows from `first` on that a group takes. */
static int64_t group_rows(const struct problem *problem, const row_index *rows, int64_t first,
                          int64_t row_count)
{
    const int64_t affordable = GROUP_BYTES / ((int64_t)sizeof(double) * 3 * problem->n_kv);
    const int64_t limit = least(most(affordable, 1), GROUP_ROWS);
    int64_t count = 1;
    while (count < limit && first + count < row_count &&
           kv_head(problem, rows[first + count]) == kv_head(problem, rows[first]))
        count++;
    return count;
}

static void group_make(struct group *group, const struct problem *problem,
                       const struct attention_inputs *inputs, struct arena *arena)
{
    const size_t n = (size_t)problem->n_kv, d = (size_t)most(problem->d_k, problem->d_v);
    *group = (struct group){.problem = problem, .inputs = inputs};
    group->block = arena_array(arena, d * KEYS, sizeof(double));
    group->q = arena_array(arena, d, sizeof(double));
    group->lengths = arena_array(arena, n, sizeof(double));
}

static void group_take(struct group *group, const row_index *rows, int64_t count,
                       struct arena *arena)
{
    const struct problem *problem = group->problem;
    const size_t n = (size_t)problem->n_kv;
    group->count = (int)count;
    for (int r = 0; r < group->count; r++) {
        struct query *query = &group->queries[r];
        const int64_t bh = rows[r] / problem->n_q;
        if (!query->scores) {
            query->scores = arena_array(arena, n, sizeof(double));
            query->energies = arena_array(arena, n, sizeof(double));
            query->errors = arena_array(arena, n, sizeof(double));
            query->sums = arena_array(arena, (size_t)problem->d_v, sizeof *query->sums);
        }
        query->batch = bh / problem->heads_q;
        query->head = bh % problem->heads_q;
        query->row = rows[r] % problem->n_q;
        query->slope = problem->bias == BIAS_ALIBI
                           ? (double)(float)alibi_slope(query->head, problem->heads_q)
                           : 0;
        query->q = group->inputs->q + row_offset(problem, rows[r], problem->d_k);
        problem_visible_keys(problem, query->batch, query->row, &query->first, &query->end);
    }
    const int64_t head = kv_head(problem, rows[0]) % problem->heads_kv;
    group->k = head_rows(problem, group->inputs->k, group->queries[0].batch, head, problem->d_k);
    group->v = head_rows(problem, group->inputs->v, group->queries[0].batch, head, problem->d_v);
    dots(group);
}

/* Where each group begins: [groups + 1]. */
static int64_t *find_groups(const struct problem *problem, const row_index *rows, int64_t row_count,
                            struct arena *arena, int64_t *groups)
{
    int64_t *first = arena_array(arena, (size_t)row_count + 1, sizeof *first);
    *groups = 0;
    for (int64_t r = 0; r < row_count; r += group_rows(problem, rows, r, row_count))
        first[(*groups)++] = r;
    first[*groups] = row_count;
    return first;
}

/* Waking the threads costs more than a small problem does, and very much more on a busy machine. */
static bool is_large(const struct problem *problem, int64_t row_count)
{
    return (double)row_count * (double)problem->n_kv * (double)(problem->d_k + problem->d_v) > 1e7;
}

/* Either output alone, or all of `expected`. */
static void compute(const struct problem *problem, const struct attention_inputs *inputs,
                    const row_index *rows, int64_t row_count, double *output,
                    struct expected *expected, unsigned char *covered)
{
    const int64_t d = problem->d_v;
    struct arena lists = {0};
    int64_t groups = 0;
    const int64_t *first = find_groups(problem, rows, row_count, &lists, &groups);
#pragma omp parallel if (is_large(problem, row_count))
    {
        struct arena arena = {0};
        struct group group;
        group_make(&group, problem, inputs, &arena);
        double *columns = arena_array(&arena, (size_t)(GROUP_ROWS * 3 * d), sizeof *columns);
#pragma omp for schedule(dynamic)
        for (int64_t g = 0; g < groups; g++) {
            int64_t seen[GROUP_ROWS];
            group_take(&group, rows + first[g], first[g + 1] - first[g], &arena);
            for (int r = 0; r < group.count; r++) {
                struct query *query = &group.queries[r];
                seen[r] = finish_scores(&group, query);
                softmax(query, sink_of(&group, query), query->scores);
            }
            values(&group, columns);
            for (int r = 0; r < group.count; r++) {
                for (int64_t c = 0; c < d; c++)
                    output[(first[g] + r) * d + c] = group.queries[r].sums[c].o;
                if (expected)
                    model_row(&group, &group.queries[r], seen[r], first[g] + r, expected, covered);
            }
        }
        arena_free(&arena);
    }
    arena_free(&lists);
}

void reference_attention(const struct problem *problem, const struct attention_inputs *inputs,
                         const row_index *rows, int64_t row_count, double *output)
{
    compute(problem, inputs, rows, row_count, output, NULL, NULL);
}

void reference_expected(const struct problem *problem, const struct attention_inputs *inputs,
                        const row_index *rows, int64_t row_count, struct expected *expected,
                        unsigned char *covered)
{
    compute(problem, inputs, rows, row_count, expected->want, expected, covered);
}

void reference_scores(const struct problem *problem, const struct attention_inputs *inputs,
                      const row_index *rows, int64_t row_count, double *out)
{
    const bool weights = problem->returns == RETURNS_WEIGHTS;
    const int64_t n = problem->n_kv;
    struct arena lists = {0};
    int64_t groups = 0;
    const int64_t *first = find_groups(problem, rows, row_count, &lists, &groups);
#pragma omp parallel if (is_large(problem, row_count))
    {
        struct arena arena = {0};
        struct group group;
        group_make(&group, problem, inputs, &arena);
#pragma omp for schedule(dynamic)
        for (int64_t g = 0; g < groups; g++) {
            group_take(&group, rows + first[g], first[g + 1] - first[g], &arena);
            for (int r = 0; r < group.count; r++) {
                struct query *query = &group.queries[r];
                double *row = out + (first[g] + r) * n;
                finish_scores(&group, query);
                if (weights)
                    softmax(query, sink_of(&group, query), query->scores);
                for (int64_t j = 0; j < n; j++)
                    row[j] = j >= query->first && j < query->end ? query->scores[j]
                             : weights                           ? 0
                                                                 : -INFINITY;
            }
        }
        arena_free(&arena);
    }
    arena_free(&lists);
}
