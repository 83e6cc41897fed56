#include "verify/verdict.h"

#include "verify/operation_reference.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct problem verdict_view(const struct problem *problem)
{
    struct problem view = *problem;
    if (problem->op != OP_ATTENTION) {
        view.heads_q = 1;
        view.d_v = problem->d_model;
        view.layout = LAYOUT_BHND;
    }
    return view;
}

const char *scale_name(enum scale scale)
{
    static const char *const names[SCALES] = {"element", "row", "head", "column", "batch", "whole"};
    return names[scale];
}

/* One judgement on its way. */
struct judging {
    const struct problem *problem; /* the view */
    enum dtype dtype;
    enum precision precision;
    bool attention;
    const float *output;
    double *variance; /* of a row, the variant's precision included */
    struct tally row, whole;
    struct tally *heads, *columns, *batches;
    double worst_part; /* of an element */
    int64_t worst;     /* its offset in the output; -1: none was compared */
    double worst_want;
    int64_t bad_elements, bad_rows;
    struct {
        double inward, up, noise; /* sums over elements, in half units of storage */
        int64_t count;
    } rounding;
    struct verdict *verdict;
};

/* ---- the whole output ---- */

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

/* ---- elements and rows ---- */

/* Whether the error of an element is within its bound; accept form: NaN on either side is not. */
static bool judge_element(struct judging *j, int64_t offset, double want, double bound)
{
    const double err = fabs((double)j->output[offset] - want);
    const bool inside = err <= bound;
    double part = bound > 0 ? err / bound : inside ? 0 : INFINITY;
    if (!inside && !(part > 1)) /* NaN */
        part = INFINITY;
    if (part > j->worst_part || j->worst < 0) {
        j->worst_part = part;
        j->worst = offset;
        j->worst_want = want;
        j->verdict->tolerance = bound;
    }
    j->bad_elements += !inside;
    return inside;
}

static void note_rounding(struct judging *j, double want, double err, double half, double variance)
{
    if (j->dtype == DTYPE_F32 || half <= 0 || want == 0 || variance > half * half)
        return;
    j->rounding.inward -= (want > 0 ? err : -err) / half;
    j->rounding.up += err / half;
    j->rounding.noise += 1.0 / 3 + variance / (half * half);
    ++j->rounding.count;
}

static void add_tally(struct tally *to, const struct tally *from)
{
    to->err2 += from->err2;
    to->want2 += from->want2;
    to->size += from->size;
    to->floor2 += from->floor2;
    to->along += from->along;
    to->along_variance += from->along_variance;
    to->along_bias += from->along_bias;
    to->scatter.energy += from->scatter.energy;
    to->scatter.squares += from->scatter.squares;
}

static void add_to_column(struct tally *column, double want, double err, double variance,
                          double coherent, double bias)
{
    column->along_bias += bias;
    const double want2 = want * want;
    column->err2 += err * err;
    column->want2 += want2;
    column->along += err * want;
    column->along_variance += want2 * variance + coherent * want2 * want2;
    column->scatter.energy += variance;
    column->scatter.squares += variance * variance;
}

/* Errors of few keys move all columns at once: their share of the slope's variance grows by how
 * many columns there are to one of them. */
static void judge_row(struct judging *j, const double *want, const struct row_model *model,
                      int64_t offset)
{
    const int64_t columns = j->problem->d_v;
    const double together = (double)columns / fmin((double)columns, model->freedom);
    bool inside = true;
    j->row = (struct tally){.size = model->size,
                            .floor2 = (double)columns * model->floor * model->floor};
    error_row_scatter(j->dtype, want, j->variance, columns, model, &j->row.scatter);
    for (int64_t c = 0; c < columns; c++) {
        const double err = (double)j->output[offset + c] - want[c], want2 = want[c] * want[c];
        const double half = error_of_storage(j->dtype, want[c]);
        const double variance = j->variance[c] + half * half / 3 + model->floor * model->floor;
        inside &= judge_element(j, offset + c, want[c],
                                LIMIT_ROUNDINGS * half + LIMIT_SIGMAS * sqrt(j->variance[c]) +
                                    model->floor);
        if (!isfinite(err))
            continue;
        note_rounding(j, want[c], err, half, j->variance[c]);
        j->row.err2 += err * err;
        j->row.want2 += want2;
        j->row.along += err * want[c];
        const double bias = error_is_subnormal(j->dtype, want[c]) ? half * fabs(want[c]) : 0;
        j->row.along_bias += bias;
        j->row.along_variance +=
            want2 * (half * half / 3 + together * j->variance[c] + model->floor * model->floor);
        add_to_column(&j->columns[c], want[c], err, variance, model->coherent, bias);
    }
    j->row.along_variance += model->coherent * j->row.want2 * j->row.want2;
    j->bad_rows += !inside;
}

