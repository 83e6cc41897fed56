#include "verify/verdict.h"

#include "verify/inputs.h"
#include "verify/operation_reference.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The reference's cost of one exp, its maximum and its division, in the flops of a dot product. */
static const double SOFTMAX_FLOPS = 40;

enum { ROWS_ALWAYS = 3 }; /* of a head: first, last, one random */

/* The output of another operation has the rows of one head, as wide as the model. */
static struct problem output_view(const struct problem *problem)
{
    struct problem view = *problem;
    if (problem->op != OP_ATTENTION) {
        view.heads_q = 1;
        view.d_v = problem->d_model;
        view.layout = LAYOUT_BHND;
    }
    return view;
}

/* ---- which rows ---- */

static int by_value(const void *a, const void *b)
{
    const row_index x = *(const row_index *)a, y = *(const row_index *)b;
    return (x > y) - (x < y);
}

/* A list of rows of one head, in order of priority; full or out-of-range additions are ignored. */
struct choice {
    row_index *rows;
    int64_t count, limit;
    int64_t n, first; /* rows of the head, and the flat index of its row 0 */
};

static void choose(struct choice *choice, int64_t i)
{
    if (i >= 0 && i < choice->n && choice->count < choice->limit)
        choice->rows[choice->count++] = choice->first + i;
}

static void choose_both_sides(struct choice *choice, int64_t edge)
{
    choose(choice, edge - 1);
    choose(choice, edge);
}

/* Where the diagonal enters the keys (rows before it may see nothing) and where it leaves them
 * (from there on causal hides nothing), and the same for a window's left border. */
static void choose_mask_edges(struct choice *choice, const struct problem *problem)
{
    if (problem->mask == MASK_NONE)
        return;
    const int64_t enter = -problem_causal_offset(problem);
    choose_both_sides(choice, enter);
    choose_both_sides(choice, enter + problem->n_kv);
    if (problem->window_left != WINDOW_UNLIMITED) {
        choose_both_sides(choice, enter + problem->window_left + 1);
        choose_both_sides(choice, enter + problem->window_left + problem->n_kv);
    }
}

static void choose_rows(struct choice *choice, const struct problem *problem, uint64_t seed)
{
    const uint64_t key = inputs_hash(seed, (uint64_t)choice->first);
    const uint64_t n = (uint64_t)choice->n;
    choose(choice, 0);
    choose(choice, choice->n - 1);
    choose(choice, (int64_t)(inputs_hash(key, 0) % n));
    choose_mask_edges(choice, problem);
    for (int64_t tile = 256; tile >= 16; tile /= 2) {
        choose_both_sides(choice, tile);
        choose_both_sides(choice, choice->n / tile * tile);
    }
    for (uint64_t draw = 1; choice->count < choice->limit; draw++)
        choose(choice, (int64_t)(inputs_hash(key, draw) % n));
}

/* Sorts, drops duplicates, returns how many are left. */
static int64_t sort_unique(row_index *rows, int64_t count)
{
    qsort(rows, (size_t)count, sizeof *rows, by_value);
    int64_t kept = 0;
    for (int64_t r = 0; r < count; r++)
        if (kept == 0 || rows[r] != rows[kept - 1])
            rows[kept++] = rows[r];
    return kept;
}

const row_index *verdict_rows(const struct problem *problem, enum check_mode *mode, uint64_t seed,
                              double max_flops, struct arena *arena, int64_t *count)
{
    const struct problem view = output_view(problem);
    const int64_t heads = view.batch * view.heads_q, n = view.n_q;
    const double flops = problem_flops(problem) + SOFTMAX_FLOPS * problem_pairs(problem);
    if (*mode == CHECK_AUTO)
        *mode = flops <= max_flops ? CHECK_FULL : CHECK_SAMPLE;

    int64_t per_head = *mode == CHECK_NONE ? 0 : n;
    if (*mode == CHECK_SAMPLE && flops > max_flops) {
        const double affordable = max_flops / flops * (double)n;
        per_head = affordable > ROWS_ALWAYS ? (int64_t)affordable : ROWS_ALWAYS;
        per_head = per_head < n ? per_head : n;
    }

    row_index *rows = arena_array(arena, (size_t)(heads * per_head), sizeof *rows);
    *count = 0;
    for (int64_t head = 0; head < heads; head++) {
        struct choice choice = {rows + *count, 0, per_head, n, head * n};
        if (per_head == n) {
            for (int64_t i = 0; i < n; i++)
                choose(&choice, i);
        } else if (per_head > 0) {
            choose_rows(&choice, problem, seed);
        }
        *count += sort_unique(choice.rows, choice.count);
    }
    return rows;
}

/* ---- how much error is right ---- */

