#include "verify/error_model.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static const double U = 0x1p-24;

static const double units[] = {[DTYPE_F32] = 0x1p-24, [DTYPE_F16] = 0x1p-11, [DTYPE_BF16] = 0x1p-8};

int expected_alloc(struct expected *expected, int64_t rows, int64_t columns)
{
    const size_t count = (size_t)rows + 1, values = count * (size_t)columns;
    *expected = (struct expected){.rows = rows, .columns = columns};
    expected->want = malloc(values * sizeof(double));
    expected->variance = malloc(values * sizeof(double));
    expected->coarse = malloc(values * sizeof(double));
    expected->score_error = calloc(count, sizeof(double));
    expected->models = calloc(count, sizeof *expected->models);
    if (expected->want && expected->variance && expected->coarse && expected->score_error &&
        expected->models)
        return 0;
    expected_free(expected);
    return -1;
}

void expected_free(struct expected *expected)
{
    free(expected->want);
    free(expected->variance);
    free(expected->coarse);
    free(expected->score_error);
    free(expected->models);
    *expected = (struct expected){0};
}

double error_of_score(const struct problem *problem, double energy, double dot, double score,
                      double bias)
{
    const double half = (double)problem->d_k / 2, cap = problem->softcap;
    const double slope = cap > 0 ? 1 - score * score / (cap * cap) : 1;
    const double roundings = cap > 0 ? 68 : 4;
    const double squares =
        slope * slope * half * (energy + dot * dot) + roundings * score * score + 2 * bias * bias;
    return U * U / 3 * squares;
}

/* A polynomial's relative error; see the header. */
static double exp_error(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? 4e-6 : 6e-5;
}

/* A row whose scores alone would take it over a quarter of the limit on the NMSE tells nothing: its
 * weights are not known to f32. */
static bool is_known(enum dtype dtype, double scores_energy, double size)
{
    return scores_energy <= limit_nmse(dtype) / 4 * size;
}

void error_of_row(const struct problem *problem, const struct row_sums *row,
                  const struct column_sums *columns, int64_t count, double *variance,
                  double *coarse, struct row_model *model)
{
    const enum dtype dtype = (enum dtype)problem->dtype;
    const double sink = fmax(1 - row->total, 0), c = row->c + sink * sink;
    const double exponent = exp_error(dtype);
    const double relative = row->score_error + exponent * exponent;
    const double stored = dtype == DTYPE_F32 ? 0 : units[dtype] * units[dtype] / 3;
    const double chain = U * U / 3;
    double scores_energy = 0, size = 0, heaviest = 0;
    for (int64_t i = 0; i < count; i++) {
        const double o = columns[i].o, o2 = o * o, a = columns[i].a;
        const double d = fmax(a - 2 * o * columns[i].b + c * o2, 0);
        variance[i] =
            relative * d + stored * (a + c * o2) + chain * (row->links * (a / 2 + o2) + 16 * o2);
        coarse[i] = (2 * row->energy * d + 2 * a + c * o2) / 3;
        scores_energy += row->score_error * d;
        size += o2 + a;
        heaviest = fmax(heaviest, a);
    }
    model->freedom = row->c > 0 ? fmax(row->total * row->total / row->c, 1) : 1;
    model->coherent = chain * (row->links + 16) + stored * c + row->score_error * sink * sink;
    model->size = size;
    /* a flushed weight takes its value with it; A / C is the size of those */
    const double value = row->c > 0 ? sqrt(heaviest / row->c) : 0;
    model->floor = error_floor(dtype, row->keys * (1 + value));
    /* scores off by so much may change places, which no slope tells */
    const bool blurred = row->score_error > 0.01 && (row->keys > 1 || sink > 1e-9);
    model->judged = !blurred && is_known(dtype, scores_energy, size);
}

double error_of_storage(enum dtype dtype, double value)
{
    int exponent = 0;
    const double fraction = frexp(fabs(value), &exponent);
    const double least = dtype == DTYPE_F16 ? 0x1p-25 : 0;
    return fraction > 0 ? fmax(ldexp(units[dtype], exponent - 1), least) : least;
}

bool error_is_subnormal(enum dtype dtype, double value)
{
    return fabs(value) < (dtype == DTYPE_F16 ? 0x1p-14 : (double)FLT_MIN);
}

double error_floor(enum dtype dtype, double times)
{
    return dtype == DTYPE_F16 ? 0x1p-25 : FLT_MIN * (1 + times);
}

double limit_energy(double freedom)
{
    const double safety = 4, x = 27.6, m = fmax(freedom, 1);
    return safety * (1 + 2 * sqrt(x / m) + 2 * x / m);
}

void error_row_scatter(enum dtype dtype, const double *want, const double *variance,
                       int64_t columns, const struct row_model *model, struct scatter *scatter)
{
    double rest = 0, size = 0;
    for (int64_t c = 0; c < columns; c++) {
        const double half = error_of_storage(dtype, want[c]), rounding = half * half / 3;
        scatter->energy += rounding + variance[c];
        scatter->squares += rounding * rounding;
        rest += variance[c];
        size += want[c] * want[c];
    }
    rest += (double)columns * model->floor * model->floor;
    scatter->energy += (double)columns * model->floor * model->floor;
    const double shared = model->coherent * size;
    scatter->squares += rest * rest / fmin((double)columns, model->freedom) + shared * shared;
}

double scatter_limit(const struct scatter *scatter)
{
    if (!(scatter->squares > 0))
        return limit_energy(1) * scatter->energy;
    return scatter->energy * limit_energy(scatter->energy * scatter->energy / scatter->squares);
}

double error_row_limit(enum dtype dtype, const double *want, const double *variance,
                       int64_t columns, const struct row_model *model)
{
    struct scatter scatter = {0};
    error_row_scatter(dtype, want, variance, columns, model, &scatter);
    return scatter_limit(&scatter);
}

double limit_slope(enum dtype dtype, double standard_deviation, double keys)
{
    return LIMIT_SIGMAS * (standard_deviation + U * sqrt(keys / 3)) + 2 * units[dtype] + 32 * U;
}

double limit_nmse(enum dtype dtype)
{
    static const double limits[] = {[DTYPE_F32] = 1e-5, [DTYPE_F16] = 1e-5, [DTYPE_BF16] = 1e-4};
    return limits[dtype];
}