/* Only that the values lie among those that they are made of. */
static void judge_unknown_row(struct judging *j, const double *want, const double *distance,
                              const struct row_model *model, int64_t offset)
{
    bool inside = true;
    for (int64_t c = 0; c < j->problem->d_v; c++) {
        const double half = error_of_storage(j->dtype, fabs(want[c]) + distance[c]);
        const double bound = distance[c] * (1 + 1e-4) + LIMIT_ROUNDINGS * half + model->floor;
        /* within the range says nothing of how near to the limit a right kernel is */
        if (!(fabs((double)j->output[offset + c] - want[c]) <= bound))
            inside &= judge_element(j, offset + c, want[c], bound);
    }
    j->bad_rows += !inside;
    ++j->verdict->rows_unjudged;
}

static void note_size(struct verdict *verdict, const double *want, const float *got,
                      int64_t columns)
{
    double largest = 0, err = 0;
    for (int64_t c = 0; c < columns; c++) {
        largest = fmax(largest, fabs(want[c]));
        if (isfinite(got[c]))
            err = fmax(err, fabs((double)got[c] - want[c]));
    }
    verdict->max_abs_err = fmax(verdict->max_abs_err, err);
    if (err > 0)
        verdict->max_rel_err = fmax(verdict->max_rel_err, err / largest);
}

/* ---- groups ---- */

static double slope_limit(const struct judging *j, const struct tally *tally)
{
    return limit_slope(j->dtype, sqrt(tally->along_variance) / tally->want2,
                       (double)j->problem->n_kv) +
           tally->along_bias / tally->want2;
}

/* Why a group is wrong, as it would be said of it. */
static void explain(const struct judging *j, const struct tally *tally, const char *where)
{
    struct verdict *verdict = j->verdict;
    const double energy = tally->err2 / tally->scatter.energy;
    const double slope = 1 + tally->along / tally->want2;
    const double allowed = slope_limit(j, tally);
    if (fabs(slope - 1) > allowed)
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s: the output is %.6g times what it should be, where 1 +- %.2g is tolerated",
                 where, slope, allowed);
    else if (energy >
             limit_energy(tally->scatter.energy * tally->scatter.energy / tally->scatter.squares))
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s: the errors' energy is %.3g times what rounding explains, where %.3g is "
                 "tolerated (NMSE %.3g)",
                 where, energy, scatter_limit(&tally->scatter) / tally->scatter.energy,
                 tally->err2 / tally->want2);
    else
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s: the errors' energy is %.3g of the output's, where no right kernel is above "
                 "%.3g",
                 where, tally->err2 / tally->size, limit_nmse(j->dtype));
}

/* How much of its limits a group has used. */
static double used(const struct judging *j, const struct tally *tally)
{
    double part = 0;
    if (tally->scatter.energy > 0)
        part = sqrt(tally->err2 / scatter_limit(&tally->scatter));
    if (tally->want2 > 0)
        part = fmax(part, fabs(tally->along) / tally->want2 / slope_limit(j, tally));
    return part;
}

/* The same of rows together. The stages' noise is that of kernels which round wherever they may, 8
 * times the energy of those that were measured: over many rows, where chance averages out, the
 * other operations keep to less of it. */
static double used_by_rows(const struct judging *j, const struct tally *tally)
{
    static const double operations = 1.6;
    return used(j, tally) * (j->attention ? 1 : operations);
}

/* Judges one group of a scale; the first at the worst part is the one that is told of. */
static void judge_group(struct judging *j, enum scale scale, const struct tally *tally, double part,
                        const char *format, int64_t a, int64_t b, int64_t c)
{
    struct verdict *verdict = j->verdict;
    if (isnan(verdict->part[scale]))
        verdict->part[scale] = 0;
    if (!(part > verdict->part[scale]))
        return;
    verdict->part[scale] = part;
    if (part > 1 && part > verdict->err_over_tolerance && j->bad_elements == 0) {
        char where[96];
        snprintf(where, sizeof where, format, a, b, c);
        explain(j, tally, where);
        verdict->err_over_tolerance = part;
    }
}

