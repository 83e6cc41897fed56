#include "measure/pairing.h"

#include "measure/stats.h"
#include "util/arena.h"

#include <math.h>
#include <stdlib.h>

static const double error_rate = 1 - PAIRING_CONFIDENCE;

void pairing_start(struct pairing *pairing, enum pairing_unit unit, double threshold, double *logs)
{
    enum { FIRST_QUADRUPLES = 12, FIRST_SESSIONS = 5 };
    *pairing =
        (struct pairing){.unit = unit,
                         .threshold = threshold,
                         .logs = logs,
                         .next_look = unit == UNIT_SESSION ? FIRST_SESSIONS : FIRST_QUADRUPLES,
                         .ratio = NAN,
                         .high = INFINITY,
                         .verdict = COMPARISON_UNCLEAR};
}

double pairing_log_ratio(const double times_s[4], bool b_first)
{
    for (int i = 0; i < 4; ++i)
        if (!(times_s[i] > 0) || !isfinite(times_s[i]))
            return NAN;
    const double inner = log(times_s[1]) + log(times_s[2]);
    const double outer = log(times_s[0]) + log(times_s[3]);
    return (b_first ? outer - inner : inner - outer) / 2;
}

/* ---- intervals ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest k for which the k-th smallest and the k-th largest of n enclose the median with an
 * error of at most alpha; 0: there is none. Exact up to 1000, then normal, which is near there. */
static int median_rank(int n, double alpha)
{
    if (n > 1000) {
        double z = 0;
        while (erfc(z / sqrt(2)) > alpha)
            z += 0.001;
        return (int)((n - z * sqrt(n)) / 2);
    }
    double term = ldexp(1, -n), tail = term; /* P(B = k), P(B <= k) of binomial(n, 1/2) */
    int k = 0;
    while (2 * tail <= alpha) {
        term *= (double)(n - k) / (k + 1);
        tail += term;
        ++k;
    }
    return k;
}

/* P(|T| > t) of Student's t with a whole number of degrees of freedom (Abramowitz and Stegun
 * 26.7.3 and 26.7.4). */
static double student_outside(double t, int freedom)
{
    const double theta = atan(t / sqrt(freedom)), c = cos(theta), s = sin(theta);
    const double half_pi = 1.57079632679489661923;
    double sum = 0, term = freedom % 2 ? c : 1;
    for (int i = freedom % 2 ? 3 : 2; i <= freedom; i += 2) {
        sum += term;
        term *= c * c * (i - 1) / i;
    }
    const double inside = freedom % 2 ? (theta + s * sum) / half_pi : s * sum;
    return 1 - inside;
}

static double student_limit(double alpha, int freedom)
{
    double low = 0, high = 1;
    while (student_outside(high, freedom) > alpha && high < 1e9)
        high *= 2;
    for (int i = 0; i < 100; ++i) {
        const double middle = (low + high) / 2;
        *(student_outside(middle, freedom) > alpha ? &low : &high) = middle;
    }
    return high;
}

static void look_at_sessions(struct pairing *p, double alpha)
{
    double mean = 0, squares = 0;
    for (int i = 0; i < p->count; ++i)
        mean += p->logs[i] / p->count;
    for (int i = 0; i < p->count; ++i)
        squares += (p->logs[i] - mean) * (p->logs[i] - mean);
    p->block = 1;
    p->ratio = exp(mean);
    if (p->count < 2)
        return;
    const double error = sqrt(squares / (p->count - 1) / p->count);
    const double half = error * student_limit(alpha, p->count - 1);
    p->low = exp(mean - half);
    p->high = exp(mean + half);
}

/* The median of a session, and its standard error from the median absolute deviation, as of a
 * normal. */
static double session_median(const struct pairing *p, int session, double *error)
{
    const int first = p->begins[session];
    const int end = session + 1 < p->sessions ? p->begins[session + 1] : p->count;
    struct stats stats;
    stats_compute(p->logs + first, end - first, &stats);
    *error = end - first >= PAIRING_SESSION_UNITS ? 1.2533 * 1.4826 * stats.mad / sqrt(end - first)
                                                  : INFINITY;
    return stats.median;
}

/* |z| of a normal that is exceeded with probability alpha, from above. */
static double normal_limit(double alpha)
{
    double z = 0;
    while (erfc(z / sqrt(2)) > alpha)
        z += 0.01;
    return z;
}

