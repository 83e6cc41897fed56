#include "measure/modes.h"

#include "measure/stats.h"
#include "util/arena.h"

#include <math.h>
#include <stdlib.h>

static const double least_gap = 0.11; /* of logarithms: over 10 % of the later one */
enum { STRAY_ONE_IN = 25, MODE_ONE_IN = 5 };

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int mode_least(int count)
{
    const int part = (count + MODE_ONE_IN - 1) / MODE_ONE_IN;
    const int least = count < 13 ? 3 : 4;
    return part > least ? part : least;
}

static double quantile(const double *sorted, int count, double p)
{
    const double position = p * (count - 1);
    const int below = (int)position;
    if (below >= count - 1)
        return sorted[count - 1];
    return sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
}

/* In standard deviations of a normal; what lies outside the quantiles, outliers say, has no part.
 */
static double spread(const double *sorted, int count)
{
    return (quantile(sorted, count, 0.85) - quantile(sorted, count, 0.15)) / 2.07;
}

/* A cut: [0, low) is the faster mode, [high, count) the slower; what is between strays. */
struct cut {
    int low, high;
    double score; /* the gap over the wider spread */
};

static struct cut best_cut(const double *logs, int count)
{
    const int least = mode_least(count), strays = count / STRAY_ONE_IN;
    struct cut best = {0};
    for (int low = least; low <= count - least; ++low)
        for (int high = low; high <= low + strays && high <= count - least; ++high) {
            const double gap = logs[high] - logs[low - 1];
            const double wider = fmax(spread(logs, low), spread(logs + high, count - high));
            const double score = wider > 0 ? gap / wider : INFINITY;
            /* A cut that leaves nothing out is preferred to one that does as well. */
            if (gap > least_gap && score > best.score)
                best = (struct cut){low, high, score};
        }
    return best;
}

/* A stray belongs to the nearer side of the gap. */
static int count_slow(const double *logs, int count, const struct cut *cut)
{
    const double middle = (logs[cut->low - 1] + logs[cut->high]) / 2;
    int slow = 0;
    for (int i = 0; i < count; ++i)
        slow += logs[i] > middle;
    return slow;
}

void modes_find(const double *samples_s, int count, struct modes *modes)
{
    enum { LEAST = 6 };
    struct arena arena = {0};
    *modes = (struct modes){.share = NAN, .fast_s = NAN, .slow_s = NAN};
    if (count < LEAST)
        return;
    double *logs = arena_array(&arena, (size_t)count, sizeof *logs);
    bool positive = true;
    for (int i = 0; i < count; ++i) {
        positive = positive && samples_s[i] > 0 && isfinite(samples_s[i]);
        logs[i] = positive ? log(samples_s[i]) : 0;
    }
    qsort(logs, (size_t)count, sizeof *logs, by_value);
    const struct cut cut = positive ? best_cut(logs, count) : (struct cut){0};
    if (cut.low && cut.score > 1 + 52.0 / count) {
        modes->two = true;
        modes->share = (double)count_slow(logs, count, &cut) / count;
        modes->fast_s = exp(stats_median(logs, cut.low));
        modes->slow_s = exp(stats_median(logs + cut.high, count - cut.high));
    }
    arena_free(&arena);
}