static void judge_groups(struct judging *j)
{
    const struct problem *p = j->problem;
    for (int64_t h = 0; h < p->batch * p->heads_q; h++)
        if (j->heads[h].size > 0)
            judge_group(j, SCALE_HEAD, &j->heads[h], used_by_rows(j, &j->heads[h]),
                        "batch %" PRId64 " head %" PRId64, h / p->heads_q, h % p->heads_q, 0);
    for (int64_t c = 0; c < p->d_v; c++)
        if (j->columns[c].scatter.energy > 0)
            judge_group(j, SCALE_COLUMN, &j->columns[c], used_by_rows(j, &j->columns[c]),
                        "column %" PRId64 " of all rows", c, 0, 0);
    for (int64_t b = 0; b < p->batch; b++)
        if (j->batches[b].size > 0)
            judge_group(j, SCALE_BATCH, &j->batches[b], used_by_rows(j, &j->batches[b]),
                        "batch %" PRId64, b, 0, 0);
    if (j->whole.size > 0) {
        double part = used_by_rows(j, &j->whole);
        const double gate =
            fmax(limit_nmse(j->dtype), j->precision == PRECISION_BF16 ? limit_nmse(DTYPE_BF16) : 0);
        if (j->attention)
            part = fmax(part, sqrt(j->whole.err2 / (j->whole.size * gate + j->whole.floor2)));
        judge_group(j, SCALE_WHOLE, &j->whole, part, "the whole output", 0, 0, 0);
    }
}

/* ---- the verdict ---- */

static const char *rounding_of(const struct judging *j)
{
    const double count = (double)j->rounding.count;
    if (j->rounding.count < 64 || sqrt(j->rounding.noise) / count > 0.1)
        return NULL;
    const double inward = j->rounding.inward / count, up = j->rounding.up / count;
    return inward > 0.5    ? "toward_zero"
           : inward < -0.5 ? "away_from_zero"
           : up > 0.5      ? "up"
           : up < -0.5     ? "down"
                           : "nearest";
}

static void judge_rows(struct judging *j, const row_index *rows, const struct expected *expected)
{
    const struct problem *p = j->problem;
    const double unit = precision_unit(j->precision);
    for (int64_t r = 0; r < expected->rows; r++) {
        const double *want = expected->want + r * p->d_v;
        const struct row_model *model = &expected->models[r];
        const int64_t offset = row_offset(p, rows[r], p->d_v), head = rows[r] / p->n_q;
        for (int64_t c = 0; c < p->d_v; c++)
            j->variance[c] = expected->variance[r * p->d_v + c] +
                             (model->judged ? unit * unit * expected->coarse[r * p->d_v + c] : 0);
        note_size(j->verdict, want, j->output + offset, p->d_v);
        if (!model->judged) {
            judge_unknown_row(j, want, j->variance, model, offset);
            continue;
        }
        judge_row(j, want, model, offset);
        add_tally(&j->heads[head], &j->row);
        add_tally(&j->batches[head / p->heads_q], &j->row);
        add_tally(&j->whole, &j->row);
        judge_group(j, SCALE_ROW, &j->row, used(j, &j->row),
                    "batch %" PRId64 " head %" PRId64 " row %" PRId64, head / p->heads_q,
                    head % p->heads_q, rows[r] % p->n_q);
    }
}

static void conclude(struct judging *j)
{
    struct verdict *verdict = j->verdict;
    verdict->part[SCALE_ELEMENT] = j->worst < 0 ? NAN : j->worst_part;
    verdict->err_over_tolerance = 0;
    for (int s = 0; s < SCALES; s++)
        if (verdict->part[s] > verdict->err_over_tolerance) {
            verdict->nearest = (enum scale)s;
            verdict->err_over_tolerance = verdict->part[s];
        }
    verdict->ok = verdict->bad_values == 0 && verdict->err_over_tolerance <= 1;
    verdict->rounding = rounding_of(j);
    if (verdict->bad_values > 0) {
        verdict->part[SCALE_ELEMENT] = verdict->err_over_tolerance = INFINITY;
        verdict->nearest = SCALE_ELEMENT;
    } else if (j->bad_elements > 0) { /* an element says best what is wrong */
        char place[128];
        verdict->nearest = SCALE_ELEMENT;
        describe_element(j->problem, j->worst, place, sizeof place);
        snprintf(
            verdict->reason, sizeof verdict->reason,
            "%" PRId64 " of %" PRId64 " compared rows are wrong, worst at %s: got %.9g, wanted "
            "%.9g, off by %.3g where %.3g is tolerated",
            j->bad_rows, verdict->rows_checked, place, (double)j->output[j->worst], j->worst_want,
            fabs((double)j->output[j->worst] - j->worst_want), verdict->tolerance);
    }
}