/* Where sessions disagree, the range becomes that of all sessions. */
static void look_at_agreement(struct pairing *p, double alpha)
{
    const double errors = 3.3,
                 least = 1e-4; /* what a spread of 0 is taken for: clocks have ticks */
    const double middle = log(p->ratio), z = normal_limit(alpha);
    double low = log(p->low), high = log(p->high), error;
    p->disagree = false;
    for (int s = 0; s < p->sessions; ++s) {
        const double median = session_median(p, s, &error);
        p->disagree = p->disagree || fabs(median - middle) > fmax(errors * error, least);
    }
    for (int s = 0; s < p->sessions && p->disagree; ++s) {
        const double median = session_median(p, s, &error);
        if (isfinite(error)) {
            low = fmin(low, median - z * error);
            high = fmax(high, median + z * error);
        }
    }
    p->low = exp(low);
    p->high = exp(high);
}

static void look_at_quadruples(struct pairing *p, double alpha)
{
    struct arena arena = {0};
    int count = 0;
    double *values = arena_array(&arena, (size_t)p->count, sizeof *values);
    p->block = compare_blocks(values, p->logs, p->count, &count);
    qsort(values, (size_t)count, sizeof *values, by_value);
    const int rank = median_rank(count, alpha);
    p->ratio = exp(stats_median(values, count));
    p->low = rank ? exp(values[rank - 1]) : 0;
    p->high = rank ? exp(values[count - rank]) : INFINITY;
    arena_free(&arena);
    if (rank)
        look_at_agreement(p, alpha);
}

/* ---- looks ----------------------------------------------------------------------------------- */

static int session_units(const struct pairing *p)
{
    return p->sessions ? p->count - p->begins[p->sessions - 1] : p->count;
}

static void look(struct pairing *p)
{
    const int k = ++p->looks;
    const double alpha = error_rate / ((double)k * (k + 1));
    const double above = 1 + p->threshold, below = 1 / above;
    if (p->unit == UNIT_SESSION)
        look_at_sessions(p, alpha);
    else
        look_at_quadruples(p, alpha);
    p->verdict = p->low > above                        ? COMPARISON_SLOWER
                 : p->high < below                     ? COMPARISON_FASTER
                 : p->low >= below && p->high <= above ? COMPARISON_SAME
                                                       : COMPARISON_UNCLEAR;
    if (p->count >= p->next_look)
        p->next_look = p->count + (p->count + 1) / 2;
    const bool enough = p->unit == UNIT_SESSION || (p->sessions >= PAIRING_SESSIONS &&
                                                    session_units(p) >= PAIRING_SESSION_UNITS);
    p->done = (enough && p->verdict != COMPARISON_UNCLEAR) || p->count == PAIRING_UNITS_MAX;
}

void pairing_session(struct pairing *pairing)
{
    if (pairing->sessions && pairing->begins[pairing->sessions - 1] == pairing->count)
        return; /* the one before had no unit */
    if (pairing->sessions < PAIRING_SESSIONS_MAX)
        pairing->begins[pairing->sessions++] = pairing->count;
}

bool pairing_add(struct pairing *pairing, double log_ratio)
{
    if (pairing->done || isnan(log_ratio))
        return pairing->done;
    pairing->logs[pairing->count++] = log_ratio;
    const bool session_counts = pairing->unit == UNIT_QUADRUPLE && pairing->sessions > 1 &&
                                session_units(pairing) == PAIRING_SESSION_UNITS;
    if (pairing->count == pairing->next_look || pairing->count == PAIRING_UNITS_MAX ||
        session_counts)
        look(pairing);
    return pairing->done;
}

bool pairing_wants_session(const struct pairing *pairing)
{
    return pairing->verdict != COMPARISON_UNCLEAR &&
           session_units(pairing) >= PAIRING_SESSION_UNITS;
}

void pairing_end(struct pairing *pairing)
{
    if (!pairing->done && pairing->count)
        look(pairing);
    if (pairing->unit == UNIT_QUADRUPLE && pairing->sessions < PAIRING_SESSIONS)
        pairing->verdict = COMPARISON_UNCLEAR;
    pairing->done = true;
}

struct pairing_mean pairing_mean(const struct pairing *const *pairings, int count)
{
    struct pairing_mean mean = {.ratio = NAN, .high = INFINITY};
    double sum = 0, squares = 0;
    for (int i = 0; i < count; ++i) {
        const struct pairing *p = pairings[i];
        if (!isfinite(p->ratio))
            continue;
        const double half = p->low > 0 && isfinite(p->high)
                                ? fmax(log(p->high / p->ratio), log(p->ratio / p->low))
                                : INFINITY;
        ++mean.count;
        sum += log(p->ratio);
        squares += half * half;
    }
    if (!mean.count)
        return mean;
    const double half = sqrt(squares) / mean.count;
    mean.ratio = exp(sum / mean.count);
    mean.low = isfinite(half) ? mean.ratio * exp(-half) : 0;
    mean.high = isfinite(half) ? mean.ratio * exp(half) : INFINITY;
    return mean;
}
