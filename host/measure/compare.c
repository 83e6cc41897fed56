#include "measure/compare.h"

#include "measure/stats.h"
#include "util/arena.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS_MIN = 10 }; /* fewer would tell nothing at 99 % */

const char *comparison_verdict_name(enum comparison_verdict verdict)
{
    static const char *const names[] = {"same", "faster", "slower", "unclear"};
    return names[verdict];
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* How much nearer neighbours are to each other than chance would have it, in standard deviations:
 * von Neumann's ratio on ranks (Bartels 1982), which no outlier moves far. */
static double neighbours_alike(const double *samples, int count)
{
    double squares = 0, steps = 0, last = 0;
    for (int i = 0; i < count; ++i) {
        double rank = 0; /* from the middle; ties share one */
        for (int k = 0; k < count; ++k)
            rank += (samples[k] < samples[i]) - (samples[k] > samples[i]);
        squares += rank * rank;
        steps += i ? (rank - last) * (rank - last) : 0;
        last = rank;
    }
    return squares > 0 ? (2 - steps / squares) / (2 / sqrt(count)) : 0;
}

int compare_blocks(double *values, const double *samples, int count, int *blocks)
{
    int block = 1;
    memcpy(values, samples, (size_t)count * sizeof *values);
    *blocks = count;
    while (*blocks >= 2 * BLOCKS_MIN && neighbours_alike(values, *blocks) > 2) {
        block *= 2;
        *blocks = count / block;
        for (int i = 0; i < *blocks; ++i) /* the first few are left out: the least warm */
            values[i] = stats_median(samples + count - (*blocks - i) * block, block);
    }
    return block;
}

/* ---- Mann and Whitney's U, when nothing differs ---------------------------------------------- */

/* Of all ways to order m and n samples, the part in which U <= u, for each u up to m n / 2. The
 * numbers of ways are the coefficients of the Gaussian binomial; exact while they fit a double. */
static void exact_distribution(int m, int n, double *below, int limit)
{
    memset(below, 0, (size_t)(limit + 1) * sizeof *below);
    below[0] = 1;
    for (int i = 1; i <= m; ++i) {
        for (int u = limit; u >= n + i; --u)
            below[u] -= below[u - n - i];
        for (int u = i; u <= limit; ++u)
            below[u] += below[u - i];
    }
    double ways = 1;
    for (int i = 1; i <= m; ++i)
        ways *= (double)(n + i) / i;
    for (int u = 0; u <= limit; ++u)
        below[u] = below[u] / ways + (u ? below[u - 1] : 0);
}

static bool is_exact(int m, int n)
{
    double ways = 1;
    for (int i = 1; i <= m && ways < 0x1p53; ++i)
        ways *= (double)(n + i) / i;
    return ways < 0x1p53;
}

/* P(U <= u), for u below the middle. */
static double probability_below(int m, int n, int u, const double *exact)
{
    if (exact)
        return exact[u];
    const double middle = (double)m * n / 2, spread = sqrt((double)m * n * (m + n + 1) / 12);
    return erfc((middle - u - 0.5) / spread / sqrt(2)) / 2;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The ratios are sorted. */
static void judge_ratios(const double *ratios, int m, int n, struct arena *arena,
                         struct comparison *c)
{
    const int count = m * n, limit = count / 2;
    int slower = 0, equal = 0;
    double *exact = NULL;
    if (is_exact(m, n)) {
        exact = arena_array(arena, (size_t)limit + 1, sizeof *exact);
        exact_distribution(m, n, exact, limit);
    }
    for (int i = 0; i < count; ++i) {
        slower += ratios[i] > 1;
        equal += ratios[i] >= 1 && ratios[i] <= 1;
    }
    /* Half of the ties on each side; rounded towards the middle, so that p is not too small. */
    const int above = slower + equal / 2, u = above < count - above ? above : count - above;
    c->p_value = fmin(1, 2 * probability_below(m, n, u + (equal % 2 && u < limit), exact));
    c->ratio = stats_median(ratios, count);
    int rank = 0; /* ratios beyond it on each side are those that the test rejects */
    while (rank < limit && 2 * probability_below(m, n, rank, exact) <= 0.01)
        ++rank;
    c->ratio_low = rank ? ratios[rank - 1] : 0;
    c->ratio_high = rank ? ratios[count - rank] : INFINITY;
}

void comparison_decide(struct comparison *c, double threshold)
{
    const double above = 1 + threshold, below = 1 / above;
    c->verdict = COMPARISON_UNCLEAR;
    if (c->ratio_low > 1 && c->ratio > above)
        c->verdict = COMPARISON_SLOWER;
    else if (c->ratio_high < 1 && c->ratio < below)
        c->verdict = COMPARISON_FASTER;
    else if (c->ratio_low >= below && c->ratio_high <= above)
        c->verdict = COMPARISON_SAME;
}

void compare_samples(const double *base, int base_count, const double *new_samples, int new_count,
                     double threshold, struct comparison *comparison)
{
    struct arena arena = {0};
    int m = 0, n = 0;
    *comparison = (struct comparison){.verdict = COMPARISON_UNCLEAR,
                                      .ratio = NAN,
                                      .ratio_high = INFINITY,
                                      .p_value = 1,
                                      .base_block = 1,
                                      .new_block = 1};
    assert(base_count <= SAMPLES_COMPARED_MAX && new_count <= SAMPLES_COMPARED_MAX);
    if (base_count < 1 || new_count < 1)
        return;
    double *a = arena_array(&arena, (size_t)base_count, sizeof *a);
    double *b = arena_array(&arena, (size_t)new_count, sizeof *b);
    comparison->base_block = compare_blocks(a, base, base_count, &m);
    comparison->new_block = compare_blocks(b, new_samples, new_count, &n);
    double *ratios = arena_array(&arena, (size_t)m * (size_t)n, sizeof *ratios);
    for (int i = 0; i < m; ++i)
        for (int k = 0; k < n; ++k)
            ratios[i * n + k] = b[k] / a[i];
    qsort(ratios, (size_t)m * (size_t)n, sizeof *ratios, by_value);
    judge_ratios(ratios, m, n, &arena, comparison);
    arena_free(&arena);
    comparison_decide(comparison, threshold);
}