void verdict_judge(const struct problem *problem, enum precision precision, const row_index *rows,
                   const struct expected *expected, const float *output, struct verdict *verdict)
{
    const struct problem view = verdict_view(problem);
    struct arena arena = {0};
    const size_t heads = (size_t)(view.batch * view.heads_q), columns = (size_t)view.d_v;
    struct judging j = {.problem = &view,
                        .dtype = (enum dtype)problem->dtype,
                        .precision = precision,
                        .attention = problem->op == OP_ATTENTION,
                        .output = output,
                        .worst = -1,
                        .verdict = verdict};
    *verdict = (struct verdict){.rows_checked = expected->rows};
    for (int s = 0; s < SCALES; s++)
        verdict->part[s] = NAN;
    j.heads = arena_array(&arena, heads, sizeof *j.heads);
    j.batches = arena_array(&arena, (size_t)view.batch, sizeof *j.batches);
    j.columns = arena_array(&arena, columns, sizeof *j.columns);
    j.variance = arena_array(&arena, columns, sizeof *j.variance);
    scan(&view, output, verdict);
    judge_rows(&j, rows, expected);
    verdict->nmse = j.whole.want2 > 0  ? j.whole.err2 / j.whole.want2
                    : j.whole.err2 > 0 ? INFINITY
                                       : 0;
    judge_groups(&j);
    conclude(&j);
    verdict->whole = j.whole;
    arena_free(&arena);
}

void verdict_pool(const struct problem *problem, struct tally *pool, struct verdict *verdict)
{
    const struct problem view = verdict_view(problem);
    const struct judging j = {.problem = &view,
                              .dtype = (enum dtype)problem->dtype,
                              .attention = problem->op == OP_ATTENTION,
                              .verdict = verdict};
    add_tally(pool, &verdict->whole);
    if (!(pool->size > 0))
        return;
    const double part = used_by_rows(&j, pool);
    if (!(part > verdict->part[SCALE_WHOLE]))
        return;
    verdict->part[SCALE_WHOLE] = part;
    if (!(part > verdict->err_over_tolerance))
        return;
    verdict->err_over_tolerance = part;
    verdict->nearest = SCALE_WHOLE;
    if (verdict->ok && part > 1) {
        verdict->ok = false;
        explain(&j, pool, "the outputs for all inputs so far");
    }
}

/* A weight's exponent errs by what the model gives for its score, so the weight by a factor of up
 * to e to that power; where that is large (all scores of a row near -1e9, where f32 steps by 64)
 * nothing is known of a weight but that it is one. Both are stored in f32 only. */
static double scores_tolerance(const struct problem *problem, double want, double score_error,
                               int64_t keys)
{
    const double u = 0x1p-24, roundings = 8 * u * sqrt((double)keys + 64);
    if (problem->returns == RETURNS_SCORES)
        return LIMIT_SIGMAS * score_error + 4 * u * fabs(want) + FLT_MIN;
    const double exponent = LIMIT_SIGMAS * hypot(score_error, 2.1e-6) + roundings;
    return fmin(want * expm1(exponent), 1) + 4 * FLT_MIN;
}

void verdict_judge_scores(const struct problem *problem, const row_index *rows,
                          const struct expected *expected, const double *want, const float *got,
                          struct verdict *verdict)
{
    const int64_t n = problem->n_kv;
    for (int64_t r = 0; r < expected->rows && verdict->ok; r++)
        for (int64_t j = 0; j < n; j++) {
            const double w = want[r * n + j], g = (double)got[rows[r] * n + j];
            if (w == -INFINITY)
                continue;
            const double tolerance = scores_tolerance(problem, w, expected->score_error[r], n);
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