/* A right kernel reads exact inputs, computes in float and rounds its output to the dtype. With
 * u = 2^-24, S = score_size and rounding errors taken as independent (a sequential sum of n terms
 * then errs by about sqrt(n) u times the sum of their sizes; Higham 2002, section 2.8, where the
 * worst case has n in place of sqrt(n)):
 *
 *   score   a dot product of d_k terms: S sqrt(d_k) u / 2 (a third for terms of one sign, the worst
 *           case). Scaling, subtracting the maximum and the product with log2(e) inside exp: 4 S u.
 *           softcap contracts these (|tanh'| <= 1) and adds its own: 5 ulp of tanh and 3 for the
 *           division and the product, 8 S u.
 *   weight  p_j errs by the factor exp(error of its score), and exp, the rescaling of an online
 *           softmax and the division add some ulp: 8 u.
 *   sums    numerator and denominator have `keys` terms each: sqrt(keys) u for both together (the
 *           numerator's terms have mixed signs as soon as the values have).
 *
 * o = sum p v / sum p, so a relative error e of the weights moves o by at most e * (magnitude +
 * |want|) <= 2 e magnitude. That bounds all weights erring one way and all values another; with
 * independent errors e * magnitude is ample.
 *
 * Storage of 11 or 8 bits (u_d = 2^-11 or 2^-8) rounds the output, u_d |want|, and a kernel for
 * matrix units may round the weights to it too, u_d magnitude. Scores may not be rounded to it.
 * The absolute term is half the spacing of subnormal f16, elsewhere the smallest normal, since a
 * device may flush subnormals to zero.
 *
 * Where scores are so large that e means nothing (SCORE_SIZE_BLIND), weights may be any, and move o
 * by at most `magnitude`, which is then the distance to the furthest value: |v| <= magnitude +
 * |want|.
 *
 * The other operations are chains of such stages, whose errors add up as the later stages let them:
 * the references are computed with random errors of these sizes in every stage, and how far the
 * outcomes lie from the exact one (stages.h) takes the place of the formula.
 *
 * The sum of all this is what a right kernel may reach; SAFETY = 4 makes the tolerance, so that
 * right kernels stay 4 times inside it. What it does not cover: rounding errors that all go one
 * way, as when thousands of equal numbers are added one by one. Our random values do not do that.
 */
static const double SAFETY = 4;

double verdict_tolerance(enum dtype dtype, const struct problem *problem, double want,
                         double magnitude, double score_size, int64_t keys)
{
    const double storage[] = {[DTYPE_F32] = 0, [DTYPE_F16] = 0x1p-11, [DTYPE_BF16] = 0x1p-8};
    const double least = dtype == DTYPE_F16 ? 0x1p-25 : FLT_MIN;
    if (problem->op != OP_ATTENTION)
        return SAFETY * (magnitude + fmax(storage[dtype], 0x1p-24) * fabs(want) + least);
    if (keys == 0) /* the row is zero by definition; only a flush of subnormals is forgiven */
        return FLT_MIN;
    const double tanh_ulps = problem->softcap > 0 ? 8 : 0;
    const double score = score_size * (sqrt((double)problem->d_k) / 2 + 4 + tanh_ulps);
    const double sums = 8 + sqrt((double)keys);
    const double compute =
        score_size > SCORE_SIZE_BLIND
            ? fmin(0x1p-24 * score, 1) * magnitude + 0x1p-24 * sums * (magnitude + fabs(want))
            : 0x1p-24 * (score + sums) * magnitude;
    return SAFETY * (compute + storage[dtype] * (fabs(want) + magnitude) + least);
}

/* ---- the verdict ---- */

/* "batch 0 head 1 row 2 column 3" of an element of the output. */
static void describe_element(const struct problem *problem, int64_t element, char *text,
                             size_t size)
{
    const int64_t column = element % problem->d_v;
    const int64_t outer = element / problem->d_v;
    const int64_t heads = problem->heads_q, n = problem->n_q;
    const bool bhnd = problem->layout == LAYOUT_BHND;
    const int64_t head = bhnd ? outer / n % heads : outer % heads;
    const int64_t row = bhnd ? outer % n : outer / heads % n;
    snprintf(text, size, "batch %" PRId64 " head %" PRId64 " row %" PRId64 " column %" PRId64,
             outer / (n * heads), head, row, column);
}

static void scan(const struct problem *problem, const float *output, struct verdict *verdict)
{
    const int64_t count = problem_sizes(problem).o;
    int64_t first = -1;
    for (int64_t e = 0; e < count; e++) {
        if (isfinite(output[e]))
            continue;
        if (verdict->bad_values++ == 0)
            first = e;
    }
    if (first < 0)
        return;
    char place[128];
    describe_element(problem, first, place, sizeof place);
    snprintf(verdict->reason, sizeof verdict->reason,
             "%" PRId64 " of %" PRId64 " output values are NaN, infinite or unwritten, first at %s",
             verdict->bad_values, count, place);
}

/* What accumulates over the compared elements. */
struct comparison {
    double err2, want2;
    int64_t bad_rows;
    int64_t worst; /* offset into the output */
    double worst_want;
};

