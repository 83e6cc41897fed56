#include "measure/crossing.h"

#include <math.h>

struct ahead {
    const struct power_term *terms;
    int term_count;
    struct power_term second;
};

/* How far the first curve is above the second at e^distance times the last n. */
static double lead_at(const struct ahead *ahead, double distance)
{
    double first = 0;
    for (int i = 0; i < ahead->term_count; ++i)
        if (ahead->terms[i].value > 0 || isnan(ahead->terms[i].value)) /* 0 has no exponent */
            first += ahead->terms[i].value * exp(ahead->terms[i].exponent * distance);
    return log(first / ahead->second.value) - ahead->second.exponent * distance;
}

/* By bisection: the curves cross once, as the second has one term and lies above at the start. */
static struct crossing look_ahead(const struct ahead *ahead, double last_n)
{
    double near = 0, far = log(CROSSING_FURTHEST);
    if (!(lead_at(ahead, far) > 0))
        return (struct crossing){CROSSING_NONE, NAN};
    for (int i = 0; i < 60; ++i) {
        const double middle = (near + far) / 2;
        if (lead_at(ahead, middle) > 0)
            far = middle;
        else
            near = middle;
    }
    return (struct crossing){CROSSING_BEYOND, last_n * exp(near)};
}

struct crossing crossing_find(const double *n, const double *first, const double *second,
                              int points, const struct power_term *terms, int term_count,
                              double second_exponent)
{
    int below = points - 1; /* the last point at which the first is not above */
    while (below >= 0 && first[below] > second[below])
        --below;
    if (points < 1)
        return (struct crossing){CROSSING_NONE, NAN};
    if (below < 0)
        return (struct crossing){CROSSING_BEFORE, NAN};
    if (below + 1 < points) {
        const double gap = log(second[below] / first[below]),
                     after = log(first[below + 1] / second[below + 1]);
        return (struct crossing){CROSSING_WITHIN,
                                 n[below] * pow(n[below + 1] / n[below], gap / (gap + after))};
    }
    const struct ahead ahead = {terms, term_count, {second[below], second_exponent}};
    return look_ahead(&ahead, n[below]);
}
