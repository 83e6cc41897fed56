#include "measure/stats.h"

#include "util/arena.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted_copy(const double *samples, int count, struct arena *arena)
{
    double *sorted = arena_array(arena, (size_t)count, sizeof *sorted);
    memcpy(sorted, samples, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return sorted;
}

static double sorted_quantile(const double *sorted, int count, double p)
{
    const double position = p * (count - 1);
    const int below = (int)position;
    if (below >= count - 1)
        return sorted[count - 1];
    return sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
}

double stats_quantile(const double *samples, int count, double p)
{
    assert(p >= 0 && p <= 1);
    if (count <= 0)
        return NAN;
    struct arena arena = {0};
    const double quantile = sorted_quantile(sorted_copy(samples, count, &arena), count, p);
    arena_free(&arena);
    return quantile;
}

double stats_median(const double *samples, int count)
{
    return stats_quantile(samples, count, 0.5);
}

/* The largest k for which the k-th smallest and k-th largest of n samples enclose the median with
 * at least 95 %; 0 if there is none. They miss it when fewer than k samples lie on one side, and
 * the number on a side is binomial(n, 1/2): 2 P(B <= k - 1) <= 0.05. Exact up to 1000, where 2^-n
 * is still a normal double; above, the normal approximation, rounded to the safe side. */
static int median_ci_rank(int n)
{
    if (n > 1000)
        return (int)((n - 1.96 * sqrt(n)) / 2);
    double term = ldexp(1, -n), tail = term; /* P(B = k), P(B <= k) */
    int k = 0;
    while (2 * tail <= 0.05) {
        term *= (double)(n - k) / (k + 1);
        tail += term;
        k++;
    }
    return k;
}

void stats_compute(const double *samples, int count, struct stats *stats)
{
    *stats = (struct stats){.median = NAN,
                            .min = NAN,
                            .p10 = NAN,
                            .p90 = NAN,
                            .max = NAN,
                            .mad = NAN,
                            .ci95_low = NAN,
                            .ci95_high = NAN,
                            .rel_ci = NAN,
                            .drift = NAN};
    if (count <= 0)
        return;
    struct arena arena = {0};
    const double *sorted = sorted_copy(samples, count, &arena);
    stats->count = count;
    stats->median = sorted_quantile(sorted, count, 0.5);
    stats->min = sorted[0];
    stats->p10 = sorted_quantile(sorted, count, 0.1);
    stats->p90 = sorted_quantile(sorted, count, 0.9);
    stats->max = sorted[count - 1];

    const int rank = median_ci_rank(count);
    stats->ci95_low = rank ? sorted[rank - 1] : -INFINITY;
    stats->ci95_high = rank ? sorted[count - rank] : INFINITY;
    const double width = stats->ci95_high - stats->ci95_low;
    stats->rel_ci = width > 0 ? width / (2 * stats->median) : 0;

    double *deviations = arena_array(&arena, (size_t)count, sizeof *deviations);
    for (int i = 0; i < count; i++)
        deviations[i] = fabs(sorted[i] - stats->median);
    stats->mad = stats_median(deviations, count);
    for (int i = 0; i < count; i++)
        stats->outliers += deviations[i] > 5 * 1.4826 * stats->mad;
    const int third = count / 3;
    if (third >= 3)
        stats->drift = stats_median(samples + count - third, third) / stats_median(samples, third);
    arena_free(&arena);
}