/* Returns whether all elements of one row are within their tolerance. */
static bool compare_row(const struct problem *problem, row_index row, const double *want,
                        const double *magnitude, double score_size, const float *output,
                        struct comparison *sums, struct verdict *verdict)
{
    const int64_t n = problem->n_q, offset = row_offset(problem, row, problem->d_v);
    int64_t first, end;
    problem_visible_keys(problem, row / (n * problem->heads_q), row % n, &first, &end);
    bool ok = true;
    double largest = 0;
    for (int64_t c = 0; c < problem->d_v; c++)
        largest = fmax(largest, fabs(want[c]));
    for (int64_t c = 0; c < problem->d_v; c++) {
        const double err = fabs((double)output[offset + c] - want[c]);
        const double tolerance = verdict_tolerance((enum dtype)problem->dtype, problem, want[c],
                                                   magnitude[c], score_size, end - first);
        const double relative_to = problem->op == OP_ATTENTION ? magnitude[c] : largest;
        const bool inside = err <= tolerance; /* accept form: NaN on either side is outside */
        ok = ok && inside;
        double ratio = err / tolerance;
        if (!inside && !(ratio > 1)) /* NaN */
            ratio = INFINITY;
        if (ratio > verdict->err_over_tolerance || sums->worst < 0) {
            verdict->err_over_tolerance = ratio;
            verdict->tolerance = tolerance;
            sums->worst = offset + c;
            sums->worst_want = want[c];
        }
        if (isfinite(output[offset + c])) {
            sums->err2 += err * err;
            verdict->max_abs_err = fmax(verdict->max_abs_err, err);
            if (err > 0)
                verdict->max_rel_err = fmax(verdict->max_rel_err, err / relative_to);
        }
        sums->want2 += want[c] * want[c];
    }
    return ok;
}

void verdict_judge(const struct problem *problem, const row_index *rows, int64_t row_count,
                   const double *want, const double *magnitude, const double *score_size,
                   const float *output, struct verdict *verdict)
{
    const struct problem view = output_view(problem);
    problem = &view;
    *verdict = (struct verdict){.rows_checked = row_count};
    scan(problem, output, verdict);

    struct comparison sums = {.worst = -1};
    const int64_t d_v = problem->d_v;
    for (int64_t r = 0; r < row_count; r++)
        sums.bad_rows += !compare_row(problem, rows[r], want + r * d_v, magnitude + r * d_v,
                                      score_size[r], output, &sums, verdict);
    verdict->nmse = sums.err2 > 0 ? sums.err2 / sums.want2 : 0;
    verdict->ok = sums.bad_rows == 0 && verdict->bad_values == 0;
    if (verdict->bad_values > 0) {
        verdict->err_over_tolerance = INFINITY;
    } else if (!verdict->ok) {
        char place[128];
        describe_element(problem, sums.worst, place, sizeof place);
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%" PRId64 " of %" PRId64
                 " compared rows are wrong, worst at %s: got %.9g, wanted "
                 "%.9g, off by %.3g where %.3g is tolerated",
                 sums.bad_rows, row_count, place, (double)output[sums.worst], sums.worst_want,
                 fabs((double)output[sums.worst] - sums.worst_want), verdict->tolerance);
    }
}

/* A weight's exponent errs by what the derivation above gives for its score, so the weight by a
 * factor of up to e to that power; where that is large (all scores of a row near -1e9, where f32
 * steps by 64) nothing is known of a weight but that it is one. A score has the absolute error of
 * its dot product. Both are stored in f32 only. */
static double scores_tolerance(const struct problem *problem, double want, double score_size,
                               int64_t keys)
{
    const double tanh_ulps = problem->softcap > 0 ? 8 : 0;
    const double score = score_size * (sqrt((double)problem->d_k) / 2 + 4 + tanh_ulps);
    const double u = 0x1p-24;
    if (problem->returns == RETURNS_SCORES)
        return SAFETY * (u * (score + fabs(want)) + FLT_MIN);
    const double exponent = SAFETY * u * (score + 8 + sqrt((double)keys));
    return fmin(want * expm1(exponent), 1) + SAFETY * FLT_MIN;
}

void verdict_judge_scores(const struct problem *problem, const row_index *rows, int64_t row_count,
                          const double *want, const double *score_size, const float *got,
                          struct verdict *verdict)
{
    const int64_t n = problem->n_kv;
    for (int64_t r = 0; r < row_count && verdict->ok; r++)
        for (int64_t j = 0; j < n; j++) {
            const double w = want[r * n + j], g = (double)got[rows[r] * n + j];
            if (w == -INFINITY)
                continue;
            const double tolerance = scores_tolerance(problem, w, score_size[r], n);
            if (fabs(g - w) <= tolerance)
                continue;
            verdict->ok = false;
            snprintf(verdict->reason, sizeof verdict->reason,
                     "%s of row %" PRId64 " (of all heads), key %" PRId64
                     ": got %.9g, wanted %.9g, off by %.3g where %.3g is tolerated",
                     problem->returns == RETURNS_WEIGHTS ? "weight" : "score", rows[r], j, g, w,
                     fabs(g - w), tolerance);
            break;
        }
}
